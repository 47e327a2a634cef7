/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/inits.h"

#include <sys/wait.h>

#include "base/test.h"
#include "node/state/order.h"
#include "node/task/init.h"
#include "node/task/task.h"
#include "os/loop.h"
#include "os/pid.h"
#include "os/sleeper_test.h"
#include "os/socket.h"

#define DC 1

static struct order order;
static struct tasks tasks = { .order = &order };
static struct os_loop *loop;
static struct task *ended; /* the hook was called for it */
static pid_t init;
static int request_end_fd, event_end_fd; /* the init's */
static uint64_t taken[(DC_VPID_COUNT + 63) / 64 + 1];

static void bind_slot(int dcid, int p_nr, int vpid)
{
	order.directory.dc[dcid].slot[shm_index(p_nr)] =
		(struct directory_endpoint){ .bound = 1, .vpid = vpid };
}

/* Numbers of this node's range that processes of the DC have, wherever they run now. */
static void test_taken_numbers(void)
{
	int base;
	unsigned count = 0;

	order.self = 2;
	base = dc_vpid_base(order.self);
	bind_slot(DC, 3, base);
	bind_slot(DC, 4, base + DC_VPID_COUNT - 1);
	bind_slot(DC, 5, base - 1);		/* of the node before */
	bind_slot(DC, 6, base + DC_VPID_COUNT); /* and behind */
	bind_slot(DC + 1, 3, base + 7);
	bind_slot(DC, 7, base + 8);
	order.directory.dc[DC].slot[shm_index(7)].bound = 0;
	inits_taken_vpids(&tasks, DC, taken);
	for (unsigned i = 0; i < DC_VPID_COUNT + 64; i++)
		count += taken[i / 64] >> i % 64 & 1;
	CHECK_EQ(count, 2);
	CHECK(taken[0] & 1);
	CHECK(taken[(DC_VPID_COUNT - 1) / 64] >> (DC_VPID_COUNT - 1) % 64 & 1);
}

static void on_end(struct node *node, struct task *task)
{
	(void)node;
	CHECK(!tasks.init[DC]); /* nothing is asked of it any more */
	ended = task;
}

/* An init of the program before: a child that does nothing. Its sockets are the test's at their other ends. */
static void adopt_init_of(bool dead)
{
	int requests[2], events[2];
	struct dc_init_place place;

	CHECK_EQ(os_loop_new(&loop, NULL), 0);
	tasks = (struct tasks){ .order = &order, .loop = loop, .on_end = on_end };
	ended = NULL;
	init = sleeper();
	CHECK_EQ(os_unix_pair(OS_PACKET, requests), 0);
	CHECK_EQ(os_unix_pair(OS_PACKET, events), 0);
	CHECK_EQ(os_set_nonblock(requests[0], 1), 0);
	CHECK_EQ(os_set_nonblock(events[0], 1), 0);
	place = (struct dc_init_place){ init, os_pidfd_open(init, false), requests[0], events[0] };
	request_end_fd = requests[1];
	event_end_fd = events[1];
	CHECK_EQ(inits_adopt(&tasks, DC, &place, dead), 0);
	CHECK(tasks.init[DC]);
}

static void adopt_init(void)
{
	adopt_init_of(false);
}

/* With a pidfd that says that it has ended. */
static struct task *child_of(int dcid, int vpid)
{
	struct task *task = NULL;
	int pair[2];

	CHECK_EQ(os_unix_pair(OS_STREAM, pair), 0);
	CHECK_EQ(task_new(&tasks, 70, 70, vpid, pair[0], &task), 0);
	os_close(pair[1]);
	task->managed = true;
	task->dcid = dcid;
	task->bindings = (struct binding *)task;
	return task;
}

static void stop(void *ctx)
{
	(void)ctx;
	os_loop_stop(loop);
}

/* The init's words are read. */
static void run_loop(void)
{
	struct os_source *timer = NULL;

	CHECK_EQ(os_source_timer(loop, 20000, stop, NULL, &timer), 0);
	CHECK_EQ(os_loop_run(loop), 0);
	os_source_free(timer);
}

static void tear_down(void)
{
	while (tasks.all) {
		tasks.all->bindings = NULL;
		task_free(tasks.all);
	}
	dc_init_settle(10000);
	CHECK_EQ(waitpid(init, NULL, 0), -1); /* it has been ended, and collected */
	os_close(request_end_fd);
	os_close(event_end_fd);
	loop = os_loop_free(loop);
}

/* A DC has one init on a node, which tells of the ends of its children. */
static void test_an_init(void)
{
	const struct dc_exit told = { .vpid = 1007, .status = 256 };
	const struct dc_init *adopted;
	struct task *task, *other;

	adopt_init();
	adopted = tasks.init[DC];
	CHECK_EQ(inits_start(&tasks, DC), 0);
	CHECK(tasks.init[DC] == adopted);
	task = child_of(DC, 1007);
	other = child_of(DC + 1, 1007);
	tasks.on_end = NULL; /* neither is to be asked */
	task->bindings = other->bindings = NULL;
	task_keep(task);
	CHECK_EQ(os_packet_send(event_end_fd, &told, sizeof(told), NULL, 0), 0);
	run_loop();
	CHECK(task->gone);
	CHECK_EQ(task->wait_status, 256);
	task_let(task);
	CHECK(!other->ended);
	inits_drop(&tasks, DC);
	CHECK(!other->ended);
	tear_down();
}

/* All that an init has started ends with it; it is gone from the table before anybody is told. */
static void test_its_end(void)
{
	struct task *task;

	adopt_init();
	task = child_of(DC, 1007);
	inits_drop(&tasks, DC);
	CHECK(!tasks.init[DC]);
	CHECK(ended == task);
	CHECK_EQ(task->end_reason, CTL_ENDED_INIT);
	tear_down();
}

static void test_it_is_gone(void)
{
	struct task *task;

	adopt_init();
	task = child_of(DC, 1007);
	os_close(event_end_fd);
	event_end_fd = -1;
	run_loop();
	CHECK(!tasks.init[DC]);
	CHECK(ended == task);
	tear_down();
}

static void reply(int error, int vpid, int pidfd)
{
	const struct init_reply words = { .error = error, .vpid = vpid };

	CHECK_EQ(os_packet_send(request_end_fd, &words, sizeof(words), &pidfd, pidfd >= 0), 0);
	os_close(pidfd);
	run_loop();
}

/*
 * A process that a dead daemon had asked for is killed, and not taken for an answer to the daemon's
 * successor.
 */
static void test_of_a_dead_daemon(void)
{
	struct init_request request;
	pid_t unwanted = sleeper();
	int status = 0;

	adopt_init_of(true);
	CHECK_EQ(os_packet_recv(request_end_fd, &request, sizeof(request), NULL, NULL),
		 sizeof(request));
	CHECK_EQ(request.call, INIT_NOTHING);
	CHECK(dc_init_is_asked(tasks.init[DC]));
	reply(0, 1007, os_pidfd_open(unwanted, false));
	CHECK(dc_init_is_asked(tasks.init[DC]));
	CHECK_EQ(waitpid(unwanted, &status, 0), unwanted);
	CHECK(WIFSIGNALED(status));
	reply(INIT_NOTHING_DONE, 0, -1);
	CHECK(!dc_init_is_asked(tasks.init[DC]));
	inits_drop(&tasks, DC);
	tear_down();
}

int main(void)
{
	TEST(test_taken_numbers);
	TEST(test_an_init);
	TEST(test_its_end);
	TEST(test_it_is_gone);
	TEST(test_of_a_dead_daemon);
	return test_end();
}
