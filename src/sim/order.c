/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The group: one log. Proposals of one node arrive in their order, each node applies the log in its
 * own time, and a node that joins gets the directory as of one point. What arrives from a life that
 * the log has ended is dropped, as a sequencer does with a connection that is closed.
 */

#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

static struct directory_effect effect_memory[DIRECTORY_EFFECTS_MAX];
static uint8_t snapshot[1 << 20];

static struct log_entry *log_add(struct world *w, const struct command *cmd)
{
	assert(w->log_count <= w->log_size);
	if (w->log_count == w->log_size) {
		w->log_size = w->log_size ? 2 * w->log_size : 256;
		w->log = realloc(w->log, w->log_size * sizeof(*w->log));
		if (!w->log)
			abort();
	}
	w->log[w->log_count] = (struct log_entry){ .command = *cmd };
	return &w->log[w->log_count++];
}

static const char *kind_name(unsigned kind)
{
	static const char *const names[COMMAND_LAST + 1] = {
		"none",	       "node join",	"node leave", "dc create", "dc remove",
		"add node",    "del node",	"bind",	      "unbind",	   "move start",
		"move commit", "move rollback", "sync",
	};

	assert(kind <= COMMAND_LAST);
	return names[kind];
}

static void append(struct world *w, const struct command *cmd)
{
	struct directory_effects effects = { .item = effect_memory };
	struct directory_result result;

	log_add(w, cmd);
	directory_apply(&w->truth, w->log_count, cmd, &effects, &result);
	world_log(w, "order %u: %s endpoint %d node %d target %d move %u by %d = %d", w->log_count,
		  kind_name(cmd->kind), cmd->p_nr - SLOT_BASE, cmd->node, cmd->target, cmd->move,
		  cmd->origin, result.code);
	checker_said_again(w, result.code);
	checker_applied(w, -1, w->log_count);
	for (int node = 0; node < w->nodes; node++)
		if (w->node[node].up && w->node[node].incarnation)
			world_put(w, world_event(w, EVENT_DELIVER, node),
				  world_random(w, 1, w->group_delay_us_max));
	w->report->commands++;
}

void order_propose(struct world *w, int node, struct command cmd)
{
	struct node *from = &w->node[node];
	struct sim_event event = world_event(w, EVENT_PROPOSAL, world_chance(w, 50) ? node : -1);
	struct command *copy = malloc(sizeof(*copy));
	uint64_t arrives = w->now_us + world_random(w, 1, w->group_delay_us_max);

	assert(from->up);
	assert(from->incarnation);
	if (!copy)
		abort();
	cmd.version = COMMAND_VERSION;
	cmd.origin = node;
	cmd.request = (uint64_t)from->incarnation << 32 | ++from->next_request;
	*copy = cmd;
	event.data = copy;
	if (arrives < from->proposals_until)
		arrives = from->proposals_until;
	from->proposals_until = arrives;
	from->proposals++;
	world_put(w, event, arrives - w->now_us);
}

void order_on_proposal(struct world *w, const struct command *cmd)
{
	const struct directory_node *origin = &w->truth.node[cmd->origin];

	if (origin->up && origin->incarnation == (uint32_t)(cmd->request >> 32))
		append(w, cmd);
}

void order_on_leave(struct world *w, int node, uint32_t incarnation)
{
	struct command cmd = { .version = COMMAND_VERSION,
			       .kind = COMMAND_NODE_LEAVE,
			       .node = node,
			       .value = incarnation,
			       .origin = -1 };

	append(w, &cmd);
}

