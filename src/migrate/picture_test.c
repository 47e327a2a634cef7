/* SPDX-License-Identifier: Apache-2.0 */
/* The records of files, descriptions and descriptors: every id must be known, and stand once. */
#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/object_records.h"
#include "migrate/picture.h"
#include "migrate/over_test.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RECORDS_MAX 8
#define FILE_ID	    3 /* of the program */

struct file_record {
	struct image_file file;
	char path[4];
};

struct contents_record {
	struct image_contents head;
	char bytes[8];
};

struct layout {
	struct file_record file[RECORDS_MAX];
	struct image_memory memory[RECORDS_MAX];
	struct image_map map[RECORDS_MAX];
	uint32_t files, memories, maps;
	struct image_description description[RECORDS_MAX];
	struct contents_record contents[RECORDS_MAX]; /* of the description with the same index */
	struct image_fd fd[RECORDS_MAX];
	uint32_t descriptions, fds, fds_told;
	struct image_table table[2]; /* each with the descriptors of the process again */
	uint32_t tables;
};

static struct image_description description(uint32_t id)
{
	const uint32_t file = FILE_ID;
	struct image_description image = { .id = id, .kind = IMAGE_DESCRIPTION_FILE };

	memcpy(image.body + sizeof(int64_t), &file, sizeof(file)); /* behind the position */
	return image;
}

static void write_layout(const struct layout *layout, int fd)
{
	const struct image_objects objects = {
		.magic = IMAGE_MAGIC,
		.version = IMAGE_VERSION,
		.file_count = layout->files,
		.memory_count = layout->memories,
		.description_count = layout->descriptions,
		.member_count = 1,
	};
	const struct image_member member = { .vpid = 7, .session = 7, .group = 7 };
	const struct image_process process = {
		.vpid = 7,
		.thread_count = 1,
		.fd_count = layout->fds_told,
		.map_count = layout->maps,
		.exe_file = FILE_ID,
		.cwd_file = FILE_ID,
	};
	const struct {
		struct image_string_head head;
		char path[1];
	} cwd = { { IMAGE_STRING_CWD, 1 }, "/" };
	struct writer writer;

	CHECK_EQ(writer_init(&writer, over(fd)), 0);
	writer_put(&writer, IMAGE_OBJECTS, &objects, sizeof(objects));
	writer_put(&writer, IMAGE_MEMBER, &member, sizeof(member));
	for (uint32_t i = 0; i < layout->memories; i++)
		writer_put(&writer, IMAGE_MEMORY, &layout->memory[i], sizeof(layout->memory[i]));
	for (uint32_t i = 0; i < layout->files; i++)
		writer_put(&writer, IMAGE_FILE, &layout->file[i],
			   sizeof(layout->file[i].file) + layout->file[i].file.path_length);
	for (uint32_t i = 0; i < layout->descriptions; i++) {
		const struct contents_record *contents = &layout->contents[i];

		writer_put(&writer, IMAGE_DESCRIPTION, &layout->description[i],
			   sizeof(layout->description[i]));
		if (contents->head.length)
			writer_put(&writer, IMAGE_CONTENTS, contents,
				   sizeof(contents->head) + contents->head.length);
	}
	writer_put(&writer, IMAGE_PROCESS, &process, sizeof(process));
	writer_put(&writer, IMAGE_STRING, &cwd, sizeof(cwd.head) + 1);
	for (uint32_t i = 0; i < layout->maps; i++)
		writer_put(&writer, IMAGE_MAP, &layout->map[i], sizeof(layout->map[i]));
	for (uint32_t i = 0; i < layout->fds; i++)
		writer_put(&writer, IMAGE_FD, &layout->fd[i], sizeof(layout->fd[i]));
	for (uint32_t i = 0; i < layout->tables; i++) {
		writer_put(&writer, IMAGE_TABLE, &layout->table[i], sizeof(layout->table[i]));
		for (uint32_t k = 0; k < layout->fds; k++)
			writer_put(&writer, IMAGE_FD, &layout->fd[k], sizeof(layout->fd[k]));
	}
	writer_put(&writer, IMAGE_LAYOUT, NULL, 0);
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
}

/* Whether the picture is taken; the caller frees it. */
static struct tables tables;

static bool take(const struct layout *layout, struct picture *picture)
{
	struct refusal refusal = REFUSAL_NONE;
	struct reader reader;
	int fd = memfd_create("layout", MFD_CLOEXEC);

	tables_free(&tables);
	*picture = (struct picture){ .tables = &tables };
	write_layout(layout, fd);
	lseek(fd, 0, SEEK_SET);
	CHECK_EQ(reader_init(&reader, over(fd)), 0);
	const void *payload;
	int result =
		object_records_read(&tables, false, &reader, IMAGE_PROCESS, &payload, &refusal);

	if (result == 0)
		result = picture_read_layout(picture, &reader, payload, &refusal);

	CHECK(result == 0 || strstr(refusal.reason, "damaged"));
	reader_deinit(&reader);
	close(fd);
	return result == 0;
}

