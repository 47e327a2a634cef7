/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads inside system calls while the process is moved: none may see an error it did not ask for,
 * none may return early, and what ends them still does.
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>

#include "victims/victim.h"

static volatile bool over;
static uint32_t word_forever, word_timed;
static sem_t semaphore;
static volatile unsigned naps, woken;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *in_nanosleep(void *argument)
{
	while (!over) {
		uint64_t before = now_ms();
		int result = nanosleep(&(struct timespec){ .tv_nsec = 60000000 }, NULL);

		VICTIM_CHECK(result == 0 && now_ms() - before >= 59);
		naps++;
	}
	return argument;
}

static void *in_sleep(void *argument)
{
	while (!over) {
		uint64_t before = now_ms();
		struct timespec left = { .tv_nsec = 70000000 };

		VICTIM_CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == 0);
		VICTIM_CHECK(now_ms() - before >= 69);
	}
	return argument;
}

static void *in_poll(void *argument)
{
	while (!over) {
		uint64_t before = now_ms();

		VICTIM_CHECK(poll(NULL, 0, 50) == 0 && now_ms() - before >= 49);
	}
	return argument;
}

static void *in_select(void *argument)
{
	while (!over) {
		struct timeval limit = { .tv_usec = 55000 };

		VICTIM_CHECK(select(0, NULL, NULL, NULL, &limit) == 0);
	}
	return argument;
}

static void *in_timed_futex(void *argument)
{
	while (!over) {
		struct timespec limit = { .tv_nsec = 65000000 };
		long result = syscall(SYS_futex, &word_timed, FUTEX_WAIT, 0, &limit, NULL, 0);

		VICTIM_CHECK(result < 0 && errno == ETIMEDOUT);
	}
	return argument;
}

static void *in_futex(void *argument)
{
	while (!over) {
		long result =
			syscall(SYS_futex, &word_forever, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);

		VICTIM_CHECK(result == 0 || errno == EAGAIN);
		woken++;
		while (word_forever && !over)
			victim_nap();
	}
	return argument;
}

static void *in_sem(void *argument)
{
	VICTIM_CHECK(sem_wait(&semaphore) == 0);
	return argument;
}

static void *in_sigwait(void *argument)
{
	sigset_t set;
	int signal;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	VICTIM_CHECK(sigwait(&set, &signal) == 0 && signal == SIGUSR1);
	return argument;
}

int main(void)
{
	void *(*const work[])(void *) = { in_nanosleep,	  in_sleep, in_poll, in_select,
					  in_timed_futex, in_futex, in_sem,  in_sigwait };
	pthread_t threads[8];
	sigset_t set;

	victim_begin();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sem_init(&semaphore, 0, 0);
	for (unsigned i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, work[i], NULL);
	nanosleep(&(struct timespec){ .tv_nsec = 30000000 }, NULL);
	victim_ready();
	while (victim_moved()) {
		unsigned before = woken, slept = naps;

		word_forever = 1;
		syscall(SYS_futex, &word_forever, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		for (int i = 0; i < 1000 && (woken == before || naps < slept + 2); i++)
			victim_nap();
		VICTIM_CHECK(woken == before + 1 && naps >= slept + 2);
		word_forever = 0;
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
	over = true;
	word_forever = 1;
	syscall(SYS_futex, &word_forever, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	sem_post(&semaphore);
	kill(getpid(), SIGUSR1);
	for (unsigned i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	return victim_end();
}
