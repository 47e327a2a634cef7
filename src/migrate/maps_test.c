/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of mappings as the kernel prints them, of a process that does not exist. */
#include "migrate/maps.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/test.h"
#include "migrate/sysv.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "migrate/memories.h"
#include "os/inode.h"
#include "os/procdir.h"

#define TEXT_BYTES 8192

static const struct migrate_host nothing;
static struct made_proc made;
static struct maps maps;
static struct files files;
static struct memories memories;
static const struct maps_objects objects = { &files, &memories };
static struct procdir_text buffer;
static struct refusal refusal;

static int read_list(const char *smaps, const struct migrate_host *host, struct maps_skip *skip)
{
	made_proc_text(&made, "smaps", smaps);
	refusal = REFUSAL_NONE;
	memories_clear(&memories);
	return maps_read(&maps, made.dir, &objects, host, skip, &buffer, &refusal);
}

static void begin(void)
{
	made_proc_open(&made);
}

static void end(void)
{
	maps_free(&maps);
	memories_free(&memories);
	files_free(&files);
	procdir_text_free(&buffer);
	made_proc_close(&made);
}

/* One mapping with these words of a line of its own and these flags. */
static int read_one(const char *line, const char *flags)
{
	char text[TEXT_BYTES];

	snprintf(text, sizeof(text), "%s\nSize:      8 kB\nVmFlags: %s\n", line, flags);
	return read_list(text, &nothing, NULL);
}

static void test_anonymous(void)
{
	begin();
	CHECK_EQ(read_list("1000-3000 rw-p 00000000 00:00 0 \n"
			   "VmFlags: rd wr mr mw me ac \n"
			   "3000-4000 ---p 00000000 00:00 0          [heap]\n"
			   "VmFlags: mr mw me gd lo sd \n"
			   "7000-9000 r-xp 00000000 00:00 0          [stack]\n"
			   "Rss:                 4 kB\n"
			   "VmFlags: rd ex mr mw me gd \n"
			   "9000-a000 rw-p 00000000 00:00 0          [anon:a name]\n"
			   "VmFlags: rd wr mr mw me dc wf dd hg nh mg nr sr rr lf dp sl gu\n",
			   &nothing, NULL),
		 0);
	CHECK_EQ(maps.count, 4);
	CHECK(maps.map[0].start == 0x1000 && maps.map[0].end == 0x3000);
	for (uint32_t i = 0; i < maps.count; i++)
		CHECK_EQ(maps.map[i].kind, IMAGE_MAP_ANON);
	CHECK_EQ(maps.map[0].flags, IMAGE_MAP_READ | IMAGE_MAP_WRITE | IMAGE_MAP_MAYWRITE);
	CHECK_EQ(maps.map[1].flags, IMAGE_MAP_MAYWRITE | IMAGE_MAP_GROWSDOWN | IMAGE_MAP_LOCKED);
	CHECK_EQ(maps.map[2].flags,
		 IMAGE_MAP_READ | IMAGE_MAP_EXEC | IMAGE_MAP_MAYWRITE | IMAGE_MAP_GROWSDOWN);
	CHECK_EQ(maps.map[3].flags,
		 IMAGE_MAP_READ | IMAGE_MAP_WRITE | IMAGE_MAP_MAYWRITE | IMAGE_MAP_DONTFORK |
			 IMAGE_MAP_WIPEONFORK | IMAGE_MAP_DONTDUMP | IMAGE_MAP_HUGEPAGE |
			 IMAGE_MAP_NOHUGEPAGE | IMAGE_MAP_MERGEABLE | IMAGE_MAP_NORESERVE |
			 IMAGE_MAP_SEQUENTIAL | IMAGE_MAP_RANDOM | IMAGE_MAP_LOCKONFAULT |
			 IMAGE_MAP_DROPPABLE | IMAGE_MAP_SEALED);
	CHECK(strcmp(maps.map[3].label, "a name") == 0);
	CHECK(!maps.map[0].label[0] && !maps.map[1].label[0]);
	end();
}

