/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table as a whole: which half of which command is called, and the nodes. DCs, endpoints, migrations and effects
 * have files of their own.
 */

#include "core/directory.h"

#include <string.h>

#include "core/assert.h"
#include "core/directory_part.h"

void directory_init(struct directory *dir)
{
	memset(dir, 0, sizeof(*dir));
	dir->next_move = 1;
}

void directory_node_assert(const struct directory *dir, int node)
{
	CORE_ASSERT(directory_node_in_range(node));
	CORE_ASSERT(dir->node[node].up <= 1);
	CORE_ASSERT(!dir->node[node].up || dir->node[node].incarnation);
	CORE_ASSERT(!dir->node[node].name[MAXNODENAME - 1]);
}

static int join_check(const struct directory *dir, const struct command *cmd)
{
	(void)dir;
	return directory_node_in_range(cmd->node) ? 0 : EDVSBADNODEID;
}

static int leave_check(const struct directory *dir, const struct command *cmd)
{
	if (!directory_node_in_range(cmd->node))
		return EDVSBADNODEID;
	/* The leaving of an older life, that a join has already ended, says nothing new. */
	if (!dir->node[cmd->node].up ||
	    (cmd->value && cmd->value != dir->node[cmd->node].incarnation))
		return EDVSNODEFREE;
	return 0;
}

static void dc_forget_node(struct directory_change *change, int dcid, int node)
{
	struct directory_dc *dc = &change->dir->dc[dcid];

	directory_dc_assert(change->dir, dcid);
	for (int p_nr = -dc->nr_tasks; p_nr < dc->nr_procs; p_nr++) {
		struct directory_endpoint *ep = &dc->slot[shm_index(p_nr)];

		if (ep->stated && ep->node == node)
			directory_statement_end(change, dcid, p_nr);
		if (!ep->bound)
			continue;
		if (ep->node == node)
			directory_slot_end(change, dcid, p_nr);
		else if (ep->moving && ep->target == node)
			directory_slot_roll_back(change, dcid, p_nr);
		directory_slot_assert(change->dir, dcid, p_nr);
	}
}

static void node_end(struct directory_change *change, int node)
{
	CORE_ASSERT(change->dir->node[node].up);
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		if (change->dir->dc[dcid].running)
			dc_forget_node(change, dcid, node);
	change->dir->node[node].up = 0;
	directory_effect_node(change, EFFECT_NODE_DOWN, node, -1);
	directory_node_assert(change->dir, node);
}

static void leave_apply(struct directory_change *change, const struct command *cmd)
{
	CORE_ASSERT(directory_node_up(change->dir, cmd->node));
	CORE_ASSERT(!cmd->value || cmd->value == change->dir->node[cmd->node].incarnation);
	node_end(change, cmd->node);
}

static void join_apply(struct directory_change *change, const struct command *cmd)
{
	struct directory_node *node = &change->dir->node[cmd->node];

	directory_node_assert(change->dir, cmd->node);
	if (node->up)
		node_end(change, cmd->node);
	node->up = 1;
	node->incarnation++;
	node->address = cmd->address;
	node->secret = cmd->secret;
	directory_copy_name(node->name, cmd->name);
	change->result->value = (int32_t)node->incarnation;
	directory_effect_node(change, EFFECT_NODE_UP, cmd->node, -1);
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		if (change->dir->dc[dcid].running &&
		    (change->dir->dc[dcid].nodes & directory_node_bit(cmd->node)))
			directory_effect_node(change, EFFECT_DC_CREATED, cmd->node, dcid);
	directory_node_assert(change->dir, cmd->node);
}

static int sync_check(const struct directory *dir, const struct command *cmd)
{
	(void)dir;
	(void)cmd;
	return 0;
}

static void sync_apply(struct directory_change *change, const struct command *cmd)
{
	(void)change;
	(void)cmd;
}

enum judged {
	JUDGED_NOT = 1, /* a member's own news, or nothing that changes */
	JUDGED_CLUSTER, /* root may */
	JUDGED_DC,	/* of the DC that it names, the right to change it */
};

