/* SPDX-License-Identifier: Apache-2.0 */
#include "node/state/order.h"

#include <errno.h>
#include <string.h>

#include "dvk.h"
#include "group/group.h"
#include "group/local_rig_test.h"
#include "os/clock.h"

#define OWN  3
#define MANY 8000u /* commands are more than the connection holds */

static struct order order;
static bool is_member, has_quorum;
static uint64_t delivered; /* number of the last command of this node */
static int codes[8];
static unsigned told;

static void on_restore(void *ctx, uint64_t number, const uint8_t *state, size_t len)
{
	(void)ctx;
	(void)number;
	(void)state;
	(void)len;
}

static void on_deliver(void *ctx, uint64_t number, const struct command *cmd)
{
	(void)ctx;
	(void)number;
	is_member = is_member || cmd->kind == COMMAND_NODE_JOIN;
	if (cmd->kind != COMMAND_NODE_JOIN) {
		CHECK_EQ(cmd->origin, OWN);
		CHECK_EQ(cmd->version, COMMAND_VERSION);
		delivered = cmd->request;
	}
}

static size_t on_snapshot(void *ctx, uint8_t *buf, size_t size)
{
	(void)ctx;
	(void)buf;
	(void)size;
	return 0;
}

static void on_quorum(void *ctx, bool have)
{
	(void)ctx;
	has_quorum = have;
}

static void note(struct order *ours, void *ctx, const struct directory_result *result)
{
	CHECK(ours == &order);
	CHECK(ctx == &told);
	codes[told++ % 8] = result->code;
}

/* One that proposes again as soon as it is told. */
static void note_and_propose(struct order *ours, void *ctx, const struct directory_result *result)
{
	const struct command cmd = { .kind = COMMAND_SYNC };

	note(ours, ctx, result);
	order_propose(ours, &cmd, &right_root, note, ctx);
}

static void propose(void)
{
	const struct command cmd = { .kind = COMMAND_SYNC };

	order_propose(&order, &cmd, &right_root, note, &told);
}

static void pump(const bool *until)
{
	int64_t deadline = os_now_ns() + 3 * OS_SECOND_NS;

	while (!*until && os_now_ns() < deadline) {
		os_poll(group_fd(order.group), OS_READ, 100);
		CHECK(group_dispatch(order.group) >= 0);
	}
	CHECK(*until);
}

static void set_up(void)
{
	order = (struct order){ .self = OWN, .quorum = true };
	told = 0;
	delivered = 0;
	is_member = has_quorum = false;
}

/* It is told before the call returns: the command is in no order. */
static void test_no_order(void)
{
	const struct command cmd = { .kind = COMMAND_SYNC };

	set_up();
	order_propose(&order, &cmd, &right_root, NULL, NULL); /* nobody wants to be told */
	propose();
	CHECK_EQ(told, 1);
	CHECK_EQ(codes[0], EDVSNOCONN);
	order.quorum = false;
	order.group = (struct group *)&order;
	propose();
	CHECK_EQ(told, 2);
	CHECK_EQ(codes[1], EDVSNOCONN);
	CHECK(!order.proposals);
	CHECK_EQ(order.last_request, 0);
}

static void join(void)
{
	const struct group_callbacks call = { on_restore, on_deliver, on_snapshot,
					      on_quorum,  NULL,	      NULL };

	rig_start();
	CHECK_EQ(group_new(&order.group, rig_spec(OWN), OWN, ADDRESS_NONE, "own", &call), 0);
}

static void leave(void)
{
	order.group = group_free(order.group);
	rig_stop();
}

static void test_a_decision(void)
{
	const struct directory_result good = { .code = 7 };

	set_up();
	join();
	propose(); /* not a member yet */
	CHECK_EQ(told, 1);
	CHECK_EQ(codes[0], EDVSNOCONN);
	CHECK(!order.proposals);
	pump(&is_member);
	CHECK(has_quorum);
	propose();
	propose();
	CHECK_EQ(told, 1);
	while (delivered < order.last_request)
		CHECK(group_dispatch(order.group) >= 0);
	order_decided(&order, order.last_request - 1, &good); /* in the order of their numbers */
	CHECK_EQ(told, 2);
	CHECK_EQ(codes[1], 7);
	order_decided(&order, order.last_request - 1, &good);
	order_decided(&order, 999, &good);
	CHECK_EQ(told, 2);
	order_decided(&order, order.last_request, &good);
	CHECK_EQ(told, 3);
	CHECK(!order.proposals);
	leave();
}

/* They may have been ordered all the same: their proposers may undo nothing. */
static void test_the_quorum_is_lost(void)
{
	set_up();
	join();
	pump(&is_member);
	propose();
	propose();
	order_quorum(&order, true);
	CHECK_EQ(told, 0);
	order_quorum(&order, false);
	CHECK_EQ(told, 2);
	CHECK_EQ(codes[0], EDVSINPROGRESS);
	CHECK_EQ(codes[1], EDVSINPROGRESS);
	CHECK(!order.proposals);
	leave();
}

static void told_of_end(struct order *ours, void *ctx, const struct directory_result *result)
{
	const struct command rollback = { .kind = COMMAND_MOVE_ROLLBACK };

	note(ours, ctx, result);
	order_propose(ours, &rollback, &right_root, note, ctx);
}

