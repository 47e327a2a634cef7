/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of this very process, sent as that of another: which pages are in the image, and which are not. */
#include "migrate/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "migrate/over_test.h"
#include "os/procdir.h"

#define PAGES	    80	/* of a mapping: more than two records hold */
#define GUARD_BIT   102 /* MADV_GUARD_INSTALL */
#define SIZE(count) ((size_t)(count)*IMAGE_PAGE)

/* The pages of one mapping, as a stream has them. */
struct sent {
	uint8_t first_byte[PAGES], last_byte[PAGES];
	unsigned times[PAGES], guard[PAGES];
	unsigned records;
	uint64_t counted;
	int result;
	struct refusal refusal;
};

static void note_pages(struct sent *sent, uint64_t first, uint32_t count, const uint8_t *bytes)
{
	sent->records++;
	CHECK(count && count <= IMAGE_RUN_PAGES_MAX);
	CHECK_OR_RETURN(first + count <= PAGES);
	for (uint32_t i = 0; i < count; i++) {
		sent->times[first + i]++;
		sent->first_byte[first + i] = bytes[SIZE(i)];
		sent->last_byte[first + i] = bytes[SIZE(i + 1) - 1];
	}
}

static void note(struct sent *sent, const struct reader *reader, const void *payload,
		 uint64_t start, uint64_t memory)
{
	const struct image_pages *pages = payload;
	const struct image_shared_pages *shared = payload;
	const struct image_guard *guard = payload;

	switch (reader->type) {
	case IMAGE_PAGES:
		CHECK(image_pages_ok(pages, reader->length));
		note_pages(sent, (pages->address - start) / IMAGE_PAGE, pages->count,
			   (const uint8_t *)(pages + 1));
		break;
	case IMAGE_SHARED_PAGES:
		CHECK(image_shared_pages_ok(shared, reader->length) && shared->memory == memory);
		note_pages(sent, shared->offset / IMAGE_PAGE, shared->count,
			   (const uint8_t *)(shared + 1));
		break;
	case IMAGE_GUARD:
		for (uint64_t at = guard->start; at < guard->end; at += IMAGE_PAGE)
			sent->guard[(at - start) / IMAGE_PAGE]++;
		break;
	default:
		CHECK(reader->type == IMAGE_END);
	}
}

static void send_all(struct sent *sent, const struct memory_view *view)
{
	int stream = memfd_create("stream", MFD_CLOEXEC), dir = procdir_open(getpid());
	struct writer writer;
	struct reader reader;
	const void *payload;

	*sent = (struct sent){ 0 };
	CHECK_EQ(writer_init(&writer, over(stream)), 0);
	memset(writer.buffer, 0xee, IMAGE_RECORD_MAX);
	sent->result = memory_send(getpid(), dir, view, &writer, &sent->counted, &sent->refusal);
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
	CHECK_EQ(lseek(stream, 0, SEEK_SET), 0);
	CHECK_EQ(reader_init(&reader, over(stream)), 0);
	struct refusal refusal = REFUSAL_NONE;

	while (!reader.over && reader_next(&reader, &payload, &refusal) == 0)
		note(sent, &reader, payload, view->maps->count ? view->maps->map[0].start : 0,
		     view->memories->count ? view->memories->memory[0].id : 0);
	CHECK_EQ(reader.type, IMAGE_END);
	reader_deinit(&reader);
	close(stream);
	close(dir);
}

static void send_map(struct sent *sent, void *at, uint32_t kind, uint32_t flags)
{
	struct image_map map = { .start = (uint64_t)at,
				 .end = (uint64_t)at + SIZE(PAGES),
				 .kind = kind,
				 .flags = flags };
	const struct maps maps = { .map = &map, .count = 1 };
	const struct memories memories = { 0 };
	const struct files files = { 0 };
	const struct memory_view view = { .maps = &maps, .memories = &memories, .files = &files };

	send_all(sent, &view);
}

static uint8_t *map_new(int rights, int flags, int fd)
{
	uint8_t *at = mmap(NULL, SIZE(PAGES), rights, flags, fd, 0);

	CHECK(at != MAP_FAILED);
	madvise(at, SIZE(PAGES), MADV_NOHUGEPAGE);
	return at;
}

