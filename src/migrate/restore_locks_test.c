/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that take locks. That the target waits for the source is shown by the victim file_locks. */
#include "migrate/restore.h"

#include <sys/file.h>

#include "base/test.h"
#include "migrate/kind.h"
#include "migrate/restore_test.h"

static void begin(enum image_lock_owner owner, bool exclusive)
{
	const struct image_description image = { .id = 1, .kind = IMAGE_DESCRIPTION_EVENTFD };
	const struct image_fd fd = { .number = 5, .description = 1 };
	const struct image_lock lock = {
		.number = 5, .owner = owner, .exclusive = exclusive, .start = 10, .length = 20
	};

	restore_begin();
	CHECK(descriptions_add(&restore->picture.tables->descriptions, &image,
			       kind_of(image.kind)));
	CHECK_EQ(descriptors_append(&restore->picture.descriptors, &fd), 0);
	CHECK_EQ(locks_append(&restore->picture.descriptors.locks, &lock), 0);
}

static void check_range(enum image_lock_owner owner, int command, bool exclusive)
{
	begin(owner, exclusive);
	CHECK(restore_listed(restore_locks(restore, &restore_refusal)));
	const struct call *call = restore_call(0, SYS_fcntl);
	const struct flock *range = restore_data(call->arg[2]);

	CHECK(call->arg[0] == 5 && call->arg[1] == (uint64_t)command);
	CHECK(range->l_type == (exclusive ? F_WRLCK : F_RDLCK) && range->l_whence == SEEK_SET &&
	      range->l_start == 10 && range->l_len == 20);
	restore_end();
}

static void test_ranges(void)
{
	check_range(IMAGE_LOCK_PROCESS, F_SETLK, false);
	check_range(IMAGE_LOCK_PROCESS, F_SETLK, true);
	check_range(IMAGE_LOCK_DESCRIPTION, F_OFD_SETLK, true);
}

static void test_whole(void)
{
	begin(IMAGE_LOCK_DESCRIPTION_ALL, true);
	CHECK(restore_listed(restore_locks(restore, &restore_refusal)));
	CHECK_EQ(restore_call(0, SYS_flock)->arg[1], LOCK_EX | LOCK_NB);
	restore_end();
	begin(IMAGE_LOCK_DESCRIPTION_ALL, false);
	CHECK(restore_listed(restore_locks(restore, &restore_refusal)));
	CHECK_EQ(restore_call(0, SYS_flock)->arg[1], LOCK_SH | LOCK_NB);
	restore_end();
}

/* The locks of a description that was taken over came with it; those of the process did not. */
static void test_taken_over(void)
{
	begin(IMAGE_LOCK_DESCRIPTION_ALL, true);
	restore->picture.tables->descriptions.description[0].is_taken_over = true;
	CHECK_EQ(restore_locks(restore, &restore_refusal), 0);
	CHECK(!restore->calls.count && !restore->lock_lacks);
	restore_end();
	begin(IMAGE_LOCK_PROCESS, true);
	restore->picture.tables->descriptions.description[0].is_taken_over = true;
	CHECK(restore_listed(restore_locks(restore, &restore_refusal)));
	restore_end();
}

/* One that is to be given up is not asked for: it comes with its description. */
static void test_breaking(void)
{
	begin(IMAGE_LOCK_LEASE, false);
	restore->picture.descriptors.locks.lock[0].awaited = -1;
	CHECK(is_refusal(restore_locks(restore, &restore_refusal), &restore_refusal, EDVSBUSY,
			 "wants to end the lease"));
	CHECK_EQ(restore->calls.count, 0);
	restore_refusal = REFUSAL_NONE;
	restore->picture.tables->descriptions.description[0].is_taken_over = true;
	CHECK_EQ(restore_locks(restore, &restore_refusal), 0);
	restore_end();
}

int main(void)
{
	TEST(test_ranges);
	TEST(test_whole);
	TEST(test_taken_over);
	TEST(test_breaking);
	return test_end();
}
