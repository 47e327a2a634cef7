/* SPDX-License-Identifier: Apache-2.0 */
/* The address space of a process, from a picture of it: the calls, their order, and pages of hostile images. */
#include "migrate/restore.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/test.h"
#include "migrate/restore_test.h"

#define MSEAL	      462
#define GUARD_INSTALL 102	 /* MADV_GUARD_INSTALL */
#define DROPPABLE     0x08	 /* MAP_DROPPABLE */
#define VMA_NAME      0x53564d41 /* PR_SET_VMA */
#define RW	      (IMAGE_MAP_READ | IMAGE_MAP_WRITE)

static void add_map(uint32_t kind, uint64_t start, uint64_t bytes, uint32_t flags, uint64_t object)
{
	const struct image_map map = {
		.start = start, .end = start + bytes, .kind = kind, .flags = flags, .object = object
	};

	CHECK_EQ(maps_append(&restore->picture.maps, &map), 0);
}

static struct image_map *last_map(void)
{
	return &restore->picture.maps.map[restore->picture.maps.count - 1];
}

static void add_memory(uint64_t id, uint64_t bytes)
{
	const struct image_memory memory = { id, bytes };

	CHECK_EQ(memories_append(&restore->picture.tables->memories, &memory), 0);
}

static int layout(void)
{
	refusal_clear(&restore_refusal);
	return restore_layout(restore, &restore_refusal);
}

/* Never over anything that is there, with the rights and the nature of the mapping. */
static void test_anonymous(void)
{
	restore_begin();
	add_map(IMAGE_MAP_ANON, 0x5000, 0x3000, RW, 0);
	add_map(IMAGE_MAP_ANON, 0x9000, 0x1000,
		IMAGE_MAP_EXEC | IMAGE_MAP_GROWSDOWN | IMAGE_MAP_NORESERVE, 0);
	add_map(IMAGE_MAP_ANON, 0xb000, 0x1000, RW | IMAGE_MAP_DROPPABLE | IMAGE_MAP_WIPEONFORK, 0);
	CHECK(restore_listed(layout()));
	CHECK_EQ(restore->calls.count, 3);
	const struct call *call = restore_call(0, SYS_mmap);

	CHECK(call->mode == CALL_EXACT && call->expect == 0x5000);
	CHECK(call->arg[0] == 0x5000 && call->arg[1] == 0x3000 &&
	      call->arg[2] == (PROT_READ | PROT_WRITE));
	CHECK_EQ(call->arg[3], MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS);
	CHECK(call->arg[4] == ~0ull && call->arg[5] == 0);
	call = restore_call(1, SYS_mmap);
	CHECK_EQ(call->arg[2], PROT_EXEC);
	CHECK_EQ(call->arg[3],
		 MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_NORESERVE);
	call = restore_call(2, SYS_mmap); /* no advice: its flags come with its kind */
	CHECK_EQ(call->arg[3], MAP_FIXED_NOREPLACE | DROPPABLE | MAP_ANONYMOUS);
	restore_end();
}

/* Their pages are written from outside, so that they can be written until the memory settles. */
static void test_huge(void)
{
	restore_begin();
	add_map(IMAGE_MAP_ANON, 0x40000000, 0x400000, IMAGE_MAP_READ | IMAGE_MAP_HUGE_2M, 0);
	CHECK(restore_listed(layout()));
	const struct call *call = restore_call(0, SYS_mmap);

	CHECK_EQ(call->arg[2], PROT_READ | PROT_WRITE);
	CHECK_EQ(call->arg[3],
		 MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << 26);
	restore_end();
}