/* Pages that exist; a page that was only read is the page of zeros, which a fresh mapping has as well. */
static void test_private(void)
{
	uint8_t *at = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct sent sent;
	unsigned sum = 0;

	for (int i = 0; i < PAGES; i++) {
		if (i < 40)
			at[SIZE(i)] = (uint8_t)(i + 1);
		else if (i < 50)
			sum += ((volatile uint8_t *)at)[SIZE(i)];
	}
	CHECK_EQ(sum, 0);
	at[SIZE(79)] = 99;
	send_map(&sent, at, IMAGE_MAP_ANON, IMAGE_MAP_READ | IMAGE_MAP_WRITE);
	CHECK_EQ(sent.result, 0);
	for (int i = 0; i < PAGES; i++) {
		CHECK_EQ(sent.times[i] > 0, i < 40 || i == 79 || (i < 50 && sent.times[i]));
		CHECK_EQ(sent.first_byte[i], i < 40 ? i + 1 : i == 79 ? 99 : 0);
	}
	CHECK(sent.counted >= 41 && sent.counted <= 51);
	CHECK(sent.records >= 3); /* a record has 32 pages at most */
	munmap(at, SIZE(PAGES));
}

/* The process itself may not read it; the engine does. */
static void test_unreadable(void)
{
	uint8_t *at = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct sent sent;

	at[0] = 7;
	CHECK_EQ(mprotect(at, SIZE(PAGES), PROT_NONE), 0);
	send_map(&sent, at, IMAGE_MAP_ANON, 0);
	CHECK_EQ(sent.result, 0);
	CHECK(sent.times[0] == 1 && sent.first_byte[0] == 7 && sent.counted == 1);
	munmap(at, SIZE(PAGES));
}

static void test_droppable(void)
{
	uint8_t *at = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct sent sent;

	at[0] = 7;
	send_map(&sent, at, IMAGE_MAP_ANON, IMAGE_MAP_READ | IMAGE_MAP_DROPPABLE);
	CHECK(sent.result == 0 && sent.counted == 0);
	send_map(&sent, at, IMAGE_MAP_FOREIGN, IMAGE_MAP_READ);
	CHECK(sent.result == 0 && sent.counted == 0); /* the node has it */
	munmap(at, SIZE(PAGES));
}

/* Of a private mapping of a file: the copies that the process has made, and not the pages of the file. */
static void test_private_file(void)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	struct sent sent;

	CHECK_EQ(ftruncate(fd, (off_t)SIZE(PAGES)), 0);
	uint8_t *at = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);

	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(pwrite(fd, "f", 1, (off_t)SIZE(i)), 1);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(((volatile uint8_t *)at)[SIZE(i)], 'f');
	at[SIZE(3)] = 'c';
	at[SIZE(4)] = 'c';
	send_map(&sent, at, IMAGE_MAP_FILE, IMAGE_MAP_READ | IMAGE_MAP_WRITE);
	CHECK_EQ(sent.result, 0);
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(sent.times[i], i == 3 || i == 4);
	CHECK(sent.first_byte[3] == 'c' && sent.records == 1 && sent.counted == 2);
	/* A shared one has nothing that the file does not have. */
	send_map(&sent, at, IMAGE_MAP_FILE, IMAGE_MAP_READ | IMAGE_MAP_SHARED);
	CHECK(sent.result == 0 && sent.counted == 0);
	munmap(at, SIZE(PAGES));
	close(fd);
}

static void test_guards(void)
{
	uint8_t *at = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct sent sent;

	at[SIZE(1)] = 1;
	if (madvise(at + SIZE(4), SIZE(2), GUARD_BIT)) {
		test_skip("the kernel has no guard pages");
	} else {
		send_map(&sent, at, IMAGE_MAP_ANON, IMAGE_MAP_READ | IMAGE_MAP_WRITE);
		CHECK_EQ(sent.result, 0);
		for (int i = 0; i < PAGES; i++)
			CHECK_EQ(sent.guard[i], i == 4 || i == 5);
		CHECK(sent.times[1] == 1 && sent.counted == 1);
	}
	munmap(at, SIZE(PAGES));
}

