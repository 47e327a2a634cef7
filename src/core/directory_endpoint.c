/* SPDX-License-Identifier: Apache-2.0 */

/* Endpoints: bound, and ended by an unbind, the removal of their DC or the leaving of their node. */

#include <string.h>

#include "core/directory_part.h"

void directory_slot_assert(const struct directory *dir, int dcid, int p_nr)
{
	const struct directory_endpoint *ep = &dir->dc[dcid].slot[shm_index(p_nr)];

	CORE_ASSERT(ep->bound <= 1 && ep->stated <= 1);
	CORE_ASSERT(!ep->bound || !ep->stated);
	CORE_ASSERT(ep->bound || !ep->moving);
	CORE_ASSERT(ep->bound || !ep->committed);
	CORE_ASSERT(ep->moving || !ep->by_hand);
	CORE_ASSERT(!ep->moving || !ep->committed);
	CORE_ASSERT((!ep->moving && !ep->committed) || ep->move);
	CORE_ASSERT(ep->kind <= ENDPOINT_REPLICA);
	CORE_ASSERT(ep->generation <= _ENDPOINT_MAX_GENERATION);
	CORE_ASSERT(ep->target >= -1 && ep->target < NR_NODES);
	if (!ep->bound && !ep->stated)
		return;
	CORE_ASSERT(dir->dc[dcid].running);
	CORE_ASSERT(directory_slot_in_range(&dir->dc[dcid], p_nr));
	CORE_ASSERT(directory_node_in_range(ep->node));
}

void directory_slot_end(struct directory_change *change, int dcid, int p_nr)
{
	struct directory_endpoint *ep = &change->dir->dc[dcid].slot[shm_index(p_nr)];
	uint32_t next = ep->generation == _ENDPOINT_MAX_GENERATION ? 0 : ep->generation + 1;

	int node = ep->node;

	CORE_ASSERT(ep->bound);
	CORE_ASSERT(next <= _ENDPOINT_MAX_GENERATION);
	if (!ep->moving)
		ep->target = -1;
	directory_effect_slot(change, EFFECT_ENDPOINT_DEAD, dcid, p_nr);
	memset(ep, 0, sizeof(*ep));
	ep->generation = next;
	ep->node = -1;
	ep->target = -1;
	directory_service_ended(&change->dir->dc[dcid], p_nr, node);
	directory_slot_assert(change->dir, dcid, p_nr);
}

void directory_statement_end(struct directory_change *change, int dcid, int p_nr)
{
	struct directory_endpoint *ep = &change->dir->dc[dcid].slot[shm_index(p_nr)];

	CORE_ASSERT(directory_node_in_range(ep->node));
	CORE_ASSERT(ep->stated && !ep->bound);
	directory_effect_slot(change, EFFECT_ENDPOINT_STATED, dcid, p_nr);
	ep->stated = 0;
	ep->node = -1;
	memset(ep->name, 0, sizeof(ep->name));
	directory_slot_assert(change->dir, dcid, p_nr);
}

static enum endpoint_kind kind_of_bind(int bind_kind)
{
	CORE_ASSERT(bind_kind >= SELF_BIND && bind_kind <= MAX_BIND_TYPE);
	switch (bind_kind) {
	case BKUP_BIND:
		return ENDPOINT_BACKUP;
	case REPLICA_BIND:
		return ENDPOINT_REPLICA;
	default:
		return ENDPOINT_NORMAL;
	}
}

int directory_bind_check(const struct directory *dir, const struct command *cmd)
{
	const struct directory_endpoint *ep;
	int code;

	if (!directory_node_in_range(cmd->node))
		return EDVSBADNODEID;
	if (cmd->bind_kind < SELF_BIND || cmd->bind_kind > MAX_BIND_TYPE)
		return EDVSBINDTYPE;
	code = directory_dc_check(dir, cmd->dcid);
	if (code)
		return code;
	if (!directory_slot_in_range(&dir->dc[cmd->dcid], cmd->p_nr))
		return EDVSBADDCID;
	if (!(dir->dc[cmd->dcid].nodes & directory_node_bit(cmd->node)))
		return EDVSNODCNODE;
	ep = directory_slot(dir, cmd);
	/* "It is on that node" may be said again, and in advance; then it is bound there. */
	if (ep->bound ? cmd->bind_kind != RMT_BIND || ep->node != cmd->node
		      : ep->stated && ep->node != cmd->node)
		return EDVSSLOTUSED;
	return dir->node[cmd->node].up ? 0 : EDVSNOPROXY;
}

