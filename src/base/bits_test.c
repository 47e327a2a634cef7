/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bits.h"
#include "base/test.h"

static void test_set_clear_every_bit(void)
{
	uint64_t bits[BITS_WORDS(130)] = { 0 };

	CHECK_EQ(BITS_WORDS(130), 3);
	CHECK(bits_empty(bits, 130));
	for (unsigned n = 0; n < 130; n++) {
		bits_set(bits, n);
		CHECK(bits_test(bits, n));
		CHECK_EQ(bits_count(bits, 130), 1);
		CHECK_EQ(bits_next(bits, 130, 0), n);
		CHECK(!bits_empty(bits, 130));
		bits_clear(bits, n);
		CHECK(!bits_test(bits, n));
	}
	CHECK(bits_empty(bits, 130));
}

static void test_next_stops_at_count(void)
{
	uint64_t bits[2] = { 0, 1ull << 10 }; /* only 74 */

	CHECK_EQ(bits_next(bits, 128, 0), 74);
	CHECK_EQ(bits_next(bits, 128, 75), 128);
	CHECK_EQ(bits_next(bits, 74, 0), 74);
	CHECK_EQ(bits_next(bits, 70, 0), 70);
	CHECK_EQ(bits_count(bits, 74), 0);
	CHECK_EQ(bits_count(bits, 75), 1);
}

static void test_walk(void)
{
	static const unsigned members[] = { 0, 1, 63, 64, 127, 128, 255 };
	uint64_t bits[BITS_WORDS(256)] = { 0 };
	unsigned i = 0;

	for (unsigned n = 0; n < 7; n++)
		bits_set(bits, members[n]);
	BITS_FOR_EACH(n, bits, 256)
	{
		CHECK_OR_RETURN(i < 7);
		CHECK_EQ(n, members[i]);
		i++;
	}
	CHECK_EQ(i, 7);
	CHECK_EQ(bits_count(bits, 256), 7);
}

int main(void)
{
	TEST(test_set_clear_every_bit);
	TEST(test_next_stops_at_count);
	TEST(test_walk);
	return test_end();
}
