/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/object_records.h"
#include "migrate/over_test.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/test.h"

#define PAGE 0x1000ull

/* The objects of one side. */
struct side {
	struct tables tables;
	struct maps maps;
	bool is_offer;
};

struct file_record {
	struct image_file file;
	char path[8];
};

struct contents_record {
	struct image_contents head;
	char bytes[8];
};

static void begin(struct side *side, bool is_offer)
{
	memset(side, 0, sizeof(*side));
	side->is_offer = is_offer;
}

static void end(struct side *side)
{
	tables_free(&side->tables);
	maps_free(&side->maps);
}

static int take(struct side *side, enum image_type type, const void *payload, size_t length)
{
	const struct reader reader = { .type = type, .length = (uint32_t)length };

	return object_records_take(&side->tables, side->is_offer, &reader, payload);
}

static int take_memory(struct side *side, uint64_t id, uint64_t bytes)
{
	const struct image_memory memory = { id, bytes };

	return take(side, IMAGE_MEMORY, &memory, sizeof(memory));
}

static int take_file(struct side *side, struct image_file file, const char *path)
{
	struct file_record record = { .file = file };

	record.file.path_length = (uint32_t)strlen(path);
	memcpy(record.path, path, strlen(path));
	return take(side, IMAGE_FILE, &record, sizeof(file) + strlen(path));
}

/* Of a file, whose body ends with the file's id. */
static int take_description(struct side *side, uint32_t id, uint32_t kind, uint32_t file)
{
	struct image_description description = { .id = id, .kind = kind };

	memcpy(description.body + sizeof(int64_t), &file, sizeof(file));
	return take(side, IMAGE_DESCRIPTION, &description, sizeof(description));
}

static int take_contents(struct side *side, uint32_t description, uint32_t length)
{
	const struct contents_record record = { { description, length }, "abcdefg" };

	return take(side, IMAGE_CONTENTS, &record, sizeof(record.head) + length);
}

static int take_map(struct side *side, uint32_t kind, uint64_t object, uint64_t first_page,
		    uint64_t pages)
{
	const struct image_map map = { .start = first_page * PAGE,
				       .end = (first_page + pages) * PAGE,
				       .kind = kind,
				       .object = object };

	return object_records_take_map(&side->tables, &side->maps, &map);
}

static void fill(struct side *side)
{
	const struct image_file of_memory = {
		.id = 9, .use = IMAGE_FILE_MEMORY, .size = PAGE + 1, .memory = 71
	};

	CHECK_EQ(take_memory(side, 70, PAGE), 0);
	CHECK_EQ(take_memory(side, 71, 2 * PAGE), 0);
	CHECK_EQ(take_file(side, (struct image_file){ .id = 8 }, "/etc"), 0);
	CHECK_EQ(take_file(side, of_memory, "/m"), 0);
	CHECK_EQ(take_description(side, 4, IMAGE_DESCRIPTION_FILE, 8), 0);
}

static void test_memory(void)
{
	struct side side;

	begin(&side, false);
	CHECK_EQ(take_memory(&side, 0, PAGE), -EBADMSG);
	CHECK_EQ(take_memory(&side, 5, PAGE + 1), -EBADMSG);
	CHECK_EQ(take_memory(&side, 5, PAGE), 0);
	CHECK_EQ(take_memory(&side, 5, PAGE), -EBADMSG);
	CHECK_EQ(take_memory(&side, 4, PAGE), -EBADMSG); /* ids ascend */
	CHECK_EQ(side.tables.memories.count, 1);
	side.tables.memories.count = IMAGE_MEMORIES_MAX;
	CHECK_EQ(take_memory(&side, UINT32_MAX, PAGE), -EBADMSG);
	side.tables.memories.count = 1;
	end(&side);
}

