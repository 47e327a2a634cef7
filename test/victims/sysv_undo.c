/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Semaphores that are undone when a process ends (SEM_UNDO): two children hold some, of several sets, up and down, from
 * values at both ends of the range; one of them ends after the last move.
 */
#include <errno.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define COUNT 6

static int set, other;
static pid_t child[2];
static const int at_first[COUNT] = { 1, 32767, 0, 0, 9, 20000 };
static const int held[COUNT] = { 0, 32765, 3, 1, 9, 20000 - 7 + 2 };
static const int left[COUNT] = { 1, 32767, 0, 1, 9, 20000 + 2 }; /* when the first one has ended */

static void change(int id, unsigned short index, short by)
{
	struct sembuf operation = { index, by, SEM_UNDO };

	if (semop(id, &operation, 1))
		_exit(1);
}

static void hold_first(void)
{
	change(set, 0, -1);
	change(set, 1, -2);
	change(set, 2, 3);
	change(set, 5, -7);
	change(other, 0, 4);
}

static void hold_second(void)
{
	change(set, 3, 1);
	change(set, 4, -1);
	change(set, 4, 1); /* and so nothing */
	change(set, 5, 2);
}

static pid_t start(void (*hold)(void))
{
	int ends[2];
	char byte;

	VICTIM_CHECK(pipe(ends) == 0);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		hold();
		close(ends[0]);
		close(ends[1]);
		for (;;)
			pause();
	}
	close(ends[1]);
	VICTIM_CHECK(read(ends[0], &byte, 1) == 0);
	close(ends[0]);
	return pid;
}

static void check_values(const int *wanted, int wanted_other)
{
	for (int i = 0; i < COUNT; i++)
		VICTIM_CHECK(semctl(set, i, GETVAL) == wanted[i]);
	VICTIM_CHECK(semctl(other, 0, GETVAL) == wanted_other);
}

static void end_child(int which)
{
	kill(child[which], SIGKILL);
	VICTIM_CHECK(waitpid(child[which], NULL, 0) == child[which]);
}

int main(void)
{
	victim_begin();
	set = semget(IPC_PRIVATE, COUNT, 0600);
	other = semget(IPC_PRIVATE, 1, 0600);
	for (int i = 0; i < COUNT; i++)
		VICTIM_CHECK(semctl(set, i, SETVAL, at_first[i]) == 0);
	VICTIM_CHECK(semctl(other, 0, SETVAL, 5) == 0);
	child[0] = start(hold_first);
	child[1] = start(hold_second);
	check_values(held, 9);
	victim_ready();
	while (victim_moved()) {
		check_values(held, 9);
		end_child(0);
		check_values(left, 5);
		child[0] = start(hold_first);
		check_values(held, 9);
	}
	end_child(0);
	check_values(left, 5);
	end_child(1);
	check_values(at_first, 5);
	VICTIM_CHECK(semctl(set, 0, IPC_RMID) == 0 && semctl(other, 0, IPC_RMID) == 0);
	return victim_end();
}
