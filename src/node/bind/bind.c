/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/refusal.h"
#include "dvk.h"
#include "node/bind/backup.h"
#include "node/bind/charge.h"
#include "node/calls.h"
#include "node/task/named.h"
#include "node/task/caller.h"
#include "node/state/order.h"
#include "node/bind/binding.h"
#include "node/ask/request.h"
#include "node/task/rights.h"
#include "node/task/task.h"
#include "os/pid.h"
#include "os/socket.h"
#include "proxy/proxy.h"

/*
 * A bind ties a task to an endpoint. The caller is the process named by the socket's credentials; a
 * thread is named by its id in the caller's own pid namespace and must belong to that process. A binding
 * exists when the order has delivered it; the pages are handed out with the answer.
 */

void handle_hello(struct request *request)
{
	const struct binding *p = binding_of_caller_any(request);

	/* A thread that asks for itself is not told what it borrows: that is asked for as a process. */
	if (request->head.tid && p && p->task->lpid != named_caller(request))
		p = NULL;
	binding_end_with_pages(request, request->requests->order->self, p);
}

/* A binding on its way through the order. */
struct pending {
	struct request *request;
	struct task *task; /* kept */
	int dcid, p_nr;
};

static void bind_failed(struct pending *pending, int code)
{
	struct request *request = pending->request;
	int dcid = pending->dcid, p_nr = pending->p_nr;

	task_let(pending->task);
	free(pending);
	if (code == EDVSSLOTUSED)
		request_fail_number(
			request, code,
			"endpoint %d of DC %d is bound already, or stated to be on another "
			"node; choose a free one (dvs ps %d)",
			p_nr, dcid, dcid);
	else if (code == EDVSNODCNODE)
		request_fail_outside(request, code, request->requests->order->self, dcid);
	else
		request_fail_number(request, code, "endpoint %d of DC %d cannot be bound: %s", p_nr,
				    dcid, order_why(request->requests->order, code));
}

/* The process ended before its binding came: the binding is nobody's. */
static void bind_orphaned(struct pending *pending, const struct directory_result *result)
{
	struct request *request = pending->request;
	struct command cmd = { .kind = COMMAND_UNBIND,
			       .dcid = pending->dcid,
			       .p_nr = pending->p_nr,
			       .generation = result->generation,
			       .flags = COMMAND_FLAG_DIED };

	/* Refused, if it is unbound already, with its DC. */
	order_propose(request->requests->order, &cmd, &right_root, NULL, NULL);
	task_let(pending->task);
	free(pending);
	request_fail(request, EDVSBADPID, "the process has ended meanwhile");
}

static void bind_done(struct order *order, void *ctx, const struct directory_result *result)
{
	struct pending *pending = ctx;
	struct request *request = pending->request;
	struct task *task = pending->task;
	struct binding *binding;
	int r;

	assert(task->kept > 0);
	(void)order;

	if (result->code < 0) {
		bind_failed(pending, result->code);
		return;
	}
	if (task->gone || task->ended) {
		bind_orphaned(pending, result);
		return;
	}
	rights_reset(&request->requests->tasks->rights, pending->dcid, pending->p_nr);
	r = binding_make(task, pending->dcid, pending->p_nr, result->value, result->generation,
			 &binding);
	free(pending);
	if (r == 0) {
		proxy_offer_new(request->requests->proxy, binding->dcid, binding->p_nr,
				binding->endpoint);
		r = task_watch(task);
	}
	if (r < 0)
		request_fail(request, EDVSALLOCMEM, "no memory for the pages of the binding");
	else if (request->pid == task->tgid && binding_of_caller_any(request) == binding)
		binding_end_with_pages(request, binding->p_nr, binding);
	else
		request_end(request, binding->p_nr, NULL, 0, NULL, 0);
	task_let(task);
}

static bool is_elsewhere(const struct request *request)
{
	return request->head.cmd == RMT_BIND || request->head.cmd == BKUP_BIND;
}

/* Of the contract's list, in its order, what comes before the task is looked for. */
static int bind_check(struct request *request, int p_nr)
{
	const struct bindings *bindings = binding_part(request);
	int cmd = request->head.cmd, dcid = request->head.dcid, nodeid = request->head.nodeid;
	const struct directory_dc *dc;

	if (request->uid && cmd != SELF_BIND) {
		request_fail(request, EDVSPRIVILEGES,
			     "uid %u may bind itself only; root may bind others", request->uid);
		return -1;
	}
	if (is_elsewhere(request)
		    ? nodeid < 0 || nodeid >= NR_NODES || nodeid == bindings->order->self
		    : nodeid != LOCALNODE) {
		request_fail(request, EDVSBADNODEID,
			     is_elsewhere(request) ? "node %d is none, or this one; bind it here"
						   : "node %d: it is bound where it runs",
			     nodeid);
		return -1;
	}
	if (cmd < SELF_BIND || cmd > MAX_BIND_TYPE) {
		request_fail(request, EDVSBINDTYPE, "%d is no kind of bind", cmd);
		return -1;
	}
	if (caller_check_dc(request, dcid, handle_bind) < 0 ||
	    caller_check_slot(request, dcid, p_nr, EDVSBADDCID) < 0)
		return -1;
	dc = &bindings->order->directory.dc[dcid];
	if (!(dc->nodes >> bindings->order->self & 1) ||
	    (is_elsewhere(request) && !(dc->nodes >> nodeid & 1))) {
		request_fail_outside(request, EDVSNODCNODE,
				     dc->nodes >> bindings->order->self & 1 ? nodeid
									    : bindings->order->self,
				     dcid);
		return -1;
	}
	return 0;
}

