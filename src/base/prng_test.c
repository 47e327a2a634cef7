/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prng.h"
#include "base/test.h"

/* The published first outputs of splitmix64 for the seed 1234567. */
static void test_reference_values(void)
{
	struct prng p;

	prng_init(&p, 1234567);
	CHECK_EQ(prng_next(&p), 6457827717110365317ull);
	CHECK_EQ(prng_next(&p), 3203168211198807973ull);
	CHECK_EQ(prng_next(&p), 9817491932198370423ull);
}

static void test_same_seed_same_run(void)
{
	struct prng a, b;

	prng_init(&a, 7);
	prng_init(&b, 7);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(prng_between(&a, 3, 900), prng_between(&b, 3, 900));
}

static void test_below_reaches_everything(void)
{
	unsigned count[6] = { 0 };
	struct prng p;

	prng_init(&p, 1);
	for (int i = 0; i < 60000; i++) {
		uint64_t n = prng_below(&p, 6);

		CHECK_OR_RETURN(n < 6);
		count[n]++;
	}
	for (int i = 0; i < 6; i++)
		CHECK(count[i] > 9500 && count[i] < 10500);
}

static void test_between_includes_both_ends(void)
{
	bool least = false, most = false;
	struct prng p;

	prng_init(&p, 2);
	for (int i = 0; i < 1000; i++) {
		uint64_t n = prng_between(&p, 10, 12);

		CHECK(n >= 10 && n <= 12);
		least |= n == 10;
		most |= n == 12;
	}
	CHECK(least && most);
	CHECK_EQ(prng_between(&p, 5, 5), 5);
	prng_between(&p, 0, UINT64_MAX);
}

static void test_chances(void)
{
	unsigned hits = 0;
	struct prng p;

	prng_init(&p, 3);
	for (int i = 0; i < 30000; i++) {
		CHECK(!prng_chance(&p, (struct prng_ratio){ 0, 1 }));
		CHECK(prng_chance(&p, (struct prng_ratio){ 1, 1 }));
		hits += prng_chance(&p, (struct prng_ratio){ 1, 3 });
	}
	CHECK(hits > 9500 && hits < 10500);
}

int main(void)
{
	TEST(test_reference_values);
	TEST(test_same_seed_same_run);
	TEST(test_below_reaches_everything);
	TEST(test_between_includes_both_ends);
	TEST(test_chances);
	return test_end();
}