/* Each flag that no image carries is refused by its name; so is one that is newer than the table. */
/* Each private one is memory of its own; shared ones have an object, whose number no other file system has. */
static void test_huge(void)
{
	begin();
	CHECK_EQ(read_list("40000000-40400000 rw-p 00000000 00:11 7 /anon_hugepage (deleted)\n"
			   "KernelPageSize:     2048 kB\nVmFlags: rd wr mr mw me de ht\n"
			   "80000000-c0000000 rw-s 00000000 00:11 8 /anon_hugepage (deleted)\n"
			   "KernelPageSize:  1048576 kB\nVmFlags: rd wr sh mr mw me ms de ht\n",
			   &nothing, NULL),
		 0);
	CHECK_EQ(maps.count, 2);
	CHECK(maps.map[0].kind == IMAGE_MAP_ANON &&
	      (maps.map[0].flags & IMAGE_MAP_HUGE) == IMAGE_MAP_HUGE_2M);
	CHECK(maps.map[1].kind == IMAGE_MAP_SHARED_ANON &&
	      (maps.map[1].flags & IMAGE_MAP_HUGE) == IMAGE_MAP_HUGE_1G);
	CHECK_EQ(maps.map[1].object, 8 | MAPS_HUGE_MEMORY);
	CHECK(memories_find(&memories, 8 | MAPS_HUGE_MEMORY));
	CHECK(image_map_ok(&maps.map[0]) && image_map_ok(&maps.map[1]));
	maps.map[0].end += IMAGE_PAGE;
	CHECK(!image_map_ok(&maps.map[0]));
	CHECK(read_list("40000000-40010000 rw-p 00000000 00:11 7 /anon_hugepage (deleted)\n"
			"KernelPageSize:       64 kB\nVmFlags: rd wr mr mw me de ht\n",
			&nothing, NULL) < 0);
	CHECK(read_list("40000000-40200000 rw-s 00000000 00:11 7 /SYSV00000000 (deleted)\n"
			"KernelPageSize:     2048 kB\nVmFlags: rd wr sh mr mw me ms de ht\n",
			&nothing, NULL) < 0);
	end();
}

static void test_flags_refused(void)
{
	static const struct {
		const char *flag, *what;
	} refused[] = {
		{ "ss", "a shadow stack" },
		{ "um", "a range watched by userfaultfd" },
		{ "uw", "a range watched by userfaultfd" },
		{ "ui", "a range watched by userfaultfd" },
		{ "pf", "memory of a device" },
		{ "io", "memory of a device" },
		{ "mm", "memory of a device" },
		{ "sf", "persistent memory" },
		{ "mt", "memory with tags" },
		{ "zz", "a mapping of an unknown kind" },
	};
	char flags[40];

	begin();
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(flags, sizeof(flags), "rd wr %s me", refused[i].flag);
		int r = read_one("1000-3000 rw-p 00000000 00:00 0 ", flags);

		CHECK(is_refusal(r, &refusal, EDVSPROCSTS, refused[i].what));
		CHECK(strstr(refusal.reason, "at 0x1000-0x3000"));
	}
	end();
}

static void test_kinds_refused(void)
{
	static const struct {
		const char *line, *what;
	} refused[] = {
		{ "1000-2000 rw-s 00000000 00:00 0 ", "a shared mapping without an object" },
		{ "1000-2000 rw-p 00000000 00:00 0 [of_tomorrow]", "an unknown kind" },
		{ "1000-2000 rw-s 00000000 00:01 7 /i915 (deleted)", "a graphics card" },
		{ "1000-2000 rw-s 00000000 00:01 7 anon_inode:[io_uring]", "a kernel object" },
		{ "1000-2000 rw-s 00000000 00:01 7 socket:[7]", "a mapping of a socket" },
		{ "1000-2000 rw-p 00000000 00:01 7 /dev/zero (deleted)",
		  "a private mapping of shared memory" },
	};

	begin();
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		CHECK(is_refusal(read_one(refused[i].line, "rd"), &refusal, EDVSPROCSTS,
				 refused[i].what));
	made_proc_text(&made, "smaps",
		       "1000-2000 rw-p 00000000 00:00 0 \nProtectionKey:  3\nVmFlags: rd\n");
	refusal = REFUSAL_NONE;
	CHECK(is_refusal(maps_read(&maps, made.dir, &objects, &nothing, NULL, &buffer, &refusal),
			 &refusal, EDVSPROCSTS, "memory with a protection key"));
	end();
}

