/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "node/handlers.h"
#include "node/node.h"
#include "node/order.h"
#include "node/process.h"
#include "node/request.h"
#include "node/rights.h"
#include "os/pid.h"
#include "os/socket.h"

/*
 * What ties a task to an endpoint. The caller is the process named by the socket's credentials; a
 * thread is named by its id in the caller's own pid namespace and must belong to that process. A binding
 * exists when the order has delivered it; the pages are handed out with the answer.
 */

static pid_t caller_tid(const struct request *request)
{
	pid_t tid = request->head.tid ? os_tid_here(request->pid, request->head.tid) : 0;

	return tid > 0 ? tid : request->pid;
}

struct process *caller_process(struct request *request)
{
	struct process *p;

	if (request->fd < 0)
		return NULL;
	p = process_find_pid(request->node, request->pid, caller_tid(request));
	return p && p->status ? p : NULL;
}

static bool valid_dc(const struct node *node, int dcid)
{
	return dcid >= 0 && dcid < SHM_DCS && node->directory.dc[dcid].running;
}

static int check_dc(struct request *request, int dcid)
{
	if (dcid < 0 || dcid >= SHM_DCS) {
		request_fail(request, EDVSBADDCID, "there is no DC %d: DC numbers are 0 to %d",
			     dcid, SHM_DCS - 1);
		return -1;
	}
	if (!valid_dc(request->node, dcid)) {
		request_fail(request, EDVSDCNOTRUN,
			     "DC %d is not running; create it with: dvs dc create %d", dcid, dcid);
		return -1;
	}
	return 0;
}

/* Answers with the caller's pages: node bell, and own bell and status if it is bound. */
static void end_with_pages(struct request *request, int64_t value, struct process *process)
{
	struct node *node = request->node;
	struct exchange_bell *bell;
	int fds[3] = { exchange_node_bell_fd(node->exchange) };
	int count = 1;

	if (process && process->status &&
	    exchange_bell(node->exchange, process->dcid, process->p_nr, &bell) == 0) {
		fds[count++] = bell->fd;
		fds[count++] = process->status->fd;
	}
	request_end(request, value, NULL, 0, fds, count);
}

void handle_hello(struct request *request)
{
	end_with_pages(request, request->node->options.id, caller_process(request));
}

/* A binding on its way through the order. */
struct binding {
	struct request *request;
	struct process *process; /* NULL: a remote registration, nothing local */
	int dcid, p_nr;
};

static void bind_failed(struct binding *binding, int code)
{
	struct request *request = binding->request;
	int dcid = binding->dcid, p_nr = binding->p_nr;

	if (binding->process)
		process_free(binding->process);
	free(binding);
	if (code == EDVSSLOTUSED)
		request_fail(request, code,
			     "endpoint %d of DC %d is bound already; choose a free one (dvs ps %d)",
			     p_nr, dcid, dcid);
	else if (code == EDVSNODCNODE)
		request_fail(request, code, "node %d does not belong to DC %d",
			     request->node->options.id, dcid);
	else
		request_fail(request, code, "endpoint %d of DC %d cannot be bound", p_nr, dcid);
}

static void bind_done(struct node *node, void *ctx, const struct directory_result *result)
{
	struct binding *binding = ctx;
	struct request *request = binding->request;
	struct process *process = binding->process;
	int r;

	if (result->code < 0) {
		bind_failed(binding, result->code);
		return;
	}
	rights_reset(node, binding->dcid, binding->p_nr);
	r = process_attach(process, binding->dcid, binding->p_nr, result->value,
			   result->generation);
	free(binding);
	if (r == 0) {
		proxy_offer(node->proxy, process->dcid, process->p_nr, process->endpoint);
		r = process_watch(process);
	}
	if (r < 0) {
		request_fail(request, EDVSALLOCMEM, "no memory for the pages of the binding");
		return; /* the entry stays: its exit unbinds it */
	}
	if (request->pid == process->tgid && caller_process(request) == process)
		end_with_pages(request, result->value, process);
	else
		request_end(request, result->value, NULL, 0, NULL, 0);
}

static int bind_check(struct request *request, int endpoint)
{
	const struct node *node = request->node;
	const struct directory_dc *dc;

	if (request->head.cmd == BKUP_BIND) {
		request_fail(request, EDVSNOSYS,
			     "an endpoint has no backups: every node knows where "
			     "it is, and it can be moved");
		return -1;
	}
	if (request->head.cmd == RMT_BIND && request->head.nodeid == node->options.id) {
		request_fail(request, EDVSBADNODEID, "node %d is this one; bind it here",
			     node->options.id);
		return -1;
	}
	if (check_dc(request, request->head.dcid) < 0)
		return -1;
	dc = &node->directory.dc[request->head.dcid];
	if (endpoint < -dc->nr_tasks || endpoint >= dc->nr_procs) {
		request_fail(request, EDVSBADDCID, "DC %d has slots %d to %d, not %d",
			     request->head.dcid, -dc->nr_tasks, dc->nr_procs - 1, endpoint);
		return -1;
	}
	return 0;
}

