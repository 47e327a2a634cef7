/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Programs. Each step does one thing to the shared pages and no more, so that anything may happen
 * between two of them. A program knows its peers by number; where they are it does not know.
 */

#include <stdatomic.h>
#include <string.h>

#include "sim/world.h"

struct ctx {
	struct world *w;
	int node;
	struct program *p;
	struct page *page; /* of the call under way */
	int side;	   /* of it, the program's own */
	struct line *own, *peer;
};

bool process_is_busy(const struct copy *copy)
{
	return copy->program.phase != PHASE_IDLE && copy->program.phase != PHASE_RECEIVE;
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
	copy->program.slot = proc;
	copy->program.generation = generation;
	prng_init(&copy->program.prng, prng_next(&w->prng));
	process_run(w, node, proc);
}

static uint64_t draw(struct program *p, uint64_t least, uint64_t most)
{
	return prng_between(&p->prng, least, most);
}

/* Mostly short, so that time-outs happen while everything else does. */
static uint64_t draw_deadline(struct ctx *c)
{
	static const uint64_t limits_us[] = { 100, 2000, 10000, 50000, 400000 };

	return c->w->now_us + draw(c->p, 1, limits_us[draw(c->p, 0, 4)]);
}

static bool is_late(const struct ctx *c)
{
	return c->p->deadline_us && c->w->now_us >= c->p->deadline_us;
}

static void idle(struct ctx *c)
{
	c->p->phase = PHASE_IDLE;
	c->p->deadline_us = 0;
}

/* The call ends, and has no message under way. */
static void tell_nothing(struct ctx *c)
{
	c->p->round = ROUND_NONE;
	idle(c);
}

/* The call ends: the sender is told what became of its message. */
static void tell(struct ctx *c, enum told told)
{
	assert(c->p->message);
	checker_told(c->w, c->p->message, told);
	if ((c->p->round == ROUND_ANSWERED && told != TOLD_ANSWERED) ||
	    (c->p->round != ROUND_NONE && told == TOLD_DIED))
		world_fail(c->w, "I1: endpoint %d got no answer from %d in the last round",
			   c->p->slot, c->p->peer);
	tell_nothing(c);
}

static bool find_page(struct ctx *c)
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

static bool is_dead(const struct ctx *c)
{
	return atomic_load(&c->page->shm.dead) != 0;
}

static int fate(const struct ctx *c, uint64_t word)
{
	return call_fate(word, c->p->call.seq, CALL_E_BACK, EDVSPROCSTS);
}

static void post(struct ctx *c, enum line_op op, uint32_t request, uint64_t aux)
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

/* A message of the peer has come, in whatever call. */
static void took(struct ctx *c, const struct line_image *image, bool any)
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
static enum call_answer look_mutated(struct ctx *c, uint64_t theirs, bool *asked)
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
static bool look_for_answer(struct ctx *c)
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
static enum told fate_of_request(struct ctx *c)
{
	int r = fate(c, line_word_now(c->own));

	if (r == CALL_E_BACK)
		return TOLD_WITHDRAWN;
	if (r == EDVSDSTDIED || r == EDVSSRCDIED)
		return TOLD_DIED;
	/* Asked back, and not decided: the caller is never told. */
	return r ? TOLD_UNANSWERED : TOLD_SUPERSEDED;
}

static void on_take(struct ctx *c)
{
	struct program *p = c->p;
	struct line_image image;
	bool answered;

	assert(p->op == LINE_OP_SENDREC);
	p->phase = p->call.posted ? PHASE_WAIT : PHASE_CLEAR;
	/* Gone again, or the process that comes to another node finds what it left. */
	if (!find_page(c) || !line_take(c->peer, &image))
		return;
	answered = line_word_op(image.word) == LINE_OP_ANSWER;
	took(c, &image, false);
	if (answered && c->w->letter[image.msg.m_type].request != p->message)
		world_fail(c->w, "I1: endpoint %d took the answer to another request", p->slot);
	if (!p->call.posted) {
		tell_nothing(c);
		return;
	}
	call_finish(&c->page->shm, c->side, &p->call, answered ? 0 : EDVSPROCSTS);
	tell(c, answered ? TOLD_ANSWERED : fate_of_request(c));
}

