/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The source's side: one function per event. Giving up means something else in each phase, and
 * give_up() is the one place that knows: nothing changed yet, START under way, process stopped, or
 * COMMIT proposed, when there is no giving up any more.
 */

#include "core/assert.h"
#include "core/plan.h"
#include "dvk.h"

struct step {
	struct plan_source *plan;
	const struct plan_event *event;
	struct plan_effects *effects;
};

static void emit(struct step *s, enum plan_effect_kind kind)
{
	CORE_ASSERT(s->effects->count < PLAN_EFFECTS_MAX);
	s->effects->item[s->effects->count++] = (struct plan_effect){ .kind = kind };
}

static void enter(struct step *s, enum plan_source_state state, uint64_t limit_ns)
{
	CORE_ASSERT(s->plan->state != PLAN_SOURCE_ENDED);
	s->plan->state = state;
	s->plan->deadline_ns = limit_ns ? s->event->now_ns + limit_ns : 0;
}

static void close_connection(struct step *s)
{
	CORE_ASSERT(s->plan->state != PLAN_SOURCE_ENDED);
	if (s->plan->connected)
		emit(s, PLAN_DO_CLOSE);
	s->plan->connected = false;
}

static void report(struct step *s, enum plan_result result, int code)
{
	CORE_ASSERT(result != PLAN_RESULT_NONE);
	if (s->plan->reported)
		return;
	emit(s, PLAN_DO_REPORT);
	s->effects->item[s->effects->count - 1].result = result;
	s->effects->item[s->effects->count - 1].code = code;
	s->plan->reported = true;
}

static void end(struct step *s, enum plan_result result, int code)
{
	CORE_ASSERT(!s->plan->stopped);
	close_connection(s);
	report(s, result, code);
	enter(s, PLAN_SOURCE_ENDED, 0);
}

static void freeze(struct step *s)
{
	CORE_ASSERT(!s->plan->stopped);
	s->plan->stopped = true;
	emit(s, PLAN_DO_FREEZE);
	enter(s, PLAN_SOURCE_FREEZING, s->plan->limits.transfer_ns);
}

/* Also when its own process has died: those of its fellows stand as well. */
static void thaw(struct step *s)
{
	if (s->plan->stopped)
		emit(s, PLAN_DO_THAW);
	s->plan->stopped = false;
}

static void because(struct step *s, int code)
{
	CORE_ASSERT(s->plan->state != PLAN_SOURCE_ENDED);
	if (!s->plan->reason)
		s->plan->reason = code ? code : EDVSGENERIC;
}

/* The process runs on here; the order is told. */
static void roll_back(struct step *s)
{
	CORE_ASSERT(s->plan->move);
	CORE_ASSERT(!s->plan->died);
	thaw(s);
	close_connection(s);
	emit(s, PLAN_DO_PROPOSE_ROLLBACK);
	enter(s, PLAN_SOURCE_ROLLING_BACK, s->plan->limits.decide_ns);
}

static void unbind(struct step *s)
{
	CORE_ASSERT(s->plan->died);
	thaw(s);
	close_connection(s);
	emit(s, PLAN_DO_PROPOSE_UNBIND);
	enter(s, PLAN_SOURCE_UNBINDING, s->plan->limits.decide_ns);
}

static void give_up(struct step *s, int code)
{
	switch (s->plan->state) {
	case PLAN_SOURCE_CHECKING:
	case PLAN_SOURCE_OFFERING:
		end(s, PLAN_REFUSED, code);
		break;
	case PLAN_SOURCE_STARTING:
		/* START may come into force yet: only when it has can it be taken back. */
		because(s, code);
		s->plan->given_up = true;
		close_connection(s);
		break;
	case PLAN_SOURCE_FREEZING:
	case PLAN_SOURCE_SENDING:
	case PLAN_SOURCE_LOADING:
		because(s, code);
		roll_back(s);
		break;
	case PLAN_SOURCE_IDLE:
	case PLAN_SOURCE_COMMITTING:
	case PLAN_SOURCE_ROLLING_BACK:
	case PLAN_SOURCE_UNBINDING:
	case PLAN_SOURCE_ENDED:
		break;
	}
}

static void on_requested(struct step *s)
{
	if (s->plan->state != PLAN_SOURCE_IDLE)
		return;
	s->plan->dry_run = s->event->dry_run;
	emit(s, PLAN_DO_CHECK);
	enter(s, PLAN_SOURCE_CHECKING, s->plan->limits.prepare_ns);
}

