/* SPDX-License-Identifier: Apache-2.0 */
#include "node/calls.h"

#include <assert.h>

#include "base/right.h"
#include "dvk.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"
#include "node/bind/judge.h"
#include "node/state/order.h"
#include "os/lock.h"

/* LOCAL: acts for the task that asks or hands out descriptors, and is never passed on. */
enum call_flag {
	LOCAL = 1
};

/*
 * The right that the user of a request has to have (base/right.h), in the DC that it names; the
 * node that answers judges again, by its own directory. Rows of tables are judged one by one by
 * those who fill them.
 */
enum call_right {
	ANYBODY =
		8, /* of DCs it concerns nothing but the asking process itself, or rows that are judged */
	ROOT = 16,    /* it concerns more than one DC */
	DAEMONS = 32, /* is asked by other nodes, and by nobody else */
	SEE = RIGHT_SEE,
	CHANGE = RIGHT_CHANGE,
	USE = RIGHT_USE,
};

struct call {
	void (*handle)(struct request *request);
	unsigned flags;
	enum call_right right;
};

/* A row without a right does not compile. */
#define CALL(handler, flags, right)   \
	{                             \
		handler, flags, right \
	}

static const struct call calls[] = {
	[CTL_HELLO] = CALL(handle_hello, LOCAL, ANYBODY),
	[CTL_BIND] = CALL(handle_bind, LOCAL, CHANGE),
	[CTL_UNBIND] = CALL(handle_unbind, LOCAL, CHANGE),
	[CTL_CHANNEL] = CALL(handle_channel, LOCAL, USE),
	[CTL_GETEP] = CALL(handle_getep, LOCAL, ANYBODY),
	[CTL_WAIT4BIND] = CALL(handle_wait4bind, LOCAL, ANYBODY),
	[CTL_PROCINFO] = CALL(handle_procinfo, 0, SEE),
	[CTL_DCINFO] = CALL(handle_dcinfo, 0, SEE),
	[CTL_NODEINFO] = CALL(handle_nodeinfo, 0, ANYBODY),
	[CTL_DVSINFO] = CALL(handle_dvsinfo, 0, ANYBODY),
	[CTL_PRIV] = CALL(handle_priv, LOCAL, CHANGE),
	[CTL_WAKEUP] = CALL(handle_wakeup, LOCAL, CHANGE),
	[CTL_NOTIFY] = CALL(handle_notify, LOCAL, USE),
	[CTL_MIGRATE] = CALL(handle_migrate, 0, CHANGE),
	[CTL_DCINIT] = CALL(handle_dcinit, 0, ROOT),
	[CTL_DCEND] = CALL(handle_dcend, 0, ROOT),
	[CTL_ADDNODE] = CALL(handle_addnode, 0, ROOT),
	[CTL_DELNODE] = CALL(handle_delnode, 0, ROOT),
	[CTL_WAITS] = CALL(handle_waits, 0, DAEMONS),
	[CTL_PS] = CALL(handle_ps, 0, SEE),
	[CTL_NODES] = CALL(handle_nodes, 0, ANYBODY),
	[CTL_DCS] = CALL(handle_dcs, 0, ANYBODY),
	[CTL_PROCTABLE] = CALL(handle_proctable, 0, SEE),
	[CTL_RUN] = CALL(handle_run, 0, CHANGE),
	[CTL_LOGS] = CALL(handle_logs, 0, SEE),
	[CTL_MOVE] = CALL(handle_move, 0, CHANGE),
	[CTL_DRAIN] = CALL(handle_drain, 0, ROOT),
	[CTL_SHUTDOWN] = CALL(handle_shutdown, 0, ROOT),
	[CTL_SIGNAL] = CALL(handle_signal, 0, CHANGE),
	[CTL_ENDED] = CALL(handle_ended, 0, SEE),
	[CTL_STATUS] = CALL(handle_status, 0, ANYBODY),
	[CTL_COUNTERS] = CALL(handle_counters, 0, ANYBODY),
	[CTL_KEYS] = CALL(handle_keys, 0, ROOT),
	[CTL_CHECKPOINT] = CALL(handle_checkpoint, LOCAL, CHANGE),
	[CTL_RESTORE] = CALL(handle_restore, LOCAL, ANYBODY), /* the file says which DC */
	[CTL_IMAGE] = CALL(handle_image, LOCAL, ANYBODY),
	[CTL_RESTART] = CALL(handle_restart, LOCAL, ROOT),
	[CTL_ROSTER] = CALL(handle_roster, 0, ROOT),
};

/* False: it was refused. */
static bool judge(struct request *request, enum call_right right)
{
	static const char *const texts[] = {
		[SEE] = "look into", [CHANGE] = "change what runs in", [USE] = "use"
	};

	assert(right);
	switch (right) {
	case ANYBODY:
		return true;
	case DAEMONS:
		if (request->from >= 0)
			return true;
		request_fail(request, EDVSBADCALL, "this call is for daemons only");
		return false;
	case ROOT:
		if (request->uid == 0)
			return true;
		request_fail(request, EDVSPRIVILEGES,
			     "uid %u may not change the cluster; root may (sudo)", request->uid);
		return false;
	case SEE:
	case CHANGE:
	case USE:
		break;
	}
	if (judge_may(request, request->head.dcid, right))
		return true;
	request_fail(request, EDVSPRIVILEGES,
		     "uid %u may not %s DC %d; its owner may, and root (sudo), who gives a DC its "
		     "owner, group and mode when it is made (dvs dc create)",
		     request->uid, texts[right], request->head.dcid);
	return false;
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
	if (request->from < 0 && !judge_may_ask(request)) {
		request_fail(
			request, EDVSPRIVILEGES,
			"uid %u may not ask the daemon of node %d, which hears root and the "
			"users of group %u alone (users in dvs.conf); root can put a user into it "
			"(usermod -aG)",
			request->uid, order->self, request->requests->users);
		return;
	}
	if (!judge(request, call->right))
		return;
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
