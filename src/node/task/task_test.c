/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/task.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "node/state/order.h"
#include "node/task/ended.h"
#include "os/loop.h"
#include "os/pid.h"
#include "os/self.h"
#include "os/socket.h"

static struct os_loop *loop;
static struct order order;
static struct tasks tasks;
static struct task *ended_task; /* the hook was called for it */

static void on_end(struct node *node, struct task *task)
{
	(void)node;
	ended_task = task;
}

static void set_up(void)
{
	CHECK_EQ(os_loop_new(&loop, NULL), 0);
	order = (struct order){ .self = 2 };
	tasks = (struct tasks){ .order = &order, .loop = loop, .on_end = on_end };
	ended_task = NULL;
}

static void tear_down(void)
{
	while (tasks.all) {
		tasks.all->bindings = NULL;
		task_free(tasks.all);
	}
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		ended_forget_dc(&tasks, dcid);
	loop = os_loop_free(loop);
}

/* This program stands for each of them; the pidfd is one end of a pair, which is readable when the other is closed. */
static struct task *new_task(pid_t lpid, pid_t tgid, int *end)
{
	struct task *task = NULL;
	int pair[2];

	CHECK_EQ(os_unix_pair(OS_STREAM, pair), 0);
	CHECK_EQ(task_new(&tasks, lpid, tgid, 7, pair[0], &task), 0);
	if (end)
		*end = pair[1];
	else
		os_close(pair[1]);
	return task;
}

static void test_finding(void)
{
	struct task *leader, *thread;

	set_up();
	leader = new_task(70, 70, NULL);
	thread = new_task(71, 70, NULL);
	CHECK(task_find(&tasks, 71) == thread);
	CHECK(task_find_or_leader(&tasks, 70, 71) == thread);
	CHECK(task_find_or_leader(&tasks, 70, 99) == leader);
	CHECK(!task_find_or_leader(&tasks, 80, 71)); /* a number of another process's thread */
	thread->ended = true;
	CHECK(!task_find(&tasks, 71));
	CHECK(task_find_or_leader(&tasks, 70, 71) == leader);
	leader->loading = true; /* an arrival's */
	CHECK(!task_find(&tasks, 70));
	leader->loading = false;
	tear_down();
}

/* A descriptor of the task that the asker has saves another look for it by number. */
static void test_keeping_by_descriptor(void)
{
	int pidfd = os_pidfd_open(os_self_pid(), false);
	struct task *task;

	set_up();
	/* As if it had another number: it is not looked for. */
	CHECK_EQ(task_keep_for(&tasks, 70, 70, 70, pidfd, &task), 0);
	CHECK(task->pidfd >= 0 && task->pidfd != pidfd);
	CHECK_EQ(os_pidfd_pid(task->pidfd), os_self_pid());
	task_let(task);
	CHECK(!tasks.all);
	CHECK_EQ(os_pidfd_pid(pidfd), os_self_pid());
	os_close(pidfd);
	tear_down();
}

/* It is known for as long as it has a binding, or somebody waits for something of it. */
static void test_forgetting(void)
{
	struct task *task, *same;

	set_up();
	task = new_task(os_self_pid(), os_self_pid(), NULL);
	CHECK_EQ(task_keep_for(&tasks, os_self_pid(), os_self_pid(), os_self_pid(), -1, &same), 0);
	CHECK(same == task);
	task_drop(task);
	CHECK(tasks.all == task);
	task->bindings = (struct binding *)task;
	task_let(task);
	CHECK(tasks.all == task);
	task->bindings = NULL;
	task_drop(task);
	CHECK(!tasks.all);
	/* One that an init of ours has started lives on without a binding, until it has ended. */
	task = new_task(70, 70, NULL);
	task->managed = true;
	task_drop(task);
	CHECK(tasks.all == task);
	task->ended = true;
	task_drop(task);
	CHECK(!tasks.all);
	tear_down();
}

