// SPDX-License-Identifier: Apache-2.0
/* The deputy of one daemon: its services and its refusals. */
#include "group/deputy_rig_test.h"

#include "base/prng.h"

#define OUT_MAX	 (GROUP_STATE_MAX + (4u << 20)) /* as in deputy.c */
#define HELLO_MS 2000				/* as in deputy.c */

/* The other node's greeting in this ring, with a state of that point. */
static void hear_other(uint64_t ring, struct council_point point)
{
	struct council_message m = { .kind = COUNCIL_HELLO,
				     .node = OTHER,
				     .ring = ring,
				     .epoch = point.epoch,
				     .heard = point.heard,
				     .life = 4711,
				     .token = 1,
				     .set = 2,
				     .to = 1u << NODE | 1u << OTHER,
				     .offset = protocol_own.least | (uint64_t)protocol_own.most
									    << 16 };
	uint8_t bytes[COUNCIL_HEAD];

	CHECK_OR_RETURN(totem);
	council_message_encode(bytes, &m);
	totem->call.hear(totem->ctx, OTHER, bytes, sizeof(bytes));
	totem->call.settle(totem->ctx);
}

static void test_a_daemon(void)
{
	struct daemon d;

	set_up();
	d = daemon_in_group();
	CHECK_EQ(d.welcomes, 1);
	CHECK_EQ(d.quorum, 1);
	CHECK_EQ(d.restores, 0);
	CHECK_EQ(put_command(&d, 1), 0);
	CHECK_EQ(put_command(&d, 2), 0);
	TURN_UNTIL(&d, d.delivers == 3);
	CHECK_EQ(totems, 1);
	daemon_leave(&d);
	d = daemon_in_group(); /* the next one is a new life, with an order of its own */
	CHECK_EQ(d.order, 1);
	CHECK_EQ(totems, 2);
	daemon_leave(&d);
	tear_down();
}

static void test_ping(void)
{
	uint8_t bytes[GROUP_QUORUM_BYTES] = { 0 };
	struct daemon d;

	set_up();
	d = daemon_in_group();
	totem_asks = 0;
	for (int have = 1, before; have >= 0; have--) {
		before = d.quorums;
		CHECK_EQ(group_stream_put(&d.stream, GROUP_PING, bytes, sizeof(bytes), NULL, 0), 0);
		TURN_UNTIL(&d, d.quorums == before + 1);
		CHECK_EQ(d.quorum, have);
		totem->call.cut(totem->ctx);
		TURN_UNTIL(&d, !d.quorum);
	}
	CHECK_EQ(totem_asks, 2); /* Corosync has answered before */
	daemon_leave(&d);
	tear_down();
}

static void test_another_user(void)
{
	struct daemon d;

	set_up();
	distrusted = true;
	d = daemon_connect();
	say_hello(&d);
	TURN_UNTIL(&d, d.ended);
	CHECK_EQ(d.welcomes, 0);
	CHECK_EQ(totems, 0);
	group_stream_deinit(&d.stream);
	distrusted = false;
	d = daemon_in_group();
	daemon_leave(&d);
	tear_down();
}

static void test_no_totem(void)
{
	struct daemon d;

	set_up();
	totem_error = -ENOMEM;
	d = daemon_connect();
	say_hello(&d);
	TURN_UNTIL(&d, d.ended);
	CHECK_EQ(d.result, -ENOMEM);
	group_stream_deinit(&d.stream);
	totem_error = 0;
	d = daemon_in_group();
	daemon_leave(&d);
	tear_down();
}

static void test_silent_daemon(void)
{
	int64_t from = os_now_ns();
	struct daemon d;

	set_up();
	d = daemon_connect();
	TURN_UNTIL(&d, d.ended);
	CHECK(os_now_ns() - from >= HELLO_MS * OS_MS_NS);
	group_stream_deinit(&d.stream);
	tear_down();
}

/* The bytes, or a frame of the kind, end the connection of a daemon that has said hello or has not. */
static void check_refused(bool hello, enum group_kind kind, const void *bytes, size_t len)
{
	struct daemon d = hello ? daemon_in_group() : daemon_connect();

	if (kind)
		CHECK_EQ(group_stream_put(&d.stream, kind, bytes, len, NULL, 0), 0);
	else
		CHECK_EQ(group_stream_put_raw(&d.stream, bytes, len), 0);
	if (!hello)
		say_hello(&d); /* too late */
	TURN_UNTIL(&d, d.ended);
	CHECK_EQ(d.welcomes, hello);
	CHECK(!totem);
	CHECK_EQ(d.outs, 0);
	group_stream_deinit(&d.stream);
}

static void test_hostile_daemon(void)
{
	struct group_hello hello = {
		.node = NODE, .secret = SECRET, .name = "again", .speaker = protocol_own
	};
	uint8_t bytes[COMMAND_BYTES] = { 0 }, header[GROUP_HEADER_BYTES];

	set_up();
	check_refused(false, 0, "GET / HTTP/1.1\r\n\r\n", 18);
	check_refused(false, GROUP_COMMAND, bytes, COMMAND_BYTES);
	check_refused(false, GROUP_STATE, bytes, GROUP_STATE_HEAD);
	check_refused(true, GROUP_ASK, bytes, GROUP_ASK_BYTES);
	check_refused(true, GROUP_QUORUM, bytes, GROUP_QUORUM_BYTES);
	group_hello_encode(bytes, &hello);
	check_refused(true, GROUP_HELLO, bytes, GROUP_HELLO_BYTES);
	hello.node = NR_NODES;
	group_hello_encode(bytes, &hello);
	check_refused(false, GROUP_HELLO, bytes, GROUP_HELLO_BYTES);
	group_header_encode(header, GROUP_STATE, GROUP_STATE_HEAD + GROUP_STATE_MAX);
	header[7] = 0xff; /* 4 GiB */
	check_refused(true, 0, header, sizeof(header));
	tear_down();
}

