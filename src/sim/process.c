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

/* The call ends: the sender is told what became of its message. */
static void tell(struct ctx *c, enum told told)
{
	checker_told(c->w, c->p->message, told);
	if (c->p->final && told != TOLD_ANSWERED)
		world_fail(c->w, "I1: endpoint %d got no answer from %d in the last round",
			   c->p->slot, c->p->peer);
	c->p->final = false;
	idle(c);
}

static bool find_page(struct ctx *c)
{
	struct program *p = c->p;
	int side = world_side(p->slot, p->peer);

	c->page =
		daemon_page_of(c->w, c->node, p->slot, p->generation, p->peer, p->peer_generation);
	if (!c->page)
		return false;
	c->own = &c->page->shm.line[side];
	c->peer = &c->page->shm.line[1 - side];
	return true;
}

static uint64_t word_of(const struct line *line)
{
	return atomic_load(&line->word);
}

static bool is_waiting(uint64_t word)
{
	return line_word_state(word) == LINE_FULL || line_word_state(word) == LINE_SENT;
}

static void ask_back(struct ctx *c, uint64_t seq)
{
	atomic_store(&c->page->shm.withdraw[world_side(c->p->slot, c->p->peer)], seq);
}

static bool is_dead(const struct ctx *c)
{
	return atomic_load(&c->page->shm.dead) != 0;
}

static void post(struct ctx *c, enum line_op op, uint32_t request, uint64_t aux)
{
	struct program *p = c->p;
	message msg;

	p->message = checker_letter(c->w, p->slot, p->peer, p->generation, p->peer_generation, op,
				    request);
	checker_fill(p->message, &msg);
	p->seq = line_post(c->own, op, &msg, aux);
	world_log(c->w, "message %u: %d to %d op %d seq %llu posted at node %d", p->message,
		  p->slot, p->peer, op, (unsigned long long)p->seq, c->node);
}

/* Whether the peer still waits for the answer that is in our line. */
static bool answer_is_awaited(const struct ctx *c)
{
	uint64_t request = word_of(c->peer);
	enum line_state state = line_word_state(request);

	return line_word_seq(request) == atomic_load(&c->own->aux) &&
	       line_word_op(request) == LINE_OP_SENDREC &&
	       (state == LINE_TAKEN || (state == LINE_DONE && !line_word_result(request)));
}

/* One attempt to free our line of what an earlier call left. */
static void clear(struct ctx *c)
{
	uint64_t word = word_of(c->own);
	uint64_t seq = line_word_seq(word);

	if (line_word_state(word) == LINE_TAKEN)
		line_close(c->own, seq, EDVSTIMEDOUT);
	else if (line_word_op(word) == LINE_OP_ANSWER && answer_is_awaited(c))
		return;
	else if (line_word_state(line_withdraw(c->own, seq)) == LINE_SENT)
		ask_back(c, seq);
}

static void on_clear(struct ctx *c)
{
	if (!find_page(c) || is_dead(c) || is_late(c)) {
		if (c->p->final)
			world_fail(c->w, "I1: endpoint %d cannot call %d in the last round",
				   c->p->slot, c->p->peer);
		idle(c);
		return;
	}
	if (!line_word_is_free(word_of(c->own))) {
		clear(c);
		return;
	}
	post(c, c->p->op, 0, 0);
	c->p->phase = PHASE_WAIT;
}

/* Takes the answer to our request, gives back one that nobody waits for. */
static bool take_answer(struct ctx *c)
{
	struct line_image image;

	if (!line_peek(c->peer, &image) || line_word_op(image.word) != LINE_OP_ANSWER)
		return false;
	if (image.aux != c->p->seq) {
		line_withdraw_here(c->peer, line_word_seq(image.word));
		return false;
	}
	if (!line_take(c->peer, &image))
		return false;
	checker_taken(c->w, (uint32_t)image.msg.m_type, c->p->slot, c->p->generation, &image.msg);
	if (c->w->letter[image.msg.m_type].request != c->p->message)
		world_fail(c->w, "I1: endpoint %d took the answer to another request", c->p->slot);
	/* It may come before the news that the request was taken. */
	if (is_waiting(word_of(c->own)))
		line_take(c->own, &image);
	line_close(c->own, c->p->seq, 0);
	tell(c, TOLD_ANSWERED);
	return true;
}

