/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Programs. Each step does one thing to the shared pages and no more, so that anything may happen
 * between two of them. A program knows its peers by number; where they are it does not know.
 */

#include <stdatomic.h>
#include <string.h>

#include "sim/process_part.h"

bool process_is_busy(const struct copy *copy)
{
	return copy->program.phase != PHASE_IDLE && copy->program.phase != PHASE_RECEIVE;
}

bool process_is_at_gate(const struct copy *copy)
{
	switch (copy->program.phase) {
	case PHASE_IDLE:
	case PHASE_CLEAR:
	case PHASE_WAIT:
	case PHASE_RECEIVE:
	case PHASE_REPLY_CLEAR:
		return true;
	default:
		return false;
	}
}

static struct sim_event step_event(struct world *w, int node, int proc)
{
	struct sim_event event = world_event(w, EVENT_PROCESS, node);

	event.slot = proc;
	event.tag = w->node[node].copy[proc].chain;
	return event;
}

void process_run(struct world *w, int node, int proc)
{
	w->node[node].copy[proc].chain++;
	world_put(w, step_event(w, node, proc), world_random(w, 1, 100));
}

void process_begin(struct world *w, int node, int proc, uint32_t generation)
{
	struct copy *copy = &w->node[node].copy[proc];

	assert(copy->state != COPY_FROZEN);
	memset(&copy->program, 0, sizeof(copy->program));
	copy->state = COPY_RUNNING;
	copy->held = false;
	copy->program.slot = proc;
	copy->program.generation = generation;
	prng_init(&copy->program.prng, prng_next(&w->prng));
	process_run(w, node, proc);
}

uint64_t process_draw(struct program *p, uint64_t least, uint64_t most)
{
	return prng_between(&p->prng, least, most);
}

/* Mostly short, so that time-outs happen while everything else does. */
uint64_t process_draw_deadline(struct process_ctx *c)
{
	static const uint64_t limits_us[] = { 100, 2000, 10000, 50000, 400000 };

	return c->w->now_us + process_draw(c->p, 1, limits_us[process_draw(c->p, 0, 4)]);
}

bool process_is_late(const struct process_ctx *c)
{
	return c->p->deadline_us && c->w->now_us >= c->p->deadline_us;
}

void process_idle(struct process_ctx *c)
{
	c->p->phase = PHASE_IDLE;
	c->p->deadline_us = 0;
}

/* The call ends, and has no message under way. */
static void tell_nothing(struct process_ctx *c)
{
	c->p->round = ROUND_NONE;
	process_idle(c);
}

/* The call ends: the sender is told what became of its message. */
static void tell(struct process_ctx *c, enum told told)
{
	assert(c->p->message);
	checker_told(c->w, c->p->message, told);
	if ((c->p->round == ROUND_ANSWERED && told != TOLD_ANSWERED) ||
	    (c->p->round != ROUND_NONE && told == TOLD_DIED))
		world_fail(c->w, "I1: endpoint %d got no answer from %d in the last round",
			   c->p->slot, c->p->peer);
	tell_nothing(c);
}

bool process_find_page(struct process_ctx *c)
{
	struct program *p = c->p;

	c->side = world_side(p->slot, p->peer);
	c->page =
		daemon_page_of(c->w, c->node, p->slot, p->generation, p->peer, p->peer_generation);
	if (!c->page)
		return false;
	c->own = &c->page->shm.line[c->side];
	c->peer = &c->page->shm.line[1 - c->side];
	return true;
}

bool process_is_dead(const struct process_ctx *c)
{
	return atomic_load(&c->page->shm.dead) != 0;
}

int process_fate(const struct process_ctx *c, uint64_t word)
{
	return call_fate(word, c->p->call.seq, CALL_E_BACK, EDVSPROCSTS);
}

void process_post(struct process_ctx *c, enum line_op op, uint32_t request, uint64_t aux)
{
	struct program *p = c->p;
	message msg;

	assert(!line_word_is_waiting(line_word_now(c->own)));
	p->message = checker_letter(c->w, p->slot, p->peer, p->generation, p->peer_generation, op,
				    request);
	checker_fill(p->message, &msg);
	p->call.seq = line_post(c->own, op, &msg, aux);
	p->call.posted = true;
	world_log(c->w, "message %u: %d to %d op %d seq %llu posted at node %d", p->message,
		  p->slot, p->peer, op, (unsigned long long)p->call.seq, c->node);
}

