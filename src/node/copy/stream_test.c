/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The queue and its workers: which copies go on at one time, and the end of a copy when its worker comes back. An
 * attempt is played: it lasts until the test gives its result. The workers stay, so all tests share one rig.
 */

#include "node/copy/stream.h"

#include <stdatomic.h>

#include "node/ask/share.h"
#include "node/copy/copies_rig_test.h"
#include "node/copy/copy.h"
#include "node/copy/copy_task.h"
#include "node/copy/limit.h"
#include "node/copy/stream_worker.h"
#include "os/clock.h"

#define COPIES	100
#define LASTS	12345 /* no result yet */
#define SMALL	1
#define LARGE	(LIMIT_SMALL_BYTES + 1)
#define USER	1000
#define ROOT	0
#define SOURCES 1000

static struct copies copies;
static struct copy_task task[COPIES];
static _Atomic int result[COPIES], attempts[COPIES], finished[COPIES], parked[COPIES], code[COPIES];
static _Atomic int progress;		   /* of each attempt */
static struct stream_worker *_Atomic last; /* which no one frees where the daemon ends */
static int count;			   /* numbers so far: each copy has one of its own */

int stream_attempt(struct stream_worker *worker)
{
	uint32_t n = worker->task->number;

	CHECK(!os_lock_is_held());
	last = worker;
	attempts[n]++;
	while (result[n] == LASTS)
		os_thread_sleep_ns(OS_MS_NS);
	worker->task->done += (uint64_t)progress;
	return result[n];
}

/* Both with the lock; the task would be freed. */
void copy_finish(struct copy_task *over, int how)
{
	CHECK(!over->streaming);
	code[over->number] = how;
	finished[over->number]++;
}

void copy_park(struct copy_task *over)
{
	CHECK(!over->streaming);
	parked[over->number]++;
}

/* For five seconds at most. */
#define CHECK_SOON(condition)                                     \
	do {                                                      \
		for (int i_ = 0; i_ < 5000 && !(condition); i_++) \
			os_thread_sleep_ns(OS_MS_NS);             \
		CHECK(condition);                                 \
	} while (0)

/* Its source has that endpoint; its destination is one of its own. The copy's number. */
static int start(uid_t uid, uint64_t bytes, int source, int how)
{
	int n = count++;

	task[n] = (struct copy_task){ .copies = &copies,
				      .number = (uint32_t)n,
				      .uid = uid,
				      .bytes = bytes,
				      .park_us = 7,
				      .endpoint = { source, SOURCES + n } };
	result[n] = how;
	os_lock_take(&rig.lock);
	task[n].next = copies.tasks;
	copies.tasks = &task[n];
	stream_start(&task[n]);
	os_lock_release(&rig.lock);
	return n;
}

static void stop(int n, int how)
{
	os_lock_take(&rig.lock);
	stream_stop(&task[n], how);
	os_lock_release(&rig.lock);
}

static void test_results(void)
{
	int n = start(ROOT, SMALL, 1, 0);

	CHECK_SOON(finished[n]);
	CHECK_EQ(code[n], 0);
	n = start(ROOT, SMALL, 1, EDVSFAULT);
	CHECK_SOON(finished[n]);
	CHECK_EQ(code[n], EDVSFAULT);
	n = start(ROOT, SMALL, 1, STREAM_E_AGAIN);
	CHECK_SOON(parked[n]);
	CHECK_EQ(finished[n], 0);
	CHECK_EQ(attempts[n], 1);
}

/* An old lane broke: at once again, and only once. */
static void test_an_old_lane(void)
{
	int n = start(ROOT, SMALL, 1, STREAM_E_STALE);

	CHECK_SOON(parked[n]);
	CHECK_EQ(attempts[n], 2);
	CHECK_EQ(finished[n], 0);
}

/* The first verdict counts, and not the worker's result. */
static void test_a_verdict(void)
{
	static const int how[] = { 0, EDVSFAULT, STREAM_E_AGAIN };

	for (int i = 0; i < 3; i++) {
		int n = start(ROOT, SMALL, 1, LASTS);

		CHECK_SOON(attempts[n]);
		stop(n, EDVSINTR);
		stop(n, EDVSSRCDIED);
		CHECK_EQ(finished[n], 0); /* the worker has it */
		result[n] = how[i];
		CHECK_SOON(finished[n]);
		CHECK_EQ(code[n], EDVSINTR);
		CHECK_EQ(parked[n], 0);
	}
}

