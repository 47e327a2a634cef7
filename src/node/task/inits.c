/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/inits.h"

#include <assert.h>
#include <errno.h>

#include "base/bits.h"
#include "node/state/order.h"
#include "node/task/init.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "os/log.h"

static void on_exited(void *ctx, int dcid, const struct dc_exit *ended)
{
	task_on_init_exit(ctx, dcid, ended->vpid, ended->status);
}

static void on_gone(void *ctx, int dcid)
{
	os_log(OS_LOG_ERROR, "the init of DC %d is gone, and its processes with it", dcid);
	inits_drop(ctx, dcid);
}

int inits_start(struct tasks *tasks, int dcid)
{
	const struct dc_init_events events = { on_exited, on_gone, tasks };

	assert(os_lock_protects());
	return tasks->init[dcid] ? 0
				 : dc_init_start(&tasks->init[dcid], tasks->loop, dcid,
						 tasks->order->self, &events);
}

int inits_adopt(struct tasks *tasks, int dcid, const struct dc_init_place *place, bool after_death)
{
	const struct dc_init_events events = { on_exited, on_gone, tasks };

	assert(!tasks->init[dcid]);
	assert(os_lock_protects());
	tasks->init[dcid] = dc_init_adopt(tasks->loop, dcid, place, &events, after_death);
	return tasks->init[dcid] ? 0 : -ENOMEM;
}

void inits_drop(struct tasks *tasks, int dcid)
{
	struct dc_init *init = tasks->init[dcid];

	assert(os_lock_protects());
	tasks->init[dcid] = NULL; /* nothing of the following is asked of it */
	dc_init_free(init);
	task_on_init_killed(tasks, dcid);
}

void inits_taken_vpids(const struct tasks *tasks, int dcid, uint64_t *taken)
{
	int base = dc_vpid_base(tasks->order->self);

	assert(os_lock_protects());
	for (int index = 0; index < SHM_SLOTS; index++) {
		const struct directory_endpoint *ep = &tasks->order->directory.dc[dcid].slot[index];

		if (ep->bound && ep->vpid >= base && ep->vpid < base + DC_VPID_COUNT)
			bits_set(taken, (unsigned)(ep->vpid - base));
	}
}
