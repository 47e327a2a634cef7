/* SPDX-License-Identifier: Apache-2.0 */
#include "group/seat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "wire/group.h"

#define MEMBER 3
#define SECRET 4711u

static struct heard {
	int quorums, restores, delivers;
	bool quorum;
	uint64_t order;
	size_t state_bytes; /* of the snapshot */
	int snapshots;
} heard;

static void on_restore(void *ctx, uint64_t order, const uint8_t *state, size_t len)
{
	CHECK(ctx == &heard && heard.quorum && state && len == 5);
	heard.restores++;
	heard.order = order;
}

static void on_deliver(void *ctx, uint64_t order, const struct command *cmd)
{
	CHECK(ctx == &heard && heard.quorum && cmd);
	CHECK_EQ(order, heard.order + 1);
	heard.delivers++;
	heard.order = order;
}

static size_t on_snapshot(void *ctx, uint8_t *buf, size_t size)
{
	CHECK(ctx == &heard);
	heard.snapshots++;
	if (size < heard.state_bytes)
		return 0;
	memset(buf, 7, heard.state_bytes);
	return heard.state_bytes;
}

static void on_quorum(void *ctx, bool have)
{
	CHECK(ctx == &heard);
	heard.quorums++;
	heard.quorum = have;
}

static struct seat fresh(void)
{
	struct group_callbacks call = {
		on_restore, on_deliver, on_snapshot, on_quorum, NULL, &heard
	};
	struct seat seat;

	heard = (struct heard){ .state_bytes = 10 };
	seat_init(&seat, MEMBER, SECRET, &call);
	return seat;
}

static int deliver_of(struct seat *seat, uint64_t order, enum command_kind kind, int node,
		      uint64_t secret)
{
	struct command cmd = { .version = COMMAND_VERSION,
			       .kind = (uint16_t)kind,
			       .origin = node,
			       .node = node,
			       .secret = secret };
	uint8_t bytes[COMMAND_BYTES];

	command_encode(&cmd, bytes);
	return seat_deliver(seat, order, bytes);
}

static int deliver(struct seat *seat, uint64_t order, enum command_kind kind, int node)
{
	return deliver_of(seat, order, kind, node, SECRET);
}

static void test_first_member(void)
{
	struct seat seat = fresh();
	uint8_t bytes[COMMAND_BYTES];
	struct command cmd = { .kind = COMMAND_UNBIND, .origin = 9 };

	CHECK_EQ(seat_sign(&seat, &cmd, bytes), -EAGAIN);
	CHECK_EQ(deliver(&seat, 2, COMMAND_NODE_JOIN, MEMBER), -EBADMSG); /* a gap */
	CHECK_EQ(heard.quorums, 0);
	CHECK_EQ(deliver(&seat, 1, COMMAND_NODE_JOIN, MEMBER), 0);
	CHECK_EQ(deliver(&seat, 1, COMMAND_SYNC, MEMBER), -EBADMSG); /* twice */
	CHECK_EQ(deliver(&seat, 2, COMMAND_SYNC, MEMBER), 0);
	CHECK_EQ(heard.delivers, 2);
	CHECK_EQ(heard.quorums, 1);
	CHECK_EQ(seat_sign(&seat, &cmd, bytes), 0);
	CHECK_EQ(command_decode(&cmd, bytes, sizeof(bytes)), 0);
	CHECK_EQ(cmd.origin, MEMBER); /* in nobody else's name */
	memset(bytes, 0xff, sizeof(bytes));
	CHECK(seat_deliver(&seat, 3, bytes) < 0);
	CHECK_EQ(seat.order, 2);
}

static void test_joiner(void)
{
	struct seat seat = fresh();
	uint8_t *state;
	size_t len;

	CHECK_EQ(seat_give_state(&seat, &state, &len), -EBADMSG); /* not one that could */
	CHECK_EQ(seat_restore(&seat, 40, (const uint8_t *)"state", 5), 0);
	CHECK_EQ(seat_restore(&seat, 41, (const uint8_t *)"state", 5), -EBADMSG);
	CHECK_EQ(heard.restores, 1);
	CHECK_EQ(deliver(&seat, 41, COMMAND_NODE_JOIN, MEMBER + 1), 0);
	CHECK(!seat.joined);
	CHECK_EQ(seat_give_state(&seat, &state, &len),
		 0); /* it may be the only one that knows it */
	free(state);
	CHECK_EQ(deliver(&seat, 42, COMMAND_NODE_JOIN, MEMBER), 0);
	CHECK(seat.joined);
	CHECK_EQ(heard.quorums, 1);
}

