/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dvk_notify and its kin. A notification is a count in the channel and never waits: several to one
 * receiver merge, also across nodes. Those in the name of the hardware go through the daemon, because their
 * sender need not be bound.
 */

#include "core/notify.h"
#include "dvk.h"
#include "libdvk/control.h"
#include "libdvk/post.h"

/* Whether a slot is one of the DC's system processes. */
static int is_system(struct binding *binding, int p_nr, bool *system)
{
	if (atomic_load_explicit(&binding->status->serve, memory_order_relaxed)) {
		*system = true;
		return 0;
	}
	if (!binding->system_slots) {
		dc_usr_t dc;
		int r = (int)dvk_getdcinfo(binding->dcid, &dc);

		if (r)
			return r;
		binding->system_slots = dc.dc_nr_sysprocs - dc.dc_nr_tasks;
	}
	*system = p_nr < binding->system_slots;
	return 0;
}

static int notify_entered(struct binding *binding, int nr, int dst_ep, int value)
{
	struct channel *channel;
	bool system;
	int r = post_destination(binding, dst_ep, EDVSENDPOINT);

	if (!r)
		r = is_system(binding, _ENDPOINT_P(dst_ep), &system);
	if (!r && !system)
		r = EDVSTRAPDENIED;
	if (!r)
		r = channel_get(binding, dst_ep, CHANNEL_SEND, &channel);
	if (r)
		return r;
	notify_post(&channel->page->notify[channel->own_side], nr == SELF ? binding->p_nr : nr,
		    value);
	channel_ring(binding, channel);
	channel_count(binding, channel);
	return 0;
}

static long notify_hardware(int dcid, int dst_ep)
{
	struct control control = control_request(CTL_NOTIFY);

	control.request.dcid = dcid;
	control.request.endpoint = dst_ep;
	control.request.cmd = HARDWARE;
	return control_call(&control);
}

long dvk_notify_X(int nr, int dst_ep, int value)
{
	struct binding *binding;
	int r;

	if (nr == HARDWARE)
		return notify_hardware(value, dst_ep);
	r = binding_enter(&binding, DVK_NOTIFY);
	return r ? r : binding_leave(binding, notify_entered(binding, nr, dst_ep, value));
}

long dvk_wakeup(int dcid, int ep)
{
	struct control control = control_request(CTL_WAKEUP);

	control.request.dcid = dcid;
	control.request.endpoint = ep;
	return control_call(&control);
}

long dvk_relay(int ep, message *m)
{
	(void)ep;
	(void)m;
	return OK;
}
