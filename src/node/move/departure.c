/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/departure_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "dvk.h"
#include "node/state/fault.h"
#include "node/task/log.h"
#include "node/node.h"
#include "node/state/order.h"
#include "node/task/process.h"
#include "node/ask/request.h"
#include "node/ask/share.h"
#include "node/state/counters.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/socket.h"
#include "os/threads.h"

/*
 * The source side: one worker thread a migration, which feeds the plan (core/plan.h) the events of its
 * mailbox and carries out the effects one after another. All decisions are the plan's; here is only
 * how each effect is done.
 */

static struct departure *departure_of(struct node *node, const struct directory_effect *effect)
{
	struct departure *d = node->departures;

	while (d && (d->dcid != effect->dcid || d->p_nr != effect->p_nr ||
		     d->generation != effect->generation))
		d = d->next;
	return d;
}

bool departure_find(const struct node *node, int dcid, int p_nr)
{
	const struct departure *d = node->departures;

	while (d && (d->dcid != dcid || d->p_nr != p_nr))
		d = d->next;
	return d;
}

int departure_count(const struct node *node)
{
	int count = 0;

	for (const struct departure *d = node->departures; d; d = d->next)
		count++;
	return count;
}

static void post(struct departure *d, enum plan_event_kind kind, int code)
{
	node_lock(d->node);
	mailbox_post(&d->mailbox, kind, code, d->move);
	node_unlock(d->node);
}

/* ---- proposals: their outcome is an event ---- */

struct asked {
	struct departure *departure;
	enum plan_event_kind outcome;
};

static void decided(struct node *node, void *ctx, const struct directory_result *result)
{
	struct asked asked = *(struct asked *)ctx;
	struct departure *d = asked.departure;

	free(ctx);
	d->proposals--;
	/* Handed to the order and not heard of again: only the order knows, and it is lost. */
	if (result->code == EDVSINPROGRESS && asked.outcome != PLAN_START_APPLIED) {
		mailbox_post(&d->mailbox, PLAN_TICK, 0, 0);
		return;
	}
	if (asked.outcome == PLAN_START_APPLIED && result->code == 0) {
		d->move = result->move;
		counters_move_begun(&node->counters);
	}
	if (result->code < 0)
		refusal_set_number(&d->refusal, result->code, "the cluster refused a step: %s",
				   order_why(d->node, result->code));
	mailbox_post(&d->mailbox, asked.outcome, result->code, d->move);
}

static void propose(struct departure *d, enum command_kind kind, enum plan_event_kind outcome)
{
	struct command cmd = { .kind = (uint16_t)kind,
			       .dcid = d->dcid,
			       .p_nr = d->p_nr,
			       .generation = d->generation,
			       .target = d->target,
			       .move = d->move };
	struct asked *asked = malloc(sizeof(*asked));

	if (kind == COMMAND_UNBIND)
		cmd.flags = COMMAND_FLAG_DIED;
	node_lock(d->node);
	if (asked) {
		*asked = (struct asked){ d, outcome };
		d->proposals++;
		order_propose(d->node, &cmd, decided, asked);
	} else {
		mailbox_post(&d->mailbox, outcome, EDVSALLOCMEM, d->move);
	}
	node_unlock(d->node);
}

static void do_send(struct departure *d)
{
	int64_t begin = os_now_ns();
	int r = departure_send(d);

	post(d, r < 0 ? PLAN_SEND_FAILED : PLAN_SENT, d->refusal.error);
	if (r < 0)
		return;
	r = departure_await_loaded(d);
	if (r == 0 && d->cancelled)
		r = refusal_set(&d->refusal, EDVSINTR, "the move was cancelled");
	d->report.transfer_ns = (uint64_t)(os_now_ns() - begin);
	/* Killed while it stood still: nobody hears of it before we let go of it. */
	if (departure_has_died(d))
		post(d, PLAN_PROCESS_DIED, EDVSSRCDIED);
	post(d, r < 0 ? PLAN_TARGET_FAILED : PLAN_TARGET_LOADED, d->refusal.error);
}

