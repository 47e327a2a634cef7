/* SPDX-License-Identifier: Apache-2.0 */
#include "core/proposal.h"

#include "core/assert.h"
#include "dvk.h"

bool proposal_waits(const struct command *cmd)
{
	CORE_ASSERT(cmd->kind != COMMAND_NONE);
	CORE_ASSERT(cmd->kind <= COMMAND_LAST);
	if (cmd->kind == COMMAND_UNBIND)
		return cmd->flags & COMMAND_FLAG_DIED;
	return cmd->kind == COMMAND_MOVE_ROLLBACK && !(cmd->flags & COMMAND_FLAG_BY_HAND);
}

static bool names_process(const struct command *cmd)
{
	if (cmd->kind == COMMAND_BIND)
		return cmd->bind_kind != RMT_BIND;
	return cmd->kind == COMMAND_MOVE_COMMIT && (cmd->flags & COMMAND_FLAG_ATTACH);
}

/* A move that is to begin, or to be committed, is rather refused than begun late. */
bool proposal_stays(const struct command *cmd)
{
	bool is_step = cmd->kind == COMMAND_MOVE_START || cmd->kind == COMMAND_MOVE_COMMIT;

	CORE_ASSERT(!is_step || !(cmd->flags & COMMAND_FLAG_DIED));
	return proposal_waits(cmd) || names_process(cmd) ||
	       (is_step && !(cmd->flags & COMMAND_FLAG_BY_HAND));
}