/* Shared memory is sent once, as an object, and whole pages of it, be they mapped or not. */
static void test_shared(void)
{
	uint8_t *at = map_new(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	struct image_memory memory = { 17, SIZE(PAGES) };
	struct image_map map[2] = { { .start = (uint64_t)at,
				      .end = (uint64_t)at + SIZE(PAGES),
				      .kind = IMAGE_MAP_SHARED_ANON,
				      .object = 17,
				      .flags = IMAGE_MAP_SHARED | IMAGE_MAP_READ } };
	const struct maps maps = { .map = map, .count = 2 };
	const struct memories memories = { .memory = &memory, .count = 1 };
	const struct files files = { 0 };
	const struct memory_view view = { .maps = &maps, .memories = &memories, .files = &files };
	struct sent sent;

	map[1] = map[0];
	at[SIZE(2)] = 2;
	at[SIZE(70)] = 70;
	send_all(&sent, &view);
	if (strstr(sent.refusal.reason, "not permitted")) {
		test_skip("what is mapped cannot be opened here");
	} else {
		CHECK_EQ(sent.result, 0);
		for (int i = 0; i < PAGES; i++)
			CHECK_EQ(sent.times[i], i == 2 || i == 70);
		CHECK(sent.first_byte[2] == 2 && sent.first_byte[70] == 70 && sent.counted == 2);
	}
	munmap(at, SIZE(PAGES));
	send_all(&sent, &view);
	CHECK(is_refusal(sent.result, &sent.refusal, EDVSPROCSTS, "the shared memory at"));
}

/* A memory file ends within its last page, whose rest is zeros. */
static void test_memory_file(void)
{
	int fd = memfd_create("contents", MFD_CLOEXEC);
	struct image_memory memory = { 5, SIZE(3) };
	struct file file = { .path = (char *)"/memfd:contents",
			     .image = { .use = IMAGE_FILE_MEMORY,
					.id = 1,
					.inode = 5,
					.memory = 5,
					.size = SIZE(2) + 10 } };
	const struct files files = { .file = &file, .count = 1 };
	const struct memories memories = { .memory = &memory, .count = 1 };
	const struct maps maps = { 0 };
	const struct memory_view view = { .maps = &maps, .memories = &memories, .files = &files };
	struct sent sent;

	CHECK_EQ(ftruncate(fd, (off_t)SIZE(2) + 10), 0);
	CHECK_EQ(pwrite(fd, "x", 1, (off_t)SIZE(2)), 1);
	snprintf(file.link, sizeof(file.link), "fd/%d", fd);
	file.dir = procdir_open(getpid());
	send_all(&sent, &view);
	CHECK_EQ(sent.result, 0);
	CHECK(!sent.times[0] && !sent.times[1] && sent.times[2] == 1);
	CHECK(sent.first_byte[2] == 'x' && sent.last_byte[2] == 0);
	close(fd);
	snprintf(file.link, sizeof(file.link), "fd/9999");
	send_all(&sent, &view);
	CHECK(is_refusal(sent.result, &sent.refusal, EDVSPROCSTS,
			 "the memory file /memfd:contents cannot be read"));
	close(file.dir);
}

/* Into the memory of a process here; a place that is none, or a process that has ended, is refused. */
static void test_received(void)
{
	uint8_t *at = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	uint8_t *pages = calloc(2, IMAGE_PAGE);
	struct refusal refusal = REFUSAL_NONE;

	CHECK_OR_RETURN(pages);
	memset(pages, 3, SIZE(2));
	CHECK_EQ(memory_receive(getpid(), (uint64_t)at + SIZE(1), pages, 2, &refusal), 0);
	CHECK(at[SIZE(1) - 1] == 0 && at[SIZE(1)] == 3 && at[SIZE(3) - 1] == 3 && at[SIZE(3)] == 0);
	munmap(at, SIZE(PAGES));
	CHECK(is_refusal(memory_receive(getpid(), (uint64_t)at, pages, 1, &refusal), &refusal,
			 EDVSPROCSTS, "cannot be written on the target: Bad address"));
	refusal_clear(&refusal);
	CHECK(is_refusal(memory_receive(0x7fffffff, (uint64_t)at, pages, 1, &refusal), &refusal,
			 EDVSSRCH, "the process shell has ended"));
	free(pages);
}

static void test_ended(void)
{
	const struct maps maps = { 0 };
	const struct memories memories = { 0 };
	const struct files files = { 0 };
	const struct memory_view view = { .maps = &maps, .memories = &memories, .files = &files };
	struct refusal refusal = REFUSAL_NONE;
	struct writer writer;
	uint64_t count = 0;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	CHECK_EQ(writer_init(&writer, over(null)), 0);
	CHECK(is_refusal(memory_send(0x7fffffff, -1, &view, &writer, &count, &refusal), &refusal,
			 EDVSSRCH, "cannot be listed"));
	writer_deinit(&writer);
	close(null);
}

int main(void)
{
	TEST(test_private);
	TEST(test_unreadable);
	TEST(test_droppable);
	TEST(test_private_file);
	TEST(test_guards);
	TEST(test_shared);
	TEST(test_memory_file);
	TEST(test_received);
	TEST(test_ended);
	return test_end();
}
