/* SPDX-License-Identifier: Apache-2.0 */
#include "os/crew.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "os/affinity.h"
#include "os/lock.h"
#include "os/thread.h"
#include "os/threads.h"

#define AT_ONCE \
	16u /* parts that a worker takes: enough that workers seldom meet, and few enough to end together */
#define WORTH_HELP 64u /* parts that are done alone, for they are over before a thread has begun */

struct crew {
	uint32_t count;
	os_crew_fn *work;
	void *ctx;
	atomic_uint
		next; /* the first part that nobody has taken; relaxed: the joins order all else */
	atomic_uint workers; /* numbers given; relaxed as well */
	struct os_affinity elsewhere;
	bool has_elsewhere;
};

static void take_parts(struct crew *crew)
{
	uint32_t worker = atomic_fetch_add_explicit(&crew->workers, 1, memory_order_relaxed);

	assert(worker < OS_CREW_WORKERS_MAX);
	for (;;) {
		uint32_t from =
			atomic_fetch_add_explicit(&crew->next, AT_ONCE, memory_order_relaxed);

		if (from >= crew->count)
			return;
		uint32_t left = crew->count - from;

		crew->work(crew->ctx, worker, from, from + (left < AT_ONCE ? left : AT_ONCE));
	}
}

static void *help(void *pointer)
{
	struct crew *crew = pointer;

	if (crew->has_elsewhere)
		os_affinity_set(0, &crew->elsewhere);
	take_parts(crew);
	return NULL;
}

/* The CPUs of the first thread of the program but this one: the caller may be bound to it. How many there are. */
static uint32_t find_cpus(struct crew *crew)
{
	struct os_affinity here;
	uint32_t count = 0;

	if (os_affinity(os_process_id(), &crew->elsewhere) < 0 || !os_affinity_here(&here))
		return 0;
	for (uint32_t i = 0; i < OS_AFFINITY_BYTES; i++) {
		crew->elsewhere.cpu[i] &= (uint8_t)~here.cpu[i];
		count += (uint32_t)__builtin_popcount(crew->elsewhere.cpu[i]);
	}
	crew->has_elsewhere = count;
	return count;
}

void os_crew(uint32_t count, os_crew_fn *work, void *ctx)
{
	struct crew crew = { .count = count, .work = work, .ctx = ctx };
	pthread_t helper[OS_CREW_WORKERS_MAX - 1];
	uint32_t helpers = 0, cpus = count < WORTH_HELP ? 0 : find_cpus(&crew);

	assert(work);
	while (helpers < cpus && helpers < OS_CREW_WORKERS_MAX - 1 &&
	       os_thread_start_joined(&helper[helpers], help, &crew) == 0)
		helpers++;
	take_parts(&crew);
	while (helpers)
		os_thread_join(helper[--helpers]);
	assert(atomic_load_explicit(&crew.next, memory_order_relaxed) >= count);
}
