/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/source_part.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "core/duty.h"
#include "dvk.h"
#include "node/task/output.h"
#include "node/state/order.h"
#include "node/bind/binding.h"
#include "node/bind/ending.h"
#include "node/task/task.h"
#include "node/ask/request.h"
#include "node/ask/share.h"
#include "node/state/counters.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/secure.h"
#include "os/socket.h"
#include "os/tcp.h"
#include "proxy/proxy.h"

/*
 * The source side: one worker thread a migration. All decisions are the plan's (core/plan.h); here is how
 * each effect is done, in a table, and what the plan is told.
 */

bool source_find(const struct moves *moves, int dcid, int p_nr)
{
	const struct source *d = moves->sources;

	assert(os_lock_protects());
	while (d && source_mover_at(d, dcid, p_nr) < 0)
		d = d->next;
	return d;
}

int source_count(const struct moves *moves)
{
	int count = 0;

	assert(os_lock_protects());
	for (const struct source *d = moves->sources; d; d = d->next)
		count++;
	return count;
}

static struct plan_event outcome(enum plan_event_kind kind, int code)
{
	return (struct plan_event){ .kind = kind, .code = code };
}

static struct plan_event nothing(void)
{
	return (struct plan_event){ 0 };
}

/* ---- proposals: their outcome is an event ---- */

struct asked {
	struct source *source;
	enum plan_event_kind outcome; /* 0: none is waited for */
};

static void decided(struct order *order, void *ctx, const struct directory_result *result)
{
	struct asked asked = *(struct asked *)ctx;
	struct source *d = asked.source;
	struct worker *worker = &d->worker;
	uint32_t move = worker->driver.source.move;

	free(ctx);
	assert(d->proposals > 0);
	d->proposals--;
	worker_wake(worker);
	/* Handed to the order and not heard of again: only the order knows, and it is lost. */
	if (!asked.outcome ||
	    (result->code == EDVSINPROGRESS && asked.outcome != PLAN_START_APPLIED))
		return;
	if (asked.outcome == PLAN_START_APPLIED && result->code == 0) {
		move = result->move;
		counters_move_begun(d->moves->requests->counters);
	}
	if (result->code < 0)
		refusal_set_number(&d->refusal, result->code, "the cluster refused a step: %s",
				   order_why(order, result->code));
	worker_tell(worker, asked.outcome, result->code, move);
}

/* The order has them move with one number from its START on. */
static void name_fellows(const struct source *d, struct command *cmd)
{
	cmd->fellows = (uint16_t)d->fellows;
	for (int i = 0; i < d->fellows; i++)
		cmd->fellow[i] = d->fellow[i].endpoint;
}

static struct plan_event do_propose(void *ctx, const struct plan_effect *effect)
{
	static const struct {
		enum command_kind kind;
		uint16_t flags;
		enum plan_event_kind outcome;
	} commands[PLAN_EFFECT_KINDS] = {
		[PLAN_DO_PROPOSE_START] = { COMMAND_MOVE_START, 0, PLAN_START_APPLIED },
		[PLAN_DO_PROPOSE_COMMIT] = { COMMAND_MOVE_COMMIT, 0, PLAN_COMMIT_APPLIED },
		[PLAN_DO_PROPOSE_ROLLBACK] = { COMMAND_MOVE_ROLLBACK, 0, PLAN_ROLLED_BACK_APPLIED },
		[PLAN_DO_PROPOSE_UNBIND] = { COMMAND_UNBIND, COMMAND_FLAG_DIED,
					     (enum plan_event_kind)0 },
	};
	struct source *d = ctx;
	struct command cmd = { .kind = (uint16_t)commands[effect->kind].kind,
			       .dcid = d->dcid,
			       .p_nr = d->p_nr,
			       .generation = d->generation,
			       .target = d->target,
			       .flags = commands[effect->kind].flags };
	enum plan_event_kind event = commands[effect->kind].outcome;
	struct asked *asked = malloc(sizeof(*asked));

