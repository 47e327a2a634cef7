/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Moves by hand: a tool that brings its own checkpointer. It is a program on some node, which it ends with. It
 * says START, waits until the process is held, takes its memory, and says ROLLBACK, or COMMIT to some node
 * where the memory becomes a process again. The old one may have been in the middle of a call; that process is at
 * the beginning of one. A commit carries the endpoint and none of its conversations, so a careful tool waits until
 * every node has heard of the same.
 */

#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

#define TRIES_MAX 40
#define LOOK_US	  4000

enum stage {
	STAGE_LOOK = 1, /* for START to be in force, and the process to be held */
	STAGE_ATTACH,	/* the commit named no process: another one does */
};

static const struct directory_endpoint *seen_by(const struct world *w, int node, int proc)
{
	assert(w->node[node].up);
	return world_endpoint(&w->node[node].directory, proc);
}

static void say(struct world *w, int node, int proc, struct command cmd)
{
	cmd.p_nr = SLOT_BASE + proc;
	cmd.generation = w->tool[proc].generation;
	cmd.flags |= COMMAND_FLAG_BY_HAND;
	order_propose(w, node, cmd);
	/* The last decision may be said again. */
	if (world_chance(w, 25))
		order_propose(w, node, cmd);
}

static void look_later(struct world *w, int node, int proc, enum stage stage)
{
	struct sim_event event = world_event(w, EVENT_BY_HAND, node);

	event.slot = proc;
	event.a = stage;
	event.tag = w->tool[proc].number;
	world_put(w, event, world_random(w, 1, LOOK_US));
}

void by_hand_start(struct world *w, int node, int proc)
{
	struct tool *tool = &w->tool[proc];
	const struct directory_endpoint *ep = seen_by(w, node, proc);

	if (!ep->bound)
		return;
	*tool = (struct tool){ .number = tool->number + 1, .generation = ep->generation };
	world_log(w, "by hand: start of endpoint %d, said at node %d", proc, node);
	say(w, node, proc, (struct command){ .kind = COMMAND_MOVE_START, .target = -1 });
	look_later(w, node, proc, STAGE_LOOK);
}

void by_hand_roll_back(struct world *w, int node, int proc)
{
	w->tool[proc].generation = seen_by(w, node, proc)->generation;
	say(w, node, proc, (struct command){ .kind = COMMAND_MOVE_ROLLBACK });
}

/* A replica that says less than the owner's node knows. */
static bool lags(const struct page *page, const struct page *owner, int side)
{
	uint64_t word = line_word_now(&page->shm.line[side]);
	const struct notify_word *note = &page->shm.notify[side];

	return line_word_compare(word, line_word_now(&owner->shm.line[side])) ||
	       note->posted != owner->shm.notify[side].posted ||
	       note->taken != owner->shm.notify[side].taken;
}

/* Of one conversation: the old process's own message is over, and each node knows as much as the owner's. */
static bool is_quiet_with(struct world *w, int owner, int proc, int peer)
{
	const struct page *own = &w->node[owner].page[world_pair(proc, peer)];

	if (!own->exists)
		return true;
	if (line_word_is_waiting(line_word_now(&own->shm.line[world_side(proc, peer)])))
		return false;
	for (int node = 0; node < w->nodes; node++) {
		const struct page *page = &w->node[node].page[world_pair(proc, peer)];
		bool same = page->exists &&
			    !memcmp(page->generation, own->generation, sizeof(page->generation));

		if (!w->node[node].up || node == owner)
			continue;
		/* Where the peer is, none says that nothing was heard of. */
		if (!same && world_endpoint(&w->truth, peer)->node == node)
			return false;
		if (same && (lags(page, own, 0) || lags(page, own, 1)))
			return false;
	}
	return true;
}

static bool is_quiet(struct world *w, int owner, int proc)
{
	for (int peer = 0; peer < w->procs; peer++)
		if (peer != proc &&
		    (world_is_on_the_move(w, peer) || !is_quiet_with(w, owner, proc, peer)))
			return false;
	return true;
}

/* The memory as it is restored: between two calls, and with the requests that the old process had not answered. */
static void take_memory(struct tool *tool, const struct program *program)
{
	tool->program = *program;
	tool->program.phase = PHASE_IDLE;
	tool->program.deadline_us = 0;
	tool->program.call = (struct call_request){ 0 };
	tool->program.round = ROUND_NONE;
}

/* Of the move that was seen, and of none that is started before the order decides. */
static struct command commit_to(const struct tool *tool, int target)
{
	return (struct command){ .kind = COMMAND_MOVE_COMMIT,
				 .target = target,
				 .move = tool->move };
}

/* The number of the process that has been made of the memory. */
static int pid_of(const struct world *w, int proc)
{
	return (int)(w->tool[proc].number * PROCS_MAX) + proc + 1;
}

static void attach_at(struct world *w, int node, int proc)
{
	struct command cmd = commit_to(&w->tool[proc], node);

	cmd.flags = COMMAND_FLAG_ATTACH;
	cmd.lpid = pid_of(w, proc);
	world_log(w, "by hand: process %d for endpoint %d at node %d", cmd.lpid, proc, node);
	say(w, node, proc, cmd);
}

