/* SPDX-License-Identifier: Apache-2.0 */
#include "node/state/counters.h"

#include <stdbool.h>

#include "base/result.h"
#include "base/test.h"
#include "dvk.h"

static void over(struct ctl_counters *counters, enum ctl_move_result result, bool dry_run)
{
	struct ctl_move move = {
		.result = result, .dry_run = dry_run, .total_ns = 100, .downtime_ns = 10
	};

	counters_move_over(counters, &move);
}

static void test_moves(void)
{
	struct ctl_counters c = { 0 };

	for (int i = 0; i < 3; i++)
		counters_move_begun(&c);
	over(&c, CTL_MOVE_COMMITTED, true);
	over(&c, CTL_MOVE_REFUSED, true);
	CHECK_EQ(c.moves_committed + c.moves_refused, 0); /* a dry run is no move */
	over(&c, CTL_MOVE_COMMITTED, false);
	over(&c, CTL_MOVE_COMMITTED, false);
	over(&c, CTL_MOVE_ROLLED_BACK, false);
	over(&c, CTL_MOVE_REFUSED, false);
	CHECK_EQ(c.moves_begun, 3);
	CHECK_EQ(c.moves_committed, 2);
	CHECK_EQ(c.moves_rolled_back, 1);
	CHECK_EQ(c.moves_refused, 1);
	CHECK_EQ(c.moves_total_ns, 200); /* of the two that were committed */
	CHECK_EQ(c.moves_stopped_ns, 20);
}

static uint64_t refused(const struct ctl_counters *c, int error)
{
	uint64_t count = 0;

	for (int i = 0; i < CTL_REFUSALS_MAX; i++)
		if (c->refusals[i].error == error)
			count += c->refusals[i].count;
	return count;
}

static void test_refusals_by_number(void)
{
	struct ctl_counters c = { 0 };

	counters_refused(&c, EDVSMIGRATE);
	counters_refused(&c, EDVSTIMEDOUT);
	counters_refused(&c, EDVSMIGRATE);
	CHECK_EQ(refused(&c, EDVSMIGRATE), 2);
	CHECK_EQ(refused(&c, EDVSTIMEDOUT), 1);
	CHECK_EQ(c.refusals[0].error, EDVSMIGRATE);
	CHECK_EQ(c.refusals[2].error, 0);
}

#define REFUSE(name, number, text) counters_refused(&c, name), count++;

/* There are more numbers than places: none is lost, and those that have a place keep it. */
static void test_more_numbers_than_places(void)
{
	struct ctl_counters c = { 0 };
	uint64_t all = 0, count = 0;

	RESULT_LIST(REFUSE)
	RESULT_LIST(REFUSE)
	for (int i = 0; i < CTL_REFUSALS_MAX; i++)
		all += c.refusals[i].count;
	CHECK(count > 2 * CTL_REFUSALS_MAX);
	CHECK_EQ(all, count);
	CHECK_EQ(c.refusals[0].count, 2);
	CHECK_EQ(c.refusals[CTL_REFUSALS_MAX - 1].error, EDVSGENERIC);
}

int main(void)
{
	TEST(test_moves);
	TEST(test_refusals_by_number);
	TEST(test_more_numbers_than_places);
	return test_end();
}
