/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/target_part.h"

#include <assert.h>
#include <stdlib.h>

#include "base/result.h"
#include "dvk.h"
#include "node/move/dialogue.h"
#include "node/move/conversations.h"
#include "node/state/order.h"
#include "node/bind/binding.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "os/secure.h"
#include "os/log.h"
#include "os/pid.h"
#include "os/socket.h"
#include "os/tcp.h"
#include "proxy/proxy.h"
#include "wire/image.h"

/*
 * The target side: one worker thread a migration. All decisions are the plan's (core/plan.h); here is how
 * each effect is done, in a table, and what the plan is told. Until the order has delivered the commit
 * nothing of the arriving process runs here. The conversations are merged at the very moment the commit is
 * applied, before any later command; only letting the process run is left to the worker, because ptrace
 * belongs to it.
 */

#define ARRIVALS_MAX 256 /* at once; each has a thread */

int target_count(const struct moves *moves)
{
	int count = 0;

	assert(os_lock_protects());
	/* A connection that has offered nothing yet holds up nobody: its source may ask again. */
	for (const struct target *a = moves->targets; a; a = a->next)
		count += a->offer.dcid >= 0;
	return count;
}

/* Signals that reached the source's copies after their state had left. */
static void deliver_late_signals(struct target *a)
{
	struct refusal ignored = REFUSAL_NONE;
	struct move_signals late = { .more = 1 };

	for (uint32_t i = 0; late.more && i < IMAGE_MEMBERS_MAX; i++) {
		if (dialogue_receive(a->secure, MOVE_SIGNALS, &late, sizeof(late),
				     DIALOGUE_LAST_WORDS, &ignored) < 0)
			return;
		for (int signo = 1; signo <= 64; signo++)
			if (late.bits >> (signo - 1) & 1)
				migrate_target_signal(a->target, late.vpid, signo);
	}
}

/* ---- the effects ---- */

static struct plan_event outcome(enum plan_event_kind kind, int code)
{
	return (struct plan_event){ .kind = kind, .code = code };
}

static struct plan_event nothing(void)
{
	return (struct plan_event){ 0 };
}

static struct plan_event do_receive_offer(void *ctx, const struct plan_effect *effect)
{
	struct target *a = ctx;
	struct plan_event event = { .kind = PLAN_OFFERED };

	(void)effect;
	if (target_receive_offer(a) < 0)
		event.kind = a->refusal.error == EDVSNOTCONN ? PLAN_CONNECTION_LOST : PLAN_OFFERED;
	event.code = a->refusal.error;
	event.dry_run = a->offer.dry_run;
	worker_fault(&a->worker, "target-offer");
	return event;
}

static struct plan_event do_check(void *ctx, const struct plan_effect *effect)
{
	struct target *a = ctx;

	(void)effect;
	return outcome(PLAN_CHECKED, target_check(a) < 0 ? a->refusal.error : 0);
}

static struct plan_event do_load(void *ctx, const struct plan_effect *effect)
{
	struct target *a = ctx;
	struct plan_event event = { .kind = target_load(a) < 0 ? PLAN_LOAD_FAILED
							       : PLAN_LOAD_DONE };

	(void)effect;
	event.code = a->refusal.error;
	if (a->arrival[0].state)
		event.move = ((const struct move_state *)a->arrival[0].state)->move;
	return event;
}

/* Of the endpoint, as far as that has one; before that of the first process. */
static pid_t pid_of(const struct target *a)
{
	return a->lpid ? a->lpid : migrate_target_pid(a->target);
}

static struct plan_event say(struct target *a)
{
	return dialogue_verdict(a->secure, &a->refusal, a->refusal.error ? 0 : pid_of(a), 0) < 0
		       ? outcome(PLAN_CONNECTION_LOST, 0)
		       : nothing();
}

static struct plan_event do_say(void *ctx, const struct plan_effect *effect)
{
	(void)effect;
	return say(ctx);
}

/* The plan's reason is another one than a step has named, if it was the limit that ended the step. */
static struct plan_event do_say_refused(void *ctx, const struct plan_effect *effect)
{
	struct target *a = ctx;

	if (a->refusal.error != effect->code)
		refusal_clear(&a->refusal);
	refusal_set_number(&a->refusal, effect->code, "the target gave up: %s",
			   result_text(effect->code));
	return say(a);
}

/* Its processes that ended while they were held: each once, whatever it has been bound to. */
static void tell_ends(struct target *a, struct binding *const *taken)
{
	for (int i = 0; i < target_arrivals(a); i++) {
		struct task *task = taken[i]->task;
		bool again = false;

		for (int k = 0; k < i; k++)
			again = again || taken[k]->task == task;
		if (task->ended && !again)
			task_end(task);
	}
}

