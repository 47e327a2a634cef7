/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that several mappings, files and processes refer to. */
#include "migrate/memories.h"

#include <errno.h>

#include "base/test.h"
#include "migrate/files.h"

static struct memories memories;
static struct files files;

/* Each once, by id, at the largest size seen; and those that were noted before are there still. */
static void test_noted(void)
{
	static const struct image_memory seen[] = {
		{ 9, IMAGE_PAGE }, { 4, IMAGE_PAGE }, { 9, 6 * IMAGE_PAGE }, { 9, 2 * IMAGE_PAGE }
	};

	memories_sort(&memories);
	CHECK_EQ(memories.count, 0);
	CHECK(!memories_find(&memories, 9));
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(memories_note(&memories, &seen[i]), 0);
	memories_sort(&memories);
	CHECK_EQ(memories.count, 2);
	CHECK(memories.memory[0].id == 4 && memories.memory[0].bytes == IMAGE_PAGE);
	CHECK(memories.memory[1].id == 9 && memories.memory[1].bytes == 6 * IMAGE_PAGE);
	CHECK(memories_find(&memories, 9) == &memories.memory[1] && !memories_find(&memories, 5));
	for (uint64_t id = 100; id > 10; id--)
		CHECK_EQ(memories_note(&memories, &(struct image_memory){ id, 0 }), 0);
	memories_sort(&memories);
	CHECK_EQ(memories.count, 92);
	CHECK(memories_find(&memories, 4) && memories_find(&memories, 11) &&
	      memories_find(&memories, 100));
	memories_clear(&memories);
	CHECK(!memories_find(&memories, 4));
	memories_free(&memories);
	CHECK(!memories.memory && !memories.capacity);
}

static void test_whole_pages(void)
{
	CHECK_EQ(memories_whole_pages(0), 0);
	CHECK_EQ(memories_whole_pages(1), IMAGE_PAGE);
	CHECK_EQ(memories_whole_pages(IMAGE_PAGE), IMAGE_PAGE);
	CHECK_EQ(memories_whole_pages(IMAGE_PAGE + 1), 2 * IMAGE_PAGE);
}

/* The contents of memory files count as memory, but for those of an empty one. */
static void test_files(void)
{
	const struct image_file record = { .use = IMAGE_FILE_MEMORY };
	struct {
		struct image_file file;
		char path[2];
	} record_of[3];

	for (uint32_t i = 0; i < 3; i++) {
		record_of[i].file = record;
		record_of[i].file.id = i + 1;
		record_of[i].file.inode = 30 - i;
		record_of[i].file.size = i * 5000ull;
		record_of[i].file.path_length = 1;
		CHECK_EQ(files_add_record(&files, &record_of[i].file), 0);
	}
	files.file[2].image.use = IMAGE_FILE_MEMORY | IMAGE_FILE_DELETED;
	files.file[2].image.inode = 29; /* on another file system */
	CHECK_EQ(memories_add_files(&memories, &files), 0);
	CHECK_EQ(memories.count, 2);
	CHECK(memories.memory[1].id == files.file[2].image.memory &&
	      memories.memory[1].bytes == 3 * IMAGE_PAGE);
	memories_free(&memories);
	files.file[2].image.use = IMAGE_FILE_MAPPED;
	CHECK_EQ(memories_add_files(&memories, &files), 0);
	CHECK_EQ(memories.count, 1);
	CHECK(memories.memory[0].id == 29 && memories.memory[0].bytes == 2 * IMAGE_PAGE);
	CHECK(files.file[0].image.memory == 0 && files.file[1].image.memory == 29);
	memories_free(&memories);
	files_free(&files);
}

/* Of an image: ids ascend. */
static void test_ids(void)
{
	const struct image_memory first = { 5, IMAGE_PAGE }, same = { 5, IMAGE_PAGE },
				  less = { 4, IMAGE_PAGE }, more = { 6, IMAGE_PAGE };

	CHECK_EQ(memories_append(&memories, &first), 0);
	CHECK_EQ(memories_append(&memories, &same), -EBADMSG);
	CHECK_EQ(memories_append(&memories, &less), -EBADMSG);
	CHECK_EQ(memories_append(&memories, &more), 0);
	CHECK_EQ(memories.count, 2);
	memories_free(&memories);
}

int main(void)
{
	TEST(test_noted);
	TEST(test_whole_pages);
	TEST(test_files);
	TEST(test_ids);
	return test_end();
}