static void on_clear(struct ctx *c)
{
	struct program *p = c->p;

	assert(!p->call.posted || p->op != LINE_OP_SENDREC);
	if (!find_page(c) || is_dead(c) || is_late(c)) {
		if (p->round != ROUND_NONE)
			world_fail(c->w, "I1: endpoint %d cannot call %d in the last round",
				   p->slot, p->peer);
		idle(c);
		return;
	}
	if (p->op == LINE_OP_SENDREC && look_for_answer(c))
		return;
	if (call_make_room(&c->page->shm, c->side, line_word_now(c->own)) != CALL_ROOM_FREE)
		return;
	post(c, p->op, 0, 0);
	/* A request to a peer that waits for our answer is that answer. */
	if (p->op == LINE_OP_SENDREC)
		p->request[p->peer].open = false;
	p->phase = PHASE_WAIT;
}

/* Posted, and the line says this of it; true if that ended the wait. */
static bool on_fate(struct ctx *c, int r)
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

static void on_wait(struct ctx *c)
{
	uint64_t word, theirs;

	assert(c->p->call.posted);
	if (!find_page(c)) {
		tell(c, TOLD_DIED);
		return;
	}
	/* In this order: if our line has ended, an answer that came before is seen. */
	word = line_word_now(c->own);
	theirs = line_word_now(c->peer);
	if (c->p->op == LINE_OP_SENDREC && look_for_answer(c))
		return;
	if (on_fate(c, fate(c, word)))
		return;
	if (is_dead(c))
		tell(c, TOLD_DIED);
	else if (is_late(c) || (c->p->op == LINE_OP_SEND && call_is_locked(c->side, theirs) &&
				!world_mutated(c->w, SIM_BOTH_SEND)))
		c->p->phase = PHASE_WITHDRAW;
}

/* A request that was taken is given up, unless it has been answered: then the answer has to come. */
static void give_up(struct ctx *c, int r)
{
	if (r == CALL_E_TAKEN)
		r = call_give_up(&c->page->shm, c->side, c->p->call.seq, EDVSTIMEDOUT);
	if (r == CALL_E_ANSWERED)
		c->p->phase = PHASE_LATE_ANSWER;
	else
		tell(c, TOLD_UNANSWERED);
}

static void on_withdraw(struct ctx *c)
{
	bool asked;
	int r;

	assert(c->p->call.posted);
	if (!find_page(c)) {
		tell(c, TOLD_DIED);
		return;
	}
	r = fate(c, call_take_back(&c->page->shm, c->side, c->p->call.seq, &asked));
	if (on_fate(c, r))
		return;
	if (r)
		give_up(c, r);
	else if (is_dead(c))
		tell(c, TOLD_DIED);
}

static void on_late_answer(struct ctx *c)
{
	assert(c->p->op == LINE_OP_SENDREC);
	if (!find_page(c)) {
		tell(c, TOLD_DIED);
		return;
	}
	if (!look_for_answer(c) && is_dead(c))
		tell(c, TOLD_DIED);
}

static bool receive_from(struct ctx *c, int peer)
{
	const struct directory_endpoint *ep = world_endpoint(&c->w->node[c->node].directory, peer);
	bool any = c->p->source < 0;
	struct line_image image;

	c->p->peer = peer;
	c->p->peer_generation = ep->generation;
	if (!ep->bound || !find_page(c) ||
	    call_look_to_receive(&c->page->shm, c->side, line_word_now(c->peer),
				 any && !world_mutated(c->w, SIM_REPLY_TO_ANY)) !=
		    CALL_RECEIPT_HERE ||
	    !line_take(c->peer, &image))
		return false;
	took(c, &image, any);
	return true;
}

/* Notifications come before messages, and whoever they are from. */
static bool take_notes(struct ctx *c)
{
	bool taken = false;

	for (int peer = 0; peer < c->w->procs; peer++) {
		struct notify_image note;

		if (peer == c->p->slot)
			continue;
		c->p->peer = peer;
		c->p->peer_generation =
			world_endpoint(&c->w->node[c->node].directory, peer)->generation;
		if (!find_page(c) ||
		    !notify_take(&c->page->shm.notify[1 - c->side], c->p->waited, &note))
			continue;
		checker_note_taken(c->w, peer, c->p->peer_generation, c->p->slot, c->p->generation,
				   &note);
		taken = true;
	}
	return taken;
}

