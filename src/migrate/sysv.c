/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/sysv.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/socket.h"

/* Inode numbers of memory are small, and those of deleted files have another bit (memories.c). */
#define OF_SEGMENT (1ull << 62)

void sysv_clear(struct sysv *sysv)
{
	for (uint32_t i = 0; i < sysv->count; i++) {
		assert(!sysv->object[i].made);
		contents_free(&sysv->object[i].contents);
		os_close(sysv->object[i].fd);
	}
	sysv->count = sysv->sets = 0;
	if (sysv->space > 0)
		os_close(sysv->space);
	sysv->space = 0;
}

void sysv_free(struct sysv *sysv)
{
	sysv_clear(sysv);
	free(sysv->object);
	*sysv = (struct sysv){ 0 };
}

struct sysv_object *sysv_append(struct sysv *sysv, const struct image_sysv *image)
{
	if (sysv->count == sysv->capacity) {
		uint32_t capacity = sysv->capacity ? sysv->capacity * 2 : 8;
		struct sysv_object *bigger = realloc(sysv->object, capacity * sizeof(*bigger));

		if (!bigger)
			return NULL;
		sysv->object = bigger;
		sysv->capacity = capacity;
	}
	assert(sysv->count < sysv->capacity);
	struct sysv_object *object = &sysv->object[sysv->count++];

	*object = (struct sysv_object){ .image = *image, .fd = -1 };
	return object;
}

uint64_t sysv_memory_of(int32_t id)
{
	assert(id >= 0);
	return OF_SEGMENT | (uint64_t)id;
}

bool sysv_is_memory(uint64_t memory, int32_t *id)
{
	if ((memory & ~(uint64_t)INT32_MAX) != OF_SEGMENT)
		return false;
	*id = (int32_t)(memory & INT32_MAX);
	return true;
}

const struct sysv_object *sysv_segment(const struct sysv *sysv, uint64_t memory)
{
	int32_t id;

	for (uint32_t i = 0; sysv_is_memory(memory, &id) && i < sysv->count; i++)
		if (sysv->object[i].image.kind == OS_SYSV_MEMORY && sysv->object[i].image.id == id)
			return &sysv->object[i];
	return NULL;
}

const char *sysv_name(const struct image_sysv *image, char name[SYSV_NAME_BYTES])
{
	static const char *const kinds[OS_SYSV_KINDS] = { "shared memory", "semaphores",
							  "message queue" };

	assert(image->kind < OS_SYSV_KINDS);
	snprintf(name, SYSV_NAME_BYTES, "%s %d (System V, key %#x)", kinds[image->kind], image->id,
		 (unsigned)image->key);
	return name;
}