/* Before the contents come, which are laid out by it. */
static void test_advice(void)
{
	static const struct {
		uint32_t flag;
		uint64_t advice;
	} advices[] = {
		{ IMAGE_MAP_SEQUENTIAL, MADV_SEQUENTIAL }, { IMAGE_MAP_RANDOM, MADV_RANDOM },
		{ IMAGE_MAP_DONTFORK, MADV_DONTFORK },	   { IMAGE_MAP_DONTDUMP, MADV_DONTDUMP },
		{ IMAGE_MAP_WIPEONFORK, MADV_WIPEONFORK }, { IMAGE_MAP_HUGEPAGE, MADV_HUGEPAGE },
		{ IMAGE_MAP_NOHUGEPAGE, MADV_NOHUGEPAGE }, { IMAGE_MAP_MERGEABLE, MADV_MERGEABLE },
	};
	const uint32_t count = sizeof(advices) / sizeof(advices[0]);

	restore_begin();
	restore->picture.process.thp_disable = 3;
	for (uint32_t i = 0; i < count; i++)
		add_map(IMAGE_MAP_ANON, 0x10000 * (i + 1), 0x2000, RW | advices[i].flag, 0);
	CHECK(restore_listed(layout()));
	const struct call *call = restore_call(0, SYS_prctl);

	CHECK(call->arg[0] == PR_SET_THP_DISABLE && call->arg[1] == 1 && call->arg[2] == 2);
	CHECK_EQ(restore->calls.count, 1 + 2 * count);
	for (uint32_t i = 0; i < count; i++) {
		call = restore_call(2 + 2 * i, SYS_madvise);
		CHECK(call->arg[0] == 0x10000 * (i + 1) && call->arg[1] == 0x2000);
		CHECK_EQ(call->arg[2], advices[i].advice);
	}
	restore_end();
}

/* Shared memory is mapped once as a whole, out of the way; each mapping of it is a second one of the same memory. */
static void test_shared(void)
{
	restore_begin();
	add_memory(3, 0x4000);
	add_map(IMAGE_MAP_SHARED_ANON, 0x5000, 0x1000, RW | IMAGE_MAP_SHARED, 3);
	add_map(IMAGE_MAP_SHARED_ANON, 0x8000, 0x4000, IMAGE_MAP_SHARED | IMAGE_MAP_NORESERVE, 3);
	last_map()->offset = 0x3000; /* it goes on beyond the end of the memory */
	CHECK(restore_listed(layout()));
	const struct call *call = restore_call(0, SYS_mmap);
	uint64_t at = call->arg[0];

	CHECK(at && call->expect == (int64_t)at && call->arg[1] == 0x4000);
	CHECK_EQ(call->arg[3], MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE);
	CHECK(at >= LISTED_BASE + FOOTHOLD_BYTES || at + 0x7000 <= LISTED_BASE);
	call = restore_call(1, SYS_mremap);
	CHECK(call->arg[0] == at && call->arg[1] == 0x4000 && call->arg[2] == 0x7000);
	call = restore_call(2, SYS_mremap);
	CHECK(call->arg[0] == at && call->arg[1] == 0 && call->arg[2] == 0x1000 &&
	      call->arg[4] == 0x5000);
	call = restore_call(3, SYS_mremap);
	CHECK(call->arg[0] == at + 0x3000 && call->arg[1] == 0 && call->arg[4] == 0x8000);
	CHECK_EQ(restore->calls.count, 4);
	restore_end();
}

/* A file of the picture is opened here and given to the shell; it may be written only if the mapping may. */
static void test_files(void)
{
	char path[64];

	restore_begin();
	made_proc_text(&restore_proc, "mapped", "contents");
	snprintf(path, sizeof(path), "%s/mapped", restore_proc.folder);
	restore_add_file(1, path, IMAGE_FILE_MAPPED);
	add_map(IMAGE_MAP_FILE, 0x5000, 0x1000, IMAGE_MAP_READ, 1);
	last_map()->offset = 0x2000;
	CHECK(restore_listed(layout()));
	restore_call(0, SYS_recvmsg);
	const struct call *call = restore_call(2, SYS_mmap);

	CHECK_EQ(call->arg[3], MAP_FIXED_NOREPLACE | MAP_PRIVATE);
	CHECK(call->arg[2] == PROT_READ && call->arg[4] == 0 && call->arg[5] == 0x2000);
	CHECK_EQ(restore_call(3, SYS_close)->arg[0], 0);
	restore_end();
}