static void test_files(void)
{
	struct image_file of_memory = {
		.id = 9, .use = IMAGE_FILE_MEMORY, .size = PAGE + 1, .memory = 71
	};
	struct side side;

	begin(&side, false);
	CHECK_EQ(take_file(&side, (struct image_file){ .id = 8 }, "etc"), -EBADMSG);
	CHECK_EQ(take_file(&side, (struct image_file){ .id = 8 }, "/etc"), 0);
	CHECK(!strcmp(side.tables.files.file[0].path, "/etc"));
	CHECK_EQ(take_file(&side, (struct image_file){ .id = 8 }, "/usr"), -EBADMSG);
	CHECK_EQ(take_file(&side, of_memory, "/m"), -EBADMSG); /* there is no such memory */
	CHECK_EQ(take_memory(&side, 70, 2 * PAGE), 0);
	CHECK_EQ(take_memory(&side, 71, 3 * PAGE), 0);
	CHECK_EQ(take_file(&side, of_memory, "/m"), -EBADMSG); /* a page too large */
	of_memory.memory = 70;
	CHECK_EQ(take_file(&side, of_memory, "/m"), 0);
	CHECK_EQ(side.tables.files.count, 2);
	side.tables.files.count = IMAGE_FILES_MAX;
	CHECK_EQ(take_file(&side, (struct image_file){ .id = 99 }, "/usr"), -EBADMSG);
	side.tables.files.count = 2;
	end(&side);
}

static void test_descriptions(void)
{
	struct side side;

	begin(&side, false);
	CHECK_EQ(take_file(&side, (struct image_file){ .id = 8 }, "/etc"), 0);
	CHECK_EQ(take_description(&side, 0, IMAGE_DESCRIPTION_FILE, 8), -EBADMSG);
	CHECK_EQ(take_description(&side, 4, IMAGE_DESCRIPTION_KINDS, 8), -EBADMSG);
	CHECK_EQ(take_description(&side, 4, IMAGE_DESCRIPTION_FILE, 7),
		 -EBADMSG); /* no such file */
	CHECK_EQ(take_description(&side, 4, IMAGE_DESCRIPTION_FILE, 8), 0);
	CHECK_EQ(take_description(&side, 4, IMAGE_DESCRIPTION_FILE, 8), -EBADMSG);
	CHECK_EQ(take_description(&side, 3, IMAGE_DESCRIPTION_FILE, 8), -EBADMSG);
	CHECK_EQ(take_description(&side, 5, IMAGE_DESCRIPTION_FILE, 8), 0);
	CHECK_EQ(side.tables.descriptions.count, 2);
	end(&side);
}

/* They follow their description at once; an offer has none. */
static void test_contents(void)
{
	struct side side;
	uint32_t at = 0, length = 0;
	const uint8_t *piece;

	begin(&side, false);
	CHECK_EQ(take_contents(&side, 4, 3), -EBADMSG);
	CHECK_EQ(take_file(&side, (struct image_file){ .id = 8 }, "/etc"), 0);
	CHECK_EQ(take_description(&side, 4, IMAGE_DESCRIPTION_FILE, 8), 0);
	CHECK_EQ(take_contents(&side, 4, 0), -EBADMSG);
	CHECK_EQ(take_contents(&side, 4, 3), 0);
	CHECK_EQ(take_contents(&side, 5, 3), -EBADMSG);
	CHECK_EQ(take_description(&side, 5, IMAGE_DESCRIPTION_FILE, 8), 0);
	CHECK_EQ(take_contents(&side, 4, 3), -EBADMSG);
	piece = contents_next(&side.tables.descriptions.description[0].contents, &at, &length);
	CHECK(piece && length == 3 && !memcmp(piece, "abc", 3));
	CHECK(!contents_next(&side.tables.descriptions.description[0].contents, &at, &length));
	side.is_offer = true;
	CHECK_EQ(take_contents(&side, 5, 3), -EBADMSG);
	end(&side);
}

