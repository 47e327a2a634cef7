/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "node/task/children.h"
#include "node/task/ended.h"
#include "node/ask/gather.h"
#include "node/calls.h"
#include "node/node.h"
#include "node/state/order.h"
#include "node/task/process.h"
#include "node/ask/request.h"
#include "node/show/table.h"
#include "os/clock.h"

/*
 * The tables for people. A node's own table has every endpoint of its DCs, those elsewhere as REMOTE
 * rows. `ps` shows each endpoint once, as its owner sees it: the owners are asked over the links and
 * one that cannot be reached is stood in for by our own row of the directory.
 */

static void fill_row(const struct request *request, int dcid, int p_nr, struct ctl_proc_row *row)
{
	const struct node *node = request->node;
	const struct directory_endpoint *ep = node_endpoint(node, dcid, p_nr);

	memset(row, 0, sizeof(*row));
	table_proc(node, dcid, p_nr, &row->proc);
	row->owner = ep->node;
	row->generation = ep->generation;
	children_fill(request, dcid, p_nr, row);
}

static bool wanted_dc(const struct request *request, int dcid)
{
	return request->node->directory.dc[dcid].running &&
	       (request->head.dcid == -1 || request->head.dcid == dcid);
}

typedef void slot_fn(struct request *request, int dcid, int p_nr);

/* Calls fn for every slot of the DCs asked for, by DC and slot. */
static void each_slot(struct request *request, slot_fn *fn)
{
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		if (!wanted_dc(request, dcid))
			continue;
		for (int index = 0; index < SHM_SLOTS; index++)
			fn(request, dcid, index - SHM_TASKS);
	}
}

/* The same for every bound endpoint. */
static void each_endpoint(struct request *request, slot_fn *fn)
{
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		if (!wanted_dc(request, dcid))
			continue;
		for (int index = 0; index < SHM_SLOTS; index++)
			if (request->node->directory.dc[dcid].slot[index].bound)
				fn(request, dcid, index - SHM_TASKS);
	}
}

static void row_of(struct request *request, int dcid, int p_nr)
{
	struct ctl_proc_row row;

	fill_row(request, dcid, p_nr, &row);
	request_row(request, &row, sizeof(row));
}

static void own_row(struct request *request, int dcid, int p_nr)
{
	if (node_endpoint(request->node, dcid, p_nr)->node == request->node->options.id)
		row_of(request, dcid, p_nr);
}

static bool dc_exists(struct request *request)
{
	int dcid = request->head.dcid;

	if (dcid == -1 || (dcid >= 0 && dcid < SHM_DCS && wanted_dc(request, dcid)))
		return true;
	request_fail_number(request, dcid < 0 || dcid >= SHM_DCS ? EDVSBADDCID : EDVSDCNOTRUN,
			    "DC %d is not running; `dvs dc` lists the ones that are", dcid);
	return false;
}

/* As in the original, a slot that is stated to be elsewhere has a row in this node's own table. */
static void row_of_slot(struct request *request, int dcid, int p_nr)
{
	const struct directory_endpoint *ep = node_endpoint(request->node, dcid, p_nr);

	if (ep->bound || node_stated_elsewhere(request->node, ep))
		row_of(request, dcid, p_nr);
}

void handle_proctable(struct request *request)
{
	if (!dc_exists(request) || children_look(request, handle_proctable))
		return;
	/* cmd 1, from another node: only what this one owns */
	if (request->head.cmd == 1)
		each_endpoint(request, own_row);
	else
		each_slot(request, row_of_slot);
	children_end(request);
	request_end(request, 0, NULL, 0, NULL, 0);
}

/* What the directory alone says, for owners that did not answer. */
static void stand_in(struct request *request, int dcid, int p_nr)
{
	int owner = node_endpoint(request->node, dcid, p_nr)->node;

	if (owner != request->node->options.id && !(request->gathered >> owner & 1))
		row_of(request, dcid, p_nr);
}

static void finish_ps(struct request *request)
{
	each_endpoint(request, stand_in);
	request_end(request, 0, NULL, 0, NULL, 0);
}

void handle_ps(struct request *request)
{
	if (!dc_exists(request) || children_look(request, handle_ps))
		return;
	each_endpoint(request, own_row);
	children_end(request);
	gather_start(request, CTL_PROCTABLE, finish_ps);
}

static void finish_ended(struct request *request)
{
	request_end(request, 0, NULL, 0, NULL, 0);
}

void handle_ended(struct request *request)
{
	if (!dc_exists(request))
		return;
	ended_rows(request, request->head.dcid);
	if (request->head.cmd == 1) /* from another node: only what is kept here */
		finish_ended(request);
	else
		gather_start(request, CTL_ENDED, finish_ended);
}

void handle_nodes(struct request *request)
{
	struct node *node = request->node;

	for (int i = 0; i < NR_NODES; i++) {
		const struct directory_node *entry = &node->directory.node[i];
		struct proxy_link_stats stats = { 0 };
		struct ctl_node_row row = { .up = entry->up,
					    .incarnation = entry->incarnation,
					    .address = entry->address,
					    .self = i == node->options.id };

		if (!entry->incarnation)
			continue;
		table_node(node, i, &row.node);
		memcpy(row.node.n_name, entry->name, sizeof(row.node.n_name));
		if (!row.self)
			proxy_link_stats(node->proxy, i, &stats);
		row.link_up = row.self || stats.up;
		row.silent_ms = (int32_t)(stats.silent_ns / OS_MS_NS);
		row.frames_sent = stats.frames_sent;
		row.frames_received = stats.frames_received;
		row.bytes_sent = stats.bytes_sent;
		row.bytes_received = stats.bytes_received;
		request_row(request, &row, sizeof(row));
	}
	request_end(request, 0, NULL, 0, NULL, 0);
}

void handle_dcs(struct request *request)
{
	struct node *node = request->node;

	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		struct ctl_dc_row row = { 0 };

		if (!node->directory.dc[dcid].running)
			continue;
		table_dc(node, dcid, &row.dc);
		for (int index = 0; index < SHM_SLOTS; index++)
			row.endpoints += node->directory.dc[dcid].slot[index].bound;
		request_row(request, &row, sizeof(row));
	}
	request_end(request, 0, NULL, 0, NULL, 0);
}
