/* SPDX-License-Identifier: Apache-2.0 */

/* DCs: created and removed for all their nodes at once, and which nodes they span. */

#include <string.h>

#include "core/directory_part.h"

/* The numbers that a command asks for, with 0 replaced by the default. */
struct geometry {
	int nr_procs, nr_tasks, nr_sysprocs, nr_nodes;
};

static struct geometry geometry_of(const struct command *cmd)
{
	struct geometry g = {
		.nr_procs = cmd->nr_procs ? cmd->nr_procs : NR_PROCS,
		.nr_tasks =
			cmd->nr_tasks || cmd->flags & COMMAND_FLAG_EXACT ? cmd->nr_tasks : NR_TASKS,
		.nr_sysprocs = cmd->nr_sysprocs ? cmd->nr_sysprocs : NR_SYS_PROCS,
		.nr_nodes = cmd->nr_nodes ? cmd->nr_nodes : NR_NODES,
	};

	return g;
}

static bool geometry_valid(const struct geometry *g)
{
	if (g->nr_procs < 1 || g->nr_procs > NR_PROCS || g->nr_tasks < 0 || g->nr_tasks > NR_TASKS)
		return false;
	if (g->nr_sysprocs < 1 || g->nr_sysprocs > NR_SYS_PROCS)
		return false;
	if (g->nr_nodes < 1 || g->nr_nodes > NR_NODES)
		return false;
	return g->nr_sysprocs > g->nr_tasks && g->nr_sysprocs < g->nr_procs + g->nr_tasks;
}

void directory_dc_assert(const struct directory *dir, int dcid)
{
	const struct directory_dc *dc = &dir->dc[dcid];

	CORE_ASSERT(dcid >= 0 && dcid < SHM_DCS);
	CORE_ASSERT(dc->running <= 1);
	CORE_ASSERT(dc->serve <= 1);
	CORE_ASSERT(!dc->running || dc->generation);
	CORE_ASSERT(dc->nr_procs >= 0 && dc->nr_procs <= NR_PROCS);
	CORE_ASSERT(dc->nr_tasks >= 0 && dc->nr_tasks <= NR_TASKS);
	CORE_ASSERT(dc->nr_nodes >= 0 && dc->nr_nodes <= NR_NODES);
	CORE_ASSERT(dc->owner.mode <= RIGHT_MODE_MOST);
	CORE_ASSERT(!dc->name[MAXDCNAME - 1]);
	CORE_ASSERT(dc->services <= DIRECTORY_SERVICES_MAX);
	CORE_ASSERT(!dc->held || dc->slot[shm_index(dc->holder)].bound);
}

static uint32_t nodes_up(const struct directory *dir)
{
	uint32_t nodes = 0;

	for (int node = 0; node < NR_NODES; node++)
		if (dir->node[node].up)
			nodes |= directory_node_bit(node);
	return nodes;
}

/* The name asked for, or "DC<number>". */
static void dc_name(const struct command *cmd, char name[MAXDCNAME])
{
	size_t at = 2;

	CORE_ASSERT(cmd->dcid >= 0 && cmd->dcid < SHM_DCS);
	memset(name, 0, MAXDCNAME);
	if (cmd->name[0]) {
		directory_copy_name(name, cmd->name);
		return;
	}
	name[0] = 'D';
	name[1] = 'C';
	if (cmd->dcid >= 10)
		name[at++] = (char)('0' + cmd->dcid / 10);
	name[at] = (char)('0' + cmd->dcid % 10);
}

static bool name_taken(const struct directory *dir, const char name[MAXDCNAME])
{
	CORE_ASSERT(!name[MAXDCNAME - 1]);
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		if (dir->dc[dcid].running && !memcmp(dir->dc[dcid].name, name, MAXDCNAME))
			return true;
	return false;
}

/*
 * Said again: the DC that runs has these numbers and this name already; it may have been given other nodes
 * since.
 */
static bool is_stated(const struct directory_dc *dc, const struct command *cmd,
		      const struct geometry *g, const char name[MAXDCNAME])
{
	CORE_ASSERT(!name[MAXDCNAME - 1]);
	return cmd->flags & COMMAND_FLAG_STATED && dc->running && dc->nr_procs == g->nr_procs &&
	       dc->nr_tasks == g->nr_tasks && dc->nr_sysprocs == g->nr_sysprocs &&
	       dc->nr_nodes == g->nr_nodes && dc->warn2proc == cmd->warn2proc &&
	       dc->warnmsg == cmd->warnmsg && dc->owner.uid == cmd->uid &&
	       !memcmp(dc->name, name, MAXDCNAME);
}

int directory_dc_create_check(const struct directory *dir, const struct command *cmd)
{
	struct geometry g = geometry_of(cmd);
	char name[MAXDCNAME];

	if (cmd->dcid < 0 || cmd->dcid >= SHM_DCS)
		return EDVSBADDCID;
	if (!geometry_valid(&g))
		return EDVSBADRANGE;
	if (cmd->mode > RIGHT_MODE_MOST)
		return EDVSBADVALUE;
	dc_name(cmd, name);
	if (is_stated(&dir->dc[cmd->dcid], cmd, &g, name))
		return 0;
	if (dir->dc[cmd->dcid].running || name_taken(dir, name))
		return EDVSRSCBUSY;
	if (cmd->nodes & ~nodes_up(dir))
		return EDVSBADNODEID;
	if (__builtin_popcount(cmd->nodes ? cmd->nodes : nodes_up(dir)) > g.nr_nodes)
		return EDVSRSCBUSY;
	return 0;
}

