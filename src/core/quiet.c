/* SPDX-License-Identifier: Apache-2.0 */
#include "core/quiet.h"

#include "core/assert.h"

enum quiet_obstacle quiet_find(const struct quiet_view *view)
{
	const bool is_there[] = {
		[QUIET_MOVE] = view->is_moving,	     [QUIET_PROPOSAL] = view->has_proposal,
		[QUIET_EMPTYING] = view->is_emptied, [QUIET_COPY] = view->is_copying,
		[QUIET_INIT] = view->asks_init,	     [QUIET_WARNING] = view->warns,
		[QUIET_REQUEST] = view->serves,	     [QUIET_NODE] = view->asks_node,
	};

	CORE_ASSERT(sizeof(is_there) / sizeof(*is_there) == QUIET_NODE + 1);
	for (int obstacle = QUIET_MOVE; obstacle <= QUIET_NODE; obstacle++)
		if (is_there[obstacle])
			return (enum quiet_obstacle)obstacle;
	return QUIET_NONE;
}

enum quiet_step quiet_next(enum quiet_obstacle obstacle, bool is_overdue)
{
	CORE_ASSERT(obstacle <= QUIET_NODE);
	if (obstacle == QUIET_NONE)
		return QUIET_GO;
	if (obstacle == QUIET_MOVE || obstacle == QUIET_EMPTYING || is_overdue)
		return QUIET_GIVE_UP;
	return QUIET_LOOK_AGAIN;
}
