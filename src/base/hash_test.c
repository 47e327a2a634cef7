/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/hash.h"
#include "base/test.h"

static unsigned char page[4096];

static void fill(void)
{
	for (unsigned i = 0; i < sizeof(page); i++)
		page[i] = (unsigned char)(i * 7 + i / 251);
}

static void test_same_bytes_same_hash(void)
{
	unsigned char copy[sizeof(page) + 1];

	fill();
	memcpy(copy + 1, page, sizeof(page));
	CHECK_EQ(hash_bytes(HASH_SEED, page, sizeof(page)),
		 hash_bytes(HASH_SEED, copy + 1, sizeof(page)));
}

static void test_every_flipped_bit_shows(void)
{
	uint64_t whole;

	fill();
	whole = hash_bytes(HASH_SEED, page, sizeof(page));
	for (unsigned bit = 0; bit < 8 * sizeof(page); bit++) {
		page[bit / 8] ^= 1 << bit % 8;
		CHECK(hash_bytes(HASH_SEED, page, sizeof(page)) != whole);
		page[bit / 8] ^= 1 << bit % 8;
	}
}

static void test_length_counts(void)
{
	memset(page, 0, sizeof(page));
	for (unsigned len = 0; len < 64; len++) {
		for (unsigned other = 0; other < len; other++)
			CHECK(hash_bytes(1, page, len) != hash_bytes(1, page, other));
	}
}

static void test_swapped_words_show(void)
{
	uint64_t whole, word[2];

	fill();
	whole = hash_bytes(HASH_SEED, page, sizeof(page));
	for (unsigned i = 0; i + 16 <= sizeof(page); i += 16) {
		memcpy(word, page + i, 16);
		memcpy(page + i, &word[1], 8);
		memcpy(page + i + 8, &word[0], 8);
		CHECK(hash_bytes(HASH_SEED, page, sizeof(page)) != whole);
		memcpy(page + i, word, 16);
	}
}

/* Images and frames carry it to other machines: XXH3 as its authors publish it. */
static void test_values_are_the_published_ones(void)
{
	CHECK_EQ(hash_bytes(0, "", 0), 0x2d06800538d394c2);
	CHECK(hash_bytes(0, NULL, 0) == hash_bytes(0, "", 0));
}

static void test_seed_counts(void)
{
	CHECK(hash_bytes(1, "abc", 3) != hash_bytes(2, "abc", 3));
	CHECK(hash_word(1, 2) != hash_word(2, 1));
}

int main(void)
{
	TEST(test_same_bytes_same_hash);
	TEST(test_every_flipped_bit_shows);
	TEST(test_length_counts);
	TEST(test_swapped_words_show);
	TEST(test_values_are_the_published_ones);
	TEST(test_seed_counts);
	return test_end();
}