/* The plan of the source is told what became of each of its proposals, whatever the effects have said before. */
static void own_result(struct world *w, int node, const struct command *cmd,
		       const struct directory_result *result)
{
	static const enum plan_event_kind told[COMMAND_LAST + 1] = {
		[COMMAND_MOVE_START] = PLAN_START_APPLIED,
		[COMMAND_MOVE_COMMIT] = PLAN_COMMIT_APPLIED,
		[COMMAND_MOVE_ROLLBACK] = PLAN_ROLLED_BACK_APPLIED,
	};
	int proc = cmd->p_nr - SLOT_BASE;

	assert(cmd->origin == node);
	if (cmd->flags & COMMAND_FLAG_BY_HAND) {
		if ((cmd->flags & COMMAND_FLAG_ATTACH) && !result->code)
			by_hand_on_attached(w, node, proc);
		return;
	}
	if (told[cmd->kind] && w->node[node].departure[proc].generation == cmd->generation)
		move_source_event(w, node, proc, told[cmd->kind], result->code,
				  cmd->kind == COMMAND_MOVE_START ? result->move : cmd->move);
}

static void endpoint_dead(struct world *w, int node, const struct directory_effect *effect)
{
	int proc = effect->p_nr - SLOT_BASE;
	struct copy *copy = &w->node[node].copy[proc];

	if (w->node[node].departure[proc].generation == effect->generation)
		move_source_event(w, node, proc, PLAN_ENDPOINT_DEAD, 0, effect->move);
	if (w->node[node].arrival[proc].generation == effect->generation)
		move_target_event(w, node, proc, PLAN_ENDPOINT_DEAD, 0, effect->move);
	daemon_end(w, node, proc, effect->generation);
	if (copy->program.generation == effect->generation)
		copy->state = COPY_NONE;
}

static void node_down(struct world *w, int node, int down)
{
	ask_on_lost(w, node, down, true);
	for (int proc = 0; proc < w->procs; proc++) {
		if (w->node[node].departure[proc].worker.active &&
		    w->node[node].departure[proc].target == down)
			move_source_event(w, node, proc, PLAN_TARGET_NODE_LEFT, 0, 0);
		if (w->node[node].arrival[proc].worker.active &&
		    w->node[node].arrival[proc].source == down)
			move_target_event(w, node, proc, PLAN_SOURCE_NODE_LEFT, 0, 0);
	}
}

static void do_duty(struct world *w, int node, const struct directory_effect *effect,
		    enum duty duty)
{
	static const enum plan_event_kind told[] = {
		[EFFECT_MOVE_STARTED] = PLAN_START_APPLIED,
		[EFFECT_MOVE_COMMITTED] = PLAN_COMMIT_APPLIED,
		[EFFECT_MOVE_ROLLED_BACK] = PLAN_ROLLED_BACK_APPLIED,
	};
	int proc = effect->p_nr - SLOT_BASE;

	switch (duty) {
	case DUTY_HOLD:
	case DUTY_LET_GO:
		w->node[node].copy[proc].held = duty == DUTY_HOLD;
		w->report->held += duty == DUTY_HOLD;
		break;
	case DUTY_HAND_OVER:
		by_hand_hand_over(w, node, proc);
		break;
	case DUTY_TELL_SOURCE:
		move_source_event(w, node, proc, told[effect->kind], 0, effect->move);
		break;
	case DUTY_TELL_TARGET:
		move_target_event(w, node, proc, told[effect->kind], 0, effect->move);
		break;
	case DUTY_PROMOTE: /* no backups here */
		break;
	case DUTY_OFFER:
		daemon_offer(w, node, proc);
		break;
	}
}

static void move_step(struct world *w, int node, const struct directory_effect *effect)
{
	enum duty duty[DUTIES_MAX];
	uint32_t count = duty_of_move(effect, node, duty);

	if (world_mutated(w, SIM_UNMARK_ON_ROLLBACK) && effect->by_hand &&
	    effect->kind == EFFECT_MOVE_ROLLED_BACK)
		daemon_unhold(w, node, effect->p_nr - SLOT_BASE);
	for (uint32_t i = 0; i < count; i++)
		do_duty(w, node, effect, duty[i]);
}

