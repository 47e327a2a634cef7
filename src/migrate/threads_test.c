/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/held_test.h"
#include "migrate/made_proc_test.h"

#define WORKERS 6

static struct held held;
static struct threads threads;

static void *count(void *arg)
{
	(void)arg;
	for (;;)
		usleep(200);
	return NULL;
}

static void be_many(void)
{
	pthread_t thread;

	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&thread, NULL, count, NULL))
			_exit(1);
	held_stay();
}

/* Threads come and go all the time. */
static void be_busy(void)
{
	pthread_t thread;
	bool ready = false;

	for (;;) {
		if (pthread_create(&thread, NULL, count, NULL) == 0) {
			pthread_cancel(thread);
			pthread_join(thread, NULL);
		}
		if (!ready)
			held_say_ready();
		ready = true;
	}
}

static int let_end[2];

/* Its main thread waits in the kernel, and cannot be stopped, until the child that it has made has ended. */
static void be_stuck(void)
{
	char byte;

	if (vfork() == 0) {
		held_say_ready();
		_exit(read(let_end[0], &byte, 1) != 1);
	}
	held_stay();
}

static int freeze(void)
{
	uint64_t first_stop_ns = 0;

	held.refusal = REFUSAL_NONE;
	int r = threads_freeze(&threads, &held.inventory, &first_stop_ns, &held.refusal);

	CHECK(first_stop_ns);
	return r;
}

static void end(void)
{
	threads_free(&threads);
	held_end(&held);
}

/* All stand, the leader first, and the others in order; thawed, they all run on. */
static void test_frozen(void)
{
	CHECK_OR_RETURN(held_start(&held, be_many));
	int r = freeze();

	if (r == 0) {
		CHECK_EQ(threads.count, WORKERS + 1);
		CHECK_EQ(threads.tracee[0].tid, held.pid);
		for (uint32_t i = 0; i < threads.count; i++) {
			CHECK(threads.tracee[i].held && threads.tracee[i].stopped);
			CHECK(i < 2 || threads.tracee[i - 1].tid < threads.tracee[i].tid);
		}
		threads_thaw(&threads);
		CHECK_EQ(threads.count, 0);
		CHECK_EQ(freeze(), 0); /* nobody holds them any more */
		CHECK_EQ(threads.count, WORKERS + 1);
		threads_kill(&threads);
		CHECK_EQ(threads.count, 0);
		CHECK(kill(held.pid, 0) < 0);
	} else {
		CHECK(is_refusal(r, &held.refusal, EDVSPROCSTS, "cannot be traced"));
		test_skip("a child cannot be traced here");
	}
	end();
}

static void test_coming_and_going(void)
{
	CHECK_OR_RETURN(held_start(&held, be_busy));
	int r = freeze();

	if (r == 0) {
		CHECK_EQ(threads.tracee[0].tid, held.pid);
		for (uint32_t i = 0; i < threads.count; i++)
			CHECK(threads.tracee[i].held && threads.tracee[i].stopped);
		/* Nothing is new: all that are listed now are held. */
		CHECK_EQ(inventory_threads(&held.inventory), 0);
		CHECK_EQ(held.inventory.thread_count, threads.count);
		threads_thaw(&threads);
	} else {
		CHECK_EQ(threads.count, 0);
	}
	end();
}

static void test_ended(void)
{
	siginfo_t info;

	CHECK_OR_RETURN(held_start(&held, held_stay));
	kill(held.pid, SIGKILL);
	CHECK_EQ(waitid(P_PID, (id_t)held.pid, &info, WEXITED | WNOWAIT), 0);
	CHECK(is_refusal(freeze(), &held.refusal, EDVSSRCH, "has ended")); /* a zombie */
	waitpid(held.pid, NULL, 0);
	CHECK(is_refusal(freeze(), &held.refusal, EDVSSRCH, "has ended"));
	CHECK_EQ(threads.count, 0);
	end();
}

