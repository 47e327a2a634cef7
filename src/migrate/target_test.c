/* SPDX-License-Identifier: Apache-2.0 */
/* The target's side of a move: hosts that cannot start a shell, streams that end or lie, and that nothing is left. */
#include "migrate/migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/fault.h"
#include "migrate/inventory.h"
#include "migrate/made_proc_test.h"
#include "migrate/offer.h"
#include "migrate/over_test.h"
#include "migrate/played_test.h"
#include "migrate/stream.h"

static const struct migrate_host nothing;
static int offered; /* a stream */

/* The offer of a process with number 7 that has the kernel's mappings of this one, and no other memory. */
static void make_offer(void)
{
	struct tables tables = { 0 };
	struct inventory inventory;
	struct refusal refusal = REFUSAL_NONE;
	const struct image_member member = { .vpid = 7, .session = 7, .group = 7 };
	struct writer writer;

	offered = memfd_create("offer", MFD_CLOEXEC);
	CHECK_EQ(inventory_open(&inventory, getpid(), &tables, &refusal), 0);
	CHECK_EQ(maps_read(&inventory.maps, inventory.dir, NULL, &nothing, NULL, &inventory.text,
			   &refusal),
		 0);
	for (uint32_t i = 0; i < inventory.maps.count; i++)
		inventory.maps.map[i].kind = IMAGE_MAP_ANON;
	inventory.process.vpid = 7;
	inventory.thread_count = 1;
	struct inventory *one = &inventory;
	const struct inventories all = { &one, 1, &tables };

	CHECK_EQ(writer_init(&writer, over(offered)), 0);
	CHECK_EQ(members_append(&tables.members, &member), 0);
	CHECK_EQ(offer_write(&all, &writer, &refusal), 0);
	writer_deinit(&writer);
	inventory_close(&inventory);
	tables_free(&tables);
}

static int check(const struct migrate_host *host, struct refusal *refusal)
{
	struct migrate_target *target = migrate_target_new(host);

	*refusal = REFUSAL_NONE;
	CHECK_EQ(lseek(offered, 0, SEEK_SET), 0);
	int r = migrate_target_check(target, over(offered), refusal);

	CHECK(migrate_target_stats(target)->offer_bytes || r == EDVSGENERIC);
	migrate_target_free(target);
	return r;
}

static int spawn_result, wanted_vpid;

static int spawn_nothing(void *ctx, int vpid, pid_t *lpid, int *sock)
{
	(void)ctx, (void)lpid, (void)sock;
	wanted_vpid = vpid;
	return spawn_result;
}

static void test_no_shell(void)
{
	const struct migrate_host host = { .spawn_shell = spawn_nothing };
	struct refusal refusal;

	make_offer();
	CHECK(is_refusal(check(&nothing, &refusal), &refusal, EDVSNOSYS,
			 "the target cannot start processes"));
	spawn_result = -EEXIST;
	CHECK(is_refusal(check(&host, &refusal), &refusal, EDVSBADPID,
			 "process number 7 is taken on the target"));
	CHECK_EQ(wanted_vpid, 7);
	spawn_result = -EAGAIN;
	CHECK(is_refusal(check(&host, &refusal), &refusal, EDVSAGAIN,
			 "cannot start a process with number 7: Resource temporarily"));
	spawn_result = -EMFILE;
	CHECK(is_refusal(check(&host, &refusal), &refusal, EDVSMFILE,
			 "cannot start a process with number 7: Too many open files"));
	close(offered);
}

static int shell_end;

static int spawn_silent(void *ctx, int vpid, pid_t *lpid, int *sock)
{
	int ends[2];

	(void)ctx, (void)vpid;
	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	*lpid = 0x7fffffff;
	*sock = ends[0];
	shell_end = ends[1];
	if (spawn_result == 1)
		CHECK_EQ(write(shell_end, "", 1), 1); /* it says that it runs */
	if (spawn_result != 2)
		close(shell_end);
	return 0;
}

/* A shell that ends before it has begun to run, or after it; and one that does not say a word. */
static void test_shell_ends(void)
{
	const struct migrate_host host = { .spawn_shell = spawn_silent };
	struct refusal refusal;

	make_offer();
	spawn_result = 0;
	CHECK(is_refusal(check(&host, &refusal), &refusal, EDVSPROCSTS,
			 "the process shell on the target has ended"));
	spawn_result = 1;
	CHECK(is_refusal(check(&host, &refusal), &refusal, EDVSPROCSTS,
			 "the process shell on the target has ended"));
	spawn_result = 2;
	CHECK(is_refusal(check(&host, &refusal), &refusal, EDVSPROCSTS,
			 "the process shell on the target does not begin: Connection timed out"));
	close(shell_end);
	close(offered);
}

