/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/memories.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "migrate/files.h"

void memories_clear(struct memories *memories)
{
	memories->count = 0;
}

void memories_free(struct memories *memories)
{
	free(memories->memory);
	*memories = (struct memories){ 0 };
}

uint64_t memories_whole_pages(uint64_t bytes)
{
	return (bytes + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE;
}

int memories_note(struct memories *memories, const struct image_memory *memory)
{
	if (memories->count == memories->capacity) {
		uint32_t capacity = memories->capacity ? memories->capacity * 2 : 16;
		struct image_memory *bigger = realloc(memories->memory, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		memories->memory = bigger;
		memories->capacity = capacity;
	}
	assert(memory->bytes % IMAGE_PAGE == 0);
	assert(memories->count < memories->capacity);
	memories->memory[memories->count++] = *memory;
	return 0;
}

int memories_append(struct memories *memories, const struct image_memory *memory)
{
	if (memories->count && memory->id <= memories->memory[memories->count - 1].id)
		return -EBADMSG;
	return memories_note(memories, memory);
}

static int by_id(const void *a, const void *b)
{
	const struct image_memory *one = a, *other = b;

	return (one->id > other->id) - (one->id < other->id);
}

const struct image_memory *memories_find(const struct memories *memories, uint64_t id)
{
	const struct image_memory wanted = { .id = id };

	return memories->count
		       ? bsearch(&wanted, memories->memory, memories->count, sizeof(wanted), by_id)
		       : NULL;
}

void memories_sort(struct memories *memories)
{
	uint32_t kept = 0;

	if (memories->count)
		qsort(memories->memory, memories->count, sizeof(memories->memory[0]), by_id);
	for (uint32_t i = 0; i < memories->count; i++) {
		struct image_memory *last = kept ? &memories->memory[kept - 1] : NULL;

		if (!last || last->id != memories->memory[i].id)
			memories->memory[kept++] = memories->memory[i];
		else if (last->bytes < memories->memory[i].bytes)
			last->bytes = memories->memory[i].bytes;
	}
	assert(kept <= memories->count);
	memories->count = kept;
}

int memories_add_files(struct memories *memories, struct files *files)
{
	for (uint32_t i = 0; i < files->count; i++) {
		struct image_file *file = &files->file[i].image;
		/* Inode numbers are different within a file system; those of memory are small. */
		struct image_memory memory = { file->use & IMAGE_FILE_DELETED
						       ? 1ull << 63 | file->id
						       : file->inode,
					       memories_whole_pages(file->size) };

		if (!(file->use & IMAGE_FILE_MEMORY))
			continue;
		file->memory = file->size ? memory.id : 0;
		if (file->memory && memories_note(memories, &memory) < 0)
			return -ENOMEM;
	}
	memories_sort(memories);
	return 0;
}