/* The end of a process, and the steps of a move, are decided when there is a quorum again. */
static void test_they_wait_for_a_quorum(void)
{
	const struct command died = { .kind = COMMAND_UNBIND, .flags = COMMAND_FLAG_DIED };
	const struct command commit = { .kind = COMMAND_MOVE_COMMIT };
	const struct directory_result good = { .code = 7 };

	set_up();
	join();
	pump(&is_member);
	order.source = (struct os_source *)&order;
	order_propose(&order, &commit, &right_root, note, &told);
	propose();
	order_quorum(&order, false);
	CHECK_EQ(told, 1); /* the other one */
	order_propose(&order, &commit, &right_root, note, &told);
	CHECK_EQ(told, 2); /* a move is not committed late */
	CHECK_EQ(codes[1], EDVSNOCONN);
	order_propose(&order, &died, &right_root, told_of_end, &told);
	CHECK_EQ(told, 2);
	order_quorum(&order, true);
	CHECK_EQ(told, 2);
	while (delivered < order.last_request)
		CHECK(group_dispatch(order.group) >= 0);
	order_decided(&order, 1, &good);
	order_decided(&order, order.last_request, &good);
	CHECK_EQ(told, 4);
	CHECK_EQ(codes[3], 7);
	order_quorum(&order, false);
	CHECK_EQ(told, 4);
	order.source = NULL;
	order_lost(&order);
	CHECK_EQ(told, 5);
	CHECK_EQ(codes[4], EDVSINPROGRESS);
	CHECK(!order.proposals);
	leave();
}

/* More ends of processes than the connection takes at once: those that were not sent are when others are decided. */
static void test_they_wait_for_room(void)
{
	const struct command died = { .kind = COMMAND_UNBIND, .flags = COMMAND_FLAG_DIED };
	const struct directory_result good = { .code = 7 };
	int64_t until;

	set_up();
	join();
	pump(&is_member);
	order.source = (struct os_source *)&order;
	kill(server, SIGSTOP);
	for (unsigned i = 0; i < MANY; i++)
		order_propose(&order, &died, &right_root, note, &told);
	CHECK_EQ(group_send(order.group, &died), -EAGAIN);
	CHECK_EQ(told, 0);
	kill(server, SIGCONT);
	until = os_deadline_ns(10000);
	for (uint64_t decided = 0; told < MANY && os_now_ns() < until;) {
		os_poll(group_fd(order.group), OS_READ, 100);
		CHECK(group_dispatch(order.group) >= 0);
		while (decided < delivered)
			order_decided(&order, ++decided, &good);
	}
	CHECK_EQ(told, MANY);
	CHECK(!order.proposals);
	leave();
}

/* One that is proposed before this node is a member is sent when it is one. */
static void test_they_wait_for_the_join(void)
{
	const struct command died = { .kind = COMMAND_UNBIND, .flags = COMMAND_FLAG_DIED };
	const struct directory_result good = { .code = 7 };
	bool is_told = false;

	set_up();
	join();
	order.source = (struct os_source *)&order;
	order_propose(&order, &died, &right_root, note, &told);
	CHECK_EQ(told, 0);
	pump(&is_member);
	CHECK_EQ(delivered, 0);
	order_decided(&order, 0, &good);
	CHECK_EQ(told, 0);
	for (int64_t until = os_deadline_ns(3000); !is_told && os_now_ns() < until;) {
		os_poll(group_fd(order.group), OS_READ, 100);
		CHECK(group_dispatch(order.group) >= 0);
		is_told = delivered == 1;
	}
	CHECK(is_told);
	order_decided(&order, 1, &good);
	CHECK_EQ(told, 1);
	CHECK(!order.proposals);
	leave();
}

/* The second command of a proposer that is told waits for its own decision, or is in no order at all. */
static void test_told_one_proposes_again(void)
{
	const struct command cmd = { .kind = COMMAND_SYNC };
	const struct directory_result good = { .code = 7 };

	set_up();
	join();
	pump(&is_member);
	order_propose(&order, &cmd, &right_root, note_and_propose, &told);
	order_propose(&order, &cmd, &right_root, NULL, NULL);
	order_decided(&order, 2, &good);
	CHECK_EQ(told, 0);
	order_decided(&order, 1, &good);
	CHECK_EQ(told, 1);
	order_decided(&order, 1, &good);
	CHECK_EQ(told, 1);
	order_decided(&order, 3, &good);
	CHECK_EQ(told, 2);
	CHECK(!order.proposals);
	order_propose(&order, &cmd, &right_root, note_and_propose, &told);
	order_quorum(&order, false);
	CHECK_EQ(told, 4);
	CHECK_EQ(codes[2], EDVSINPROGRESS);
	CHECK_EQ(codes[3], EDVSNOCONN);
	CHECK(!order.proposals);
	leave();
}

/* A lost group does not come back; without a quorum one may be had again. */
static void test_reasons(void)
{
	set_up();
	order.quorum = false;
	order.source = (struct os_source *)&order;
	CHECK(!order_is_lost(&order));
	CHECK(strstr(order_why(&order, EDVSNOCONN), "no quorum"));
	order.source = NULL;
	CHECK(order_is_lost(&order));
	CHECK(strstr(order_why(&order, EDVSNOCONN), "sequencer has ended"));
	CHECK(strstr(order_why(&order, EDVSNOCONN), "goes on without this node"));
	CHECK(strstr(order_why(&order, EDVSINPROGRESS), "before this was decided"));
	CHECK(!strstr(order_why(&order, EDVSBADPROC), "order"));
	order.quorum = true;
	CHECK(strstr(order_why(&order, EDVSNOCONN), "takes no more commands just now"));
	CHECK(!order_is_lost(&order));
}

int main(int argc, char **argv)
{
	rig_init(argc, argv);
	TEST(test_no_order);
	TEST(test_a_decision);
	TEST(test_the_quorum_is_lost);
	TEST(test_they_wait_for_a_quorum);
	TEST(test_they_wait_for_room);
	TEST(test_they_wait_for_the_join);
	TEST(test_told_one_proposes_again);
	TEST(test_reasons);
	return rig_end();
}