/* The task to be bound: the calling thread, or another process that the caller names. */
static int bind_target(struct request *request, pid_t *tgid, pid_t *tid, int *vpid)
{
	if (request->head.cmd == SELF_BIND || request->head.pid <= 0) {
		*tgid = request->pid;
		*tid = request->head.pid > 0 || request->head.tid ? caller_tid(request)
								  : request->pid;
	} else {
		*tid = os_pid_here(request->pid, request->head.pid);
		*tgid = *tid > 0 ? os_tgid_of(*tid) : -1;
	}
	if (*tid <= 0 || *tgid <= 0)
		return -ESRCH;
	*vpid = os_pid_innermost(*tid);
	return *vpid > 0 ? 0 : -ESRCH;
}

static void remote_done(struct node *node, void *ctx, const struct directory_result *result)
{
	struct request *request = ctx;

	(void)node;
	if (result->code < 0)
		request_fail(request, result->code, "endpoint %d of DC %d is not one of node %d",
			     request->head.endpoint, request->head.dcid, request->head.nodeid);
	else
		request_end(request, result->value, NULL, 0, NULL, 0);
}

/* States where an endpoint is; every node knows already, and it has to be so. */
static void bind_remote(struct request *request)
{
	struct command cmd = { .kind = COMMAND_BIND,
			       .dcid = request->head.dcid,
			       .p_nr = _ENDPOINT_P(request->head.endpoint),
			       .node = request->head.nodeid,
			       .bind_kind = RMT_BIND };

	memcpy(cmd.name, request->head.name, sizeof(cmd.name));
	order_propose(request->node, &cmd, remote_done, request);
}

void handle_bind(struct request *request)
{
	struct node *node = request->node;
	struct command cmd = { .kind = COMMAND_BIND,
			       .dcid = request->head.dcid,
			       .p_nr = _ENDPOINT_P(request->head.endpoint),
			       .node = node->options.id };
	struct binding *binding;
	struct process *process;
	pid_t tgid, tid;
	int vpid;

	if (bind_check(request, cmd.p_nr) < 0)
		return;
	if (request->head.cmd == RMT_BIND) {
		bind_remote(request);
		return;
	}
	if (request->uid && request->head.cmd != SELF_BIND) {
		request_fail(request, EDVSPRIVILEGES,
			     "uid %u may bind itself only; root may bind others", request->uid);
		return;
	}
	if (bind_target(request, &tgid, &tid, &vpid) < 0 ||
	    process_new(node, tid, tgid, vpid, -1, &process) < 0) {
		request_fail(request, EDVSBADPID, "there is no process %d on node %d",
			     request->head.pid, node->options.id);
		return;
	}
	binding = calloc(1, sizeof(*binding));
	if (!binding) {
		process_free(process);
		request_fail(request, EDVSALLOCMEM, "no memory for the binding");
		return;
	}
	*binding = (struct binding){ request, process, cmd.dcid, cmd.p_nr };
	cmd.lpid = tid;
	cmd.vpid = vpid;
	cmd.misc = tid == tgid ? MIS_GRPLEADER : 0;
	if (request->head.cmd == REPLICA_BIND)
		cmd.misc |= MIS_REPLICATED;
	if (request->head.cmd == USERMODE_BIND)
		cmd.misc |= MIS_USERMODE;
	cmd.bind_kind = request->head.cmd;
	os_comm_of(tid, cmd.name, sizeof(cmd.name));
	order_propose(node, &cmd, bind_done, binding);
}

static void unbind_done(struct node *node, void *ctx, const struct directory_result *result)
{
	struct request *request = ctx;

	(void)node;
	if (result->code < 0)
		request_fail(request, result->code, "endpoint %d of DC %d cannot be unbound",
			     request->head.endpoint, request->head.dcid);
	else
		request_end(request, 0, NULL, 0, NULL, 0);
}

static void unbinder_cancelled(struct request *request)
{
	struct process *process = request->keeper;

	for (struct request **link = &process->unbinders; *link; link = &(*link)->next_kept) {
		if (*link == request) {
			*link = request->next_kept;
			request_end(request, 0, NULL, 0, NULL, 0);
			return;
		}
	}
}

/* Another process: asked to end by SIGTERM and told so in its wait; a bound caller waits for it. */
static void unbind_other(struct request *request, struct process *target)
{
	struct process *caller = caller_process(request);
	struct exchange_bell *bell;

	target->status->page->latch = EDVSSHUTDOWN;
	if (exchange_bell(request->node->exchange, target->dcid, target->p_nr, &bell) == 0)
		exchange_poke(bell);
	os_pidfd_signal(target->pidfd, SIGTERM);
	if (!caller || request->head.timeout_ms == 0) {
		request_fail(request, EDVSAGAIN,
			     "endpoint %d was asked to end (SIGTERM) and has not ended yet",
			     request->head.endpoint);
		return;
	}
	request->keeper = target;
	request->cancelled = unbinder_cancelled;
	request->next_kept = target->unbinders;
	target->unbinders = request;
}