static void await_answer(struct ctx *c)
{
	uint64_t word = word_of(c->own);

	if (take_answer(c))
		return;
	if (line_word_state(word) == LINE_DONE && line_word_result(word)) {
		tell(c, TOLD_DIED);
		return;
	}
	if (is_dead(c)) {
		tell(c, TOLD_DIED);
		return;
	}
	if (!is_late(c))
		return;
	word = line_close(c->own, c->p->seq, EDVSTIMEDOUT);
	if (line_word_result(word))
		tell(c, TOLD_UNANSWERED);
	else
		c->p->deadline_us = 0; /* answered: it is on its way, and has to come */
}

/* Posted. What the line says now; true if that ended the wait. */
static bool look(struct ctx *c)
{
	uint64_t word = word_of(c->own);

	if (line_word_seq(word) != c->p->seq) {
		world_fail(c->w, "I1: the line of endpoint %d lost sequence %llu", c->p->slot,
			   (unsigned long long)c->p->seq);
		return true;
	}
	switch (line_word_state(word)) {
	case LINE_TAKEN:
		if (c->p->op == LINE_OP_SENDREC)
			c->p->phase = PHASE_ANSWER;
		else
			tell(c, TOLD_TAKEN);
		return true;
	case LINE_DONE:
		if (line_word_result(word))
			tell(c, TOLD_DIED);
		else
			c->p->phase = PHASE_ANSWER;
		return true;
	case LINE_WITHDRAWN:
		tell(c, TOLD_WITHDRAWN);
		return true;
	case LINE_FREE:
	case LINE_FULL:
	case LINE_SENT:
		break;
	}
	return false;
}

static void on_wait(struct ctx *c)
{
	if (!find_page(c)) {
		tell(c, TOLD_DIED);
		return;
	}
	if (c->p->op == LINE_OP_SENDREC && take_answer(c))
		return;
	if (look(c) || !(is_late(c) || c->p->phase == PHASE_WITHDRAW))
		return;
	line_withdraw(c->own, c->p->seq);
	if (look(c))
		return;
	ask_back(c, c->p->seq);
	c->p->phase = PHASE_WITHDRAW;
}

static void on_answer(struct ctx *c)
{
	if (find_page(c))
		await_answer(c);
	else
		tell(c, TOLD_DIED);
}

static bool receive_from(struct ctx *c, int peer)
{
	const struct directory_endpoint *ep = world_endpoint(&c->w->node[c->node].directory, peer);
	struct line_image image;
	uint32_t number;

	c->p->peer = peer;
	c->p->peer_generation = ep->generation;
	if (!ep->bound || !find_page(c) || !line_peek(c->peer, &image))
		return false;
	if (line_word_op(image.word) == LINE_OP_ANSWER) {
		line_withdraw_here(c->peer, line_word_seq(image.word));
		return false;
	}
	if (!line_take(c->peer, &image))
		return false;
	number = (uint32_t)image.msg.m_type;
	world_log(c->w, "message %u: taken by %d at node %d", number, c->p->slot, c->node);
	checker_taken(c->w, number, c->p->slot, c->p->generation, &image.msg);
	if (line_word_op(image.word) == LINE_OP_SENDREC) {
		c->p->request[peer].open = true;
		c->p->request[peer].generation = ep->generation;
		c->p->request[peer].seq = line_word_seq(image.word);
		c->p->request[peer].message = number;
	}
	return true;
}

