/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that are hard to stop. One that has a thread which waits in vfork cannot be stopped: it is refused, and
 * lives on. Others have a thread that ends between the look and the stop: the main one, or the one that was asked in
 * its place.
 */
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

static bool has_ended(pid_t tid)
{
	char state = 0;

	for (int ms = 0; ms < 2000; ms++) {
		state = stage_state(tid);
		if (!state || state == 'Z')
			return true;
		usleep(1000);
	}
	printf("  thread %d is in state %c\n", (int)tid, state);
	return false;
}

static pid_t asked; /* the thread that is asked in place of the main one */

static void end_main(struct stage_move *move)
{
	__atomic_store_n(&move->stage->page->argument, 1, __ATOMIC_RELEASE);
	CHECK(has_ended(move->pid));
}

/* The thread that comes after the main one. */
static void end_asked(struct stage_move *move)
{
	__atomic_store_n(&move->stage->page->argument, 2, __ATOMIC_RELEASE);
	CHECK(has_ended(asked));
}

static pid_t second_thread(pid_t pid)
{
	char path[64];
	pid_t second = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid > 0 && tid != pid && (!second || tid < second))
			second = tid;
	}
	if (dir)
		closedir(dir);
	return second;
}

static void test_ends_before_stop(void)
{
	struct act act;

	CHECK_OR_RETURN(begin(&act, "main_ended", "late"));
	for (int turn = 0; turn < 4; turn++) {
		struct stage_move move = { .stage = &act.stage, .from = act.side, .pid = act.pid };

		asked = second_thread(act.pid);
		move.when_checked = turn == 0 ? end_main : turn == 1 ? end_asked : NULL;
		stage_move(&move);
		CHECK_EQ(move.result, 0);
		if (move.result)
			printf("  %s%s\n", move.source.reason, move.target.reason);
		CHECK(killed(stage_status(&act.stage, act.side, VPID, END_MS)));
		act.side = !act.side;
		act.pid = move.arrived;
		CHECK(verify(&act, turn ? "the asked one ended" : "the main thread ended"));
	}
	CHECK_EQ(finish(&act), 0);
	stage_close(&act.stage);
}

int main(void)
{
	unsigned fds = count_fds();

	if (!act_possible())
		return test_end();
	TEST(test_long_vfork);
	TEST(test_ends_before_stop);
	CHECK_EQ(count_fds(), fds);
	return test_end();
}
