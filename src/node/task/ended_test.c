/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/ended.h"

#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/state/order.h"
#include "node/task/output.h"
#include "node/task/task.h"
#include "os/loop.h"

#define OWN 2
#define DC  1

#define BEFORE 100 /* bytes that a process wrote on other nodes */

static struct os_loop *loop;
static struct order order;
static struct tasks tasks;
static struct requests requests;
static struct answer answer;
static int rows, outputs;
static struct ctl_ended_row newest;

static void set_up(void)
{
	CHECK_EQ(os_loop_new(&loop, NULL), 0);
	order = (struct order){ .self = OWN };
	tasks = (struct tasks){ .order = &order, .loop = loop };
	requests = (struct requests){ .order = &order, .tasks = &tasks, .loop = loop };
	order.directory.dc[DC].running = 1;
}

static void tear_down(void)
{
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		ended_forget_dc(&tasks, dcid);
	CHECK(!tasks.ended);
	loop = os_loop_free(loop);
}

static struct output *output_of(const char *text)
{
	struct output *output = NULL;

	CHECK_EQ(output_new(loop, OUTPUT_LEAST, &output), 0);
	output_import(output, (const uint8_t *)text, strlen(text));
	return output;
}

/* A process of that slot and life ends; text: its output, or NULL. */
static struct task task_of(int p_nr, uint32_t generation, const char *text)
{
	struct task task = { .tasks = &tasks, .lpid = 70, .ended = true };

	task.last.bound = true;
	task.last.dcid = DC;
	task.last.p_nr = p_nr;
	task.last.generation = generation;
	if (text)
		task.output = output_of(text);
	task.output_start = BEFORE;
	return task;
}

static void keep(int p_nr, uint32_t generation, const char *text)
{
	struct task task = task_of(p_nr, generation, text);

	ended_keep(&task);
	CHECK(!task.output);
}

static void note(void *ctx, const struct ctl_ended_row *row, const struct output *output,
		 uint64_t before)
{
	(void)ctx;
	(void)before;
	if (!rows++)
		newest = *row;
	outputs += output != NULL;
}

static int count(void)
{
	rows = outputs = 0;
	ended_walk(&tasks, note, NULL);
	return rows;
}

static void test_reasons(void)
{
	struct task task;

	set_up();
	task = task_of(5, 3, NULL);
	task.wait_status = 15;
	ended_keep(&task);
	CHECK_EQ(count(), 1);
	CHECK_EQ(newest.reason, CTL_ENDED_ITSELF);
	CHECK_EQ(newest.node, OWN);
	task.signalled = 9; /* by dvs kill, but it ended of another one */
	ended_keep(&task);
	count();
	CHECK_EQ(newest.reason, CTL_ENDED_ITSELF);
	task.signalled = 15;
	ended_keep(&task);
	count();
	CHECK_EQ(newest.reason, CTL_ENDED_KILL);
	task.forgotten = true;
	ended_keep(&task);
	CHECK_EQ(count(), 3);
	tear_down();
}

static int reason(enum ctl_end_reason said, int signalled, int wait_status)
{
	struct task task = task_of(5, 3, NULL);

	task.end_reason = said;
	task.signalled = signalled;
	task.wait_status = wait_status;
	ended_keep(&task);
	count();
	return newest.reason;
}

/* Only a process that would have ended by itself was ended by dvs kill, and only by the signal that was sent. */
static void test_killed_or_not(void)
{
	set_up();
	CHECK_EQ(reason(CTL_ENDED_ITSELF, 11, 11 | 0x80), CTL_ENDED_KILL); /* with a core */
	CHECK_EQ(reason(CTL_ENDED_ITSELF, 15, 15 << 8), CTL_ENDED_ITSELF); /* exit status 15 */
	CHECK_EQ(reason(CTL_ENDED_ITSELF, 0, 0), CTL_ENDED_ITSELF);
	CHECK_EQ(reason(CTL_ENDED_STOP, 15, 15), CTL_ENDED_STOP);
	CHECK_EQ(reason(CTL_ENDED_INIT, 9, 9), CTL_ENDED_INIT);
	tear_down();
}

/* Of a slot only the newest output is asked for. */
static void test_outputs(void)
{
	set_up();
	keep(5, 3, "first");
	keep(6, 1, "other");
	keep(5, 4, "second");
	CHECK_EQ(count(), 3);
	CHECK_EQ(outputs, 2);
	ended_forget_output(&tasks, DC + 1, 6);
	count();
	CHECK_EQ(outputs, 2);
	ended_forget_output(&tasks, DC, 6);
	CHECK_EQ(count(), 3);
	CHECK_EQ(outputs, 1);
	ended_forget_life(&tasks, DC, 5, 9);
	CHECK_EQ(count(), 3);
	ended_forget_life(&tasks, DC, 5, 4);
	CHECK_EQ(count(), 2);
	CHECK_EQ(outputs, 0);
	tear_down();
}

