/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Children of a process by its session, of a leader that the test starts, and by its control group, for which the
 * functions of cgroup.c are the test's own.
 */

#include "node/task/children.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "node/ask/asker_test.h"
#include "node/state/order.h"
#include "node/task/cgroup.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "os/loop.h"
#include "os/sleeper_test.h"
#include "os/task.h"

static pthread_mutex_t lock;
static struct os_loop *loop;
static struct order order;
static struct tasks tasks;
static struct requests requests;
static struct task leader;
static struct answer answer;
static pid_t child;
static int folder; /* of the control groups; -1: there are none */

#define IN_GROUP 3
#define MANY	 (CTL_CHILDREN_MAX + 2)

void cgroup_open(struct tasks *of)
{
	(void)of;
}

int cgroup_folder(const struct tasks *of)
{
	(void)of;
	return folder;
}

void cgroup_adopt(struct tasks *of, int fd)
{
	(void)of, (void)fd;
}

void cgroup_close(struct tasks *of)
{
	(void)of;
}

int cgroup_make(struct tasks *of, int dcid, int p_nr, uint32_t generation,
		char name[CGROUP_NAME_MAX])
{
	(void)of, (void)dcid, (void)p_nr, (void)generation;
	name[0] = 0;
	return -1;
}

void cgroup_kill(struct tasks *of, const char *name)
{
	(void)of, (void)name;
}

void cgroup_end(struct tasks *of, char name[CGROUP_NAME_MAX], bool kill)
{
	(void)of, (void)name, (void)kill;
}

int cgroup_others(const struct task *task, pid_t *pids, int max)
{
	CHECK(task == &leader);
	CHECK_EQ(max, CTL_CHILDREN_MAX);
	pids[0] = 71;
	return IN_GROUP;
}

/* Both end with the pipe: its other end is this program's. */
static void start_leader(int end[2])
{
	int told[2];
	char byte;

	CHECK_EQ(pipe(end), 0);
	CHECK_EQ(pipe(told), 0);
	leader.lpid = fork();
	if (leader.lpid == 0) {
		pid_t own;

		setsid();
		own = fork();
		if (own)
			CHECK_EQ(write(told[1], &own, sizeof(own)), sizeof(own));
		close(end[1]);
		CHECK_EQ(read(end[0], &byte, 1), 0);
		_exit(0);
	}
	CHECK_EQ(read(told[0], &child, sizeof(child)), sizeof(child));
	close(told[0]);
	close(told[1]);
}

static void set_up(void)
{
	folder = -1;
	os_lock_init(&lock);
	CHECK_EQ(os_loop_new(&loop, &lock), 0);
	order = (struct order){ .self = 2 };
	leader = (struct task){ .tasks = &tasks, .managed = true, .lpid = leader.lpid };
	tasks = (struct tasks){ .order = &order, .lock = &lock, .all = &leader };
	requests = (struct requests){ .order = &order, .tasks = &tasks };
	os_lock_take(&lock);
}

static void tear_down(void)
{
	os_lock_release(&lock);
	loop = os_loop_free(loop);
}

static void again(struct request *request)
{
	(void)request;
	os_loop_stop(loop);
}

static int count(const struct request *request, struct ctl_proc_row *row)
{
	*row = (struct ctl_proc_row){ .children = 99 };
	children_fill(request, &leader, row);
	return row->children;
}

static void test_a_child(void)
{
	struct request *request;
	struct ctl_proc_row row;
	int end[2];

	start_leader(end);
	set_up();
	request = asker_request(&requests, CTL_PS, &answer);
	request->uid = 1000;
	CHECK_EQ(count(request, &row), -1); /* nobody has looked */
	CHECK(children_look(request, again));
	CHECK(requests.shares);
	CHECK_EQ(tasks.searches, 1);
	os_lock_release(&lock);
	CHECK_EQ(os_loop_run(loop), 0);
	os_lock_take(&lock);
	CHECK_EQ(tasks.searches, 0);
	CHECK(!requests.shares);
	CHECK(request->freed == children_end);
	CHECK(!children_look(request, again)); /* all is known */
	CHECK_EQ(count(request, &row), 1);
	CHECK_EQ(row.child[0], child);
	leader.managed = false;
	CHECK_EQ(count(request, &row), -1);
	leader.managed = leader.ended = true;
	CHECK_EQ(count(request, &row), -1);
	request_end(request, 0, NULL, 0, NULL, 0);
	tear_down();
	close(end[1]);
	CHECK_EQ(waitpid(leader.lpid, NULL, 0), leader.lpid);
	close(end[0]);
}

