/* SPDX-License-Identifier: Apache-2.0 */

/* The driver, with functions that only take note: a worker that is in a step while events come. */

#include "core/driver.h"

#include "base/test.h"
#include "dvk.h"

static struct driver driver;
static struct plan_effect taken;
static uint64_t done_at_once;
static unsigned interrupts;

static struct plan_event at_once(void *ctx, const struct plan_effect *effect)
{
	CHECK(ctx == &driver);
	done_at_once |= UINT64_C(1) << effect->kind;
	return (struct plan_event){ 0 };
}

static struct plan_event on_worker(void *ctx, const struct plan_effect *effect)
{
	(void)ctx;
	(void)effect;
	return (struct plan_event){ 0 };
}

static void interrupt(void *ctx)
{
	CHECK(ctx == &driver);
	interrupts++;
}

#define STEP(kind)                                       \
	{                                                \
		kind, DRIVER_STEP, on_worker, UINT64_MAX \
	}
#define IN_TURN(kind)                                       \
	{                                                   \
		kind, DRIVER_IN_TURN, on_worker, UINT64_MAX \
	}
#define AT_ONCE(kind)                            \
	{                                        \
		kind, DRIVER_AT_ONCE, at_once, 0 \
	}

static const struct driver_row rows[] = {
	STEP(PLAN_DO_CHECK),
	STEP(PLAN_DO_CONNECT_AND_OFFER),
	IN_TURN(PLAN_DO_PROPOSE_START),
	STEP(PLAN_DO_FREEZE),
	STEP(PLAN_DO_SEND),
	STEP(PLAN_DO_AWAIT_LOADED),
	IN_TURN(PLAN_DO_THAW),
	IN_TURN(PLAN_DO_PROPOSE_ROLLBACK),
	IN_TURN(PLAN_DO_PROPOSE_UNBIND),
	IN_TURN(PLAN_DO_CLOSE),
	IN_TURN(PLAN_DO_PROPOSE_COMMIT),
	IN_TURN(PLAN_DO_KILL_SOURCE),
	AT_ONCE(PLAN_DO_RELEASE),
	IN_TURN(PLAN_DO_REPORT),
};
static const struct driver_side side = { .is_source = true,
					 .row = rows,
					 .rows = sizeof(rows) / sizeof(rows[0]),
					 .told = ~DRIVER_EVENT(PLAN_TICK),
					 .interrupt = interrupt };

static void tell(enum plan_event_kind kind, int code)
{
	struct plan_event event = { .kind = kind, .now_ns = 100, .code = code, .move = 7 };

	driver_event(&driver, &event);
}

static void take(enum plan_effect_kind want)
{
	const struct driver_row *row = driver_take(&driver, &taken);

	CHECK_OR_RETURN(row);
	CHECK_EQ(taken.kind, want);
	CHECK_EQ(row->effect, want);
	CHECK(!driver_take(&driver, &taken)); /* one at a time */
}

static void done(enum plan_event_kind kind, int code)
{
	struct plan_event outcome = { .kind = kind, .now_ns = 100, .code = code, .move = 7 };

	driver_done(&driver, &outcome);
}

static void through(enum plan_effect_kind effect, enum plan_event_kind outcome)
{
	take(effect);
	done(outcome, 0);
}

static void begin(void)
{
	struct plan_limits limits = { .prepare_ns = 1000, .transfer_ns = 1000, .decide_ns = 1000 };

	done_at_once = 0;
	interrupts = 0;
	driver_init(&driver, &side, &limits, &driver);
	tell(PLAN_REQUESTED, 0);
}

static void begin_sending(void)
{
	begin();
	through(PLAN_DO_CHECK, PLAN_CHECKED);
	through(PLAN_DO_CONNECT_AND_OFFER, PLAN_TARGET_READY);
	through(PLAN_DO_PROPOSE_START, (enum plan_event_kind)0);
	tell(PLAN_START_APPLIED, 0);
	through(PLAN_DO_FREEZE, PLAN_FROZEN);
}