	if (effect->kind == PLAN_DO_PROPOSE_START)
		name_fellows(d, &cmd);
	if (effect->kind == PLAN_DO_PROPOSE_COMMIT)
		worker_fault(&d->worker, "source-commit");
	if (!asked)
		return (struct plan_event){ .kind = event,
					    .code = EDVSALLOCMEM,
					    .move = d->worker.driver.source.move };
	*asked = (struct asked){ d, event };
	os_lock_take(d->moves->lock);
	cmd.move = d->worker.driver.source.move;
	d->proposals++;
	order_propose(d->moves->order, &cmd,
		      effect->kind == PLAN_DO_PROPOSE_START ? &d->user : &right_root, decided,
		      asked);
	os_lock_release(d->moves->lock);
	return nothing();
}

static void answer(struct source *d)
{
	struct request *request = d->request;

	assert(request);
	d->request = NULL;
	d->report.error = d->refusal.error;
	counters_move_over(d->moves->requests->counters, &d->report);
	snprintf(d->report.reason, sizeof(d->report.reason), "%s", d->refusal.reason);
	if (d->canceller) {
		request_row(d->canceller, &d->report, sizeof(d->report));
		request_end(d->canceller, 0, NULL, 0, NULL, 0);
		d->canceller = NULL;
	}
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

/* The plan gave up for another reason than the one that a step has named, if one has. */
static void name_reason(struct source *d, const struct plan_effect *effect)
{
	const struct plan_source *plan = &d->worker.driver.source;
	const char *then = effect->result == PLAN_LOST ? "the endpoint is not bound any more"
						       : "the process goes on where it was";

	if (d->refusal.error && d->refusal.error == effect->code)
		return;
	refusal_clear(&d->refusal);
	if (effect->code == EDVSINTR)
		refusal_set(&d->refusal, EDVSINTR,
			    "the move was cancelled; the process goes on on node %d",
			    d->moves->order->self);
	else if (effect->code == EDVSTIMEDOUT && plan->overdue)
		refusal_set(&d->refusal, EDVSTIMEDOUT,
			    "the migration was given up: nothing came of it for %u s while %s; %s",
			    (unsigned)(plan->limits.transfer_ns / OS_SECOND_NS),
			    plan_source_state_name(plan->overdue), then);
	else
		refusal_set_number(&d->refusal, effect->code, "the migration was given up: %s; %s",
				   result_text(effect->code), then);
}

static struct plan_event do_report(void *ctx, const struct plan_effect *effect)
{
	struct source *d = ctx;

	d->report.total_ns = (uint64_t)os_now_ns() - d->worker.begin_ns;
	d->report.rounds = 1;
	os_lock_take(d->moves->lock);
	if (effect->result == PLAN_COMMITTED || effect->result == PLAN_POSSIBLE) {
		refusal_clear(&d->refusal);
		d->report.result = CTL_MOVE_COMMITTED;
	} else {
		d->report.result =
			effect->result == PLAN_REFUSED ? CTL_MOVE_REFUSED : CTL_MOVE_ROLLED_BACK;
		name_reason(d, effect);
	}
	answer(d);
	os_lock_release(d->moves->lock);
	return nothing();
}

/* ---- the effects ---- */

static struct plan_event do_check(void *ctx, const struct plan_effect *effect)
{
	struct source *d = ctx;
	bool refused = source_check(d) < 0 || (d->dry_run && source_try(d) < 0);

	(void)effect;
	return outcome(PLAN_CHECKED, refused ? d->refusal.error : 0);
}

static struct plan_event do_offer(void *ctx, const struct plan_effect *effect)
{
	struct source *d = ctx;

	(void)effect;
	if (source_offer(d) == 0)
		return outcome(PLAN_TARGET_READY, 0);
	return outcome(d->refusal.error == EDVSNOTCONN ? PLAN_CONNECTION_LOST : PLAN_TARGET_REFUSED,
		       d->refusal.error);
}

static struct plan_event do_freeze(void *ctx, const struct plan_effect *effect)
{
	struct source *d = ctx;
	int r = source_freeze(d);

	(void)effect;
	return outcome(r < 0 ? PLAN_FREEZE_REFUSED : PLAN_FROZEN, d->refusal.error);
}

static struct plan_event do_send(void *ctx, const struct plan_effect *effect)
{
	struct source *d = ctx;
	int r = source_send(d);

	(void)effect;
	return outcome(r < 0 ? PLAN_SEND_FAILED : PLAN_SENT, d->refusal.error);
}

static struct plan_event do_await_loaded(void *ctx, const struct plan_effect *effect)
{
	struct source *d = ctx;
	int r = source_await_loaded(d);

	(void)effect;
	/* Killed while it stood still: nobody hears of it before we let go of it. */
	if (source_has_died(d))
		return outcome(PLAN_PROCESS_DIED, EDVSSRCDIED);
	return outcome(r < 0 ? PLAN_TARGET_FAILED : PLAN_TARGET_LOADED, d->refusal.error);
}

static struct plan_event do_thaw(void *ctx, const struct plan_effect *effect)
{
	(void)effect;
	source_thaw(ctx);
	return nothing();
}

static struct plan_event do_release(void *ctx, const struct plan_effect *effect)
{
	(void)effect;
	source_release(ctx);
	return nothing();
}

static struct plan_event do_kill_source(void *ctx, const struct plan_effect *effect)
{
	(void)effect;
	source_kill(ctx);
	return nothing();
}

static struct plan_event do_close(void *ctx, const struct plan_effect *effect)
{
	struct source *d = ctx;

	(void)effect;
	os_lock_take(d->moves->lock);
	d->secure = secure_free(d->secure);
	os_lock_release(d->moves->lock);
	return nothing();
}

static void interrupt(void *ctx)
{
	struct source *d = ctx;

	os_shutdown(secure_fd(d->secure));
}

#define EVENT DRIVER_EVENT

static const struct driver_row rows[] = {
	{ PLAN_DO_CHECK, DRIVER_STEP, do_check, EVENT(PLAN_CHECKED) },
	{ PLAN_DO_CONNECT_AND_OFFER, DRIVER_STEP, do_offer,
	  EVENT(PLAN_TARGET_READY) | EVENT(PLAN_TARGET_REFUSED) | EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_PROPOSE_START, DRIVER_IN_TURN, do_propose, EVENT(PLAN_START_APPLIED) },
	{ PLAN_DO_FREEZE, DRIVER_STEP, do_freeze, EVENT(PLAN_FROZEN) | EVENT(PLAN_FREEZE_REFUSED) },
	{ PLAN_DO_SEND, DRIVER_STEP, do_send, EVENT(PLAN_SENT) | EVENT(PLAN_SEND_FAILED) },
	{ PLAN_DO_AWAIT_LOADED, DRIVER_STEP, do_await_loaded,
	  EVENT(PLAN_TARGET_LOADED) | EVENT(PLAN_TARGET_FAILED) | EVENT(PLAN_PROCESS_DIED) },
	{ PLAN_DO_PROPOSE_COMMIT, DRIVER_IN_TURN, do_propose, EVENT(PLAN_COMMIT_APPLIED) },
	{ PLAN_DO_PROPOSE_ROLLBACK, DRIVER_IN_TURN, do_propose, EVENT(PLAN_ROLLED_BACK_APPLIED) },
	{ PLAN_DO_PROPOSE_UNBIND, DRIVER_IN_TURN, do_propose, 0 },
	{ PLAN_DO_THAW, DRIVER_IN_TURN, do_thaw, 0 },
	{ PLAN_DO_RELEASE, DRIVER_AT_ONCE, do_release, 0 },
	{ PLAN_DO_KILL_SOURCE, DRIVER_IN_TURN, do_kill_source, 0 },
	{ PLAN_DO_CLOSE, DRIVER_IN_TURN, do_close, 0 },
	{ PLAN_DO_REPORT, DRIVER_IN_TURN, do_report, 0 },
};

const struct driver_side source_side = {
	.is_source = true,
	.row = rows,
	.rows = sizeof(rows) / sizeof(rows[0]),
	.told = EVENT(PLAN_REQUESTED) | EVENT(PLAN_START_APPLIED) | EVENT(PLAN_COMMIT_APPLIED) |
		EVENT(PLAN_ROLLED_BACK_APPLIED) | EVENT(PLAN_ENDPOINT_DEAD) |
		EVENT(PLAN_PROCESS_DIED) | EVENT(PLAN_TARGET_NODE_LEFT) | EVENT(PLAN_CANCELLED),
	.interrupt = interrupt,
};

/* ---- its beginning and its end ---- */

static void finish(struct source *d)
{
	assert(!d->secure);
	assert(!d->proposals);
	assert(!d->request);
	assert(!d->canceller);
	for (struct source **link = &d->moves->sources; *link; link = &(*link)->next) {
		if (*link == d) {
			*link = d->next;
			break;
		}
	}
	share_give(&d->moves->requests->shares, d->user.uid, SHARE_MOVES);
	output_free(d->output);
	worker_deinit(&d->worker);
	free(d);
}

static uint64_t moved(void *ctx)
{
	struct source *d = ctx;

	return os_tcp_moved(secure_fd(d->secure));
}

/* A process that died when the plan had ended already was left to us, and the plan did not hear of it. */
static void end(void *ctx)
{
	struct source *d = ctx;
	struct moves *moves = d->moves;
	struct mover mover[1 + COMMAND_FELLOWS_MAX];
	int dcid = d->dcid, fellows = d->fellows, target = d->target;

	for (int i = 0; i <= fellows; i++)
		mover[i] = source_mover(d, i);
	migrate_source_free(d->tracee);
	source_end_silence(d);
	os_lock_take(moves->lock);
	d->secure = secure_free(d->secure); /* a lost connection is not closed by the plan */
	while (d->proposals)		    /* their answers name this move */
		worker_wait(&d->worker);
	finish(d);
	for (int i = 0; i <= fellows; i++)
		ending_on_source_over(moves->bindings, dcid, mover[i].p_nr, mover[i].generation);
	proxy_make_ready(moves->proxy, target);
	os_lock_release(moves->lock);
}

/* Another move of the same processes, which was asked for another endpoint of them. */
static const struct source *move_of_them(const struct source *d)
{
	const struct source *p = d->moves->sources;

	while (p && (p == d || !d->lpid || p->lpid != d->lpid))
		p = p->next;
	return p;
}

int source_may_leave(struct source *d, const struct binding *binding, bool moving)
{
	const struct source *other = move_of_them(d);

	if (d->target == d->moves->order->self)
		return refusal_set(&d->refusal, EDVSLCLPROC,
				   "endpoint %d is on node %d already; name another node", d->p_nr,
				   d->target);
	if (!binding)
		return refusal_set(&d->refusal, EDVSNOTBIND,
				   "endpoint %d has no process on this node; attach one with "
				   "dvs_migrate -c",
				   d->p_nr);
	if (moving || binding->state != BINDING_BOUND)
		return refusal_set(&d->refusal, EDVSMIGRATE,
				   "endpoint %d is migrating already; wait for its end or roll it "
				   "back with dvs_migrate -r",
				   d->p_nr);
	if (!d->lpid)
		return refusal_set(&d->refusal, EDVSBADPID,
				   "process %d was not started by dvs run, so its pid may be taken "
				   "elsewhere; start it with dvs run",
				   binding->task->lpid);
	if (other)
		return refusal_set(&d->refusal, EDVSMIGRATE,
				   "endpoint %d is of the same processes as endpoint %d, which is "
				   "migrating already; wait for its end",
				   d->p_nr, other->p_nr);
	return 0;
}

void source_begin(struct source *d, const struct binding *binding)
{
	const struct task *root = binding ? source_root_of(binding) : NULL;

	assert(os_lock_protects());
	d->vpid = binding ? binding->task->vpid : 0;
	d->lpid = root ? root->lpid : 0;
	d->root = root ? root->vpid : 0;
}

static void cancel(struct source *d)
{
	worker_tell(&d->worker, PLAN_CANCELLED, 0, 0);
}

/* By its client, which may be gone: then the answer goes nowhere. */
static void asker_cancelled(struct request *request)
{
	cancel(request->keeper);
}

void source_cancel_remote(struct moves *moves, int from, uint64_t id)
{
	assert(os_lock_protects());
	for (struct source *d = moves->sources; d; d = d->next)
		if (d->request && d->request->from == from && d->request->remote_id == id)
			cancel(d);
}

void source_cancel(struct moves *moves, struct request *request)
{
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	struct source *d = moves->sources;

	assert(os_lock_protects());
	while (d && (source_mover_at(d, dcid, p_nr) < 0 || driver_is_ended(&d->worker.driver)))
		d = d->next;
	if (!d)
		request_fail(request, EDVSNOENT,
			     "endpoint %d is not on its way to another node: nothing to cancel "
			     "(a move by hand is rolled back with dvs_migrate -r)",
			     request->head.endpoint);
	else if (!d->request) /* answer() has been, and comes only once */
		request_fail(
			request, EDVSRSCBUSY,
			"the outcome of this move has been reported already, and the group has "
			"still to confirm its end: see whether the nodes are up (dvs nodes)");
	else if (d->canceller)
		request_fail(request, EDVSRSCBUSY, "this move is being cancelled already");
	else {
		d->canceller = request;
		cancel(d);
	}
}

void source_start(struct moves *moves, struct request *request)
{
	int p_nr = request->head.endpoint;
	const struct directory_endpoint *ep =
		order_endpoint(moves->order, request->head.dcid, p_nr);
	struct binding *binding = binding_find(moves->bindings, request->head.dcid, p_nr);
	struct source *d;

	assert(os_lock_protects());
	if (!share_take(&moves->requests->shares, request->uid, SHARE_MOVES)) {
		request_fail_share(request, SHARE_MOVES);
		return;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		share_give(&moves->requests->shares, request->uid, SHARE_MOVES);
		request_fail(request, EDVSALLOCMEM, "no memory");
		return;
	}
	*d = (struct source){ .moves = moves,
			      .request = request,
			      .user = request->user,
			      .dcid = request->head.dcid,
			      .p_nr = p_nr,
			      .endpoint = directory_endpoint_number(ep, p_nr),
			      .target = request->head.nodeid,
			      .generation = ep->generation,
			      .dry_run = request->head.flags & CTL_FLAG_DRY_RUN,
			      .carries = request->head.flags & CTL_FLAG_CARRY };
	source_begin(d, binding);
	d->report = (struct ctl_move){ .dcid = d->dcid,
				       .endpoint = d->p_nr,
				       .from = moves->order->self,
				       .to = d->target,
				       .vpid = d->vpid,
				       .dry_run = d->dry_run };
	memcpy(d->report.name, ep->name, sizeof(d->report.name));
	worker_init(&d->worker, moves->lock, moves->tasks->loop, &source_side, d);
	d->worker.endpoint = p_nr;
	d->worker.dry_run = d->dry_run;
	d->worker.moved = moved;
	d->worker.end = end;
	d->next = moves->sources;
	moves->sources = d;
	request->keeper = request->moved ? request->keeper : d;
	request->cancelled = request->moved ? request->cancelled : asker_cancelled;
	if (source_may_leave(d, binding, ep->moving) == 0) {
		if (worker_start(&d->worker) == 0) {
			worker_tell(&d->worker, PLAN_REQUESTED, 0, 0);
			/* While the process is looked at. */
			proxy_make_ready(moves->proxy, d->target);
			return;
		}
		refusal_set(&d->refusal, EDVSALLOCMEM, "no thread for the migration could be made");
	}
	d->report.result = CTL_MOVE_REFUSED;
	answer(d);
	finish(d);
}

/*
 * A commit is told to its proposer, too; but a proposal whose answer was lost with the quorum has none. Each move of
 * that life of the endpoint hears of it; its plan knows whether it is concerned.
 */
void source_on_effect(struct moves *moves, const struct directory_effect *effect)
{
	assert(os_lock_protects());
	for (struct source *d = moves->sources; d; d = d->next) {
		int i = source_mover_at(d, effect->dcid, effect->p_nr);

		if (i >= 0 && source_mover(d, i).generation == effect->generation)
			worker_hear(&d->worker, effect, i > 0);
	}
}

void source_on_node_left(struct moves *moves, int left)
{
	assert(os_lock_protects());
	for (struct source *d = moves->sources; d; d = d->next)
		if (d->target == left)
			worker_tell(&d->worker, PLAN_TARGET_NODE_LEFT, 0, 0);
}

bool source_on_process_died(struct moves *moves, int dcid, int p_nr)
{
	assert(os_lock_protects());
	for (struct source *d = moves->sources; d; d = d->next) {
		int i = source_mover_at(d, dcid, p_nr);

		if (i < 0)
			continue;
		worker_tell(&d->worker, duty_tells_of_end(i > 0), EDVSSRCDIED, 0);
		return d->worker.driver.source.move != 0;
	}
	return false;
}