/* Segments of one file share a descriptor, which other kinds of mappings leave alone. */
static void test_file_opened_once(void)
{
	char path[2][64];

	restore_begin();
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "other" : "one";

		made_proc_text(&restore_proc, name, "contents");
		snprintf(path[i], sizeof(path[i]), "%s/%s", restore_proc.folder, name);
		restore_add_file((uint32_t)i + 1, path[i], IMAGE_FILE_MAPPED);
	}
	add_map(IMAGE_MAP_FILE, 0x5000, 0x1000, IMAGE_MAP_READ, 1);
	add_map(IMAGE_MAP_ANON, 0x6000, 0x1000, RW, 0);
	add_map(IMAGE_MAP_FILE, 0x7000, 0x1000, RW, 1);
	add_map(IMAGE_MAP_FILE, 0x8000, 0x1000, RW | IMAGE_MAP_SHARED | IMAGE_MAP_MAYWRITE, 1);
	add_map(IMAGE_MAP_FILE, 0x9000, 0x1000, IMAGE_MAP_READ, 2);
	CHECK(restore_listed(layout()));
	restore_call(0, SYS_recvmsg);
	CHECK_EQ(restore_call(2, SYS_mmap)->arg[0], 0x5000);
	CHECK_EQ(restore_call(3, SYS_mmap)->arg[0], 0x6000);
	CHECK_EQ(restore_call(4, SYS_mmap)->arg[0], 0x7000);
	restore_call(5, SYS_close); /* the next one may be written */
	restore_call(6, SYS_recvmsg);
	CHECK_EQ(restore_call(8, SYS_mmap)->arg[0], 0x8000);
	restore_call(9, SYS_close);
	restore_call(10, SYS_recvmsg);
	CHECK_EQ(restore_call(12, SYS_mmap)->arg[0], 0x9000);
	restore_call(13, SYS_close);
	CHECK_EQ(restore->calls.count, 14);
	CHECK(!restore->mapped.file);
	restore_end();
}

static void test_layout_refused(void)
{
	restore_begin();
	add_map(IMAGE_MAP_AIO + 1, 0x5000, 0x1000, RW, 0);
	CHECK(is_refusal(layout(), &restore_refusal, EDVSIO, "a mapping of an unknown kind"));
	restore_end();
	restore_begin();
	add_map(IMAGE_MAP_ANON, LISTED_BASE + FOOTHOLD_BYTES - 0x1000, 0x2000, RW, 0);
	CHECK(is_refusal(layout(), &restore_refusal, EDVSBUSY, "where the restore works"));
	restore_end();
	restore_begin();
	add_map(IMAGE_MAP_ANON, LISTED_BASE + FOOTHOLD_BYTES, 0x2000, RW, 0); /* beside it */
	CHECK(restore_listed(layout()));
	restore_end();
	restore_begin();
	restore->own.special[0] = (struct image_special){ "vdso", 0x7000, 0x2000 };
	restore->own.special_count = 1;
	add_map(IMAGE_MAP_SPECIAL, 0x7000, 0x2000, IMAGE_MAP_READ, 0);
	CHECK_EQ(layout(), 0); /* nothing to do */
	last_map()->end = 0x8000;
	free(restore->memfd);
	restore->memfd = NULL;
	CHECK(is_refusal(layout(), &restore_refusal, EDVSBUSY, "has moved its vdso"));
	restore_end();
}