void directory_dc_create_apply(struct directory_change *change, const struct command *cmd)
{
	struct directory_dc *dc = &change->dir->dc[cmd->dcid];
	struct geometry g = geometry_of(cmd);
	uint32_t generation = dc->generation + 1;

	CORE_ASSERT(geometry_valid(&g));
	CORE_ASSERT(generation);
	if (dc->running)
		return;
	CORE_ASSERT(!(cmd->nodes & ~nodes_up(change->dir)));
	memset(dc, 0, sizeof(*dc));
	dc->running = 1;
	dc->serve = (cmd->flags & COMMAND_FLAG_SERVE) != 0;
	dc->generation = generation;
	dc->nodes = cmd->nodes ? cmd->nodes : nodes_up(change->dir);
	CORE_ASSERT(__builtin_popcount(dc->nodes) <= g.nr_nodes);
	dc->nr_procs = g.nr_procs;
	dc->nr_tasks = g.nr_tasks;
	dc->nr_sysprocs = g.nr_sysprocs;
	dc->nr_nodes = g.nr_nodes;
	dc->warn2proc = cmd->warn2proc;
	dc->warnmsg = cmd->warnmsg;
	dc->owner = (struct right_owner){ cmd->uid, cmd->gid, cmd->mode };
	dc_name(cmd, dc->name);
	directory_effect_node(change, EFFECT_DC_CREATED, -1, cmd->dcid);
	directory_dc_assert(change->dir, cmd->dcid);
}

int directory_dc_remove_check(const struct directory *dir, const struct command *cmd)
{
	return directory_dc_check(dir, cmd->dcid);
}

void directory_dc_remove_apply(struct directory_change *change, const struct command *cmd)
{
	struct directory_dc *dc = &change->dir->dc[cmd->dcid];

	CORE_ASSERT(dc->running);
	for (int p_nr = -dc->nr_tasks; p_nr < dc->nr_procs; p_nr++) {
		if (dc->slot[shm_index(p_nr)].bound)
			directory_slot_end(change, cmd->dcid, p_nr);
		if (dc->slot[shm_index(p_nr)].stated)
			directory_statement_end(change, cmd->dcid, p_nr);
		CORE_ASSERT(!dc->slot[shm_index(p_nr)].bound);
		CORE_ASSERT(!dc->slot[shm_index(p_nr)].stated);
	}
	CORE_ASSERT(!dc->held);
	dc->running = 0;
	dc->nodes = 0;
	dc->services = 0;
	memset(dc->service, 0, sizeof(dc->service));
	directory_effect_node(change, EFFECT_DC_REMOVED, -1, cmd->dcid);
}

static int member_check(const struct directory *dir, const struct command *cmd)
{
	if (!directory_node_in_range(cmd->node))
		return EDVSBADNODEID;
	return directory_dc_check(dir, cmd->dcid);
}

/*
 * To add a member, or to delete who is none, says what is so already and succeeds: programs written
 * for the original say it once on every node.
 */
int directory_add_node_check(const struct directory *dir, const struct command *cmd)
{
	const struct directory_dc *dc;
	int code;

	if (directory_node_in_range(cmd->node) && !dir->node[cmd->node].up)
		return EDVSNODEFREE;
	code = member_check(dir, cmd);
	if (code)
		return code;
	dc = &dir->dc[cmd->dcid];
	if (!(dc->nodes & directory_node_bit(cmd->node)) &&
	    __builtin_popcount(dc->nodes) >= dc->nr_nodes)
		return EDVSRSCBUSY;
	return 0;
}

void directory_add_node_apply(struct directory_change *change, const struct command *cmd)
{
	struct directory_dc *dc = &change->dir->dc[cmd->dcid];

	CORE_ASSERT(dc->running);
	CORE_ASSERT(directory_node_up(change->dir, cmd->node));
	if (dc->nodes & directory_node_bit(cmd->node))
		return;
	dc->nodes |= directory_node_bit(cmd->node);
	CORE_ASSERT(__builtin_popcount(dc->nodes) <= dc->nr_nodes);
	directory_effect_node(change, EFFECT_DC_CREATED, cmd->node, cmd->dcid);
	directory_dc_assert(change->dir, cmd->dcid);
}

/* A node that is down may be deleted: it may never come back. */
int directory_del_node_check(const struct directory *dir, const struct command *cmd)
{
	return member_check(dir, cmd);
}

/* Processes that run there stay, as in the original; new ones are no longer bound there. */
void directory_del_node_apply(struct directory_change *change, const struct command *cmd)
{
	struct directory_dc *dc = &change->dir->dc[cmd->dcid];

	CORE_ASSERT(directory_node_in_range(cmd->node));
	CORE_ASSERT(dc->running);
	dc->nodes &= ~directory_node_bit(cmd->node);
	for (int p_nr = -dc->nr_tasks; p_nr < dc->nr_procs; p_nr++) {
		const struct directory_endpoint *ep = &dc->slot[shm_index(p_nr)];

		if (ep->stated && ep->node == cmd->node)
			directory_statement_end(change, cmd->dcid, p_nr);
	}
	directory_dc_assert(change->dir, cmd->dcid);
}
