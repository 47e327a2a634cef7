/* SPDX-License-Identifier: Apache-2.0 */
#include "core/attention.h"

#include "base/test.h"
#include "wire/shm.h"

static struct attention_costs scaled(unsigned percent)
{
	struct attention_costs costs = ATTENTION_COSTS_DEFAULT;

	costs.yield_ns = costs.yield_ns * percent / 100;
	costs.switch_ns = costs.switch_ns * percent / 100;
	costs.wake_ns = costs.wake_ns * percent / 100;
	return costs;
}

/* A yield that found nobody and one that switched are told apart on machines of any speed. */
static void test_wanted_lies_between(void)
{
	const unsigned percents[] = { 10, 30, 100, 300, 1000 };

	for (unsigned i = 0; i < sizeof(percents) / sizeof(*percents); i++) {
		struct attention_costs costs = attention_costs_checked(scaled(percents[i]));

		CHECK(attention_wanted_ns(&costs) > costs.yield_ns);
		CHECK(attention_wanted_ns(&costs) < costs.switch_ns);
	}
}

static void test_every_duration_scales(void)
{
	struct attention_costs one = scaled(100), three = scaled(300);

	CHECK(3 * attention_wanted_ns(&one) == attention_wanted_ns(&three));
	CHECK(3 * ATTENTION_BESIDE_NS(&one) == ATTENTION_BESIDE_NS(&three));
	CHECK(3 * ATTENTION_UNASKED_NS(&one) == ATTENTION_UNASKED_NS(&three));
	CHECK(3 * ATTENTION_LOCAL_NS(&one) == ATTENTION_LOCAL_NS(&three));
	CHECK(3 * ATTENTION_FAR_NS(&one) == ATTENTION_FAR_NS(&three));
	CHECK(3 * ATTENTION_DAEMON_NS(&one) == ATTENTION_DAEMON_NS(&three));
	CHECK(3 * ATTENTION_NAP_NS(&one) == ATTENTION_NAP_NS(&three));
	CHECK(3 * ATTENTION_GRACE_NS(&one) == ATTENTION_GRACE_NS(&three));
}

/* A page says anything: nothing of it makes a waiter look on for ever, or divide by nothing. */
static void test_page_is_not_believed(void)
{
	struct node_bell bell = { 0 };
	struct attention_costs costs;

	costs = attention_costs_of(&bell);
	CHECK(costs.yield_ns == ATTENTION_COSTS_DEFAULT.yield_ns);
	bell.yield_ns = bell.switch_ns = bell.wake_ns = UINT32_MAX;
	costs = attention_costs_of(&bell);
	CHECK(costs.yield_ns < costs.switch_ns);
	CHECK(costs.switch_ns <= ATTENTION_COST_MAX_NS);
	CHECK(costs.wake_ns <= ATTENTION_COST_MAX_NS);
	bell.yield_ns = 900;
	bell.switch_ns = bell.wake_ns = 1;
	costs = attention_costs_of(&bell);
	CHECK(costs.switch_ns > 900);
	CHECK(costs.wake_ns >= 900);
}

static void test_publish(void)
{
	struct node_bell bell = { 0 };
	struct attention_costs costs = { .yield_ns = 200, .switch_ns = 1200, .wake_ns = 50000 };
	struct attention_costs read;

	attention_costs_publish(&bell, costs);
	read = attention_costs_of(&bell);
	CHECK(read.yield_ns == 200);
	CHECK(read.switch_ns == 1200);
	CHECK(read.wake_ns == 50000);
}

static void test_misses_make_cold(void)
{
	struct attention attention = { 0 };
	unsigned begun = 0;

	for (unsigned i = 0; i < ATTENTION_MISSES_MAX; i++) {
		CHECK(attention_begin(&attention));
		attention_missed(&attention, 10, 1000);
	}
	for (unsigned i = 0; i < ATTENTION_COLD_MIN; i++)
		begun += attention_begin(&attention);
	CHECK(begun == 0);
	CHECK(attention_begin(&attention));
	/* One more miss, and it is cold for twice as long. */
	attention_missed(&attention, 10, 1000);
	CHECK(attention.cold == 2 * ATTENTION_COLD_MIN);
	attention_rewarded(&attention);
	CHECK(attention.colder == ATTENTION_COLD_MIN);
}

static void test_late_is_no_miss(void)
{
	struct attention attention = { 0 };

	for (unsigned i = 0; i < 100; i++)
		attention_missed(&attention, 1001, 1000);
	CHECK(attention_begin(&attention));
	CHECK(attention.misses == 0);
}

static void test_span(void)
{
	struct attention_costs costs = ATTENTION_COSTS_DEFAULT;
	struct attention_span span = { 0 };

	attention_span_begin(&span, &costs, ATTENTION_MOST_NS(&costs));
	CHECK(span.ns == ATTENTION_FIRST_NS(&costs));
	for (unsigned i = 0; i < 200; i++)
		attention_span_missed(&span, &costs);
	CHECK(span.ns == ATTENTION_LEAST_NS(&costs));
	attention_span_rewarded(&span, &costs, 5 * span.ns);
	CHECK(span.ns == 10 * ATTENTION_LEAST_NS(&costs));
	attention_span_rewarded(&span, &costs, INT32_MAX);
	CHECK(span.ns == ATTENTION_MOST_NS(&costs));
}

int main(void)
{
	TEST(test_wanted_lies_between);
	TEST(test_every_duration_scales);
	TEST(test_page_is_not_believed);
	TEST(test_publish);
	TEST(test_misses_make_cold);
	TEST(test_late_is_no_miss);
	TEST(test_span);
	return test_end();
}