/* Objects of a hostile image: one that a memory file claims as well, and more than there are addresses for. */
static void test_objects_refused(void)
{
	restore_begin();
	restore_add_file(1, "/", 0);
	restore->picture.tables->files.file[0].image.use = IMAGE_FILE_MEMORY;
	restore->picture.tables->files.file[0].image.memory = 3;
	free(restore->picture.tables->files.file[0].path);
	restore->picture.tables->files.file[0].path = strdup("/memfd:m");
	add_memory(3, 0x1000);
	add_map(IMAGE_MAP_SHARED_ANON, 0x5000, 0x1000, RW | IMAGE_MAP_SHARED, 3);
	CHECK(is_refusal(layout(), &restore_refusal, EDVSIO, "damaged: its shared memory"));
	restore_end();
	restore_begin();
	add_memory(3, 0x1000);
	add_memory(4, IMAGE_ADDRESS_END / IMAGE_PAGE * IMAGE_PAGE);
	add_map(IMAGE_MAP_SHARED_ANON, 0x5000, 0x1000, RW | IMAGE_MAP_SHARED, 3);
	add_map(IMAGE_MAP_SHARED_ANON, 0x8000, 0x1000, RW | IMAGE_MAP_SHARED, 4);
	CHECK(is_refusal(layout(), &restore_refusal, EDVSPROCSTS, "no room for the shared memory"));
	restore_end();
	restore_begin();
	add_memory(4, IMAGE_ADDRESS_END / 2 / IMAGE_PAGE * IMAGE_PAGE); /* no gap is as large */
	add_map(IMAGE_MAP_SHARED_ANON, 0x400000000000, 0x1000, RW | IMAGE_MAP_SHARED, 4);
	CHECK(is_refusal(layout(), &restore_refusal, EDVSPROCSTS, "no room for the shared memory"));
	restore_end();
}

/* ---- contents ---- */

static uint8_t own_memory[4 * IMAGE_PAGE] __attribute__((aligned(4096)));

static struct image_pages *pages_at(uint64_t address, uint32_t count)
{
	static uint8_t room[sizeof(struct image_pages) + 4 * IMAGE_PAGE]
		__attribute__((aligned(8)));
	struct image_pages *pages = (struct image_pages *)room;

	memset(room, 0x6b, sizeof(room));
	*pages = (struct image_pages){ .address = address, .count = count };
	return pages;
}

static void test_pages(void)
{
	uint64_t at = (uint64_t)own_memory;

	restore_begin();
	restore->pid = getpid();
	restore->mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	CHECK(restore->mem >= 0);
	add_map(IMAGE_MAP_ANON, at, 2 * IMAGE_PAGE, RW, 0);
	add_map(IMAGE_MAP_ANON, at + 2 * IMAGE_PAGE, 2 * IMAGE_PAGE, IMAGE_MAP_READ, 0);
	CHECK_EQ(restore_pages(restore, pages_at(at, 2), &restore_refusal), 0);
	CHECK(own_memory[2 * IMAGE_PAGE - 1] == 0x6b && own_memory[2 * IMAGE_PAGE] == 0);
	/* Never writable for the process: written all the same. */
	CHECK_EQ(restore_pages(restore, pages_at(at + 3 * IMAGE_PAGE, 1), &restore_refusal), 0);
	CHECK(own_memory[2 * IMAGE_PAGE] == 0 && own_memory[3 * IMAGE_PAGE] == 0x6b);
	close(restore->mem);
	restore_end();
}

