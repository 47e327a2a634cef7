/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_DIRECTORY_PART_H
#define DVS_CORE_DIRECTORY_PART_H

/*
 * Shared by the files that make up the directory; nobody else includes it. Every kind of command
 * has two halves: check may refuse and never writes, apply writes and never refuses. They are
 * called in this order with nothing in between.
 */

#include "core/assert.h"
#include "core/directory.h"

struct directory_change {
	struct directory *dir;
	struct directory_effects *effects;
	struct directory_result *result;
};

typedef int directory_check_fn(const struct directory *dir, const struct command *cmd);
typedef void directory_apply_fn(struct directory_change *change, const struct command *cmd);

directory_check_fn directory_dc_create_check, directory_dc_remove_check;
directory_check_fn directory_service_check;
directory_check_fn directory_add_node_check, directory_del_node_check;
directory_check_fn directory_bind_check, directory_unbind_check;
directory_check_fn directory_start_check, directory_commit_check, directory_rollback_check;

directory_apply_fn directory_dc_create_apply, directory_dc_remove_apply;
directory_apply_fn directory_service_apply;
directory_apply_fn directory_add_node_apply, directory_del_node_apply;
directory_apply_fn directory_bind_apply, directory_unbind_apply;
directory_apply_fn directory_start_apply, directory_commit_apply, directory_rollback_apply;

static inline bool directory_node_in_range(int node)
{
	return node >= 0 && node < NR_NODES;
}

static inline bool directory_node_up(const struct directory *dir, int node)
{
	return directory_node_in_range(node) && dir->node[node].up;
}

/* node is in range. */
static inline uint32_t directory_node_bit(int node)
{
	CORE_ASSERT(directory_node_in_range(node));
	return UINT32_C(1) << node;
}

/* 0, EDVSBADDCID or EDVSDCNOTRUN. */
static inline int directory_dc_check(const struct directory *dir, int dcid)
{
	if (dcid < 0 || dcid >= SHM_DCS)
		return EDVSBADDCID;
	return dir->dc[dcid].running ? 0 : EDVSDCNOTRUN;
}

static inline bool directory_slot_in_range(const struct directory_dc *dc, int p_nr)
{
	CORE_ASSERT(dc->nr_tasks >= 0 && dc->nr_tasks <= SHM_TASKS);
	CORE_ASSERT(dc->nr_procs <= SHM_SLOTS - SHM_TASKS);
	return p_nr >= -dc->nr_tasks && p_nr < dc->nr_procs;
}

static inline const struct directory_endpoint *directory_slot(const struct directory *dir,
							      const struct command *cmd)
{
	CORE_ASSERT(cmd->dcid >= 0 && cmd->dcid < SHM_DCS);
	CORE_ASSERT(directory_slot_in_range(&dir->dc[cmd->dcid], cmd->p_nr));
	return &dir->dc[cmd->dcid].slot[shm_index(cmd->p_nr)];
}

/* Copies a name of a command: terminated, and zero after its end, so that tables compare equal. */
static inline void directory_copy_name(char to[16], const char from[16])
{
	bool ended = false;

	for (int i = 0; i < 16; i++) {
		ended = ended || !from[i] || i == 15;
		to[i] = ended ? 0 : from[i];
	}
	CORE_ASSERT(!to[15]);
}

/* Appends an effect that concerns a slot; its fields come from the endpoint as it is now. */
void directory_effect_slot(struct directory_change *change, enum directory_effect_kind kind,
			   int dcid, int p_nr);
/* Appends an effect that concerns a node, or a DC (dcid -1: none). */
void directory_effect_node(struct directory_change *change, enum directory_effect_kind kind,
			   int node, int dcid);

/* Rules that hold of each slot, DC and node between two commands. */
void directory_slot_assert(const struct directory *dir, int dcid, int p_nr);
void directory_dc_assert(const struct directory *dir, int dcid);
void directory_node_assert(const struct directory *dir, int node);

/* A slot was bound, or is not bound any more: whether the DC has another holder. */
void directory_service_bound(struct directory_dc *dc, int p_nr);
void directory_service_ended(struct directory_dc *dc, int p_nr, int node);
/* The same rules as those of the table, for one that comes from elsewhere. */
bool directory_services_valid(const struct directory *dir, int dcid);

/* Ends the endpoint in a bound slot, and the migration it may be in. */
void directory_slot_end(struct directory_change *change, int dcid, int p_nr);
/* Takes back what was said of a slot that nobody has bound. */
void directory_statement_end(struct directory_change *change, int dcid, int p_nr);
/* Ends the migration of a moving endpoint, the owner unchanged. */
void directory_slot_roll_back(struct directory_change *change, int dcid, int p_nr);
/* The same of all endpoints that have this move. */
void directory_move_roll_back(struct directory_change *change, int dcid, uint32_t move);
/* Tells the proposer about a slot. */
void directory_result_slot(struct directory_change *change, const struct directory_endpoint *ep);

#endif