static void on_checked(struct step *s)
{
	if (s->plan->state != PLAN_SOURCE_CHECKING)
		return;
	if (s->event->code) {
		give_up(s, s->event->code);
		return;
	}
	s->plan->connected = true;
	emit(s, PLAN_DO_CONNECT_AND_OFFER);
	enter(s, PLAN_SOURCE_OFFERING, s->plan->limits.prepare_ns);
}

static void on_target_ready(struct step *s)
{
	if (s->plan->state != PLAN_SOURCE_OFFERING)
		return;
	if (s->plan->dry_run) {
		end(s, PLAN_POSSIBLE, 0);
		return;
	}
	emit(s, PLAN_DO_PROPOSE_START);
	enter(s, PLAN_SOURCE_STARTING, s->plan->limits.prepare_ns);
}

static void on_start_applied(struct step *s)
{
	if (s->plan->state != PLAN_SOURCE_STARTING)
		return;
	if (s->event->code) {
		end(s, PLAN_REFUSED, s->event->code);
		return;
	}
	s->plan->move = s->event->move;
	if (s->plan->given_up)
		roll_back(s);
	else
		freeze(s);
}

static void on_frozen(struct step *s)
{
	if (s->plan->state != PLAN_SOURCE_FREEZING)
		return;
	emit(s, PLAN_DO_SEND);
	enter(s, PLAN_SOURCE_SENDING, s->plan->limits.transfer_ns);
}

static void on_freeze_refused(struct step *s)
{
	if (s->plan->state != PLAN_SOURCE_FREEZING)
		return;
	s->plan->stopped = false;
	give_up(s, s->event->code);
}

static void on_progress(struct step *s)
{
	enum plan_source_state state = s->plan->state;

	if (state >= PLAN_SOURCE_FREEZING && state <= PLAN_SOURCE_LOADING)
		s->plan->deadline_ns = s->event->now_ns + s->plan->limits.transfer_ns;
	else if (state == PLAN_SOURCE_OFFERING) /* files are carried along */
		s->plan->deadline_ns = s->event->now_ns + s->plan->limits.prepare_ns;
}

static void on_sent(struct step *s)
{
	if (s->plan->state != PLAN_SOURCE_SENDING)
		return;
	emit(s, PLAN_DO_AWAIT_LOADED);
	enter(s, PLAN_SOURCE_LOADING, s->plan->limits.transfer_ns);
}

static void on_target_loaded(struct step *s)
{
	if (s->plan->state != PLAN_SOURCE_LOADING)
		return;
	CORE_ASSERT(s->plan->stopped && !s->plan->died && s->plan->move);
	emit(s, PLAN_DO_PROPOSE_COMMIT);
	enter(s, PLAN_SOURCE_COMMITTING, 0);
}

static bool concerns_this_move(const struct step *s)
{
	return s->plan->move && s->event->move == s->plan->move;
}

static void on_commit_applied(struct step *s)
{
	if (s->plan->state != PLAN_SOURCE_COMMITTING || !concerns_this_move(s))
		return;
	if (s->event->code) {
		because(s, s->event->code);
		if (s->plan->died)
			unbind(s);
		else
			roll_back(s);
		return;
	}
	CORE_ASSERT(s->plan->stopped);
	emit(s, PLAN_DO_RELEASE);
	emit(s, PLAN_DO_KILL_SOURCE);
	s->plan->stopped = false;
	end(s, PLAN_COMMITTED, 0);
}

/* By our own proposal, by hand, or because the target left. */
static void on_rolled_back(struct step *s)
{
	switch (s->plan->state) {
	case PLAN_SOURCE_ROLLING_BACK:
		if (concerns_this_move(s))
			end(s, PLAN_ROLLED_BACK, s->plan->reason);
		break;
	case PLAN_SOURCE_FREEZING:
	case PLAN_SOURCE_SENDING:
	case PLAN_SOURCE_LOADING:
	case PLAN_SOURCE_COMMITTING:
		if (!concerns_this_move(s) || s->event->code)
			break;
		because(s, EDVSMIGRATE);
		if (s->plan->died) {
			unbind(s);
			break;
		}
		thaw(s);
		end(s, PLAN_ROLLED_BACK, s->plan->reason);
		break;
	case PLAN_SOURCE_IDLE:
	case PLAN_SOURCE_CHECKING:
	case PLAN_SOURCE_OFFERING:
	case PLAN_SOURCE_STARTING:
	case PLAN_SOURCE_UNBINDING:
	case PLAN_SOURCE_ENDED:
		break;
	}
}

