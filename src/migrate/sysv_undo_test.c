/* SPDX-License-Identifier: Apache-2.0 */
/* The adjustments of a child in an IPC namespace of this program's own are read off, and are the child's as before. */
#include "migrate/sysv_undo.h"

#include <errno.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/held_test.h"
#include "migrate/made_proc_test.h"
#include "os/ipc_space.h"
#include "os/procdir.h"

#define VPID 7

static struct held held;
static struct sysv sysv;
static int set;

static void hold(void)
{
	struct sembuf some[] = { { 0, -2, SEM_UNDO }, { 1, 3, SEM_UNDO } };

	if (semop(set, some, 2))
		_exit(1);
	held_stay();
}

static struct sysv_object *begin(uint32_t count)
{
	const struct image_sysv image = { .kind = OS_SYSV_SEMAPHORES, .count = count };
	int dir = procdir_open(getpid());

	set = semget(IPC_PRIVATE, (int)count, 0600);
	CHECK(semctl(set, 0, SETVAL, 2) == 0);
	sysv.space = os_ipc_space_open(dir);
	sysv.sets = 1;
	close(dir);
	struct sysv_object *object = sysv_append(&sysv, &image);

	object->image.id = set;
	held.refusal = REFUSAL_NONE;
	return object;
}

static void end(void)
{
	semctl(set, 0, IPC_RMID);
	sysv_free(&sysv);
}

static void check_values(int first, int second)
{
	CHECK_EQ(semctl(set, 0, GETVAL), first);
	CHECK_EQ(semctl(set, 1, GETVAL), second);
}

static bool was_taken(struct sysv_object *object)
{
	const struct image_undo wanted[2] = { { VPID, 0, 2 }, { VPID, 1, -3 } };
	const uint16_t values[3] = { 0, 3, 0 };
	uint32_t at = 0, length = 0;

	contents_free(&object->contents);
	CHECK_EQ(contents_append(&object->contents, values, sizeof(values)), 0);
	CHECK_EQ(sysv_undo_take(&sysv, &held.calls, VPID, &held.refusal), 0);
	contents_next(&object->contents, &at, &length);
	const uint8_t *piece = contents_next(&object->contents, &at, &length);

	return piece && length == sizeof(wanted) && memcmp(piece, wanted, length) == 0 &&
	       !contents_next(&object->contents, &at, &length);
}

static void test_taken(void)
{
	struct sysv_object *object = begin(3);

	if (held_begin(&held, hold)) {
		check_values(0, 3);
		CHECK_EQ(sysv_undo_check(held.pid, &sysv, &held.refusal), 0);
		CHECK(was_taken(object));
		check_values(0, 3);
		CHECK(was_taken(object)); /* it has its list as before */
		check_values(0, 3);
		held_end(&held);
		check_values(2, 0);
	}
	end();
}

static void test_refused(void)
{
	struct sysv_object *object = begin(2);

	sysv.sets = 2;
	CHECK(held_start(&held, hold)); /* it has a list, which no other process has */
	CHECK(is_refusal(sysv_undo_check(held.pid, &sysv, &held.refusal), &held.refusal,
			 EDVSPROCSTS, "has sets of semaphores that do not move"));
	sysv.sets = 1;
	held.refusal = REFUSAL_NONE;
	object->image.count = 501;
	CHECK(is_refusal(sysv_undo_check(held.pid, &sysv, &held.refusal), &held.refusal,
			 EDVSPROCSTS, "a set has more than 500"));
	held_end(&held);
	end();
}

/* It came from outside. */
static void test_read(void)
{
	const struct image_sysv image = { .kind = OS_SYSV_SEMAPHORES, .count = 2 };
	struct image_undo undo[2] = { { VPID, 0, 1 }, { VPID, 1, -32767 } };

	CHECK(sysv_undo_ok(&image, undo, sizeof(undo)));
	CHECK(!sysv_undo_ok(&image, undo, 0) && !sysv_undo_ok(&image, undo, 9));
	undo[1].adjustment = INT16_MIN;
	CHECK(!sysv_undo_ok(&image, undo, sizeof(undo)));
	undo[0].adjustment = 0;
	CHECK(!sysv_undo_ok(&image, undo, sizeof(undo[0])));
	undo[0] = (struct image_undo){ VPID, 2, 1 };
	CHECK(!sysv_undo_ok(&image, undo, sizeof(undo[0])));
}

int main(void)
{
	TEST(test_read);
	if (unshare(CLONE_NEWIPC) < 0) {
		test_skip("this program cannot have an IPC namespace of its own here");
		return test_end();
	}
	TEST_OF_THREADS(test_taken);
	TEST(test_refused);
	return test_end();
}
