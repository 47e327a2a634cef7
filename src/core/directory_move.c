/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Migrations as the order sees them. The endpoints that move together have one number; a COMMIT or ROLLBACK names one
 * of them, and is of all.
 *
 *	          START                     COMMIT
 *	at owner -------> moving, at owner --------> at target
 *	    ^                |      |
 *	    |    ROLLBACK,   |      | UNBIND, owner leaves
 *	    +- target leaves-+      +----------------------> free
 */

#include "core/directory_part.h"

static bool is_by_hand(const struct command *cmd)
{
	return (cmd->flags & COMMAND_FLAG_BY_HAND) || cmd->move == 0;
}

static int moved_slot_check(const struct directory *dir, const struct command *cmd)
{
	const struct directory_endpoint *ep;
	int code = directory_dc_check(dir, cmd->dcid);

	if (code)
		return code;
	if (!directory_slot_in_range(&dir->dc[cmd->dcid], cmd->p_nr))
		return EDVSBADPROC;
	ep = directory_slot(dir, cmd);
	CORE_ASSERT(!ep->bound || !ep->stated);
	if (!ep->bound)
		return EDVSBADPROC;
	if (cmd->generation != COMMAND_GENERATION_ANY && cmd->generation != ep->generation)
		return EDVSENDPOINT;
	return 0;
}

static int target_check(const struct directory *dir, const struct command *cmd)
{
	CORE_ASSERT(directory_slot(dir, cmd)->bound);
	if (!directory_node_up(dir, cmd->target))
		return EDVSNOPROXY;
	if (!(dir->dc[cmd->dcid].nodes & directory_node_bit(cmd->target)))
		return EDVSDCNODE;
	return directory_slot(dir, cmd)->node == cmd->target ? EDVSLCLPROC : 0;
}

/* One that moves along: a life that is where the named endpoint is, and in no other move. */
static int fellow_check(const struct directory *dir, const struct command *cmd, int fellow)
{
	const struct directory_dc *dc = &dir->dc[cmd->dcid];
	const struct directory_endpoint *ep;
	int p_nr = _ENDPOINT_P(fellow);

	CORE_ASSERT(directory_slot(dir, cmd)->bound);
	if (!directory_slot_in_range(dc, p_nr) || p_nr == cmd->p_nr)
		return EDVSBADPROC;
	ep = &dc->slot[shm_index(p_nr)];
	if (!ep->bound || directory_endpoint_number(ep, p_nr) != fellow)
		return EDVSENDPOINT;
	if (ep->moving || !ep->attached)
		return EDVSMIGRATE;
	return ep->node == directory_slot(dir, cmd)->node ? 0 : EDVSRMTPROC;
}

static int fellows_check(const struct directory *dir, const struct command *cmd)
{
	int code = 0;

	CORE_ASSERT(cmd->fellows <= COMMAND_FELLOWS_MAX);
	/* By hand one process is brought, and that is one endpoint's. */
	if (cmd->fellows && (cmd->flags & COMMAND_FLAG_BY_HAND))
		return EDVSINVAL;
	for (int i = 0; i < cmd->fellows && !code; i++) {
		code = fellow_check(dir, cmd, cmd->fellow[i]);
		for (int k = 0; k < i && !code; k++)
			code = cmd->fellow[k] == cmd->fellow[i] ? EDVSBADPROC : 0;
	}
	return code;
}

int directory_start_check(const struct directory *dir, const struct command *cmd)
{
	bool by_hand = cmd->flags & COMMAND_FLAG_BY_HAND;
	int code = moved_slot_check(dir, cmd);

	if (code)
		return code;
	if (directory_slot(dir, cmd)->moving)
		return by_hand ? 0 : EDVSMIGRATE;
	if (cmd->target == -1 && by_hand)
		return 0;
	code = target_check(dir, cmd);
	return code ? code : fellows_check(dir, cmd);
}

