/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/object_records.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/descriptors_source.h"
#include "migrate/kind.h"
#include "migrate/sysv_undo.h"

static void send_contents(const struct contents *contents, struct writer *writer)
{
	uint32_t at = 0, length;
	const uint8_t *piece;

	while ((piece = contents_next(contents, &at, &length))) {
		const struct image_contents head = { .length = length };

		writer_put_two(writer, IMAGE_CONTENTS, &head, sizeof(head), piece, length);
	}
}

void object_records_send(const struct tables *tables, bool is_offer, struct writer *writer)
{
	const struct image_objects told = {
		.magic = IMAGE_MAGIC,
		.version = IMAGE_VERSION,
		.file_count = tables->files.count,
		.memory_count = tables->memories.count,
		.description_count = tables->descriptions.count,
		.member_count = (uint16_t)tables->members.count,
	};

	assert(tables->memories.count <= IMAGE_MEMORIES_MAX);
	assert(tables->files.count <= IMAGE_FILES_MAX);
	writer_put(writer, IMAGE_OBJECTS, &told, sizeof(told));
	for (uint32_t i = 0; i < tables->members.count; i++)
		writer_put(writer, IMAGE_MEMBER, &tables->members.member[i],
			   sizeof(tables->members.member[i]));
	for (uint32_t i = 0; i < tables->memories.count; i++)
		writer_put(writer, IMAGE_MEMORY, &tables->memories.memory[i],
			   sizeof(tables->memories.memory[i]));
	for (uint32_t i = 0; i < tables->files.count; i++) {
		const struct file *file = &tables->files.file[i];

		writer_put_two(writer, IMAGE_FILE, &file->image, sizeof(file->image), file->path,
			       file->image.path_length);
	}
	for (uint32_t i = 0; i < tables->sysv.count; i++) {
		writer_put(writer, IMAGE_SYSV, &tables->sysv.object[i].image,
			   sizeof(struct image_sysv));
		if (!is_offer)
			send_contents(&tables->sysv.object[i].contents, writer);
	}
	descriptors_send_descriptions(&tables->descriptions, !is_offer, writer);
}

static int take_file(struct tables *tables, const struct image_file *image, uint32_t length)
{
	const struct image_memory *memory;

	if (!image_file_ok(image, length) || tables->files.count == IMAGE_FILES_MAX)
		return -EBADMSG;
	memory = image->memory ? memories_find(&tables->memories, image->memory) : NULL;
	if (image->memory && (!memory || !image_file_has(image, memory)))
		return -EBADMSG;
	return files_add_record(&tables->files, image);
}

static int take_memory(struct memories *memories, const struct image_memory *memory)
{
	if (!image_memory_ok(memory) || memories->count == IMAGE_MEMORIES_MAX)
		return -EBADMSG;
	return memories_append(memories, memory);
}

static int take_description(struct tables *tables, bool is_offer,
			    const struct image_description *image)
{
	struct descriptions *descriptions = &tables->descriptions;
	uint32_t count = descriptions->count;

	if (!image_description_ok(image) || count == IMAGE_DESCRIPTIONS_MAX)
		return -EBADMSG;
	if (count && image->id <= descriptions->description[count - 1].image.id)
		return -EBADMSG;
	const struct kind *kind = kind_of(image->kind);

	assert(kind); /* image_description_ok() knows as many kinds as the table */
	if (!kind->read(image, &tables->files, descriptions, !is_offer))
		return -EBADMSG;
	return descriptions_add(descriptions, image, kind) ? 0 : -ENOMEM;
}

static int take_sysv(struct tables *tables, const struct image_sysv *image)
{
	const struct sysv *sysv = &tables->sysv;
	const struct image_sysv *last = sysv->count ? &sysv->object[sysv->count - 1].image : NULL;

	if (!image_sysv_ok(image) || sysv->count == IMAGE_SYSV_MAX)
		return -EBADMSG;
	if (last &&
	    (image->kind < last->kind || (image->kind == last->kind && image->id <= last->id)))
		return -EBADMSG;
	if (image->kind == OS_SYSV_MEMORY) {
		const struct image_memory *memory = memories_find(&tables->memories, image->memory);

		if (image->memory != sysv_memory_of(image->id) || !memory ||
		    memory->bytes != memories_whole_pages(image->bytes))
			return -EBADMSG;
	}
	return sysv_append(&tables->sysv, image) ? 0 : -ENOMEM;
}

