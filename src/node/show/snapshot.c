/* SPDX-License-Identifier: Apache-2.0 */
#include "node/show/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "node/move/target.h"
#include "node/move/source.h"
#include "node/ask/request.h"
#include "node/bind/judge.h"
#include "node/show/rows.h"
#include "node/state/order.h"
#include "node/task/cgroup.h"
#include "node/task/children.h"
#include "node/task/ended.h"
#include "node/bind/binding.h"
#include "node/task/task.h"
#include "os/clock.h"
#include "proxy/proxy.h"

void snapshot_status(struct ctl_node_status *status, const struct order *order,
		     const struct proxy *proxy, const struct tasks *tasks,
		     const struct moves *moves)
{
	*status = (struct ctl_node_status){ .nodeid = order->self,
					    .groups = cgroup_folder(tasks) >= 0,
					    .quorum = order->quorum	     ? 1
						      : order_is_lost(order) ? CTL_QUORUM_LOST
									     : 0,
					    .order = order->directory.order };
	for (int i = 0; i < NR_NODES; i++) {
		struct proxy_link_stats stats = { 0 };

		if (!order->directory.node[i].up)
			continue;
		status->nodes_up++;
		if (i == order->self)
			continue;
		proxy_link_stats(proxy, i, &stats);
		status->links_up += !!stats.up;
	}
	for (const struct task *task = tasks->all; task; task = task->next)
		status->processes++;
	status->moves = source_count(moves) + target_count(moves);
}

static void fill_node(const struct order *order, const struct proxy *proxy, int i,
		      struct ctl_node_row *row)
{
	const struct directory_node *entry = &order->directory.node[i];
	struct proxy_link_stats stats = { 0 };

	*row = (struct ctl_node_row){ .up = entry->up,
				      .incarnation = entry->incarnation,
				      .address = entry->address,
				      .self = i == order->self };
	rows_node(order, proxy, i, &row->node);
	memcpy(row->node.n_name, entry->name, sizeof(row->node.n_name));
	if (!row->self)
		proxy_link_stats(proxy, i, &stats);
	row->link_up = row->self || stats.up;
	row->silent_ms = (int32_t)(stats.silent_ns / OS_MS_NS);
	row->frames_sent = stats.frames_sent;
	row->frames_received = stats.frames_received;
	row->bytes_sent = stats.bytes_sent;
	row->bytes_received = stats.bytes_received;
	row->speaker = row->self ? protocol_own : stats.speaker;
	row->protocol = row->self ? protocol_own.most : stats.protocol;
	row->clock_known = row->self || (stats.up && stats.clock.known);
	row->clock_ahead_ns = row->self ? 0 : stats.clock.ahead_ns;
	row->clock_error_ns = row->self ? 0 : stats.clock_error_ns;
}

void snapshot_nodes(struct snapshot *s, const struct order *order, const struct proxy *proxy)
{
	for (int i = 0; i < NR_NODES; i++)
		if (order->directory.node[i].incarnation)
			fill_node(order, proxy, i, &s->node[s->node_count++]);
}

void snapshot_dcs(struct snapshot *s, const struct order *order, const struct tasks *tasks,
		  const struct request *asker)
{
	uint32_t visible = judge_visible(asker);

	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		const struct directory_dc *dc = &order->directory.dc[dcid];
		struct ctl_dc_row *row = &s->dc[s->dc_count];

		if (!dc->running || !(visible >> dcid & 1))
			continue;
		row->uid = dc->owner.uid;
		row->gid = dc->owner.gid;
		row->mode = dc->owner.mode;
		rows_dc(order, tasks, dcid, &row->dc);
		for (int index = 0; index < SHM_SLOTS; index++)
			row->endpoints += dc->slot[index].bound;
		row->service_count = dc->services;
		memcpy(row->service, dc->service, dc->services * sizeof(*dc->service));
		row->service_holder = dc->services && dc->held ? dc->holder : NONE;
		row->service_node =
			dc->services && dc->held ? dc->slot[shm_index(dc->holder)].node : -1;
		s->dc_count++;
	}
}