/* It was unbound, and its process was not ended: it runs on and will find out. */
static void on_endpoint_dead(struct step *s)
{
	if (s->plan->state == PLAN_SOURCE_IDLE || s->plan->state == PLAN_SOURCE_ENDED)
		return;
	because(s, EDVSNOTBIND);
	thaw(s);
	end(s, PLAN_LOST, s->plan->reason);
}

static void on_process_died(struct step *s)
{
	if (s->plan->state == PLAN_SOURCE_IDLE || s->plan->state == PLAN_SOURCE_ENDED)
		return;
	s->plan->died = true;
	because(s, EDVSSRCDIED);
	/* Once COMMIT is proposed the endpoint may be the target's already. */
	if (s->plan->state != PLAN_SOURCE_COMMITTING && s->plan->state != PLAN_SOURCE_UNBINDING)
		unbind(s);
}

static void on_connection_lost(struct step *s)
{
	s->plan->connected = false;
	give_up(s, s->event->code ? s->event->code : EDVSNOTCONN);
}

static void on_tick(struct step *s)
{
	if (!s->plan->deadline_ns || s->event->now_ns < s->plan->deadline_ns)
		return;
	s->plan->deadline_ns = 0;
	if (!s->plan->overdue)
		s->plan->overdue = s->plan->state;
	if (s->plan->state == PLAN_SOURCE_ROLLING_BACK)
		report(s, PLAN_ROLLED_BACK, s->plan->reason);
	else if (s->plan->state == PLAN_SOURCE_UNBINDING)
		report(s, PLAN_LOST, s->plan->reason);
	else
		give_up(s, EDVSTIMEDOUT);
	/* The order is silent and nothing was touched: the asker need not wait for it. */
	if (s->plan->state == PLAN_SOURCE_STARTING)
		report(s, PLAN_REFUSED, s->plan->reason);
}

static void step(struct step *s)
{
	switch (s->event->kind) {
	case PLAN_REQUESTED:
		on_requested(s);
		break;
	case PLAN_CHECKED:
		on_checked(s);
		break;
	case PLAN_TARGET_READY:
		on_target_ready(s);
		break;
	case PLAN_START_APPLIED:
		on_start_applied(s);
		break;
	case PLAN_FROZEN:
		on_frozen(s);
		break;
	case PLAN_FREEZE_REFUSED:
		on_freeze_refused(s);
		break;
	case PLAN_PROGRESS:
		on_progress(s);
		break;
	case PLAN_SENT:
		on_sent(s);
		break;
	case PLAN_TARGET_LOADED:
		on_target_loaded(s);
		break;
	case PLAN_TARGET_REFUSED:
	case PLAN_SEND_FAILED:
	case PLAN_TARGET_FAILED:
		give_up(s, s->event->code ? s->event->code : EDVSGENERIC);
		break;
	case PLAN_TARGET_NODE_LEFT:
		give_up(s, EDVSNOPROXY);
		break;
	case PLAN_CANCELLED:
		give_up(s, s->event->code ? s->event->code : EDVSINTR);
		break;
	case PLAN_COMMIT_APPLIED:
		on_commit_applied(s);
		break;
	case PLAN_ROLLED_BACK_APPLIED:
		on_rolled_back(s);
		break;
	case PLAN_ENDPOINT_DEAD:
		on_endpoint_dead(s);
		break;
	case PLAN_PROCESS_DIED:
		on_process_died(s);
		break;
	case PLAN_CONNECTION_LOST:
		on_connection_lost(s);
		break;
	case PLAN_TICK:
		on_tick(s);
		break;
	case PLAN_CALLED:
	case PLAN_OFFERED:
	case PLAN_LOAD_DONE:
	case PLAN_LOAD_FAILED:
	case PLAN_SOURCE_NODE_LEFT:
		/* of the target's side */
		break;
	}
}

void plan_source_init(struct plan_source *plan, const struct plan_limits *limits)
{
	*plan = (struct plan_source){ .limits = *limits };
}

void plan_source_step(struct plan_source *plan, const struct plan_event *event,
		      struct plan_effects *effects)
{
	struct step s = { plan, event, effects };

	effects->count = 0;
	step(&s);
	/* Stopped exactly while it may be, and told exactly once. */
	CORE_ASSERT(!plan->stopped ||
		    (plan->state >= PLAN_SOURCE_FREEZING && plan->state <= PLAN_SOURCE_COMMITTING));
	CORE_ASSERT(plan->state != PLAN_SOURCE_ENDED || (plan->reported && !plan->connected));
	CORE_ASSERT(plan->state != PLAN_SOURCE_COMMITTING || plan->stopped);
}