static void answer(struct departure *d)
{
	struct request *request = d->request;

	d->request = NULL;
	d->report.error = d->refusal.error;
	counters_move_over(&d->node->counters, &d->report);
	snprintf(d->report.reason, sizeof(d->report.reason), "%s", d->refusal.reason);
	if (d->canceller) {
		request_row(d->canceller, &d->report, sizeof(d->report));
		request_end(d->canceller, 0, NULL, 0, NULL, 0);
		d->canceller = NULL;
	}
	if (!request)
		return;
	if (request->moved) {
		request->moved(request, &d->report);
		request_end(request, 0, NULL, 0, NULL, 0);
		return;
	}
	request_row(request, &d->report, sizeof(d->report));
	if (d->refusal.error)
		request_refuse(request, &d->refusal);
	else
		request_end(request, 0, NULL, 0, NULL, 0);
}

static void report(struct departure *d, const struct plan_effect *effect)
{
	d->report.total_ns = (uint64_t)os_now_ns() - d->begin_ns;
	d->report.rounds = 1;
	if (effect->result == PLAN_COMMITTED || effect->result == PLAN_POSSIBLE) {
		refusal_clear(&d->refusal);
		d->report.result = CTL_MOVE_COMMITTED;
	} else {
		d->report.result =
			effect->result == PLAN_REFUSED ? CTL_MOVE_REFUSED : CTL_MOVE_ROLLED_BACK;
		if (d->cancelled && effect->result != PLAN_LOST) {
			refusal_clear(&d->refusal);
			refusal_set(&d->refusal, EDVSINTR,
				    "the move was cancelled; the process goes on on node %d",
				    d->node->options.id);
		}
		refusal_set_number(&d->refusal, effect->code, "the migration was given up: %s; %s",
				   result_text(effect->code),
				   effect->result == PLAN_LOST
					   ? "the endpoint is not bound any more"
					   : "the process goes on where it was");
	}
	node_lock(d->node);
	answer(d);
	node_unlock(d->node);
}

/* Under the lock, because departure_on_process_died() may shut it down. */
static void close_connection(struct departure *d)
{
	node_lock(d->node);
	d->fd = os_close(d->fd);
	node_unlock(d->node);
}

static void carry_out(struct departure *d, const struct plan_effect *effect)
{
	switch (effect->kind) {
	case PLAN_DO_CHECK:
		post(d, PLAN_CHECKED,
		     departure_check(d) < 0 || (d->dry_run && departure_try(d) < 0)
			     ? d->refusal.error
			     : 0);
		break;
	case PLAN_DO_CONNECT_AND_OFFER:
		if (departure_offer(d) < 0)
			post(d, PLAN_TARGET_REFUSED, d->refusal.error);
		else
			post(d, PLAN_TARGET_READY, 0);
		break;
	case PLAN_DO_PROPOSE_START:
		propose(d, COMMAND_MOVE_START, PLAN_START_APPLIED);
		break;
	case PLAN_DO_FREEZE:
		if (departure_freeze(d) < 0)
			post(d, PLAN_FREEZE_REFUSED, d->refusal.error);
		else
			post(d, PLAN_FROZEN, 0);
		break;
	case PLAN_DO_SEND:
		do_send(d);
		break;
	case PLAN_DO_PROPOSE_COMMIT:
		fault_point("source-commit");
		propose(d, COMMAND_MOVE_COMMIT, PLAN_COMMIT_APPLIED);
		break;
	case PLAN_DO_PROPOSE_ROLLBACK:
		propose(d, COMMAND_MOVE_ROLLBACK, PLAN_ROLLED_BACK_APPLIED);
		break;
	case PLAN_DO_PROPOSE_UNBIND:
		propose(d, COMMAND_UNBIND, PLAN_TICK);
		break;
	case PLAN_DO_THAW:
		departure_thaw(d);
		break;
	case PLAN_DO_KILL_SOURCE:
		departure_kill_source(d);
		break;
	case PLAN_DO_CLOSE:
		close_connection(d);
		break;
	case PLAN_DO_REPORT:
		report(d, effect);
		break;
	case PLAN_DO_RELEASE: /* done when the order was applied: departure_on_committed() */
	default:
		break;
	}
}