/* Freed while it is kept: the entry stays until that is over, and says so. */
static void test_gone_while_kept(void)
{
	struct task *task;

	set_up();
	task = new_task(70, 70, NULL);
	task_keep(task);
	task_keep(task);
	task_free(task);
	CHECK(task->gone);
	CHECK(!tasks.all);
	task_let(task);
	CHECK(task->gone);
	task_let(task);
	tear_down();
}

/* Those of the program before keep their order: the newest first. */
static void test_adopting(void)
{
	struct task image = { .lpid = 71, .pidfd = -1 }, *task, *adopted = NULL;

	set_up();
	task = new_task(70, 70, NULL);
	image.next = task; /* as the program before had it */
	CHECK_EQ(task_adopt(&tasks, &image, &adopted), 0);
	CHECK(tasks.all == task && task->next == adopted && !adopted->next);
	CHECK(adopted->tasks == &tasks);
	tear_down();
}

static void test_a_number_of_no_process(void)
{
	const pid_t none = 0x7ffffffe; /* above the most that a kernel gives */
	struct task *task = NULL;

	set_up();
	CHECK_EQ(task_new(&tasks, none, none, 1, -1, &task), -ESRCH);
	CHECK_EQ(task_keep_for(&tasks, none, none, 1, -1, &task), -ESRCH);
	CHECK(!task && !tasks.all);
	tear_down();
}

/* An arrival's: nobody finds it before it is let go by that, and its end is noted. */
static void test_one_that_is_expected(void)
{
	const pid_t self = os_self_pid();
	struct task *task = NULL;

	set_up();
	CHECK_EQ(task_expect(&tasks, 9, &task), 0);
	CHECK(task->loading && !task->lpid && task->vpid == 9 && task->pidfd < 0);
	CHECK_EQ(task_arrive(task, self, self), 0);
	CHECK(task->lpid == self && task->tgid == self && task->pidns == os_pidns_of(0));
	CHECK(task->pidfd >= 0 && task->exit_source);
	CHECK(!task_find(&tasks, self));
	task->loading = false;
	CHECK(task_find(&tasks, self) == task);
	tear_down();
	set_up();
	CHECK_EQ(task_expect(&tasks, 9, &task), 0);
	CHECK_EQ(task_arrive(task, 0x7ffffffe, 0x7ffffffe), -ESRCH);
	tear_down(); /* one that has never arrived */
}

static int rows;

static void count(void *ctx, const struct ctl_ended_row *row, const struct output *output,
		  uint64_t before)
{
	(void)ctx;
	(void)row;
	(void)output;
	(void)before;
	rows++;
}

/* An endpoint is noted; its bindings are ended by the hook, and without one it is forgotten at once. */
static void test_its_end(void)
{
	struct task *task;

	set_up();
	task = new_task(70, 70, NULL);
	task->managed = true;
	task->bindings = (struct binding *)task;
	CHECK_EQ(task_wait_status(task), -1);
	task_end(task);
	CHECK(ended_task == task);
	CHECK(tasks.all == task);
	task->bindings = NULL;
	task->last.bound = true;
	ended_task = NULL;
	task_end(task);
	CHECK(!ended_task);
	CHECK(!tasks.all);
	rows = 0;
	ended_walk(&tasks, count, NULL);
	CHECK_EQ(rows, 1);
	tear_down();
}

/* The init of a task that it has started tells of the end; of any other task the pidfd does. */
static void test_watching(void)
{
	struct task *managed, *task;

	set_up();
	managed = new_task(70, 70, NULL);
	managed->managed = true;
	task = new_task(71, 71, NULL);
	CHECK_EQ(task_watch(managed), 0);
	CHECK(!managed->exit_source);
	CHECK_EQ(task_watch(task), 0);
	CHECK(task->exit_source);
	tear_down();
}

