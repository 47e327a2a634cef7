/* SPDX-License-Identifier: Apache-2.0 */
#include "os/costs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

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

/* One that holds the turn for ever, or a stranger: it is measured all the same. */
static void test_turn(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct os_costs costs = { 0 };
	int64_t begin = os_now_ns();

	CHECK_OR_RETURN(fd >= 0);
	CHECK_EQ(flock(fd, LOCK_EX), 0);
	CHECK_EQ(os_costs_measure(&costs, 8000), 0);
	CHECK(os_now_ns() - begin >= 4 * OS_SECOND_NS);
	CHECK(costs.yield_ns > 0);
	close(fd);
}

/* The turn is given back. */
static void test_turn_ends(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct os_costs costs = { 0 };

	CHECK_OR_RETURN(fd >= 0);
	CHECK_EQ(os_costs_measure(&costs, 5000), 0);
	CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
}

int main(void)
{
	TEST(test_costs_are_in_order);
	TEST(test_limit_holds);
	TEST(test_turn);
	TEST(test_turn_ends);
	return test_end();
}
