/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/objects.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "migrate/sysv.h"

void objects_free(struct objects *objects)
{
	free(objects->object);
	*objects = (struct objects){ 0 };
}

static void add_map(struct object *object, const struct image_map *map, uint32_t index)
{
	uint64_t reach = map->offset + (map->end - map->start);

	if (!object->is_mapped)
		object->first = index;
	object->is_mapped = true;
	object->flags |= map->flags;
	if (object->reach < reach)
		object->reach = reach;
}

/* Those that are another process's. */
static void forget_others(struct objects *objects, bool all_sysv)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < objects->count; i++)
		if (objects->object[i].is_file || objects->object[i].is_mapped ||
		    (all_sysv && objects->object[i].is_sysv))
			objects->object[kept++] = objects->object[i];
	objects->count = kept;
}

/* One object for each memory, by id as they are. */
int objects_collect(struct objects *objects, const struct maps *maps,
		    const struct memories *memories, const struct files *files)
{
	int32_t segment;

	objects_free(objects);
	objects->object = calloc((size_t)memories->count + 1, sizeof(*objects->object));
	if (!objects->object)
		return -ENOMEM;
	for (uint32_t i = 0; i < memories->count; i++) {
		const struct image_memory *memory = &memories->memory[i];

		assert(i == 0 || memories->memory[i - 1].id < memory->id);
		objects->object[objects->count++] = (struct object){
			.id = memory->id,
			.bytes = memory->bytes,
			.reach = memory->bytes,
			.is_sysv = sysv_is_memory(memory->id, &segment),
		};
	}
	for (uint32_t i = 0; i < maps->count; i++) {
		if (maps->map[i].kind != IMAGE_MAP_SHARED_ANON)
			continue;
		struct object *object = objects_find(objects, maps->map[i].object);

		assert(object); /* which was found when the mapping was taken */
		add_map(object, &maps->map[i], i);
	}
	for (uint32_t i = 0; files && i < files->count; i++) {
		if (!files->file[i].image.memory)
			continue;
		struct object *object = objects_find(objects, files->file[i].image.memory);

		assert(object);
		if (object->is_file || object->is_mapped || object->is_sysv)
			return -EBADMSG;
		object->is_file = true;
		object->first = i;
	}
	forget_others(objects, files != NULL);
	return 0;
}

void objects_leave(struct objects *objects, const struct maps *earlier)
{
	for (uint32_t i = 0; i < earlier->count; i++) {
		struct object *object = earlier->map[i].kind == IMAGE_MAP_SHARED_ANON
						? objects_find(objects, earlier->map[i].object)
						: NULL;

		if (object && !object->is_sysv)
			object->is_mapped = false;
	}
	forget_others(objects, true);
}

void objects_leave_sysv(struct objects *objects)
{
	for (uint32_t i = 0; i < objects->count; i++)
		if (objects->object[i].is_sysv)
			objects->object[i].is_mapped = false;
	forget_others(objects, false);
}

struct object *objects_find(const struct objects *objects, uint64_t id)
{
	uint32_t low = 0, high = objects->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (objects->object[middle].id == id)
			return &objects->object[middle];
		if (objects->object[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
