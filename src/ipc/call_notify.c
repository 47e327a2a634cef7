/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dvk_notify and its kin. A notification is a count in the channel and never waits: several to one
 * receiver merge, also across nodes. Those in the name of the hardware go through the daemon, because
 * whoever sends them need not be bound.
 */

#include "dvk.h"
#include "ipc/control.h"
#include "ipc/post.h"

#define UPDATE_BITS 64

/* Whether a slot is one of the DC's system processes. */
static int is_system(struct binding *binding, int p_nr, bool *system)
{
	if (!binding->system_slots) {
		struct control control = control_request(CTL_DCINFO);
		dc_usr_t dc;
		int r;

		control.request.dcid = binding->dcid;
		control.answer = &dc;
		control.answer_bytes = sizeof(dc);
		r = control_call(&control);
		if (r)
			return r;
		binding->system_slots = dc.dc_nr_sysprocs - dc.dc_nr_tasks;
	}
	*system = p_nr < binding->system_slots;
	return 0;
}

static void note_post(struct notify_word *note, int nr, int value)
{
	uint64_t posted = atomic_load_explicit(&note->posted, memory_order_relaxed);
	uint64_t bit = value >= 0 && value < UPDATE_BITS ? UINT64_C(1) << value : 0;

	/*
	 * Acquire: the receiver has read the bits of what it has taken. If it takes while we add, the
	 * bits it has read come once more with this one, which an update bit allows.
	 */
	if (atomic_load_explicit(&note->taken, memory_order_acquire) == posted)
		atomic_store_explicit(&note->bits, bit, memory_order_relaxed);
	else
		atomic_fetch_or_explicit(&note->bits, bit, memory_order_relaxed);
	atomic_store_explicit(&note->nr, nr, memory_order_relaxed);
	/* Release: nr and bits before; partner: the receiver's acquire of posted. */
	atomic_store_explicit(&note->posted, posted + 1, memory_order_release);
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
	note_post(&channel->page->notify[channel->own_side], nr == SELF ? binding->p_nr : nr,
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
