/* SPDX-License-Identifier: Apache-2.0 */
#include "node/copy/limit.h"

#include <assert.h>

#include "node/ask/share.h"
#include "node/copy/copy_task.h"

bool limit_is_small(const struct copy_task *task)
{
	return task->bytes <= LIMIT_SMALL_BYTES;
}

static bool is_at(const struct copy_task *task, int dcid, int endpoint)
{
	return task->streaming && limit_is_small(task) && task->dcid == dcid &&
	       (task->endpoint[0] == endpoint || task->endpoint[1] == endpoint);
}

bool limit_queue(const struct copy_task *tasks, struct share **shares, const struct copy_task *task)
{
	int count[2] = { 0, 0 };

	assert(!task->streaming);
	if (!limit_is_small(task))
		return true;
	for (const struct copy_task *t = tasks; t; t = t->next)
		for (int side = 0; side < 2; side++)
			count[side] += is_at(t, task->dcid, task->endpoint[side]);
	return count[0] < LIMIT_OF_ONE && count[1] < LIMIT_OF_ONE &&
	       share_take(shares, task->uid, SHARE_PARTS);
}

bool limit_take(struct limit *limit, struct share **shares, const struct copy_task *task)
{
	assert(task->streaming);
	if (limit_is_small(task))
		return true;
	if (limit->large == LIMIT_LARGE || !share_take(shares, task->uid, SHARE_STREAMS))
		return false;
	limit->large++;
	return true;
}

void limit_give(struct limit *limit, struct share **shares, uid_t uid, bool small)
{
	share_give(shares, uid, small ? SHARE_PARTS : SHARE_STREAMS);
	limit->large -= !small;
	assert(limit->large >= 0);
}

bool limit_wants_worker(const struct limit *limit)
{
	assert(limit->workers <= LIMIT_WORKERS);
	assert(limit->idle <= limit->workers);
	return limit->idle <= limit->queued && limit->workers < LIMIT_WORKERS;
}