/* All values at once, then the adjustments; messages have a head. */
static int take_sysv_contents(struct sysv *sysv, const struct image_contents *contents)
{
	struct sysv_object *last = sysv->count ? &sysv->object[sysv->count - 1] : NULL;
	const struct image_message *message = (const void *)(contents + 1);

	if (!last || last->image.kind == OS_SYSV_MEMORY)
		return -EBADMSG;
	if (last->image.kind == OS_SYSV_SEMAPHORES && !last->contents.length &&
	    contents->length != last->image.count * 2)
		return -EBADMSG;
	if (last->image.kind == OS_SYSV_SEMAPHORES && last->contents.length &&
	    !sysv_undo_ok(&last->image, message, contents->length))
		return -EBADMSG;
	if (last->image.kind == OS_SYSV_QUEUE &&
	    (contents->length < sizeof(*message) || message->type <= 0))
		return -EBADMSG;
	return contents_append(&last->contents, message, contents->length);
}

static int take_contents(struct tables *tables, const struct image_contents *contents,
			 uint32_t length)
{
	struct descriptions *descriptions = &tables->descriptions;
	struct description *last;

	if (!image_contents_ok(contents, length))
		return -EBADMSG;
	if (!contents->description)
		return take_sysv_contents(&tables->sysv, contents);
	if (!descriptions->count)
		return -EBADMSG;
	last = &descriptions->description[descriptions->count - 1];
	if (last->image.id != contents->description)
		return -EBADMSG;
	return contents_append(&last->contents, contents + 1, contents->length);
}

int object_records_take(struct tables *tables, bool is_offer, const struct reader *reader,
			const void *payload)
{
	if (reader->type == IMAGE_MEMBER)
		return image_member_ok(payload) ? members_append(&tables->members, payload)
						: -EBADMSG;
	if (reader->type == IMAGE_FILE)
		return take_file(tables, payload, reader->length);
	if (reader->type == IMAGE_MEMORY)
		return take_memory(&tables->memories, payload);
	if (reader->type == IMAGE_DESCRIPTION)
		return take_description(tables, is_offer, payload);
	if (reader->type == IMAGE_CONTENTS && !is_offer)
		return take_contents(tables, payload, reader->length);
	if (reader->type == IMAGE_SYSV)
		return take_sysv(tables, payload);
	return -EBADMSG;
}

int object_records_take_map(const struct tables *tables, struct maps *maps,
			    const struct image_map *map)
{
	if (!image_map_ok(map) || maps->count == IMAGE_MAPS_MAX)
		return -EBADMSG;
	if (maps->count && map->start < maps->map[maps->count - 1].end)
		return -EBADMSG;
	if (map->kind == IMAGE_MAP_FILE && !files_find(&tables->files, map->object))
		return -EBADMSG;
	if (map->kind == IMAGE_MAP_SHARED_ANON && !memories_find(&tables->memories, map->object))
		return -EBADMSG;
	return maps_append(maps, map);
}

bool object_records_are_complete(const struct tables *tables, const struct image_objects *told)
{
	return tables->members.count == told->member_count && tables->members.count &&
	       !members_misplaced(&tables->members) && tables->files.count == told->file_count &&
	       tables->memories.count == told->memory_count &&
	       tables->descriptions.count == told->description_count;
}

static int refuse_damaged(bool is_offer, const char *what, struct refusal *refusal)
{
	return is_offer ? refusal_set(refusal, EDVSIO, "the source's offer is damaged: %s", what)
			: refusal_set(refusal, EDVSIO, "the image is damaged: %s", what);
}

int object_records_read(struct tables *tables, bool is_offer, struct reader *reader,
			enum image_type next, const void **payload, struct refusal *refusal)
{
	assert(!tables->members.count && !tables->files.count);
	struct image_objects told;
	int r = reader_next(reader, payload, refusal);

	if (r)
		return r;
	if (reader->type != IMAGE_OBJECTS || !image_objects_ok(*payload))
		return refuse_damaged(is_offer, "it does not begin with its objects", refusal);
	memcpy(&told, *payload, sizeof(told));
	for (;;) {
		r = reader_next(reader, payload, refusal);
		if (r)
			return r;
		if (reader->type == next)
			break;
		if (object_records_take(tables, is_offer, reader, *payload) < 0)
			return refuse_damaged(is_offer, "an object makes no sense", refusal);
	}
	if (!object_records_are_complete(tables, &told))
		return refuse_damaged(is_offer, "its objects are not complete", refusal);
	return 0;
}
