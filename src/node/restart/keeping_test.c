/* SPDX-License-Identifier: Apache-2.0 */

/* A daemon with its keeper, which leaves its state at each release of the lock: a head, a directory and tasks. */

#include "node/restart/keeping.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "node/ask/request.h"
#include "node/restart/restart.h"
#include "node/restart/state.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/keeper.h"
#include "os/kept.h"
#include "os/lock.h"

#define TASKS_MAX 1600

static struct order order;
static struct tasks tasks;
static struct requests requests;
static struct restarts restarts;
static struct task *made[TASKS_MAX];
static pthread_mutex_t lock;

/* The bytes that the daemon wrote. */
static size_t written;
static unsigned wholes, parts;

static void put_whole(struct handover_writer *writer, void *ctx)
{
	handover_put_head(writer, ctx);
	handover_put_directory(writer, &order);
	handover_put_tasks(writer, &tasks);
}

static void put_changes(struct handover_writer *writer, void *ctx)
{
	handover_put_head(writer, ctx);
	handover_put_changes(writer, &tasks);
}

static ssize_t keep(struct node *node, bool whole, void *out, size_t room,
		    struct handover_alone *alone)
{
	static struct state_node head = {
		.nodeid = 3, .control_fd = 40, .path_fd = -1, .link_fd = 41, .cgroup_fd = -1
	};
	ssize_t n = handover_write_into(whole ? put_whole : put_changes, &head, out, room, alone);

	(void)node;
	wholes += whole;
	parts += !whole;
	if (n > 0)
		written += (size_t)n < room ? (size_t)n : room;
	return n;
}

static void set_up(void)
{
	order = (struct order){ .self = 3 };
	directory_init(&order.directory);
	order.directory.node[3].up = 1;
	tasks = (struct tasks){ .order = &order };
	requests = (struct requests){ .order = &order, .tasks = &tasks };
	restarts = (struct restarts){ .requests = &requests, .keep = keep };
	written = wholes = parts = 0;
	keeping_begin(&restarts);
}

static void tear_down(void)
{
	os_lock_take(&lock);
	while (tasks.all) {
		tasks.all->pidfd = -1;
		task_free(tasks.all);
	}
	os_lock_release(&lock);
	keeping_end(&restarts);
}

static void make_task(int i)
{
	os_lock_take(&lock);
	CHECK_EQ(task_new(&tasks, 1000 + i, 1000 + i, 1, 20, &made[i]), 0);
	os_lock_release(&lock);
}

/* Tasks that a next daemon would find; -1: it could not read what was left. */
static int left(void)
{
	const struct journal *journal = &restarts.keeping.journal[restarts.keeping.newest];
	size_t bytes, at = HANDOVER_HEAD_BYTES;
	struct state_record record;
	uint32_t version;
	uint8_t *state;
	int count = 0;

	if (journal_read(journal->map, journal->room, &handover_own_versions, &state, &bytes,
			 &version) < 0)
		return -1;
	while (state_next(state, bytes, &at, NULL, NULL, &record) > 0)
		count += record.kind == HANDOVER_TASK;
	free(state);
	return count;
}

static void test_each_change_is_left(void)
{
	set_up();
	for (int i = 0; i < 20; i++) {
		make_task(i);
		CHECK_EQ(left(), i + 1);
	}
	CHECK_EQ(wholes, 1);
	for (int i = 0; i < 20; i += 2) {
		os_lock_take(&lock);
		made[i]->pidfd = -1;
		task_free(made[i]);
		os_lock_release(&lock);
		CHECK_EQ(left(), 19 - i / 2);
	}
	os_lock_take(&lock); /* nothing has changed */
	parts = 0;
	os_lock_release(&lock);
	CHECK_EQ(parts, 0);
	tear_down();
}

/* All bytes that are written for that many changes, one at each release of the lock. */
static size_t cost_of(int changes)
{
	size_t cost;

	set_up();
	for (int i = 0; i < changes; i++)
		make_task(i);
	CHECK_EQ(left(), changes);
	cost = written;
	tear_down();
	return cost;
}

static void test_a_change_costs_what_it_changes(void)
{
	size_t few = cost_of(TASKS_MAX / 4), more = cost_of(TASKS_MAX / 2),
	       most = cost_of(TASKS_MAX);

	/* Twice as many cost twice as much, give and take one state that is written as a whole. */
	CHECK(more < 3 * few);
	CHECK(most < 3 * more);
	CHECK(most < 8 * few);
	/* A change that touches one of many costs as much as one that touches one of few. */
	set_up();
	for (int i = 0; i < TASKS_MAX; i++)
		make_task(i);
	written = 0;
	for (int i = 0; i < 10; i++) {
		os_lock_take(&lock);
		made[i]->starting = false;
		os_kept_note(&made[i]->in_state);
		os_lock_release(&lock);
	}
	CHECK(written < 10 * 1024);
	tear_down();
}

static void test_too_many_ends_at_once(void)
{
	set_up();
	for (int i = 0; i < TASKS_MAX; i++)
		make_task(i);
	os_lock_take(&lock);
	for (int i = 0; i < TASKS_MAX - 1; i++) {
		made[i]->pidfd = -1;
		task_free(made[i]);
	}
	os_lock_release(&lock);
	CHECK_EQ(left(), 1);
	tear_down();
}

static bool never(void *ctx, const struct os_keeper_end *end)
{
	(void)ctx;
	(void)end;
	return false;
}

int main(void)
{
	int state_fd, r = os_keeper_split(0, never, NULL, &state_fd);

	if (r < 0)
		return 77;
	os_lock_init(&lock);
	TEST(test_each_change_is_left);
	TEST(test_a_change_costs_what_it_changes);
	TEST(test_too_many_ends_at_once);
	return test_end();
}