static void test_stopped(void)
{
	CHECK_OR_RETURN(held_start(&held, held_stay));
	kill(held.pid, SIGSTOP);
	waitpid(held.pid, NULL, WUNTRACED);
	if (freeze() == 0) {
		CHECK_EQ(threads.count, 1);
		CHECK_EQ(threads.tracee[0].halted, SIGSTOP);
		threads_thaw(&threads);
	} else {
		CHECK(strstr(held.refusal.reason, "cannot be traced"));
	}
	end();
}

/* One that somebody else holds cannot be held. */
static void test_traced_by_another(void)
{
	char byte;
	int ready[2];

	CHECK_OR_RETURN(held_start(&held, held_stay) && pipe(ready) == 0);
	pid_t other = fork();

	if (other == 0) {
		if (ptrace(PTRACE_SEIZE, held.pid, 0, 0) == 0 && write(ready[1], "r", 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1)
		CHECK(is_refusal(freeze(), &held.refusal, EDVSPROCSTS, "somebody else traces it"));
	else
		test_skip("a process cannot be traced by a sibling here");
	close(ready[0]);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	end();
}

static void test_sorted(void)
{
	static const int32_t vtids[] = {
		1, 30, 7, 22, 100, 5, 6, 50, 2, 3, 4, 8, 9, 10, 11, 12, 13
	};
	const uint32_t count = sizeof(vtids) / sizeof(vtids[0]);

	CHECK_EQ(threads_sort(&threads), 0); /* of none */
	for (uint32_t i = 0; i < count; i++) {
		struct tracee *tracee = threads_append(&threads, 1000 + vtids[i], vtids[i]);

		CHECK(tracee && tracee->tid == 1000 + vtids[i] && !tracee->held);
	}
	threads.vtid[0] = 90; /* the leader stays first, whatever its number */
	CHECK_EQ(threads_sort(&threads), 0);
	CHECK(threads.vtid[0] == 90 && threads.tracee[0].tid == 1001);
	for (uint32_t i = 1; i < count; i++) {
		CHECK_EQ(threads.tracee[i].tid, 1000 + threads.vtid[i]);
		CHECK(i < 2 || threads.vtid[i - 1] < threads.vtid[i]);
	}
	threads.count = 0;
	threads_free(&threads);
	CHECK(!threads.tracee && !threads.vtid && !threads.capacity);
}

static void *freeze_stuck(void *unused)
{
	CHECK_EQ(freeze(), EDVSBUSY);
	CHECK(strstr(held.refusal.reason, "by vfork"));
	CHECK_EQ(threads.count, 0);
	return unused;
}

/* It is refused by name; and when the thread that wanted to hold it has ended, it is free and unharmed. */
static void test_stuck(void)
{
	struct procdir_text *text = &held.inventory.text;
	pthread_t tracer;

	CHECK_EQ(pipe(let_end), 0);
	CHECK_OR_RETURN(held_start(&held, be_stuck));
	CHECK_EQ(pthread_create(&tracer, NULL, freeze_stuck, NULL), 0);
	pthread_join(tracer, NULL);
	CHECK_EQ(procdir_read(held.inventory.dir, "status", text), 0);
	CHECK_EQ(procdir_number(text->text, "TracerPid", 10, 1), 0);
	CHECK_EQ(*procdir_field(text->text, "State"), 'D');
	CHECK_EQ(write(let_end[1], "x", 1), 1);
	CHECK_EQ(freeze(), 0);
	threads_kill(&threads);
	end();
	close(let_end[0]);
	close(let_end[1]);
}

int main(void)
{
	TEST(test_sorted);
	TEST_OF_THREADS(test_frozen);
	TEST_OF_THREADS(test_coming_and_going);
	TEST_OF_THREADS(test_ended);
	TEST_OF_THREADS(test_stopped);
	TEST(test_traced_by_another);
	TEST_OF_THREADS(test_stuck);
	return test_end();
}
