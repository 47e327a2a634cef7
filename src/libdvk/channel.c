/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Opening, closing and ringing.
 *
 * Ringing says "look", never "what": the lines say what. Three strengths, by the places that the other side is
 * known to look at by itself:
 *
 *	channel_ring          news bit, then a wake if it sleeps: finds us among all its channels
 *	channel_ring_watcher  it watches the very word we changed: only a wake if it sleeps
 *	channel_ring_far      it will see it when it next comes by: only the daemon must be told
 *
 * Each of them rings fully when the daemon holds the far end, because the daemon looks at nothing
 * that was not rung, but for one thing: that a request or an answer which it delivered was taken.
 * This it finds out by itself, so that a remote call wakes nobody for news that nobody waits for.
 *
 * The holder may change at any moment: the new holder of a bell stores `holder` and then looks at all lines and
 * news, while we store the line and then look at `holder`, with a full fence in between on both sides; so one
 * of the two sees the other.
 */

#include "libdvk/channel.h"

#include <string.h>

#include "base/bits.h"
#include "core/call.h"
#include "libdvk/control.h"
#include "libdvk/wait.h"
#include "os/futex.h"
#include "os/memfd.h"

static int open_pages(struct channel *channel, struct control *control)
{
	DVK_ASSERT(!channel->page && !channel->bell);
	void *page = NULL, *bell = NULL;
	int r;

	if (control->fd_count < 2)
		return EDVSDVSINIT; /* no daemon that we know */
	r = os_memfd_map(control->fds[0], SHM_PAGE_BYTES, OS_MAP_NOFORK, &page);
	if (!r)
		r = os_memfd_map(control->fds[1], SHM_PAGE_BYTES, OS_MAP_NOFORK, &bell);
	if (r) {
		os_memfd_unmap(page, SHM_PAGE_BYTES);
		return EDVSALLOCMEM;
	}
	channel->page = page;
	channel->bell = bell;
	return 0;
}

/* An earlier image of this process may have taken a request and left the answer to us. */
static void recall_request(struct binding *binding, struct channel *channel)
{
	uint64_t word = line_word_now(channel_peer(channel));

	DVK_ASSERT(channel->page && !channel->owes);
	channel->owes = line_word_is_owed(word);
	if (!channel->owes)
		return;
	channel->request = line_word_seq(word);
	binding->owed++;
	binding_misc(binding, MIS_NOMIGRATE, 0);
}

static void channel_unmap(struct binding *binding, struct channel *channel)
{
	DVK_ASSERT(channel->page);
	channel_settle(binding, channel);
	DVK_ASSERT(!channel->owes);
	os_memfd_unmap(channel->page, SHM_PAGE_BYTES);
	os_memfd_unmap(channel->bell, SHM_PAGE_BYTES);
	memset(channel, 0, sizeof(*channel));
}

/* The peer's life is over, while we go on: an answer that we owe to it is for nobody else. */
static void channel_bury(struct binding *binding, struct channel *channel)
{
	uint32_t lost = channel->lost + channel->owes;

	DVK_ASSERT(channel->page);
	channel_unmap(binding, channel);
	channel->lost = lost;
}

static void channel_set_life(struct channel *channel, int life)
{
	channel->life = life;
	channel->generation = (uint32_t)_ENDPOINT_G(life);
	channel->p_nr = _ENDPOINT_P(life);
}

static int channel_open(struct binding *binding, int p_nr, enum channel_use use)
{
	struct channel *channel = binding_channel(binding, p_nr);
	struct control control = control_request(CTL_CHANNEL);
	struct control_scope scope;
	bool fresh = !channel->page;
	/* Before the daemon is asked: a change after that is seen the next time. */
	uint32_t rights = atomic_load_explicit(&binding->status->rights, memory_order_acquire);
	int r;

	DVK_ASSERT(fresh == !channel->bell);
	control.request.dcid = binding->dcid;
	control.request.endpoint = p_nr;
	control.request.cmd = use == CHANNEL_SEND ? 0 : 1;
	control_begin(&scope);
	r = control_ask(&control, NULL);
	if (!r && fresh)
		r = open_pages(channel, &control);
	for (int i = 0; i < control.fd_count; i++)
		os_close(control.fds[i]);
	control_end(&scope);
	if (r)
		return r;
	channel_set_life(channel, (int)control.value);
	channel->ended = &binding->status->ended[shm_index(p_nr)];
	channel->own_side = shm_side(binding->p_nr, p_nr);
	channel->may_send = use == CHANNEL_SEND;
	channel->rights = rights;
	DVK_ASSERT(channel->page && channel->bell);
	DVK_ASSERT(channel->own_side == 0 || channel->own_side == 1);
	if (fresh)
		recall_request(binding, channel);
	return 0;
}

