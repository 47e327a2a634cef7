/* SPDX-License-Identifier: Apache-2.0 */

#include "base/test.h"
#include "core/plan_fixture.h"

static struct plan_source plan;

#define ON_CODE(kind, code, want)                                         \
	do {                                                              \
		struct plan_event event_ = plan_event_of((kind), (code)); \
		plan_source_step(&plan, &event_, &effects);               \
		CHECK_EFFECTS(want);                                      \
	} while (0)

#define ON(kind, want) ON_CODE(kind, 0, want)

static void begin(void)
{
	struct plan_limits limits = PLAN_LIMITS_DEFAULT;

	plan_source_init(&plan, &limits);
	ON(PLAN_REQUESTED, "check");
}

/* Until the state given, by the way of success. */
static void begin_at(enum plan_source_state state)
{
	static const enum plan_event_kind way[] = {
		PLAN_CHECKED, PLAN_TARGET_READY, PLAN_START_APPLIED,
		PLAN_FROZEN,  PLAN_SENT,	 PLAN_TARGET_LOADED,
	};

	begin();
	for (unsigned i = 0; plan.state != state && i < sizeof(way) / sizeof(way[0]); i++) {
		struct plan_event event = plan_event_of(way[i], 0);

		plan_source_step(&plan, &event, &effects);
	}
	CHECK_EQ(plan.state, state);
}

static void test_success(void)
{
	begin();
	ON(PLAN_CHECKED, "connect and offer");
	ON(PLAN_TARGET_READY, "propose start");
	ON(PLAN_START_APPLIED, "freeze");
	ON(PLAN_FROZEN, "send");
	ON(PLAN_PROGRESS, "");
	ON(PLAN_SENT, "await loaded");
	ON(PLAN_TARGET_LOADED, "propose commit");
	ON(PLAN_COMMIT_APPLIED, "release, kill source, close, report committed");
	CHECK(plan_source_is_ended(&plan));
	ON(PLAN_CONNECTION_LOST, "");
	ON(PLAN_PROCESS_DIED, "");
	ON(PLAN_ENDPOINT_DEAD, "");
}

static void test_loaded_before_sent(void)
{
	begin_at(PLAN_SOURCE_SENDING);
	ON(PLAN_TARGET_LOADED, "");
	ON(PLAN_SENT, "await loaded");
}

/* Up to the commit, and not after. */
static void test_cancelled(void)
{
	begin();
	ON(PLAN_CANCELLED, "report refused -4");
	begin_at(PLAN_SOURCE_OFFERING);
	ON(PLAN_CANCELLED, "close, report refused -4");
	begin_at(PLAN_SOURCE_STARTING);
	ON(PLAN_CANCELLED, "close");
	ON(PLAN_START_APPLIED, "propose rollback");
	ON(PLAN_ROLLED_BACK_APPLIED, "report rolled_back -4");
	begin_at(PLAN_SOURCE_LOADING);
	ON(PLAN_CANCELLED, "thaw, close, propose rollback");
	begin_at(PLAN_SOURCE_COMMITTING);
	ON(PLAN_CANCELLED, "");
}

/* The process of an endpoint that moves along has ended: this one stays, unless the commit is proposed. */
static void test_fellow_died(void)
{
	begin_at(PLAN_SOURCE_SENDING);
	ON_CODE(PLAN_CANCELLED, EDVSSRCDIED, "thaw, close, propose rollback");
	ON(PLAN_ROLLED_BACK_APPLIED, "report rolled_back -108");
	begin_at(PLAN_SOURCE_COMMITTING);
	ON_CODE(PLAN_CANCELLED, EDVSSRCDIED, "");
}

static void test_dry_run(void)
{
	struct plan_limits limits = PLAN_LIMITS_DEFAULT;
	struct plan_event event = plan_event_of(PLAN_REQUESTED, 0);

	plan_source_init(&plan, &limits);
	event.dry_run = true;
	plan_source_step(&plan, &event, &effects);
	CHECK_EFFECTS("check");
	ON(PLAN_CHECKED, "connect and offer");
	ON(PLAN_TARGET_READY, "close, report possible");
	CHECK(plan_source_is_ended(&plan));
}