static void test_damaged_offer(void)
{
	struct refusal refusal;
	struct stat status;

	make_offer();
	spawn_result = -EEXIST;
	const struct migrate_host host = { .spawn_shell = spawn_nothing };

	wanted_vpid = 0;
	CHECK(fstat(offered, &status) == 0 && ftruncate(offered, status.st_size - 8) == 0);
	CHECK(is_refusal(check(&host, &refusal), &refusal, EDVSIO, "ended early"));
	CHECK_EQ(pwrite(offered, "damage", 6, 40), 6);
	CHECK_EQ(check(&host, &refusal), EDVSIO);
	CHECK_EQ(wanted_vpid, 0); /* nothing was started */
	setenv("DVS_FAULT", "target_check", 1);
	CHECK_EQ(check(&host, &refusal), EDVSGENERIC);
	unsetenv("DVS_FAULT");
	close(offered);
}

/* ---- a whole process ---- */

static struct played played;
static struct migrate_target *target;
static struct stage_side there;
static struct migrate_host host_there;
static int offer_stream;

/* The streams of a source are in files; its process still holds still. */
static bool begin(void)
{
	if (!getenv("DVS_SHELL")) {
		test_skip("needs DVS_SHELL");
		return false;
	}
	if (!played_begin(&played))
		return false;
	offer_stream = memfd_create("offer", MFD_CLOEXEC);
	int r = migrate_source_check(played.source, &played.refusal);

	if (r == 0)
		r = migrate_source_offer(played.source, over(offer_stream), &played.refusal);
	if (r == 0)
		r = migrate_source_freeze(played.source, &played.refusal);
	if (r == 0)
		r = migrate_source_send(played.source, over(played.stream), &played.refusal);
	CHECK_EQ(r, 0);
	there = (struct stage_side){ .stage = &played.stage, .side = 1 };
	host_there = stage_host(&there);
	return r == 0;
}

static void end(void)
{
	close(offer_stream);
	played_end(&played);
}

static int check_there(void)
{
	target = migrate_target_new(&host_there);
	played.refusal = REFUSAL_NONE;
	CHECK_EQ(lseek(offer_stream, 0, SEEK_SET), 0);
	return migrate_target_check(target, over(offer_stream), &played.refusal);
}

static bool is_nothing_left(void)
{
	for (int i = 0; i < 2000; i++, usleep(1000))
		if (!stage_find(&played.stage, 1, PLAYED_VPID))
			return true;
	return false;
}

/* Rebuilt, it does not run before it is told to; then it is the process, with its number. */
static void test_whole(void)
{
	uint64_t resumed_ns = 0;

	if (!begin())
		return;
	CHECK_EQ(check_there(), 0);
	pid_t pid = migrate_target_pid(target), tgid = 0;

	CHECK_EQ(pid, stage_find(&played.stage, 1, PLAYED_VPID));
	CHECK_EQ(migrate_target_load(target, over(played_again(&played)), &played.refusal), 0);
	const struct migrate_stats *stats = migrate_target_stats(target),
				   *sent = migrate_source_stats(played.source);

	CHECK(stats->image_bytes == sent->image_bytes && stats->page_count == sent->page_count);
	CHECK(stats->fd_count == sent->fd_count && stats->thread_count == 1);
	CHECK_EQ(migrate_target_task(target, PLAYED_VPID, &tgid), pid);
	CHECK_EQ(tgid, pid);
	CHECK_EQ(migrate_target_task(target, PLAYED_VPID + 1, &tgid), 0);
	usleep(10000);
	CHECK_EQ(stage_state(pid), 't');
	CHECK_EQ(migrate_target_resume(target, &resumed_ns, &played.refusal), 0);
	CHECK(resumed_ns && resumed_ns == migrate_target_stats(target)->resume_ns);
	for (int i = 0; i < 2000 && stage_state(pid) != 'S'; i++)
		usleep(1000);
	CHECK_EQ(stage_state(pid), 'S');
	migrate_target_free(target);
	CHECK_EQ(stage_find(&played.stage, 1, PLAYED_VPID), pid); /* it is nobody's to discard */
	end();
}

static void test_discarded(void)
{
	if (!begin())
		return;
	CHECK_EQ(check_there(), 0);
	CHECK_EQ(migrate_target_load(target, over(played_again(&played)), &played.refusal), 0);
	migrate_target_discard(target);
	CHECK(is_nothing_left());
	migrate_target_discard(target); /* nothing is left to do */
	migrate_target_free(target);
	migrate_target_free(NULL);
	end();
}

/* The number is taken by the first one, so that a second one is refused; and it is free again after that. */
static void test_taken(void)
{
	struct migrate_target *first;

	if (!begin())
		return;
	CHECK_EQ(check_there(), 0);
	first = target;
	CHECK(is_refusal(check_there(), &played.refusal, EDVSBADPID, "is taken on the target"));
	migrate_target_free(target);
	migrate_target_free(first);
	CHECK(is_nothing_left());
	CHECK_EQ(check_there(), 0);
	migrate_target_free(target);
	CHECK(is_nothing_left());
	end();
}

