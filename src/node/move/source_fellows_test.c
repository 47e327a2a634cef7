/* SPDX-License-Identifier: Apache-2.0 */

/* The endpoints that move along: of a thread of the process, and of a process that descends from it. */

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk.h"
#include "node/bind/binding.h"
#include "node/move/source_part.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/lock.h"

#define OWN	2
#define DC	1
#define P_NR	7
#define LIFE	3
#define PRESENT 5

static pthread_mutex_t lock;
static struct order order;
static struct bindings bindings;
static struct tasks tasks;
static struct moves moves;
static struct task task[PRESENT];
static struct binding binding[PRESENT];
static struct source d;

static void bind(int i, pid_t lpid, pid_t tgid, int p_nr)
{
	struct directory_endpoint *ep = &order.directory.dc[DC].slot[shm_index(p_nr)];

	task[i] = (struct task){
		.next = tasks.all, .tasks = &tasks, .lpid = lpid, .tgid = tgid, .vpid = 40 + i
	};
	tasks.all = &task[i];
	*ep = (struct directory_endpoint){ .bound = 1, .node = OWN, .generation = LIFE };
	binding[i] = (struct binding){ .next = bindings.all,
				       .task = &task[i],
				       .bindings = &bindings,
				       .dcid = DC,
				       .p_nr = p_nr,
				       .endpoint = directory_endpoint_number(ep, p_nr),
				       .generation = LIFE };
	bindings.all = bindings.at[DC][shm_index(p_nr)] = &binding[i];
}

/* This program is the first process, and has a child, a thread, a grandchild's like, and a stranger beside it. */
static void set_up(pid_t child)
{
	order = (struct order){ .self = OWN };
	bindings = (struct bindings){ .order = &order };
	tasks = (struct tasks){ .order = &order, .bindings = &bindings };
	moves = (struct moves){
		.lock = &lock, .order = &order, .tasks = &tasks, .bindings = &bindings
	};
	bind(0, getpid(), getpid(), P_NR);
	task[0].managed = true;
	task[0].dcid = DC;
	bind(1, child, child, 30);
	bind(2, getpid() + 1000000, getpid(), 20);
	bind(3, 1, 1, 25);
	d = (struct source){ .moves = &moves,
			     .dcid = DC,
			     .p_nr = P_NR,
			     .endpoint = binding[0].endpoint,
			     .generation = LIFE };
	source_begin(&d, &binding[0]);
}

static int find(void)
{
	refusal_clear(&d.refusal);
	return source_find_fellows(&d);
}

static pid_t child;

static void test_who_moves_along(void)
{
	set_up(child);
	CHECK_EQ(find(), 0);
	CHECK_EQ(d.fellows, 2);
	CHECK_EQ(source_mover(&d, 0).p_nr, P_NR);
	CHECK_EQ(source_mover(&d, 1).p_nr, 20); /* by slot */
	CHECK_EQ(source_mover(&d, 2).p_nr, 30);
	CHECK_EQ(source_mover(&d, 2).vpid, 41);
	CHECK_EQ(source_mover(&d, 2).endpoint, binding[1].endpoint);
	CHECK(source_binding_of(&d, 2) == &binding[1]);
	CHECK_EQ(source_mover_at(&d, DC, 30), 2);
	CHECK_EQ(source_mover_at(&d, DC, 25), -1);
	CHECK_EQ(source_mover_at(&d, DC + 1, 30), -1);
	CHECK_EQ(d.report.fellows, 2);
	CHECK_EQ(d.report.fellow[1], 30);
	binding[1].generation++; /* the next life of the slot is another process */
	CHECK(!source_binding_of(&d, 2));
}

/* The move may be asked for any of them; the first process is the same. */
static void test_asked_for_a_child(void)
{
	set_up(child);
	d = (struct source){ .moves = &moves, .dcid = DC, .p_nr = 30, .generation = LIFE };
	source_begin(&d, &binding[1]);
	CHECK_EQ(d.lpid, getpid());
	CHECK_EQ(d.root, 40);
	CHECK_EQ(d.vpid, 41);
	CHECK_EQ(find(), 0);
	CHECK_EQ(d.fellows, 2);
	CHECK_EQ(source_mover(&d, 1).p_nr, P_NR);
	CHECK(source_root(&d) == &task[0]);
	task[0].ended = true; /* killed while it stood: its log goes along all the same */
	CHECK(source_root(&d) == &task[0]);
	task[0].vpid++;
	CHECK(!source_root(&d));
	source_begin(&d, &binding[3]);
	CHECK_EQ(d.lpid, 0);
}

static void test_those_that_cannot(void)
{
	set_up(child);
	binding[1].role = BINDING_BACKUP;
	CHECK_EQ(find(), EDVSPROCSTS);
	binding[1].role = BINDING_ARRIVING;
	CHECK_EQ(find(), 0);
	CHECK_EQ(d.fellows, 1);
	binding[1].role = BINDING_PRIMARY;
	task[1].ended = true;
	CHECK_EQ(find(), 0);
	CHECK_EQ(d.fellows, 1);
	task[1].ended = false;
	binding[1].dcid = DC + 1;
	CHECK_EQ(find(), EDVSPROCSTS);
	CHECK(strstr(d.refusal.reason, "DC 2"));
	binding[1].dcid = DC;
	binding[1].state = BINDING_ENDING;
	CHECK_EQ(find(), EDVSMIGRATE);
	binding[1].state = BINDING_BOUND;
	order.directory.dc[DC].slot[shm_index(30)].moving = 1;
	order.directory.dc[DC].slot[shm_index(30)].move = 5;
	CHECK_EQ(find(), EDVSMIGRATE);
	d.worker.driver.source.move = 5; /* that is this move */
	CHECK_EQ(find(), 0);
	order.directory.dc[DC].slot[shm_index(30)].moving = 0;
	CHECK_EQ(find(), 0);
}

static void test_too_many(void)
{
	static struct binding more[COMMAND_FELLOWS_MAX];

	set_up(child);
	for (int i = 0; i < COMMAND_FELLOWS_MAX - 1; i++) {
		more[i] = binding[2];
		more[i].p_nr = 100 + i;
		more[i].next = bindings.all;
		order.directory.dc[DC].slot[shm_index(100 + i)].bound = 1;
		bindings.all = &more[i];
		CHECK_EQ(find(), i + 3 > COMMAND_FELLOWS_MAX ? EDVSPROCSTS : 0);
	}
}

int main(void)
{
	os_lock_init(&lock);
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	TEST(test_who_moves_along);
	TEST(test_asked_for_a_child);
	TEST(test_those_that_cannot);
	TEST(test_too_many);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return test_end();
}
