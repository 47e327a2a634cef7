/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One attempt of a copy: between two processes here, and with one side on another node, whose end of the lane the test
 * has: the words of that node are there before it is asked.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "node/bind/bind_rig_test.h"
#include "node/copy/copy.h"
#include "node/copy/copy_task.h"
#include "node/copy/stream_worker.h"
#include "os/secure.h"
#include "proxy/lane.h"
#include "proxy/proxy_table.h"

#define ASKER  5
#define SOURCE 6
#define TARGET 7
#define FAR    8
#define BYTES  300000u /* of three parts */

static const struct attention_costs costs = ATTENTION_COSTS_DEFAULT;
static struct copies copies;
static struct copy_task task;
static struct stream_worker worker;
static struct binding *source, *target;
static struct lane *far;
static uint8_t from[BYTES], to[BYTES];

static void set_up(void)
{
	rig_begin();
	copies = (struct copies){ .lock = &rig.lock,
				  .order = &rig.order,
				  .life = &rig.life,
				  .exchange = rig.bindings.exchange,
				  .proxy = rig.bindings.proxy,
				  .bindings = &rig.bindings };
	rig_bind(ASKER, rig_task(os_process_id()));
	source = rig_bind(SOURCE, rig_task(os_process_id()));
	target = rig_bind(TARGET, rig_task(os_process_id()));
	source->status->page->rts_flags = target->status->page->rts_flags = RECEIVING;
	rig_bound(FAR, RIG_FAR);
	for (uint32_t i = 0; i < BYTES; i++)
		from[i] = (uint8_t)(i % 251);
	memset(to, 0, sizeof(to));
	task = (struct copy_task){ .copies = &copies,
				   .dcid = RIG_DC,
				   .requester = ASKER,
				   .endpoint = { SOURCE, TARGET },
				   .addr = { (uint64_t)(uintptr_t)from, (uint64_t)(uintptr_t)to },
				   .bytes = BYTES };
	worker = (struct stream_worker){ .copies = &copies,
					 .task = &task,
					 .buf = malloc(LANE_DATA_MAX) };
}

static void tear_down(void)
{
	CHECK_EQ(source->copying, 0);
	CHECK_EQ(target->copying, 0);
	CHECK(!task.lane[0]);
	CHECK(!task.lane[1]);
	free(worker.buf);
	for (int side = 0; side < 2; side++)
		worker.lane[side][RIG_FAR] = lane_free(worker.lane[side][RIG_FAR]);
	far = lane_free(far);
	rig.bindings.proxy->peer[RIG_FAR].link.state = LINK_DOWN;
	rig_end();
}

static int attempt(void)
{
	int r;

	os_lock_release(&rig.lock);
	r = stream_attempt(&worker);
	os_lock_take(&rig.lock);
	return r;
}

static bool is_copied(uint32_t begin, uint32_t end)
{
	return !memcmp(from + begin, to + begin, end - begin);
}

static void test_a_copy(void)
{
	set_up();
	CHECK_EQ(attempt(), 0);
	CHECK_EQ(task.done, BYTES);
	CHECK(is_copied(0, BYTES));
	tear_down();
}

/* Bytes that were copied before are not copied again: they may have been changed since. */
static void test_it_goes_on(void)
{
	set_up();
	task.done = 1000;
	CHECK_EQ(attempt(), 0);
	CHECK_EQ(task.done, BYTES);
	CHECK(is_copied(1000, BYTES));
	CHECK_EQ(to[999], 0);
	tear_down();
}

static void test_parties(void)
{
	set_up();
	target->status->page->rts_flags = 0;
	CHECK_EQ(attempt(), EDVSPROCSTS);
	target->status->page->rts_flags = RECEIVING;
	source->state = BINDING_LEAVING;
	CHECK_EQ(attempt(), STREAM_E_AGAIN);
	source->state = BINDING_BOUND;
	rig_slot(TARGET)->moving = 1; /* it is still here, so its move waits */
	CHECK_EQ(attempt(), 0);
	task.done = 0;
	rig_slot(SOURCE)->generation++;
	CHECK_EQ(attempt(), EDVSSRCDIED);
	rig_slot(SOURCE)->generation--;
	rig_slot(TARGET)->bound = 0;
	CHECK_EQ(attempt(), EDVSDSTDIED);
	rig_slot(TARGET)->bound = 1;
	task.requester++; /* nobody with this number */
	task.requester += 100;
	CHECK_EQ(attempt(), EDVSNOTBIND);
	CHECK_EQ(task.done, 0);
	tear_down();
}

/* It was given up: nothing more is touched. */
static void test_a_verdict(void)
{
	set_up();
	task.verdict = EDVSINTR;
	CHECK_EQ(attempt(), EDVSINTR);
	CHECK_EQ(task.done, 0);
	CHECK_EQ(to[1], 0);
	tear_down();
}