void channel_close(struct binding *binding, int index)
{
	struct channel *channel = &binding->channel[index];

	DVK_ASSERT(index >= 0 && index < SHM_SLOTS);
	if (channel->page)
		channel_unmap(binding, channel);
	channel->lost = 0;
}

int channel_bad_number(int endpoint)
{
	int p_nr = _ENDPOINT_P(endpoint);

	return p_nr < -SHM_TASKS || p_nr >= SHM_SLOTS - SHM_TASKS ? EDVSRANGE : EDVSENDPOINT;
}

bool channel_is_lost(struct binding *binding, int p_nr)
{
	struct channel *channel = binding_channel(binding, p_nr);

	if (channel->page && channel_is_dead(channel))
		channel_bury(binding, channel);
	return channel->lost;
}

int channel_check_lost(struct binding *binding, int p_nr)
{
	if (!channel_is_lost(binding, p_nr))
		return 0;
	binding_channel(binding, p_nr)->lost--;
	return EDVSDSTDIED;
}

int channel_obtain(struct binding *binding, int endpoint, enum channel_use use,
		   struct channel **channelp)
{
	struct channel *channel;
	int r = channel_check_number(endpoint);

	if (r)
		return r;
	channel = binding_channel(binding, endpoint);
	if (channel->page && channel_is_dead(channel))
		channel_bury(binding, channel);
	if (!channel_is_usable(binding, channel, use))
		r = channel_open(binding, endpoint, use);
	if (r)
		return r;
	DVK_ASSERT(channel->page);
	*channelp = channel;
	return 0;
}

int channel_ask_again(struct binding *binding, struct channel *channel)
{
	int life = channel->life, r;

	DVK_ASSERT(channel->page);
	if (channel_is_dead(channel))
		return EDVSDSTDIED;
	channel->may_send = false;
	r = channel_open(binding, _ENDPOINT_P(life), CHANNEL_SEND);
	if (channel->life == life)
		return r;
	channel_set_life(channel, life);
	return EDVSDSTDIED;
}

static void ring_node(struct binding *binding, int p_nr)
{
	struct node_bell *bell = binding->node_bell;
	unsigned bit = (unsigned)binding->dcid * SHM_SLOTS + (unsigned)shm_index(p_nr);

	atomic_fetch_or(&bell->news[bit / 64 % SHM_NODE_NEWS_WORDS], UINT64_C(1) << bit % 64);
	atomic_fetch_add(&bell->seq, 1);
	if (atomic_load(&bell->sleeping))
		os_futex_wake(&bell->seq, 1);
}

/* The sleeper's partner: it stores `sleeping`, fences, looks again, and waits on the seq it read before. */
static void wake_sleeper(struct bell_page *bell)
{
	if (!atomic_load_explicit(&bell->sleeping, memory_order_relaxed))
		return;
	atomic_fetch_add(&bell->seq, 1);
	os_futex_wake(&bell->seq, 1);
}

void channel_ring(struct binding *binding, struct channel *channel)
{
	struct bell_page *bell = channel->bell;
	unsigned own = (unsigned)shm_index(binding->p_nr);

	/* Sequentially consistent: the line's word was stored before, holder and sleeping are read after. */
	atomic_fetch_or(&bell->news[own / 64], UINT64_C(1) << own % 64);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&bell->holder, memory_order_relaxed) != BELL_PROCESS)
		ring_node(binding, channel->p_nr);
	else
		wake_sleeper(bell);
}

