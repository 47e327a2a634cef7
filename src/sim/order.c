/* SPDX-License-Identifier: Apache-2.0 */

/* The group: one log, as a sequencer makes it or the members of a council decide it. */

#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

static struct directory_effect effect_memory[DIRECTORY_EFFECTS_MAX];

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
		"none",	       "node join",	"node leave", "dc create",  "dc remove",
		"add node",    "del node",	"bind",	      "unbind",	    "move start",
		"move commit", "move rollback", "sync",	      "dc address",
	};

	assert(kind <= COMMAND_LAST);
	return names[kind];
}

/* The mutation: a COMMIT is of the one that it names, and the others that have its number go on moving. */
void order_mutate(const struct world *w, struct directory *dir, const struct command *cmd)
{
	assert(dir->next_move);
	if (cmd->kind != COMMAND_MOVE_COMMIT || !cmd->move || !world_mutated(w, SIM_COMMIT_OF_ONE))
		return;
	for (int proc = 0; proc < w->procs; proc++) {
		struct directory_endpoint *ep = &dir->dc[0].slot[shm_index(SLOT_BASE + proc)];

		if (ep->moving && ep->move == cmd->move && SLOT_BASE + proc != cmd->p_nr)
			ep->move += 1u << 30;
	}
}

void order_append(struct world *w, const struct command *cmd)
{
	struct directory_effects effects = { .item = effect_memory };
	struct directory_result result;

	log_add(w, cmd);
	order_mutate(w, &w->truth, cmd);
	directory_apply(&w->truth, w->log_count, cmd, &effects, &result);
	world_log(w, "order %u: %s endpoint %d node %d target %d move %u by %d = %d", w->log_count,
		  kind_name(cmd->kind), cmd->p_nr - SLOT_BASE, cmd->node, cmd->target, cmd->move,
		  cmd->origin, result.code);
	checker_said_again(w, result.code);
	checker_applied(w, -1, w->log_count);
	w->report->commands++;
}

void order_propose(struct world *w, int node, struct command cmd)
{
	struct node *from = &w->node[node];

	assert(from->up);
	assert(from->incarnation);
	cmd.version = COMMAND_VERSION;
	cmd.origin = node;
	cmd.request = (uint64_t)from->incarnation << 32 | ++from->next_request;
	w->propose(w, node, &cmd);
}

/* The deputies' view of it; that of the daemons is looked at by sim/member. */
void order_decided(struct world *w, int node, uint64_t order, const struct command *cmd)
{
	assert(w->council);
	if (order == w->log_count + 1u)
		order_append(w, cmd);
	else if (order > w->log_count || memcmp(&w->log[order - 1].command, cmd, sizeof(*cmd)))
		world_fail(w, "I4: node %d is told another command %llu than others were", node,
			   (unsigned long long)order);
}