static void test_limits(void)
{
	struct task other;

	set_up();
	for (int i = 0; i <= ENDED_MAX; i++)
		keep(i, 1, "text");
	CHECK_EQ(count(), ENDED_MAX);
	CHECK_EQ(newest.p_nr, ENDED_MAX); /* the oldest is gone */
	other = task_of(5, 1, "text");
	other.last.dcid = DC + 1; /* rows of each DC, outputs of all */
	ended_keep(&other);
	CHECK_EQ(count(), ENDED_MAX + 1);
	CHECK_EQ(outputs, ENDED_LOGS_MAX);
	tear_down();
}

static bool is_sent(int p_nr)
{
	struct request *request = asker_request(&requests, CTL_LOGS, &answer);
	bool sent = ended_send(request, DC, p_nr);

	if (sent) { /* a follower goes on there after a move */
		CHECK_EQ(answer.data, 5);
		CHECK_EQ(request->data_sent, BEFORE + 5);
	}
	request_end(request, 0, NULL, 0, NULL, 0);
	return sent;
}

/* Only of the last life: the slot's next one is named by the order. */
static void test_only_the_last_life_is_asked_for(void)
{
	set_up();
	keep(5, 3, "hello");
	order.directory.dc[DC].slot[shm_index(5)].generation = 4;
	CHECK(is_sent(5));
	CHECK(!is_sent(6));
	order.directory.dc[DC].slot[shm_index(5)].generation = 5;
	CHECK(!is_sent(5));
	order.directory.dc[DC].slot[shm_index(6)].generation =
		0; /* they begin anew after the last */
	keep(6, _ENDPOINT_MAX_GENERATION, "world");
	CHECK(is_sent(6));
	keep(NR_PROCS, 0, "none");
	CHECK(!is_sent(NR_PROCS)); /* no DC has such a slot */
	tear_down();
}

/* The lowest of the nodes that stay takes note. */
static void test_a_node_leaves(void)
{
	set_up();
	order.directory.node[0].up = order.directory.node[OWN].up = 1;
	order.directory.node[7].up = 1;
	order.directory.dc[DC].slot[shm_index(5)] =
		(struct directory_endpoint){ .bound = 1, .node = 7, .lpid = 44 };
	order.directory.dc[DC].slot[shm_index(6)] =
		(struct directory_endpoint){ .bound = 1, .node = OWN };
	order.directory.dc[DC + 1].slot[shm_index(5)] =
		(struct directory_endpoint){ .bound = 1, .node = 7 }; /* does not run */
	ended_with_node(&tasks, 7);
	CHECK_EQ(count(), 0);
	order.directory.node[0].up = 0;
	ended_with_node(&tasks, 7);
	CHECK_EQ(count(), 1);
	CHECK_EQ(newest.reason, CTL_ENDED_NODE);
	CHECK_EQ(newest.lpid, 44);
	CHECK_EQ(newest.node, 7);
	CHECK_EQ(newest.wait_status, -1);
	order.directory.node[0].up = 1;
	order.directory.dc[DC].slot[shm_index(5)].node = 0;
	ended_with_node(&tasks, 0); /* the one that leaves is the lowest itself */
	CHECK_EQ(count(), 2);
	tear_down();
}

/* The next DC with that number knows nothing of it, and processes that are ending are not noted for it. */
static void test_a_dc_is_removed(void)
{
	struct task bound = task_of(9, 1, NULL), run = { .dcid = DC };

	set_up();
	keep(5, 3, "first");
	run.next = &bound;
	tasks.all = &run;
	bound.dcid = DC + 1; /* its init; it was an endpoint of the other */
	ended_forget_dc(&tasks, DC + 1);
	CHECK_EQ(count(), 1);
	CHECK(!bound.forgotten && !run.forgotten);
	ended_forget_dc(&tasks, DC);
	CHECK_EQ(count(), 0);
	CHECK(bound.forgotten && run.forgotten);
	tear_down();
}

int main(void)
{
	TEST(test_reasons);
	TEST(test_killed_or_not);
	TEST(test_outputs);
	TEST(test_limits);
	TEST(test_only_the_last_life_is_asked_for);
	TEST(test_a_node_leaves);
	TEST(test_a_dc_is_removed);
	return test_end();
}