static void post_note(struct ctx *c, int peer)
{
	struct page *page =
		peer == c->p->slot ? NULL : daemon_page(c->w, c->node, c->p->slot, peer);
	int side = world_side(c->p->slot, peer), bit = (int)draw(c->p, 0, 63);

	if (!page)
		return;
	checker_noted(c->w, c->p->slot, page->generation[side], peer, page->generation[1 - side],
		      bit);
	notify_post(&page->shm.notify[side], c->p->slot, bit);
}

/* Of anybody as a rule, else of one peer, which may then reply to us unasked. */
static void begin_receive(struct ctx *c)
{
	struct program *p = c->p;

	p->source = -1;
	if (!c->w->calm && draw(p, 0, 2) == 0)
		p->source = (int)draw(p, 0, (uint64_t)c->w->procs - 1);
	if (p->source == p->slot)
		p->source = -1;
	p->waited = false;
	p->phase = PHASE_RECEIVE;
	p->deadline_us = draw_deadline(c);
}

static void on_receive(struct ctx *c)
{
	int first = (int)draw(c->p, 0, (uint64_t)c->w->procs - 1);

	assert(c->p->source != c->p->slot);
	if (take_notes(c)) {
		idle(c);
		return;
	}
	for (int i = 0; i < c->w->procs; i++) {
		int peer = (first + i) % c->w->procs;

		if (peer != c->p->slot && (c->p->source < 0 || c->p->source == peer) &&
		    receive_from(c, peer)) {
			idle(c);
			return;
		}
	}
	c->p->waited = true;
	if (is_late(c))
		idle(c);
}

static void request_over(struct ctx *c)
{
	assert(c->p->phase >= PHASE_REPLY_CLEAR);
	c->p->request[c->p->peer].open = false;
	idle(c);
}

static void on_reply_clear(struct ctx *c)
{
	uint64_t seq = c->p->request[c->p->peer].seq;

	assert(c->p->request[c->p->peer].open);
	if (!find_page(c) || is_dead(c)) {
		request_over(c);
		return;
	}
	if (!call_is_owed(&c->page->shm, c->side, seq) &&
	    !world_mutated(c->w, SIM_ANSWER_TO_NEXT_LIFE)) {
		request_over(c);
		return;
	}
	if (call_make_room(&c->page->shm, c->side, line_word_now(c->own)) != CALL_ROOM_FREE) {
		if (is_late(c))
			idle(c);
		return;
	}
	post(c, LINE_OP_ANSWER, c->p->request[c->p->peer].message, seq);
	c->p->phase = PHASE_REPLY_MARK;
}

static void answer_told(struct ctx *c, enum told told)
{
	checker_told(c->w, c->p->message, told);
	request_over(c);
}

static void on_reply_mark(struct ctx *c)
{
	assert(c->p->request[c->p->peer].open);
	if (!find_page(c))
		answer_told(c, TOLD_DIED);
	else if (line_answered(c->peer, c->p->request[c->p->peer].seq))
		answer_told(c, TOLD_TAKEN);
	else
		c->p->phase = PHASE_REPLY_WITHDRAW;
}

/* The client closed its request: either it took the answer before, or we get the answer back. */
static void on_reply_withdraw(struct ctx *c)
{
	bool asked;
	int r;

	assert(c->p->request[c->p->peer].open);
	if (!find_page(c)) {
		answer_told(c, TOLD_DIED);
		return;
	}
	r = fate(c, call_take_back(&c->page->shm, c->side, c->p->call.seq, &asked));
	if (r == CALL_E_BACK)
		answer_told(c, TOLD_WITHDRAWN);
	else if (r > 0)
		answer_told(c, TOLD_TAKEN);
	else if (r || is_dead(c))
		answer_told(c, TOLD_DIED);
}

