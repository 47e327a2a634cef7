/* SPDX-License-Identifier: Apache-2.0 */

/* A lane's server gives another node the memory that it may have, and no other. The test is that node. */

#include <string.h>

#include "core/attention.h"
#include "node/bind/bind_rig_test.h"
#include "node/copy/copy.h"
#include "node/copy/stream.h"
#include "os/clock.h"
#include "os/credentials.h"
#include "os/secure.h"
#include "proxy/lane.h"

#define ASKER 5 /* of the other node */
#define PARTY 6
#define MANY  80 /* lanes of one node */
#define BYTES 1000

static const struct attention_costs costs = ATTENTION_COSTS_DEFAULT;
static struct copies copies;
static struct binding *binding;
static struct lane *lane;
static uint8_t memory[2 * BYTES];

/* The far end of a new lane; without the lock from here on, which the thread needs. */
static struct secure *connect_from(int node)
{
	int fds[2] = { -1, -1 };

	CHECK_EQ(os_unix_pair(OS_STREAM, fds), 0);
	os_lock_take(&rig.lock);
	stream_serve(&copies, node, secure_plain(fds[1]));
	os_lock_release(&rig.lock);
	return secure_plain(fds[0]);
}

static void set_up(int node)
{
	rig_begin();
	copies = (struct copies){ .lock = &rig.lock,
				  .order = &rig.order,
				  .exchange = rig.bindings.exchange,
				  .bindings = &rig.bindings };
	binding = rig_bind(PARTY, rig_task(os_process_id()));
	binding->status->page->rts_flags = RECEIVING;
	rig_bound(ASKER, RIG_FAR);
	for (int i = 0; i < 2 * BYTES; i++)
		memory[i] = (uint8_t)i;
	os_lock_release(&rig.lock);
	CHECK_EQ(lane_new(&lane, connect_from(node), &costs), 0);
}

static bool are_gone(void)
{
	for (int i = 0; i < 5000 && copies.lanes_served; i++)
		os_thread_sleep_ns(OS_MS_NS);
	return !copies.lanes_served && !copies.lanes_of[RIG_FAR];
}

static void tear_down(void)
{
	lane = lane_free(lane);
	CHECK(are_gone());
	CHECK_EQ(binding->copying, 0);
	os_lock_take(&rig.lock);
	rig_end();
}

static void ask(enum lane_op op, int endpoint, uint64_t bytes)
{
	struct lane_ask asked = { .op = op,
				  .dcid = RIG_DC,
				  .endpoint = endpoint,
				  .requester = ASKER,
				  .addr = (uint64_t)(uintptr_t)memory,
				  .bytes = bytes };

	CHECK_EQ(os_asker_of(os_process_id(), &asked.asker), 0);
	CHECK_EQ(lane_send_ask(lane, &asked), 0);
}

/* The next part; 1: the lane is over. */
static int part(struct lane_part *found, uint8_t **data)
{
	return lane_receive(lane, found, data) ? 1 : 0;
}

/* How a copy ends of which no byte is given. */
static int refusal(enum lane_op op, int endpoint, uint64_t bytes)
{
	struct lane_part end = { 0 };
	uint8_t *data;

	ask(op, endpoint, bytes);
	if (op == LANE_WRITE) {
		memset(lane_room(lane), 0xee, BYTES);
		if (bytes)
			lane_send(lane, BYTES);
		lane_send_end(lane, BYTES, 0);
	}
	CHECK_EQ(part(&end, &data), 0);
	CHECK_EQ(end.kind, LANE_END);
	CHECK_EQ(end.data, 0);
	return end.result;
}

static void test_a_read(void)
{
	struct lane_part found = { 0 };
	uint8_t *data = NULL;

	set_up(RIG_FAR);
	for (int i = 0; i < 2; i++) { /* one after the other */
		ask(LANE_READ, PARTY, BYTES);
		CHECK_EQ(part(&found, &data), 0);
		CHECK_EQ(found.data, BYTES);
		CHECK(data && !memcmp(data, memory, BYTES));
		CHECK_EQ(part(&found, &data), 0);
		CHECK_EQ(found.kind, LANE_END);
		CHECK_EQ(found.data, BYTES);
		CHECK_EQ(found.result, 0);
	}
	tear_down();
}