/* A first process that is no endpoint itself. */
static void take_root(struct task *root)
{
	root->loading = false;
	os_kept_note(&root->in_state);
	if (root->ended)
		task_end(root);
}

/*
 * The target owns them from this command on: their conversations are merged and their far ends swapped. All of them are
 * here before a line is joined, because those between two of them have both ends here.
 */
static struct plan_event do_take_over(void *ctx, const struct plan_effect *effect)
{
	struct target *a = ctx;
	struct binding *taken[1 + COMMAND_FELLOWS_MAX];
	struct task *root = a->root;
	bool is_bound = root->bindings;

	(void)effect;
	a->root = NULL;
	for (int i = 0; i < target_arrivals(a); i++) {
		taken[i] = a->arrival[i].binding;
		assert(taken[i] && taken[i]->role == BINDING_ARRIVING);
		a->arrival[i].binding = NULL; /* it ends like any other from now on */
		if (binding_take(taken[i], taken[i]->endpoint, taken[i]->generation) < 0)
			os_log(OS_LOG_ERROR, "endpoint %d has no bell here", taken[i]->endpoint);
	}
	for (int i = 0; i < target_arrivals(a); i++) {
		conversations_unpack(taken[i], a->arrival[i].state);
		exchange_unhold(a->moves->exchange, a->offer.dcid, taken[i]->p_nr, 0);
		binding_refresh_channels(taken[i]);
	}
	tell_ends(a, taken);
	if (!is_bound)
		take_root(root);
	return nothing();
}

static void poke(const struct target *a, int p_nr)
{
	struct exchange_bell *bell;

	if (exchange_bell(a->moves->exchange, a->offer.dcid, p_nr, &bell) == 0)
		exchange_poke(bell);
}

static struct plan_event do_resume(void *ctx, const struct plan_effect *effect)
{
	struct target *a = ctx;
	struct refusal refusal = REFUSAL_NONE;
	int r;

	assert(!a->arrival[0].binding);
	(void)effect;
	worker_fault(&a->worker, "target-commit");
	target_take_addresses(a);
	r = migrate_target_resume(a->target, NULL, &refusal);
	dialogue_verdict(a->secure, &refusal, pid_of(a), 0);
	if (r < 0) {
		os_log(OS_LOG_ERROR, "endpoint %d cannot go on here: %s", a->offer.endpoint,
		       refusal.reason);
		migrate_target_discard(a->target); /* its exit unbinds it */
		return nothing();
	}
	os_lock_take(a->moves->lock);
	for (int i = 0; i < target_arrivals(a); i++)
		poke(a, _ENDPOINT_P(target_mover(a, i).endpoint));
	os_lock_release(a->moves->lock);
	deliver_late_signals(a);
	return nothing();
}

static struct plan_event do_discard(void *ctx, const struct plan_effect *effect)
{
	struct target *a = ctx;
	bool entered;

	(void)effect;
	if (a->target)
		migrate_target_discard(a->target);
	os_lock_take(a->moves->lock);
	entered = a->root;
	target_forget(a);
	for (int i = 0; entered && i < target_arrivals(a); i++)
		binding_drop_far_channels(a->moves->bindings, a->offer.dcid,
					  _ENDPOINT_P(target_mover(a, i).endpoint));
	os_lock_release(a->moves->lock);
	return nothing();
}

/* Committed to us, and there is nothing that could run: the endpoints end. */
static struct plan_event do_propose_unbind(void *ctx, const struct plan_effect *effect)
{
	struct target *a = ctx;

	(void)effect;
	os_lock_take(a->moves->lock);
	for (int i = 0; i < target_arrivals(a); i++) {
		struct move_fellow mover = target_mover(a, i);
		struct command cmd = { .kind = COMMAND_UNBIND,
				       .dcid = a->offer.dcid,
				       .p_nr = _ENDPOINT_P(mover.endpoint),
				       .generation = mover.generation,
				       .flags = COMMAND_FLAG_DIED };

		order_propose(a->moves->order, &cmd, &right_root, NULL, NULL);
	}
	os_lock_release(a->moves->lock);
	return nothing();
}

static struct plan_event do_close(void *ctx, const struct plan_effect *effect)
{
	struct target *a = ctx;

	(void)effect;
	os_lock_take(a->moves->lock);
	a->secure = secure_free(a->secure);
	os_lock_release(a->moves->lock);
	return nothing();
}

static void interrupt(void *ctx)
{
	struct target *a = ctx;

	os_shutdown(secure_fd(a->secure));
}

#define EVENT DRIVER_EVENT

