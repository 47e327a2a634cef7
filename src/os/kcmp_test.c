/* SPDX-License-Identifier: Apache-2.0 */
#include "os/kcmp.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/test.h"
#include "os/sleeper_test.h"

static const enum os_kcmp kinds[] = { OS_KCMP_VM,      OS_KCMP_FILES, OS_KCMP_FS,
				      OS_KCMP_SIGHAND, OS_KCMP_IO,    OS_KCMP_SYSVSEM };
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static pthread_barrier_t barrier;

static void *live(void *tid)
{
	*(pid_t *)tid = gettid();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void test_a_thread_shares_all(void)
{
	pthread_t thread;
	pid_t tid = 0;

	pthread_barrier_init(&barrier, NULL, 2);
	CHECK_EQ(pthread_create(&thread, NULL, live, &tid), 0);
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i] != OS_KCMP_IO) /* which comes with the first priority */
			CHECK_EQ(os_kcmp(getpid(), tid, kinds[i]), 0);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
}

/* Two of them are in an order, which is the other one from the other side. */
static void test_a_child_has_its_own(void)
{
	static const enum os_kcmp own[] = { OS_KCMP_VM, OS_KCMP_FILES, OS_KCMP_FS,
					    OS_KCMP_SIGHAND };
	pid_t child = sleeper();

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		int there = os_kcmp(getpid(), child, own[i]);

		CHECK(there == 1 || there == 2);
		CHECK_EQ(os_kcmp(child, getpid(), own[i]), 3 - there);
		CHECK_EQ(os_kcmp(child, child, own[i]), 0);
	}
	end(child);
	for (size_t i = 0; i < KINDS; i++)
		CHECK_EQ(os_kcmp(getpid(), child, kinds[i]), -ESRCH);
}

static void test_descriptions(void)
{
	pid_t me = getpid(), child;
	int ends[2], copy;

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	copy = dup(ends[0]);
	child = sleeper();
	CHECK_EQ(os_kcmp_files(me, ends[0], me, ends[0]), 0);
	CHECK_EQ(os_kcmp_files(me, ends[0], me, copy), 0);
	CHECK_EQ(os_kcmp_files(me, ends[0], child, copy), 0);

	int order = os_kcmp_files(me, ends[0], me, ends[1]);
	int other = os_kcmp_files(me, ends[1], child, ends[0]);

	CHECK(order != 0 && other != 0);
	CHECK((order < 0) == (other > 0));
	end(child);
	CHECK(os_kcmp_files(me, copy, child, copy) != 0);
	close(copy);
	CHECK(os_kcmp_files(me, ends[0], me, copy) != 0); /* gone: another one */
	CHECK(os_kcmp_files(me, copy, me, ends[0]) != 0);
	close(ends[0]);
	close(ends[1]);
}

/* Items with one number are told apart. */
static void test_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC), ends[2][2], seen = 0;
	pid_t me = getpid();

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(pipe2(ends[i], O_CLOEXEC), 0);
		CHECK_EQ(dup2(ends[i][0], 900), 900);
		CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, 900, &event), 0);
	}
	close(900);
	for (unsigned skip = 0; skip < 2; skip++)
		for (int i = 0; i < 2; i++)
			seen |= os_kcmp_epoll(me, ends[i][0], me, epoll, 900, skip)
					? 0
					: 1 << (2 * i + (int)skip);
	CHECK(seen == (1 << 0 | 1 << 3) || seen == (1 << 1 | 1 << 2));
	CHECK_EQ(os_kcmp_epoll(me, ends[0][0], me, epoll, 900, 2), 1);
	CHECK_EQ(os_kcmp_epoll(me, ends[0][0], me, epoll, 901, 0), 1);
	for (int i = 0; i < 2; i++) {
		close(ends[i][0]);
		close(ends[i][1]);
	}
	close(epoll);
}

int main(void)
{
	int r = os_kcmp(getpid(), getpid(), OS_KCMP_VM);

	if (r == -ENOSYS || r == -EPERM) {
		test_skip("the kernel or its filter has no kcmp");
		return test_end();
	}
	CHECK_EQ(r, 0);
	TEST(test_a_thread_shares_all);
	TEST(test_a_child_has_its_own);
	TEST(test_descriptions);
	TEST(test_epoll);
	return test_end();
}
