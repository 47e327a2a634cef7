/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/objects.h"

#include <errno.h>

#include "base/test.h"

#define PAGE 0x1000ull

static struct maps maps;
static struct memories memories;
static struct files files;
static struct objects objects;

static void add_memory(uint64_t id, uint64_t pages)
{
	const struct image_memory memory = { id, pages * PAGE };

	CHECK_EQ(memories_append(&memories, &memory), 0);
}

static void add_map(uint32_t kind, uint64_t object, uint64_t first_page, uint64_t pages,
		    uint64_t offset_pages, uint32_t flags)
{
	const struct image_map map = { .start = first_page * PAGE,
				       .end = (first_page + pages) * PAGE,
				       .offset = offset_pages * PAGE,
				       .kind = kind,
				       .flags = flags,
				       .object = object };

	CHECK_EQ(maps_append(&maps, &map), 0);
}

static void add_file(uint32_t id, uint64_t memory)
{
	const struct {
		struct image_file file;
		char path[8];
	} record = { { .id = id, .path_length = 4, .memory = memory }, "/abc" };

	CHECK_EQ(files_add_record(&files, &record.file), 0);
}

static void tear_down(void)
{
	objects_free(&objects);
	maps_free(&maps);
	memories_free(&memories);
	files_free(&files);
	CHECK(!objects.object && !objects.count);
}

/*
 * By id, each once, found each, and nothing between them. One that is no file, and that nothing
 * maps, is not this process's.
 */
static void test_found(void)
{
	for (unsigned count = 0; count < 9; count++) {
		for (unsigned i = 0; i < count; i++) {
			add_memory(9 + 2 * i, 1);
			add_memory(10 + 2 * i, i + 1);
			add_map(IMAGE_MAP_SHARED_ANON, 10 + 2 * i, 100 + 20 * i, i + 1, 0, 0);
		}
		CHECK_EQ(objects_collect(&objects, &maps, &memories, &files), 0);
		CHECK_EQ(objects.count, count);
		for (unsigned i = 0; i < count; i++) {
			const struct object *object = objects_find(&objects, 10 + 2 * i);

			CHECK(object && object->id == 10 + 2 * i);
			CHECK(object && object->bytes == (i + 1) * PAGE);
			CHECK(object && object->reach == (i + 1) * PAGE);
			CHECK(object && object->is_mapped && !object->is_file);
		}
		for (unsigned i = 0; i <= count; i++)
			CHECK(!objects_find(&objects, 9 + 2 * i));
		tear_down();
	}
}

/* The lowest mapping, the furthest end, and all flags; other kinds have nothing to do with it. */
static void test_mapped(void)
{
	const struct object *object;

	add_memory(5, 4);
	add_memory(6, 4);
	add_map(IMAGE_MAP_ANON, 5, 1, 9, 40, IMAGE_MAP_EXEC);
	add_map(IMAGE_MAP_SHARED_ANON, 5, 20, 2, 0, IMAGE_MAP_READ);
	add_map(IMAGE_MAP_FILE, 5, 30, 9, 40, IMAGE_MAP_EXEC);
	add_map(IMAGE_MAP_SHARED_ANON, 6, 40, 1, 1, IMAGE_MAP_READ);
	add_map(IMAGE_MAP_SHARED_ANON, 5, 50, 4, 3, IMAGE_MAP_WRITE);
	add_map(IMAGE_MAP_SHARED_ANON, 5, 60, 1, 2, 0);
	CHECK_EQ(objects_collect(&objects, &maps, &memories, &files), 0);
	object = objects_find(&objects, 5);
	CHECK_OR_RETURN(object);
	CHECK(object->is_mapped && !object->is_file);
	CHECK_EQ(object->first, 1);
	CHECK_EQ(object->flags, IMAGE_MAP_READ | IMAGE_MAP_WRITE);
	CHECK_EQ(object->bytes, 4 * PAGE);
	CHECK_EQ(object->reach, 7 * PAGE); /* beyond its end */
	object = objects_find(&objects, 6);
	CHECK_OR_RETURN(object);
	CHECK_EQ(object->first, 3);
	CHECK_EQ(object->flags, IMAGE_MAP_READ);
	CHECK_EQ(object->reach, 4 * PAGE); /* a part is unmapped */
	tear_down();
}

/* An empty one has no memory. */
static void test_memory_file(void)
{
	const struct object *object;

	add_memory(5, 1);
	add_file(1, 0);
	add_file(2, 5);
	CHECK_EQ(objects_collect(&objects, &maps, &memories, &files), 0);
	CHECK_EQ(objects.count, 1);
	object = objects_find(&objects, 5);
	CHECK_OR_RETURN(object);
	CHECK(object->is_file && !object->is_mapped);
	CHECK_EQ(object->first, 1);
	CHECK_EQ(objects_collect(&objects, &maps, &memories, &files), 0); /* anew, not twice */
	CHECK_EQ(objects.count, 1);
	tear_down();
}

static void test_refused(void)
{
	add_memory(5, 1);
	add_file(1, 5);
	add_file(2, 5);
	CHECK_EQ(objects_collect(&objects, &maps, &memories, &files),
		 -EBADMSG); /* two files of one memory */
	tear_down();
	add_memory(5, 1);
	add_file(1, 5);
	add_map(IMAGE_MAP_SHARED_ANON, 5, 20, 1, 0, 0);
	CHECK_EQ(objects_collect(&objects, &maps, &memories, &files),
		 -EBADMSG); /* a file, and anonymous */
	tear_down();
}

int main(void)
{
	TEST(test_found);
	TEST(test_mapped);
	TEST(test_memory_file);
	TEST(test_refused);
	return test_end();
}