/* Refused before anything was touched. */
static void test_refused(void)
{
	begin();
	ON_CODE(PLAN_CHECKED, EDVSPROCSTS, "report refused -324");
	begin_at(PLAN_SOURCE_OFFERING);
	ON_CODE(PLAN_TARGET_REFUSED, EDVSNOSYS, "close, report refused -38");
	begin_at(PLAN_SOURCE_OFFERING);
	ON(PLAN_CONNECTION_LOST, "report refused -64");
	begin_at(PLAN_SOURCE_STARTING);
	ON_CODE(PLAN_START_APPLIED, EDVSMIGRATE, "close, report refused -332");
	begin_at(PLAN_SOURCE_OFFERING);
	ON(PLAN_TARGET_NODE_LEFT, "close, report refused -307");
}

/* Every failure between START and COMMIT: thawed at once, then told to the order. */
static void test_failures_before_commit(void)
{
	static const enum plan_source_state states[] = { PLAN_SOURCE_FREEZING, PLAN_SOURCE_SENDING,
							 PLAN_SOURCE_LOADING };

	for (unsigned i = 0; i < 3; i++) {
		begin_at(states[i]);
		ON(PLAN_CONNECTION_LOST, "thaw, propose rollback");
		ON(PLAN_ROLLED_BACK_APPLIED, "report rolled_back -64");
		CHECK(plan_source_is_ended(&plan));
		begin_at(states[i]);
		ON_CODE(PLAN_TARGET_FAILED, EDVSNOMEM, "thaw, close, propose rollback");
		ON(PLAN_FROZEN, "");
		ON(PLAN_TARGET_LOADED, "");
		ON_CODE(PLAN_ROLLED_BACK_APPLIED, EDVSMIGRATE, "report rolled_back -12");
		begin_at(states[i]);
		ON_CODE(PLAN_SEND_FAILED, EDVSIO, "thaw, close, propose rollback");
		begin_at(states[i]);
		ON(PLAN_TARGET_NODE_LEFT, "thaw, close, propose rollback");
	}
	begin_at(PLAN_SOURCE_FREEZING);
	ON_CODE(PLAN_FREEZE_REFUSED, EDVSONCOPY, "close, propose rollback");
}

/* START is on its way when we give up: it has to come into force before it can be taken back. */
static void test_give_up_while_starting(void)
{
	begin_at(PLAN_SOURCE_STARTING);
	ON(PLAN_CONNECTION_LOST, "");
	ON(PLAN_START_APPLIED, "propose rollback");
	ON(PLAN_ROLLED_BACK_APPLIED, "report rolled_back -64");
	begin_at(PLAN_SOURCE_STARTING);
	ON_CODE(PLAN_TARGET_FAILED, EDVSNOMEM, "close");
	ON_CODE(PLAN_START_APPLIED, EDVSNOPROXY, "report refused -307");
}

/* COMMIT is proposed: the order decides, and nothing else does. */
static void test_only_the_order_decides(void)
{
	begin_at(PLAN_SOURCE_COMMITTING);
	ON(PLAN_CONNECTION_LOST, "");
	ON_CODE(PLAN_TARGET_FAILED, EDVSNOMEM, "");
	ON(PLAN_TARGET_NODE_LEFT, "");
	now_ns += UINT64_C(3600000000000);
	ON(PLAN_TICK, "");
	ON(PLAN_PROCESS_DIED, "");
	ON(PLAN_COMMIT_APPLIED, "release, kill source, report committed");

	begin_at(PLAN_SOURCE_COMMITTING);
	ON(PLAN_CONNECTION_LOST, "");
	ON(PLAN_ROLLED_BACK_APPLIED, "thaw, report rolled_back -332");
	ON_CODE(PLAN_COMMIT_APPLIED, EDVSPROCSTS, "");
}

