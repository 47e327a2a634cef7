/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/object_records.h"

#include <assert.h>
#include <errno.h>

#include "migrate/descriptors_source.h"
#include "migrate/kind.h"

void object_records_send(const struct object_tables *tables, struct writer *writer)
{
	const struct image_objects told = {
		.magic = IMAGE_MAGIC,
		.version = IMAGE_VERSION,
		.file_count = tables->files->count,
		.memory_count = tables->memories->count,
		.description_count = tables->descriptors->description_count,
	};

	assert(tables->memories->count <= IMAGE_MEMORIES_MAX);
	assert(tables->files->count <= IMAGE_FILES_MAX);
	writer_put(writer, IMAGE_OBJECTS, &told, sizeof(told));
	for (uint32_t i = 0; i < tables->memories->count; i++)
		writer_put(writer, IMAGE_MEMORY, &tables->memories->memory[i],
			   sizeof(tables->memories->memory[i]));
	for (uint32_t i = 0; i < tables->files->count; i++) {
		const struct file *file = &tables->files->file[i];

		writer_put_two(writer, IMAGE_FILE, &file->image, sizeof(file->image), file->path,
			       file->image.path_length);
	}
	descriptors_send(tables->descriptors, !tables->is_offer, writer);
}

static int take_file(const struct object_tables *tables, const struct image_file *image,
		     uint32_t length)
{
	const struct image_memory *memory;

	if (!image_file_ok(image, length) || tables->files->count == IMAGE_FILES_MAX)
		return -EBADMSG;
	memory = image->memory ? memories_find(tables->memories, image->memory) : NULL;
	if (image->memory && (!memory || !image_file_has(image, memory)))
		return -EBADMSG;
	return files_add_record(tables->files, image);
}

static int take_memory(struct memories *memories, const struct image_memory *memory)
{
	if (!image_memory_ok(memory) || memories->count == IMAGE_MEMORIES_MAX)
		return -EBADMSG;
	return memories_append(memories, memory);
}

static int take_description(const struct object_tables *tables,
			    const struct image_description *image)
{
	struct descriptors *descriptors = tables->descriptors;
	uint32_t count = descriptors->description_count;

	if (!image_description_ok(image) || count == IMAGE_DESCRIPTIONS_MAX)
		return -EBADMSG;
	if (count && image->id <= descriptors->description[count - 1].image.id)
		return -EBADMSG;
	assert(kind_of(image->kind)); /* image_description_ok() knows as many kinds as the table */
	if (!kind_of(image->kind)->read(image, tables->files, descriptors, !tables->is_offer))
		return -EBADMSG;
	return descriptors_describe(descriptors, image) ? 0 : -ENOMEM;
}

static int take_contents(struct descriptors *descriptors, const struct image_contents *contents,
			 uint32_t length)
{
	struct description *last;

	if (!image_contents_ok(contents, length) || !descriptors->description_count)
		return -EBADMSG;
	last = &descriptors->description[descriptors->description_count - 1];
	if (last->image.id != contents->description)
		return -EBADMSG;
	return contents_append(&last->contents, contents + 1, contents->length);
}

int object_records_take(const struct object_tables *tables, const struct reader *reader,
			const void *payload)
{
	if (reader->type == IMAGE_FILE)
		return take_file(tables, payload, reader->length);
	if (reader->type == IMAGE_MEMORY)
		return take_memory(tables->memories, payload);
	if (reader->type == IMAGE_DESCRIPTION)
		return take_description(tables, payload);
	if (reader->type == IMAGE_CONTENTS && !tables->is_offer)
		return take_contents(tables->descriptors, payload, reader->length);
	return -EBADMSG;
}

int object_records_take_map(const struct object_tables *tables, struct maps *maps,
			    const struct image_map *map)
{
	if (!image_map_ok(map) || maps->count == IMAGE_MAPS_MAX)
		return -EBADMSG;
	if (maps->count && map->start < maps->map[maps->count - 1].end)
		return -EBADMSG;
	if (map->kind == IMAGE_MAP_FILE && !files_find(tables->files, map->object))
		return -EBADMSG;
	if (map->kind == IMAGE_MAP_SHARED_ANON && !memories_find(tables->memories, map->object))
		return -EBADMSG;
	return maps_append(maps, map);
}

bool object_records_are_complete(const struct object_tables *tables,
				 const struct image_objects *told)
{
	return tables->files->count == told->file_count &&
	       tables->memories->count == told->memory_count &&
	       tables->descriptors->description_count == told->description_count;
}
