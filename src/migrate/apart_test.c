/* SPDX-License-Identifier: Apache-2.0 */
/* A child of this process, with threads that have descriptor tables and directories of their own. */
#include "migrate/apart.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "os/kcmp.h"

static int ready[2]; /* a pipe: each of its threads is where it stays */
static struct inventory *inventory;
static struct tables tables;
static struct refusal refusal;
static pid_t child;

/* The things that each thread parts from (CLONE_*), one after another. */
static const int *script;

static void *next(void *parts)
{
	const int *step = parts;
	pthread_t thread;

	if (*step && unshare(*step))
		_exit(1);
	if (write(ready[1], "r", 1) != 1)
		_exit(1);
	if (step[1] >= 0 && pthread_create(&thread, NULL, next, (void *)(step + 1)))
		_exit(1);
	for (;;)
		pause();
	return NULL;
}

/* Each thread is made by the one before it, and parts from that; -1 ends the list. */
static void begin(const int *parts, uint32_t count)
{
	char byte;

	script = parts;
	CHECK_EQ(pipe(ready), 0);
	child = fork();
	if (child == 0)
		next((void *)script);
	for (uint32_t i = 0; i < count; i++)
		CHECK_EQ(read(ready[0], &byte, 1), 1);
	inventory = calloc(1, sizeof(*inventory));
	refusal = REFUSAL_NONE;
	CHECK_EQ(inventory_open(inventory, child, &tables, &refusal), 0);
	CHECK_EQ(inventory_threads(inventory), 0);
	CHECK_EQ(inventory->thread_count, count);
	for (uint32_t i = 1; i < inventory->thread_count; i++)
		apart_look(inventory, i);
	CHECK_EQ(apart_meet(inventory, &refusal), 0);
}

static void end(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	inventory_close(inventory);
	free(inventory);
	tables_free(&tables);
	close(ready[0]);
	close(ready[1]);
}

static void test_none(void)
{
	static const int parts[] = { 0, 0, 0, -1 };

	begin(parts, 3);
	CHECK(!apart_are_any(inventory) && !inventory->table_count);
	CHECK_EQ(apart_check_other(inventory, child, &refusal), 0);
	end();
}

/* The second has a table of its own, the third has that one and a directory, the fourth has both from the third. */
static void test_in_common(void)
{
	static const int parts[] = { 0, CLONE_FILES, CLONE_FS, 0, -1 };

	begin(parts, 4);
	const struct inventory_thread *thread = inventory->thread;

	CHECK(apart_are_any(inventory) && !thread[0].table && !thread[0].place);
	CHECK(thread[1].table == thread[1].tid && !thread[1].place);
	CHECK(thread[2].table == thread[1].tid && thread[2].place == thread[2].tid);
	CHECK(thread[3].table == thread[1].tid && thread[3].place == thread[2].tid);
	CHECK_EQ(inventory->table_count, 1);
	CHECK(inventory->table[0].tid == thread[1].tid && inventory->table[0].dir >= 0);
	end();
}

static void test_descriptors(void)
{
	static const int parts[] = { 0, CLONE_FILES, 0, CLONE_FILES, -1 };
	pid_t task = 0;

	begin(parts, 4);
	const struct inventory_thread *thread = inventory->thread;

	CHECK(apart_descriptors(inventory, child, &task) == &inventory->descriptors);
	CHECK_EQ(task, child);
	/* The third one has the table of the second. */
	CHECK(apart_descriptors(inventory, thread[2].tid, &task) ==
	      &inventory->table[0].descriptors);
	CHECK_EQ(task, thread[2].tid);
	CHECK(apart_descriptors(inventory, thread[3].tid, &task) ==
	      &inventory->table[1].descriptors);
	/* Of a table that has come since nothing is known. */
	apart_clear(inventory);
	CHECK(!apart_descriptors(inventory, thread[3].tid, &task));
	CHECK_EQ(task, thread[3].tid);
	end();
}

/* As a process that has one in common with a thread would. */
static void test_other(void)
{
	static const int parts[] = { 0, CLONE_FILES, CLONE_FS, -1 };

	begin(parts, 3);
	CHECK_EQ(apart_check_other(inventory, getpid(), &refusal), 0);
	CHECK(is_refusal(apart_check_other(inventory, inventory->thread[1].tid, &refusal), &refusal,
			 EDVSPROCSTS, "shares its descriptor table with process"));
	inventory->thread[1].table = 0;
	refusal_clear(&refusal);
	CHECK(is_refusal(apart_check_other(inventory, inventory->thread[2].tid, &refusal), &refusal,
			 EDVSPROCSTS, "shares its working directory with process"));
	end();
}

int main(void)
{
	if (os_kcmp(getpid(), getpid(), OS_KCMP_FILES) < 0) {
		test_skip("the kernel does not compare");
		return test_end();
	}
	TEST_OF_THREADS(test_none);
	TEST_OF_THREADS(test_in_common);
	TEST_OF_THREADS(test_descriptors);
	TEST_OF_THREADS(test_other);
	return test_end();
}
