/* SPDX-License-Identifier: Apache-2.0 */

#include "base/test.h"
#include "core/plan_fixture.h"

static struct plan_target plan;

#define ON_CODE(kind, code, want)                                         \
	do {                                                              \
		struct plan_event event_ = plan_event_of((kind), (code)); \
		plan_target_step(&plan, &event_, &effects);               \
		CHECK_EFFECTS(want);                                      \
	} while (0)

#define ON(kind, want) ON_CODE(kind, 0, want)

static void begin(void)
{
	struct plan_limits limits = PLAN_LIMITS_DEFAULT;

	plan_target_init(&plan, &limits);
	ON(PLAN_CALLED, "receive offer");
	ON(PLAN_OFFERED, "check");
}

static void begin_loading(void)
{
	begin();
	ON(PLAN_CHECKED, "say ready, spawn and load");
}

static void begin_holding(void)
{
	begin_loading();
	ON(PLAN_START_APPLIED, "");
	ON(PLAN_LOAD_DONE, "say loaded");
}

static void test_success(void)
{
	begin_holding();
	ON(PLAN_COMMIT_APPLIED, "take over, resume, close");
	CHECK(plan_target_is_ended(&plan));
	ON(PLAN_CONNECTION_LOST, "");
	ON(PLAN_ENDPOINT_DEAD, "");
}

static void test_refused(void)
{
	struct plan_limits limits = PLAN_LIMITS_DEFAULT;

	plan_target_init(&plan, &limits);
	ON(PLAN_CALLED, "receive offer");
	ON_CODE(PLAN_OFFERED, EDVSBADREQUEST, "say refused -107, close");
	CHECK(plan_target_is_ended(&plan));
	plan_target_init(&plan, &limits);
	ON(PLAN_CALLED, "receive offer");
	ON(PLAN_CONNECTION_LOST, "");
	CHECK(plan_target_is_ended(&plan));
	begin();
	ON_CODE(PLAN_CHECKED, EDVSNOSYS, "discard, say refused -38, close");
	CHECK(plan_target_is_ended(&plan));
	begin();
	ON(PLAN_CONNECTION_LOST, "discard");
	CHECK(plan_target_is_ended(&plan));
	ON(PLAN_CHECKED, "");
}

static void test_dry_run(void)
{
	struct plan_limits limits = PLAN_LIMITS_DEFAULT;
	struct plan_event event = plan_event_of(PLAN_OFFERED, 0);

	plan_target_init(&plan, &limits);
	ON(PLAN_CALLED, "receive offer");
	event.dry_run = true;
	plan_target_step(&plan, &event, &effects);
	CHECK_EFFECTS("check");
	ON(PLAN_CHECKED, "discard, say ready, close");
	CHECK(plan_target_is_ended(&plan));
}

static void test_failures_while_loading(void)
{
	begin_loading();
	ON_CODE(PLAN_LOAD_FAILED, EDVSNOMEM, "discard, say refused -12, close");
	begin_loading();
	ON(PLAN_CONNECTION_LOST, "discard");
	begin_loading();
	ON(PLAN_SOURCE_NODE_LEFT, "discard, close");
	begin_loading();
	ON(PLAN_ENDPOINT_DEAD, "discard, close");
	begin_loading();
	ON(PLAN_START_APPLIED, "");
	ON(PLAN_ROLLED_BACK_APPLIED, "discard, close");
}

/* Loaded and told so: neither a cut nor time takes the copy away. */
static void test_holding_waits_for_the_order(void)
{
	begin_holding();
	ON(PLAN_CONNECTION_LOST, "");
	ON(PLAN_SOURCE_NODE_LEFT, "");
	now_ns += UINT64_C(3600000000000);
	ON(PLAN_TICK, "");
	ON(PLAN_COMMIT_APPLIED, "take over, resume");
	begin_holding();
	ON(PLAN_CONNECTION_LOST, "");
	ON(PLAN_ROLLED_BACK_APPLIED, "discard");
	CHECK(plan_target_is_ended(&plan));
	begin_holding();
	ON(PLAN_ENDPOINT_DEAD, "discard, close");
}

/* A faulty source may do these. */
static void test_commit_of_an_unfinished_copy(void)
{
	begin_loading();
	ON(PLAN_START_APPLIED, "");
	ON(PLAN_COMMIT_APPLIED, "discard, propose unbind, close");
	begin_loading();
	ON(PLAN_COMMIT_APPLIED, "");
}