/* An earlier life of the node had a number for its NODE_JOIN, and that is decided now: it is not the own one. */
static void test_earlier_life(void)
{
	struct command cmd = { .kind = COMMAND_UNBIND };
	struct seat seat = fresh(), again;
	uint8_t bytes[COMMAND_BYTES], place[SEAT_BYTES];

	CHECK_EQ(seat_restore(&seat, 40, (const uint8_t *)"state", 5), 0);
	CHECK_EQ(deliver_of(&seat, 41, COMMAND_NODE_JOIN, MEMBER, SECRET - 1), 0);
	CHECK(!seat.joined);
	CHECK_EQ(seat_sign(&seat, &cmd, bytes), -EAGAIN);
	CHECK_EQ(deliver(&seat, 42, COMMAND_NODE_LEAVE, MEMBER), 0);
	CHECK_EQ(deliver_of(&seat, 43, COMMAND_NODE_JOIN, MEMBER + 1, SECRET), 0);
	CHECK(!seat.joined);
	seat_encode(&seat, place); /* it knows its own one also when it has come back */
	again = seat;
	again.secret = 0;
	CHECK_EQ(seat_decode(&again, place), 0);
	CHECK_EQ(deliver(&again, 44, COMMAND_NODE_JOIN, MEMBER), 0);
	CHECK(again.joined);
	CHECK_EQ(seat_sign(&again, &cmd, bytes), 0);
	CHECK_EQ(heard.delivers, 4);
}

static void test_state_of_any_size(void)
{
	struct seat seat = fresh();
	uint8_t *state;
	size_t len;

	CHECK_EQ(deliver(&seat, 1, COMMAND_NODE_JOIN, MEMBER), 0);
	CHECK_EQ(seat_give_state(&seat, &state, &len), 0);
	CHECK_EQ(len, 10);
	free(state);
	heard.state_bytes = 300000; /* is asked for again with larger buffers */
	CHECK_EQ(seat_give_state(&seat, &state, &len), 0);
	CHECK_EQ(len, 300000);
	CHECK_EQ(state[len - 1], 7);
	free(state);
	CHECK_EQ(heard.snapshots, 4);
	heard.state_bytes = GROUP_STATE_MAX + 1;
	CHECK_EQ(seat_give_state(&seat, &state, &len), -ENOMEM);
	CHECK(!state);
}

static void test_lost(void)
{
	struct command cmd = { .kind = COMMAND_UNBIND };
	struct seat seat = fresh();
	uint8_t bytes[COMMAND_BYTES];

	CHECK_EQ(deliver(&seat, 1, COMMAND_NODE_JOIN, MEMBER), 0);
	seat_lose(&seat);
	CHECK(!heard.quorum);
	CHECK_EQ(seat_sign(&seat, &cmd, bytes), -EAGAIN);
}

static void test_quorum_comes_and_goes(void)
{
	struct command cmd = { .kind = COMMAND_UNBIND };
	struct seat seat = fresh(), again = fresh();
	uint8_t bytes[COMMAND_BYTES], place[SEAT_BYTES];

	seat_quorum(&seat, false);
	CHECK_EQ(heard.quorums, 0); /* it has not started */
	CHECK_EQ(deliver(&seat, 1, COMMAND_NODE_JOIN, MEMBER), 0);
	seat_quorum(&seat, true);
	CHECK_EQ(heard.quorums, 1);
	seat_quorum(&seat, false);
	seat_quorum(&seat, false);
	CHECK_EQ(heard.quorums, 2);
	CHECK(!heard.quorum);
	CHECK_EQ(seat_sign(&seat, &cmd, bytes), -EAGAIN);
	CHECK_EQ(deliver(&seat, 2, COMMAND_SYNC, MEMBER),
		 -EBADMSG); /* nothing is decided without one */
	seat_encode(&seat, place);
	CHECK_EQ(seat_decode(&again, place), 0);
	CHECK(again.started && again.joined && !again.quorum);
	seat_quorum(&seat, true);
	CHECK_EQ(heard.quorums, 3);
	CHECK_EQ(seat_sign(&seat, &cmd, bytes), 0);
	CHECK_EQ(deliver(&seat, 2, COMMAND_SYNC, MEMBER), 0);
	seat_quorum(&seat, false);
	seat_lose(&seat);
	CHECK_EQ(heard.quorums, 4);
}

static void test_comes_back(void)
{
	struct seat seat = fresh(), again = fresh();
	uint8_t bytes[SEAT_BYTES];

	CHECK_EQ(seat_restore(&seat, 40, (const uint8_t *)"state", 5), 0);
	for (int joined = 0; joined < 2; joined++) {
		seat_encode(&seat, bytes);
		CHECK_EQ(seat_decode(&again, bytes), 0);
		CHECK_EQ(again.order, seat.order);
		CHECK(again.started && again.joined == seat.joined);
		CHECK_EQ(deliver(&seat, seat.order + 1, COMMAND_NODE_JOIN, MEMBER), 0);
	}
	CHECK_EQ(heard.quorums, 1);
	for (unsigned flags = 0; flags < 256; flags++) {
		bytes[8] = (uint8_t)flags;
		CHECK_EQ(seat_decode(&again, bytes),
			 flags == 0 || (flags < 8 && flags & 1) ? 0 : -EBADMSG);
	}
	seat_encode(&seat, bytes);
	memset(bytes + 16, 0, 8); /* no secret */
	CHECK_EQ(seat_decode(&again, bytes), -EBADMSG);
}

int main(void)
{
	TEST(test_first_member);
	TEST(test_joiner);
	TEST(test_earlier_life);
	TEST(test_state_of_any_size);
	TEST(test_lost);
	TEST(test_quorum_comes_and_goes);
	TEST(test_comes_back);
	return test_end();
}
