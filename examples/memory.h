/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Memory that knows its contents: words derived from their place and from how often they have
 * been rewritten. Each turn checks one slice and writes it anew, so that a page that was damaged,
 * swapped with another, or is an old copy of itself is found when its turn comes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_SLICE_BYTES 16384

struct memory {
	uint64_t *words; /* owned; NULL if empty */
	size_t nr_words;
	uint64_t turn;
};

/* Allocates and writes kb KiB. False if there is not that much. */
bool memory_init(struct memory *memory, size_t kb);
void memory_deinit(struct memory *memory);

/* Checks the next slice, rewrites it. False if it was not as written; afterwards it is. */
bool memory_turn(struct memory *memory);
