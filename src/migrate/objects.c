/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/objects.h"

#include <errno.h>
#include <stdlib.h>

void objects_free(struct objects *objects)
{
	free(objects->object);
	*objects = (struct objects){ 0 };
}

static int by_identity(const void *a, const void *b)
{
	const struct object *one = a, *other = b;

	if (one->identity != other->identity)
		return one->identity < other->identity ? -1 : 1;
	return (one->first > other->first) - (one->first < other->first);
}

static void add(struct object *object, const struct object *other)
{
	object->flags |= other->flags;
	if (object->bytes < other->bytes)
		object->bytes = other->bytes;
	if (object->reach < other->reach)
		object->reach = other->reach;
}

static bool holds_memory(const struct image_file *file)
{
	return file->use & IMAGE_FILE_MEMORY && file->size && file->size <= IMAGE_ADDRESS_END;
}

static struct object of_file(const struct image_file *file, uint32_t index)
{
	uint64_t bytes = (file->size + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE;

	return (struct object){ .identity = file->inode,
				.bytes = bytes,
				.reach = bytes,
				.first = index,
				.is_file = true };
}

/* Sorted, the mappings of one object stand together, the lowest first. */
int objects_collect(struct objects *objects, const struct maps *maps, const struct files *files)
{
	uint32_t count = 0, kept = 0;

	objects_free(objects);
	objects->object = calloc((size_t)maps->count + files->count + 1, sizeof(*objects->object));
	if (!objects->object)
		return -ENOMEM;
	for (uint32_t i = 0; i < maps->count; i++) {
		const struct image_map *map = &maps->map[i];
		uint64_t reach = map->offset + (map->end - map->start);

		if (map->kind != IMAGE_MAP_SHARED_ANON)
			continue;
		uint64_t bytes = maps_memory(maps, map->object)->bytes;

		objects->object[count++] = (struct object){
			.identity = map->object,
			.bytes = bytes,
			.reach = reach > bytes ? reach : bytes,
			.first = i,
			.flags = map->flags,
		};
	}
	for (uint32_t i = 0; i < files->count; i++)
		if (holds_memory(&files->file[i].image))
			objects->object[count++] = of_file(&files->file[i].image, i);
	qsort(objects->object, count, sizeof(*objects->object), by_identity);
	for (uint32_t i = 0; i < count; i++) {
		if (kept && objects->object[kept - 1].identity == objects->object[i].identity)
			add(&objects->object[kept - 1], &objects->object[i]);
		else
			objects->object[kept++] = objects->object[i];
	}
	objects->count = kept;
	return 0;
}

struct object *objects_find(const struct objects *objects, uint64_t identity)
{
	uint32_t low = 0, high = objects->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (objects->object[middle].identity == identity)
			return &objects->object[middle];
		if (objects->object[middle].identity < identity)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