/* The order decides; this is only so that a slot in use is named before a pid that is wrong. */
static bool is_used(struct request *request, int p_nr)
{
	const struct directory_endpoint *ep =
		order_endpoint(request->requests->order, request->head.dcid, p_nr);

	if (!ep->bound || is_elsewhere(request) || request->head.cmd == REPLICA_BIND)
		return false;
	request_fail(request, EDVSSLOTUSED,
		     "endpoint %d of DC %d is bound already; choose a free one (dvs ps %d)", p_nr,
		     request->head.dcid, request->head.dcid);
	return true;
}

/* The directory here speaks against the bind, and this node may be behind. */
static bool is_doubtful(struct request *request, int p_nr)
{
	const struct directory_endpoint *ep =
		order_endpoint(request->requests->order, request->head.dcid, p_nr);

	if (!ep)
		return false; /* nothing that is ordered makes that number a slot */
	if (!caller_knows_nodes(request, request->head.dcid,
				is_elsewhere(request) ? request->head.nodeid
						      : request->requests->order->self))
		return true;
	return request->head.cmd == BKUP_BIND ? !ep->bound || ep->node != request->head.nodeid
					      : ep->bound;
}

/* The task to be bound: the calling thread, or another process that the caller names. NAMED_E_LATER. */
static int bind_target(struct request *request, pid_t *tgid, pid_t *tid, int *vpid)
{
	const struct ctl_request *head = &request->head;
	int r = 0;

	if (head->cmd != SELF_BIND && head->pid > 0)
		r = named_task(request, tid, handle_bind);
	else if (head->pid > 0 || head->tid)
		r = named_thread(request, tid, handle_bind);
	else
		*tid = request->pid;
	if (r)
		return r;
	*tgid = *tid == request->pid ? request->pid : os_tgid_of(*tid);
	*vpid = *tgid > 0 ? os_pid_innermost(*tid) : -1;
	return *vpid > 0 ? 0 : -ESRCH;
}

static void remote_done(struct order *order, void *ctx, const struct directory_result *result)
{
	struct request *request = ctx;

	if (result->code == EDVSNOCONN || result->code == EDVSINPROGRESS)
		request_fail_number(request, result->code, "endpoint %d of DC %d: %s",
				    request->head.endpoint, request->head.dcid,
				    order_why(order, result->code));
	else if (result->code < 0)
		request_fail_number(request, result->code,
				    "endpoint %d of DC %d is not one of node %d",
				    request->head.endpoint, request->head.dcid,
				    request->head.nodeid);
	else
		request_end(request, request->head.endpoint, NULL, 0, NULL, 0);
}

/* States where an endpoint is, or will be; facts that every node knows already have to agree. */
static void bind_remote(struct request *request)
{
	struct command cmd = { .kind = COMMAND_BIND,
			       .dcid = request->head.dcid,
			       .p_nr = request->head.endpoint,
			       .node = request->head.nodeid,
			       .bind_kind = RMT_BIND };

	memcpy(cmd.name, request->head.name, sizeof(cmd.name));
	order_propose(request->requests->order, &cmd, &request->user, remote_done, request);
}

static void bind_backup(struct request *request, struct task *task)
{
	struct refusal why = REFUSAL_NONE;
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	struct binding *binding;

	if (backup_check(binding_part(request), dcid, p_nr, request->head.nodeid, &why) < 0)
		request_refuse(request, &why);
	else if (backup_begin(task, dcid, p_nr, &binding) < 0 || task_watch(task) < 0)
		request_fail(request, EDVSALLOCMEM, "no memory for the pages of the binding");
	else if (request->pid == task->tgid && binding_of_caller_any(request) == binding)
		binding_end_with_pages(request, p_nr, binding);
	else
		request_end(request, p_nr, NULL, 0, NULL, 0);
	task_let(task);
}

/* A thread that borrows from its leader has its DC. */
static bool leader_is_elsewhere(struct request *request, pid_t tgid, pid_t tid)
{
	const struct binding *leader =
		tid == tgid ? NULL : binding_of_pid(request->requests->tasks, tgid, tgid);

	if (!leader || leader->dcid == request->head.dcid)
		return false;
	request_fail(request, EDVSBADDCID, "the thread's process is bound in DC %d", leader->dcid);
	return true;
}

