// SPDX-License-Identifier: Apache-2.0
/* A daemon that comes while another one's connection stands: a stranger, or the one that follows it. */
#include "group/deputy_rig_test.h"

static void test_second_daemon(void)
{
	struct daemon first, second;

	set_up();
	first = daemon_in_group();
	second = daemon_connect();
	say_hello(&second);
	TURN_UNTIL(&second, second.ended);
	CHECK_EQ(second.result, -EEXIST);
	group_stream_deinit(&second.stream);
	CHECK_EQ(put_command(&first, 1), 0);
	TURN_UNTIL(&first, first.delivers == 2);
	/* Both are found in the same turn, and the end of the first one after the second one. */
	second = daemon_connect();
	group_stream_deinit(&first.stream);
	say_hello(&second);
	TURN_UNTIL(&second, second.welcomes);
	CHECK_EQ(second.result, 0);
	CHECK_EQ(totems, 2);
	daemon_leave(&second);
	tear_down();
}

static void say_resume(struct daemon *d, int node, uint64_t order)
{
	uint8_t bytes[GROUP_RESUME_BYTES];

	group_resume_encode(bytes, node, order);
	CHECK_EQ(group_stream_put(&d->stream, GROUP_RESUME, bytes, sizeof(bytes), NULL, 0), 0);
}

/* One in the place of another, whose connection stands: it is told what it missed, and the group nothing. */
static void test_another_daemon(void)
{
	struct daemon first, second;

	set_up();
	first = daemon_in_group();
	for (uint64_t i = 1; i <= 3; i++)
		CHECK_EQ(put_command(&first, i), 0);
	TURN_UNTIL(&first, first.delivers == 4);
	second = daemon_connect();
	second.order = 2;
	say_resume(&second, NODE, 2);
	TURN_UNTIL(&second, second.quorums);
	CHECK(second.welcomes == 1 && second.result == 0);
	CHECK(second.delivers == 2 && second.order == 4 && second.quorum == 1);
	TURN_UNTIL(&first, first.ended);
	CHECK_EQ(put_command(&second, 4), 0);
	TURN_UNTIL(&second, second.order == 5);
	CHECK_EQ(totems, 1);
	group_stream_deinit(&first.stream);
	daemon_leave(&second);
	tear_down();
}

static void check_not_resumed(int node, uint64_t order)
{
	struct daemon d = daemon_connect();

	say_resume(&d, node, order);
	TURN_UNTIL(&d, d.ended);
	CHECK(d.delivers == 0 && (d.result == -ESTALE || !d.welcomes));
	group_stream_deinit(&d.stream);
}

/* Of another node, of an order that was not, or of one that has left: the daemon that is there goes on. */
static void test_no_other_daemon(void)
{
	struct daemon first, silent;

	set_up();
	first = daemon_in_group();
	check_not_resumed(OTHER, 1);
	check_not_resumed(NODE, 2);
	silent = daemon_connect();
	TURN_UNTIL(&silent, silent.ended);
	group_stream_deinit(&silent.stream);
	CHECK_EQ(put_command(&first, 1), 0);
	TURN_UNTIL(&first, first.delivers == 2);
	daemon_leave(&first);
	check_not_resumed(NODE, 1);
	tear_down();
}

int main(void)
{
	rig_init();
	TEST(test_second_daemon);
	TEST(test_another_daemon);
	TEST(test_no_other_daemon);
	return rig_end();
}
