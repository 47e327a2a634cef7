/* SPDX-License-Identifier: Apache-2.0 */

#include "wire/image.h"

#include <string.h>

#include "base/test.h"

static void test_ranges(void)
{
	CHECK(image_range_ok(0x1000, 0x2000));
	CHECK(image_range_ok(0x1000, IMAGE_ADDRESS_END));
	CHECK(!image_range_ok(0, 0x1000));
	CHECK(!image_range_ok(0x1000, 0x1000));
	CHECK(!image_range_ok(0x2000, 0x1000));
	CHECK(!image_range_ok(0x1001, 0x2000));
	CHECK(!image_range_ok(0x1000, IMAGE_ADDRESS_END + 0x1000));
}

static void test_lengths(void)
{
	CHECK(image_length_ok(IMAGE_LAYOUT, 0));
	CHECK(!image_length_ok(IMAGE_LAYOUT, 8));
	CHECK(image_length_ok(IMAGE_MAP, sizeof(struct image_map)));
	CHECK(!image_length_ok(IMAGE_MAP, sizeof(struct image_map) + 8));
	CHECK(!image_length_ok(IMAGE_PAGES, sizeof(struct image_pages)));
	CHECK(!image_length_ok(IMAGE_PAGES, IMAGE_RECORD_MAX + 1));
	CHECK(!image_length_ok(IMAGE_XSTATE, IMAGE_XSTATE_MAX + 1));
	CHECK(!image_length_ok(0, 0));
	CHECK(!image_length_ok(IMAGE_END + 1, 8));
	/* The biggest record of pages fits a record. */
	CHECK(image_length_ok(IMAGE_PAGES,
			      sizeof(struct image_pages) + IMAGE_RUN_PAGES_MAX * IMAGE_PAGE));
}

static void test_pages(void)
{
	struct image_pages pages = { .address = 0x10000, .count = 2 };
	uint32_t length = sizeof(pages) + 2 * IMAGE_PAGE;

	CHECK(image_pages_ok(&pages, length));
	CHECK(!image_pages_ok(&pages, length - 1));
	pages.count = 0;
	CHECK(!image_pages_ok(&pages, sizeof(pages)));
	pages = (struct image_pages){ .address = 0x10800, .count = 2 };
	CHECK(!image_pages_ok(&pages, length));
	pages = (struct image_pages){ .address = IMAGE_ADDRESS_END - IMAGE_PAGE, .count = 2 };
	CHECK(!image_pages_ok(&pages, length));
	pages = (struct image_pages){ .address = 0x10000, .count = IMAGE_RUN_PAGES_MAX + 1 };
	CHECK(!image_pages_ok(&pages,
			      sizeof(pages) + (IMAGE_RUN_PAGES_MAX + 1) * (uint32_t)IMAGE_PAGE));
}

static void test_shared_pages(void)
{
	struct image_shared_pages pages = { .count = 2 };
	uint32_t length = sizeof(pages) + 2 * IMAGE_PAGE;

	CHECK(image_shared_pages_ok(&pages, length)); /* an object begins at 0 */
	CHECK(!image_shared_pages_ok(&pages, length - 1));
	pages.count = 0;
	CHECK(!image_shared_pages_ok(&pages, sizeof(pages)));
	pages = (struct image_shared_pages){ .offset = 0x800, .count = 2 };
	CHECK(!image_shared_pages_ok(&pages, length));
	pages = (struct image_shared_pages){ .offset = UINT64_MAX - 0xfff, .count = 2 };
	CHECK(!image_shared_pages_ok(&pages, length));
	pages = (struct image_shared_pages){ .count = IMAGE_RUN_PAGES_MAX + 1 };
	CHECK(!image_shared_pages_ok(&pages, sizeof(pages) + (IMAGE_RUN_PAGES_MAX + 1) *
								     (uint32_t)IMAGE_PAGE));
}

static void test_timers(void)
{
	struct image_timer timer = { .id = 0 };

	CHECK(image_timer_ok(&timer));
	timer.id = -1;
	CHECK(!image_timer_ok(&timer));
}

static void test_maps(void)
{
	struct image_map map = { .start = 0x1000, .end = 0x3000, .kind = IMAGE_MAP_ANON };

	CHECK(image_map_ok(&map));
	map.flags = IMAGE_MAP_FLAGS_ALL + 1;
	CHECK(!image_map_ok(&map));
	map.flags = 0;
	map.kind = IMAGE_MAP_AIO + 1;
	CHECK(!image_map_ok(&map));
	map.kind = IMAGE_MAP_SHARED_ANON;
	CHECK(!image_map_ok(&map)); /* of no object */
	map.object = 1;
	CHECK(image_map_ok(&map)); /* longer than its object */
	map.offset = 0x1000;
	CHECK(image_map_ok(&map)); /* beyond its end */
	map.offset = UINT64_MAX - 0xfff;
	CHECK(!image_map_ok(&map));
	map.offset = 0;
	memset(map.label, 'x', sizeof(map.label));
	CHECK(!image_map_ok(&map)); /* no end of its name */
}