/* A message of the peer has come, in any call. */
void process_took(struct process_ctx *c, const struct line_image *image, bool any)
{
	uint32_t number = (uint32_t)image->msg.m_type;
	struct program *p = c->p;

	assert(p->peer != p->slot);
	world_log(c->w, "message %u: taken by %d at node %d", number, p->slot, c->node);
	checker_taken(c->w, number, p->slot, p->generation, &image->msg, any);
	if (!line_word_is_owed(image->word))
		return;
	p->request[p->peer].open = true;
	p->request[p->peer].generation = p->peer_generation;
	p->request[p->peer].seq = line_word_seq(image->word);
	p->request[p->peer].message = number;
}

/* The step of a caller whose peer calls as well, with a rule left out. */
static enum call_answer look_mutated(struct process_ctx *c, uint64_t theirs, bool *asked)
{
	struct call_request *call = &c->p->call;
	uint64_t word = line_word_now(c->own);
	bool both = call->posted && line_word_is_waiting(word) && line_word_is_waiting(theirs) &&
		    line_word_op(theirs) == LINE_OP_SENDREC;

	*asked = false;
	if (both && world_mutated(c->w, SIM_BOTH_STAY))
		return CALL_ANSWER_NONE;
	if (!both || !world_mutated(c->w, SIM_BOTH_STEP_BACK))
		return call_look_for_answer(&c->page->shm, c->side, call, theirs, asked);
	word = call_take_back(&c->page->shm, c->side, call->seq, asked);
	call->posted = line_word_state(word) != LINE_WITHDRAWN;
	return line_word_is_waiting(word) ? CALL_ANSWER_NONE : CALL_ANSWER_INSTEAD;
}

/* A caller looks at the peer's line. True if its call is somewhere else afterwards. */
static bool look_for_answer(struct process_ctx *c)
{
	uint64_t theirs = line_word_now(c->peer);
	struct program *p = c->p;
	bool posted = p->call.posted, asked;
	enum call_answer answer = look_mutated(c, theirs, &asked);
	struct line_image image;

	if (asked || posted != p->call.posted) {
		line_snapshot(c->peer, &image);
		checker_stepped_back(c->w, p->message, (uint32_t)image.msg.m_type);
	}
	if (posted != p->call.posted) {
		checker_told(c->w, p->message, TOLD_WITHDRAWN);
		p->phase = PHASE_CLEAR;
	}
	if (answer == CALL_ANSWER_HERE || answer == CALL_ANSWER_INSTEAD)
		p->phase = PHASE_TAKE;
	return posted != p->call.posted || p->phase == PHASE_TAKE;
}

/* The request had another message for an answer. */
static enum told fate_of_request(struct process_ctx *c)
{
	int r = process_fate(c, line_word_now(c->own));

	if (r == CALL_E_BACK)
		return TOLD_WITHDRAWN;
	if (r == EDVSDSTDIED || r == EDVSSRCDIED)
		return TOLD_DIED;
	/* Asked back, and not decided: the caller is never told. */
	return r ? TOLD_UNANSWERED : TOLD_SUPERSEDED;
}

static void on_take(struct process_ctx *c)
{
	struct program *p = c->p;
	struct line_image image;
	bool answered;

	assert(p->op == LINE_OP_SENDREC);
	p->phase = p->call.posted ? PHASE_WAIT : PHASE_CLEAR;
	/* Gone again, or the process that comes to another node finds what it left. */
	if (!process_find_page(c) || !line_take(c->peer, &image))
		return;
	answered = line_word_op(image.word) == LINE_OP_ANSWER;
	process_took(c, &image, false);
	if (answered && c->w->letter[image.msg.m_type].request != p->message)
		world_fail(c->w, "I1: endpoint %d took the answer to another request", p->slot);
	if (!p->call.posted) {
		tell_nothing(c);
		return;
	}
	call_finish(&c->page->shm, c->side, &p->call, answered ? 0 : EDVSPROCSTS);
	tell(c, answered ? TOLD_ANSWERED : fate_of_request(c));
}

