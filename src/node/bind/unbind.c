/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>

#include "base/right.h"
#include "dvk.h"
#include "node/bind/backup.h"
#include "node/calls.h"
#include "node/task/named.h"
#include "node/task/caller.h"
#include "node/state/order.h"
#include "node/bind/binding.h"
#include "node/bind/judge.h"
#include "node/task/task.h"
#include "node/bind/ending.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"
#include "node/bind/warning.h"
#include "os/pid.h"
#include "os/signals.h"

/*
 * The end of a binding that somebody asks for, and the questions who is bound. A process is never
 * unbound against its will while it runs: it is asked to end, and its end unbinds it.
 */

static void unbind_done(struct order *order, void *ctx, const struct directory_result *result)
{
	struct request *request = ctx;

	if (result->code < 0)
		request_fail_number(request, result->code,
				    "endpoint %d of DC %d cannot be unbound: %s",
				    request->head.endpoint, request->head.dcid,
				    order_why(order, result->code));
	else
		request_end(request, 0, NULL, 0, NULL, 0);
}

static void statement_done(struct order *order, void *ctx, const struct directory_result *result)
{
	struct directory_result done = *result;

	/* It is bound by now, elsewhere: then there is nothing left to release. */
	if (done.code == EDVSSLOTUSED)
		done.code = 0;
	unbind_done(order, ctx, &done);
}

/* Nobody is bound: the statement of an RMT_BIND about the slot is taken back. */
static void unbind_stated(struct request *request, int p_nr)
{
	struct command cmd = { .kind = COMMAND_UNBIND,
			       .dcid = request->head.dcid,
			       .p_nr = p_nr,
			       .flags = COMMAND_FLAG_STATED };

	order_propose(request->requests->order, &cmd, &request->user, statement_done, request);
}

static bool is_waiting(const struct binding *binding)
{
	return binding->status->page->rts_flags & (SENDING | RECEIVING | WAITUNBIND);
}

/* Another process: asked to end by SIGTERM and told so in its wait; a bound caller waits for it. */
static void unbind_other(struct request *request, struct binding *target)
{
	struct binding *caller = binding_of_caller(request);

	if (is_waiting(target)) {
		target->status->page->latch = EDVSSHUTDOWN;
		binding_poke(target);
	}
	os_pidfd_signal(target->task->pidfd, OS_SIGTERM);
	if (!caller || request->head.timeout_ms == 0) {
		request_fail(request, EDVSAGAIN,
			     "endpoint %d was asked to end (SIGTERM) and has not ended yet",
			     request->head.endpoint);
		return;
	}
	binding_await_end(target, request);
}

/* The caller has taken a request of p_nr and not answered it. */
static bool owes(const struct binding *caller, int p_nr)
{
	const struct exchange_channel *channel =
		caller ? exchange_find(caller->bindings->exchange, caller->dcid, caller->p_nr, p_nr)
		       : NULL;
	uint64_t word;

	if (!channel)
		return false;
	word = channel->page->line[exchange_side(channel, p_nr)].word;
	return line_word_is_owed(word);
}

static void word_told(void *asker, int node, const struct ctl_reply *reply, const void *payload)
{
	(void)asker;
	(void)node;
	(void)reply; /* refused: there is no warning any more, or the link is down and it has its own limit */
	(void)payload;
}

/* The caller is done with a warning of that node. It does not wait for a node that may be silent. */
static void tell_owner(const struct request *request, int owner)
{
	struct request *word = request_new(request->requests);

	if (!word)
		return;
	word->head = request->head;
	word->head.payload_bytes = 0;
	word->user = request->user;
	word->told = word_told;
	forward_start(word, owner);
}

/*
 * The endpoint is elsewhere: this node has a backup of it, or nothing that could be released. But its process may
 * have ended, and its slot is held until the caller is done with the warning of that.
 */
static void unbind_remote(struct request *request, const struct directory_endpoint *ep, int p_nr)
{
	struct binding *backup = backup_find(binding_part(request), request->head.dcid, p_nr);

	if (owes(binding_of_caller(request), p_nr))
		tell_owner(request, ep->node);
	else if (backup)
		backup_end(backup);
	request_end(request, 0, NULL, 0, NULL, 0);
}

/* Another node's warn process is done with one of ours. */
static void unbind_for_other_node(struct request *request, int p_nr)
{
	struct binding *target = binding_find(binding_part(request), request->head.dcid, p_nr);

	if (target && target->warning)
		warning_end(target);
	request_end(request, 0, NULL, 0, NULL, 0);
}

