/* SPDX-License-Identifier: Apache-2.0 */
#include "os/costs.h"

#include <errno.h>

#include "base/test.h"
#include "os/clock.h"

static void test_costs_are_in_order(void)
{
	struct os_costs costs = { 0 };

	CHECK_OR_RETURN(os_costs_measure(&costs, 5000) == 0);
	CHECK(costs.yield_ns > 0);
	CHECK(costs.wake_ns > 0);
	/* Letting another process run is never cheaper than finding nobody. */
	CHECK(costs.switch_ns > costs.yield_ns);
}

static void test_limit_holds(void)
{
	struct os_costs costs = { 0 };
	int64_t begin = os_now_ns();
	int r = os_costs_measure(&costs, 0);

	CHECK(r == 0 || r == -ETIMEDOUT);
	CHECK(os_now_ns() - begin < OS_SECOND_NS);
}

int main(void)
{
	TEST(test_costs_are_in_order);
	TEST(test_limit_holds);
	return test_end();
}