static void start(struct directory_change *change, const struct command *cmd, int p_nr,
		  uint32_t move)
{
	struct directory_endpoint *ep = &change->dir->dc[cmd->dcid].slot[shm_index(p_nr)];

	CORE_ASSERT(ep->bound && !ep->moving);
	CORE_ASSERT(move);
	ep->moving = 1;
	ep->committed = 0;
	ep->by_hand = (cmd->flags & COMMAND_FLAG_BY_HAND) != 0;
	ep->target = (int8_t)cmd->target;
	ep->move = move;
	directory_effect_slot(change, EFFECT_MOVE_STARTED, cmd->dcid, p_nr);
	CORE_ASSERT(ep->target != ep->node);
	directory_slot_assert(change->dir, cmd->dcid, p_nr);
}

/* 0 names no migration. */
static uint32_t take_move_number(struct directory *dir)
{
	uint32_t move = dir->next_move++;

	if (!dir->next_move)
		dir->next_move = 1;
	CORE_ASSERT(move);
	return move;
}

void directory_start_apply(struct directory_change *change, const struct command *cmd)
{
	struct directory_endpoint *ep = &change->dir->dc[cmd->dcid].slot[shm_index(cmd->p_nr)];

	CORE_ASSERT(ep->bound);
	CORE_ASSERT(change->dir->next_move);
	if (!ep->moving) {
		uint32_t move = take_move_number(change->dir);

		start(change, cmd, cmd->p_nr, move);
		for (int i = 0; i < cmd->fellows; i++)
			start(change, cmd, _ENDPOINT_P(cmd->fellow[i]), move);
	}
	directory_result_slot(change, ep);
	directory_slot_assert(change->dir, cmd->dcid, cmd->p_nr);
}

/*
 * The next endpoint that moves together with one, from that place on; or the end of the slots. The one itself is among
 * them. A move by hand has one endpoint.
 */
static int next_of_move(const struct directory_dc *dc, uint32_t move, int p_nr)
{
	CORE_ASSERT(move);
	while (p_nr < dc->nr_procs &&
	       !(dc->slot[shm_index(p_nr)].moving && dc->slot[shm_index(p_nr)].move == move))
		p_nr++;
	return p_nr;
}

/* Not moving any more: by hand one may say again what is so, and bring the process after that. */
static int commit_again_check(const struct directory_endpoint *ep, const struct command *cmd)
{
	CORE_ASSERT(!ep->moving);
	if (!is_by_hand(cmd) || ep->node != cmd->target)
		return EDVSPROCSTS;
	/* Its process has yet to come, also if a move that was begun before that has been rolled back. */
	if ((cmd->flags & COMMAND_FLAG_ATTACH) && !ep->attached)
		return 0;
	if (!ep->committed)
		return EDVSPROCSTS;
	if ((cmd->flags & COMMAND_FLAG_ATTACH) && ep->attached && ep->lpid != cmd->lpid)
		return EDVSPROCSTS;
	return 0;
}

int directory_commit_check(const struct directory *dir, const struct command *cmd)
{
	const struct directory_endpoint *ep;
	int code;

	code = moved_slot_check(dir, cmd);
	if (code)
		return code;
	if (!directory_node_in_range(cmd->target))
		return EDVSNOPROXY;
	ep = directory_slot(dir, cmd);
	if (!ep->moving)
		return commit_again_check(ep, cmd);
	code = target_check(dir, cmd);
	if (code)
		return code;
	/* Only the plan of a move that dvs migrate began knows whether the copy is complete. */
	if (is_by_hand(cmd) != (ep->by_hand != 0) || (cmd->move && cmd->move != ep->move))
		return EDVSMIGRATE;
	return !ep->by_hand && ep->target != cmd->target ? EDVSMIGRATE : 0;
}