static void on_clear(struct process_ctx *c)
{
	struct program *p = c->p;

	assert(!p->call.posted || p->op != LINE_OP_SENDREC);
	if (!process_find_page(c) || process_is_dead(c) || process_is_late(c)) {
		if (p->round != ROUND_NONE)
			world_fail(c->w, "I1: endpoint %d cannot call %d in the last round",
				   p->slot, p->peer);
		process_idle(c);
		return;
	}
	if (p->op == LINE_OP_SENDREC && look_for_answer(c))
		return;
	if (call_make_room(&c->page->shm, c->side, line_word_now(c->own)) != CALL_ROOM_FREE)
		return;
	process_post(c, p->op, 0, 0);
	/* A request to a peer that waits for our answer is that answer. */
	if (p->op == LINE_OP_SENDREC)
		p->request[p->peer].open = false;
	p->phase = PHASE_WAIT;
}

/* Posted, and the line says this of it; true if that ended the wait. */
static bool on_fate(struct process_ctx *c, int r)
{
	bool asks = c->p->op == LINE_OP_SENDREC;

	if (r == EDVSPROCSTS) {
		world_fail(c->w, "I1: the line of endpoint %d lost sequence %llu", c->p->slot,
			   (unsigned long long)c->p->call.seq);
		return true;
	}
	if (!r || (asks && r > 0 && r != CALL_E_BACK))
		return false;
	tell(c, r == CALL_E_BACK ? TOLD_WITHDRAWN : r < 0 ? TOLD_DIED : TOLD_TAKEN);
	return true;
}

static void on_wait(struct process_ctx *c)
{
	uint64_t word, theirs;

	assert(c->p->call.posted);
	if (!process_find_page(c)) {
		tell(c, TOLD_DIED);
		return;
	}
	/* In this order: if our line has ended, an answer that came before is seen. */
	word = line_word_now(c->own);
	theirs = line_word_now(c->peer);
	if (c->p->op == LINE_OP_SENDREC && look_for_answer(c))
		return;
	if (on_fate(c, process_fate(c, word)))
		return;
	if (process_is_dead(c))
		tell(c, TOLD_DIED);
	else if (process_is_late(c) ||
		 (c->p->op == LINE_OP_SEND && call_is_locked(c->side, theirs) &&
		  !world_mutated(c->w, SIM_BOTH_SEND)))
		c->p->phase = PHASE_WITHDRAW;
}

/* A request that was taken is given up, unless it has been answered: then the answer has to come. */
static void give_up(struct process_ctx *c, int r)
{
	if (r == CALL_E_TAKEN)
		r = call_give_up(&c->page->shm, c->side, c->p->call.seq, EDVSTIMEDOUT);
	if (r == CALL_E_ANSWERED)
		c->p->phase = PHASE_LATE_ANSWER;
	else
		tell(c, TOLD_UNANSWERED);
}

static void on_withdraw(struct process_ctx *c)
{
	bool asked;
	int r;

	assert(c->p->call.posted);
	if (!process_find_page(c)) {
		tell(c, TOLD_DIED);
		return;
	}
	r = process_fate(c, call_take_back(&c->page->shm, c->side, c->p->call.seq, &asked));
	if (on_fate(c, r))
		return;
	if (r)
		give_up(c, r);
	else if (process_is_dead(c))
		tell(c, TOLD_DIED);
}

static void on_late_answer(struct process_ctx *c)
{
	assert(c->p->op == LINE_OP_SENDREC);
	if (!process_find_page(c)) {
		tell(c, TOLD_DIED);
		return;
	}
	if (!look_for_answer(c) && process_is_dead(c))
		tell(c, TOLD_DIED);
}