static void test_no_object(void)
{
	struct image_fd fd = { .number = 0, .description = 4 };
	struct side side;

	begin(&side, false);
	fill(&side);
	CHECK_EQ(take(&side, IMAGE_FD, &fd, sizeof(fd)), -EBADMSG);
	CHECK_EQ(take(&side, IMAGE_LAYOUT, NULL, 0), -EBADMSG);
	end(&side);
}

static void test_maps(void)
{
	struct side side;

	begin(&side, false);
	fill(&side);
	CHECK_EQ(take_map(&side, IMAGE_MAP_ANON, 0, 16, 2), 0);
	CHECK_EQ(take_map(&side, IMAGE_MAP_ANON, 0, 17, 2), -EBADMSG); /* overlaps */
	CHECK_EQ(take_map(&side, IMAGE_MAP_ANON, 0, 10, 1), -EBADMSG); /* lies before */
	CHECK_EQ(take_map(&side, IMAGE_MAP_ANON, 0, 18, 0), -EBADMSG);
	CHECK_EQ(take_map(&side, IMAGE_MAP_FILE, 7, 18, 2), -EBADMSG); /* no such file */
	CHECK_EQ(take_map(&side, IMAGE_MAP_FILE, 8, 18, 2), 0);
	CHECK_EQ(take_map(&side, IMAGE_MAP_SHARED_ANON, 8, 20, 2), -EBADMSG); /* no such memory */
	CHECK_EQ(take_map(&side, IMAGE_MAP_SHARED_ANON, 70, 20, 2), 0);
	CHECK_EQ(take_map(&side, IMAGE_MAP_AIO + 1, 0, 30, 2), -EBADMSG);
	CHECK_EQ(side.maps.count, 3);
	end(&side);
}

/* All that one side sends is what the other takes, and as many of each. */
static void carry(bool is_offer)
{
	const struct image_member member = { .vpid = 7, .session = 7, .group = 7 };
	struct side source, target;
	struct refusal refusal = REFUSAL_NONE;
	struct image_objects told = { 0 };
	struct writer writer;
	struct reader reader;
	const void *payload;
	unsigned taken = 0;
	int fd = memfd_create("objects", MFD_CLOEXEC);

	begin(&source, is_offer);
	begin(&target, is_offer);
	fill(&source);
	CHECK_EQ(take(&source, IMAGE_MEMBER, &member, sizeof(member)), 0);
	CHECK_EQ(contents_append(&source.tables.descriptions.description[0].contents, "abc", 3), 0);
	CHECK_EQ(writer_init(&writer, over(fd)), 0);
	object_records_send(&source.tables, is_offer, &writer);
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(reader_init(&reader, over(fd)), 0);
	CHECK_EQ(reader_next(&reader, &payload, &refusal), 0);
	CHECK_EQ(reader.type, IMAGE_OBJECTS);
	memcpy(&told, payload, sizeof(told));
	CHECK(image_objects_ok(&told));
	while (reader_next(&reader, &payload, &refusal) == 0 && reader.type != IMAGE_END) {
		CHECK(taken >= 6 || !object_records_are_complete(&target.tables, &told));
		CHECK_EQ(object_records_take(&target.tables, is_offer, &reader, payload), 0);
		taken++;
	}
	CHECK_EQ(taken, is_offer ? 6 : 7);
	CHECK(object_records_are_complete(&target.tables, &told));
	told.file_count++;
	CHECK(!object_records_are_complete(&target.tables, &told));
	CHECK_EQ(target.tables.memories.memory[1].bytes, 2 * PAGE);
	CHECK(target.tables.files.count == 2 && !strcmp(target.tables.files.file[1].path, "/m"));
	CHECK_EQ(target.tables.descriptions.description[0].image.id, 4);
	reader_deinit(&reader);
	close(fd);
	end(&source);
	end(&target);
}

static void test_carried(void)
{
	carry(false);
	carry(true);
}

int main(void)
{
	TEST(test_memory);
	TEST(test_files);
	TEST(test_descriptions);
	TEST(test_contents);
	TEST(test_no_object);
	TEST(test_maps);
	TEST(test_carried);
	return test_end();
}