static void attach(struct directory_change *change, const struct command *cmd)
{
	struct directory_endpoint *ep = &change->dir->dc[cmd->dcid].slot[shm_index(cmd->p_nr)];

	CORE_ASSERT(ep->bound);
	CORE_ASSERT(!ep->moving && !ep->attached);
	ep->attached = 1;
	ep->committed = 1; /* the last decision, which may be said again */
	ep->lpid = cmd->lpid;
	if (cmd->vpid > 0)
		ep->vpid = cmd->vpid;
	if (cmd->name[0])
		directory_copy_name(ep->name, cmd->name);
	directory_effect_slot(change, EFFECT_ENDPOINT_ATTACHED, cmd->dcid, cmd->p_nr);
}

static void commit(struct directory_change *change, const struct command *cmd, int p_nr)
{
	struct directory_endpoint *ep = &change->dir->dc[cmd->dcid].slot[shm_index(p_nr)];

	CORE_ASSERT(ep->bound && ep->moving);
	CORE_ASSERT(ep->by_hand || ep->target == cmd->target);
	ep->target = (int8_t)cmd->target;
	directory_effect_slot(change, EFFECT_MOVE_COMMITTED, cmd->dcid, p_nr);
	ep->attached = !ep->by_hand;
	ep->lpid = ep->by_hand ? PROC_NO_PID : cmd->lpid;
	ep->node = ep->target;
	ep->target = -1;
	ep->nodemap |= directory_node_bit(cmd->target);
	ep->moving = 0;
	ep->by_hand = 0;
	ep->committed = 1;
	directory_slot_assert(change->dir, cmd->dcid, p_nr);
}

void directory_commit_apply(struct directory_change *change, const struct command *cmd)
{
	const struct directory_dc *dc = &change->dir->dc[cmd->dcid];
	const struct directory_endpoint *ep = &dc->slot[shm_index(cmd->p_nr)];
	int p_nr = -dc->nr_tasks;

	CORE_ASSERT(ep->bound);
	CORE_ASSERT(ep->moving || ep->committed || !ep->attached);
	CORE_ASSERT(directory_node_in_range(cmd->target));
	if (ep->moving)
		while ((p_nr = next_of_move(dc, ep->move, p_nr)) < dc->nr_procs)
			commit(change, cmd, p_nr);
	if ((cmd->flags & COMMAND_FLAG_ATTACH) && !ep->attached)
		attach(change, cmd);
	directory_result_slot(change, ep);
	directory_slot_assert(change->dir, cmd->dcid, cmd->p_nr);
}

int directory_rollback_check(const struct directory *dir, const struct command *cmd)
{
	const struct directory_endpoint *ep;
	int code = moved_slot_check(dir, cmd);

	if (code)
		return code;
	ep = directory_slot(dir, cmd);
	/* By hand one may say again what is so: nothing is moving. After a commit it is not so. */
	if (!cmd->move)
		return ep->committed ? EDVSMIGRATE : 0;
	return !ep->moving || cmd->move != ep->move ? EDVSMIGRATE : 0;
}

void directory_slot_roll_back(struct directory_change *change, int dcid, int p_nr)
{
	struct directory_endpoint *ep = &change->dir->dc[dcid].slot[shm_index(p_nr)];

	CORE_ASSERT(ep->bound && ep->moving);
	directory_effect_slot(change, EFFECT_MOVE_ROLLED_BACK, dcid, p_nr);
	ep->moving = 0;
	ep->by_hand = 0;
	ep->target = -1;
	directory_slot_assert(change->dir, dcid, p_nr);
}

void directory_move_roll_back(struct directory_change *change, int dcid, uint32_t move)
{
	const struct directory_dc *dc = &change->dir->dc[dcid];
	int p_nr = -dc->nr_tasks;

	CORE_ASSERT(move);
	while ((p_nr = next_of_move(dc, move, p_nr)) < dc->nr_procs)
		directory_slot_roll_back(change, dcid, p_nr);
}

void directory_rollback_apply(struct directory_change *change, const struct command *cmd)
{
	CORE_ASSERT(directory_slot(change->dir, cmd)->bound);
	if (directory_slot(change->dir, cmd)->moving)
		directory_move_roll_back(change, cmd->dcid, directory_slot(change->dir, cmd)->move);
	directory_result_slot(change, directory_slot(change->dir, cmd));
}