/* The pids of `many` children, of a leader that does not look when one of them ends. */
static void start_many(pid_t *pids)
{
	int told[2];

	CHECK_EQ(pipe(told), 0);
	leader.lpid = fork();
	if (leader.lpid == 0) {
		setsid();
		for (int i = 0; i < MANY; i++)
			pids[i] = sleeper();
		if (write(told[1], pids, MANY * sizeof(*pids)) != MANY * (ssize_t)sizeof(*pids))
			_exit(1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(told[0], pids, MANY * sizeof(*pids)), MANY * sizeof(*pids));
	close(told[0]);
	close(told[1]);
}

static void kill_child(pid_t pid)
{
	struct task_id id;

	CHECK_OR_RETURN(pid > 1);
	kill(pid, SIGKILL);
	while (os_task_of(pid, &id) != -ESRCH)
		usleep(1000);
}

/* All are counted, but for those of which only the remains are there; the first of them are named. */
static void test_many_children(void)
{
	struct {
		struct ctl_proc_row row;
		int32_t behind[MANY];
	} at;
	pid_t pids[MANY] = { 0 };
	struct request *request;

	start_many(pids);
	kill_child(pids[0]);
	set_up();
	request = asker_request(&requests, CTL_PS, &answer);
	CHECK(children_look(request, again));
	os_lock_release(&lock);
	CHECK_EQ(os_loop_run(loop), 0);
	os_lock_take(&lock);
	memset(&at, 0, sizeof(at));
	CHECK_EQ(count(request, &at.row), MANY - 1);
	for (int i = 0; i < CTL_CHILDREN_MAX; i++) {
		CHECK(at.row.child[i] > 0 && at.row.child[i] != pids[0]);
		CHECK(at.row.child[i] != leader.lpid);
	}
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(at.behind[i], 0);
	request_end(request, 0, NULL, 0, NULL, 0);
	tear_down();
	for (int i = 1; i < MANY; i++)
		kill_child(pids[i]);
	CHECK_OR_RETURN(leader.lpid > 1);
	kill(leader.lpid, SIGKILL);
	CHECK_EQ(waitpid(leader.lpid, NULL, 0), leader.lpid);
}

/* Where there are control groups nobody has to look. */
static void test_in_a_group(void)
{
	struct request *request;
	struct ctl_proc_row row;

	set_up();
	folder = 77;
	request = asker_request(&requests, CTL_PS, &answer);
	CHECK(!children_look(request, again));
	CHECK_EQ(count(request, &row), IN_GROUP);
	CHECK_EQ(row.child[0], 71);
	children_fill(request, NULL, &row);
	CHECK_EQ(row.children, -1);
	leader.managed = false;
	CHECK_EQ(count(request, &row), -1);
	request_end(request, 0, NULL, 0, NULL, 0);
	tear_down();
}

/* The table goes without them rather than wait. */
static void test_nobody_looks(void)
{
	struct request *request;

	set_up();
	request = asker_request(&requests, CTL_PS, &answer);
	tasks.all = NULL;
	CHECK(!children_look(request, again));
	tasks.all = &leader;
	tasks.searches = TASK_SEARCHES_MAX;
	CHECK(!children_look(request, again));
	CHECK_EQ(tasks.searches, TASK_SEARCHES_MAX);
	tasks.searches = 0;
	request->uid = 1000;
	for (unsigned i = 0; i < share_most(SHARE_SEARCHES); i++)
		CHECK(share_take(&requests.shares, 1000, SHARE_SEARCHES));
	CHECK(!children_look(request, again));
	for (unsigned i = 0; i < share_most(SHARE_SEARCHES); i++)
		share_give(&requests.shares, 1000, SHARE_SEARCHES);
	request_end(request, 0, NULL, 0, NULL, 0);
	tear_down();
}

int main(void)
{
	TEST(test_a_child);
	TEST(test_many_children);
	TEST(test_in_a_group);
	TEST(test_nobody_looks);
	return test_end();
}