static void finish(struct departure *d)
{
	for (struct departure **link = &d->node->departures; *link; link = &(*link)->next) {
		if (*link == d) {
			*link = d->next;
			break;
		}
	}
	share_give(d->node, d->uid, SHARE_MOVES);
	proc_log_free(d->log);
	mailbox_deinit(&d->mailbox);
	free(d);
}

/* A process that died when the plan had ended already was left to us, and the plan did not hear of it. */
static void finish_worker(struct departure *d)
{
	struct node *node = d->node;
	int dcid = d->dcid, p_nr = d->p_nr;
	uint32_t generation = d->generation;

	finish(d);
	process_on_departure_over(node, dcid, p_nr, generation);
}

static void *worker(void *arg)
{
	struct departure *d = arg;
	struct node *node = d->node;
	struct plan_effects effects;
	struct plan_event event;

	while (!plan_source_is_ended(&d->plan)) {
		node_lock(node);
		mailbox_take(&d->mailbox, &node->lock, d->plan.deadline_ns, &event);
		node_unlock(node);
		event.dry_run = d->dry_run;
		os_log(OS_LOG_DEBUG, "endpoint %d leaves: %s after %llu us", d->p_nr,
		       plan_event_name(event.kind),
		       (unsigned long long)(event.now_ns - d->begin_ns) / 1000);
		plan_source_step(&d->plan, &event, &effects);
		for (uint32_t i = 0; i < effects.count; i++)
			carry_out(d, &effects.item[i]);
	}
	migrate_source_free(d->source);
	close_connection(d);
	node_lock(node);
	while (d->proposals) /* their answers name this departure */
		mailbox_take(&d->mailbox, &node->lock, 0, &event);
	finish_worker(d);
	node_unlock(node);
	return NULL;
}

/* Another thread of the process that is bound for itself: one move carries one endpoint. */
static const struct process *bound_beside(const struct node *node, const struct process *process)
{
	const struct process *p = node->processes;

	while (p && (p == process || p->tgid != process->tgid || !p->status || p->ended))
		p = p->next;
	return p;
}

static int refuse_early(struct departure *d, struct process *process, bool moving)
{
	const struct process *beside = process ? bound_beside(d->node, process) : NULL;

	if (d->target == d->node->options.id)
		return refusal_set(&d->refusal, EDVSLCLPROC,
				   "endpoint %d is on node %d already; name another node", d->p_nr,
				   d->target);
	if (!process)
		return refusal_set(&d->refusal, EDVSNOTBIND,
				   "endpoint %d has no process on this node; attach one with "
				   "dvs_migrate -c",
				   d->p_nr);
	if (moving || process->state != PROCESS_BOUND)
		return refusal_set(&d->refusal, EDVSMIGRATE,
				   "endpoint %d is migrating already; wait for its end or roll it "
				   "back with dvs_migrate -r",
				   d->p_nr);
	if (!process->managed || process->lpid != process->tgid)
		return refusal_set(&d->refusal, EDVSBADPID,
				   "process %d was not started by dvs run, so its pid may be taken "
				   "elsewhere; start it with dvs run",
				   process->lpid);
	if (beside)
		return refusal_set(&d->refusal, EDVSPROCSTS,
				   "a thread of the process is endpoint %d itself, and only one "
				   "endpoint moves at a time; let that thread unbind first",
				   beside->p_nr);
	return 0;
}

static void cancel(struct departure *d)
{
	d->cancelled = true;
	os_shutdown(d->fd); /* a step that waits for the target need not go on */
}

/* By its client, which may be gone: then the answer goes nowhere. */
static void asker_cancelled(struct request *request)
{
	cancel(request->keeper);
}

void departure_cancel_remote(struct node *node, int from, uint64_t id)
{
	for (struct departure *d = node->departures; d; d = d->next)
		if (d->request && d->request->from == from && d->request->remote_id == id)
			cancel(d);
}

void departure_cancel(struct request *request)
{
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	struct departure *d = request->node->departures;

	while (d && (d->dcid != dcid || d->p_nr != p_nr || plan_source_is_ended(&d->plan)))
		d = d->next;
	if (!d)
		request_fail(request, EDVSNOENT,
			     "endpoint %d is not on its way to another node: nothing to cancel "
			     "(a move by hand is rolled back with dvs_migrate -r)",
			     request->head.endpoint);
	else if (d->canceller)
		request_fail(request, EDVSRSCBUSY, "this move is being cancelled already");
	else {
		d->canceller = request;
		cancel(d);
	}
}

