/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/warning.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/call.h"
#include "dvk.h"
#include "node/bind/binding.h"
#include "node/state/life.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "node/bind/ending.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/loop.h"
#include "os/pid.h"

/*
 * The warning takes the way of any request: it is posted in the line of the one that ended, is carried by the links,
 * moves with the warn process, and its answer ends it. Requests of the ended process that the warn process has not
 * taken yet go first: an answer is waited for, anything else is taken back, as by a death.
 *
 * Nobody rings for a process that has ended, so the line is looked at, ever less often.
 */

#define LOOK_FIRST_US	1000
#define LOOK_LAST_US	20000
#define TAKE_LIMIT_NS	(30 * OS_SECOND_NS) /* as the contract: for the warn process to take it */
#define ANSWER_LIMIT_NS (5 * OS_SECOND_NS)  /* and then to answer it or unbind the other */

struct warning {
	struct os_source *timer;
	int64_t look_us;
	int64_t deadline_ns;
	int peer; /* endpoint of the warn process */
	int code; /* wait status of the one that ended, as of wait(2) */
	uint64_t seq;
	bool posted, taken;
};

static struct exchange_channel *channel_of(struct binding *binding)
{
	struct exchange_channel *channel;

	if (exchange_channel(binding->bindings->exchange, binding->dcid, binding->endpoint,
			     binding->warning->peer, &channel) < 0)
		return NULL;
	return channel;
}

static void ring(struct binding *binding)
{
	struct exchange *exchange = binding->bindings->exchange;
	struct exchange_bell *bell;

	if (exchange_bell(exchange, binding->dcid, _ENDPOINT_P(binding->warning->peer), &bell) == 0)
		exchange_ring(exchange, bell, binding->p_nr);
}

/* Makes room in the line. True if there is. */
static bool clear(struct binding *binding, struct exchange_channel *channel, int side)
{
	const struct line *line = &channel->page->line[side];

	switch (call_make_room(channel->page, side, line_word_now(line))) {
	case CALL_ROOM_FREE:
		return true;
	case CALL_ROOM_AWAITED:
	case CALL_ROOM_WAIT:
		return false;
	case CALL_ROOM_MADE:
	case CALL_ROOM_CLOSED:
	case CALL_ROOM_ASKED:
		break;
	}
	ring(binding);
	return line_word_is_free(line_word_now(line));
}

static void post(struct binding *binding, struct exchange_channel *channel, int side)
{
	struct warning *warning = binding->warning;
	struct status_page *page = binding->status->page;
	message m = { .m_source = binding->p_nr,
		      .m_type = binding->bindings->order->directory.dc[binding->dcid].warnmsg };

	assert(!warning->posted);
	m.m1_i1 = warning->code;
	m.m1_i2 = -1;
	warning->seq = line_post(&channel->page->line[side], LINE_OP_SENDREC, &m, 0);
	warning->posted = true;
	ring(binding);
	/* The tables show it as a caller that waits. */
	atomic_store(&page->sendto, _ENDPOINT_P(warning->peer));
	atomic_store(&page->getfrom, _ENDPOINT_P(warning->peer));
	atomic_store(&page->rts_flags, RECEIVING | SENDING);
}

static bool is_answered(struct warning *warning, const struct exchange_channel *channel, int side)
{
	uint64_t word = atomic_load(&channel->page->line[side].word);
	enum line_state state = line_word_state(word);

	assert(warning->posted);
	if (line_word_seq(word) != warning->seq || state == LINE_DONE || state == LINE_WITHDRAWN)
		return true;
	if (state == LINE_TAKEN && !warning->taken) {
		warning->taken = true;
		warning->deadline_ns = os_now_ns() + ANSWER_LIMIT_NS;
	}
	return false;
}

/* The warn process is still the one that was told, wherever it is. */
static bool is_there(const struct binding *binding)
{
	int p_nr = _ENDPOINT_P(binding->warning->peer);
	const struct directory_endpoint *ep =
		order_endpoint(binding->bindings->order, binding->dcid, p_nr);

	return ep && ep->bound && directory_endpoint_number(ep, p_nr) == binding->warning->peer;
}

static bool step(struct binding *binding)
{
	struct warning *warning = binding->warning;
	struct exchange_channel *channel = is_there(binding) ? channel_of(binding) : NULL;
	int side = channel ? exchange_side(channel, binding->p_nr) : 0;

	if (!channel || os_now_ns() > warning->deadline_ns)
		return true;
	if (warning->posted)
		return is_answered(warning, channel, side);
	if (clear(binding, channel, side))
		post(binding, channel, side);
	return false;
}

static void on_timer(void *ctx)
{
	struct binding *binding = ctx;
	struct warning *warning = binding->warning;

	assert(warning);
	if (step(binding)) {
		warning_end(binding);
		return;
	}
	if (warning->look_us < LOOK_LAST_US)
		warning->look_us *= 2;
	os_timer_set(warning->timer, warning->look_us);
}

/* The endpoint to be told, or NONE. */
static int whom(const struct binding *binding)
{
	const struct directory_dc *dc = &binding->bindings->order->directory.dc[binding->dcid];
	const struct directory_endpoint *ep;

	if (!dc->running || dc->warn2proc == NONE || dc->warn2proc == binding->p_nr ||
	    !directory_slot_valid(dc, dc->warn2proc) || binding->bindings->life->stopping)
		return NONE;
	ep = order_endpoint(binding->bindings->order, binding->dcid, dc->warn2proc);
	return ep->bound ? directory_endpoint_number(ep, dc->warn2proc) : NONE;
}

bool warning_begin(struct binding *binding)
{
	struct warning *warning;
	int peer = whom(binding);

	assert(!binding->warning);
	assert(os_lock_protects());
	if (peer == NONE)
		return false;
	warning = calloc(1, sizeof(*warning));
	if (!warning)
		return false;
	*warning = (struct warning){ .look_us = LOOK_FIRST_US,
				     .deadline_ns = os_now_ns() + TAKE_LIMIT_NS,
				     .peer = peer };
	if (binding->task->ended) /* a thread that ends by itself leaves nothing */
		warning->code = task_wait_status(binding->task);
	binding->warning = warning;
	if (os_source_timer(binding->bindings->loop, warning->look_us, on_timer, binding,
			    &warning->timer) < 0) {
		warning_cancel(binding);
		return false;
	}
	if (step(binding)) {
		warning_cancel(binding);
		return false;
	}
	return true;
}

void warning_cancel(struct binding *binding)
{
	assert(os_lock_protects());
	if (!binding->warning)
		return;
	os_source_free(binding->warning->timer);
	free(binding->warning);
	binding->warning = NULL;
}

void warning_end(struct binding *binding)
{
	assert(binding->state == BINDING_ENDING);
	assert(binding->warning);
	assert(os_lock_protects());
	warning_cancel(binding);
	ending_propose(binding);
}