static void test_nonsense(void)
{
	struct prng prng;
	struct daemon d;

	set_up();
	prng_init(&prng, 4711);
	for (int i = 0; i < 200; i++) {
		uint8_t bytes[GROUP_HEADER_BYTES + GROUP_DELIVER_BYTES];

		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)prng_next(&prng);
		group_header_encode(bytes, (enum group_kind)prng_between(&prng, 1, GROUP_KIND_LAST),
				    (uint32_t)prng_between(&prng, 0, GROUP_DELIVER_BYTES));
		d = prng_below(&prng, 4) ? daemon_connect() : daemon_in_group();
		group_stream_put_raw(&d.stream, bytes, prng_between(&prng, 1, sizeof(bytes)));
		turn(&d);
		group_stream_deinit(&d.stream);
		TURN_UNTIL(NULL, !totem);
	}
	d = daemon_in_group();
	daemon_leave(&d);
	tear_down();
}

/* A daemon that sends and does not read: the connection ends when OUT_MAX wait, and not before. */
static void test_slow_daemon(void)
{
	const uint64_t frame = GROUP_HEADER_BYTES + GROUP_DELIVER_BYTES;
	uint64_t sent = 0, most = OUT_MAX / frame + 20000;
	struct daemon d;

	set_up();
	d = daemon_in_group();
	for (int64_t until = os_deadline_ns(20000); totem && sent < most && os_now_ns() < until;) {
		for (int i = 0; i < 500; i++)
			CHECK_EQ(put_command(&d, ++sent), 0);
		do {
			turn(NULL);
		} while (totem && messages);
		group_stream_flush(&d.stream);
	}
	CHECK(!totem);
	CHECK(sent > OUT_MAX / frame);
	CHECK_EQ(d.delivers, 1);
	group_stream_deinit(&d.stream);
	tear_down();
}

/* More commands than the envoy holds: the rest waits, and gets its numbers with no further byte from the daemon. */
static void test_many_commands(void)
{
	struct daemon d;

	set_up();
	d = daemon_in_group();
	form_ring(128, 1u << NODE, false, 1);
	TURN_UNTIL(&d, !d.quorum);
	form_ring(192, 1u << NODE, true, 1);
	TURN_UNTIL(&d, d.quorum);
	for (uint64_t i = 1; i <= 5000; i++)
		CHECK_EQ(put_command(&d, i), 0);
	TURN_UNTIL(&d, d.delivers == 5001);
	daemon_leave(&d);
	tear_down();
}

static void test_loss_of_corosync(void)
{
	struct daemon d;
	int quorums;

	set_up();
	d = daemon_in_group();
	quorums = d.quorums;
	totem->call.cut(totem->ctx);
	totem->call.settle(totem->ctx);
	TURN_UNTIL(&d, d.quorums > quorums);
	CHECK_EQ(d.quorum, 0);
	CHECK(!d.ended && !d.outs);
	form_ring(256, 1u << NODE, true, 1); /* Corosync is back */
	TURN_UNTIL(&d, d.quorum == 1);
	CHECK_EQ(put_command(&d, 1), 0);
	TURN_UNTIL(&d, d.order >= 2);
	daemon_leave(&d);
	tear_down();
}

/* A node without the others' state is told that it is out; its next life says how far the others were. */
static void test_put_out(void)
{
	const struct council_point point = { 99, 42 };
	struct daemon d;

	set_up();
	d = daemon_in_group();
	form_ring(128, 1u << NODE | 1u << OTHER, true, 2);
	totem_turn();
	hear_other(128, point);
	TURN_UNTIL(&d, d.ended);
	CHECK_EQ(d.outs, 1);
	CHECK(!totem);
	group_stream_deinit(&d.stream);
	d = daemon_connect();
	say_hello(&d);
	TURN_UNTIL(&d, d.welcomes);
	CHECK_EQ(d.result, 0);
	memset(&greeting, 0, sizeof(greeting));
	form_ring(128, 1u << NODE | 1u << OTHER, true, 2);
	CHECK_EQ(greeting.epoch, point.epoch);
	CHECK_EQ(greeting.heard, point.heard);
	CHECK_EQ(greeting.token, 0); /* without a state */
	daemon_leave(&d);
	tear_down();
}

static void test_a_path_twice(void)
{
	struct deputy *other = NULL;

	set_up();
	CHECK_EQ(deputy_new(&other, loop, path), -EADDRINUSE);
	CHECK(!other);
	CHECK_EQ(deputy_new(&other, loop, "/nowhere/at/all"), -ENOENT);
	tear_down();
}

int main(void)
{
	rig_init();
	TEST(test_a_daemon);
	TEST(test_ping);
	TEST(test_another_user);
	TEST(test_no_totem);
	TEST(test_silent_daemon);
	TEST(test_hostile_daemon);
	TEST(test_nonsense);
	TEST(test_slow_daemon);
	TEST(test_many_commands);
	TEST(test_loss_of_corosync);
	TEST(test_put_out);
	TEST(test_a_path_twice);
	return rig_end();
}
