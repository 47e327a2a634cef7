/* SPDX-License-Identifier: Apache-2.0 */
/* A process one of whose threads waits in vfork cannot be stopped: it is refused, and lives on. */
#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/act_test.h"

#include <pthread.h>

/* A tracer of its own, as a move has it: when that ends the process is free. */
static void *move_there(void *move)
{
	stage_move(move);
	return NULL;
}

static void test_long_vfork(void)
{
	struct act act;
	pthread_t tracer;

	CHECK_OR_RETURN(begin(&act, "long_vfork", NULL));
	struct stage_move move = { .stage = &act.stage, .pid = act.pid };

	CHECK_EQ(pthread_create(&tracer, NULL, move_there, &move), 0);
	pthread_join(tracer, NULL);
	printf("  %s%s\n", move.source.reason, move.target.reason);
	CHECK_EQ(move.source.error, EDVSBUSY);
	CHECK(strstr(move.source.reason, "vfork"));
	CHECK(verify(&act, "in vfork"));
	CHECK(is_buried(&act.stage, 1));
	stage_forget(&act.stage, 1);
	__atomic_store_n(&act.stage.page->argument, 1, __ATOMIC_RELEASE);
	CHECK(verify(&act, "after vfork"));
	CHECK(move_on(&act, &move) && verify(&act, "moved after vfork"));
	CHECK_EQ(finish(&act), 0);
	stage_close(&act.stage);
}

int main(void)
{
	unsigned fds = count_fds();

	if (!act_possible())
		return test_end();
	TEST(test_long_vfork);
	CHECK_EQ(count_fds(), fds);
	return test_end();
}