/* Notifications come before messages, and whoever they are from. */
static void take_notes(struct ctx *c)
{
	for (int peer = 0; peer < c->w->procs; peer++) {
		struct notify_image note;

		if (peer == c->p->slot)
			continue;
		c->p->peer = peer;
		c->p->peer_generation =
			world_endpoint(&c->w->node[c->node].directory, peer)->generation;
		if (find_page(c) &&
		    notify_take(&c->page->shm.notify[world_side(peer, c->p->slot)], false, &note))
			checker_note_taken(c->w, peer, c->p->peer_generation, c->p->slot,
					   c->p->generation, &note);
	}
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

static void on_receive(struct ctx *c)
{
	int first = (int)draw(c->p, 0, (uint64_t)c->w->procs - 1);

	take_notes(c);

	for (int i = 0; i < c->w->procs; i++) {
		int peer = (first + i) % c->w->procs;

		if (peer != c->p->slot && receive_from(c, peer)) {
			idle(c);
			return;
		}
	}
	if (is_late(c))
		idle(c);
}

static void request_over(struct ctx *c)
{
	c->p->request[c->p->peer].open = false;
	idle(c);
}

static void on_reply_clear(struct ctx *c)
{
	uint64_t seq = c->p->request[c->p->peer].seq, word;

	if (!find_page(c) || is_dead(c)) {
		request_over(c);
		return;
	}
	word = word_of(c->peer);
	if ((line_word_seq(word) != seq || line_word_state(word) != LINE_TAKEN) &&
	    !world_mutated(c->w, SIM_ANSWER_TO_NEXT_LIFE)) {
		request_over(c);
		return;
	}
	if (!line_word_is_free(word_of(c->own))) {
		clear(c);
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
	uint64_t word;

	if (!find_page(c)) {
		answer_told(c, TOLD_DIED);
		return;
	}
	word = line_withdraw(c->own, c->p->seq);
	switch (line_word_state(word)) {
	case LINE_WITHDRAWN:
		answer_told(c, TOLD_WITHDRAWN);
		break;
	case LINE_TAKEN:
		answer_told(c, TOLD_TAKEN);
		break;
	case LINE_DONE:
		answer_told(c, TOLD_DIED);
		break;
	case LINE_FREE:
	case LINE_FULL:
	case LINE_SENT:
		if (is_dead(c))
			answer_told(c, TOLD_DIED);
		else
			ask_back(c, c->p->seq);
		break;
	}
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
	if (peer == c->p->slot || !daemon_page(c->w, c->node, c->p->slot, peer))
		return;
	c->p->peer = peer;
	c->p->peer_generation = world_endpoint(&c->w->node[c->node].directory, peer)->generation;
	c->p->op = op;
	c->p->phase = PHASE_CLEAR;
	c->p->deadline_us = draw_deadline(c);
}

static void exit_now(struct ctx *c)
{
	struct copy *copy = &c->w->node[c->node].copy[c->p->slot];
	struct departure *departure = &c->w->node[c->node].departure[c->p->slot];

	world_log(c->w, "endpoint %d ends at node %d", c->p->slot, c->node);
	copy->state = COPY_DEAD;
	if (departure->active && !plan_source_is_ended(&departure->plan))
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
		begin_call(c, (int)draw(c->p, 0, (uint64_t)c->w->procs - 1),
			   dice & 1 ? LINE_OP_SEND : LINE_OP_SENDREC);
		return;
	}
	c->p->phase = PHASE_RECEIVE;
	c->p->deadline_us = draw_deadline(c);
}

void process_final_call(struct world *w, int node, int proc, int peer)
{
	struct program *p = &w->node[node].copy[proc].program;
	struct ctx c = { .w = w, .node = node, .p = p };

	begin_call(&c, peer, LINE_OP_SENDREC);
	if (p->phase != PHASE_CLEAR) {
		world_fail(w, "I1: endpoint %d does not find %d in the last round", proc, peer);
		return;
	}
	p->deadline_us = 0;
	p->final = true;
}

void process_on_step(struct world *w, int node, int proc, uint32_t chain)
{
	static void (*const steps[])(struct ctx *) = {
		[PHASE_IDLE] = on_idle,
		[PHASE_CLEAR] = on_clear,
		[PHASE_WAIT] = on_wait,
		[PHASE_ANSWER] = on_answer,
		[PHASE_WITHDRAW] = on_wait,
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
