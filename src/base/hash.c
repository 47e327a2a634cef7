/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

/* As a part of this file, so that the pure floors and the programs that link libdvk need no library for it. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash.h"

#define HASH_MULTIPLIER 0xd6e8feb86659fd93ull

/* Both halves of the 128-bit product: every input bit reaches every output bit. */
uint64_t hash_word(uint64_t hash, uint64_t word)
{
	unsigned __int128 product;

	product = (unsigned __int128)(hash ^ word ^ HASH_SEED) * HASH_MULTIPLIER;
	return ((uint64_t)product ^ (uint64_t)(product >> 64)) + (hash << 1 | hash >> 63);
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t len_bytes)
{
	assert(data || !len_bytes);
	return XXH3_64bits_withSeed(data, len_bytes, seed);
}
