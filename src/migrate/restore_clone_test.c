/* SPDX-License-Identifier: Apache-2.0 */
/* The calls by which threads are made, and those by which one comes to its directories. */
#include "migrate/restore.h"

#include "base/test.h"
#include "migrate/restore_test.h"

static struct picture_thread numbered(int32_t tid)
{
	return (struct picture_thread){ .image = { .tid = tid } };
}

/* Threads are made with their numbers; one thread needs none. */
static void test_made(void)
{
	struct picture_thread threads[3] = { numbered(7), numbered(30), numbered(9) };

	restore_begin();
	restore->picture.thread = threads;
	restore->picture.thread_count = 1;
	CHECK_EQ(restore_clone_threads(restore, &restore_refusal), 0);
	CHECK_EQ(restore->calls.count, 0);
	restore->picture.thread_count = 3;
	CHECK(restore_listed(restore_clone_threads(restore, &restore_refusal)));
	CHECK_EQ(restore->calls.count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		const struct call *call = restore_call(i, SYS_clone3);
		const uint64_t *args = restore_data(call->arg[0]);
		const int32_t *number = restore_data(args[8]);

		CHECK(call->mode == CALL_EXACT && call->expect == threads[i + 1].image.tid);
		CHECK_EQ(*number, threads[i + 1].image.tid);
	}
	restore->picture.thread = NULL;
	restore->picture.thread_count = 0;
	restore_end();
}

static void test_found(void)
{
	restore_begin();
	CHECK(restore_tracee_of(restore, 7) == &restore->threads.tracee[0]);
	CHECK(!restore_tracee_of(restore, 8));
	for (int32_t vtid = 10; vtid < 60; vtid += 5)
		CHECK(threads_append(&restore->threads, 1000 + vtid, vtid));
	for (int32_t vtid = 0; vtid < 70; vtid++) {
		struct tracee *tracee = restore_tracee_of(restore, vtid);

		CHECK_EQ(tracee != NULL, vtid == 7 || (vtid >= 10 && vtid < 60 && vtid % 5 == 0));
		CHECK(!tracee || vtid == 7 || tracee->tid == 1000 + vtid);
	}
	restore_end();
}

/* The second one has the table of the third, which makes it: only the third comes from the shell. */
static void test_apart(void)
{
	struct picture_thread threads[3] = { numbered(7), numbered(30), numbered(9) };

	threads[1].image.table = threads[2].image.table = 9;
	threads[1].image.place = 30;
	restore_begin();
	restore->picture.thread = threads;
	restore->picture.thread_count = 3;
	CHECK(restore_listed(restore_clone_threads(restore, &restore_refusal)));
	CHECK_EQ(restore->calls.count, 1);
	CHECK_EQ(restore_call(0, SYS_clone3)->expect, 9);
	restore->picture.thread = NULL;
	restore->picture.thread_count = 0;
	restore_end();
}

/* One that no threads can have come to. */
static void test_damaged(void)
{
	struct picture_thread threads[4] = { numbered(7), numbered(8), numbered(9), numbered(10) };

	threads[1].image.table = threads[3].image.table = 8;
	threads[2].image.place = threads[3].image.place = 9;
	restore_begin();
	restore->picture.thread = threads;
	restore->picture.thread_count = 4;
	CHECK(is_refusal(restore_clone_threads(restore, &restore_refusal), &restore_refusal, EDVSIO,
			 "damaged"));
	CHECK_EQ(restore->calls.count, 0);
	restore->picture.thread = NULL;
	restore->picture.thread_count = 0;
	restore_end();
}

int main(void)
{
	TEST(test_made);
	TEST(test_apart);
	TEST(test_damaged);
	TEST(test_found);
	return test_end();
}
