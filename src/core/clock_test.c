/* SPDX-License-Identifier: Apache-2.0 */
#include "core/clock.h"

#include "base/prng.h"
#include "base/test.h"

#define MS INT64_C(1000000)
#define S  (1000 * MS)
#define T0 (INT64_C(1700000000) * S) /* our wall clock at monotonic 0 */

/* A question at `at`, whose way there and back take so long, to a clock that is ahead. */
static void ask(struct clock_difference *c, int64_t at, int64_t there, int64_t back, int64_t ahead)
{
	clock_on_answer(c, at, at + there + back, T0 + at + there + back, T0 + at + there + ahead);
}

static void test_bound(void)
{
	struct clock_difference c = { 0 };

	ask(&c, 0, 10 * MS, 10 * MS, 3 * S);
	CHECK(c.known);
	CHECK_EQ(c.ahead_ns, 3 * S);
	CHECK_EQ(c.error_ns, 10 * MS);
	c.known = false;
	ask(&c, 0, 20 * MS, 0, -3 * S); /* all of it on one way: the error is what was said */
	CHECK_EQ(c.ahead_ns, -3 * S + 10 * MS);
	CHECK_EQ(c.error_ns, 10 * MS);
}

/* The truth is inside the bound, however long the ways take. */
static void test_truth_is_inside(void)
{
	struct prng prng;

	prng_init(&prng, 1);
	for (int run = 0; run < 200; run++) {
		struct clock_difference c = { 0 };
		int64_t ahead = (int64_t)prng_between(&prng, 0, 20000) * MS - 10 * S, at = 0;

		for (int i = 0; i < 50; i++) {
			int64_t there = (int64_t)prng_between(&prng, 0, 50 * MS),
				back = (int64_t)prng_between(&prng, 0, 50 * MS), off;

			at += S;
			ask(&c, at, there, back, ahead);
			off = c.ahead_ns - ahead;
			CHECK((off < 0 ? -off : off) <= clock_error_ns(&c, at + there + back));
		}
	}
}

static void test_best_is_kept(void)
{
	struct clock_difference c = { 0 };

	ask(&c, 0, MS, MS, S);
	ask(&c, S, 40 * MS, 0, S);
	CHECK_EQ(c.error_ns, MS);
	CHECK_EQ(c.at_ns, 2 * MS);
	ask(&c, 2 * S, 0, MS, S);
	CHECK_EQ(c.error_ns, MS / 2);
	/* It ages: after a minute the other one is the more exact. */
	CHECK(clock_error_ns(&c, 62 * S) > 30 * MS);
	ask(&c, 62 * S, 20 * MS, 20 * MS, S);
	CHECK_EQ(c.error_ns, 20 * MS);
}

/* A clock that was set is seen at once, also by a less exact measurement. */
static void test_set_clock(void)
{
	struct clock_difference c = { 0 };

	ask(&c, 0, MS, MS, 0);
	ask(&c, S, 40 * MS, 0, 7 * S);
	CHECK(c.ahead_ns > 6 * S);
}

static void test_nonsense(void)
{
	struct clock_difference c = { 0 };

	clock_on_answer(&c, 5, 4, T0, T0); /* answered before it was asked */
	clock_on_answer(&c, 0, 61 * S, T0, T0);
	clock_on_answer(&c, 0, 4, T0, -1);
	clock_on_answer(&c, 0, 4, T0, INT64_MAX);
	clock_on_answer(&c, INT64_MIN + 1, 4, T0, T0);
	CHECK(!c.known);
}

int main(void)
{
	TEST(test_bound);
	TEST(test_truth_is_inside);
	TEST(test_best_is_kept);
	TEST(test_set_clock);
	TEST(test_nonsense);
	return test_end();
}