/* A shell that is cleared before the load is not cleared again, and the load tells of a failure of before. */
static void test_cleared_before(void)
{
	struct refusal refusal = REFUSAL_NONE;

	if (!begin())
		return;
	CHECK_EQ(check_there(), 0);
	CHECK_EQ(migrate_target_clear(target, &played.refusal), 0);
	setenv("DVS_FAULT", fault_name(FAULT_TARGET_CLEARED), 1);
	CHECK_EQ(migrate_target_clear(target, &played.refusal), 0);
	CHECK_EQ(migrate_target_load(target, over(played_again(&played)), &played.refusal), 0);
	migrate_target_free(target);
	CHECK(is_nothing_left());
	CHECK_EQ(check_there(), 0);
	CHECK_EQ(migrate_target_clear(target, &refusal), EDVSGENERIC);
	unsetenv("DVS_FAULT");
	CHECK_EQ(migrate_target_load(target, over(played_again(&played)), &played.refusal),
		 EDVSGENERIC);
	CHECK(is_nothing_left());
	migrate_target_free(target);
	end();
}

/* At each rung that fails, and for a stream that ends early, the shell is gone. */
static void test_undone(void)
{
	struct stat status;

	if (!begin())
		return;
	for (int point = FAULT_TARGET_SHELL; point < FAULT_COUNT; point++) {
		const char *name = fault_name((enum fault_point)point);

		setenv("DVS_FAULT", name, 1);
		int r = check_there();

		if (r == 0)
			r = migrate_target_load(target, over(played_again(&played)),
						&played.refusal);
		unsetenv("DVS_FAULT");
		CHECK(is_refusal(r, &played.refusal, EDVSGENERIC, name));
		CHECK(is_nothing_left());
		migrate_target_free(target);
	}
	CHECK_EQ(fstat(played.stream, &status), 0);
	for (off_t cut = 8; cut < status.st_size; cut *= 8) {
		CHECK_EQ(ftruncate(played.stream, status.st_size - cut), 0);
		CHECK_EQ(check_there(), 0);
		CHECK(is_refusal(migrate_target_load(target, over(played_again(&played)),
						     &played.refusal),
				 &played.refusal, EDVSIO, "ended early"));
		CHECK(is_nothing_left());
		migrate_target_free(target);
	}
	end();
}

/* Rewrites the stream, record by record, with a right checksum. */
static void rewrite(void (*change)(enum image_type type, void *payload, uint32_t length))
{
	static uint8_t record[IMAGE_RECORD_MAX];
	int changed = memfd_create("changed", MFD_CLOEXEC);
	struct refusal refusal = REFUSAL_NONE;
	struct writer writer;
	struct reader reader;
	const void *payload;

	CHECK_EQ(reader_init(&reader, over(played_again(&played))), 0);
	CHECK_EQ(writer_init(&writer, over(changed)), 0);
	while (!reader.over && reader_next(&reader, &payload, &refusal) == 0 &&
	       reader.type != IMAGE_END) {
		memcpy(record, payload, reader.length);
		change(reader.type, record, reader.length);
		writer_put(&writer, reader.type, record, reader.length);
	}
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
	reader_deinit(&reader);
	close(played.stream);
	played.stream = changed;
}

static void of_another(enum image_type type, void *payload, uint32_t length)
{
	(void)length;
	if (type == IMAGE_PROCESS)
		((struct image_process *)payload)->vpid++;
}

static void elsewhere(enum image_type type, void *payload, uint32_t length)
{
	(void)length;
	if (type == IMAGE_PAGES)
		((struct image_pages *)payload)->address = 16 * IMAGE_PAGE;
}

static void too_few(enum image_type type, void *payload, uint32_t length)
{
	(void)length;
	if (type == IMAGE_PAGES)
		((struct image_pages *)payload)->count++;
}

static void hostile(void (*change)(enum image_type, void *, uint32_t), const char *words)
{
	if (!begin())
		return;
	rewrite(change);
	CHECK_EQ(check_there(), 0);
	CHECK(is_refusal(migrate_target_load(target, over(played_again(&played)), &played.refusal),
			 &played.refusal, EDVSIO, words));
	CHECK(is_nothing_left());
	migrate_target_free(target);
	end();
}

static void test_hostile(void)
{
	hostile(of_another, "the image is of another process");
	hostile(elsewhere, "pages outside the memory of the process");
	hostile(too_few, "the image is damaged: its pages");
}

int main(void)
{
	TEST(test_no_shell);
	TEST(test_shell_ends);
	TEST(test_damaged_offer);
	TEST(test_whole);
	TEST(test_discarded);
	TEST(test_taken);
	TEST(test_cleared_before);
	TEST(test_undone);
	TEST(test_hostile);
	return test_end();
}
