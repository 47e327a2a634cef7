/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that are started all the time, by posix_spawn() and by vfork() in two threads: each is this one with an
 * argument, and ends with it as its status.
 */
#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define PROGRAM	 "/proc/self/exe"
#define STATUSES 100

static uint32_t spawned, forked;
static bool over;

/* And leaves a while for a look at a process that stands. */
static void check_end(pid_t pid, unsigned number)
{
	int status = 0;

	VICTIM_CHECK(pid > 0);
	VICTIM_CHECK(waitpid(pid, &status, 0) == pid);
	VICTIM_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == (int)number);
	victim_nap();
}

static void *spawn(void *unused)
{
	char *const environment[] = { NULL };
	char argument[16];

	for (unsigned number = 1; !__atomic_load_n(&over, __ATOMIC_ACQUIRE);
	     number = number % STATUSES + 1) {
		char *const argv[] = { "spawning", argument, NULL };
		pid_t pid = 0;

		snprintf(argument, sizeof(argument), "%u", number);
		VICTIM_CHECK(posix_spawn(&pid, PROGRAM, NULL, NULL, argv, environment) == 0);
		check_end(pid, number);
		__atomic_add_fetch(&spawned, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

static pid_t fork_one(char *const argv[])
{
	pid_t pid = vfork();

	if (pid == 0) {
		execv(PROGRAM, argv);
		_exit(255);
	}
	return pid;
}

static void *fork_fast(void *unused)
{
	char argument[16];

	for (unsigned number = 1; !__atomic_load_n(&over, __ATOMIC_ACQUIRE);
	     number = number % STATUSES + 1) {
		char *const argv[] = { "spawning", argument, NULL };

		snprintf(argument, sizeof(argument), "%u", number);
		check_end(fork_one(argv), number);
		__atomic_add_fetch(&forked, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

static void check_goes_on(uint32_t *count)
{
	uint32_t before = __atomic_load_n(count, __ATOMIC_ACQUIRE);

	for (int ms = 0; ms < 3000 && __atomic_load_n(count, __ATOMIC_ACQUIRE) < before + 3; ms++)
		victim_nap();
	VICTIM_CHECK(__atomic_load_n(count, __ATOMIC_ACQUIRE) >= before + 3);
}

int main(int argc, char **argv)
{
	pthread_t thread[2];

	if (argc > 1)
		return (int)strtol(argv[1], NULL, 10);
	victim_begin();
	pthread_create(&thread[0], NULL, spawn, NULL);
	pthread_create(&thread[1], NULL, fork_fast, NULL);
	check_goes_on(&spawned);
	victim_ready();
	while (victim_moved()) {
		check_goes_on(&spawned);
		check_goes_on(&forked);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	return victim_end();
}
