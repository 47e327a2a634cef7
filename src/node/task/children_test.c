/* SPDX-License-Identifier: Apache-2.0 */

/* Children of a process by its session. The test starts a leader of a session, and that one child. */

#include "node/task/children.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "node/ask/asker_test.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "os/loop.h"

static pthread_mutex_t lock;
static struct os_loop *loop;
static struct order order;
static struct tasks tasks;
static struct requests requests;
static struct task leader;
static struct answer answer;
static pid_t child;

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
	CHECK_EQ(count(request, &row), -1); /* nobody has looked */
	CHECK(children_look(request, again));
	CHECK_EQ(tasks.searches, 1);
	os_lock_release(&lock);
	CHECK_EQ(os_loop_run(loop), 0);
	os_lock_take(&lock);
	CHECK_EQ(tasks.searches, 0);
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
	TEST(test_nobody_looks);
	return test_end();
}
