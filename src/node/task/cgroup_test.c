/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How groups are called, for how long a group that is not empty is looked at again, and which processes count as left
 * behind. The groups are made ones: nothing is killed.
 */

#include "node/task/cgroup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/cgroup.h"
#include "os/loop.h"

#define FOLDER 77 /* no descriptor */
#define DC     1
#define LIFE   3
#define OWN    70 /* number of a task's process */

#define PATIENCE_US 10000000

static struct os_loop *loop;
static struct order order;
static struct tasks tasks;

static struct {
	int groups;
	char group[32][CGROUP_NAME_MAX];
	bool busy; /* something runs in all of them */
	unsigned kills, removals;
	unsigned enough; /* removals: the loop is stopped then */
	const pid_t *pids;
	int pid_count;
	bool released;
} made;

static int index_of(const char *name)
{
	for (int i = 0; i < made.groups; i++)
		if (!strcmp(made.group[i], name))
			return i;
	return -1;
}

/* In place of those of os/cgroup.c. */
int os_cgroup_claim(int node)
{
	(void)node;
	return FOLDER;
}

int os_cgroup_folder_name(int folder, char *name, size_t size)
{
	(void)folder, (void)name, (void)size;
	return -ENOENT;
}

bool os_cgroup_release(int folder)
{
	CHECK_EQ(folder, FOLDER);
	made.released = true;
	return true;
}

void os_cgroup_sweep(void)
{
}

void os_cgroup_each(int folder, void (*fn)(void *ctx, const char *name), void *ctx)
{
	CHECK_EQ(folder, FOLDER);
	for (int i = made.groups - 1; i >= 0; i--)
		fn(ctx, made.group[i]);
	/* A program may make some itself. */
	fn(ctx, "of-a-program-with-a-name-that-is-longer-than-ours");
}

int os_cgroup_make(int folder, const char *name)
{
	CHECK_EQ(folder, FOLDER);
	if (index_of(name) >= 0)
		return -EEXIST;
	memcpy(made.group[made.groups++], name, strlen(name) + 1);
	return 1000 + made.groups;
}

int os_cgroup_remove(int folder, const char *name)
{
	int i = index_of(name);

	CHECK_EQ(folder, FOLDER);
	if (++made.removals == made.enough)
		os_loop_stop(loop);
	if (i < 0)
		return -ENOENT;
	if (made.busy)
		return -EBUSY;
	memcpy(made.group[i], made.group[--made.groups], CGROUP_NAME_MAX);
	return 0;
}

int os_cgroup_kill(int folder, const char *name)
{
	CHECK_EQ(folder, FOLDER);
	CHECK(index_of(name) >= 0);
	made.kills++;
	return 0;
}

int os_cgroup_pids(int folder, const char *name, pid_t *pids, int max)
{
	CHECK_EQ(folder, FOLDER);
	CHECK(name[0]);
	for (int i = 0; i < made.pid_count && i < max; i++)
		pids[i] = made.pids[i];
	return made.pid_count;
}

static void begin(void)
{
	CHECK_EQ(os_loop_new(&loop, NULL), 0);
	order = (struct order){ .self = 2 };
	tasks = (struct tasks){ .order = &order, .loop = loop };
	memset(&made, 0, sizeof(made));
}

static void set_up(void)
{
	begin();
	cgroup_open(&tasks);
	CHECK_EQ(cgroup_folder(&tasks), FOLDER);
}

static void tear_down(void)
{
	tasks.all = NULL;
	cgroup_close(&tasks);
	CHECK(made.released);
	loop = os_loop_free(loop);
}

static void stop(void *ctx)
{
	(void)ctx;
	os_loop_stop(loop);
}

static void run_loop(int64_t us)
{
	struct os_source *timer = NULL;

	CHECK_EQ(os_source_timer(loop, us, stop, NULL, &timer), 0);
	CHECK_EQ(os_loop_run(loop), 0);
	os_source_free(timer);
}

static void test_names(void)
{
	char name[CGROUP_NAME_MAX], first[CGROUP_NAME_MAX];

	set_up();
	CHECK(cgroup_make(&tasks, DC, -4, LIFE, first) > 0);
	CHECK(!strcmp(first, "1.-4.3"));
	for (int i = 1; i < 10; i++) /* it came back before its first group was gone */
		CHECK(cgroup_make(&tasks, DC, -4, LIFE, name) > 0);
	CHECK(!strcmp(name, "1.-4.3-9"));
	CHECK_EQ(cgroup_make(&tasks, DC, -4, LIFE, name), -1);
	CHECK(!name[0]);
	CHECK(cgroup_make(&tasks, DC, -4, UINT32_MAX, name) > 0);
	CHECK(!strcmp(name, "1.-4.4294967295"));
	tear_down();
}