static void propose_bind(struct request *request, struct task *task)
{
	const struct bindings *bindings = binding_part(request);
	struct command cmd = { .kind = COMMAND_BIND,
			       .dcid = request->head.dcid,
			       .p_nr = request->head.endpoint,
			       .node = request->requests->order->self,
			       .bind_kind = request->head.cmd,
			       .lpid = task->lpid,
			       .vpid = task->vpid,
			       .misc = task->lpid == task->tgid ? MIS_GRPLEADER : 0 };
	struct pending *pending = calloc(1, sizeof(*pending));

	if (!pending) {
		task_let(task);
		request_fail(request, EDVSALLOCMEM, "no memory for the binding");
		return;
	}
	*pending = (struct pending){ request, task, cmd.dcid, cmd.p_nr };
	if (request->head.cmd == REPLICA_BIND)
		cmd.misc |= MIS_REPLICATED;
	if (request->head.cmd == USERMODE_BIND)
		cmd.misc |= MIS_USERMODE;
	os_comm_of(task->lpid, cmd.name, sizeof(cmd.name));
	order_propose(request->requests->order, &cmd, &request->user, bind_done, pending);
	exchange_foresee(bindings->exchange, cmd.dcid, cmd.p_nr);
}

void handle_bind(struct request *request)
{
	int p_nr = request->head.endpoint;
	struct task *task;
	pid_t tgid = -1, tid = -1;
	int vpid = -1, r;

	if (is_doubtful(request, p_nr) && caller_catch_up(request, handle_bind))
		return;
	if (bind_check(request, p_nr) < 0)
		return;
	if (request->head.cmd == RMT_BIND) {
		bind_remote(request);
		return;
	}
	if (is_used(request, p_nr))
		return;
	r = bind_target(request, &tgid, &tid, &vpid);
	if (r == NAMED_E_LATER)
		return;
	if (r < 0) {
		request_fail(request, EDVSBADPID, "there is no process %d on node %d",
			     request->head.pid, request->requests->order->self);
		return;
	}
	if (leader_is_elsewhere(request, tgid, tid))
		return;
	/* Of the caller itself the connection has a descriptor. */
	if (task_keep_for(request->requests->tasks, tgid, tid, vpid,
			  tid == request->pid ? request->pidfd : -1, &task) < 0) {
		request_fail(request, EDVSBADPID, "there is no process %d on node %d",
			     request->head.pid, request->requests->order->self);
		return;
	}
	/* Its descriptor was opened by number: it is the caller's if the caller lives now. */
	if (tgid == request->pid && !request_caller_is_there(request)) {
		task_let(task);
		request_fail_gone(request);
		return;
	}
	if (request->head.cmd == BKUP_BIND)
		bind_backup(request, task);
	else
		propose_bind(request, task);
}

/*
 * The present life is meant; the answer names it. cmd 1: only to hear from it; EDVSAGAIN where nobody is
 * bound yet, and an RMT_BIND says that somebody will be.
 */
void handle_channel(struct request *request)
{
	struct bindings *bindings = binding_part(request);
	struct binding *caller = binding_of_caller(request);
	int p_nr = request->head.endpoint;
	const struct directory_endpoint *ep;
	struct exchange_channel *channel;
	struct exchange_bell *bell;
	int number;

	if (!caller) {
		request_fail(request, EDVSNOTBIND, "the caller is not bound");
		return;
	}
	if (caller_check_slot(request, caller->dcid, p_nr, EDVSRANGE) < 0)
		return;
	if (p_nr == caller->p_nr) {
		request_fail(request, EDVSENDPOINT, "endpoint %d is the caller", p_nr);
		return;
	}
	/* To hear from anybody needs no right. */
	if (request->head.cmd != 1 &&
	    !rights_may_talk(&bindings->tasks->rights, caller->dcid, caller->p_nr, p_nr)) {
		request_fail(request, EDVSTRAPDENIED, "endpoint %d may not talk to endpoint %d",
			     caller->p_nr, p_nr);
		return;
	}
	ep = order_endpoint(bindings->order, caller->dcid, p_nr);
	number = directory_endpoint_number(ep, p_nr);
	if (ep->stated && request->head.cmd == 1) {
		request_fail(request, EDVSAGAIN, "endpoint %d is not bound yet", p_nr);
		return;
	}
	if (!ep->bound) {
		if (caller_catch_up(request, handle_channel))
			return;
		request_fail(request, EDVSDSTDIED, "endpoint %d is not bound", p_nr);
		return;
	}
	if (!exchange_find(bindings->exchange, caller->dcid, caller->p_nr, p_nr) &&
	    !charge_channel(request, caller->dcid))
		return;
	if (exchange_channel(bindings->exchange, caller->dcid, caller->endpoint, number, &channel) <
		    0 ||
	    exchange_bell(bindings->exchange, caller->dcid, p_nr, &bell) < 0) {
		request_fail(request, EDVSALLOCMEM, "no memory for a channel");
		return;
	}
	binding_refresh_channels(caller);
	request_end(request, number, NULL, 0, (int[]){ channel->fd, bell->fd }, 2);
}