static void test_commit_refused(void)
{
	begin_at(PLAN_SOURCE_COMMITTING);
	ON_CODE(PLAN_COMMIT_APPLIED, EDVSDCNODE, "thaw, close, propose rollback");
	ON(PLAN_ROLLED_BACK_APPLIED, "report rolled_back -326");
	begin_at(PLAN_SOURCE_COMMITTING);
	ON(PLAN_PROCESS_DIED, "");
	ON_CODE(PLAN_COMMIT_APPLIED, EDVSDCNODE, "thaw, close, propose unbind");
	ON(PLAN_ENDPOINT_DEAD, "report lost -108");
}

/* Another move of the same endpoint is not ours. */
static void test_other_moves(void)
{
	struct plan_event event = plan_event_of(PLAN_COMMIT_APPLIED, 0);

	begin_at(PLAN_SOURCE_COMMITTING);
	event.move = MOVE + 1;
	plan_source_step(&plan, &event, &effects);
	CHECK_EFFECTS("");
	event.kind = PLAN_ROLLED_BACK_APPLIED;
	plan_source_step(&plan, &event, &effects);
	CHECK_EFFECTS("");
	CHECK_EQ(plan.state, PLAN_SOURCE_COMMITTING);
}

static void test_rolled_back_by_hand(void)
{
	begin_at(PLAN_SOURCE_SENDING);
	ON(PLAN_ROLLED_BACK_APPLIED, "thaw, close, report rolled_back -332");
	CHECK(plan_source_is_ended(&plan));
}

static void test_process_dies(void)
{
	begin();
	ON(PLAN_PROCESS_DIED, "propose unbind");
	ON(PLAN_ENDPOINT_DEAD, "report lost -108");
	/* Those of its fellows stand, and go on. */
	begin_at(PLAN_SOURCE_LOADING);
	ON(PLAN_PROCESS_DIED, "thaw, close, propose unbind");
	ON(PLAN_TARGET_LOADED, "");
	ON(PLAN_ENDPOINT_DEAD, "report lost -108");
	begin_at(PLAN_SOURCE_LOADING);
	ON(PLAN_CONNECTION_LOST, "thaw, propose rollback");
	ON(PLAN_PROCESS_DIED, "propose unbind");
	ON(PLAN_ENDPOINT_DEAD, "report lost -64");
}

/* Unbound, but alive: it must not stay stopped. */
static void test_unbound_meanwhile(void)
{
	begin_at(PLAN_SOURCE_SENDING);
	ON(PLAN_ENDPOINT_DEAD, "thaw, close, report lost -310");
	begin_at(PLAN_SOURCE_COMMITTING);
	ON(PLAN_ENDPOINT_DEAD, "thaw, close, report lost -310");
	ON_CODE(PLAN_COMMIT_APPLIED, EDVSBADPROC, "");
	begin_at(PLAN_SOURCE_OFFERING);
	ON(PLAN_ENDPOINT_DEAD, "close, report lost -310");
}

static void test_time_outs(void)
{
	struct plan_limits limits = PLAN_LIMITS_DEFAULT;

	begin();
	now_ns += limits.prepare_ns - 1;
	ON(PLAN_TICK, "");
	now_ns += 1;
	ON(PLAN_TICK, "report refused -61");

	begin_at(PLAN_SOURCE_OFFERING);
	now_ns += limits.prepare_ns - 1;
	ON(PLAN_PROGRESS, "");
	now_ns += limits.prepare_ns - 1;
	ON(PLAN_TICK, "");
	now_ns += 1;
	ON(PLAN_TICK, "close, report refused -61");

	begin_at(PLAN_SOURCE_SENDING);
	now_ns += limits.transfer_ns - 1;
	ON(PLAN_PROGRESS, "");
	now_ns += limits.transfer_ns - 1;
	ON(PLAN_TICK, "");
	now_ns += 1;
	ON(PLAN_TICK, "thaw, close, propose rollback");
	CHECK_EQ(plan.overdue, PLAN_SOURCE_SENDING);
	now_ns += limits.decide_ns;
	ON(PLAN_TICK, "report rolled_back -61");
	ON(PLAN_TICK, "");
	CHECK(!plan_source_is_ended(&plan));
	ON(PLAN_ROLLED_BACK_APPLIED, "");
	CHECK(plan_source_is_ended(&plan));

	begin_at(PLAN_SOURCE_STARTING);
	now_ns += limits.prepare_ns;
	ON(PLAN_TICK, "close, report refused -61");
	ON(PLAN_START_APPLIED, "propose rollback");
	ON(PLAN_ROLLED_BACK_APPLIED, "");
	CHECK(plan_source_is_ended(&plan));
}

