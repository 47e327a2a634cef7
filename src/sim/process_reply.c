/* SPDX-License-Identifier: Apache-2.0 */

/* A program answers. */

#include "sim/process_part.h"

static void request_over(struct process_ctx *c)
{
	assert(c->p->phase >= PHASE_REPLY_CLEAR);
	c->p->request[c->p->peer].open = false;
	process_idle(c);
}

void process_on_reply_clear(struct process_ctx *c)
{
	uint64_t seq = c->p->request[c->p->peer].seq;

	assert(c->p->request[c->p->peer].open);
	if (!process_find_page(c) || process_is_dead(c)) {
		request_over(c);
		return;
	}
	if (!call_is_owed(&c->page->shm, c->side, seq) &&
	    !world_mutated(c->w, SIM_ANSWER_TO_NEXT_LIFE)) {
		request_over(c);
		return;
	}
	if (call_make_room(&c->page->shm, c->side, line_word_now(c->own)) != CALL_ROOM_FREE) {
		if (process_is_late(c))
			process_idle(c);
		return;
	}
	process_post(c, LINE_OP_ANSWER, c->p->request[c->p->peer].message, seq);
	c->p->phase = PHASE_REPLY_MARK;
}

static void answer_told(struct process_ctx *c, enum told told)
{
	checker_told(c->w, c->p->message, told);
	request_over(c);
}

void process_on_reply_mark(struct process_ctx *c)
{
	assert(c->p->request[c->p->peer].open);
	if (!process_find_page(c))
		answer_told(c, TOLD_DIED);
	else if (line_answered(c->peer, c->p->request[c->p->peer].seq))
		answer_told(c, TOLD_TAKEN);
	else
		c->p->phase = PHASE_REPLY_WITHDRAW;
}

/* The client closed its request: either it took the answer before, or we get the answer back. */
void process_on_reply_withdraw(struct process_ctx *c)
{
	bool asked;
	int r;

	assert(c->p->request[c->p->peer].open);
	if (!process_find_page(c)) {
		answer_told(c, TOLD_DIED);
		return;
	}
	r = process_fate(c, call_take_back(&c->page->shm, c->side, c->p->call.seq, &asked));
	if (r == CALL_E_BACK)
		answer_told(c, TOLD_WITHDRAWN);
	else if (r > 0)
		answer_told(c, TOLD_TAKEN);
	else if (r || process_is_dead(c))
		answer_told(c, TOLD_DIED);
}

/* The answer is owed to a life; a number is an address, and may be another life's by now. */
static uint32_t answered_life(struct process_ctx *c, int peer)
{
	if (!world_mutated(c->w, SIM_ANSWER_TO_NEXT_LIFE))
		return c->p->request[peer].generation;
	daemon_page(c->w, c->node, c->p->slot, peer);
	return world_endpoint(&c->w->node[c->node].directory, peer)->generation;
}

bool process_begin_reply(struct process_ctx *c)
{
	for (int peer = 0; peer < c->w->procs; peer++) {
		if (!c->p->request[peer].open)
			continue;
		c->p->peer = peer;
		c->p->peer_generation = answered_life(c, peer);
		c->p->phase = PHASE_REPLY_CLEAR;
		c->p->deadline_us = process_draw_deadline(c);
		return true;
	}
	return false;
}