/* The answer is owed to a life; a number is an address, and may be another life's by now. */
static uint32_t answered_life(struct ctx *c, int peer)
{
	if (!world_mutated(c->w, SIM_ANSWER_TO_NEXT_LIFE))
		return c->p->request[peer].generation;
	daemon_page(c->w, c->node, c->p->slot, peer);
	return world_endpoint(&c->w->node[c->node].directory, peer)->generation;
}

static bool begin_reply(struct ctx *c)
{
	for (int peer = 0; peer < c->w->procs; peer++) {
		if (!c->p->request[peer].open)
			continue;
		c->p->peer = peer;
		c->p->peer_generation = answered_life(c, peer);
		c->p->phase = PHASE_REPLY_CLEAR;
		c->p->deadline_us = draw_deadline(c);
		return true;
	}
	return false;
}

static void begin_call(struct ctx *c, int peer, enum line_op op)
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
	c->p->deadline_us = draw_deadline(c);
}

static void exit_now(struct ctx *c)
{
	struct copy *copy = &c->w->node[c->node].copy[c->p->slot];
	struct departure *departure = &c->w->node[c->node].departure[c->p->slot];

	assert(c->p->phase == PHASE_IDLE);
	world_log(c->w, "endpoint %d ends at node %d", c->p->slot, c->node);
	copy->state = COPY_DEAD;
	if (departure->worker.active && !driver_is_ended(&departure->worker.driver))
		move_source_event(c->w, c->node, c->p->slot, PLAN_PROCESS_DIED, 0, 0);
	else
		order_propose(c->w, c->node,
			      (struct command){ .kind = COMMAND_UNBIND,
						.p_nr = SLOT_BASE + c->p->slot,
						.generation = c->p->generation,
						.flags = COMMAND_FLAG_DIED });
}

static void on_idle(struct ctx *c)
{
	uint64_t dice = draw(c->p, 0, 999);

	assert(!c->p->deadline_us);
	if ((c->w->calm || dice < 600) && begin_reply(c))
		return;
	if (!c->w->calm && dice >= 998) {
		exit_now(c);
		return;
	}
	if (!c->w->calm && dice >= 950) {
		post_note(c, (int)draw(c->p, 0, (uint64_t)c->w->procs - 1));
		return;
	}
	if (!c->w->calm && dice >= 550) {
		static const enum line_op ops[] = { LINE_OP_SEND, LINE_OP_SENDREC, LINE_OP_SENDREC,
						    LINE_OP_REPLY };

		begin_call(c, (int)draw(c->p, 0, (uint64_t)c->w->procs - 1), ops[dice % 4]);
		return;
	}
	begin_receive(c);
}

void process_final_call(struct world *w, int node, int proc, int peer, enum round round)
{
	struct program *p = &w->node[node].copy[proc].program;
	struct ctx c = { .w = w, .node = node, .p = p };

	begin_call(&c, peer, round == ROUND_BOTH_SEND ? LINE_OP_SEND : LINE_OP_SENDREC);
	if (p->phase != PHASE_CLEAR) {
		world_fail(w, "I1: endpoint %d does not find %d in the last round", proc, peer);
		return;
	}
	p->deadline_us = 0;
	p->round = round;
}

void process_on_step(struct world *w, int node, int proc, uint32_t chain)
{
	static void (*const steps[])(struct ctx *) = {
		[PHASE_IDLE] = on_idle,
		[PHASE_CLEAR] = on_clear,
		[PHASE_WAIT] = on_wait,
		[PHASE_TAKE] = on_take,
		[PHASE_WITHDRAW] = on_withdraw,
		[PHASE_LATE_ANSWER] = on_late_answer,
		[PHASE_RECEIVE] = on_receive,
		[PHASE_REPLY_CLEAR] = on_reply_clear,
		[PHASE_REPLY_MARK] = on_reply_mark,
		[PHASE_REPLY_WITHDRAW] = on_reply_withdraw,
	};
	struct copy *copy = &w->node[node].copy[proc];
	struct ctx c = { .w = w, .node = node, .p = &copy->program };

	if (copy->state != COPY_RUNNING || copy->chain != chain)
		return;
	steps[copy->program.phase](&c);
	world_put(w, step_event(w, node, proc), draw(c.p, 5, draw(c.p, 0, 9) ? 300 : 5000));
}
