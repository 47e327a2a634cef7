/* SPDX-License-Identifier: Apache-2.0 */
#include "dvk.h"
#include "node/ask/gather.h"
#include "node/ask/request.h"
#include "node/calls.h"
#include "node/node.h"
#include "node/show/snapshot.h"
#include "node/task/children.h"

/*
 * The tables for people: rows of a snapshot. A node's own table has every endpoint of its DCs, those elsewhere as
 * REMOTE rows. `ps` shows each endpoint once, as its owner sees it: the owners are asked over the links and
 * one that cannot be reached is stood in for by our own row of the directory.
 */

/* Sends the rows that there are; the request goes on. False: no memory, and it is over. */
static bool send_rows(struct request *request, unsigned parts)
{
	struct snapshot s;

	if (snapshot_fill(&s, request->node, parts, request->head.dcid, request) < 0) {
		request_fail(request, EDVSNOMEM, "no memory for the rows");
		return false;
	}
	for (int i = 0; i < s.node_count; i++)
		request_row(request, &s.node[i], sizeof(s.node[i]));
	for (int i = 0; i < s.dc_count; i++)
		request_row(request, &s.dc[i], sizeof(s.dc[i]));
	for (size_t i = 0; i < s.row_count; i++)
		request_row(request, &s.row[i], sizeof(s.row[i]));
	for (size_t i = 0; i < s.ended_count; i++)
		request_row(request, &s.ended[i], sizeof(s.ended[i]));
	snapshot_deinit(&s);
	return true;
}

static void answer_rows(struct request *request, unsigned parts)
{
	if (send_rows(request, parts))
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
	else if (!request->node->order.directory.dc[dcid].running)
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
	answer_rows(request, request->head.cmd == 1 ? SNAPSHOT_OWN : SNAPSHOT_TABLE);
}

/* Rows of the directory alone, for owners that did not answer. */
static void finish_ps(struct request *request)
{
	answer_rows(request, SNAPSHOT_STAND_IN);
}

void handle_ps(struct request *request)
{
	if (!dc_exists(request) || children_look(request, handle_ps) ||
	    !send_rows(request, SNAPSHOT_OWN))
		return;
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
	if (request->head.cmd == 1) /* from another node: only what is kept here */
		answer_rows(request, SNAPSHOT_ENDED);
	else if (send_rows(request, SNAPSHOT_ENDED))
		gather_start(request, CTL_ENDED, finish_ended);
}

void handle_nodes(struct request *request)
{
	answer_rows(request, SNAPSHOT_NODES);
}

void handle_dcs(struct request *request)
{
	answer_rows(request, SNAPSHOT_DCS);
}

void handle_status(struct request *request)
{
	struct snapshot s;

	snapshot_fill(&s, request->node, SNAPSHOT_STATUS, -1, NULL);
	request_end(request, s.status.nodeid, &s.status, sizeof(s.status), NULL, 0);
}

void handle_counters(struct request *request)
{
	struct snapshot s;

	snapshot_fill(&s, request->node, SNAPSHOT_COUNTERS, -1, NULL);
	request_end(request, request->node->options.id, &s.counters, sizeof(s.counters), NULL, 0);
}