/* The DCs whose rows the asker wants, as far as it may see them; a bit for each. */
static uint32_t wanted_dcs(const struct request *asker)
{
	uint32_t visible = judge_visible(asker);
	int only = asker->head.dcid;

	if (only == -1)
		return visible;
	return only >= 0 && only < SHM_DCS ? visible & 1u << only : 0;
}

static bool wanted(const struct order *order, enum snapshot_rows rows,
		   const struct directory_endpoint *ep, uint32_t gathered)
{
	bool is_own = ep->node == order->self;

	/* As in the original, a slot that is stated to be elsewhere has a row in this node's own table. */
	if (!ep->bound)
		return rows == SNAPSHOT_TABLE && order_stated_elsewhere(order, ep);
	return rows == SNAPSHOT_TABLE || (rows == SNAPSHOT_OWN && is_own) ||
	       (rows == SNAPSHOT_STAND_IN && !is_own && !(gathered >> ep->node & 1));
}

static void fill_row(const struct order *order, const struct bindings *bindings,
		     const struct request *asker, int dcid, int p_nr, struct ctl_proc_row *row)
{
	const struct directory_endpoint *ep = order_endpoint(order, dcid, p_nr);
	const struct binding *binding = binding_find(bindings, dcid, p_nr);

	rows_proc(order, bindings, dcid, p_nr, &row->proc);
	row->owner = ep->node;
	row->generation = ep->generation;
	row->children = -1;
	if (binding)
		children_fill(asker, binding->task, row);
}

/* Without an array it only counts. */
static size_t each_row(const struct order *order, const struct bindings *bindings,
		       enum snapshot_rows rows, const struct request *asker, uint32_t dcs,
		       struct ctl_proc_row *row)
{
	size_t count = 0;

	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		const struct directory_dc *dc = &order->directory.dc[dcid];

		if (!dc->running || !(dcs >> dcid & 1))
			continue;
		for (int index = 0; index < SHM_SLOTS; index++) {
			if (!wanted(order, rows, &dc->slot[index], asker->gathered))
				continue;
			if (row)
				fill_row(order, bindings, asker, dcid, index - SHM_TASKS,
					 &row[count]);
			count++;
		}
	}
	return count;
}

int snapshot_rows(struct snapshot *s, const struct order *order, const struct bindings *bindings,
		  enum snapshot_rows rows, const struct request *asker)
{
	uint32_t dcs = wanted_dcs(asker);

	s->row_count = each_row(order, bindings, rows, asker, dcs, NULL);
	s->row = calloc(s->row_count ? s->row_count : 1, sizeof(*s->row));
	if (!s->row)
		return -ENOMEM;
	each_row(order, bindings, rows, asker, dcs, s->row);
	return 0;
}

struct ended_fill {
	struct snapshot *snapshot;
	uint32_t dcs;
};

/* Without an array it only counts. */
static void fill_ended_row(void *ctx, const struct ctl_ended_row *row, const struct output *output,
			   uint64_t before)
{
	struct ended_fill *fill = ctx;
	struct snapshot *s = fill->snapshot;

	(void)output;
	(void)before;
	assert(row->dcid >= 0 && row->dcid < SHM_DCS);
	if (!(fill->dcs >> row->dcid & 1))
		return;
	if (s->ended)
		s->ended[s->ended_count] = *row;
	s->ended_count++;
}

int snapshot_ended(struct snapshot *s, const struct tasks *tasks, const struct request *asker)
{
	struct ended_fill fill = { s, wanted_dcs(asker) };

	ended_walk(tasks, fill_ended_row, &fill);
	s->ended = calloc(s->ended_count ? s->ended_count : 1, sizeof(*s->ended));
	if (!s->ended)
		return -ENOMEM;
	s->ended_count = 0;
	ended_walk(tasks, fill_ended_row, &fill);
	return 0;
}

void snapshot_deinit(struct snapshot *s)
{
	free(s->row);
	free(s->ended);
	s->row = NULL;
	s->ended = NULL;
	s->row_count = s->ended_count = 0;
}
