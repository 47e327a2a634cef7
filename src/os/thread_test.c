/* SPDX-License-Identifier: Apache-2.0 */
#include "os/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"

#define PAGE 4096u

static void *note_ids(void *arg)
{
	*(int *)arg = os_thread_id();
	return NULL;
}

/* True until a second thread is made, and never again. */
static void test_only(void)
{
	pthread_t thread;
	int other = 0;

	CHECK(os_thread_is_only());
	CHECK_EQ(pthread_create(&thread, NULL, note_ids, &other), 0);
	CHECK(!os_thread_is_only());
	pthread_join(thread, NULL);
	CHECK(other > 0 && other != os_thread_id());
}

static void test_numbers(void)
{
	CHECK_EQ(os_process_id(), getpid());
	CHECK_EQ(os_thread_id(), getpid()); /* of the main thread */
	CHECK(os_thread_cpu() < (unsigned)sysconf(_SC_NPROCESSORS_CONF));
	os_thread_yield();
}

static bool is_blocked(int signo)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	return sigismember(&mask, signo) == 1;
}

/* All, or those three beside what was blocked; and back to the mask before. */
static void test_signals(void)
{
	sigset_t usr1, before, kept;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_SETMASK, &usr1, &before);
	os_signals_block(&kept);
	CHECK(is_blocked(SIGUSR2) && is_blocked(SIGTERM) && is_blocked(SIGRTMAX));
	os_signals_restore(&kept);
	CHECK(is_blocked(SIGUSR1) && !is_blocked(SIGUSR2) && !is_blocked(SIGTERM));
	os_signals_block_timers(&kept);
	CHECK(is_blocked(SIGALRM) && is_blocked(SIGIO) && is_blocked(SIGTERM));
	CHECK(is_blocked(SIGUSR1) && !is_blocked(SIGUSR2) && !is_blocked(SIGINT));
	os_signals_restore(&kept);
	CHECK(is_blocked(SIGUSR1) && !is_blocked(SIGALRM) && !is_blocked(SIGTERM));
	os_signals_restore(&before);
}

/* Held twice, it is held until it is restored twice. */
static void test_cancel(void)
{
	int state;
	int outer = os_thread_hold_cancel(), inner = os_thread_hold_cancel();

	os_thread_restore_cancel(inner);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	CHECK_EQ(state, PTHREAD_CANCEL_DISABLE);
	os_thread_restore_cancel(outer);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	CHECK_EQ(state, PTHREAD_CANCEL_ENABLE);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static void on_signal(int signo)
{
	(void)signo;
}

static void test_sleep(void)
{
	const struct sigaction action = { .sa_handler = on_signal };
	int64_t before = now_ns();
	sigset_t usr1, none;

	CHECK_EQ(os_thread_sleep_ns(-5), 0); /* a time that is over */
	CHECK_EQ(os_thread_sleep_ns(20000000), 0);
	CHECK(now_ns() - before >= 20000000);
	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	before = now_ns();
	CHECK_EQ(os_thread_sleep_with(1000000, &usr1), 0); /* it stays blocked */
	CHECK_EQ(os_thread_sleep_with(60000000000, &none), -EINTR);
	CHECK(now_ns() - before < 50000000000);
	CHECK_EQ(os_thread_sleep_with(-1, &none), 0);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
}

static void test_readable(void)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(os_thread_wait_readable(ends[0], 0), -ETIMEDOUT);
	CHECK_EQ(os_thread_wait_readable(ends[0], 20), -ETIMEDOUT);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(os_thread_wait_readable(ends[0], -1), 0);
	char byte;

	CHECK_EQ(read(ends[0], &byte, 1), 1);
	close(ends[1]);
	CHECK_EQ(os_thread_wait_readable(ends[0], -1), 0); /* its other end is closed */
	close(ends[0]);
}

/* All bytes or an error, whichever of the two ranges ends early. */
static void test_copy(void)
{
	uint8_t *near =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *far =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t there = (uint64_t)far;

	CHECK_OR_RETURN(near != MAP_FAILED && far != MAP_FAILED);
	munmap(near + PAGE, PAGE);
	munmap(far + 3 * PAGE, PAGE);
	memset(far, 4, 3 * PAGE);
	CHECK_EQ(os_process_copy(getpid(), near, there + PAGE, PAGE, true), 0);
	CHECK(near[0] == 4 && near[PAGE - 1] == 4);
	near[5] = 9;
	CHECK_EQ(os_process_copy(getpid(), near + 5, there, 1, false), 0);
	CHECK(far[0] == 9 && far[1] == 4);
	CHECK_EQ(os_process_copy(getpid(), near + PAGE - 8, there, 16, true), -EFAULT);
	CHECK_EQ(os_process_copy(getpid(), near, there + 3 * PAGE - 8, 16, true), -EFAULT);
	CHECK_EQ(os_process_copy(getpid(), near, there + 3 * PAGE - 8, 16, false), -EFAULT);
	CHECK_EQ(os_process_copy(getpid(), near, there + 3 * PAGE, 0, true), 0);
	CHECK_EQ(os_process_copy(0x7fffffff, near, there, 1, true), -ESRCH);
	munmap(near, PAGE);
	munmap(far, 3 * PAGE);
}

int main(void)
{
	TEST(test_numbers);
	TEST_OF_THREADS(test_only);
	TEST(test_signals);
	TEST(test_cancel);
	TEST(test_sleep);
	TEST(test_readable);
	TEST(test_copy);
	return test_end();
}