/* The status of a task that no init reaps is read before its parent takes note of the end. */
static void test_its_wait_status(void)
{
	siginfo_t info;
	struct task *task;
	pid_t pid = fork();

	CHECK_OR_RETURN(pid >= 0);
	if (!pid)
		_exit(3);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	set_up();
	task = new_task(pid, pid, NULL);
	task->bindings = (struct binding *)task;
	task_end(task);
	CHECK_EQ(task_wait_status(task), 3 << 8);
	tear_down();
	waitpid(pid, NULL, 0);
}

/* A number may have been of a process that was here before and moved away: the one that has it now lives. */
static void test_an_init_tells(void)
{
	struct task *task;
	int end;

	set_up();
	task = new_task(70, 70, &end);
	task->managed = true;
	task->dcid = 1;
	task->bindings = (struct binding *)task;
	task_on_init_exit(&tasks, 1, 7, 256);
	CHECK(!task->ended);
	os_close(end);
	task_on_init_exit(&tasks, 2, 7, 256);
	task_on_init_exit(&tasks, 1, 8, 256);
	task->managed = false; /* a number of another namespace */
	task_on_init_exit(&tasks, 1, 7, 256);
	CHECK(!task->ended);
	task->managed = true;
	task_on_init_exit(&tasks, 1, 7, 256);
	CHECK(task->ended);
	CHECK(ended_task == task);
	CHECK_EQ(task_wait_status(task), 256);
	tear_down();
}

/* The commit or the discard of an arrival sees to its end. */
static void test_an_arrival_ends(void)
{
	struct task *task;

	set_up();
	task = new_task(70, 70, NULL);
	task->managed = task->loading = true;
	task->dcid = 1;
	task_on_init_exit(&tasks, 1, 7, 256);
	CHECK(tasks.all == task);
	CHECK(task->ended);
	CHECK(!ended_task);
	tear_down();
}

static void test_an_init_is_killed(void)
{
	struct task *of_dc, *of_other, *stranger, *over;

	set_up();
	of_dc = new_task(70, 70, NULL);
	of_other = new_task(71, 71, NULL);
	stranger = new_task(72, 72, NULL);
	of_dc->managed = of_other->managed = true;
	of_dc->dcid = stranger->dcid = 1;
	of_other->dcid = 2;
	over = new_task(73, 73, NULL); /* its bindings are on their way out */
	over->managed = over->ended = true;
	over->dcid = 1;
	over->bindings = (struct binding *)over;
	of_dc->bindings = of_other->bindings = stranger->bindings = (struct binding *)of_dc;
	task_on_init_killed(&tasks, 1);
	CHECK(of_dc->ended && !of_other->ended && !stranger->ended);
	CHECK_EQ(of_dc->end_reason, CTL_ENDED_INIT);
	CHECK_EQ(of_dc->wait_status, 9);
	CHECK_EQ(over->end_reason, CTL_ENDED_ITSELF);
	CHECK_EQ(over->wait_status, 0);
	tear_down();
}

/* In its own namespace by its own number, in the daemon's by the daemon's, and nowhere else. */
static void test_numbers(void)
{
	struct task task = { .lpid = 70, .vpid = 7, .pidns = 4711 };

	CHECK_EQ(task_pid_for(&task, 4711), 7);
	CHECK_EQ(task_pid_for(&task, os_pidns_of(0)), 70);
	CHECK_EQ(task_pid_for(&task, 4712), 0);
}

int main(void)
{
	TEST(test_finding);
	TEST(test_forgetting);
	TEST(test_keeping_by_descriptor);
	TEST(test_gone_while_kept);
	TEST(test_adopting);
	TEST(test_a_number_of_no_process);
	TEST(test_one_that_is_expected);
	TEST(test_its_end);
	TEST(test_watching);
	TEST(test_its_wait_status);
	TEST(test_an_init_tells);
	TEST(test_an_arrival_ends);
	TEST(test_an_init_is_killed);
	TEST(test_numbers);
	return test_end();
}
