/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "dvk.h"
#include "node/departure.h"
#include "node/handlers.h"
#include "node/node.h"
#include "node/process.h"
#include "node/request.h"

/* dvs migrate and dvs drain, up to the point where the owner's node takes over (departure.c). */

static bool target_usable(struct request *request, int dcid, int target)
{
	const struct node *node = request->node;

	if (target < 0 || target >= NR_NODES || !node->directory.node[target].up) {
		request_fail(request, EDVSBADNODEID, "node %d is not up (dvs nodes lists them)",
			     target);
		return false;
	}
	if (!(node->directory.dc[dcid].nodes >> target & 1)) {
		request_fail(request, EDVSDCNODE, "node %d does not belong to DC %d", target, dcid);
		return false;
	}
	return true;
}

static bool method_known(struct request *request)
{
	if (request->head.mode != CTL_MODE_STOP) {
		request_fail(request, EDVSNOSYS,
			     "this release moves processes with --mode stop only");
		return false;
	}
	if (request->head.engine != CTL_ENGINE_NATIVE) {
		request_fail(request, EDVSNOSYS,
			     "this release moves processes with --engine native only");
		return false;
	}
	return true;
}

void handle_move(struct request *request)
{
	struct node *node = request->node;
	int dcid = request->head.dcid, p_nr = _ENDPOINT_P(request->head.endpoint);
	const struct directory_endpoint *ep = node_endpoint(node, dcid, p_nr);

	if (dcid < 0 || dcid >= SHM_DCS || !node->directory.dc[dcid].running) {
		request_fail(request, dcid < 0 || dcid >= SHM_DCS ? EDVSBADDCID : EDVSDCNOTRUN,
			     "DC %d is not running (dvs dc lists those that are)", dcid);
		return;
	}
	if (!ep || !ep->bound) {
		request_fail(request, EDVSNOTBIND, "endpoint %d of DC %d is not bound (dvs ps %d)",
			     request->head.endpoint, dcid, dcid);
		return;
	}
	if (!target_usable(request, dcid, request->head.nodeid) || !method_known(request))
		return;
	if (ep->node != node->options.id) {
		request_forward(request, ep->node);
		return;
	}
	departure_start(request);
}

/*
 * Empties this node: each process goes to the next node of its DC that is up, one after another. The
 * rows come from requests of our own whose asker is the drain.
 */
static int next_target(const struct node *node, int dcid, int after)
{
	for (int i = 1; i < NR_NODES; i++) {
		int target = (after + i) % NR_NODES;

		if (target != node->options.id && node->directory.node[target].up &&
		    node->directory.dc[dcid].nodes >> target & 1)
			return target;
	}
	return -1;
}

struct drain {
	struct request *parent;
	int failed, moved;
	int last_target;
	uint8_t tried[SHM_DCS][SHM_SLOTS];
};

static void drain_next(struct drain *drain);

static void drain_done(struct request *child, const struct ctl_move *report)
{
	struct drain *drain = child->keeper;

	request_row(drain->parent, report, sizeof(*report));
	if (report->result == CTL_MOVE_COMMITTED)
		drain->moved++;
	else
		drain->failed++;
	drain_next(drain);
}

static struct process *drain_candidate(const struct drain *drain)
{
	struct node *node = drain->parent->node;

	for (struct process *p = node->processes; p; p = p->next)
		if (p->status && !p->backup && p->state == PROCESS_BOUND &&
		    !drain->tried[p->dcid][shm_index(p->p_nr)])
			return p;
	return NULL;
}

static void drain_next(struct drain *drain)
{
	struct request *parent = drain->parent;
	struct process *p = drain_candidate(drain);
	struct request *child = p ? request_new(parent->node) : NULL;

	if (!child) {
		if (drain->failed)
			request_fail(parent, EDVSPROCSTS,
				     "%d moved, %d stayed for the reasons given; end those or move "
				     "them by hand",
				     drain->moved, drain->failed);
		else
			request_end(parent, drain->moved, NULL, 0, NULL, 0);
		free(drain);
		return;
	}
	drain->tried[p->dcid][shm_index(p->p_nr)] = 1;
	drain->last_target = next_target(parent->node, p->dcid, drain->last_target);
	child->head = parent->head;
	child->head.payload_bytes = 0;
	child->head.dcid = p->dcid;
	child->head.endpoint = p->endpoint;
	child->head.nodeid = drain->last_target;
	child->keeper = drain;
	child->moved = drain_done;
	departure_start(child);
}

void handle_drain(struct request *request)
{
	struct node *node = request->node;
	int emptied = request->head.nodeid;
	struct drain *drain;

	if (emptied < 0 || emptied >= NR_NODES || !node->directory.node[emptied].up) {
		request_fail(request, EDVSBADNODEID, "node %d is not up (dvs nodes lists them)",
			     emptied);
		return;
	}
	if (emptied != node->options.id) {
		request_forward(request, emptied);
		return;
	}
	if (!method_known(request))
		return;
	if (request->uid) {
		request_fail(request, EDVSPRIVILEGES,
			     "uid %u may not empty a node; root may (sudo)", request->uid);
		return;
	}
	drain = calloc(1, sizeof(*drain));
	if (!drain) {
		request_fail(request, EDVSALLOCMEM, "no memory");
		return;
	}
	drain->parent = request;
	drain->last_target = request->node->options.id;
	drain_next(drain);
}
