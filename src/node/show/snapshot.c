/* SPDX-License-Identifier: Apache-2.0 */
#include "node/show/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "node/move/target.h"
#include "node/move/source.h"
#include "node/node.h"
#include "node/show/rows.h"
#include "node/state/order.h"
#include "node/task/cgroup.h"
#include "node/task/children.h"
#include "node/task/ended.h"
#include "node/bind/binding.h"
#include "node/task/task.h"
#include "os/clock.h"

#define ROW_PARTS (SNAPSHOT_OWN | SNAPSHOT_TABLE | SNAPSHOT_STAND_IN)

static void fill_status(const struct node *node, struct ctl_node_status *status)
{
	*status =
		(struct ctl_node_status){ .nodeid = node->options.id,
					  .groups = cgroup_folder(&node->tasks) >= 0,
					  .quorum = node->order.quorum		  ? 1
						    : order_is_lost(&node->order) ? CTL_QUORUM_LOST
										  : 0,
					  .order = node->order.directory.order };
	for (int i = 0; i < NR_NODES; i++) {
		struct proxy_link_stats stats = { 0 };

		if (!node->order.directory.node[i].up)
			continue;
		status->nodes_up++;
		if (i == node->options.id)
			continue;
		proxy_link_stats(node->proxy, i, &stats);
		status->links_up += !!stats.up;
	}
	for (const struct task *task = node->tasks.all; task; task = task->next)
		status->processes++;
	status->moves = source_count(&node->moves) + target_count(&node->moves);
}

static void fill_node(const struct node *node, int i, struct ctl_node_row *row)
{
	const struct directory_node *entry = &node->order.directory.node[i];
	struct proxy_link_stats stats = { 0 };

	*row = (struct ctl_node_row){ .up = entry->up,
				      .incarnation = entry->incarnation,
				      .address = entry->address,
				      .self = i == node->options.id };
	rows_node(node, i, &row->node);
	memcpy(row->node.n_name, entry->name, sizeof(row->node.n_name));
	if (!row->self)
		proxy_link_stats(node->proxy, i, &stats);
	row->link_up = row->self || stats.up;
	row->silent_ms = (int32_t)(stats.silent_ns / OS_MS_NS);
	row->frames_sent = stats.frames_sent;
	row->frames_received = stats.frames_received;
	row->bytes_sent = stats.bytes_sent;
	row->bytes_received = stats.bytes_received;
}

static void fill_nodes(const struct node *node, struct snapshot *s)
{
	for (int i = 0; i < NR_NODES; i++)
		if (node->order.directory.node[i].incarnation)
			fill_node(node, i, &s->node[s->node_count++]);
}

static void fill_dcs(const struct node *node, struct snapshot *s)
{
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		struct ctl_dc_row *row = &s->dc[s->dc_count];

		if (!node->order.directory.dc[dcid].running)
			continue;
		rows_dc(node, dcid, &row->dc);
		for (int index = 0; index < SHM_SLOTS; index++)
			row->endpoints += node->order.directory.dc[dcid].slot[index].bound;
		s->dc_count++;
	}
}

static bool wanted(const struct node *node, unsigned parts, const struct directory_endpoint *ep,
		   const struct request *asker)
{
	int self = node->options.id;

	/* As in the original, a slot that is stated to be elsewhere has a row in this node's own table. */
	if (!ep->bound)
		return parts & SNAPSHOT_TABLE && order_stated_elsewhere(&node->order, ep);
	return parts & SNAPSHOT_TABLE || (parts & SNAPSHOT_OWN && ep->node == self) ||
	       (parts & SNAPSHOT_STAND_IN && ep->node != self &&
		!(asker->gathered >> ep->node & 1));
}

/* Calls fill for each slot that is wanted; without it, only counts. */
static size_t each_row(const struct node *node, unsigned parts, int only,
		       const struct request *asker, struct ctl_proc_row *rows)
{
	size_t count = 0;

	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		const struct directory_dc *dc = &node->order.directory.dc[dcid];

		if (!dc->running || (only != -1 && only != dcid))
			continue;
		for (int index = 0; index < SHM_SLOTS; index++) {
			const struct directory_endpoint *ep = &dc->slot[index];
			struct ctl_proc_row *row = rows ? &rows[count] : NULL;
			const struct binding *binding;

			if (!wanted(node, parts, ep, asker))
				continue;
			count++;
			if (!row)
				continue;
			rows_proc(node, dcid, index - SHM_TASKS, &row->proc);
			row->owner = ep->node;
			row->generation = ep->generation;
			row->children = -1;
			binding = binding_find(&node->bindings, dcid, index - SHM_TASKS);
			if (asker && binding)
				children_fill(asker, binding->task, row);
		}
	}
	return count;
}

static int fill_rows(const struct node *node, unsigned parts, int dcid, const struct request *asker,
		     struct snapshot *s)
{
	s->row_count = each_row(node, parts, dcid, asker, NULL);
	s->row = calloc(s->row_count ? s->row_count : 1, sizeof(*s->row));
	if (!s->row)
		return -ENOMEM;
	each_row(node, parts, dcid, asker, s->row);
	return 0;
}

struct ended_fill {
	struct snapshot *snapshot;
	int dcid;
};

/* Without an array it only counts. */
static void fill_ended_row(void *ctx, const struct ctl_ended_row *row, const struct output *output,
			   uint64_t before)
{
	struct ended_fill *fill = ctx;
	struct snapshot *s = fill->snapshot;

	(void)output;
	(void)before;
	if (fill->dcid != -1 && row->dcid != fill->dcid)
		return;
	if (s->ended)
		s->ended[s->ended_count] = *row;
	s->ended_count++;
}

static int fill_ended(struct node *node, int dcid, struct snapshot *s)
{
	struct ended_fill fill = { s, dcid };

	ended_walk(&node->tasks, fill_ended_row, &fill);
	s->ended = calloc(s->ended_count ? s->ended_count : 1, sizeof(*s->ended));
	if (!s->ended)
		return -ENOMEM;
	s->ended_count = 0;
	ended_walk(&node->tasks, fill_ended_row, &fill);
	return 0;
}

int snapshot_fill(struct snapshot *s, struct node *node, unsigned parts, int dcid,
		  const struct request *asker)
{
	int r = 0;

	memset(s, 0, sizeof(*s));
	if (parts & SNAPSHOT_STATUS)
		fill_status(node, &s->status);
	if (parts & SNAPSHOT_COUNTERS)
		s->counters = node->life.counters;
	if (parts & SNAPSHOT_NODES)
		fill_nodes(node, s);
	if (parts & SNAPSHOT_DCS)
		fill_dcs(node, s);
	if (parts & ROW_PARTS)
		r = fill_rows(node, parts, dcid, asker, s);
	if (r == 0 && parts & SNAPSHOT_ENDED)
		r = fill_ended(node, dcid, s);
	if (r < 0)
		snapshot_deinit(s);
	return r;
}

void snapshot_deinit(struct snapshot *s)
{
	free(s->row);
	free(s->ended);
	s->row = NULL;
	s->ended = NULL;
	s->row_count = s->ended_count = 0;
}