static void execute(struct world *w, int node, const struct directory_effect *effect)
{
	int proc = effect->p_nr - SLOT_BASE;

	switch ((enum directory_effect_kind)effect->kind) {
	case EFFECT_ENDPOINT_BOUND:
		if (effect->node == node)
			process_begin(w, node, proc, effect->generation);
		daemon_offer(w, node, proc);
		break;
	case EFFECT_ENDPOINT_DEAD:
		endpoint_dead(w, node, effect);
		break;
	case EFFECT_MOVE_STARTED:
	case EFFECT_MOVE_COMMITTED:
	case EFFECT_MOVE_ROLLED_BACK:
		move_step(w, node, effect);
		break;
	case EFFECT_NODE_DOWN:
		node_down(w, node, effect->node);
		break;
	case EFFECT_NODE_UP:
		daemon_link_up(w, node, effect->node);
		break;
	case EFFECT_DC_CREATED:
	case EFFECT_DC_REMOVED:
	case EFFECT_ENDPOINT_ATTACHED:
	case EFFECT_ENDPOINT_STATED:
		break;
	}
}

static void apply_one(struct world *w, int node, uint64_t order, const struct command *cmd)
{
	struct directory_effects effects = { .item = effect_memory };
	struct directory_result result;
	struct directory_effect *own;

	directory_apply(&w->node[node].directory, order, cmd, &effects, &result);
	checker_applied(w, node, order);
	/* What is done now may put further commands in the log, which uses the same memory. */
	own = malloc((effects.count + 1) * sizeof(*own));
	if (!own)
		abort();
	memcpy(own, effects.item, effects.count * sizeof(*own));
	for (uint32_t i = 0; i < effects.count && !w->report->failed; i++)
		execute(w, node, &own[i]);
	/* When the proposer looks, the node already agrees with the directory. */
	if (cmd->origin != node || (uint32_t)(cmd->request >> 32) != w->node[node].incarnation) {
		free(own);
		return;
	}
	assert(w->node[node].proposals > 0);
	w->node[node].proposals--;
	own_result(w, node, cmd, &result);
	free(own);
}

void order_on_deliver(struct world *w, int node)
{
	uint64_t next = w->node[node].directory.order + 1;

	assert(next <= w->log_count + 1);
	if (next > w->log_count)
		return;
	if (world_mutated(w, SIM_OUT_OF_ORDER) && node == 1 && !w->reordered &&
	    next < w->log_count && next > 20) {
		w->reordered = true;
		apply_one(w, node, next, &w->log[next].command);
		apply_one(w, node, next + 1, &w->log[next - 1].command);
		return;
	}
	apply_one(w, node, next, &w->log[next - 1].command);
}

void order_start_node(struct world *w, int node)
{
	struct command cmd = {
		.version = COMMAND_VERSION, .kind = COMMAND_NODE_JOIN, .node = node, .origin = -1
	};
	size_t len;

	assert(!w->node[node].incarnation);
	append(w, &cmd);
	len = directory_encode(&w->truth, snapshot, sizeof(snapshot));
	if (!len || directory_decode(&w->node[node].directory, snapshot, len))
		world_fail(w, "I4: node %d cannot read the directory", node);
	w->node[node].incarnation = w->truth.node[node].incarnation;
	w->node[node].next_request = 0;
}

void order_found(struct world *w)
{
	struct command cmd = { .version = COMMAND_VERSION,
			       .kind = COMMAND_DC_CREATE,
			       .origin = -1 };

	assert(!w->log_count);
	directory_init(&w->truth);
	for (int node = 0; node < w->nodes; node++) {
		struct command join = { .version = COMMAND_VERSION,
					.kind = COMMAND_NODE_JOIN,
					.node = node,
					.origin = -1 };

		append(w, &join);
	}
	append(w, &cmd);
	for (int node = 0; node < w->nodes; node++) {
		w->node[node].directory = w->truth;
		w->node[node].incarnation = w->truth.node[node].incarnation;
	}
}
