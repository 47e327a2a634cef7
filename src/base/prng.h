/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_PRNG_H
#define DVS_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Pseudo-random numbers for simulations and tests: the same seed gives the same numbers on every
 * machine. Chances are ratios of integers, never floating point, so that no rounding can make two
 * runs differ. Not for anything secret. The state is one word and may be copied to fork a stream.
 */
struct prng {
	uint64_t state;
};

/* A chance of `of` in `in`; of <= in, in > 0. */
struct prng_ratio {
	uint32_t of;
	uint32_t in;
};

void prng_init(struct prng *p, uint64_t seed);

/* Any 64-bit number, each equally likely. */
uint64_t prng_next(struct prng *p);

/* A number from 0 to limit - 1, each equally likely; limit > 0. */
uint64_t prng_below(struct prng *p, uint64_t limit);

/* A number from least to most, both included; least <= most. */
uint64_t prng_between(struct prng *p, uint64_t least, uint64_t most);

/* True with the chance given; draws one number whatever the chance, so streams stay in step. */
bool prng_chance(struct prng *p, struct prng_ratio chance);

#endif