static bool is_taken(const struct layout *layout)
{
	struct picture picture;
	bool taken = take(layout, &picture);

	picture_free(&picture);
	return taken;
}

static struct layout good_layout(void)
{
	struct layout layout = { .files = 2, .memories = 2, .maps = 2 };

	layout.file[0] = (struct file_record){ { .id = FILE_ID, .path_length = 4 }, "/etc" };
	layout.file[1] = (struct file_record){ { .id = 8, .path_length = 4 }, "/usr" };
	layout.memory[0] = (struct image_memory){ 70, 0x1000 };
	layout.memory[1] = (struct image_memory){ 71, 0x2000 };
	layout.map[0] = (struct image_map){
		.start = 0x1000, .end = 0x2000, .kind = IMAGE_MAP_FILE, .object = 8
	};
	layout.map[1] = (struct image_map){
		.start = 0x2000, .end = 0x3000, .kind = IMAGE_MAP_SHARED_ANON, .object = 71
	};
	layout.descriptions = 2;
	layout.fds = layout.fds_told = 3;
	layout.description[0] = description(4);
	layout.description[1] = description(9);
	layout.fd[0] = (struct image_fd){ .number = 0, .description = 9 };
	layout.fd[1] = (struct image_fd){ .number = 1, .description = 4, .cloexec = 1 };
	layout.fd[2] = (struct image_fd){ .number = 5, .description = 9 };
	return layout;
}

static void test_good(void)
{
	const struct layout layout = good_layout();
	struct picture picture;

	CHECK_OR_RETURN(take(&layout, &picture));
	const struct descriptions *descriptions = &tables.descriptions;

	CHECK_EQ(descriptions->count, 2);
	CHECK_EQ(picture.descriptors.count, 3);
	CHECK(descriptions_find(descriptions, 9) == &descriptions->description[1]);
	CHECK(!descriptions_find(descriptions, 5));
	picture_free(&picture);
}

static void test_ids(void)
{
	struct layout layout = good_layout();

	layout.fd[1].description = 5; /* unknown */
	CHECK(!is_taken(&layout));
	layout.fd[1].description = 0;
	CHECK(!is_taken(&layout));
	layout = good_layout();
	layout.description[1].id = 4; /* twice */
	layout.fd[0].description = layout.fd[2].description = 4;
	CHECK(!is_taken(&layout));
	layout.description[1].id = 3; /* not ascending */
	CHECK(!is_taken(&layout));
	layout = good_layout();
	layout.description[0].id = 0;
	CHECK(!is_taken(&layout));
	layout = good_layout();
	layout.description[0].kind = 0;
	CHECK(!is_taken(&layout));
	layout.description[0].kind = IMAGE_DESCRIPTION_KINDS;
	CHECK(!is_taken(&layout));
	layout = good_layout();
	memset(layout.description[0].body, 0xff, sizeof(layout.description[0].body)); /* no file */
	CHECK(!is_taken(&layout));
}

static void test_objects(void)
{
	struct layout layout = good_layout();

	layout.file[1].file.id = FILE_ID; /* twice */
	CHECK(!is_taken(&layout));
	layout = good_layout();
	layout.file[0].file.id = 2; /* the program's is unknown */
	CHECK(!is_taken(&layout));
	layout = good_layout();
	layout.memory[1].id = 70; /* twice */
	layout.map[1].object = 70;
	CHECK(!is_taken(&layout));
	layout = good_layout();
	layout.map[0].object = 71; /* of another type */
	CHECK(!is_taken(&layout));
	layout = good_layout();
	layout.map[1].object = 8;
	CHECK(!is_taken(&layout));
}

/* A memory file, and the memory that it refers to. */
static void test_memory_file(void)
{
	struct layout layout = good_layout();
	struct image_file *file = &layout.file[1].file;

	file->use = IMAGE_FILE_MEMORY;
	file->size = 0x1801;
	file->memory = 71;
	CHECK(is_taken(&layout));
	file->memory = 70; /* which is too small */
	CHECK(!is_taken(&layout));
	file->memory = 72; /* unknown */
	CHECK(!is_taken(&layout));
	file->memory = 0; /* with contents, and without */
	CHECK(!is_taken(&layout));
	file->size = 0;
	CHECK(is_taken(&layout));
	file->memory = 71;
	CHECK(!is_taken(&layout));
	file->size = 0x1000; /* less than the memory has in whole pages */
	CHECK(!is_taken(&layout));
	file->size = 0x1801;
	file->use = 0; /* an ordinary file has none */
	CHECK(!is_taken(&layout));
}

static void test_mappings(void)
{
	struct layout layout = good_layout();

	layout.map[1].start = 0x1000; /* over the one before it */
	CHECK(!is_taken(&layout));
	layout = good_layout();
	layout.map[1].end = layout.map[1].start;
	CHECK(!is_taken(&layout));
}

static void test_numbers(void)
{
	struct layout layout = good_layout();

	layout.fd[2].number = 1; /* twice */
	CHECK(!is_taken(&layout));
	layout.fd[2].number = -1;
	CHECK(!is_taken(&layout));
	layout = good_layout();
	layout.fd[0].cloexec = 2;
	CHECK(!is_taken(&layout));
	layout = good_layout();
	layout.fds_told = 4; /* more than there are */
	CHECK(!is_taken(&layout));
}