/*
 * Everything that can happen, in every state that can be reached: the effects asked for so far are
 * carried along, and the combinations that I5 forbids are looked for.
 */
struct history {
	struct plan_source plan;
	bool commit_proposed, decided, frozen, thawed, killed;
	unsigned reports;
};

#define HISTORIES_MAX 20000
static struct history seen[HISTORIES_MAX];
static unsigned seen_count;

static void remember(const struct history *h)
{
	for (unsigned i = 0; i < seen_count; i++)
		if (!memcmp(&seen[i], h, sizeof(*h)))
			return;
	CHECK_OR_RETURN(seen_count < HISTORIES_MAX);
	seen[seen_count++] = *h;
}

static void account(struct history *h, const struct plan_event *event)
{
	bool by_order = event->kind == PLAN_COMMIT_APPLIED || event->kind == PLAN_ENDPOINT_DEAD ||
			event->kind == PLAN_ROLLED_BACK_APPLIED;

	for (uint32_t i = 0; i < effects.count; i++) {
		switch (effects.item[i].kind) {
		case PLAN_DO_FREEZE:
			CHECK(!h->frozen);
			h->frozen = true;
			break;
		case PLAN_DO_PROPOSE_COMMIT:
			CHECK(h->frozen && !h->thawed && !h->commit_proposed);
			h->commit_proposed = true;
			break;
		case PLAN_DO_THAW:
			CHECK(h->frozen && !h->thawed && !h->killed);
			CHECK(!h->commit_proposed || by_order);
			h->thawed = true;
			break;
		case PLAN_DO_KILL_SOURCE:
			CHECK(h->commit_proposed && !h->thawed && !h->killed);
			CHECK(event->kind == PLAN_COMMIT_APPLIED && event->code == 0);
			h->killed = true;
			break;
		case PLAN_DO_REPORT:
			CHECK_EQ(h->reports, 0);
			h->reports++;
			break;
		default:
			break;
		}
	}
}

static void test_everything_everywhere(void)
{
	static struct history first;
	struct plan_limits limits = { 1, 1, 1 };
	unsigned ended = 0;

	plan_source_init(&first.plan, &limits);
	now_ns = 10;
	remember(&first);
	for (unsigned at = 0; at < seen_count; at++) {
		ended += plan_source_is_ended(&seen[at].plan);
		for (int kind = PLAN_REQUESTED; kind <= PLAN_TICK; kind++)
			for (int failed = 0; failed < 2; failed++) {
				struct history next = seen[at];
				struct plan_event event =
					plan_event_of(kind, failed ? EDVSGENERIC : 0);

				if (kind == PLAN_TICK)
					event.now_ns = UINT64_MAX / 2;
				plan_source_step(&next.plan, &event, &effects);
				account(&next, &event);
				/* Times are not explored, only whether there is a limit. */
				next.plan.deadline_ns = next.plan.deadline_ns != 0;
				remember(&next);
			}
	}
	CHECK(ended > 10);
	printf("   %u states explored, %u of them final\n", seen_count, ended);
}

int main(void)
{
	TEST(test_success);
	TEST(test_loaded_before_sent);
	TEST(test_cancelled);
	TEST(test_fellow_died);
	TEST(test_dry_run);
	TEST(test_refused);
	TEST(test_failures_before_commit);
	TEST(test_give_up_while_starting);
	TEST(test_only_the_order_decides);
	TEST(test_commit_refused);
	TEST(test_other_moves);
	TEST(test_rolled_back_by_hand);
	TEST(test_process_dies);
	TEST(test_unbound_meanwhile);
	TEST(test_time_outs);
	TEST(test_everything_everywhere);
	return test_end();
}
