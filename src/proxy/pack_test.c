/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>

#include "base/prng.h"
#include "base/test.h"
#include "proxy/pack.h"

#define MOST (256u * 1024)

static uint8_t data[MOST], copy[MOST], back[MOST + 1];
static struct pack *pack;

/* Words out of a few: shrinks, but not to nothing. */
static void fill_text(void)
{
	static const char *const word[] = { "the ",   "node ", "sends ", "a ",
					    "line, ", "and ",  "then\n", "waits " };
	struct prng prng;
	size_t at = 0;

	prng_init(&prng, 1);
	while (at < MOST) {
		const char *next = word[prng_next(&prng) % 8];

		while (*next && at < MOST)
			data[at++] = (uint8_t)*next++;
	}
}

static void test_there_and_back(void)
{
	for (int level = 1; level <= 2; level++) {
		for (uint32_t bytes = 400; bytes <= MOST; bytes *= 2) {
			uint8_t *packed;
			uint32_t n = pack_block(pack, level, data, bytes, &packed);

			CHECK(n && n < bytes);
			memset(back, 0xAA, sizeof(back));
			CHECK_EQ(pack_open(pack, packed, n, back, bytes), 0);
			CHECK(!memcmp(data, back, bytes) && back[bytes] == 0xAA);
		}
	}
}

static void test_thorough_is_smaller(void)
{
	uint8_t *packed;

	CHECK(pack_block(pack, 2, data, MOST, &packed) < pack_block(pack, 1, data, MOST, &packed));
}

static void test_noise_is_left_alone(void)
{
	struct prng prng;
	uint8_t *packed;

	prng_init(&prng, 2);
	for (size_t i = 0; i < MOST; i++)
		copy[i] = (uint8_t)prng_next(&prng);
	CHECK_EQ(pack_block(pack, 1, copy, MOST, &packed), 0);
	CHECK_EQ(pack_block(pack, 2, copy, MOST, &packed), 0);
	CHECK_EQ(pack_block(pack, 1, copy, 1, &packed), 0);
}

/*
 * Each single bit that is turned round is noticed, or it was one that does not matter: another place
 * where the same words stand. Nothing is written behind the room.
 */
static void test_every_bit(void)
{
	uint8_t *packed;
	uint32_t n = pack_block(pack, 1, data, 700, &packed), refused = 0;

	memcpy(copy, packed, n);
	for (uint32_t bit = 0; bit < n * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		back[700] = 0xAA;
		if (pack_open(pack, copy, n, back, 700))
			refused++;
		else
			CHECK(!memcmp(data, back, 700));
		CHECK_EQ(back[700], 0xAA);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK(refused > n * 8 * 9 / 10);
	CHECK_EQ(pack_open(pack, copy, n, back, 700), 0);
}

static void test_wrong_lengths(void)
{
	uint8_t *packed;
	uint32_t n = pack_block(pack, 1, data, 700, &packed);

	memcpy(copy, packed, n);
	for (uint32_t cut = 0; cut < n; cut++)
		CHECK_EQ(pack_open(pack, copy, cut, back, 700), -EBADMSG);
	CHECK_EQ(pack_open(pack, copy, n + 1, back, 700), -EBADMSG);
	CHECK_EQ(pack_open(pack, copy, n, back, 699), -EBADMSG);
	CHECK_EQ(pack_open(pack, copy, n, back, 701), -EBADMSG);
	CHECK_EQ(pack_open(pack, copy, n, back, 700), 0);
	CHECK_EQ(pack_block(pack, 1, data, MOST + 1, &packed), 0);
}

int main(void)
{
	pack = pack_new(MOST);
	if (!pack)
		return 1;
	fill_text();
	TEST(test_there_and_back);
	TEST(test_thorough_is_smaller);
	TEST(test_noise_is_left_alone);
	TEST(test_every_bit);
	TEST(test_wrong_lengths);
	pack = pack_free(pack);
	return test_end();
}