/* Where the machine lets none be made, nothing is done. */
static void test_without_groups(void)
{
	char name[CGROUP_NAME_MAX] = "x", taken[CGROUP_NAME_MAX] = "1.2.3";
	struct task task = { .tasks = &tasks, .lpid = OWN, .cgroup = "1.2.3" };
	pid_t pid;

	begin();
	CHECK_EQ(cgroup_folder(&tasks), -1);
	CHECK_EQ(cgroup_make(&tasks, DC, 1, LIFE, name), -1);
	CHECK(!name[0]);
	cgroup_kill(&tasks, taken);
	cgroup_end(&tasks, taken, true);
	CHECK_EQ(cgroup_others(&task, &pid, 1), -1);
	cgroup_adopt(&tasks, -1);
	CHECK_EQ(cgroup_folder(&tasks), -1);
	cgroup_close(&tasks);
	CHECK_EQ(made.kills + made.removals, 0);
	CHECK(!made.released);
	loop = os_loop_free(loop);
}

static void test_an_empty_group(void)
{
	char name[CGROUP_NAME_MAX];

	set_up();
	cgroup_make(&tasks, DC, 1, LIFE, name);
	cgroup_end(&tasks, name, false);
	CHECK(!name[0]);
	CHECK_EQ(made.groups, 0);
	CHECK_EQ(made.kills, 0);
	cgroup_end(&tasks, name, true); /* once */
	cgroup_kill(&tasks, name);
	CHECK_EQ(made.removals, 1);
	CHECK_EQ(made.kills, 0);
	tear_down();
}

/* A group in which something runs is looked at again until it is empty; killed meanwhile only when it is to end. */
static void ends_late(bool kill)
{
	char name[CGROUP_NAME_MAX];
	unsigned removals;

	set_up();
	made.busy = true;
	cgroup_make(&tasks, DC, 1, LIFE, name);
	cgroup_end(&tasks, name, kill);
	CHECK(!name[0]);
	CHECK_EQ(made.kills, kill);
	made.enough = 4;
	run_loop(PATIENCE_US);
	CHECK_EQ(made.removals, 4); /* each look sets the next one */
	CHECK_EQ(made.kills, kill ? made.removals : 0);
	CHECK_EQ(made.groups, 1);
	made.busy = false;
	made.enough = 5;
	run_loop(PATIENCE_US);
	CHECK_EQ(made.groups, 0);
	removals = made.removals;
	run_loop(30000);
	CHECK_EQ(made.removals, removals); /* it is forgotten */
	tear_down();
}

static void test_a_group_that_is_killed(void)
{
	ends_late(true);
}

static void test_a_group_that_ends_by_itself(void)
{
	ends_late(false);
}

/* The predecessor's: groups of tasks stay, the others are ended, names that are none of ours are left alone. */
static void test_taking_over(void)
{
	char kept[CGROUP_NAME_MAX], left[CGROUP_NAME_MAX];
	struct task task = { .tasks = &tasks };

	set_up();
	cgroup_make(&tasks, DC, 1, LIFE, kept);
	cgroup_make(&tasks, DC, 2, LIFE, left);
	cgroup_close(&tasks);
	memcpy(task.cgroup, kept, sizeof(kept));
	tasks.all = &task;
	cgroup_adopt(&tasks, FOLDER);
	CHECK_EQ(cgroup_folder(&tasks), FOLDER);
	CHECK_EQ(made.groups, 1);
	CHECK(index_of(kept) >= 0);
	CHECK_EQ(made.kills, 1);
	CHECK_EQ(made.removals, 1);
	tear_down();
}

static int others(const pid_t *pids, int count, pid_t *found, int max)
{
	struct task task = { .tasks = &tasks, .lpid = OWN, .cgroup = "1.1.3" };

	made.pids = pids;
	made.pid_count = count;
	return cgroup_others(&task, found, max);
}

static void test_others(void)
{
	pid_t found[3] = { 0 };
	const pid_t pids[] = { 71, OWN, 72, 73 };
	pid_t *many = calloc(CGROUP_OTHERS_MAX + 44, sizeof(*many));

	set_up();
	CHECK_OR_RETURN(many);
	CHECK_EQ(others(pids, 4, found, 3), 3);
	CHECK_EQ(found[0], pids[0]);
	CHECK_EQ(found[1], pids[2]);
	CHECK_EQ(found[2], pids[3]);
	found[1] = 0;
	CHECK_EQ(others(pids, 4, found, 1), 3); /* all are counted */
	CHECK_EQ(found[1], 0);
	CHECK_EQ(others(pids + 1, 1, found, 3), 0);
	CHECK_EQ(others(pids, 1, found, 3), -1); /* the kernel did not let it be born there */
	CHECK_EQ(others(NULL, 0, found, 3), -1);
	CHECK_EQ(others(NULL, -ENOENT, found, 3), -1);
	many[0] = OWN; /* more than there is room for: the count is true, the rest is not read */
	CHECK_EQ(others(many, CGROUP_OTHERS_MAX + 44, found, 3), CGROUP_OTHERS_MAX + 43);
	many[0] = 0;
	many[CGROUP_OTHERS_MAX + 43] = OWN;
	CHECK_EQ(others(many, CGROUP_OTHERS_MAX + 44, found, 3), -1);
	tear_down();
	free(many);
}

int main(void)
{
	TEST(test_names);
	TEST(test_without_groups);
	TEST(test_an_empty_group);
	TEST(test_a_group_that_is_killed);
	TEST(test_a_group_that_ends_by_itself);
	TEST(test_taking_over);
	TEST(test_others);
	return test_end();
}
