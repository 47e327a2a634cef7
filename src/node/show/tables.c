/* SPDX-License-Identifier: Apache-2.0 */
#include "dvk.h"
#include "node/ask/gather.h"
#include "node/ask/request.h"
#include "node/calls.h"
#include "node/bind/binding.h"
#include "node/state/order.h"
#include "node/show/snapshot.h"
#include "node/task/children.h"

/*
 * The tables for people: rows of a snapshot. A node's own table has every endpoint of its DCs, those elsewhere as
 * REMOTE rows. `ps` shows each endpoint once, as its owner sees it: the owners are asked over the links and
 * one that cannot be reached is stood in for by our own row of the directory.
 */

/* Sends what there is, or without memory (r < 0) a refusal, which ends the request. True: it goes on. */
static bool send(struct request *request, struct snapshot *s, int r)
{
	for (int i = 0; r == 0 && i < s->node_count; i++)
		request_row(request, &s->node[i], sizeof(s->node[i]));
	for (int i = 0; r == 0 && i < s->dc_count; i++)
		request_row(request, &s->dc[i], sizeof(s->dc[i]));
	for (size_t i = 0; r == 0 && i < s->row_count; i++)
		request_row(request, &s->row[i], sizeof(s->row[i]));
	for (size_t i = 0; r == 0 && i < s->ended_count; i++)
		request_row(request, &s->ended[i], sizeof(s->ended[i]));
	snapshot_deinit(s);
	if (r < 0)
		request_fail(request, EDVSNOMEM, "no memory for the rows");
	return r == 0;
}

static bool send_rows(struct request *request, enum snapshot_rows rows)
{
	struct snapshot s = { 0 };
	int r = snapshot_rows(&s, request->requests->order, binding_part(request), rows, request);

	return send(request, &s, r);
}

static bool send_ended(struct request *request)
{
	struct snapshot s = { 0 };
	int r = snapshot_ended(&s, request->requests->tasks, request);

	return send(request, &s, r);
}

static void finish(struct request *request)
{
	request_end(request, 0, NULL, 0, NULL, 0);
}

static bool dc_exists(struct request *request)
{
	int dcid = request->head.dcid;

	if (dcid == -1)
		return true;
	if (dcid < 0 || dcid >= SHM_DCS)
		request_fail(request, EDVSBADDCID,
			     "DC %d is not running; `dvs dc` lists the ones that are", dcid);
	else if (!request->requests->order->directory.dc[dcid].running)
		request_fail(request, EDVSDCNOTRUN,
			     "DC %d is not running; `dvs dc` lists the ones that are", dcid);
	else
		return true;
	return false;
}

void handle_proctable(struct request *request)
{
	if (!dc_exists(request) || children_look(request, handle_proctable))
		return;
	/* cmd 1, from another node: only what this one owns */
	if (send_rows(request, request->head.cmd == 1 ? SNAPSHOT_OWN : SNAPSHOT_TABLE))
		finish(request);
}

/* Rows of the directory alone, for owners that did not answer. */
static void finish_ps(struct request *request)
{
	if (send_rows(request, SNAPSHOT_STAND_IN))
		finish(request);
}

void handle_ps(struct request *request)
{
	if (!dc_exists(request) || children_look(request, handle_ps) ||
	    !send_rows(request, SNAPSHOT_OWN))
		return;
	children_end(request);
	gather_start(request, CTL_PROCTABLE, finish_ps);
}

void handle_ended(struct request *request)
{
	if (!dc_exists(request) || !send_ended(request))
		return;
	if (request->head.cmd == 1) /* from another node: only what is kept here */
		finish(request);
	else
		gather_start(request, CTL_ENDED, finish);
}

void handle_nodes(struct request *request)
{
	struct snapshot s = { 0 };

	snapshot_nodes(&s, request->requests->order, request->requests->proxy);
	if (send(request, &s, 0))
		finish(request);
}

void handle_dcs(struct request *request)
{
	struct snapshot s = { 0 };

	snapshot_dcs(&s, request->requests->order, request->requests->tasks, request);
	if (send(request, &s, 0))
		finish(request);
}

void handle_status(struct request *request)
{
	struct ctl_node_status status;

	snapshot_status(&status, request->requests->order, request->requests->proxy,
			request->requests->tasks, request->requests->moves);
	request_end(request, status.nodeid, &status, sizeof(status), NULL, 0);
}

void handle_counters(struct request *request)
{
	const struct requests *requests = request->requests;

	request_end(request, requests->order->self, requests->counters, sizeof(*requests->counters),
		    NULL, 0);
}
