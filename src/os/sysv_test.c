/* SPDX-License-Identifier: Apache-2.0 */
/* In an IPC namespace of the test's own. */
#include "os/sysv.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include "base/test.h"

#define KEY 0x44560002

static struct os_sysv_object wanted(enum os_sysv kind)
{
	return (struct os_sysv_object){
		.kind = kind,
		.id = 32768 * 3 + 5, /* the sixth place, used three times before */
		.key = KEY,
		.mode = 0641,
		.uid = 11,
		.gid = 12,
		.cuid = 13,
		.cgid = 14,
		.bytes = 5000,
		.count = 3,
	};
}

static void test_there(void)
{
	for (enum os_sysv kind = 0; kind < OS_SYSV_KINDS; kind++) {
		struct os_sysv_object one = wanted(kind), other = wanted(kind);

		other.id = 4;
		other.key = KEY + 1;
		CHECK_EQ(os_sysv_there(kind), 0);
		CHECK_EQ(os_sysv_make(&one), 0);
		CHECK_EQ(os_sysv_make(&other), 0);
		CHECK_EQ(os_sysv_there(kind), 2);
		CHECK_EQ(os_sysv_remove(kind, one.id), 0);
		CHECK_EQ(os_sysv_there(kind), 1);
		CHECK_EQ(os_sysv_remove(kind, other.id), 0);
	}
	CHECK(os_sysv_there(OS_SYSV_KINDS) < 0);
}

static void check_perm(const struct ipc_perm *perm)
{
	CHECK_EQ(perm->mode & 0777, 0641);
	CHECK(perm->uid == 11 && perm->gid == 12 && perm->cuid == 13 && perm->cgid == 14);
	CHECK_EQ(perm->__key, KEY);
}

static void test_memory(void)
{
	struct os_sysv_object memory = wanted(OS_SYSV_MEMORY);
	struct shmid_ds seen;
	char byte = 0;

	CHECK_EQ(os_sysv_make(&memory), 0);
	CHECK_EQ(shmctl(memory.id, IPC_STAT, &seen), 0);
	check_perm(&seen.shm_perm);
	CHECK_EQ(seen.shm_segsz, 5000);
	char *at = shmat(memory.id, NULL, 0);

	at[4999] = 'x';
	int fd = os_sysv_open_memory(memory.id, memory.bytes);

	CHECK(fd >= 0);
	CHECK(pread(fd, &byte, 1, 4999) == 1 && byte == 'x');
	CHECK_EQ(shmctl(memory.id, IPC_STAT, &seen), 0);
	CHECK_EQ(seen.shm_nattch, 1);
	close(fd);
	shmdt(at);
	/* Number and key are taken; then the key alone; and nothing is left of the attempts. */
	CHECK_EQ(os_sysv_make(&memory), -EEXIST);
	memory.key++;
	CHECK_EQ(os_sysv_make(&memory), -EEXIST);
	CHECK(shmget(memory.key, 0, 0) < 0);
	memory.key--;
	memory.id++;
	CHECK_EQ(os_sysv_make(&memory), -EEXIST);
	memory.id--;
	CHECK_EQ(os_sysv_remove(OS_SYSV_MEMORY, memory.id), 0);
	CHECK_EQ(os_sysv_remove(OS_SYSV_MEMORY, memory.id), -EINVAL);
	CHECK(os_sysv_open_memory(memory.id, memory.bytes) < 0);
	/* The object that follows gets the number that the kernel chooses. */
	int next = shmget(IPC_PRIVATE, 1, 0600);

	CHECK(next >= 0 && next != memory.id);
	shmctl(next, IPC_RMID, NULL);
}

static void test_semaphores(void)
{
	struct os_sysv_object set = wanted(OS_SYSV_SEMAPHORES);
	const uint16_t values[] = { 32767, 0, 9 }, other[] = { 1, 2, 3 };
	uint16_t seen[3] = { 0 };
	struct semid_ds status;

	CHECK_EQ(os_sysv_make(&set), 0);
	CHECK_EQ(semctl(set.id, 0, IPC_STAT, &status), 0);
	check_perm(&status.sem_perm);
	CHECK_EQ(status.sem_nsems, 3);
	CHECK_EQ(os_sysv_set_values(set.id, other, false), 0);
	CHECK(semctl(set.id, 0, IPC_STAT, &status) == 0 && status.sem_otime == 0);
	CHECK_EQ(os_sysv_set_values(set.id, values, true), 0);
	CHECK(semctl(set.id, 0, IPC_STAT, &status) == 0 && status.sem_otime != 0);
	CHECK_EQ(os_sysv_values(set.id, seen), 0);
	CHECK(memcmp(seen, values, sizeof(values)) == 0);
	CHECK_EQ(os_sysv_changed_by(set.id, 0), getpid());
	CHECK_EQ(os_sysv_changed_by(set.id, 3), 0);
	CHECK_EQ(os_sysv_remove(OS_SYSV_SEMAPHORES, set.id), 0);
	CHECK(os_sysv_values(set.id, seen) < 0 && os_sysv_set_values(set.id, values, true) < 0);
}

static void test_queue(void)
{
	struct os_sysv_object queue = wanted(OS_SYSV_QUEUE);
	struct msqid_ds seen;
	int64_t type = 0;
	uint64_t bytes = 0;
	char text[16];

	CHECK_EQ(os_sysv_make(&queue), 0);
	CHECK_EQ(msgctl(queue.id, IPC_STAT, &seen), 0);
	check_perm(&seen.msg_perm);
	CHECK_EQ(os_sysv_queue_bytes(queue.id, &bytes), 0);
	CHECK_EQ(bytes, 5000);
	CHECK_EQ(os_sysv_send(queue.id, 7, "seven", 5), 0);
	CHECK_EQ(os_sysv_send(queue.id, 1, "", 0), 0);
	CHECK_EQ(os_sysv_peek(queue.id, 0, &type, text, sizeof(text)), 5);
	CHECK(type == 7 && memcmp(text, "seven", 5) == 0);
	CHECK_EQ(os_sysv_peek(queue.id, 1, &type, text, sizeof(text)), 0);
	CHECK_EQ(type, 1);
	CHECK_EQ(os_sysv_peek(queue.id, 2, &type, text, sizeof(text)), -ENOMSG);
	CHECK(os_sysv_peek(queue.id, 0, &type, text, 4) < 0); /* too small */
	CHECK(msgctl(queue.id, IPC_STAT, &seen) == 0 && seen.msg_qnum == 2);
	CHECK_EQ(os_sysv_remove(OS_SYSV_QUEUE, queue.id), 0);
	CHECK(os_sysv_queue_bytes(queue.id, &bytes) < 0);
	CHECK(os_sysv_send(queue.id, 7, "seven", 5) < 0);
}

int main(void)
{
	if (unshare(CLONE_NEWIPC) < 0) {
		test_skip("this program cannot have an IPC namespace of its own here");
		return test_end();
	}
	TEST(test_there);
	TEST(test_memory);
	TEST(test_semaphores);
	TEST(test_queue);
	return test_end();
}