void handle_unbind(struct request *request)
{
	struct node *node = request->node;
	int dcid = request->head.dcid;
	int p_nr = _ENDPOINT_P(request->head.endpoint);
	const struct directory_endpoint *ep = node_endpoint(node, dcid, p_nr);
	struct command cmd = { .kind = COMMAND_UNBIND, .dcid = dcid, .p_nr = p_nr };
	struct process *target;

	if (check_dc(request, dcid) < 0)
		return;
	if (!ep || !ep->bound) {
		request_fail(request, ep ? EDVSNOTBIND : EDVSENDPOINT,
			     "endpoint %d of DC %d is not bound", request->head.endpoint, dcid);
		return;
	}
	if (ep->node != node->options.id) {
		request_fail(request, EDVSRMTPROC,
			     "endpoint %d runs on node %d; only there it can be unbound",
			     request->head.endpoint, ep->node);
		return;
	}
	target = process_find(node, dcid, p_nr);
	if (target && target != caller_process(request)) {
		if (ep->moving)
			request_fail(request, EDVSMIGRATE, "endpoint %d is migrating",
				     request->head.endpoint);
		else
			unbind_other(request, target);
		return;
	}
	cmd.generation = ep->generation;
	order_propose(node, &cmd, unbind_done, request);
}

void handle_getep(struct request *request)
{
	struct process *caller = caller_process(request);
	pid_t tid =
		request->head.pid > 0 ? os_pid_here(request->pid, request->head.pid) : request->pid;
	struct process *p = tid > 0 ? process_find_pid(request->node, os_tgid_of(tid), tid) : NULL;

	if (tid <= 0 || os_tgid_of(tid) <= 0) {
		request_fail(request, EDVSBADPID, "there is no process %d here", request->head.pid);
		return;
	}
	if (!p || !p->status || (!caller && p->tgid != request->pid)) {
		request_fail(request, EDVSNOTBIND, "process %d is not bound", request->head.pid);
		return;
	}
	request_end(request, p->endpoint, NULL, 0, NULL, 0);
}

void handle_wait4bind(struct request *request)
{
	struct node *node = request->node;
	struct process *caller = caller_process(request);
	const struct directory_endpoint *ep;
	int p_nr = _ENDPOINT_P(request->head.endpoint);

	if (request->head.endpoint == SELF) {
		if (caller)
			end_with_pages(request, caller->endpoint, caller);
		else
			request_fail(request, EDVSAGAIN, "the caller is not bound yet");
		return;
	}
	if (!caller) {
		request_fail(request, EDVSNOTBIND, "the caller is not bound");
		return;
	}
	ep = node_endpoint(node, caller->dcid, p_nr);
	if (!ep) {
		request_fail(request, EDVSRANGE, "there is no slot %d", p_nr);
		return;
	}
	if (request->head.cmd == WAIT_BIND && ep->bound) {
		request_end(request, directory_endpoint_number(ep, p_nr), NULL, 0, NULL, 0);
		return;
	}
	if (request->head.cmd == WAIT_UNBIND &&
	    (!ep->bound || directory_endpoint_number(ep, p_nr) != request->head.endpoint)) {
		request_end(request, 0, NULL, 0, NULL, 0);
		return;
	}
	request_fail(request, EDVSAGAIN, "not yet");
}

/* cmd 1: `endpoint` is a slot number, and whoever holds it now is meant. */
void handle_channel(struct request *request)
{
	struct node *node = request->node;
	struct process *caller = caller_process(request);
	int p_nr = request->head.cmd == 1 ? request->head.endpoint
					  : _ENDPOINT_P(request->head.endpoint);
	const struct directory_endpoint *ep;
	struct exchange_channel *channel;
	struct exchange_bell *bell;
	int number;

	if (!caller) {
		request_fail(request, EDVSNOTBIND, "the caller is not bound");
		return;
	}
	ep = node_endpoint(node, caller->dcid, p_nr);
	if (!ep || p_nr == caller->p_nr) {
		request_fail(request, ep ? EDVSENDPOINT : EDVSRANGE, "there is no peer %d", p_nr);
		return;
	}
	number = directory_endpoint_number(ep, p_nr);
	if (!ep->bound || (request->head.cmd != 1 && number != request->head.endpoint)) {
		request_fail(request, ep->bound ? EDVSENDPOINT : EDVSDSTDIED,
			     "endpoint %d is not bound", request->head.endpoint);
		return;
	}
	/* To hear from anybody needs no right. */
	if (request->head.cmd != 1 && !node_may_talk(node, caller->dcid, caller->p_nr, p_nr)) {
		request_fail(request, EDVSTRAPDENIED, "endpoint %d may not talk to endpoint %d",
			     caller->endpoint, number);
		return;
	}
	if (exchange_channel(node->exchange, caller->dcid, caller->endpoint, number, &channel) <
		    0 ||
	    exchange_bell(node->exchange, caller->dcid, p_nr, &bell) < 0) {
		request_fail(request, EDVSALLOCMEM, "no memory for a channel");
		return;
	}
	process_refresh_channels(caller);
	request_end(request, number, NULL, 0, (int[]){ channel->fd, bell->fd }, 2);
}