void departure_start(struct request *request)
{
	struct node *node = request->node;
	int p_nr = request->head.endpoint;
	const struct directory_endpoint *ep = node_endpoint(node, request->head.dcid, p_nr);
	struct process *process = process_find(node, request->head.dcid, p_nr);
	struct departure *d;

	if (!share_take(node, request->uid, SHARE_MOVES)) {
		share_refuse(request, SHARE_MOVES);
		return;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		share_give(node, request->uid, SHARE_MOVES);
		request_fail(request, EDVSALLOCMEM, "no memory");
		return;
	}
	*d = (struct departure){ .node = node,
				 .request = request,
				 .uid = request->uid,
				 .dcid = request->head.dcid,
				 .p_nr = p_nr,
				 .endpoint = directory_endpoint_number(ep, p_nr),
				 .target = request->head.nodeid,
				 .generation = ep->generation,
				 .fd = -1,
				 .dry_run = request->head.flags & CTL_FLAG_DRY_RUN,
				 .lpid = process ? process->lpid : 0,
				 .vpid = process ? process->vpid : 0 };
	d->report = (struct ctl_move){ .dcid = d->dcid,
				       .endpoint = d->p_nr,
				       .from = node->options.id,
				       .to = d->target,
				       .vpid = d->vpid,
				       .dry_run = d->dry_run };
	memcpy(d->report.name, ep->name, sizeof(d->report.name));
	d->begin_ns = (uint64_t)os_now_ns();
	plan_source_init(&d->plan, &PLAN_LIMITS_DEFAULT);
	mailbox_init(&d->mailbox);
	d->next = node->departures;
	node->departures = d;
	mailbox_post(&d->mailbox, PLAN_REQUESTED, 0, 0);
	request->keeper = request->moved ? request->keeper : d;
	request->cancelled = request->moved ? request->cancelled : asker_cancelled;
	if (refuse_early(d, process, ep->moving) == 0) {
		if (os_thread_start(worker, d) == 0)
			return;
		refusal_set(&d->refusal, EDVSALLOCMEM, "no thread for the migration could be made");
	}
	d->report.result = CTL_MOVE_REFUSED;
	answer(d);
	finish(d);
}

void departure_on_committed(struct node *node, const struct directory_effect *effect)
{
	struct departure *d = departure_of(node, effect);
	struct process *process = process_find(node, effect->dcid, effect->p_nr);

	/* Also told to its proposer; but a proposal whose answer was lost with the quorum has none. */
	if (d)
		mailbox_post(&d->mailbox, PLAN_COMMIT_APPLIED, 0, effect->move);
	if (d && process) {
		d->log = process->log;
		if (d->log)
			proc_log_listen(d->log, NULL, NULL);
		process->log = NULL;
		process_move_followers(process, effect->target);
		process_free(process); /* the worker kills the frozen copy */
	}
	process_drop_far_channels(node, effect->dcid, effect->p_nr);
}

void departure_on_rolled_back(struct node *node, const struct directory_effect *effect)
{
	struct departure *d = departure_of(node, effect);

	if (d)
		mailbox_post(&d->mailbox, PLAN_ROLLED_BACK_APPLIED, 0, effect->move);
}

void departure_on_dead(struct node *node, const struct directory_effect *effect)
{
	struct departure *d = departure_of(node, effect);

	if (d)
		mailbox_post(&d->mailbox, PLAN_ENDPOINT_DEAD, 0, effect->move);
}

bool departure_on_process_died(struct node *node, int dcid, int p_nr)
{
	for (struct departure *d = node->departures; d; d = d->next) {
		if (d->dcid != dcid || d->p_nr != p_nr)
			continue;
		mailbox_post(&d->mailbox, PLAN_PROCESS_DIED, EDVSSRCDIED, d->move);
		os_shutdown(d->fd); /* a step that waits for the target need not go on */
		return d->move != 0;
	}
	return false;
}
