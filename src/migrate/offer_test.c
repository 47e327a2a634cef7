/* SPDX-License-Identifier: Apache-2.0 */
/* Offers as this very machine makes them, and as a hostile source would, compared with one process. */
#include "migrate/offer.h"
#include "migrate/carry.h"
#include "migrate/over_test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "os/sleeper_test.h"

/* A process that stands still, as a shell that is to become what was offered: its maps are read more than once. */
struct side {
	pid_t pid;
	struct inventory inventory;
	struct tables tables;
	struct offer offer;
	int root;
};

static struct carried no_files = { .folder = -1 };

static void begin(struct side *side)
{
	static const struct migrate_host nothing;
	struct refusal refusal = REFUSAL_NONE;
	const struct image_member member = { .vpid = 7, .session = 7, .group = 7 };
	struct writer writer;
	struct reader reader;
	int stream = memfd_create("offer", MFD_CLOEXEC);

	memset(side, 0, sizeof(*side));
	side->pid = sleeper();
	side->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_EQ(inventory_open(&side->inventory, side->pid, &side->tables, &refusal), 0);
	CHECK_EQ(maps_read(&side->inventory.maps, side->inventory.dir, NULL, &nothing, NULL,
			   &side->inventory.text, &refusal),
		 0);
	/* Its files are not known then: all that is compared are the kernel's mappings. */
	for (uint32_t i = 0; i < side->inventory.maps.count; i++)
		side->inventory.maps.map[i].kind = IMAGE_MAP_ANON;
	side->inventory.process.vpid = 7;
	side->inventory.thread_count = 1;
	side->inventory.own_kb = 5;
	side->inventory.shared_kb = 3;
	struct inventory *one = &side->inventory;
	const struct inventories all = { &one, 1, &side->tables };

	CHECK_EQ(writer_init(&writer, over(stream)), 0);
	CHECK_EQ(members_append(&side->tables.members, &member), 0);
	CHECK_EQ(offer_write(&all, &writer, &refusal), 0);
	writer_deinit(&writer);
	lseek(stream, 0, SEEK_SET);
	CHECK_EQ(reader_init(&reader, over(stream)), 0);
	CHECK_EQ(offer_read(&side->offer, &reader, &refusal), 0);
	reader_deinit(&reader);
	close(stream);
}

static void end(struct side *side)
{
	offer_free(&side->offer);
	inventory_close(&side->inventory);
	tables_free(&side->tables);
	close(side->root);
	kill(side->pid, SIGKILL);
	waitpid(side->pid, NULL, 0);
}

/* Between two looks it has started another program, which has its vdso at another place. */
static void test_exchanged(void)
{
	static struct side side;
	struct refusal refusal = REFUSAL_NONE;
	struct writer writer;
	int stream = memfd_create("offer", MFD_CLOEXEC);

	begin(&side);
	struct inventory *one = &side.inventory;
	const struct inventories all = { &one, 1, &side.tables };

	CHECK_EQ(writer_init(&writer, over(stream)), 0);
	for (uint32_t i = 0; i < one->maps.special_count; i++)
		one->maps.special[i].start = IMAGE_PAGE;
	CHECK(is_refusal(offer_write(&all, &writer, &refusal), &refusal, EDVSBUSY,
			 "has just started another program; try again"));
	writer_deinit(&writer);
	close(stream);
	end(&side);
}

static int compare(struct side *side)
{
	struct refusal refusal = REFUSAL_NONE;

	/* As offer_read() leaves both. */
	memcpy(side->offer.maps.special, side->offer.task.special,
	       sizeof(side->offer.task.special));
	side->offer.maps.special_count = side->offer.task.special_count;
	return offer_compare(&side->offer, side->pid, side->root, &side->inventory.maps, &no_files,
			     &refusal);
}

static void test_same(void)
{
	struct side side;

	begin(&side);
	CHECK(offer_is_local(&side.offer));
	CHECK_EQ(compare(&side), 0);
	side.offer.machine.boot_id[3] ^= 1;
	CHECK(!offer_is_local(&side.offer));
	side.offer.machine.vdso_hash++;
	CHECK_EQ(compare(&side), EDVSPROCSTS);
	end(&side);
}