/* Only private memory has pages of its own, and a record stays within one mapping. */
static void test_pages_refused(void)
{
	static const struct {
		uint32_t kind, flags;
	} others[] = {
		{ IMAGE_MAP_SHARED_ANON, RW | IMAGE_MAP_SHARED },
		{ IMAGE_MAP_FILE, RW | IMAGE_MAP_SHARED },
		{ IMAGE_MAP_FOREIGN, RW },
		{ IMAGE_MAP_SPECIAL, RW },
	};
	const uint64_t at = (uint64_t)own_memory;

	own_memory[0] = 0;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		restore_begin();
		restore->pid = getpid();
		add_map(others[i].kind, at, sizeof(own_memory), others[i].flags, 0);
		CHECK(is_refusal(restore_pages(restore, pages_at(at, 1), &restore_refusal),
				 &restore_refusal, EDVSIO, "pages outside the memory"));
		restore_end();
	}
	restore_begin();
	restore->pid = getpid();
	add_map(IMAGE_MAP_ANON, at, IMAGE_PAGE, RW, 0);
	CHECK(is_refusal(restore_pages(restore, pages_at(at, 2), &restore_refusal),
			 &restore_refusal, EDVSIO, "pages outside the memory"));
	refusal_clear(&restore_refusal);
	CHECK(is_refusal(restore_pages(restore, pages_at(at - IMAGE_PAGE, 1), &restore_refusal),
			 &restore_refusal, EDVSIO, "pages outside the memory"));
	CHECK_EQ(own_memory[0], 0);
	restore_end();
}

static int shared_pages(uint64_t memory, uint64_t offset, uint32_t count)
{
	static uint8_t room[sizeof(struct image_shared_pages) + 4 * IMAGE_PAGE]
		__attribute__((aligned(8)));
	struct image_shared_pages *pages = (struct image_shared_pages *)room;

	memset(room, 0x2d, sizeof(room));
	*pages = (struct image_shared_pages){ .memory = memory, .offset = offset, .count = count };
	refusal_clear(&restore_refusal);
	return restore_shared_pages(restore, pages, &restore_refusal);
}

static void test_shared_pages(void)
{
	const uint64_t bytes = 2 * IMAGE_PAGE;

	memset(own_memory, 0, sizeof(own_memory));
	restore_begin();
	restore->pid = getpid();
	restore->objects.object = calloc(1, sizeof(*restore->objects.object));
	restore->objects.object[0] = (struct object){
		.id = 9, .bytes = bytes, .reach = bytes, .at = (uint64_t)own_memory
	};
	restore->objects.count = 1;
	CHECK_EQ(shared_pages(9, IMAGE_PAGE, 1), 0);
	CHECK(own_memory[IMAGE_PAGE - 1] == 0 && own_memory[IMAGE_PAGE] == 0x2d &&
	      own_memory[2 * IMAGE_PAGE] == 0);
	CHECK_EQ(shared_pages(9, 0, 2), 0);
	static const struct {
		uint64_t memory, offset;
		uint32_t count;
	} hostile[] = { { 8, 0, 1 },
			{ 9, IMAGE_PAGE, 2 },
			{ 9, 0, 3 },
			{ 9, 2 * IMAGE_PAGE, 1 },
			{ 9, ~0ull - IMAGE_PAGE + 1, 1 },
			{ 9, ~0ull - IMAGE_PAGE + 1, 2 } };

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		CHECK(is_refusal(shared_pages(hostile[i].memory, hostile[i].offset,
					      hostile[i].count),
				 &restore_refusal, EDVSIO, "pages outside the shared memory"));
	CHECK_EQ(own_memory[2 * IMAGE_PAGE], 0);
	restore_end();
}

/* ---- settle ---- */

static int settle(void)
{
	refusal_clear(&restore_refusal);
	return restore_settle(restore, &restore_refusal);
}

static void begin_settling(void)
{
	char path[64];

	restore_begin();
	made_proc_text(&restore_proc, "program", "code");
	snprintf(path, sizeof(path), "%s/program", restore_proc.folder);
	restore_add_file(1, path, IMAGE_FILE_EXE);
	restore->picture.process.exe_file = 1;
}

/*
 * The places that the objects were filled in go first; a lock comes after rights and names; the bounds come when all
 * that is mapped is the process's; memory that is yet to come is locked last of all.
 */