static void test_other_moves(void)
{
	struct plan_event event = plan_event_of(PLAN_COMMIT_APPLIED, 0);

	begin_holding();
	event.move = MOVE + 1;
	plan_target_step(&plan, &event, &effects);
	CHECK_EFFECTS("");
	event.kind = PLAN_ROLLED_BACK_APPLIED;
	plan_target_step(&plan, &event, &effects);
	CHECK_EFFECTS("");
	begin_loading();
	ON(PLAN_START_APPLIED, "");
	event.kind = PLAN_LOAD_DONE;
	plan_target_step(&plan, &event, &effects);
	CHECK_EFFECTS("discard, say refused -332, close");
}

static void test_time_outs(void)
{
	struct plan_limits limits = PLAN_LIMITS_DEFAULT;

	plan_target_init(&plan, &limits);
	ON(PLAN_CALLED, "receive offer");
	CHECK(plan.limits.prepare_ns > limits.prepare_ns); /* the source's passes first */
	CHECK(plan.limits.transfer_ns > limits.transfer_ns);
	now_ns += plan.limits.prepare_ns;
	ON(PLAN_TICK, "say refused -61, close");
	CHECK_EQ(plan.overdue, PLAN_TARGET_RECEIVING);
	begin();
	now_ns += plan.limits.prepare_ns;
	ON(PLAN_TICK, "discard, say refused -61, close");
	begin();
	now_ns += plan.limits.prepare_ns - 1;
	ON(PLAN_PROGRESS, "");
	now_ns += plan.limits.prepare_ns - 1;
	ON(PLAN_TICK, "");
	begin_loading();
	now_ns += plan.limits.prepare_ns;
	ON(PLAN_PROGRESS, "");
	now_ns += plan.limits.transfer_ns - 1;
	ON(PLAN_TICK, "");
	now_ns += 1;
	ON(PLAN_TICK, "discard, say refused -61, close");
}

/* Every event in every state that can be reached: one end, and only by the order once held. */
struct history {
	struct plan_target plan;
	bool checked, spawned, held, taken_over, resumed, discarded;
};

#define HISTORIES_MAX 2000
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
	for (uint32_t i = 0; i < effects.count; i++) {
		switch (effects.item[i].kind) {
		case PLAN_DO_CHECK:
			h->checked = true;
			break;
		case PLAN_DO_SPAWN_AND_LOAD:
			CHECK(h->checked && !h->spawned);
			h->spawned = true;
			break;
		case PLAN_DO_SAY_LOADED:
			CHECK(h->spawned && !h->discarded);
			break;
		case PLAN_DO_TAKE_OVER:
			h->taken_over = true;
			break;
		case PLAN_DO_RESUME:
			CHECK(h->held && h->taken_over && !h->discarded && !h->resumed);
			CHECK(event->kind == PLAN_COMMIT_APPLIED);
			h->resumed = true;
			break;
		case PLAN_DO_DISCARD:
			CHECK(h->checked && !h->resumed && !h->discarded);
			CHECK(!h->held || event->kind == PLAN_ROLLED_BACK_APPLIED ||
			      event->kind == PLAN_ENDPOINT_DEAD);
			h->discarded = true;
			break;
		default:
			break;
		}
	}
	h->held = h->held || h->plan.state == PLAN_TARGET_HOLDING;
	if (plan_target_is_ended(&h->plan) && h->checked)
		CHECK(h->resumed || h->discarded);
}

static void test_everything_everywhere(void)
{
	static struct history first;
	struct plan_limits limits = { 1, 1, 1 };

	plan_target_init(&first.plan, &limits);
	now_ns = 10;
	remember(&first);
	for (unsigned at = 0; at < seen_count; at++)
		for (int kind = PLAN_REQUESTED; kind <= PLAN_TICK; kind++)
			for (int failed = 0; failed < 2; failed++) {
				struct history next = seen[at];
				struct plan_event event =
					plan_event_of(kind, failed ? EDVSGENERIC : 0);

				if (kind == PLAN_TICK)
					event.now_ns = UINT64_MAX / 2;
				plan_target_step(&next.plan, &event, &effects);
				account(&next, &event);
				next.plan.deadline_ns = next.plan.deadline_ns != 0;
				remember(&next);
			}
	CHECK(seen_count > 10);
	printf("   %u states explored\n", seen_count);
}

int main(void)
{
	TEST(test_success);
	TEST(test_refused);
	TEST(test_dry_run);
	TEST(test_failures_while_loading);
	TEST(test_holding_waits_for_the_order);
	TEST(test_commit_of_an_unfinished_copy);
	TEST(test_other_moves);
	TEST(test_time_outs);
	TEST(test_everything_everywhere);
	return test_end();
}