/* Without a `judged`, a command is nobody's. */
static const struct {
	enum judged judged;
	directory_check_fn *check;
	directory_apply_fn *apply;
} halves[COMMAND_LAST + 1] = {
	[COMMAND_NODE_JOIN] = { JUDGED_NOT, join_check, join_apply },
	[COMMAND_NODE_LEAVE] = { JUDGED_NOT, leave_check, leave_apply },
	[COMMAND_DC_CREATE] = { JUDGED_CLUSTER, directory_dc_create_check,
				directory_dc_create_apply },
	[COMMAND_DC_REMOVE] = { JUDGED_CLUSTER, directory_dc_remove_check,
				directory_dc_remove_apply },
	[COMMAND_ADD_NODE] = { JUDGED_CLUSTER, directory_add_node_check, directory_add_node_apply },
	[COMMAND_DEL_NODE] = { JUDGED_CLUSTER, directory_del_node_check, directory_del_node_apply },
	[COMMAND_BIND] = { JUDGED_DC, directory_bind_check, directory_bind_apply },
	[COMMAND_UNBIND] = { JUDGED_DC, directory_unbind_check, directory_unbind_apply },
	[COMMAND_MOVE_START] = { JUDGED_DC, directory_start_check, directory_start_apply },
	[COMMAND_MOVE_COMMIT] = { JUDGED_DC, directory_commit_check, directory_commit_apply },
	[COMMAND_MOVE_ROLLBACK] = { JUDGED_DC, directory_rollback_check, directory_rollback_apply },
	[COMMAND_DC_ADDRESS] = { JUDGED_CLUSTER, directory_service_check, directory_service_apply },
	[COMMAND_SYNC] = { JUDGED_NOT, sync_check, sync_apply },
};

/* A DC that does not run is nobody's: the check says what is wrong with it. */
static bool may(const struct directory *dir, const struct command *cmd)
{
	const struct right_user by = { .uid = cmd->by_uid, .gid = cmd->by_gid };
	const struct directory_dc *dc;

	switch (halves[cmd->kind].judged) {
	case JUDGED_NOT:
		return true;
	case JUDGED_DC:
		dc = cmd->dcid < 0 || cmd->dcid >= SHM_DCS ? NULL : &dir->dc[cmd->dcid];
		return !dc || !dc->running || right_may(&dc->owner, &by, RIGHT_CHANGE);
	case JUDGED_CLUSTER:
		break;
	}
	return by.uid == 0;
}

int directory_check(const struct directory *dir, const struct command *cmd)
{
	CORE_ASSERT(dir->next_move);
	if (cmd->kind > COMMAND_LAST || !halves[cmd->kind].check)
		return EDVSNOSYS;
	if (!may(dir, cmd))
		return EDVSPRIVILEGES;
	return halves[cmd->kind].check(dir, cmd);
}

void directory_apply(struct directory *dir, uint64_t order, const struct command *cmd,
		     struct directory_effects *effects, struct directory_result *result)
{
	struct directory_change change = { dir, effects, result };

	CORE_ASSERT(effects->item);
	CORE_ASSERT(order > dir->order);
	memset(result, 0, sizeof(*result));
	effects->count = 0;
	dir->order = order;
	result->code = directory_check(dir, cmd);
	CORE_ASSERT(result->code <= 0);
	if (result->code)
		return;
	halves[cmd->kind].apply(&change, cmd);
	CORE_ASSERT(result->code == 0);
	CORE_ASSERT(effects->count <= DIRECTORY_EFFECTS_MAX);
}

bool directory_slot_valid(const struct directory_dc *dc, int p_nr)
{
	return p_nr >= -dc->nr_tasks && p_nr < dc->nr_procs;
}

const struct directory_endpoint *directory_endpoint(const struct directory *dir, int dcid, int p_nr)
{
	if (dcid < 0 || dcid >= SHM_DCS || p_nr < -SHM_TASKS || p_nr >= SHM_SLOTS - SHM_TASKS)
		return NULL;
	return &dir->dc[dcid].slot[shm_index(p_nr)];
}