static void test_settled(void)
{
	struct image_guard guard = { 0x6000, 0x7000 };

	begin_settling();
	restore->objects.object = calloc(1, sizeof(*restore->objects.object));
	restore->objects.object[0] =
		(struct object){ .id = 9, .bytes = 0x1000, .reach = 0x3000, .at = 0x70000 };
	restore->objects.count = 1;
	add_map(IMAGE_MAP_ANON, 0x5000, 0x2000, IMAGE_MAP_READ | IMAGE_MAP_LOCKED, 0);
	snprintf(last_map()->label, sizeof(last_map()->label), "mine");
	add_map(IMAGE_MAP_SHARED_ANON, 0x9000, 0x1000,
		IMAGE_MAP_READ | IMAGE_MAP_LOCKED | IMAGE_MAP_LOCKONFAULT, 9);
	add_map(IMAGE_MAP_SHARED_ANON, 0xb000, 0x1000, RW | IMAGE_MAP_SEALED, 9);
	add_map(IMAGE_MAP_SPECIAL, 0xd000, 0x1000, IMAGE_MAP_LOCKED | IMAGE_MAP_SEALED, 0);
	restore->picture.guard = &guard;
	restore->picture.guard_count = 1;
	restore->picture.process.membarrier = 1 << 4 | 1 << 7;
	restore->picture.process.lock_future = 1;
	restore->picture.process.bounds.start_code = 0x5000;
	restore->picture.auxv_bytes = 16;
	CHECK(restore_listed(settle()));
	CHECK(restore_call(0, SYS_munmap)->arg[0] == 0x70000 &&
	      restore_call(0, SYS_munmap)->arg[1] == 0x3000);
	const struct call *call = restore_call(1, SYS_prctl);

	CHECK(call->arg[0] == VMA_NAME && call->arg[2] == 0x5000 && call->mode == CALL_ANY);
	CHECK(strcmp(restore_data(call->arg[4]), "mine") == 0);
	call = restore_call(2, SYS_mlock2);
	CHECK(call->arg[0] == 0x5000 && call->arg[2] == 0);
	call = restore_call(3, SYS_mprotect);
	CHECK(call->arg[0] == 0x9000 && call->arg[2] == PROT_READ);
	call = restore_call(4, SYS_mlock2);
	CHECK(call->arg[0] == 0x9000 && call->arg[2] == 1);
	call = restore_call(5, SYS_madvise);
	CHECK(call->arg[0] == 0x6000 && call->arg[1] == 0x1000 && call->arg[2] == GUARD_INSTALL);
	CHECK_EQ(restore_call(6, MSEAL)->arg[0], 0xb000);
	restore_call(7, SYS_recvmsg);
	call = restore_call(9, SYS_prctl);
	CHECK(call->arg[0] == PR_SET_MM && call->arg[1] == PR_SET_MM_MAP);
	CHECK_EQ(*(const uint64_t *)restore_data(call->arg[2]), 0x5000);
	restore_call(10, SYS_close);
	CHECK_EQ(restore_call(11, SYS_membarrier)->arg[0], 1 << 4);
	CHECK_EQ(restore_call(12, SYS_membarrier)->arg[0], 1 << 7);
	CHECK_EQ(restore_call(13, SYS_mlockall)->arg[0], 2);
	CHECK_EQ(restore->calls.count, 14);
	restore->picture.guard = NULL;
	restore->picture.guard_count = 0;
	restore_end();
}

static void test_nothing_to_settle(void)
{
	begin_settling();
	add_map(IMAGE_MAP_ANON, 0x5000, 0x2000, IMAGE_MAP_READ, 0);
	CHECK(restore_listed(settle()));
	CHECK_EQ(restore->calls.count, 4); /* the bounds */
	restore_end();
}

int main(void)
{
	TEST(test_anonymous);
	TEST(test_huge);
	TEST(test_advice);
	TEST(test_shared);
	TEST(test_files);
	TEST(test_file_opened_once);
	TEST(test_layout_refused);
	TEST(test_objects_refused);
	TEST(test_pages);
	TEST(test_pages_refused);
	TEST(test_shared_pages);
	TEST(test_settled);
	TEST(test_nothing_to_settle);
	return test_end();
}
