/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_HASH_H
#define DVS_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * A 64-bit checksum that finds accidents: lost, torn or swapped bytes. It is no defence against
 * somebody who wants two inputs to agree. It is XXH3 of libxxhash, whose values are the same on every
 * run and on every machine: a page costs about as much as copying it. It covers the length: hashing two
 * halves with the first one's hash as the seed of the second is not the same as hashing the whole.
 */
#define HASH_SEED 0x9e3779b97f4a7c15ull

uint64_t hash_bytes(uint64_t seed, const void *data, size_t len_bytes);

/* Folds one number into a hash; for keys made of several numbers. */
uint64_t hash_word(uint64_t hash, uint64_t word);

#endif