static void unbind_local(struct request *request, const struct directory_endpoint *ep, int p_nr)
{
	struct bindings *bindings = binding_part(request);
	struct binding *target = binding_find(bindings, request->head.dcid, p_nr);
	struct command cmd = { .kind = COMMAND_UNBIND,
			       .dcid = request->head.dcid,
			       .p_nr = p_nr,
			       .generation = ep->generation };

	if (target && request->head.flags & CTL_FLAG_ENDS && target == binding_of_caller(request) &&
	    ending_of_thread(target))
		request_end(request, 0, NULL, 0, NULL, 0);
	else if (!target || target->task->ended || target == binding_of_caller(request))
		order_propose(bindings->order, &cmd, &request->user, unbind_done, request);
	else if (target->copying || target->status->page->rts_flags & ONCOPY)
		request_fail(request, EDVSONCOPY, "endpoint %d is copying; try again",
			     request->head.endpoint);
	else if (ep->moving)
		request_fail(request, EDVSMIGRATE, "endpoint %d is migrating",
			     request->head.endpoint);
	else
		unbind_other(request, target);
}

void handle_unbind(struct request *request)
{
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	const struct directory_endpoint *ep;
	const struct binding *caller = binding_of_caller(request);

	if (caller_check_dc(request, dcid, handle_unbind) < 0 ||
	    caller_check_slot(request, dcid, p_nr, EDVSENDPOINT) < 0)
		return;
	ep = order_endpoint(request->requests->order, dcid, p_nr);
	if (!ep->bound && caller_catch_up(request, handle_unbind))
		return;
	if (!ep->bound && !order_stated_elsewhere(request->requests->order, ep))
		request_fail(request, EDVSNOTBIND, "endpoint %d of DC %d is not bound",
			     request->head.endpoint, dcid);
	else if (caller && caller->dcid != dcid)
		request_fail(request, EDVSBADDCID, "the caller is bound in DC %d", caller->dcid);
	else if (!ep->bound)
		unbind_stated(request, p_nr);
	else if (request->from >= 0)
		unbind_for_other_node(request, p_nr);
	else if (ep->node != request->requests->order->self)
		unbind_remote(request, ep, p_nr);
	else
		unbind_local(request, ep, p_nr);
}

void handle_getep(struct request *request)
{
	struct binding *caller = binding_of_caller(request);
	pid_t tid = request->pid;
	struct binding *p;

	if (request->head.pid > 0 && named_task(request, &tid, handle_getep) == NAMED_E_LATER)
		return;
	p = tid > 0 ? binding_of_pid(request->requests->tasks, os_tgid_of(tid), tid) : NULL;
	if (tid <= 0 || os_tgid_of(tid) <= 0) {
		request_fail(request, EDVSBADPID, "there is no process %d here", request->head.pid);
		return;
	}
	if (!p || (!caller && p->task->tgid != request->pid) ||
	    !judge_may(request, p->dcid, RIGHT_SEE)) {
		request_fail(request, EDVSNOTBIND, "process %d is not bound", request->head.pid);
		return;
	}
	request_end(request, p->p_nr, NULL, 0, NULL, 0);
}

/*
 * addr[0]: 1 + generation of the life whose end is waited for; 0: the present one, which the answer names
 * in the same way as long as it lives.
 */
static void wait_for_other(struct request *request, const struct binding *caller)
{
	const struct directory_endpoint *ep;
	int p_nr = request->head.endpoint;
	uint64_t life = request->head.addr[0];
	bool bound;

	if (caller_check_slot(request, caller->dcid, p_nr, EDVSRANGE) < 0)
		return;
	ep = order_endpoint(request->requests->order, caller->dcid, p_nr);
	if (!ep->bound && request->head.timeout_ms && caller_catch_up(request, handle_wait4bind))
		return;
	/* As in the original, what is stated to be elsewhere counts as bound. */
	bound = ep->bound || order_stated_elsewhere(request->requests->order, ep);
	if (request->head.cmd == WAIT_UNBIND)
		request_end(request,
			    bound && (!life || life == 1 + (uint64_t)ep->generation)
				    ? 1 + (int64_t)ep->generation
				    : 0,
			    NULL, 0, NULL, 0);
	else if (!bound)
		request_fail(request, EDVSAGAIN, "not yet");
	else
		request_end(request, p_nr, NULL, 0, NULL, 0);
}

void handle_wait4bind(struct request *request)
{
	struct binding *caller = binding_of_caller_any(request);

	if (request->head.endpoint == SELF && request->head.cmd == WAIT_BIND) {
		if (caller && caller->task->lpid == named_caller(request))
			binding_end_with_pages(request, caller->p_nr, caller);
		else if (caller) /* a thread that borrows it: it gets that as any other call does */
			request_end(request, caller->p_nr, NULL, 0, NULL, 0);
		else
			request_fail(request, EDVSAGAIN, "the caller is not bound yet");
		return;
	}
	if (caller && caller->role != BINDING_BACKUP)
		wait_for_other(request, caller);
	else
		request_fail(request, EDVSNOTBIND, "the caller is not bound");
}
