/* SPDX-License-Identifier: Apache-2.0 */

/* A task of this node with its bindings, without a group: the test itself gives out endpoints. */

#include "node/bind/binding.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "node/bind/ending.h"
#include "node/state/order.h"
#include "node/task/ended.h"
#include "node/task/rights.h"
#include "node/task/task.h"
#include "os/thread.h"

#define FIRST  10
#define SECOND 11

static struct order order;
static struct tasks tasks;
static struct bindings bindings;
static int ends;

static void note_end(struct node *node, struct task *task)
{
	(void)node;
	(void)task;
	ends++;
}

static void set_up(void)
{
	struct directory_dc *dc = &order.directory.dc[0];
	struct exchange *exchange = NULL;

	ends = 0;
	order = (struct order){ 0 };
	directory_init(&order.directory);
	dc->running = true;
	dc->nr_procs = 32;
	CHECK_EQ(exchange_new(&exchange, 0), 0);
	tasks = (struct tasks){ .order = &order,
				.rights = { .order = &order, .exchange = exchange },
				.on_end = note_end,
				.bindings = &bindings };
	bindings = (struct bindings){ .order = &order, .exchange = exchange, .tasks = &tasks };
}

static void tear_down(void)
{
	while (bindings.all)
		binding_move_away(bindings.all);
	while (tasks.all)
		task_free(tasks.all);
	ended_forget_dc(&tasks, 0);
	bindings.exchange = exchange_free(bindings.exchange);
}

static struct task *new_task(bool managed)
{
	int pid = os_process_id();
	struct task *task = NULL;

	CHECK_EQ(task_new(&tasks, pid, pid, pid, -1, &task), 0);
	task->managed = managed;
	return task;
}

static struct binding *bind(struct task *task, int p_nr)
{
	struct binding *binding = NULL;

	rights_reset(&tasks.rights, 0, p_nr);
	CHECK_EQ(binding_make(task, 0, p_nr, p_nr, 0, &binding), 0);
	return binding;
}

/* The endpoint is that of a primary only, and a backup or an arrival becomes one when it takes it. */
static void test_roles(void)
{
	static const enum binding_role roles[] = { BINDING_BACKUP, BINDING_ARRIVING };

	for (int i = 0; i < 2; i++) {
		struct binding *binding = NULL;

		set_up();
		CHECK_EQ(binding_new(new_task(false), roles[i], 0, FIRST, FIRST, 0, &binding), 0);
		CHECK(!binding_find(&bindings, 0, FIRST));
		CHECK(!binding->task->last.bound);
		CHECK_EQ(binding_take(binding, FIRST, 0), 0);
		CHECK(binding_find(&bindings, 0, FIRST) == binding);
		CHECK_EQ(binding->role, BINDING_PRIMARY);
		CHECK(binding->task->last.bound);
		CHECK_EQ(binding->task->last.p_nr, FIRST);
		tear_down();
	}
}

/* A primary and a backup of the same slot are apart. */
static void test_backup_beside_primary(void)
{
	struct binding *backup = NULL, *primary;

	set_up();
	CHECK_EQ(binding_new(new_task(false), BINDING_BACKUP, 0, FIRST, FIRST, 0, &backup), 0);
	primary = bind(new_task(false), FIRST);
	CHECK(binding_find(&bindings, 0, FIRST) == primary);
	binding_detach(primary);
	CHECK(!binding_find(&bindings, 0, FIRST));
	CHECK(bindings.all == backup);
	tear_down();
}

/* The life of the node is over: also a task that nobody here has started is told, and woken. None is freed. */
static void test_daemon_ends(void)
{
	struct exchange_bell *bell = NULL;
	struct binding *first, *second;
	struct task *task;
	uint32_t before;

	set_up();
	task = new_task(false);
	first = bind(task, FIRST);
	second = bind(task, SECOND);
	CHECK_EQ(exchange_bell(bindings.exchange, 0, FIRST, &bell), 0);
	before = bell->page->seq;
	CHECK_EQ(first->status->page->unbound, 0);
	binding_tell_end(&bindings);
	CHECK_EQ(first->status->page->unbound, 1);
	CHECK_EQ(second->status->page->unbound, 1);
	CHECK(bell->page->seq != before);
	CHECK(bindings.all == second && second->next == first);
	tear_down();
}

static void test_a_task_has_any_number(void)
{
	int pid = os_process_id();
	struct binding *first, *second;
	struct task *task;

	set_up();
	task = new_task(false);
	first = bind(task, FIRST);
	second = bind(task, SECOND);
	CHECK(binding_of_pid(&tasks, pid, pid) == second);
	binding_detach(second);
	CHECK(binding_of_pid(&tasks, pid, pid) == first);
	CHECK(tasks.all == task);
	binding_detach(first);
	CHECK(!tasks.all);
	tear_down();
}

/* A task that is not managed is known by its bindings alone, unless it is kept. */
static void test_how_long_a_task_is_known(void)
{
	struct task *task;

	set_up();
	task = new_task(true);
	binding_detach(bind(task, FIRST));
	CHECK(tasks.all == task);
	task->ended = true;
	binding_detach(bind(task, FIRST));
	CHECK(!tasks.all);

	task = new_task(false);
	task_keep(task);
	binding_detach(bind(task, FIRST));
	CHECK(tasks.all == task && !task->gone);
	task_let(task);
	CHECK(!tasks.all);

	task = new_task(true);
	task_keep(task);
	task_end(task); /* it has no binding */
	CHECK(!tasks.all && task->gone);
	task_let(task);
	CHECK_EQ(ends, 0);
	tear_down();
}

/* Its end goes by the hook; an ended process, or one that is being loaded, is nobody's caller. */
static void test_a_task_that_ends(void)
{
	int pid = os_process_id();
	struct binding *binding = NULL;
	struct task *task;

	set_up();
	task = new_task(true);
	CHECK_EQ(binding_new(task, BINDING_ARRIVING, 0, FIRST, FIRST, 0, &binding), 0);
	task->loading = true;
	task_on_init_killed(&tasks, -1);
	CHECK(task->ended); /* its arrival sees to it */
	CHECK_EQ(ends, 0);
	ending_begin(binding);
	CHECK_EQ(binding->state, BINDING_BOUND);
	CHECK(!binding_of_pid(&tasks, pid, pid));
	CHECK_EQ(binding_take(binding, FIRST, 0), 0);
	task_end(task);
	CHECK_EQ(ends, 1);
	CHECK(!binding_of_pid(&tasks, pid, pid));
	CHECK(binding_find(&bindings, 0, FIRST) == binding);
	tear_down();
}

int main(void)
{
	TEST(test_roles);
	TEST(test_backup_beside_primary);
	TEST(test_daemon_ends);
	TEST(test_a_task_has_any_number);
	TEST(test_how_long_a_task_is_known);
	TEST(test_a_task_that_ends);
	return test_end();
}
