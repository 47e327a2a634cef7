/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dvk_vcopy. Between the caller and a process of the same node that is blocked on it, the caller
 * copies by itself, in one system call. Everything else the daemon does: copies to and from other
 * nodes, between two others, with parties whose state is not to be seen from here, and where the
 * kernel does not let us. It is asked in the status page (struct copy_ask), which wakes fewer threads than a
 * connection would.
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
#include "libdvk/look.h"
#include "libdvk/post.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/socket.h"
#include "os/thread.h"

/* Between two looks whether the daemon is there; later ones are rarer. */
#define ASK_NAP_NS   (20 * OS_MS_NS)
/* Signals are blocked meanwhile: even a daemon that hangs must not hold a process for ever. */
#define ASK_LIMIT_NS (60 * OS_SECOND_NS)

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

/* The number in the page, and what it is about. */
static uint32_t ask_post(struct binding *binding, const struct copy *copy)
{
	struct copy_ask *ask = &binding->status->copy;
	uint32_t number = atomic_load_explicit(&ask->number, memory_order_relaxed) + 1;

	DVK_ASSERT(copy->bytes >= 0 || copy->bytes == SHM_COPY_NONE);
	atomic_store_explicit(&ask->slot[0], copy->src_ep, memory_order_relaxed);
	atomic_store_explicit(&ask->slot[1], copy->dst_ep, memory_order_relaxed);
	atomic_store_explicit(&ask->addr[0], (uint64_t)(uintptr_t)copy->src_addr,
			      memory_order_relaxed);
	atomic_store_explicit(&ask->addr[1], (uint64_t)(uintptr_t)copy->dst_addr,
			      memory_order_relaxed);
	atomic_store_explicit(&ask->bytes, copy->bytes, memory_order_relaxed);
	/* Release: partner in copy_on_ring() of the daemon. */
	atomic_store_explicit(&ask->number, number, memory_order_release);
	channel_ring_daemon(binding);
	return number;
}

static bool ask_is_over(struct binding *binding, uint32_t number, int *code)
{
	/* Acquire: the copied bytes were written before. */
	uint64_t answer = atomic_load_explicit(&binding->status->copy.answer, memory_order_acquire);

	if (shm_copy_answered(answer) != number)
		return false;
	*code = shm_copy_code(answer);
	return true;
}

/* The daemon that copies may need this CPU: it is let go first all the time. */
static bool ask_look(struct binding *binding, uint32_t number, int *code)
{
	int64_t begin = os_now_ns(), now = begin;

	DVK_ASSERT(binding->copying.ns > 0);
	while (now - begin < binding->copying.ns) {
		os_thread_yield();
		if (ask_is_over(binding, number, code))
			return true;
		now = os_now_ns();
	}
	return false;
}

/* Sleeps on the own bell as in wait.c. -ETIMEDOUT: nobody rang. */
static int ask_sleep(struct binding *binding, uint32_t number, int64_t until_ns)
{
	struct bell_page *bell = binding->bell;
	uint32_t seq = atomic_load_explicit(&bell->seq, memory_order_acquire);
	int code, r = 0;

	binding_entered_assert(binding);
	atomic_store_explicit(&bell->sleeping, 1, memory_order_relaxed);
	/* Partner: the daemon stores the answer, counts the bell, then looks at `sleeping`. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!ask_is_over(binding, number, &code)) {
		look_give_cpu(binding, os_now_ns());
		r = os_futex_wait(&bell->seq, seq, until_ns);
		look_got_cpu(binding, os_now_ns());
	}
	atomic_store_explicit(&bell->sleeping, 0, memory_order_relaxed);
	return r;
}

/* Another daemon than the one that was asked does not know us; none is there at all: EDVSDVSINIT. */
static int ask_whether_there(const struct binding *binding)
{
	struct control control = control_request(CTL_HELLO);
	bool known;
	int r;

	if (binding == binding_held(true))
		control.request.tid = 0;
	r = control_ask(&control, NULL);
	known = control.fd_count > 1;
	for (int i = 0; i < control.fd_count; i++)
		os_close(control.fds[i]);
	return r == EDVSDVSINIT || (!r && !known) ? EDVSDVSINIT : 0;
}

/* Nobody rang for long: a ring may have been lost, or the daemon. */
static int ask_again(struct binding *binding)
{
	binding_entered_assert(binding);
	channel_ring_daemon(binding);
	/* Unbound: the daemon knows us no more, and is about to end the copy. */
	return atomic_load(&binding->status->unbound) ? 0 : ask_whether_there(binding);
}

static int ask_await(struct binding *binding, uint32_t number)
{
	const struct attention_costs *costs = &binding->costs;
	int64_t begin = os_now_ns(), nap = ASK_NAP_NS, now;
	int code = 0, r = 0;

	DVK_ASSERT(atomic_load_explicit(&binding->busy, memory_order_relaxed));
	attention_span_begin(&binding->copying, costs, ATTENTION_MOST_NS(costs));
	if (ask_look(binding, number, &code)) {
		attention_span_rewarded(&binding->copying, costs, os_now_ns() - begin);
		return code;
	}
	while (!ask_is_over(binding, number, &code) && !r) {
		now = os_now_ns();
		if (now - begin > ASK_LIMIT_NS)
			r = EDVSTIMEDOUT;
		else if (ask_sleep(binding, number, now + nap) == -ETIMEDOUT) {
			r = ask_again(binding);
			nap = nap < OS_SECOND_NS ? 2 * nap : nap;
		}
	}
	now = os_now_ns();
	if (now - begin < ATTENTION_MOST_NS(costs))
		attention_span_rewarded(&binding->copying, costs, now - begin);
	else
		attention_span_missed(&binding->copying, costs);
	return r ? r : code;
}

static int copy_by_daemon(struct binding *binding, const struct copy *copy)
{
	const struct copy none = { .bytes = SHM_COPY_NONE };
	struct control_scope scope;
	int r;

	DVK_ASSERT(copy->bytes >= 0 && copy->bytes <= MAXCOPYLEN);
	control_begin(&scope);
	/* A process cannot be stopped for a move while it waits here. */
	DVK_ASSERT(scope.status == binding->status);
	look_learn(binding);
	r = ask_await(binding, ask_post(binding, copy));
	if (r == EDVSTIMEDOUT)
		ask_post(binding, &none);
	control_end(&scope);
	return r;
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