static void test_contents(void)
{
	struct layout layout = good_layout();
	struct picture picture;
	uint32_t at = 0, length = 0;

	layout.contents[1] = (struct contents_record){ { 9, 3 }, "abc" };
	CHECK_OR_RETURN(take(&layout, &picture));
	const struct contents *contents = &picture.tables->descriptions.description[1].contents;
	const uint8_t *piece = contents_next(contents, &at, &length);

	CHECK(piece && length == 3 && memcmp(piece, "abc", 3) == 0);
	CHECK(!contents_next(contents, &at, &length));
	picture_free(&picture);
	layout.contents[1].head.description = 4; /* not of the one before it */
	CHECK(!is_taken(&layout));
}

/* The main thread may have ended while others live, and has no CPU state then. */
/* Those of a table are the thread's, the holder of a description is the first task that has it. */
static void test_tables(void)
{
	struct layout layout = good_layout();
	struct picture picture;

	layout.tables = 2;
	layout.table[0] = (struct image_table){ .tid = 8, .fd_count = 3 };
	layout.table[1] = (struct image_table){ .tid = 9, .fd_count = 3 };
	CHECK(take(&layout, &picture));
	CHECK(picture.table_count == 2 && picture.descriptors.count == 3);
	CHECK(picture.table[1].image.tid == 9 && picture.table[1].descriptors.count == 3);
	CHECK_EQ(descriptions_find(&tables.descriptions, 9)->holder, 7);
	picture_free(&picture);
	layout.table[1].fd_count = 4; /* more than there are */
	CHECK(!is_taken(&layout));
	layout.table[1] = (struct image_table){ .tid = 7, .fd_count = 3 }; /* the main thread */
	CHECK(!is_taken(&layout));
}

/* Whether they are complete; the leader and two others, with these tables of their own. */
static bool are_complete(int32_t first, int32_t second, int32_t place, uint32_t count,
			 struct picture_table *table)
{
	uint8_t state[8] = { 0 };
	struct picture_thread thread[3] = {
		{ .image = { .tid = 5 }, .xstate = state },
		{ .image = { .tid = 6, .table = first, .place = place }, .xstate = state },
		{ .image = { .tid = 7, .table = second }, .xstate = state },
	};
	const struct picture picture = {
		.process = { .vpid = 5, .thread_count = 3 },
		.thread = thread,
		.thread_count = 3,
		.table = table,
		.table_count = count,
	};
	struct refusal refusal = REFUSAL_NONE;

	return picture_complete(&picture, &refusal) == 0;
}

static void test_apart(void)
{
	struct picture_table table[2] = { { .image = { .tid = 6 } }, { .image = { .tid = 7 } } };

	CHECK(are_complete(0, 0, 0, 0, table));
	CHECK(are_complete(6, 6, 0, 1, table)); /* one table of both */
	CHECK(are_complete(6, 7, 0, 2, table));
	CHECK(!are_complete(6, 7, 0, 1, table)); /* the second one is not there */
	CHECK(!are_complete(6, 6, 0, 2, table)); /* nobody has it */
	CHECK(!are_complete(7, 6, 0, 2, table)); /* each has the other's */
	CHECK(!are_complete(9, 0, 0, 0, table)); /* there is no such thread */
	CHECK(!are_complete(0, 0, 7, 0, table)); /* which has no place */
	table[1] = table[0];
	CHECK(!are_complete(6, 0, 0, 2, table)); /* twice */
}

static void test_threads(void)
{
	uint8_t state[8] = { 0 };
	struct picture_thread thread[2] = { { .image = { .tid = 5, .ended = 1 } },
					    { .image = { .tid = 6 }, .xstate = state } };
	struct picture picture = { .thread = thread, .thread_count = 2 };
	struct refusal refusal = REFUSAL_NONE;

	picture.process.vpid = 5;
	picture.process.thread_count = 2;
	CHECK_EQ(picture_complete(&picture, &refusal), 0);
	thread[0].xstate = state;
	CHECK_EQ(picture_complete(&picture, &refusal), EDVSIO);
	thread[0].image.ended = 0;
	CHECK_EQ(picture_complete(&picture, &refusal), 0);
	thread[1].image.ended = 1;
	thread[1].xstate = NULL;
	CHECK_EQ(picture_complete(&picture, &refusal), EDVSIO); /* it is not the main one */
	thread[0].image.ended = 1;
	thread[0].xstate = NULL;
	picture.thread_count = picture.process.thread_count = 1;
	CHECK_EQ(picture_complete(&picture, &refusal), EDVSIO); /* none lives */
}

int main(void)
{
	TEST(test_good);
	TEST(test_ids);
	TEST(test_objects);
	TEST(test_memory_file);
	TEST(test_mappings);
	TEST(test_numbers);
	TEST(test_threads);
	TEST(test_tables);
	TEST(test_apart);
	TEST(test_contents);
	return test_end();
}
