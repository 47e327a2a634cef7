/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which objects move: two processes of one IPC namespace, of which the second one may stay. A third one made the
 * namespace, as the init of a container does, and passes commands on.
 */
#include "migrate/sysv.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/inventories.h"
#include "migrate/made_proc_test.h"
#include "os/ipc_space.h"

#define PAGE 4096

static int ask[2][2], reply[2][2];
static pid_t init, pid[2];
static struct tables tables;
static struct inventory inventory[2];
static struct refusal refusal;
static bool possible;

/*
 * m: makes the segment and attaches it; d: detaches it; r: removes it; l: locks it; s: does something with a set of
 * semaphores; q: sends a message
 */
static void obey(char command)
{
	static void *at;
	struct sembuf up = { 0, 1, 0 };
	long message[2] = { 5, 0x41 };

	switch (command) {
	case 'm':
		at = shmat(shmget(77, PAGE + 1, IPC_CREAT | 0600), NULL, 0);
		*(char *)at = 'M';
		break;
	case 'd':
		shmdt(at);
		break;
	case 'r':
		shmctl(shmget(77, 0, 0), IPC_RMID, NULL);
		break;
	case 'l':
		shmctl(shmget(77, 0, 0), SHM_LOCK, NULL);
		break;
	case 's':
		semop(semget(78, 2, IPC_CREAT | 0600), &up, 1);
		break;
	case 'q':
		msgsnd(msgget(79, IPC_CREAT | 0600), message, 1, 0);
		break;
	case 'e': /* a set that nobody has used */
		semget(80, 1, IPC_CREAT | 0600);
		break;
	}
}

static void live(int which)
{
	char command;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(ask[which][0], &command, 1) == 1) {
		obey(command);
		if (write(reply[which][1], &command, 1) != 1)
			break;
	}
	_exit(0);
}

static void tell(int which, const char *commands)
{
	char byte;

	for (; *commands; commands++)
		CHECK(write(ask[which][1], commands, 1) == 1 &&
		      read(reply[which][0], &byte, 1) == 1);
}

static void be_init(int number)
{
	pid_t made[2];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWIPC) < 0)
		_exit(1);
	for (int i = 0; i < 2; i++) {
		made[i] = fork();
		if (made[i] == 0)
			live(i);
	}
	if (write(number, made, sizeof(made)) != sizeof(made))
		_exit(1);
	pause();
	_exit(0);
}

static void begin(void)
{
	int number[2];

	for (int i = 0; i < 2; i++)
		CHECK(pipe(ask[i]) == 0 && pipe(reply[i]) == 0);
	CHECK_EQ(pipe(number), 0);
	init = fork();
	if (init == 0)
		be_init(number[1]);
	close(number[1]);
	possible = read(number[0], pid, sizeof(pid)) == sizeof(pid);
	close(number[0]);
	for (int i = 0; i < 2 && possible; i++) {
		CHECK_EQ(inventory_open(&inventory[i], pid[i], &tables, &refusal), 0);
		inventory[i].init = init;
	}
}

static void end(void)
{
	kill(init, SIGKILL);
	waitpid(init, NULL, 0);
	for (int i = 0; i < 2; i++) {
		if (possible)
			inventory_close(&inventory[i]);
		for (int j = 0; j < 2; j++) {
			close(ask[i][j]);
			close(reply[i][j]);
		}
	}
	tables_free(&tables);
}

/* Of the first `count` processes. */
static int look(uint32_t count)
{
	static const struct migrate_host nobody;
	struct inventory *list[] = { &inventory[0], &inventory[1] };
	const struct inventories all = { list, count, &tables };

	tables_clear(&tables);
	refusal_clear(&refusal);
	for (uint32_t i = 0; i < count; i++)
		CHECK_EQ(inventory_read_maps(&inventory[i], &nobody, NULL, &refusal), 0);
	return sysv_read(&all, &refusal);
}

static void test_memory(void)
{
	CHECK_EQ(look(1), 0);
	CHECK(tables.sysv.count == 0 && tables.sysv.space == 0);
	tell(0, "m");
	CHECK_EQ(look(1), 0);
	CHECK_EQ(tables.sysv.count, 1);
	const struct image_sysv *image = &tables.sysv.object[0].image;

	CHECK(image->kind == OS_SYSV_MEMORY && image->key == 77 && image->bytes == PAGE + 1);
	CHECK(image->mode == 0600 && image->flags == 0);
	CHECK(memories_find(&tables.memories, image->memory)->bytes == 2 * PAGE);
	/* Attached by one that stays, too; by two that move; removed; locked; by the other one alone. */
	tell(1, "m");
	CHECK(is_refusal(look(1), &refusal, EDVSPROCSTS, "in common with a process"));
	tell(0, "r");
	CHECK_EQ(look(2), 0);
	CHECK(tables.sysv.count == 1 && tables.sysv.object[0].image.flags == IMAGE_SYSV_REMOVED);
	tell(0, "d");
	CHECK_EQ(look(1), 0);
	CHECK_EQ(tables.sysv.count, 0);
	tell(1, "d");
	CHECK_EQ(look(2), 0);
	CHECK_EQ(tables.sysv.count, 0);
	tell(0, "ml");
	CHECK_EQ(look(1), 0);
	CHECK(tables.sysv.count == 1 && tables.sysv.object[0].image.flags == IMAGE_SYSV_LOCKED);
	/* Attached by nobody: it is its creator's. */
	tell(0, "rdmd");
	CHECK_EQ(look(1), 0);
	CHECK_EQ(tables.sysv.count, 1);
	tell(0, "r");
}

static void test_users(void)
{
	tell(0, "sq");
	tell(1, "e");
	CHECK_EQ(look(1), 0);
	CHECK_EQ(tables.sysv.count, 2);
	const struct image_sysv *set = &tables.sysv.object[0].image;
	const struct image_sysv *queue = &tables.sysv.object[1].image;

	CHECK(set->kind == OS_SYSV_SEMAPHORES && set->key == 78 && set->count == 2);
	CHECK(set->flags == IMAGE_SYSV_USED);
	CHECK(queue->kind == OS_SYSV_QUEUE && queue->key == 79 && queue->bytes > 1000);
	/* All move, also the set that nobody has used. */
	CHECK_EQ(look(2), 0);
	CHECK_EQ(tables.sysv.count, 3);
	CHECK_EQ(sysv_take(&tables.sysv, &refusal), 0);
	const uint16_t values[2] = { 1, 0 };
	const struct contents *contents = &tables.sysv.object[0].contents;

	CHECK(contents->length == 8 && memcmp(contents->bytes + 4, values, 4) == 0);
	contents = &tables.sysv.object[2].contents;
	CHECK(contents->length == 13 && contents->bytes[12] == 0x41);
	/* The last user stays. */
	tell(1, "s");
	CHECK_EQ(look(1), 0);
	CHECK_EQ(tables.sysv.count, 1);
	tell(1, "q");
	CHECK_EQ(look(2), 0);
	sysv_remove(&tables.sysv);
	CHECK_EQ(look(2), 0);
	CHECK_EQ(tables.sysv.count, 0);
}

int main(void)
{
	begin();
	if (possible) {
		TEST(test_memory);
		TEST(test_users);
	} else {
		test_skip("a child cannot have an IPC namespace of its own here");
	}
	end();
	return test_end();
}
