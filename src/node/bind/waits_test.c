/* SPDX-License-Identifier: Apache-2.0 */

/* Rings of endpoints that wait for each other, on this node and across two. */

#include "node/bind/waits.h"

#include <string.h>

#include "core/waits.h"
#include "node/bind/bind_rig_test.h"
#include "node/calls.h"

#define A   5
#define B   6
#define C   7
#define FAR 8 /* of the other node */

static struct task *task;

static void set_up(void)
{
	rig_begin();
	task = rig_task(os_process_id());
	rig_bind(A, task);
	rig_bind(B, task);
	rig_bind(C, task);
	rig_bound(FAR, RIG_FAR);
}

static struct status_page *page(int p_nr)
{
	return binding_find(&rig.bindings, RIG_DC, p_nr)->status->page;
}

/* There is a message for the other that nobody has taken. */
static void post(int p_nr, int to)
{
	struct exchange_channel *channel = NULL;
	message m = { 0 };

	CHECK_EQ(exchange_channel(rig.bindings.exchange, RIG_DC, p_nr, to, &channel), 0);
	line_post(&channel->page->line[exchange_side(channel, p_nr)], LINE_OP_SEND, &m, 0);
}

/* And it waits for that; its wait is number 100 + slot. */
static void sends(int p_nr, int to)
{
	page(p_nr)->sendto = to;
	page(p_nr)->rts_flags = SENDING;
	page(p_nr)->waits = 100 + (uint64_t)p_nr;
	post(p_nr, to);
}

static void ring(int p_nr)
{
	page(p_nr)->asks = 1;
	waits_on_ring(binding_find(&rig.bindings, RIG_DC, p_nr));
}

static int locked(void)
{
	int found = 0;

	for (int p_nr = A; p_nr <= C; p_nr++) {
		if (!page(p_nr)->locked)
			continue;
		CHECK(!found);
		CHECK_EQ(page(p_nr)->locked, 100 + p_nr);
		found = p_nr;
	}
	return found;
}

/* The member with the greatest slot is refused, whichever asks. */
static void test_a_ring(void)
{
	for (int asker = A; asker <= C; asker++) {
		set_up();
		sends(A, B);
		sends(B, C);
		sends(C, A);
		ring(asker);
		CHECK_EQ(locked(), C);
		CHECK(!rig.bindings.chases);
		rig_end();
	}
}

static void test_none(void)
{
	set_up();
	sends(A, B);
	sends(B, C);
	ring(A); /* C runs */
	CHECK_EQ(locked(), 0);
	/* It receives from one: a notification of anybody may end that. */
	sends(C, A);
	page(C)->rts_flags = RECEIVING;
	page(C)->getfrom = A;
	ring(A);
	CHECK_EQ(locked(), 0);
	page(C)->rts_flags = SENDING;
	page(A)->asks = 0;
	waits_on_ring(binding_find(&rig.bindings, RIG_DC, A)); /* nobody asks */
	CHECK_EQ(locked(), 0);
	ring(A);
	CHECK_EQ(locked(), C);
	rig_end();
}

/* One of two that call each other goes on by itself. */
static void test_two(void)
{
	set_up();
	sends(A, B);
	sends(B, A);
	ring(A);
	CHECK_EQ(locked(), 0);
	rig_end();
}

/* A process that says that it sends counts only if its message is there. */
static void test_a_message_that_was_taken(void)
{
	struct exchange_channel *channel;
	struct line_image image;

	set_up();
	sends(A, B);
	sends(B, C);
	sends(C, A);
	channel = exchange_find(rig.bindings.exchange, RIG_DC, B, C);
	CHECK(line_take(&channel->page->line[exchange_side(channel, B)], &image));
	ring(A);
	CHECK_EQ(locked(), 0);
	rig_end();
}

static void answer(int p_nr, int target, uint64_t nr)
{
	struct wait_edge edge = { .p_nr = p_nr, .target = target, .kind = WAIT_TAKE, .nr = nr };
	struct request *request = rig.kept;

	CHECK_OR_RETURN(request);
	CHECK_EQ(request->head.call, CTL_WAITS);
	CHECK_EQ(request->head.cmd, CTL_WAITS_EDGE);
	CHECK_EQ(request->head.endpoint, p_nr);
	CHECK_EQ(request->head.pid, A);
	rig.kept = NULL;
	request_end(request, 0, &edge, sizeof(edge), NULL, 0);
}

/* A waits for one of the other node, which waits for B: its node is asked twice, and told. */
static void test_across_nodes(void)
{
	set_up();
	sends(A, FAR);
	sends(B, A);
	post(FAR, B);
	rig.keeps = true;
	ring(A);
	CHECK(rig.bindings.chases);
	ring(A); /* once at a time: the rig keeps one request */
	answer(FAR, B, 9);
	CHECK_EQ(locked(), 0);
	answer(FAR, B, 9);
	CHECK_EQ(locked(), 0);
	CHECK_OR_RETURN(rig.kept);
	CHECK_EQ(rig.kept->head.cmd, CTL_WAITS_LOCK);
	CHECK_EQ(rig.kept->head.endpoint, FAR);
	CHECK_EQ(rig.kept->head.addr[0], 9);
	CHECK(!rig.bindings.chases);
	request_end(rig.kept, 0, NULL, 0, NULL, 0);
	rig.kept = NULL;
	/* It is another wait in the second round. */
	ring(A);
	answer(FAR, B, 9);
	answer(FAR, B, 10);
	CHECK(!rig.kept);
	CHECK(!rig.bindings.chases);
	/* The link breaks. */
	rig.keeps = false;
	ring(A);
	CHECK_EQ(rig.passed_to, RIG_FAR);
	CHECK(!rig.bindings.chases);
	rig_end();
}

static int ask(int cmd, int p_nr, int from_nr, uint64_t nr)
{
	struct request *request = rig_ask(CTL_WAITS, p_nr);

	request->head.cmd = cmd;
	request->head.pid = from_nr;
	request->head.addr[0] = nr;
	request->from = RIG_FAR;
	return rig_run(handle_waits, request);
}

/* The same for another node's chase. */
static void test_for_another_node(void)
{
	struct wait_edge edge;

	set_up();
	sends(A, B);
	CHECK_EQ(ask(CTL_WAITS_EDGE, FAR, A, 0), EDVSRMTPROC);
	CHECK_EQ(ask(CTL_WAITS_EDGE, A, A, 0), 0);
	memcpy(&edge, rig.answer.payload, sizeof(edge));
	CHECK_EQ(edge.kind, WAIT_TAKE);
	CHECK_EQ(edge.target, B);
	CHECK_EQ(edge.nr, 100 + A);
	CHECK_EQ(ask(CTL_WAITS_EDGE, A, FAR, 0), 0); /* which does not wait for it */
	memcpy(&edge, rig.answer.payload, sizeof(edge));
	CHECK_EQ(edge.kind, WAIT_NOBODY);
	CHECK_EQ(ask(CTL_WAITS_LOCK, A, 0, 100 + A), 0);
	CHECK_EQ(locked(), A);
	task->ended = true;
	CHECK_EQ(ask(CTL_WAITS_EDGE, A, A, 0), EDVSRMTPROC);
	rig_end();
}

int main(void)
{
	TEST(test_a_ring);
	TEST(test_none);
	TEST(test_two);
	TEST(test_a_message_that_was_taken);
	TEST(test_across_nodes);
	TEST(test_for_another_node);
	return test_end();
}
