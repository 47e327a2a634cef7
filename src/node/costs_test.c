/* SPDX-License-Identifier: Apache-2.0 */
#include "node/costs.h"

#include "base/test.h"

static void test_percent(void)
{
	struct attention_costs costs = { 200, 1000, 50000 };

	CHECK(costs_override("30%", &costs));
	CHECK_EQ(costs.yield_ns, 60);
	CHECK_EQ(costs.switch_ns, 300);
	CHECK_EQ(costs.wake_ns, 15000);
	CHECK(costs_override("10000%", &costs));
	CHECK_EQ(costs.wake_ns, ATTENTION_COST_MAX_NS);
}

static void test_numbers(void)
{
	struct attention_costs costs = { 0 };

	CHECK(costs_override("200,1200,40000", &costs));
	CHECK_EQ(costs.yield_ns, 200);
	CHECK_EQ(costs.switch_ns, 1200);
	CHECK_EQ(costs.wake_ns, 40000);
}

static void test_nonsense(void)
{
	static const char *const texts[] = {
		"", "%", "0%", "10001%", "30", "30%x", "1,2", "1,2,3,", "0,1,2", "1,2,3x", "a,b,c",
	};
	struct attention_costs costs = { 1, 2, 3 };

	for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		CHECK(!costs_override(texts[i], &costs));
	CHECK_EQ(costs.yield_ns, 1);
	CHECK_EQ(costs.wake_ns, 3);
}

int main(void)
{
	TEST(test_percent);
	TEST(test_numbers);
	TEST(test_nonsense);
	return test_end();
}