static void test_success(void)
{
	begin_sending();
	through(PLAN_DO_SEND, PLAN_SENT);
	through(PLAN_DO_AWAIT_LOADED, PLAN_TARGET_LOADED);
	through(PLAN_DO_PROPOSE_COMMIT, (enum plan_event_kind)0);
	CHECK_EQ(done_at_once, 0);
	tell(PLAN_COMMIT_APPLIED, 0);
	CHECK_EQ(done_at_once, UINT64_C(1) << PLAN_DO_RELEASE);
	CHECK(driver_is_ended(&driver) && !driver_is_over(&driver));
	through(PLAN_DO_KILL_SOURCE, (enum plan_event_kind)0);
	through(PLAN_DO_CLOSE, (enum plan_event_kind)0);
	take(PLAN_DO_REPORT);
	CHECK(!driver_is_over(&driver));
	done((enum plan_event_kind)0, 0);
	CHECK(driver_is_over(&driver));
	CHECK_EQ(interrupts, 0);
}

/* The worker is in each step when the limit passes: the step is told, and its outcome comes too late. */
static void test_limit_while_a_step_runs(void)
{
	begin();
	take(PLAN_DO_CHECK);
	driver_look(&driver, 1099, 0);
	CHECK(!driver_told(&driver));
	driver_look(&driver, 1100, 0);
	CHECK(driver_told(&driver));
	CHECK_EQ(interrupts, 1);
	driver_look(&driver, 9999, 0);
	CHECK_EQ(interrupts, 1);
	done(PLAN_CHECKED, 0);
	CHECK(!driver_told(&driver));
	take(PLAN_DO_REPORT);
	CHECK_EQ(taken.result, PLAN_REFUSED);
	CHECK_EQ(taken.code, EDVSTIMEDOUT);
	CHECK_EQ(driver.source.overdue, PLAN_SOURCE_CHECKING);

	begin_sending();
	take(PLAN_DO_SEND);
	driver_look(&driver, 1100, 0);
	CHECK(driver_told(&driver));
	done(PLAN_SENT, 0);
	through(PLAN_DO_THAW, (enum plan_event_kind)0);
	through(PLAN_DO_CLOSE, (enum plan_event_kind)0);
	through(PLAN_DO_PROPOSE_ROLLBACK, (enum plan_event_kind)0);
	tell(PLAN_ROLLED_BACK_APPLIED, 0);
	take(PLAN_DO_REPORT);
	CHECK_EQ(taken.result, PLAN_ROLLED_BACK);
	CHECK_EQ(taken.code, EDVSTIMEDOUT);
}

/* Bytes that went through the connection since the last look are progress. */
static void test_progress(void)
{
	begin_sending();
	take(PLAN_DO_SEND);
	driver_look(&driver, 1000, 5);
	driver_look(&driver, 1999, 5);
	CHECK(!driver_told(&driver));
	driver_look(&driver, 1999, 6);
	driver_look(&driver, 2998, 6);
	CHECK(!driver_told(&driver));
	driver_look(&driver, 2999, 6);
	CHECK(driver_told(&driver));
}

/* A step that has become useless is not begun; a step that undoes another is done in any case. */
static void test_superseded_before_it_began(void)
{
	begin_sending();
	tell(PLAN_CANCELLED, 0);
	CHECK_EQ(interrupts, 0);
	take(PLAN_DO_THAW);
	tell(PLAN_PROCESS_DIED, 0);
	CHECK(!driver_told(&driver));
	done((enum plan_event_kind)0, 0);
	through(PLAN_DO_CLOSE, (enum plan_event_kind)0);
	through(PLAN_DO_PROPOSE_ROLLBACK, (enum plan_event_kind)0);
	through(PLAN_DO_PROPOSE_UNBIND, (enum plan_event_kind)0);
	CHECK(!driver_is_over(&driver));
}

int main(void)
{
	TEST(test_success);
	TEST(test_limit_while_a_step_runs);
	TEST(test_progress);
	TEST(test_superseded_before_it_began);
	return test_end();
}
