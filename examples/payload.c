/* SPDX-License-Identifier: Apache-2.0 */
#include "payload.h"

#include <string.h>

#define CHANGE 0x5A

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= UINT64_C(0x7FB5D329728EA185);
	x ^= x >> 27;
	x *= UINT64_C(0x81DADEF4BC2DD44D);
	return x ^ x >> 33;
}

static unsigned char byte_of(uint64_t seed, size_t i)
{
	return (unsigned char)(mix(seed + i / 8) >> i % 8 * 8);
}

void payload_fill(unsigned char *bytes, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_of(seed, i);
}

void payload_change(unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] ^= CHANGE;
}

uint64_t payload_checksum(const unsigned char *bytes, size_t size)
{
	uint64_t sum = mix(size + 1);

	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		uint64_t word = 0;

		memcpy(&word, bytes + i, size - i < sizeof(word) ? size - i : sizeof(word));
		sum = mix(sum ^ word);
	}
	return sum;
}

bool payload_is_changed(const unsigned char *bytes, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != (byte_of(seed, i) ^ CHANGE))
			return false;
	}
	return true;
}
