/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "os/kept.h"
#include "dvk.h"
#include "node/calls.h"
#include "node/bind/binding.h"
#include "node/state/life.h"
#include "node/state/order.h"
#include "node/task/caller.h"
#include "node/ask/request.h"
#include "node/show/rows.h"

/* The info calls: one row each. -1 asks for the caller's own DC or node. */

static int caller_dc(struct request *request, int dcid)
{
	struct binding *caller = binding_of_caller(request);

	return dcid != -1 ? dcid : caller ? caller->dcid : -1;
}

void handle_procinfo(struct request *request)
{
	int dcid = caller_dc(request, request->head.dcid);
	int p_nr = request->head.endpoint;
	const struct directory_dc *dc;
	proc_usr_t row;

	if (dcid == -1) {
		request_fail(request, EDVSNOTBIND, "the caller is not bound");
		return;
	}
	if (dcid < 0 || dcid >= SHM_DCS) {
		request_fail(request, EDVSBADDCID, "there is no DC %d", dcid);
		return;
	}
	dc = &request->requests->order->directory.dc[dcid];
	if (!dc->running) {
		request_fail(request, EDVSDCNOTRUN, "DC %d is not running", dcid);
		return;
	}
	if (p_nr < -dc->nr_tasks || p_nr >= dc->nr_procs) {
		request_fail(request, EDVSBADPROC, "DC %d has no slot %d", dcid, p_nr);
		return;
	}
	rows_proc(request->requests->order, binding_part(request), dcid, p_nr, &row);
	request_end(request, 0, &row, sizeof(row), NULL, 0);
}

void handle_dcinfo(struct request *request)
{
	int dcid = caller_dc(request, request->head.dcid);
	dc_usr_t row;

	if (dcid < 0 || dcid >= SHM_DCS) {
		request_fail(request, EDVSBADDCID, "there is no DC %d", dcid);
		return;
	}
	rows_dc(request->requests->order, request->requests->tasks, dcid, &row);
	request_end(request, 0, &row, sizeof(row), NULL, 0);
}

void handle_nodeinfo(struct request *request)
{
	int nodeid =
		request->head.nodeid == -1 ? request->requests->order->self : request->head.nodeid;
	node_usr_t row;

	if (nodeid < 0 || nodeid >= NR_NODES) {
		request_fail(request, EDVSBADNODEID, "there is no node %d", nodeid);
		return;
	}
	rows_node(request->requests->order, request->requests->proxy, nodeid, &row);
	request_end(request, 0, &row, sizeof(row), NULL, 0);
}

/* dvk_dvs_init: the name and the debug mask are kept. To say what is so needs no right. */
static int dvs_set(struct request *request, struct life *life)
{
	dvs_usr_t wanted;

	if (request->head.payload_bytes != sizeof(wanted)) {
		request_fail(request, EDVSBADREQUEST, "no parameters were given");
		return -1;
	}
	memcpy(&wanted, request->payload, sizeof(wanted));
	wanted.d_name[sizeof(wanted.d_name) - 1] = 0;
	if (!strcmp(wanted.d_name, life->dvs_name) && wanted.d_dbglvl == life->debug_level)
		return 0;
	if (request->uid) {
		request_fail(request, EDVSPRIVILEGES,
			     "uid %u may not name the DVS; root may (sudo)", request->uid);
		return -1;
	}
	memset(life->dvs_name, 0, sizeof(life->dvs_name));
	snprintf(life->dvs_name, sizeof(life->dvs_name), "%s", wanted.d_name);
	life->debug_level = wanted.d_dbglvl;
	os_kept_note_other();
	return 0;
}

void handle_dvsinfo(struct request *request)
{
	dvs_usr_t row;

	if (request->head.cmd == 1 && dvs_set(request, binding_part(request)->life) < 0)
		return;
	rows_dvs(binding_part(request)->life, &row);
	request_end(request, request->requests->order->self, &row, sizeof(row), NULL, 0);
}