/* As many mappings of the kernel, and each is one of ours: but one of ours is not among them. */
static void test_name_twice(void)
{
	struct side side;

	begin(&side);
	CHECK_OR_RETURN(side.offer.task.special_count > 1);
	side.offer.task.special[0] = side.offer.task.special[1];
	CHECK_EQ(compare(&side), EDVSPROCSTS);
	end(&side);
}

static void test_other_kernel(void)
{
	struct side side;

	begin(&side);
	side.offer.task.special[0].length += IMAGE_PAGE;
	CHECK_EQ(compare(&side), EDVSPROCSTS);
	side.offer.task.special[0].length -= IMAGE_PAGE;
	side.offer.task.special_count--;
	CHECK_EQ(compare(&side), EDVSPROCSTS);
	end(&side);
}

/* The sentence tells how many there are: no machine has as many as this. */
static void test_huge_pages(void)
{
	struct refusal refusal = REFUSAL_NONE;
	struct side side;

	begin(&side);
	side.offer.task.huge_1g = UINT32_MAX;
	CHECK_EQ(offer_compare(&side.offer, side.pid, side.root, &side.inventory.maps, &no_files,
			       &refusal),
		 EDVSNOMEM);
	CHECK(strstr(refusal.reason, "huge pages of 1 GiB"));
	end(&side);
}

static void test_memory_files(void)
{
	struct {
		struct image_file head;
		char path[8];
	} image = { { .path_length = 8, .use = IMAGE_FILE_MEMORY }, "/memfd:" };
	struct refusal refusal = REFUSAL_NONE;
	struct rlimit limit, low;
	struct side side;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = (struct rlimit){ 8 * 1100, limit.rlim_max };
	if (limit.rlim_max < low.rlim_cur || setrlimit(RLIMIT_NOFILE, &low) < 0) {
		test_skip("fewer descriptors");
		return;
	}
	begin(&side);
	for (uint32_t i = 0; i < 1101; i++) {
		image.head.id = UINT32_MAX - 2000 + i;
		CHECK_EQ(files_add_record(&side.offer.tables.files, &image.head), 0);
	}
	CHECK_EQ(offer_compare(&side.offer, side.pid, side.root, &side.inventory.maps, &no_files,
			       &refusal),
		 EDVSPROCSTS);
	CHECK(strstr(refusal.reason, "1101 memory files"));
	end(&side);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* No machine has as much. */
static void test_memory(void)
{
	struct refusal refusal = REFUSAL_NONE;
	struct side side;

	begin(&side);
	CHECK_EQ(side.offer.task.memory_kb, 5 + 3);
	side.offer.task.memory_kb = UINT64_MAX - 1;
	CHECK_EQ(offer_compare(&side.offer, side.pid, side.root, &side.inventory.maps, &no_files,
			       &refusal),
		 EDVSNOMEM);
	CHECK(strstr(refusal.reason, "MiB to give (MemAvailable"));
	end(&side);
}

/* A machine of another release has other files and another kernel: the refusal names the file. */
static void test_other_release(void)
{
	static char path[] = "/no/such/library.so";
	struct file library = { .path = path };
	struct refusal refusal = REFUSAL_NONE;
	struct side side;

	begin(&side);
	CHECK_EQ(side.offer.tables.files.count, 0);
	side.offer.machine.vdso_hash++;
	side.offer.task.special[0].length += IMAGE_PAGE;
	side.offer.tables.files.file = &library;
	side.offer.tables.files.count = 1;
	CHECK_EQ(offer_compare(&side.offer, side.pid, side.root, &side.inventory.maps, &no_files,
			       &refusal),
		 EDVSNOENT);
	CHECK(strstr(refusal.reason, path));
	side.offer.tables.files = (struct files){ .count = 0 };
	end(&side);
}

int main(void)
{
	TEST(test_same);
	TEST(test_exchanged);
	TEST(test_name_twice);
	TEST(test_huge_pages);
	TEST(test_memory_files);
	TEST(test_memory);
	TEST(test_other_kernel);
	TEST(test_other_release);
	return test_end();
}
