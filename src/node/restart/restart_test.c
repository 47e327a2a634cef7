/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A restart until the program is to be executed: the refusals, the waits, and that a node that goes on has everything
 * as before. The program that is asked is a small one of the system; nothing is executed in place.
 */

#include "node/restart/restart.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/ask/door.h"
#include "node/bind/binding.h"
#include "node/calls.h"
#include "node/copy/copy.h"
#include "node/move/move.h"
#include "node/restart/handover.h"
#include "node/restart/state.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "os/loop.h"
#include "os/socket.h"
#include "proxy/alone_test.h"

#define OWN 4

static pthread_mutex_t lock;
static struct os_loop *loop;
static struct order order;
static struct bindings bindings;
static struct tasks tasks;
static struct requests requests;
static struct moves moves;
static struct copies copies;
static struct restarts restarts;
static struct answer answer;
static char *const argv[] = { (char *)"dvsd", NULL };
static struct ctl_counters counters;
static int ends[2]; /* of the door */
static unsigned written;

static void fill(struct handover_writer *writer, void *ctx)
{
	(void)ctx;
	handover_put_head(writer, &(struct state_node){ .nodeid = OWN,
							.control_fd = ends[0],
							.path_fd = -1,
							.link_fd = ends[1],
							.cgroup_fd = -1 });
}

static int write_state(struct node *node, const struct request *asker, int64_t asked_ns,
		       int64_t paused_ns, struct handover_file *file)
{
	(void)node;
	CHECK(asked_ns > 0);
	CHECK_EQ(asker != NULL, paused_ns != 0); /* without an asker the program is only asked */
	written++;
	return handover_write(fill, NULL, file);
}

static void set_up(const char *program)
{
	os_lock_init(&lock);
	CHECK_EQ(os_loop_new(&loop, &lock), 0);
	order = (struct order){ .self = OWN };
	order.directory.node[OWN].up = 1;
	bindings = (struct bindings){ .order = &order };
	tasks = (struct tasks){ .bindings = &bindings, .order = &order };
	moves = (struct moves){ .order = &order };
	copies = (struct copies){ .bindings = &bindings };
	restarts = (struct restarts){ .requests = &requests,
				      .moves = &moves,
				      .copies = &copies,
				      .write = write_state,
				      .program = program,
				      .argv = argv };
	requests = (struct requests){ .order = &order,
				      .tasks = &tasks,
				      .moves = &moves,
				      .restarts = &restarts,
				      .loop = loop,
				      .counters = &counters };
	/* A door that nobody comes to. */
	CHECK_EQ(os_unix_pair(OS_STREAM, ends), 0);
	os_lock_take(&lock);
	CHECK_EQ(door_adopt(&requests, "", ends, &requests.door), 0);
	requests.proxy = alone_new(loop, OWN);
	os_lock_release(&lock);
	written = 0;
}

static void tear_down(void)
{
	os_lock_take(&lock);
	requests.door = door_free(requests.door);
	requests.proxy = alone_free(requests.proxy);
	os_lock_release(&lock);
	loop = os_loop_free(loop);
}

static void look(void *ctx)
{
	struct os_source **timer = ctx;

	if (answer.ends)
		os_loop_stop(loop);
	else
		os_timer_set(*timer, 1000);
}

/* Until it is answered or due. */
static int ask(int to, uid_t uid)
{
	struct request *request;
	struct os_source *timer;

	os_lock_take(&lock);
	request = asker_request(&requests, CTL_RESTART, &answer);
	request->head.node = to;
	request->uid = uid;
	CHECK_EQ(os_source_timer(loop, 0, look, &timer, &timer), 0);
	handle_restart(request);
	os_lock_release(&lock);
	CHECK_EQ(os_loop_run(loop), 0);
	os_lock_take(&lock);
	os_source_free(timer);
	os_lock_release(&lock);
	return answer.error;
}

