/* SPDX-License-Identifier: Apache-2.0 */
#include "node/copy/limit.h"

#include <string.h>

#include "base/test.h"
#include "node/ask/share.h"
#include "node/copy/copy_task.h"

#define DC   3
#define USER 1000
#define ROOT 0
#define SOME 200

static struct copy_task tasks[SOME];
static struct share *shares;
static struct limit limit;
static int count;

static void reset(void)
{
	while (count)
		if (tasks[--count].streaming && limit_is_small(&tasks[count]))
			share_give(&shares, tasks[count].uid, SHARE_PARTS);
	memset(tasks, 0, sizeof(tasks));
	memset(&limit, 0, sizeof(limit));
	CHECK(!shares); /* none is held for ever */
}

/* One more task, before the others in the list. */
static struct copy_task *ask(uid_t uid, uint64_t bytes, int source, int destination)
{
	struct copy_task *task = &tasks[count];

	*task = (struct copy_task){ .next = count ? &tasks[count - 1] : NULL,
				    .uid = uid,
				    .dcid = DC,
				    .bytes = bytes,
				    .endpoint = { source, destination } };
	count++;
	task->streaming = limit_queue(task, &shares, task);
	return task;
}

static void test_small_ones_at_one_process(void)
{
	for (int i = 0; i < LIMIT_OF_ONE; i++)
		CHECK(ask(ROOT, LIMIT_SMALL_BYTES, 10, 20 + i)->streaming);
	CHECK(!ask(ROOT, 1, 10, 50)->streaming);
	CHECK(!ask(ROOT, 1, 50, 10)->streaming); /* on whichever side */
	CHECK(ask(ROOT, 1, 51, 20)->streaming);
	/* A large one does not count, and is not held up here. */
	CHECK(ask(ROOT, LIMIT_SMALL_BYTES + 1, 10, 50)->streaming);
	tasks[0].streaming = false;
	share_give(&shares, ROOT, SHARE_PARTS);
	CHECK(ask(ROOT, 0, 50, 10)->streaming);
	CHECK(!ask(ROOT, 0, 50, 10)->streaming);
	reset();
}

static void test_a_number_is_one_of_its_dc(void)
{
	for (int i = 0; i < LIMIT_OF_ONE; i++)
		ask(ROOT, 1, 10, 20 + i)->dcid = DC + 1;
	CHECK(ask(ROOT, 1, 10, 50)->streaming);
	reset();
}

static void test_small_ones_of_one_user(void)
{
	unsigned most = share_most(SHARE_PARTS);

	for (unsigned i = 0; i < most; i++)
		CHECK(ask(USER, 1, 2 * (int)i, 2 * (int)i + 1)->streaming);
	CHECK(!ask(USER, 1, 150, 151)->streaming);
	CHECK(ask(USER + 1, 1, 150, 151)->streaming);
	CHECK(ask(ROOT, 1, 150, 151)->streaming);
	limit_give(&limit, &shares, USER, true);
	tasks[0].streaming = false;
	CHECK(ask(USER, 1, 152, 153)->streaming);
	CHECK_EQ(limit.large, 0);
	reset();
}

static bool take(uid_t uid)
{
	return limit_take(&limit, &shares, ask(uid, LIMIT_SMALL_BYTES + 1, 10, 20));
}

static void test_large_ones(void)
{
	unsigned most = share_most(SHARE_STREAMS);

	CHECK(most < LIMIT_LARGE);
	for (unsigned i = 0; i < most; i++)
		CHECK(take(USER));
	CHECK(!take(USER));
	CHECK(take(USER + 1)); /* room that one user cannot take */
	CHECK(!take(ROOT));
	CHECK(limit_take(&limit, &shares, ask(ROOT, 1, 10, 20))); /* a small one goes on */
	limit_give(&limit, &shares, USER + 1, false);
	CHECK(!take(USER));
	CHECK(take(ROOT));
	CHECK_EQ(limit.large, LIMIT_LARGE);
	limit_give(&limit, &shares, ROOT, false);
	for (unsigned i = 0; i < most; i++)
		limit_give(&limit, &shares, USER, false);
	CHECK_EQ(limit.large, 0);
	reset();
}

/* As many as there are copies, and no more than all of one kind and the other need. */
static void test_workers(void)
{
	limit = (struct limit){ 0 };
	CHECK(limit_wants_worker(&limit));
	limit = (struct limit){ .workers = 1, .idle = 1 };
	CHECK(!limit_wants_worker(&limit));
	limit.queued = 1; /* the idle one is for that */
	CHECK(limit_wants_worker(&limit));
	limit = (struct limit){ .workers = LIMIT_WORKERS };
	CHECK(!limit_wants_worker(&limit));
	CHECK(LIMIT_WORKERS >= 2 * share_most(SHARE_PARTS) + LIMIT_LARGE);
	reset();
}

int main(void)
{
	TEST(test_small_ones_at_one_process);
	TEST(test_a_number_is_one_of_its_dc);
	TEST(test_small_ones_of_one_user);
	TEST(test_large_ones);
	TEST(test_workers);
	return test_end();
}
