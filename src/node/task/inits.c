/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/inits.h"

#include <errno.h>

#include "base/bits.h"
#include "node/node.h"
#include "node/task/init.h"
#include "node/task/task.h"
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

int inits_start(struct node *node, int dcid)
{
	const struct dc_init_events events = { on_exited, on_gone, node };

	return node->tasks.init[dcid] ? 0
				      : dc_init_start(&node->tasks.init[dcid], node->loop, dcid,
						      node->options.id, &events);
}

int inits_adopt(struct node *node, int dcid, const struct dc_init_place *place)
{
	const struct dc_init_events events = { on_exited, on_gone, node };

	node->tasks.init[dcid] = dc_init_adopt(node->loop, dcid, place, &events);
	return node->tasks.init[dcid] ? 0 : -ENOMEM;
}

void inits_drop(struct node *node, int dcid)
{
	struct dc_init *init = node->tasks.init[dcid];

	node->tasks.init[dcid] = NULL; /* what comes of this is not asked of it */
	dc_init_free(init);
	task_on_init_killed(node, dcid);
}

void inits_taken_vpids(const struct node *node, int dcid, uint64_t *taken)
{
	int base = dc_vpid_base(node->options.id);

	for (int index = 0; index < SHM_SLOTS; index++) {
		const struct directory_endpoint *ep = &node->order.directory.dc[dcid].slot[index];

		if (ep->bound && ep->vpid >= base && ep->vpid < base + DC_VPID_COUNT)
			bits_set(taken, (unsigned)(ep->vpid - base));
	}
}
