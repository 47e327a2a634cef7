/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dvk_vcopy. Between the caller and a process of the same node that is blocked on it, the caller
 * copies by itself, in one system call. Everything else the daemon does: copies to and from other
 * nodes, between two others, with parties whose state is not to be seen from here, and where the
 * kernel does not let us.
 *
 *	copier                               daemon, about to stop the other party for a move
 *	copy_busy := 1                       copy_pid := 0
 *	fence                                fence
 *	read copy_pid; 0: ask the daemon     copy_busy: wait
 *
 * That the copier itself is not moved between reading the pid and using it is seen to by
 * control_stay() around both.
 */

#include <errno.h>

#include "dvk.h"
#include "libdvk/control.h"
#include "libdvk/post.h"
#include "os/thread.h"

struct copy {
	int src_ep, dst_ep;
	void *src_addr, *dst_addr;
	int bytes;
};

/* Blocked on us: it waits for our answer, or for us to take its request. */
static bool is_blocked(const struct channel *channel)
{
	uint64_t word = line_word_now(channel_peer(channel));

	if (line_word_state(word) == LINE_TAKEN)
		return channel->owes && line_word_seq(word) == channel->request;
	return line_word_is_request(word);
}

/* By pid. 0 or an error; EDVSAGAIN: not this way. */
static int copy_by_pid(struct binding *binding, struct channel *channel, const struct copy *copy)
{
	int side = 1 - channel->own_side;
	bool into = copy->src_ep != binding->p_nr;
	void *here = into ? copy->dst_addr : copy->src_addr;
	uint64_t there = (uint64_t)(uintptr_t)(into ? copy->src_addr : copy->dst_addr);
	_Atomic uint32_t *busy = &channel->page->copy_busy[side];
	int pid, r = EDVSAGAIN;

	binding_entered_assert(binding);
	DVK_ASSERT(copy->src_ep == binding->p_nr || copy->dst_ep == binding->p_nr);
	DVK_ASSERT(copy->bytes >= 0 && copy->bytes <= MAXCOPYLEN);
	control_stay(binding);
	atomic_store(busy, 1);
	atomic_thread_fence(memory_order_seq_cst);
	pid = atomic_load(&channel->page->copy_pid[side]);
	if (pid > 0) {
		r = os_process_copy(pid, here, there, (size_t)copy->bytes, into);
		if (r)
			r = r == -EFAULT ? EDVSFAULT : EDVSAGAIN;
	}
	atomic_store_explicit(busy, 0, memory_order_release);
	control_leave(binding);
	return r;
}

static int copy_by_daemon(struct binding *binding, const struct copy *copy)
{
	struct control control = control_request(CTL_VCOPY);

	DVK_ASSERT(copy->bytes >= 0 && copy->bytes <= MAXCOPYLEN);
	control.request.dcid = binding->dcid;
	control.request.endpoint = copy->src_ep;
	control.request.pid = copy->dst_ep;
	control.request.addr[0] = (uint64_t)(uintptr_t)copy->src_addr;
	control.request.addr[1] = (uint64_t)(uintptr_t)copy->dst_addr;
	control.request.bytes = copy->bytes;
	return control_call(&control);
}

/*
 * The channel with the other party, if the caller is one and has it open; else NULL, and the daemon
 * sees to it all. That we may talk to the other is asked once, as for a message.
 */
static int channel_with(struct binding *binding, const struct copy *copy, struct channel **channelp)
{
	int other = copy->src_ep == binding->p_nr ? copy->dst_ep : copy->src_ep;
	struct channel *channel;

	binding_entered_assert(binding);
	*channelp = NULL;
	if (copy->src_ep != binding->p_nr && copy->dst_ep != binding->p_nr)
		return 0;
	channel = binding_channel(binding, _ENDPOINT_P(other));
	/* With one who died and was owed an answer, the data were for that life. */
	if (channel_is_lost(binding, other))
		return EDVSDSTDIED;
	if (!channel->page)
		return 0;
	return channel_get(binding, other, CHANNEL_SEND, channelp);
}

static int party_check(int endpoint)
{
	int p_nr = _ENDPOINT_P(endpoint);

	if (p_nr == HARDWARE)
		return EDVSBADDEST;
	return channel_check_number(endpoint);
}

/* In the contract's order. */
static int copy_check(const struct binding *binding, const struct copy *copy)
{
	int r;

	if (copy->src_ep == copy->dst_ep || copy->src_ep == ANY || copy->src_ep == NONE ||
	    copy->dst_ep == ANY || copy->dst_ep == NONE)
		return EDVSENDPOINT;
	if (!binding_allows(binding, DVK_VCOPY))
		return EDVSBADCALL;
	r = party_check(copy->src_ep);
	if (!r)
		r = party_check(copy->dst_ep);
	if (!r && !atomic_load_explicit(&binding->status->sysproc, memory_order_relaxed))
		r = EDVSTRAPDENIED;
	return r;
}

static void count(struct binding *binding, const struct copy *copy, const struct channel *channel)
{
	struct status_page *status = binding->status;
	bool local = channel && atomic_load(&channel->page->node[1 - channel->own_side]) ==
					atomic_load(&status->nodeid);

	if (copy->src_ep == binding->p_nr)
		atomic_fetch_add(local ? &status->lclcopy : &status->rmtcopy, 1);
}

static int vcopy_entered(struct binding *binding, struct copy *copy)
{
	struct channel *channel;
	int r;

	binding_entered_assert(binding);
	if (copy->src_ep == SELF)
		copy->src_ep = binding->p_nr;
	else if (copy->dst_ep == SELF)
		copy->dst_ep = binding->p_nr;
	r = copy_check(binding, copy);
	if (r)
		return r;
	r = channel_with(binding, copy, &channel);
	if (r)
		return r == EDVSDSTDIED && copy->dst_ep == binding->p_nr ? EDVSSRCDIED : r;
	binding_show(binding, ONCOPY, NONE, NONE);
	r = channel && is_blocked(channel) ? copy_by_pid(binding, channel, copy) : EDVSAGAIN;
	if (r == EDVSAGAIN)
		r = copy_by_daemon(binding, copy);
	if (!r)
		count(binding, copy, channel);
	return r;
}

long dvk_vcopy(int src_ep, void *src_addr, int dst_ep, void *dst_addr, int bytes)
{
	struct copy copy = { src_ep, dst_ep, src_addr, dst_addr, bytes };
	struct binding *binding;
	int r;

	if (bytes < 0 || bytes > MAXCOPYLEN)
		return EDVSRANGE;
	r = binding_enter(&binding, -1);
	return r ? r : binding_leave(binding, vcopy_entered(binding, &copy));
}
