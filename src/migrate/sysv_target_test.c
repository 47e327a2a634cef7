/* SPDX-License-Identifier: Apache-2.0 */
/* Objects are made in the namespace of this program, which has one of its own. */
#include "migrate/sysv.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"

static struct sysv sysv;
static struct refusal refusal;
static int dir;

static struct sysv_object *add(enum os_sysv kind, uint32_t flags)
{
	const struct image_sysv image = { .kind = kind,
					  .id = 32768 + (int)sysv.count,
					  .key = 50 + (int)sysv.count,
					  .mode = 0600,
					  .flags = flags,
					  .count = 2,
					  .bytes = 100 };

	return sysv_append(&sysv, &image);
}

static void begin(void)
{
	static const struct {
		int64_t type;
		char text[3];
	} message = { 9, "ab" };
	static const uint16_t values[2] = { 3, 4 };

	add(OS_SYSV_MEMORY, 0);
	add(OS_SYSV_MEMORY, IMAGE_SYSV_REMOVED);
	contents_append(&add(OS_SYSV_SEMAPHORES, IMAGE_SYSV_USED)->contents, values, 4);
	contents_append(&add(OS_SYSV_QUEUE, 0)->contents, &message, 8 + 3);
}

static bool is_there(int index)
{
	struct shmid_ds memory;
	struct semid_ds set;
	struct msqid_ds queue;

	return (index < 2    ? shmctl(32768 + index, IPC_STAT, &memory)
		: index == 2 ? semctl(32770, 0, IPC_STAT, &set)
			     : msgctl(32771, IPC_STAT, &queue)) == 0;
}

static void end(void)
{
	sysv_unmake(&sysv);
	for (int i = 0; i < 4; i++)
		CHECK(!is_there(i));
	sysv_free(&sysv);
	refusal_clear(&refusal);
}

static void test_made(void)
{
	struct {
		long type;
		char text[8];
	} message;

	begin();
	CHECK_EQ(sysv_make(&sysv, dir, &refusal), 0);
	for (int i = 0; i < 4; i++)
		CHECK(is_there(i));
	CHECK(semctl(32770, 0, GETVAL) == 3 && semctl(32770, 1, GETVAL) == 4);
	CHECK_EQ(msgrcv(32771, &message, 8, 0, IPC_NOWAIT), 3);
	CHECK(message.type == 9 && !strcmp(message.text, "ab"));
	CHECK_EQ(sysv_settle(&sysv, &refusal), 0);
	CHECK(is_there(0) && !is_there(1));
	end();
}

/* Objects that are the process's stay. */
static void test_decided(void)
{
	begin();
	CHECK_EQ(sysv_make(&sysv, dir, &refusal), 0);
	sysv_decided(&sysv);
	sysv_unmake(&sysv);
	for (int i = 0; i < 4; i++)
		CHECK(is_there(i));
	sysv_remove(&sysv);
	end();
}

static void test_taken(void)
{
	int id = msgget(53, IPC_CREAT | 0600);

	begin();
	CHECK(is_refusal(
		sysv_make(&sysv, dir, &refusal), &refusal, EDVSPROCSTS,
		"message queue 32771 (System V, key 0x35) of the process cannot be made on "
		"the target: its number or key is taken there"));
	end();
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
	begin();
	contents_free(&sysv.object[2].contents);
	CHECK(is_refusal(sysv_make(&sysv, dir, &refusal), &refusal, EDVSPROCSTS, "semaphores"));
	end();
	begin();
	CHECK(is_refusal(sysv_make(&sysv, -1, &refusal), &refusal, EDVSPROCSTS,
			 "cannot be entered on the target"));
	end();
}

int main(void)
{
	if (unshare(CLONE_NEWIPC) < 0) {
		test_skip("this program cannot have an IPC namespace of its own here");
		return test_end();
	}
	dir = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	TEST(test_made);
	TEST(test_decided);
	TEST(test_taken);
	close(dir);
	return test_end();
}