static void state_place(struct directory_change *change, const struct command *cmd)
{
	struct directory_endpoint *ep = &change->dir->dc[cmd->dcid].slot[shm_index(cmd->p_nr)];

	if (ep->bound || ep->stated)
		return;
	CORE_ASSERT(directory_node_up(change->dir, cmd->node));
	ep->stated = 1;
	ep->node = (int8_t)cmd->node;
	ep->target = -1;
	directory_copy_name(ep->name, cmd->name);
	directory_effect_slot(change, EFFECT_ENDPOINT_STATED, cmd->dcid, cmd->p_nr);
	directory_slot_assert(change->dir, cmd->dcid, cmd->p_nr);
}

void directory_bind_apply(struct directory_change *change, const struct command *cmd)
{
	struct directory_endpoint *ep = &change->dir->dc[cmd->dcid].slot[shm_index(cmd->p_nr)];

	CORE_ASSERT(change->dir->dc[cmd->dcid].running);
	CORE_ASSERT(directory_node_up(change->dir, cmd->node));
	change->result->value = directory_endpoint_number(ep, cmd->p_nr);
	change->result->generation = ep->generation;
	if (cmd->bind_kind == RMT_BIND) {
		state_place(change, cmd);
		return;
	}
	CORE_ASSERT(!ep->bound);
	ep->stated = 0;
	ep->bound = 1;
	ep->attached = 1;
	ep->kind = (uint8_t)kind_of_bind(cmd->bind_kind);
	ep->node = (int8_t)cmd->node;
	ep->target = -1;
	ep->nodemap = directory_node_bit(cmd->node);
	ep->lpid = cmd->lpid;
	ep->vpid = cmd->vpid;
	ep->misc = cmd->misc;
	directory_copy_name(ep->name, cmd->name);
	directory_service_bound(&change->dir->dc[cmd->dcid], cmd->p_nr);
	directory_effect_slot(change, EFFECT_ENDPOINT_BOUND, cmd->dcid, cmd->p_nr);
	directory_slot_assert(change->dir, cmd->dcid, cmd->p_nr);
}

int directory_unbind_check(const struct directory *dir, const struct command *cmd)
{
	const struct directory_endpoint *ep;
	int code = directory_dc_check(dir, cmd->dcid);

	if (code)
		return code;
	if (!directory_slot_in_range(&dir->dc[cmd->dcid], cmd->p_nr))
		return EDVSENDPOINT;
	ep = directory_slot(dir, cmd);
	/* A statement is taken back, unless it has been used up meanwhile. */
	if (cmd->flags & COMMAND_FLAG_STATED)
		return ep->stated ? 0 : ep->bound ? EDVSSLOTUSED : EDVSNOTBIND;
	if (!ep->bound)
		return EDVSNOTBIND;
	if (cmd->generation != COMMAND_GENERATION_ANY && cmd->generation != ep->generation)
		return EDVSENDPOINT;
	/* The death of a copy that the order has meanwhile replaced is not the endpoint's. */
	if ((cmd->flags & COMMAND_FLAG_DIED) && cmd->origin != ep->node)
		return EDVSRMTPROC;
	return 0;
}

void directory_unbind_apply(struct directory_change *change, const struct command *cmd)
{
	bool was_moving = directory_slot(change->dir, cmd)->moving;

	CORE_ASSERT(change->dir->dc[cmd->dcid].running);
	directory_result_slot(change, directory_slot(change->dir, cmd));
	if (cmd->flags & COMMAND_FLAG_STATED) {
		directory_statement_end(change, cmd->dcid, cmd->p_nr);
		return;
	}
	directory_slot_end(change, cmd->dcid, cmd->p_nr);
	/* Its fellows stay where they are: they move with it, or not at all. */
	if (was_moving)
		directory_move_roll_back(change, cmd->dcid, change->result->move);
}
