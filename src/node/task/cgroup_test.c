/* SPDX-License-Identifier: Apache-2.0 */

/* The groups of tasks by their names. A plain folder plays the hierarchy: nothing runs in its groups. */

#include "node/task/cgroup.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/loop.h"

static struct os_loop *loop;
static struct order order;
static struct tasks tasks;
static char folder[] = "/tmp/dvs-cgroup-test-XXXXXX";
static char name[CGROUP_NAME_MAX];

static void set_up(void)
{
	CHECK_EQ(os_loop_new(&loop, NULL), 0);
	order = (struct order){ .self = 2 };
	tasks = (struct tasks){ .order = &order, .loop = loop };
	snprintf(folder, sizeof(folder), "/tmp/dvs-cgroup-test-XXXXXX");
	CHECK(mkdtemp(folder));
	cgroup_adopt(&tasks, open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *at)
{
	(void)stat;
	(void)kind;
	(void)at;
	return remove(path);
}

static void tear_down(void)
{
	close(cgroup_folder(&tasks));
	free(tasks.cgroups);
	loop = os_loop_free(loop);
	CHECK_EQ(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static bool exists(const char *group)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/%s", folder, group);
	return access(path, F_OK) == 0;
}

static void make(const char *group)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/%s", folder, group);
	CHECK_EQ(mkdir(path, 0755), 0);
}

/* A process may come back before its first group is gone. */
static void test_names(void)
{
	set_up();
	close(cgroup_make(&tasks, 1, -5, 3, name));
	CHECK(!strcmp(name, "1.-5.3"));
	CHECK(exists(name));
	close(cgroup_make(&tasks, 1, -5, 3, name));
	CHECK(!strcmp(name, "1.-5.3-1"));
	for (int i = 2; i < 10; i++)
		close(cgroup_make(&tasks, 1, -5, 3, name));
	CHECK(!strcmp(name, "1.-5.3-9"));
	CHECK_EQ(cgroup_make(&tasks, 1, -5, 3, name), -1);
	CHECK(!name[0]);
	tear_down();
}

static void test_no_groups(void)
{
	static struct tasks none;
	struct task task = { .tasks = &none, .cgroup = "1.5.3" };
	pid_t pid;

	cgroup_adopt(&none, -1);
	CHECK_EQ(cgroup_folder(&none), -1);
	CHECK_EQ(cgroup_make(&none, 1, 5, 3, name), -1);
	CHECK(!name[0]);
	CHECK_EQ(cgroup_others(&task, &pid, 1), -1);
}

/* A group that no task of the state has is one that the predecessor had still to remove. */
static void test_a_successor(void)
{
	struct task task = { .tasks = &tasks, .cgroup = "1.5.3" };

	set_up();
	make("1.5.3");
	make("1.6.4");
	close(cgroup_folder(&tasks));
	free(tasks.cgroups);
	tasks.cgroups = NULL;
	tasks.all = &task;
	cgroup_adopt(&tasks, open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	CHECK(exists("1.5.3"));
	CHECK(!exists("1.6.4"));
	tasks.all = NULL;
	tear_down();
}

static void test_its_end(void)
{
	set_up();
	make("1.5.3");
	snprintf(name, sizeof(name), "1.5.3");
	cgroup_end(&tasks, name, false);
	CHECK(!exists("1.5.3"));
	CHECK(!name[0]); /* it is ended once */
	tear_down();
}

static int others(const char *procs, pid_t lpid, pid_t *pids, int max)
{
	struct task task = { .tasks = &tasks, .lpid = lpid, .cgroup = "1.5.3" };
	char path[100];
	FILE *file;

	snprintf(path, sizeof(path), "%s/1.5.3/cgroup.procs", folder);
	file = fopen(path, "w");
	fputs(procs, file);
	fclose(file);
	return cgroup_others(&task, pids, max);
}

/* Where the kernel did not let the process be born there, nothing is known of its children. */
static void test_children(void)
{
	pid_t pids[2] = { 0, 0 };

	set_up();
	make("1.5.3");
	CHECK_EQ(others("70\n", 70, pids, 2), 0);
	CHECK_EQ(others("71\n70\n72\n73\n", 70, pids, 2), 3);
	CHECK_EQ(pids[0], 71);
	CHECK_EQ(pids[1], 72);
	CHECK_EQ(others("71\n", 70, pids, 2), -1);
	CHECK_EQ(others("", 70, pids, 2), -1);
	tear_down();
}

int main(void)
{
	TEST(test_names);
	TEST(test_no_groups);
	TEST(test_a_successor);
	TEST(test_its_end);
	TEST(test_children);
	return test_end();
}
