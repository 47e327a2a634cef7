/* SPDX-License-Identifier: Apache-2.0 */
#include "node/calls.h"

#include <assert.h>

#include "dvk.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"
#include "node/state/order.h"
#include "os/lock.h"

/*
 * LOCAL: acts for the task that asks or hands out descriptors, and is never passed on. OWNER: for the DC's owner and
 * root; the other node knew its asker by the credentials.
 */
enum call_flag {
	LOCAL = 1,
	OWNER = 2
};

struct call {
	void (*handle)(struct request *request);
	unsigned flags;
};

static const struct call calls[] = {
	[CTL_HELLO] = { handle_hello, LOCAL },
	[CTL_BIND] = { handle_bind, LOCAL | OWNER },
	[CTL_UNBIND] = { handle_unbind, LOCAL | OWNER },
	[CTL_CHANNEL] = { handle_channel, LOCAL },
	[CTL_GETEP] = { handle_getep, LOCAL },
	[CTL_WAIT4BIND] = { handle_wait4bind, LOCAL },
	[CTL_PROCINFO] = { handle_procinfo, 0 },
	[CTL_DCINFO] = { handle_dcinfo, 0 },
	[CTL_NODEINFO] = { handle_nodeinfo, 0 },
	[CTL_DVSINFO] = { handle_dvsinfo, 0 },
	[CTL_PRIV] = { handle_priv, LOCAL | OWNER },
	[CTL_WAKEUP] = { handle_wakeup, LOCAL | OWNER },
	[CTL_NOTIFY] = { handle_notify, LOCAL | OWNER },
	[CTL_MIGRATE] = { handle_migrate, OWNER },
	[CTL_DCINIT] = { handle_dcinit, 0 },
	[CTL_DCEND] = { handle_dcend, 0 },
	[CTL_ADDNODE] = { handle_addnode, 0 },
	[CTL_DELNODE] = { handle_delnode, 0 },
	[CTL_WAITS] = { handle_waits, 0 },
	[CTL_PS] = { handle_ps, 0 },
	[CTL_NODES] = { handle_nodes, 0 },
	[CTL_DCS] = { handle_dcs, 0 },
	[CTL_PROCTABLE] = { handle_proctable, 0 },
	[CTL_RUN] = { handle_run, OWNER },
	[CTL_LOGS] = { handle_logs, OWNER },
	[CTL_MOVE] = { handle_move, OWNER },
	[CTL_DRAIN] = { handle_drain, 0 },
	[CTL_SHUTDOWN] = { handle_shutdown, 0 },
	[CTL_SIGNAL] = { handle_signal, OWNER },
	[CTL_ENDED] = { handle_ended, 0 },
	[CTL_STATUS] = { handle_status, 0 },
	[CTL_COUNTERS] = { handle_counters, 0 },
	[CTL_KEYS] = { handle_keys, 0 },
	[CTL_RESTART] = { handle_restart, LOCAL },
	[CTL_ROSTER] = { handle_roster, 0 },
};

/* A DC that does not run has no owner: the handler says what is wrong with it. */
static bool may_call(const struct request *request, const struct call *call)
{
	int dcid = request->head.dcid;
	const struct directory_dc *dc;

	if (!(call->flags & OWNER) || request->uid == 0 || dcid < 0 || dcid >= SHM_DCS)
		return true;
	dc = &request->requests->order->directory.dc[dcid];
	return !dc->running || dc->owner_uid == request->uid;
}

void calls_dispatch(struct request *request)
{
	const struct order *order = request->requests->order;
	int to = request->head.node;
	const struct call *call;

	assert(os_lock_protects());
	if (request->head.call >= sizeof(calls) / sizeof(*calls) ||
	    !calls[request->head.call].handle) {
		request_fail(request, EDVSBADCALL, "the daemon has no call %u", request->head.call);
		return;
	}
	call = &calls[request->head.call];
	if (call->flags & LOCAL && request->from < 0 && request->pid > 0 &&
	    !request_caller_is_there(request)) {
		request_fail_gone(request);
		return;
	}
	if (!may_call(request, call)) {
		request_fail(request, EDVSPRIVILEGES,
			     "uid %u may not do this in DC %d; its owner and root may (sudo)",
			     request->uid, request->head.dcid);
		return;
	}
	if (to < 0 || to == order->self || call->flags & LOCAL || request->from >= 0) {
		call->handle(request);
		return;
	}
	if (to >= NR_NODES || !order->directory.node[to].up) {
		request_fail(request, EDVSBADNODEID, "node %d is not up (dvs nodes lists them)",
			     to);
		return;
	}
	forward_start(request, to);
}
