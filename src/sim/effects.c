/* SPDX-License-Identifier: Apache-2.0 */
/* A node applies the log: the effects of each command reach its daemon, its processes and its moves. */

#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "sim/world.h"

static struct directory_effect effect_memory[DIRECTORY_EFFECTS_MAX];

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

	move_source_hear(w, node, effect);
	move_target_hear(w, node, effect);
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
		move_source_hear(w, node, effect);
		break;
	case DUTY_TELL_TARGET:
		move_target_hear(w, node, effect);
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
		/* Its process waits with the proposal; that of an earlier life is gone. */
		if (effect->node == node && w->node[node].is_proposer)
			process_begin(w, node, proc, effect->generation);
		daemon_offer_new(w, node, proc);
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
		if (effect->node != node)
			daemon_link_up(w, node, effect->node);
		break;
	case EFFECT_DC_CREATED:
	case EFFECT_DC_REMOVED:
	case EFFECT_ENDPOINT_ATTACHED:
	case EFFECT_ENDPOINT_STATED:
		break;
	}
}

/* Its own JOIN has been applied: the links to all the others may come up. */
static void joined(struct world *w, int node)
{
	w->node[node].incarnation = w->node[node].directory.node[node].incarnation;
	w->node[node].next_request = 0;
	w->forgetful &= ~(1u << node);
	world_log(w, "node %d is a member, incarnation %u", node, w->node[node].incarnation);
	for (int peer = 0; peer < w->nodes; peer++)
		if (peer != node)
			daemon_link_up(w, node, peer);
}

static bool is_own(struct world *w, int node, const struct command *cmd)
{
	if (cmd->origin != node || cmd->kind == COMMAND_NODE_JOIN)
		return false;
	return member_takes(w, node, cmd);
}

void effects_told(struct world *w, int node, const struct command *cmd, int code)
{
	struct sim_event event = world_event(w, EVENT_OUTCOME, node);
	struct command *copy = malloc(sizeof(*copy));

	if (!copy)
		abort();
	assert(code < 0);
	*copy = *cmd;
	event.tag = (uint32_t)-code;
	event.data = copy;
	world_put(w, event, 1);
}

void effects_on_outcome(struct world *w, int node, const struct command *cmd, int code)
{
	struct directory_result result = { .code = code };

	if (code != EDVSINPROGRESS || cmd->kind == COMMAND_MOVE_START)
		own_result(w, node, cmd, &result);
}

void effects_apply(struct world *w, int node, uint64_t order, const struct command *cmd)
{
	struct directory_effects effects = { .item = effect_memory };
	struct directory_result result;
	struct directory_effect *own;

	w->node[node].is_proposer = is_own(w, node, cmd);
	order_mutate(w, &w->node[node].directory, cmd);
	directory_apply(&w->node[node].directory, order, cmd, &effects, &result);
	checker_applied(w, node, order);
	/* The execution may put further commands in the log, which uses the same memory. */
	own = malloc((effects.count + 1) * sizeof(*own));
	if (!own)
		abort();
	memcpy(own, effects.item, effects.count * sizeof(*own));
	/* That of an earlier life may come before the end of that life. */
	if (cmd->kind == COMMAND_NODE_JOIN && cmd->node == node && w->member[node].seat.joined)
		joined(w, node);
	for (uint32_t i = 0; i < effects.count && !w->report->failed; i++)
		execute(w, node, &own[i]);
	/* When the proposer looks, the node already agrees with the directory. */
	if (w->node[node].is_proposer)
		own_result(w, node, cmd, &result);
	free(own);
}
