/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The group: one log. With a sequencer: Proposals of one node arrive in their order, each node applies the log in its
 * own time, and a node that joins gets the directory as of one point. A proposal that arrives from a life that
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
	for (int node = 0; node < w->nodes && !w->council; node++)
		if (w->node[node].up && w->node[node].incarnation)
			world_put(w, world_event(w, EVENT_DELIVER, node),
				  world_random(w, 1, w->group_delay_us_max));
	w->report->commands++;
}

static void to_sequencer(struct world *w, int node, const struct command *cmd)
{
	struct node *from = &w->node[node];
	struct sim_event event = world_event(w, EVENT_PROPOSAL, world_chance(w, 50) ? node : -1);
	struct command *copy = malloc(sizeof(*copy));
	uint64_t arrives = w->now_us + world_random(w, 1, w->group_delay_us_max);

	if (!copy)
		abort();
	*copy = *cmd;
	event.data = copy;
	if (arrives < from->proposals_until)
		arrives = from->proposals_until;
	from->proposals_until = arrives;
	from->proposals++;
	assert(!w->council);
	world_put(w, event, arrives - w->now_us);
}

void order_propose(struct world *w, int node, struct command cmd)
{
	struct node *from = &w->node[node];

	assert(from->up);
	assert(from->incarnation);
	cmd.version = COMMAND_VERSION;
	cmd.origin = node;
	cmd.request = (uint64_t)from->incarnation << 32 | ++from->next_request;
	if (w->council)
		w->propose(w, node, &cmd);
	else
		to_sequencer(w, node, &cmd);
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

/* The deputies' view of it; that of the daemons is looked at by sim/member. */
void order_decided(struct world *w, int node, uint64_t order, const struct command *cmd)
{
	assert(w->council);
	if (order == w->log_count + 1u)
		append(w, cmd);
	else if (order > w->log_count || memcmp(&w->log[order - 1].command, cmd, sizeof(*cmd)))
		world_fail(w, "I4: node %d is told another command %llu than others were", node,
			   (unsigned long long)order);
}

static void append_join(struct world *w, int node)
{
	struct command join = {
		.version = COMMAND_VERSION, .kind = COMMAND_NODE_JOIN, .node = node, .origin = -1
	};

	append(w, &join);
}

void order_start_node(struct world *w, int node)
{
	size_t len;

	assert(!w->node[node].incarnation);
	append_join(w, node);
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
	if (w->council)
		return;
	for (int node = 0; node < w->nodes; node++)
		append_join(w, node);
	append(w, &cmd);
	for (int node = 0; node < w->nodes; node++) {
		w->node[node].directory = w->truth;
		w->node[node].incarnation = w->truth.node[node].incarnation;
	}
}