static void commit(struct world *w, int node, int proc, int owner)
{
	int target = (int)world_random(w, 0, (uint64_t)w->nodes - 1);

	if (target == owner || !world_is_open(&w->node[target])) {
		by_hand_roll_back(w, node, proc);
		return;
	}
	w->tool[proc].move = seen_by(w, node, proc)->move;
	take_memory(&w->tool[proc], &w->node[owner].copy[proc].program);
	world_log(w, "by hand: commit of endpoint %d from %d to %d", proc, owner, target);
	if (world_chance(w, 60)) {
		attach_at(w, target, proc);
		return;
	}
	say(w, node, proc, commit_to(&w->tool[proc], target));
	look_later(w, target, proc, STAGE_ATTACH);
}

static void on_look(struct world *w, int node, int proc)
{
	struct tool *tool = &w->tool[proc];
	const struct directory_endpoint *ep = seen_by(w, node, proc);
	const struct copy *copy;
	bool is_ready;

	if (!ep->bound || ep->generation != tool->generation || ++tool->tries > TRIES_MAX) {
		by_hand_roll_back(w, node, proc);
		return;
	}
	copy = &w->node[ep->node].copy[proc];
	is_ready = ep->moving && ep->by_hand && w->node[ep->node].up &&
		   seen_by(w, ep->node, proc)->moving &&
		   seen_by(w, ep->node, proc)->move == ep->move && copy->state == COPY_RUNNING &&
		   copy->held && copy->program.generation == tool->generation &&
		   process_is_at_gate(copy);
	if (!is_ready || (!is_quiet(w, ep->node, proc) && !world_mutated(w, SIM_COMMIT_IN_HASTE)))
		look_later(w, node, proc, STAGE_LOOK);
	/* Nothing is carried that would make known what a link repeats; the product's links repeat nothing. */
	else if (!w->strict || world_chance(w, 40))
		by_hand_roll_back(w, node, proc);
	else
		commit(w, node, proc, ep->node);
}

void by_hand_on_event(struct world *w, const struct sim_event *event)
{
	int node = event->node, proc = event->slot;
	const struct directory_endpoint *ep = seen_by(w, node, proc);

	if (w->tool[proc].number != event->tag)
		return;
	if (event->a == STAGE_LOOK)
		on_look(w, node, proc);
	else if (ep->bound && ep->node == node && !ep->attached)
		attach_at(w, node, proc);
	else if (++w->tool[proc].tries < TRIES_MAX)
		look_later(w, node, proc, STAGE_ATTACH);
}

/* As by_hand.c of the product does for the process that the commit has named. */
void by_hand_on_attached(struct world *w, int node, int proc)
{
	struct copy *copy = &w->node[node].copy[proc];
	bool is_gone = world_chance(w, 5) || w->tool[proc].program.slot != proc ||
		       w->tool[proc].program.generation != w->tool[proc].generation;

	switch (duty_of_attach(copy->state != COPY_NONE, is_gone)) {
	case DUTY_ATTACH_NOTHING:
		break;
	case DUTY_ATTACH_UNBIND:
		*copy = (struct copy){ .state = COPY_DEAD,
				       .chain = copy->chain,
				       .program = { .slot = proc,
						    .generation = w->tool[proc].generation } };
		order_propose(w, node,
			      (struct command){ .kind = COMMAND_UNBIND,
						.p_nr = SLOT_BASE + proc,
						.generation = w->tool[proc].generation,
						.flags = COMMAND_FLAG_DIED });
		break;
	case DUTY_ATTACH_TAKE_OVER:
		copy->state = COPY_RUNNING;
		copy->held = false;
		copy->program = w->tool[proc].program;
		if (!world_mutated(w, SIM_NUMBERS_AGAIN))
			daemon_begin(w, node, proc);
		daemon_unhold(w, node, proc);
		daemon_offer(w, node, proc);
		process_run(w, node, proc);
		w->report->by_hand++;
		break;
	}
}

/* The owner until now sends its lines to the endpoint's node. */
void by_hand_hand_over(struct world *w, int node, int proc)
{
	struct copy *copy = &w->node[node].copy[proc];

	if (world_mutated(w, SIM_OLD_LIVES_ON)) {
		copy->held = false;
		return;
	}
	daemon_hold(w, node, proc);
	if (copy->state == COPY_NONE)
		return;
	world_log(w, "by hand: the process of endpoint %d at node %d ends", proc, node);
	copy->state = COPY_NONE;
	copy->held = false;
	daemon_release(w, node, proc);
	daemon_resend(w, node, proc);
}

/* After the faults somebody looks after the moves that a tool has left: all is rolled back, or given its process. */
bool by_hand_tidy(struct world *w)
{
	bool found = false;

	for (int proc = 0; proc < w->procs; proc++) {
		const struct directory_endpoint *ep = world_endpoint(&w->truth, proc);
		int node = ep->node;

		if (!ep->bound || !w->node[node].up ||
		    (!(ep->moving && ep->by_hand) && ep->attached))
			continue;
		found = true;
		if (!world_is_open(&w->node[node]))
			continue;
		w->tool[proc].number++;
		w->tool[proc].generation = ep->generation;
		w->tool[proc].move = ep->move;
		if (ep->moving)
			by_hand_roll_back(w, node, proc);
		else
			attach_at(w, node, proc);
	}
	return found;
}
