/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_BITS_H
#define DVS_BASE_BITS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A set of small numbers as an array of 64-bit words: bit n is bit n % 64 of word n / 64. The
 * caller owns the array and knows its size; none of these is atomic.
 *
 *	uint64_t news[BITS_WORDS(256)] = { 0 };
 */
#define BITS_WORDS(count) (((count) + 63) / 64)

static inline void bits_set(uint64_t *bits, unsigned n)
{
	bits[n / 64] |= 1ull << n % 64;
}

static inline void bits_clear(uint64_t *bits, unsigned n)
{
	bits[n / 64] &= ~(1ull << n % 64);
}

static inline bool bits_test(const uint64_t *bits, unsigned n)
{
	return bits[n / 64] >> n % 64 & 1;
}

/* The smallest member that is at least `from` and below `count`; `count` if there is none. */
static inline unsigned bits_next(const uint64_t *bits, unsigned count, unsigned from)
{
	while (from < count) {
		uint64_t rest = bits[from / 64] >> from % 64;

		if (rest) {
			from += (unsigned)__builtin_ctzll(rest);
			return from < count ? from : count;
		}
		from = (from / 64 + 1) * 64;
	}
	return count;
}

/* How many of the numbers below `count` are members. */
static inline unsigned bits_count(const uint64_t *bits, unsigned count)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < count / 64; i++)
		sum += (unsigned)__builtin_popcountll(bits[i]);
	if (count % 64)
		sum += (unsigned)__builtin_popcountll(bits[count / 64] << (64 - count % 64));
	assert(sum <= count);
	return sum;
}

static inline bool bits_empty(const uint64_t *bits, unsigned count)
{
	return bits_next(bits, count, 0) == count;
}

/* For each member n of the first `count` numbers, in ascending order. */
#define BITS_FOR_EACH(n, bits, count)                                 \
	for (unsigned n = bits_next((bits), (count), 0); n < (count); \
	     n = bits_next((bits), (count), n + 1))

#endif
