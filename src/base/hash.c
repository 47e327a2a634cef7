/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

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
	const unsigned char *at = data;
	uint64_t hash = hash_word(seed, len_bytes);
	uint64_t word;

	assert(data || !len_bytes);
	for (; len_bytes >= sizeof(word); at += sizeof(word), len_bytes -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = hash_word(hash, word);
	}
	if (len_bytes) {
		word = 0;
		memcpy(&word, at, len_bytes);
		hash = hash_word(hash, word);
	}
	return hash_word(hash, HASH_SEED);
}
