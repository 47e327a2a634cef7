/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/named.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/ask/share.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "os/loop.h"
#include "os/self.h"
#include "os/socket.h"
#include "os/sleeper_test.h"
#include "os/thread.h"
#include "os/threads.h"

static pthread_mutex_t lock;
static int until[2]; /* a pipe: the second thread ends when it is closed */
static struct os_loop *loop;
static struct order order;
static struct tasks tasks;
static struct requests requests;
static struct ctl_counters counters;
static struct answer answer;
static struct request *called_again;
static _Atomic pid_t second; /* a thread of this program */

/* DVS_FAULT is "search" where the kernel cannot translate a number. */
static void set_up(const char *fault)
{
	os_lock_init(&lock);
	CHECK_EQ(os_loop_new(&loop, &lock), 0);
	order = (struct order){ .self = 2 };
	tasks = (struct tasks){ .order = &order, .lock = &lock };
	requests = (struct requests){ .order = &order, .tasks = &tasks, .counters = &counters };
	called_again = NULL;
	setenv("DVS_FAULT", fault, 1);
	os_lock_take(&lock);
}

static void tear_down(void)
{
	os_lock_release(&lock);
	loop = os_loop_free(loop);
}

static void again(struct request *request)
{
	called_again = request;
	os_loop_stop(loop);
}

static void *second_main(void *ctx)
{
	char byte;

	second = os_thread_id();
	CHECK_EQ(read(until[0], &byte, 1), 0);
	return ctx;
}

static pthread_t start_second(void)
{
	pthread_t thread;

	CHECK_EQ(pipe(until), 0);
	second = 0;
	CHECK_EQ(os_thread_start_joined(&thread, second_main, NULL), 0);
	while (!second)
		os_thread_yield();
	return thread;
}

/* This program asks, and names itself. */
static struct request *request_of(int tid, int pid)
{
	struct request *request = asker_request(&requests, CTL_BIND, &answer);

	request->pid = os_self_pid();
	request->uid = 1000;
	request->head.tid = tid;
	request->head.pid = pid;
	return request;
}

static void end(struct request *request)
{
	request_end(request, 0, NULL, 0, NULL, 0);
}

/* A number of no thread is that of the process. */
static void test_no_thread_is_named(void)
{
	struct request *request;
	pid_t tid = 0;

	set_up("search");
	request = request_of(0, 0);
	CHECK_EQ(named_thread(request, &tid, again), 0);
	CHECK_EQ(tid, os_self_pid());
	CHECK_EQ(named_caller(request), os_self_pid());
	end(request);
	tear_down();
}

/* A thread looks at all processes without the lock, and the handler is called again. */
static void test_a_search(void)
{
	struct request *request;
	pid_t tid = 0;

	set_up("search");
	request = request_of(os_self_pid(), 0);
	CHECK_EQ(named_thread(request, &tid, again), NAMED_E_LATER);
	CHECK_EQ(tasks.searches, 1);
	os_lock_release(&lock);
	CHECK_EQ(os_loop_run(loop), 0);
	os_lock_take(&lock);
	CHECK(called_again == request);
	CHECK_EQ(tasks.searches, 0);
	CHECK_EQ(named_thread(request, &tid, again), 0); /* the result is kept */
	CHECK_EQ(tid, os_self_pid());
	end(request);
	/* One that there is not. */
	request = request_of(0, 999999999);
	CHECK_EQ(named_task(request, &tid, again), NAMED_E_LATER);
	os_lock_release(&lock);
	CHECK_EQ(os_loop_run(loop), 0);
	os_lock_take(&lock);
	CHECK_EQ(named_task(request, &tid, again), -ESRCH);
	end(request);
	tear_down();
}

static pid_t run_search(struct request *request,
			int (*fn)(struct request *, pid_t *, void (*)(struct request *)))
{
	pid_t tid = -1;
	int r;

	CHECK_EQ(fn(request, &tid, again), NAMED_E_LATER);
	os_lock_release(&lock);
	CHECK_EQ(os_loop_run(loop), 0);
	os_lock_take(&lock);
	CHECK(called_again == request);
	CHECK_EQ(tasks.searches, 0);
	CHECK(!requests.shares); /* the user's share is given back */
	r = fn(request, &tid, again);
	end(request);
	return r ? r : tid;
}

/* A thread is looked for among those of the asker, a task among all: another process is no thread of it. */
static void test_whose_number(void)
{
	const char *const ways[] = { "search", "" };
	pid_t child = sleeper(), tid = 0;
	struct request *request;

	for (int i = 0; i < 2; i++) {
		pthread_t thread;

		set_up(ways[i]);
		thread = start_second();
		if (!i) {
			CHECK_EQ(run_search(request_of(child, second), named_thread),
				 os_self_pid());
			CHECK_EQ(run_search(request_of(second, child), named_thread), second);
			CHECK_EQ(run_search(request_of(second, child), named_task), child);
		} else {
			request = request_of(child, second);
			CHECK_EQ(named_thread(request, &tid, again), 0);
			CHECK_EQ(tid, os_self_pid());
			CHECK_EQ(named_caller(request), os_self_pid());
			end(request);
			request = request_of(second, child);
			CHECK_EQ(named_thread(request, &tid, again), 0);
			CHECK_EQ(tid, second);
			CHECK_EQ(named_caller(request), second);
			CHECK_EQ(named_task(request, &tid, again), 0);
			CHECK_EQ(tid, child);
			end(request);
			request = request_of(0, 999999999);
			CHECK_EQ(named_task(request, &tid, again), -ESRCH);
			end(request);
		}
		os_close(until[1]);
		os_thread_join(thread);
		os_close(until[0]);
		tear_down();
	}
	kill(child, SIGKILL);
	CHECK_EQ(waitpid(child, NULL, 0), child);
}

static void test_too_many_searches(void)
{
	struct request *request;
	pid_t tid = 0;

	set_up("search");
	tasks.searches = TASK_SEARCHES_MAX;
	CHECK_EQ(named_task(request_of(0, 1), &tid, again), NAMED_E_LATER);
	CHECK_EQ(answer.error, EDVSRSCBUSY);
	tasks.searches = 0;
	for (unsigned i = 0; i < share_most(SHARE_SEARCHES); i++)
		CHECK(share_take(&requests.shares, 1000,
				 SHARE_SEARCHES)); /* it gave its own back */
	request = request_of(0, 1);
	CHECK_EQ(named_task(request, &tid, again), NAMED_E_LATER);
	CHECK_EQ(answer.error, EDVSUSERFULL);
	CHECK_EQ(tasks.searches, 0);
	for (unsigned i = 0; i < share_most(SHARE_SEARCHES); i++)
		share_give(&requests.shares, 1000, SHARE_SEARCHES);
	tear_down();
}

/* Without a search: a thread that is bound is known by its number in its own namespace. */
static void test_a_caller_that_is_bound(void)
{
	struct task task = { .lpid = 4321, .tgid = os_self_pid(), .vpid = 7 };
	struct request *request;

	set_up("search");
	tasks.all = &task;
	request = request_of(7, 0);
	CHECK_EQ(named_caller(request), 4321);
	request->head.tid = 8;
	CHECK_EQ(named_caller(request), 0);
	task.tgid++; /* of another process */
	request->head.tid = 7;
	CHECK_EQ(named_caller(request), 0);
	end(request);
	tear_down();
}

int main(void)
{
	TEST(test_no_thread_is_named);
	TEST(test_a_search);
	TEST(test_whose_number);
	TEST(test_too_many_searches);
	TEST(test_a_caller_that_is_bound);
	return test_end();
}