/* A process that has no memory is ending; one whose list cannot be read has ended. */
static void test_none(void)
{
	begin();
	CHECK(is_refusal(read_list("", &nothing, NULL), &refusal, EDVSSRCH, "it is ending"));
	/* The kernel's page for all is no memory of the process. */
	CHECK(is_refusal(read_one("ffffffffff600000-ffffffffff601000 --xp 0 00:00 0 [vsyscall]",
				  "ex"),
			 &refusal, EDVSSRCH, "it is ending"));
	made_proc_unlink(&made, "smaps");
	refusal = REFUSAL_NONE;
	CHECK(is_refusal(maps_read(&maps, made.dir, &objects, &nothing, NULL, &buffer, &refusal),
			 &refusal, EDVSSRCH, "has ended"));
	end();
}

/* The kernel's own are kept by name, for the target to have the same; a sealed one cannot be moved there. */
static void test_special(void)
{
	char text[TEXT_BYTES] = "";

	begin();
	CHECK_EQ(read_list("1000-5000 r--p 00000000 00:00 0 [vvar]\nVmFlags: rd io pf\n"
			   "5000-6000 r--p 00000000 00:00 0 [vvar_vclock]\nVmFlags: rd io\n"
			   "6000-8000 r-xp 00000000 00:00 0 [vdso]\nVmFlags: rd ex\n",
			   &nothing, NULL),
		 0);
	CHECK(maps.count == 3 && maps.special_count == 3);
	const struct image_special *vdso = maps_special(&maps, "vdso");

	CHECK(vdso && vdso->start == 0x6000 && vdso->length == 0x2000);
	CHECK(maps_special(&maps, "vvar") == &maps.special[0]);
	CHECK(maps_special(&maps, "vvar_vclock") == &maps.special[1]);
	CHECK(!maps_special(&maps, "vd") && !maps_special(&maps, "[vdso]"));
	CHECK(maps.map[2].kind == IMAGE_MAP_SPECIAL && maps.map[2].object == 2);
	CHECK(is_refusal(read_one("6000-8000 r-xp 00000000 00:00 0 [vdso]", "rd ex sl"), &refusal,
			 EDVSPROCSTS, "a vdso that the kernel has sealed"));
	for (unsigned i = 0; i <= IMAGE_SPECIALS; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%x000-%x000 r--p 0 00:00 0 [vvar]\nVmFlags: rd\n", i + 1, i + 2);
	CHECK(is_refusal(read_list(text, &nothing, NULL), &refusal, EDVSPROCSTS,
			 "one kernel mapping too many"));
	end();
}

static void test_text(void)
{
	static const char text[] = "1000-2000 r-xp 00000000 08:01 77 /a\n"
				   "2000-3000 rw-p 00001000 08:01 77 /a\n"
				   "3000-4000 rw-s 00000000 08:01 78 /b 08:01 77 \n"
				   "4000-5000 r--s 00000000 08:01 79 /c\n"
				   "5000-6000 rw-s 00000000 08:01 79 /c\n";
	const uint64_t device = os_device(8, 1);

	CHECK(maps_text_has(text, device, 77, false) && maps_text_has(text, device, 78, false));
	CHECK(!maps_text_has(text, device, 7, false) &&
	      !maps_text_has(text, device + 1, 77, false));
	CHECK(maps_text_has(text, device, 78, true) && maps_text_has(text, device, 79, true));
	CHECK(!maps_text_has("1000-2000 rw-p 00000000 08:01 77 /a\n", device, 77, true));
}

/* Each object once, in whole pages, at the largest size seen. An object that is gone ends where it is mapped. */
static void test_shared(void)
{
	begin();
	CHECK_EQ(read_list("1000-3000 rw-s 00000000 00:01 9 /dev/zero (deleted)\nVmFlags: rd sh\n"
			   "3000-4000 rw-s 00005000 00:01 9 /dev/zero (deleted)\nVmFlags: rd sh\n"
			   "8000-9000 rw-s 00000000 00:01 4 [anon_shmem:mine]\nVmFlags: rd sh\n",
			   &nothing, NULL),
		 0);
	CHECK(maps.count == 3 && memories.count == 2);
	CHECK(memories.memory[0].id == 4 && memories.memory[0].bytes == 0x1000);
	CHECK(memories.memory[1].id == 9 && memories.memory[1].bytes == 0x6000);
	CHECK(memories_find(&memories, 9) == &memories.memory[1] && !memories_find(&memories, 5));
	CHECK(maps.map[0].kind == IMAGE_MAP_SHARED_ANON && maps.map[0].object == 9);
	CHECK_EQ(maps.map[1].offset, 0x5000);
	CHECK(strcmp(maps.map[2].label, "mine") == 0);
	/* The object itself says how large it is. */
	made_proc_text(&made, "map_files/1000-3000", "not a whole page");
	CHECK_EQ(read_one("1000-3000 rw-s 00000000 00:01 9 /dev/zero (deleted)", "rd sh"), 0);
	CHECK(memories.count == 1 && memories.memory[0].bytes == IMAGE_PAGE);
	/* A System V segment, also the first one, whose number is 0. */
	for (int id = 0; id < 2; id++) {
		CHECK_EQ(read_one(id ? "8000-9000 r--s 00001000 00:01 1 /SYSV00000051 (deleted)"
				     : "8000-9000 r--s 00001000 00:01 0 /SYSV00000051 (deleted)",
				  "rd sh"),
			 0);
		CHECK(maps.map[0].kind == IMAGE_MAP_SHARED_ANON && maps.map[0].offset == 0x1000);
		CHECK_EQ(maps.map[0].object, sysv_memory_of(id));
		CHECK(memories.count == 1 && memories.memory[0].id == sysv_memory_of(id));
	}
	end();
}

/* The engine's own mapping inside the process is left out; whether it is locked is told. */
static void test_own_mapping(void)
{
	static const char text[] = "1000-2000 rw-p 00000000 00:00 0 \nVmFlags: rd %s\n"
				   "5000-6000 rw-p 00000000 00:00 0 \nVmFlags: rd\n";
	struct maps_skip skip = { .start = 0x1000, .bytes = 0x1000 };
	char locked[sizeof(text)], free[sizeof(text)];

	begin();
	snprintf(locked, sizeof(locked), text, "lo");
	snprintf(free, sizeof(free), text, "mw");
	CHECK_EQ(read_list(locked, &nothing, &skip), 0);
	CHECK(skip.locked && maps.count == 1 && maps.map[0].start == 0x5000);
	CHECK_EQ(read_list(free, &nothing, &skip), 0);
	CHECK(!skip.locked && maps.count == 1);
	end();
}

static bool identify(void *ctx, uint64_t device, uint64_t inode, struct foreign_name *name)
{
	(void)ctx;
	memset(name->bytes, 0x5a, sizeof(name->bytes));
	return device == os_device(0xfd, 1) && inode == 44;
}

static bool recall(void *ctx, int fd, struct foreign_name *name)
{
	char text[8] = "";

	(void)ctx;
	memset(name->bytes, 0x77, sizeof(name->bytes));
	return read(fd, text, sizeof(text) - 1) > 0 && strcmp(text, "ours") == 0;
}

static void test_foreign(void)
{
	const struct migrate_host host = { .identify = identify, .recall = recall };

	begin();
	made_proc_text(&made, "map_files/3000-4000", "ours");
	CHECK_EQ(read_list("1000-2000 rw-s 00002000 fd:01 44 /memfd:page (deleted)\nVmFlags: rd\n"
			   "3000-4000 rw-s 00000000 00:01 9 /memfd:old (deleted)\nVmFlags: rd\n",
			   &host, NULL),
		 0);
	CHECK(maps.count == 2 && files.count == 0);
	CHECK(maps.map[0].kind == IMAGE_MAP_FOREIGN && maps.map[0].name[31] == 0x5a);
	CHECK_EQ(maps.map[0].offset, 0x2000);
	CHECK(maps.map[1].kind == IMAGE_MAP_FOREIGN && maps.map[1].name[0] == 0x77);
	end();
}

/* Files are found by path; a name with a backslash says nothing for certain, so its link is read. */
static void test_files(void)
{
	char path[64], line[256];
	struct os_status status;

	begin();
	made_proc_link(&made, "root", "/");
	made_proc_text(&made, "a b", "mapped");
	CHECK_EQ(os_status_at(made.dir, "a b", &status), 0);
	snprintf(path, sizeof(path), "%s/a b", made.folder);
	snprintf(line, sizeof(line), "1000-2000 r--s 00001000 00:01 %llu          %s",
		 (unsigned long long)status.inode, path);
	CHECK_EQ(read_one(line, "rd sh mw"), 0);
	CHECK(files.count == 1 && strcmp(files.file[0].path, path) == 0);
	CHECK_EQ(files.file[0].image.use, IMAGE_FILE_MAPPED | IMAGE_FILE_WRITTEN);
	CHECK(maps.map[0].kind == IMAGE_MAP_FILE && maps.map[0].object == files.file[0].image.id);
	CHECK_EQ(maps.map[0].offset, 0x1000);
	files_clear(&files);
	CHECK_EQ(read_one(line, "rd sh"), 0);
	CHECK_EQ(files.file[0].image.use, IMAGE_FILE_MAPPED); /* it can never write */
	snprintf(line, sizeof(line), "1000-2000 r--s 00000000 00:01 %llu /what\\012ever",
		 (unsigned long long)status.inode);
	CHECK(is_refusal(read_one(line, "rd"), &refusal, EDVSPROCSTS, "cannot be named"));
	made_proc_link(&made, "map_files/1000-2000", path);
	files_clear(&files);
	CHECK_EQ(read_one(line, "rd"), 0);
	CHECK(files.count == 1 && strcmp(files.file[0].path, path) == 0);
	end();
}

/* A gap keeps a distance from the mappings of both, and from the kernel's own. */
static void test_gap(void)
{
	const uint64_t bytes = 1 << 20, guard = 0x10000000;
	struct maps other = { 0 };
	uint64_t first = maps_find_gap(&maps, NULL, bytes);
	struct image_map map = { .start = first + bytes + guard - 1,
				 .end = first + bytes + guard + IMAGE_PAGE };

	CHECK(first && maps_is_free(&maps, first, bytes));
	CHECK_EQ(maps_append(&maps, &map), 0);
	CHECK(!maps_is_free(&maps, first, bytes));
	uint64_t second = maps_find_gap(&maps, &other, bytes);

	CHECK(second > map.end + guard);
	CHECK_EQ(maps_find_gap(&other, &maps, bytes), second);
	other.special[other.special_count++] =
		(struct image_special){ .start = second, .length = IMAGE_PAGE };
	CHECK(maps_find_gap(&maps, &other, bytes) > second);
	/* None is as large as this, or goes on beyond the last address. */
	CHECK_EQ(maps_find_gap(&other, NULL, IMAGE_ADDRESS_END), 0);
	CHECK_EQ(maps_find_gap(&other, NULL, ~0ull), 0);
	map = (struct image_map){ .start = 0x400000000000, .end = 0x400000001000 };
	CHECK_EQ(maps_append(&maps, &map), 0);
	CHECK_EQ(maps_find_gap(&maps, NULL, 0x400000000000), 0);
	CHECK(maps_find_gap(&maps, NULL, 0x200000000000));
	map = (struct image_map){ .start = IMAGE_PAGE, .end = IMAGE_ADDRESS_END };
	CHECK_EQ(maps_append(&maps, &map), 0);
	CHECK_EQ(maps_find_gap(&maps, NULL, bytes), 0);
	maps_free(&maps);
}

int main(void)
{
	TEST(test_anonymous);
	TEST(test_huge);
	TEST(test_flags_refused);
	TEST(test_kinds_refused);
	TEST(test_none);
	TEST(test_special);
	TEST(test_text);
	TEST(test_shared);
	TEST(test_own_mapping);
	TEST(test_foreign);
	TEST(test_files);
	TEST(test_gap);
	return test_end();
}
