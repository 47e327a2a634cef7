/* SPDX-License-Identifier: Apache-2.0 */
/* A child of this process, with threads that have directories of their own. */
#include "migrate/directories.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"

static int ready[2]; /* a pipe: each of its threads is where it stays */
static char folder[] = "/tmp/dvs-directories-XXXXXX";
static struct inventory *inventory;
static struct tables tables;
static struct refusal refusal;
static pid_t child;

static void *stay(void *arg)
{
	if (write(ready[1], "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
	return arg;
}

static void *go_apart(void *arg)
{
	pthread_t thread;

	if (unshare(CLONE_FS) || chdir(folder))
		_exit(1);
	umask(077);
	/* It has what its maker has. */
	if (arg && pthread_create(&thread, NULL, stay, NULL))
		_exit(1);
	return stay(NULL);
}

static void begin(bool has_another)
{
	char byte;

	CHECK_EQ(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, go_apart, has_another ? folder : NULL))
			_exit(1);
		stay(NULL);
	}
	for (int i = 0; i < 2 + has_another; i++)
		CHECK_EQ(read(ready[0], &byte, 1), 1);
	inventory = calloc(1, sizeof(*inventory));
	refusal = REFUSAL_NONE;
	CHECK_EQ(inventory_open(inventory, child, &tables, &refusal), 0);
	CHECK_EQ(inventory_threads(inventory), 0);
	CHECK_EQ(inventory->thread_count, 2 + has_another);
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

static void test_read(void)
{
	begin(false);
	inventory->init = getpid();
	CHECK_EQ(fitness_check_again(inventory, &refusal), 0);
	const struct inventory_thread *thread = &inventory->thread[1];

	CHECK(thread->place == thread->tid && !thread->table && thread->umask == 077);
	CHECK_EQ(directories_read(inventory, &refusal), 0);
	const struct file *file = files_find(&tables.files, thread->cwd_file);

	CHECK_OR_RETURN(file);
	CHECK(strcmp(file->path, folder) == 0 && !thread->root_file);
	CHECK(inventory->process.cwd_file && inventory->process.cwd_file != thread->cwd_file);
	end();
}

/* One that was deleted is made anew. */
static void test_deleted(void)
{
	begin(false);
	CHECK_EQ(rmdir(folder), 0);
	inventory->init = getpid();
	CHECK_EQ(fitness_check_again(inventory, &refusal), 0);
	CHECK_EQ(directories_read(inventory, &refusal), 0);
	const struct file *file = files_find(&tables.files, inventory->thread[1].cwd_file);

	CHECK_OR_RETURN(file);
	CHECK(strncmp(file->path, folder, strlen(folder)) == 0);
	CHECK(file->image.use & IMAGE_FILE_DELETED);
	CHECK_EQ(mkdir(folder, 0700), 0);
	end();
}

/* The first of those that have one directory has the records of it. */
static void test_in_common(void)
{
	begin(true);
	inventory->init = getpid();
	CHECK_EQ(fitness_check_again(inventory, &refusal), 0);
	CHECK_EQ(directories_read(inventory, &refusal), 0);
	const struct inventory_thread *thread = inventory->thread;

	CHECK(thread[1].place == thread[1].tid && thread[1].cwd_file);
	CHECK(thread[2].place == thread[1].tid && !thread[2].cwd_file);
	end();
}

int main(void)
{
	if (geteuid() != 0) {
		test_skip("not root");
		return test_end();
	}
	CHECK(mkdtemp(folder));
	TEST_OF_THREADS(test_read);
	TEST_OF_THREADS(test_deleted);
	TEST_OF_THREADS(test_in_common);
	rmdir(folder);
	return test_end();
}