/* A deleted file has contents, a deleted folder has none, and nothing is both. */
static void test_deleted(void)
{
	struct {
		struct image_file file;
		char path[8];
	} record = { .file = { .id = 1, .path_length = 2 }, .path = "/a" };
	const uint32_t length = sizeof(record.file) + 2;

	record.file.use = IMAGE_FILE_DELETED | IMAGE_FILE_MEMORY;
	CHECK(image_file_ok(&record.file, length));
	record.file.use = IMAGE_FILE_DELETED | IMAGE_FILE_DIRECTORY;
	CHECK(image_file_ok(&record.file, length));
	record.file.use |= IMAGE_FILE_MEMORY;
	CHECK(!image_file_ok(&record.file, length));
	record.file.use = IMAGE_FILE_DELETED;
	CHECK(!image_file_ok(&record.file, length));
}

static void test_files(void)
{
	struct {
		struct image_file file;
		char path[16];
	} record = { .file = { .id = 1, .path_length = 4 }, .path = "/etc" };
	uint32_t length = sizeof(record.file) + 4;

	CHECK(image_file_ok(&record.file, length));
	CHECK(!image_file_ok(&record.file, length + 1));
	record.path[0] = 'e';
	CHECK(!image_file_ok(&record.file, length));
	memcpy(record.path, "/e\0c", 4);
	CHECK(!image_file_ok(&record.file, length));
	memcpy(record.path, "/etc", 4);
	record.file.build_id_length = 33;
	CHECK(!image_file_ok(&record.file, length));
	record.file.build_id_length = 0;
	record.file.use = IMAGE_FILE_DELETED; /* and no contents */
	CHECK(!image_file_ok(&record.file, length));
	record.file.use = IMAGE_FILE_DELETED | IMAGE_FILE_MEMORY;
	CHECK(image_file_ok(&record.file, length));
	record.file.id = 0;
	CHECK(!image_file_ok(&record.file, length));
}

static void test_heads(void)
{
	struct image_machine machine = {
		.magic = IMAGE_MAGIC,
		.version = IMAGE_VERSION,
		.page_bytes = IMAGE_PAGE,
	};
	struct image_objects objects = { .magic = IMAGE_MAGIC, .version = IMAGE_VERSION };
	struct image_task task = { .vpid = 2, .thread_count = 1 };
	struct image_member member = { .vpid = 2, .session = 2, .group = 2, .exit_signal = 17 };
	struct image_memory memory = { .id = 1, .bytes = IMAGE_PAGE };
	struct image_process process = { .vpid = 2, .thread_count = 1 };

	CHECK(image_machine_ok(&machine));
	machine.version++;
	CHECK(!image_machine_ok(&machine));
	CHECK(image_task_ok(&task));
	task.special_count = IMAGE_SPECIALS + 1;
	CHECK(!image_task_ok(&task));
	CHECK(image_objects_ok(&objects));
	objects.version--;
	CHECK(!image_objects_ok(&objects));
	objects = (struct image_objects){ .magic = IMAGE_MAGIC, .version = IMAGE_VERSION };
	objects.file_count = IMAGE_FILES_MAX + 1;
	CHECK(!image_objects_ok(&objects));
	objects = (struct image_objects){ .magic = IMAGE_MAGIC, .version = IMAGE_VERSION };
	objects.member_count = IMAGE_MEMBERS_MAX + 1;
	CHECK(!image_objects_ok(&objects));
	CHECK(image_member_ok(&member));
	member.parent = 1;
	CHECK(!image_member_ok(&member)); /* that is the init, which is 0 */
	member.parent = 0;
	member.shares = IMAGE_SHARES_FS;
	CHECK(!image_member_ok(&member)); /* with none that moves */
	member.parent = 3;
	CHECK(image_member_ok(&member));
	member.shares = IMAGE_SHARES_HANDLERS;
	CHECK(!image_member_ok(&member)); /* which need one memory */
	member.shares |= IMAGE_SHARES_MEMORY;
	CHECK(image_member_ok(&member));
	member.shares = IMAGE_SHARES_ALL + 1;
	CHECK(!image_member_ok(&member));
	member.shares = 0;
	member.status = 0x300;
	CHECK(!image_member_ok(&member)); /* it has not ended */
	member.ended = 1;
	CHECK(image_member_ok(&member));
	member.status = 0x89; /* SIGKILL, and a core */
	CHECK(image_member_ok(&member));
	member.status = 0x137f; /* stopped */
	CHECK(!image_member_ok(&member));
	CHECK(image_memory_ok(&memory));
	memory.bytes = 0x1800;
	CHECK(!image_memory_ok(&memory));
	memory = (struct image_memory){ .bytes = IMAGE_PAGE };
	CHECK(!image_memory_ok(&memory)); /* no id */
	CHECK(image_process_ok(&process));
	process.news = IMAGE_NEWS_CONTINUED;
	CHECK(image_process_ok(&process));
	process.news = IMAGE_NEWS_STOPPED;
	CHECK(!image_process_ok(&process)); /* by no signal */
	process.stop_signal = 20;
	CHECK(image_process_ok(&process));
	process.stop_signal = 18;
	CHECK(!image_process_ok(&process));
	process.stop_signal = 19;
	process.vpid = 1;
	CHECK(!image_process_ok(&process));
}

int main(void)
{
	TEST(test_ranges);
	TEST(test_lengths);
	TEST(test_pages);
	TEST(test_shared_pages);
	TEST(test_timers);
	TEST(test_maps);
	TEST(test_deleted);
	TEST(test_files);
	TEST(test_heads);
	return test_end();
}
