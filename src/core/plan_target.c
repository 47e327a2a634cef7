/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The target's side. Until it has said LOADED it may discard whenever anything fails; afterwards
 * only the order may tell it to resume or to discard, because the source may have proposed COMMIT.
 */

#include "core/assert.h"
#include "core/plan.h"
#include "dvk.h"

struct step {
	struct plan_target *plan;
	const struct plan_event *event;
	struct plan_effects *effects;
};

static void emit(struct step *s, enum plan_effect_kind kind, int code)
{
	CORE_ASSERT(s->effects->count < PLAN_EFFECTS_MAX);
	s->effects->item[s->effects->count++] = (struct plan_effect){ .kind = kind, .code = code };
}

static void enter(struct step *s, enum plan_target_state state, uint64_t limit_ns)
{
	CORE_ASSERT(s->plan->state != PLAN_TARGET_ENDED);
	s->plan->state = state;
	s->plan->deadline_ns = limit_ns ? s->event->now_ns + limit_ns : 0;
}

static void say(struct step *s, enum plan_effect_kind kind, int code)
{
	CORE_ASSERT(kind >= PLAN_DO_SAY_READY && kind <= PLAN_DO_SAY_REFUSED);
	CORE_ASSERT(kind == PLAN_DO_SAY_REFUSED || !code);
	if (s->plan->connected)
		emit(s, kind, code);
}

static void end(struct step *s)
{
	if (s->plan->connected)
		emit(s, PLAN_DO_CLOSE, 0);
	s->plan->connected = false;
	enter(s, PLAN_TARGET_ENDED, 0);
}

/* code 0: nobody needs to be told why. */
static void give_up(struct step *s, int code)
{
	switch (s->plan->state) {
	case PLAN_TARGET_CHECKING:
	case PLAN_TARGET_LOADING:
		emit(s, PLAN_DO_DISCARD, 0);
		/* fall through */
	case PLAN_TARGET_RECEIVING:
		if (code)
			say(s, PLAN_DO_SAY_REFUSED, code);
		end(s);
		break;
	case PLAN_TARGET_IDLE:
	case PLAN_TARGET_HOLDING:
	case PLAN_TARGET_ENDED:
		break;
	}
}

static void on_called(struct step *s)
{
	if (s->plan->state != PLAN_TARGET_IDLE)
		return;
	CORE_ASSERT(!s->plan->connected && !s->plan->move);
	s->plan->connected = true;
	emit(s, PLAN_DO_RECEIVE_OFFER, 0);
	enter(s, PLAN_TARGET_RECEIVING, s->plan->limits.prepare_ns);
}

static void on_offered(struct step *s)
{
	if (s->plan->state != PLAN_TARGET_RECEIVING)
		return;
	if (s->event->code) {
		give_up(s, s->event->code);
		return;
	}
	s->plan->dry_run = s->event->dry_run;
	emit(s, PLAN_DO_CHECK, 0);
	enter(s, PLAN_TARGET_CHECKING, s->plan->limits.prepare_ns);
}

static void on_checked(struct step *s)
{
	if (s->plan->state != PLAN_TARGET_CHECKING)
		return;
	CORE_ASSERT(!s->plan->move);
	if (s->event->code) {
		give_up(s, s->event->code);
		return;
	}
	if (s->plan->dry_run) {
		/* Its number is free before the source hears that it may come: it may come at once. */
		emit(s, PLAN_DO_DISCARD, 0);
		say(s, PLAN_DO_SAY_READY, 0);
		end(s);
		return;
	}
	say(s, PLAN_DO_SAY_READY, 0);
	emit(s, PLAN_DO_SPAWN_AND_LOAD, 0);
	/* The source has yet to get its START through the order and to stop the process. */
	enter(s, PLAN_TARGET_LOADING, s->plan->limits.prepare_ns + s->plan->limits.transfer_ns);
}

static void on_start_applied(struct step *s)
{
	if (s->plan->state == PLAN_TARGET_LOADING && !s->event->code && !s->plan->move)
		s->plan->move = s->event->move;
}

static void on_progress(struct step *s)
{
	if (s->plan->state == PLAN_TARGET_LOADING)
		s->plan->deadline_ns = s->event->now_ns + s->plan->limits.transfer_ns;
	else if (s->plan->state == PLAN_TARGET_CHECKING) /* files are carried along */
		s->plan->deadline_ns = s->event->now_ns + s->plan->limits.prepare_ns;
}

static void on_load_done(struct step *s)
{
	if (s->plan->state != PLAN_TARGET_LOADING)
		return;
	if (!s->event->move || (s->plan->move && s->plan->move != s->event->move)) {
		give_up(s, EDVSMIGRATE);
		return;
	}
	s->plan->move = s->event->move;
	say(s, PLAN_DO_SAY_LOADED, 0);
	enter(s, PLAN_TARGET_HOLDING, 0);
}