/* The parts before the fault are done. */
static void test_a_fault(void)
{
	uint8_t *wall = mmap(NULL, 2 * LANE_DATA_MAX, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_OR_RETURN(wall != MAP_FAILED);
	mprotect(wall + LANE_DATA_MAX, LANE_DATA_MAX, PROT_NONE);
	set_up();
	task.addr[0] = (uint64_t)(uintptr_t)wall;
	CHECK_EQ(attempt(), EDVSFAULT);
	CHECK_EQ(task.done, LANE_DATA_MAX);
	tear_down();
	munmap(wall, 2 * LANE_DATA_MAX);
}

/* Of nothing: it is asked all the same whether it may be made. */
static void test_nothing(void)
{
	set_up();
	task.bytes = 0;
	CHECK_EQ(attempt(), 0);
	source->status->page->rts_flags = 0;
	CHECK_EQ(attempt(), EDVSPROCSTS);
	source->status->page->rts_flags = RECEIVING;
	target->status->page->rts_flags = 0;
	CHECK_EQ(attempt(), EDVSPROCSTS);
	tear_down();
}

/* No link, so nobody can be asked. */
static void test_a_node_out_of_reach(void)
{
	set_up();
	task.endpoint[0] = FAR;
	CHECK_EQ(attempt(), STREAM_E_AGAIN);
	tear_down();
}

/* That side is at the other node, with which the worker has a lane; the far end is the test's. */
static void set_up_far(int side)
{
	int fds[2] = { -1, -1 };

	set_up();
	rig.bindings.proxy->peer[RIG_FAR].link.state = LINK_UP;
	task.endpoint[side] = FAR;
	task.bytes = 1000;
	CHECK_EQ(os_unix_pair(OS_STREAM, fds), 0);
	CHECK_EQ(lane_new(&worker.lane[side][RIG_FAR], secure_plain(fds[0]), &costs), 0);
	CHECK_EQ(lane_new(&far, secure_plain(fds[1]), &costs), 0);
}

static void far_sends(uint32_t bytes)
{
	memcpy(lane_room(far), from, bytes);
	CHECK_EQ(lane_send(far, bytes), 0);
}

static void test_a_read_from_elsewhere(void)
{
	struct lane_ask ask = { 0 };

	set_up_far(0);
	task.done = 100;
	far_sends(600);
	far_sends(300);
	lane_send_end(far, 900, 0);
	CHECK_EQ(attempt(), 0);
	CHECK_EQ(task.done, 1000);
	CHECK(!memcmp(to + 100, from, 600));
	CHECK(!memcmp(to + 700, from, 300));
	CHECK_EQ(to[99], 0);
	CHECK(worker.lane[0][RIG_FAR]); /* for the next copy */
	CHECK_EQ(lane_wait_ask(far, &ask), 0);
	CHECK_EQ(ask.op, LANE_READ);
	CHECK_EQ(ask.endpoint, FAR);
	CHECK_EQ(ask.requester, ASKER);
	CHECK_EQ(ask.addr, task.addr[0] + 100);
	CHECK_EQ(ask.bytes, 900);
	CHECK_EQ(ask.asker.uid, getuid());
	tear_down();
}

/* The other node's word: a refusal, or that the party is on its way. */
static void test_a_refusal_from_elsewhere(void)
{
	for (int side = 0; side < 2; side++) {
		set_up_far(side);
		lane_send_end(far, 0, EDVSPERM);
		CHECK_EQ(attempt(), EDVSPERM);
		CHECK(worker.lane[side][RIG_FAR]);
		CHECK_EQ(task.done, 0);
		tear_down();
	}
	set_up_far(0);
	far_sends(600);
	lane_send_end(far, 600, EDVSMIGRATE);
	CHECK_EQ(attempt(), STREAM_E_AGAIN);
	CHECK_EQ(task.done, 600);
	tear_down();
}

/* Words that are not believed: the copy is not done, and a lane that breaks its rules is over. */
static void test_lies_from_elsewhere(void)
{
	set_up_far(0);
	far_sends(1001); /* more than it was asked for */
	CHECK_EQ(attempt(), STREAM_E_STALE);
	CHECK_EQ(task.done, 0);
	CHECK_EQ(to[1], 0);
	CHECK(!worker.lane[0][RIG_FAR]);
	tear_down();

	set_up_far(0);
	lane_send_end(far, 1000, 0); /* done, and nothing came */
	CHECK_EQ(attempt(), STREAM_E_STALE);
	CHECK_EQ(task.done, 0);
	tear_down();

	set_up_far(1);
	lane_send_end(far, 1000, 0); /* more written than was sent */
	CHECK_EQ(attempt(), STREAM_E_STALE);
	CHECK_EQ(task.done, 0);
	CHECK(!worker.lane[1][RIG_FAR]);
	tear_down();

	set_up_far(1);
	lane_send_end(far, 0, 0); /* all is well, and nothing is written */
	CHECK_EQ(attempt(), STREAM_E_STALE);
	CHECK_EQ(task.done, 0);
	tear_down();
}

/* Its far end is gone: an old lane, so at once with a new one. */
static void test_a_lane_that_broke(void)
{
	set_up_far(0);
	far = lane_free(far);
	CHECK_EQ(attempt(), STREAM_E_STALE);
	CHECK(!worker.lane[0][RIG_FAR]);
	tear_down();
}

int main(void)
{
	TEST(test_a_copy);
	TEST(test_it_goes_on);
	TEST(test_parties);
	TEST(test_a_verdict);
	TEST(test_a_fault);
	TEST(test_nothing);
	TEST(test_a_node_out_of_reach);
	TEST(test_a_read_from_elsewhere);
	TEST(test_a_refusal_from_elsewhere);
	TEST(test_lies_from_elsewhere);
	TEST(test_a_lane_that_broke);
	return test_end();
}
