/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_MEMORIES_H
#define DVS_MIGRATE_MEMORIES_H

#include <stdint.h>

#include "wire/image.h"

/*
 * The shared anonymous memory, and the contents of the memory files, of all processes that move: each once, by
 * id. Mappings and memory files refer to it.
 */
struct files;

struct memories {
	struct image_memory *memory; /* owned; by id, once they are sorted */
	uint32_t count, capacity;
};

void memories_free(struct memories *memories);
void memories_clear(struct memories *memories);

/* Source: memory that was found, in any order any number of times. The caller sorts them. 0 or -ENOMEM. */
int memories_note(struct memories *memories, const struct image_memory *memory);

/* Each of them once, by id. A process may make one larger while it is looked at: the largest size counts. */
void memories_sort(struct memories *memories);

/* Source, after all files are known: the contents of the memory files are memory, too. Sorts. 0 or -ENOMEM. */
int memories_add_files(struct memories *memories, struct files *files);

/* Target: memory after the others, whose ids are lower. 0, -ENOMEM, or -EBADMSG: they are not. */
int memories_append(struct memories *memories, const struct image_memory *memory);

/* The memory with this id, or NULL. */
const struct image_memory *memories_find(const struct memories *memories, uint64_t id);

/* How much memory holds so many bytes. */
uint64_t memories_whole_pages(uint64_t bytes);

#endif