/* A lost connection decides nothing once the order has to. */
static void on_connection_lost(struct step *s)
{
	s->plan->connected = false;
	give_up(s, 0);
}

static bool concerns_this_move(const struct step *s)
{
	return s->plan->move && s->event->move == s->plan->move;
}

static void on_commit_applied(struct step *s)
{
	if (s->event->code || !concerns_this_move(s))
		return;
	switch (s->plan->state) {
	case PLAN_TARGET_HOLDING:
		CORE_ASSERT(!s->plan->dry_run);
		emit(s, PLAN_DO_TAKE_OVER, 0);
		emit(s, PLAN_DO_RESUME, 0);
		end(s);
		break;
	case PLAN_TARGET_LOADING:
		/* Only a faulty source commits what it was not told to be complete. */
		emit(s, PLAN_DO_DISCARD, 0);
		emit(s, PLAN_DO_PROPOSE_UNBIND, 0);
		end(s);
		break;
	case PLAN_TARGET_IDLE:
	case PLAN_TARGET_RECEIVING:
	case PLAN_TARGET_CHECKING:
	case PLAN_TARGET_ENDED:
		break;
	}
}

static void on_over(struct step *s)
{
	if (s->plan->state != PLAN_TARGET_HOLDING) {
		give_up(s, 0);
		return;
	}
	CORE_ASSERT(s->plan->move && !s->plan->dry_run);
	emit(s, PLAN_DO_DISCARD, 0);
	end(s);
}

static void on_rolled_back(struct step *s)
{
	if (!s->event->code && concerns_this_move(s))
		on_over(s);
}

static void on_tick(struct step *s)
{
	if (!s->plan->deadline_ns || s->event->now_ns < s->plan->deadline_ns)
		return;
	CORE_ASSERT(s->plan->state != PLAN_TARGET_HOLDING && s->plan->state != PLAN_TARGET_ENDED);
	s->plan->deadline_ns = 0;
	s->plan->overdue = s->plan->state;
	give_up(s, EDVSTIMEDOUT);
}

static void step(struct step *s)
{
	switch (s->event->kind) {
	case PLAN_CALLED:
		on_called(s);
		break;
	case PLAN_OFFERED:
		on_offered(s);
		break;
	case PLAN_CHECKED:
		on_checked(s);
		break;
	case PLAN_START_APPLIED:
		on_start_applied(s);
		break;
	case PLAN_PROGRESS:
		on_progress(s);
		break;
	case PLAN_LOAD_DONE:
		on_load_done(s);
		break;
	case PLAN_LOAD_FAILED:
		give_up(s, s->event->code ? s->event->code : EDVSGENERIC);
		break;
	case PLAN_CONNECTION_LOST:
		on_connection_lost(s);
		break;
	case PLAN_COMMIT_APPLIED:
		on_commit_applied(s);
		break;
	case PLAN_ROLLED_BACK_APPLIED:
		on_rolled_back(s);
		break;
	case PLAN_ENDPOINT_DEAD:
		on_over(s);
		break;
	case PLAN_SOURCE_NODE_LEFT:
		/* The endpoint died with its owner before this, or is ours since a commit. */
		give_up(s, 0);
		break;
	case PLAN_TICK:
		on_tick(s);
		break;
	case PLAN_REQUESTED:
	case PLAN_TARGET_READY:
	case PLAN_TARGET_REFUSED:
	case PLAN_FROZEN:
	case PLAN_FREEZE_REFUSED:
	case PLAN_SENT:
	case PLAN_SEND_FAILED:
	case PLAN_TARGET_LOADED:
	case PLAN_TARGET_FAILED:
	case PLAN_PROCESS_DIED:
	case PLAN_TARGET_NODE_LEFT:
	case PLAN_CANCELLED:
		/* of the source's side */
		break;
	}
}

static uint64_t longer(uint64_t limit_ns)
{
	return limit_ns + limit_ns / 5;
}

void plan_target_init(struct plan_target *plan, const struct plan_limits *limits)
{
	*plan = (struct plan_target){ .limits = { longer(limits->prepare_ns),
						  longer(limits->transfer_ns),
						  longer(limits->decide_ns) } };
}

void plan_target_step(struct plan_target *plan, const struct plan_event *event,
		      struct plan_effects *effects)
{
	struct step s = { plan, event, effects };

	effects->count = 0;
	step(&s);
	CORE_ASSERT(plan->state != PLAN_TARGET_ENDED || !plan->connected);
	CORE_ASSERT(plan->state != PLAN_TARGET_HOLDING || (plan->move && !plan->deadline_ns));
}