static void begin_call(struct process_ctx *c, int peer, enum line_op op)
{
	assert(c->p->phase == PHASE_IDLE || c->p->phase == PHASE_RECEIVE);
	if (peer == c->p->slot || !daemon_page(c->w, c->node, c->p->slot, peer))
		return;
	/* To a peer that waits for our answer all but a request is that answer. */
	if (op != LINE_OP_SENDREC && c->p->request[peer].open)
		return;
	c->p->peer = peer;
	c->p->peer_generation = world_endpoint(&c->w->node[c->node].directory, peer)->generation;
	c->p->op = op;
	c->p->call.posted = false;
	c->p->phase = PHASE_CLEAR;
	c->p->deadline_us = process_draw_deadline(c);
}

static void exit_now(struct process_ctx *c)
{
	struct copy *copy = &c->w->node[c->node].copy[c->p->slot];

	assert(c->p->phase == PHASE_IDLE);
	world_log(c->w, "endpoint %d ends at node %d", c->p->slot, c->node);
	copy->state = COPY_DEAD;
	if (!move_on_process_died(c->w, c->node, c->p->slot))
		order_propose(c->w, c->node,
			      (struct command){ .kind = COMMAND_UNBIND,
						.p_nr = SLOT_BASE + c->p->slot,
						.generation = c->p->generation,
						.flags = COMMAND_FLAG_DIED });
}

static void on_idle(struct process_ctx *c)
{
	uint64_t dice = process_draw(c->p, 0, 999);

	assert(!c->p->deadline_us);
	if ((c->w->calm || dice < 600) && process_begin_reply(c))
		return;
	if (!c->w->calm && dice >= 998) {
		exit_now(c);
		return;
	}
	if (!c->w->calm && dice >= 950) {
		process_post_note(c, (int)process_draw(c->p, 0, (uint64_t)c->w->procs - 1));
		return;
	}
	if (!c->w->calm && dice >= 550) {
		static const enum line_op ops[] = { LINE_OP_SEND, LINE_OP_SENDREC, LINE_OP_SENDREC,
						    LINE_OP_REPLY };

		begin_call(c, (int)process_draw(c->p, 0, (uint64_t)c->w->procs - 1), ops[dice % 4]);
		return;
	}
	process_begin_receive(c);
}

void process_final_call(struct world *w, int node, int proc, int peer, enum round round)
{
	struct program *p = &w->node[node].copy[proc].program;
	struct process_ctx c = { .w = w, .node = node, .p = p };

	begin_call(&c, peer, round == ROUND_BOTH_SEND ? LINE_OP_SEND : LINE_OP_SENDREC);
	if (p->phase != PHASE_CLEAR) {
		world_fail(w, "I1: endpoint %d does not find %d in the last round", proc, peer);
		return;
	}
	p->deadline_us = 0;
	p->round = round;
}

/* It looks at nothing until it is let go, and a time-out is none the longer for it. */
static void while_held(struct process_ctx *c)
{
	if (!process_is_late(c))
		return;
	if (c->p->phase == PHASE_WAIT)
		c->p->phase = PHASE_WITHDRAW;
	else
		process_idle(c);
}

void process_on_step(struct world *w, int node, int proc, uint32_t chain)
{
	static void (*const steps[])(struct process_ctx *) = {
		[PHASE_IDLE] = on_idle,
		[PHASE_CLEAR] = on_clear,
		[PHASE_WAIT] = on_wait,
		[PHASE_TAKE] = on_take,
		[PHASE_WITHDRAW] = on_withdraw,
		[PHASE_LATE_ANSWER] = on_late_answer,
		[PHASE_RECEIVE] = process_on_receive,
		[PHASE_REPLY_CLEAR] = process_on_reply_clear,
		[PHASE_REPLY_MARK] = process_on_reply_mark,
		[PHASE_REPLY_WITHDRAW] = process_on_reply_withdraw,
	};
	struct copy *copy = &w->node[node].copy[proc];
	struct process_ctx c = { .w = w, .node = node, .p = &copy->program };

	if (copy->state != COPY_RUNNING || copy->chain != chain)
		return;
	if (w->node[node].away && copy->program.phase == PHASE_IDLE)
		; /* a call that needs the daemon waits at its door */
	else if (copy->held && process_is_at_gate(copy))
		while_held(&c);
	else
		steps[copy->program.phase](&c);
	world_put(w, step_event(w, node, proc),
		  process_draw(c.p, 5, process_draw(c.p, 0, 9) ? 300 : 5000));
}
