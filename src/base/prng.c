/* SPDX-License-Identifier: Apache-2.0 */

/* The generator is splitmix64 (Steele, Lea, Flood 2014): a counter and a mixing function. */

#include "base/prng.h"

#include <assert.h>

void prng_init(struct prng *p, uint64_t seed)
{
	p->state = seed;
}

uint64_t prng_next(struct prng *p)
{
	uint64_t z;

	p->state += 0x9e3779b97f4a7c15ull;
	z = p->state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Numbers of the last, incomplete stretch of `limit` would favour small results: draw again. */
uint64_t prng_below(struct prng *p, uint64_t limit)
{
	uint64_t surplus, n;

	assert(limit > 0);
	surplus = -limit % limit; /* 2^64 mod limit */
	do {
		n = prng_next(p);
	} while (n < surplus);
	return n % limit;
}

uint64_t prng_between(struct prng *p, uint64_t least, uint64_t most)
{
	assert(least <= most);
	if (least == 0 && most == UINT64_MAX)
		return prng_next(p);
	return least + prng_below(p, most - least + 1);
}

bool prng_chance(struct prng *p, struct prng_ratio chance)
{
	assert(chance.in > 0);
	return prng_below(p, chance.in) < chance.of;
}