static void test_who_may(void)
{
	set_up("/bin/true");
	CHECK_EQ(ask(3, 0), EDVSBADNODEID);
	order.directory.node[OWN].up = 0;
	CHECK_EQ(ask(OWN, 0), EDVSNOTREADY);
	CHECK_EQ(written, 0);
	CHECK(!restarts.restart);
	tear_down();
}

static void test_a_program_that_will_not(void)
{
	set_up("/nonexistent/dvsd");
	CHECK_EQ(ask(-1, 0), EDVSNOEXEC);
	CHECK_EQ(written, 0);
	restarts.program = "/bin/false";
	CHECK_EQ(ask(-1, 0), EDVSPROTONOSUPPORT);
	CHECK(strstr(answer.sentence, "it ended without a word"));
	CHECK_EQ(written, 1);
	restarts.program =
		"/bin/ls"; /* does not know the option, and says so in one line and more */
	CHECK_EQ(ask(-1, 0), EDVSPROTONOSUPPORT);
	CHECK(strstr(answer.sentence, "--check-state"));
	CHECK(!strstr(answer.sentence, "\n"));
	CHECK(!restarts.restart);
	CHECK(!copies.paused);
	tear_down();
}

/* It is due when all is quiet; the program has gone meanwhile, and the node goes on as before. */
static void test_it_is_due(void)
{
	struct answer second;

	set_up("/bin/true");
	ask(-1, 0);
	CHECK_EQ(answer.ends, 0);
	CHECK(restart_is_due(&restarts));
	CHECK(copies.paused);
	CHECK_EQ(written, 1);
	os_lock_take(&lock);
	handle_restart(asker_request(&requests, CTL_RESTART, &second));
	CHECK_EQ(second.error, EDVSRSCBUSY); /* one at a time */
	copies.tasks = (struct copy_task *)&copies;
	restart_execute(&restarts); /* something has begun since the look */
	CHECK(!restart_is_due(&restarts));
	CHECK_EQ(answer.ends, 0);
	CHECK_EQ(written, 1);
	copies.tasks = NULL;
	os_lock_release(&lock);
	CHECK_EQ(os_loop_run(loop), 0); /* it is due once more */
	CHECK(restart_is_due(&restarts));
	restarts.program = "/nonexistent/dvsd";
	os_lock_take(&lock);
	restart_execute(&restarts);
	os_lock_release(&lock);
	CHECK_EQ(written, 2);
	CHECK_EQ(answer.error, EDVSNOEXEC);
	CHECK(strstr(answer.sentence, "goes on as before"));
	CHECK(!restarts.restart);
	CHECK(!copies.paused);
	tear_down();
}

/* A thing that comes to no end is waited for, but not for ever; one that takes long is not. */
static void test_it_gives_up(void)
{
	set_up("/bin/true");
	moves.draining = 1;
	CHECK_EQ(ask(-1, 0), EDVSMIGRATE);
	CHECK(!restarts.restart);
	CHECK(!copies.paused);
	moves.draining = 0;
	order.proposals = (struct proposal *)&order;
	CHECK_EQ(ask(-1, 0), EDVSRSCBUSY);
	CHECK(!restart_is_due(&restarts));
	CHECK(!copies.paused);
	tear_down();
}

static void test_words_of_other_daemons(void)
{
	set_up("/bin/true");
	os_lock_take(&lock);
	restart_on_message(&requests, 3, (const uint8_t *)"\1", 1);
	CHECK_EQ(requests.restarting, 1u << 3);
	restart_on_message(&requests, 5, (const uint8_t *)"\1\1", 2); /* none of ours */
	CHECK_EQ(requests.restarting, 1u << 3);
	restart_on_message(&requests, 3, (const uint8_t *)"\0", 1);
	CHECK_EQ(requests.restarting, 0);
	os_lock_release(&lock);
	tear_down();
}

int main(void)
{
	TEST(test_who_may);
	TEST(test_a_program_that_will_not);
	TEST(test_it_is_due);
	TEST(test_it_gives_up);
	TEST(test_words_of_other_daemons);
	return test_end();
}
