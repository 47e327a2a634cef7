/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <stdlib.h>

#define SLICE_WORDS (MEMORY_SLICE_BYTES / sizeof(uint64_t))

static uint64_t word_of(size_t place, uint64_t pass)
{
	return (place + 1) * UINT64_C(0x9E3779B97F4A7C15) ^ pass * UINT64_C(0xD1B54A32D192ED03);
}

bool memory_init(struct memory *memory, size_t kb)
{
	memory->turn = 0;
	memory->nr_words = kb * 1024 / sizeof(uint64_t);
	memory->words = NULL;
	if (!memory->nr_words)
		return true;
	memory->words = malloc(memory->nr_words * sizeof(uint64_t));
	if (!memory->words)
		return false;
	for (size_t i = 0; i < memory->nr_words; i++)
		memory->words[i] = word_of(i, 0);
	return true;
}

void memory_deinit(struct memory *memory)
{
	free(memory->words);
	memory->words = NULL;
	memory->nr_words = 0;
}

bool memory_turn(struct memory *memory)
{
	size_t nr_slices = (memory->nr_words + SLICE_WORDS - 1) / SLICE_WORDS;
	bool whole = true;

	if (!nr_slices)
		return true;

	size_t begin = memory->turn % nr_slices * SLICE_WORDS;
	size_t end = begin + SLICE_WORDS;
	uint64_t pass = memory->turn / nr_slices;

	if (end > memory->nr_words)
		end = memory->nr_words;
	for (size_t i = begin; i < end; i++) {
		whole = whole && memory->words[i] == word_of(i, pass);
		memory->words[i] = word_of(i, pass + 1);
	}
	memory->turn++;
	return whole;
}