static const struct driver_row rows[] = {
	{ PLAN_DO_RECEIVE_OFFER, DRIVER_STEP, do_receive_offer,
	  EVENT(PLAN_OFFERED) | EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_CHECK, DRIVER_STEP, do_check, EVENT(PLAN_CHECKED) },
	{ PLAN_DO_SPAWN_AND_LOAD, DRIVER_STEP, do_load,
	  EVENT(PLAN_LOAD_DONE) | EVENT(PLAN_LOAD_FAILED) },
	{ PLAN_DO_SAY_READY, DRIVER_IN_TURN, do_say, EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_SAY_LOADED, DRIVER_IN_TURN, do_say, EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_SAY_REFUSED, DRIVER_IN_TURN, do_say_refused, EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_TAKE_OVER, DRIVER_AT_ONCE, do_take_over, 0 },
	{ PLAN_DO_RESUME, DRIVER_IN_TURN, do_resume, 0 },
	{ PLAN_DO_DISCARD, DRIVER_IN_TURN, do_discard, 0 },
	{ PLAN_DO_PROPOSE_UNBIND, DRIVER_IN_TURN, do_propose_unbind, 0 },
	{ PLAN_DO_CLOSE, DRIVER_IN_TURN, do_close, 0 },
};

const struct driver_side target_side = {
	.row = rows,
	.rows = sizeof(rows) / sizeof(rows[0]),
	.told = EVENT(PLAN_CALLED) | EVENT(PLAN_START_APPLIED) | EVENT(PLAN_COMMIT_APPLIED) |
		EVENT(PLAN_ROLLED_BACK_APPLIED) | EVENT(PLAN_ENDPOINT_DEAD) |
		EVENT(PLAN_SOURCE_NODE_LEFT),
	.interrupt = interrupt,
};

/* ---- its beginning and its end ---- */

static void finish(struct target *a)
{
	assert(!a->arrival[0].binding && !a->root);
	for (struct target **link = &a->moves->targets; *link; link = &(*link)->next) {
		if (*link == a) {
			*link = a->next;
			break;
		}
	}
	cgroup_end(a->moves->tasks, a->cgroup, true);
	os_close(a->shell_pidfd);
	os_close(a->pidfd);
	secure_free(a->secure);
	worker_deinit(&a->worker);
	for (int i = 0; i < target_arrivals(a); i++)
		free(a->arrival[i].state);
	free(a);
}

static uint64_t moved(void *ctx)
{
	struct target *a = ctx;

	return os_tcp_moved(secure_fd(a->secure));
}

static void end(void *ctx)
{
	struct target *a = ctx;
	struct moves *moves = a->moves;
	int from = a->from;

	migrate_target_free(a->target);
	os_lock_take(moves->lock);
	finish(a);
	proxy_make_ready(moves->proxy, from); /* it may go back */
	os_lock_release(moves->lock);
}

static bool has_room(const struct moves *moves)
{
	int count = 0;

	for (const struct target *a = moves->targets; a; a = a->next)
		count++;
	return count < ARRIVALS_MAX;
}

void target_start(struct moves *moves, int from, struct secure *secure)
{
	struct target *a = has_room(moves) ? calloc(1, sizeof(*a)) : NULL;

	assert(os_lock_protects());
	if (!a) {
		secure_free(secure);
		return;
	}
	*a = (struct target){ .next = moves->targets,
			      .moves = moves,
			      .from = from,
			      .secure = secure,
			      .shell_pidfd = -1,
			      .pidfd = -1,
			      .offer = { .dcid = -1 } };
	worker_init(&a->worker, moves->lock, moves->tasks->loop, &target_side, a);
	a->worker.moved = moved;
	a->worker.end = end;
	moves->targets = a;
	os_tcp_notice_loss(secure_fd(secure), DIALOGUE_LOSS_MS);
	if (worker_start(&a->worker) == 0)
		worker_tell(&a->worker, PLAN_CALLED, 0, 0);
	else
		finish(a);
}

/* Which of those that arrive that life of the endpoint is, or -1. */
static int mover_of(const struct target *a, const struct directory_effect *effect)
{
	for (int i = 0; a->offer.dcid == effect->dcid && i < target_arrivals(a); i++) {
		struct move_fellow mover = target_mover(a, i);

		if (_ENDPOINT_P(mover.endpoint) == effect->p_nr &&
		    mover.generation == effect->generation)
			return i;
	}
	return -1;
}

/*
 * Each move of that life of the endpoint hears of it; its plan knows whether it is concerned. Of a move by hand nothing
 * is here, and nobody hears of it.
 */
void target_on_effect(struct moves *moves, const struct directory_effect *effect)
{
	assert(os_lock_protects());
	for (struct target *a = moves->targets; a; a = a->next) {
		int i = mover_of(a, effect);

		if (i >= 0)
			worker_hear(&a->worker, effect, i > 0);
	}
}

void target_on_node_left(struct moves *moves, int left)
{
	assert(os_lock_protects());
	for (struct target *a = moves->targets; a; a = a->next)
		if (a->from == left)
			worker_tell(&a->worker, PLAN_SOURCE_NODE_LEFT, 0, 0);
}