static void test_a_write(void)
{
	struct lane_part end = { 0 };
	uint8_t *data;

	set_up(RIG_FAR);
	ask(LANE_WRITE, PARTY, BYTES);
	memset(lane_room(lane), 0xee, BYTES);
	CHECK_EQ(lane_send(lane, BYTES), 0);
	CHECK_EQ(lane_send_end(lane, BYTES, 0), 0);
	CHECK_EQ(part(&end, &data), 0);
	CHECK_EQ(end.kind, LANE_END);
	CHECK_EQ(end.data, BYTES);
	CHECK_EQ(end.result, 0);
	CHECK_EQ(memory[0], 0xee);
	CHECK_EQ(memory[BYTES - 1], 0xee);
	CHECK_EQ(memory[BYTES], (uint8_t)BYTES);
	tear_down();
}

/* It writes more than it asked for: nothing of that is written, and the lane is over. */
static void test_a_write_of_too_much(void)
{
	struct lane_part end = { 0 };
	uint8_t *data;

	set_up(RIG_FAR);
	ask(LANE_WRITE, PARTY, BYTES);
	memset(lane_room(lane), 0xee, BYTES + 1);
	CHECK_EQ(lane_send(lane, BYTES + 1), 0);
	CHECK_EQ(part(&end, &data), 1);
	CHECK(are_gone());
	CHECK_EQ(memory[0], 0);
	tear_down();
}

/* Looked at before each part; a copy of nothing asks all the same. */
static void test_what_is_refused(void)
{
	static const enum lane_op ops[] = { LANE_READ, LANE_WRITE };

	for (int i = 0; i < 2; i++) {
		set_up(RIG_FAR);
		CHECK_EQ(refusal(ops[i], PARTY + 1, BYTES), EDVSMIGRATE);
		CHECK_EQ(refusal(ops[i], PARTY + 1, 0), EDVSMIGRATE);
		binding->status->page->rts_flags = 0;
		CHECK_EQ(refusal(ops[i], PARTY, BYTES), EDVSPROCSTS);
		CHECK_EQ(refusal(ops[i], PARTY, 0), EDVSPROCSTS);
		binding->status->page->rts_flags = RECEIVING;
		CHECK_EQ(refusal(ops[i], PARTY, 0), 0);
		rig_slot(ASKER)->bound = 0; /* the asker itself is no more */
		CHECK_EQ(refusal(ops[i], PARTY, BYTES), EDVSMIGRATE);
		CHECK_EQ(memory[0], 0);
		tear_down();
	}
}

/* The node that has the lane asks for an endpoint of another one. */
static void test_a_node_that_may_not_ask(void)
{
	set_up(RIG_FAR + 1);
	CHECK_EQ(refusal(LANE_READ, PARTY, BYTES), EDVSMIGRATE);
	CHECK_EQ(refusal(LANE_WRITE, PARTY, BYTES), EDVSMIGRATE);
	CHECK_EQ(memory[0], 0);
	tear_down();
}

/* So many lanes and no more, of each node. */
static void test_many_lanes(void)
{
	struct secure *ends[MANY], *more;

	set_up(RIG_FAR);
	for (int i = 1; i < MANY; i++)
		ends[i] = connect_from(RIG_FAR);
	CHECK_EQ(copies.lanes_of[RIG_FAR], MANY);
	more = connect_from(RIG_FAR);
	CHECK_EQ(copies.lanes_of[RIG_FAR], MANY);
	CHECK_EQ(os_poll(secure_fd(more), OS_READ, 5000), 0); /* it is closed */
	secure_free(more);
	more = connect_from(RIG_FAR + 1);
	CHECK_EQ(copies.lanes_of[RIG_FAR + 1], 1);
	CHECK_EQ(copies.lanes_served, MANY + 1);
	secure_free(more);
	for (int i = 1; i < MANY; i++)
		secure_free(ends[i]);
	tear_down();
}

int main(void)
{
	TEST(test_a_read);
	TEST(test_a_write);
	TEST(test_a_write_of_too_much);
	TEST(test_what_is_refused);
	TEST(test_a_node_that_may_not_ask);
	TEST(test_many_lanes);
	return test_end();
}