/* A party that moves is waited for from when the copy last got on. */
static void test_progress(void)
{
	int n = start(ROOT, SMALL, 1, STREAM_E_AGAIN);

	CHECK_SOON(parked[n]);
	CHECK_EQ(task[n].deadline_ns, 0);
	CHECK_EQ(task[n].park_us, 7);
	progress = 1;
	n = start(ROOT, SMALL, 1, STREAM_E_AGAIN);
	CHECK_SOON(parked[n]);
	CHECK(task[n].deadline_ns > os_now_ns());
	CHECK_EQ(task[n].park_us, 0);
	progress = 0;
}

/* A user's large ones wait for each other; others and small ones do not wait for these. */
static void test_large_ones(void)
{
	int most = (int)share_most(SHARE_STREAMS), n[LIMIT_LARGE], waits, other, small;

	CHECK_OR_RETURN(most < LIMIT_LARGE);
	for (int i = 0; i < most; i++)
		n[i] = start(USER, LARGE, 1, LASTS);
	for (int i = 0; i < most; i++)
		CHECK_SOON(attempts[n[i]]);
	waits = start(USER, LARGE, 1, 0);
	small = start(USER, SMALL, 1, 0);
	other = start(USER + 1, LARGE, 1, LASTS);
	CHECK_SOON(finished[small]);
	CHECK_SOON(attempts[other]);
	CHECK_EQ(attempts[waits], 0);
	CHECK_EQ(parked[waits], 0);
	result[n[0]] = 0;
	CHECK_SOON(finished[waits]);
	for (int i = 1; i < most; i++)
		result[n[i]] = 0;
	result[other] = 0;
	for (int i = 0; i < most; i++)
		CHECK_SOON(finished[n[i]]);
	CHECK_SOON(finished[other]);
}

/* One process has so many small ones at a time; the next is tried again. */
static void test_small_ones(void)
{
	int n[LIMIT_OF_ONE], more;

	for (int i = 0; i < LIMIT_OF_ONE; i++)
		n[i] = start(ROOT, SMALL, 5, LASTS);
	for (int i = 0; i < LIMIT_OF_ONE; i++)
		CHECK_SOON(attempts[n[i]]);
	more = start(ROOT, SMALL, 5, 0);
	CHECK_EQ(parked[more], 1);
	CHECK_EQ(attempts[more], 0);
	more = start(ROOT, SMALL, 6, 0);
	CHECK_SOON(finished[more]);
	for (int i = 0; i < LIMIT_OF_ONE; i++)
		result[n[i]] = 0;
	for (int i = 0; i < LIMIT_OF_ONE; i++)
		CHECK_SOON(finished[n[i]]);
}

/* All that was held is given back, a moment after the end is told. */
static void test_nothing_is_held(void)
{
	bool held = true;

	for (int i = 0; i < 5000 && held; i++) {
		os_lock_take(&rig.lock);
		held = rig.requests.shares;
		os_lock_release(&rig.lock);
		os_thread_sleep_ns(OS_MS_NS);
	}
	CHECK(!held);
}

/* The daemon ends: a worker that comes back touches nothing more. */
static void test_the_end(void)
{
	int n = start(ROOT, SMALL, 1, LASTS);

	CHECK_SOON(attempts[n]);
	os_lock_take(&rig.lock);
	rig.life.stopping = true;
	os_lock_release(&rig.lock);
	result[n] = 0;
	os_thread_sleep_ns(50 * OS_MS_NS);
	CHECK_EQ(finished[n], 0);
	CHECK_EQ(parked[n], 0);
}

int main(void)
{
	rig_begin();
	copies = rig_copies();
	os_lock_release(&rig.lock);
	TEST(test_results);
	TEST(test_an_old_lane);
	TEST(test_a_verdict);
	TEST(test_progress);
	TEST(test_large_ones);
	TEST(test_small_ones);
	TEST(test_nothing_is_held);
	TEST(test_the_end);
	return test_end();
}
