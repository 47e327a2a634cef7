/* SPDX-License-Identifier: Apache-2.0 */
#include "os/crew.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/test.h"

struct parts {
	uint32_t done[1000]; /* how often */
	uint32_t last[OS_CREW_WORKERS_MAX];
	uint32_t by[OS_CREW_WORKERS_MAX];
	bool ascends;
};

static void work(void *ctx, uint32_t worker, uint32_t from, uint32_t to)
{
	struct parts *parts = ctx;

	if (worker >= OS_CREW_WORKERS_MAX || from < parts->last[worker])
		parts->ascends = false;
	parts->last[worker] = to;
	parts->by[worker] += to - from;
	for (uint32_t i = from; i < to; i++)
		parts->done[i]++;
}

static void test_each_part_is_done_once(void)
{
	static const uint32_t counts[] = { 0, 1, 16, 17, 63, 64, 65, 1000 };

	for (size_t at = 0; at < sizeof(counts) / sizeof(counts[0]); at++) {
		static struct parts parts;
		uint32_t count = counts[at], by = 0;

		parts = (struct parts){ .ascends = true };
		os_crew(count, work, &parts);
		for (uint32_t i = 0; i < 1000; i++)
			CHECK(parts.done[i] == (i < count));
		for (uint32_t i = 0; i < OS_CREW_WORKERS_MAX; i++)
			by += parts.by[i];
		CHECK(by == count && parts.ascends);
	}
}

static void note_thread(void *ctx, uint32_t worker, uint32_t from, uint32_t to)
{
	pthread_t *thread = ctx;

	(void)from, (void)to;
	thread[worker] = pthread_self();
}

static void test_few_parts_are_done_by_the_caller(void)
{
	pthread_t thread[OS_CREW_WORKERS_MAX] = { 0 };

	os_crew(8, note_thread, thread);
	CHECK(pthread_equal(thread[0], pthread_self()));
}

int main(void)
{
	TEST(test_each_part_is_done_once);
	TEST(test_few_parts_are_done_by_the_caller);
	return test_end();
}