void channel_ring_message(struct binding *binding, struct channel *channel)
{
	struct bell_page *bell = channel->bell;

	/* The word was stored before; partners: watch() of call_receive.c, and every new holder. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&bell->watched, memory_order_relaxed) !=
		    (uint32_t)shm_index(binding->p_nr) + 1 ||
	    atomic_load_explicit(&bell->holder, memory_order_relaxed) != BELL_PROCESS)
		channel_ring(binding, channel);
	else
		wake_sleeper(bell);
}

void channel_ring_watcher(struct binding *binding, struct channel *channel)
{
	struct bell_page *bell = channel->bell;

	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&bell->holder, memory_order_relaxed) != BELL_PROCESS)
		channel_ring(binding, channel);
	else
		wake_sleeper(bell);
}

void channel_ring_far(struct binding *binding, struct channel *channel)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&channel->bell->holder, memory_order_relaxed) != BELL_PROCESS)
		channel_ring(binding, channel);
}

void channel_ring_daemon(struct binding *binding)
{
	ring_node(binding, binding->p_nr);
}

void channel_settle(struct binding *binding, struct channel *channel)
{
	if (!channel->owes)
		return;
	DVK_ASSERT(binding->owed > 0);
	channel->owes = false;
	if (--binding->owed == 0)
		binding_misc(binding, 0, MIS_NOMIGRATE);
}

/* Relaxed: a right that goes is gone soon; a process that gave it up for good asked the daemon, which orders it. */
static bool is_barred(const struct binding *binding, const struct channel *channel, unsigned what)
{
	unsigned index = (unsigned)(channel - binding->channel);

	/* As a rule nobody is barred, and this is all that it costs. */
	if (!atomic_load_explicit(&binding->status->bars, memory_order_relaxed))
		return false;
	DVK_ASSERT(index < SHM_SLOTS);
	DVK_ASSERT(what < SHM_BARS);
	return atomic_load_explicit(&binding->status->barred[what][index / 64],
				    memory_order_relaxed) >>
		       index % 64 &
	       1;
}

static bool may_take(const struct binding *binding, const struct channel *channel, uint64_t word)
{
	enum line_op op = line_word_op(word);

	/* The call that waits for an answer looks at it: it names our request. */
	if (op == LINE_OP_ANSWER)
		return true;
	return op > LINE_OP_NONE && op < SHM_BARS && !is_barred(binding, channel, op) &&
	       !channel_is_ended(channel);
}

bool channel_admits_notify(const struct binding *binding, const struct channel *channel)
{
	return !is_barred(binding, channel, LINE_OP_NONE) && !channel_is_ended(channel);
}

bool channel_admits(struct binding *binding, struct channel *channel, uint64_t word)
{
	if (may_take(binding, channel, word))
		return true;
	channel_refuse(binding, channel, word);
	return false;
}

bool channel_take(struct binding *binding, struct channel *channel, uint64_t word, message *m)
{
	struct line_image image;

	/* A message that comes in is answered, or asked again, as a rule. */
	line_expect_write(channel_own(channel));
	if (!line_take_seen(channel_peer(channel), word, &image))
		return false;
	/* Its next message has a turn of its own. */
	bits_clear(binding->ready, (unsigned)shm_index(channel->p_nr));
	if (line_word_is_owed(image.word)) {
		if (!channel->owes)
			binding->owed++;
		DVK_ASSERT(binding->owed <= SHM_SLOTS);
		channel->owes = true;
		channel->request = line_word_seq(image.word);
		binding_misc(binding, MIS_NOMIGRATE, 0);
	} else if (line_word_op(image.word) != LINE_OP_ANSWER) {
		channel_ring_watcher(binding, channel);
	}
	wait_found(binding);
	*m = image.msg;
	m->m_source = channel->p_nr; /* the channel is the identity, not the bytes */
	return true;
}

void channel_refuse(struct binding *binding, struct channel *channel, uint64_t word)
{
	call_refuse(channel->page, channel->own_side, word);
	channel_ring_watcher(binding, channel);
}

void channel_count(struct binding *binding, struct channel *channel)
{
	struct status_page *status = binding->status;
	int32_t node = atomic_load_explicit(&channel->page->node[1 - channel->own_side],
					    memory_order_relaxed);
	bool local = node == atomic_load_explicit(&status->nodeid, memory_order_relaxed);
	_Atomic uint64_t *counter = local ? &status->lclsent : &status->rmtsent;

	/* We are the only writer. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}
