// SPDX-License-Identifier: Apache-2.0
#include "group/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "os/socket.h"

static struct group_stream a, b;

static void setup(size_t out_max)
{
	int pair[2];

	CHECK(!os_unix_pair(OS_STREAM, pair));
	for (int i = 0; i < 2; i++)
		CHECK(!os_set_nonblock(pair[i], 1));
	group_stream_init(&a, pair[0], out_max);
	group_stream_init(&b, pair[1], out_max);
}

static void teardown(void)
{
	group_stream_deinit(&a);
	group_stream_deinit(&b);
}

static void test_frames_arrive_whole_and_in_order(void)
{
	uint8_t token[GROUP_ASK_BYTES];
	struct group_frame frame;

	setup(4096);
	CHECK_EQ(group_stream_next(&b, &frame), 0);
	CHECK_EQ(group_stream_fill(&b), -EAGAIN);
	for (uint64_t i = 1; i <= 3; i++) {
		group_number_encode(token, i);
		CHECK_EQ(group_stream_put(&a, GROUP_ASK, token, sizeof(token), NULL, 0), 0);
	}
	CHECK(!group_stream_waiting(&a));
	CHECK_EQ(group_stream_fill(&b), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		CHECK_EQ(group_stream_next(&b, &frame), 1);
		CHECK_EQ(frame.kind, GROUP_ASK);
		CHECK_EQ(frame.bytes, GROUP_ASK_BYTES);
		CHECK_EQ(group_number_decode(frame.payload), i);
	}
	CHECK_EQ(group_stream_next(&b, &frame), 0);
	teardown();
}

static void test_queued_frames_leave_together(void)
{
	uint8_t token[GROUP_ASK_BYTES];
	struct group_frame frame;
	int r;

	setup(4096);
	for (uint64_t i = 1; i <= 3; i++) {
		group_number_encode(token, i);
		CHECK_EQ(group_stream_queue(&a, GROUP_ASK, token, sizeof(token), NULL, 0), 0);
	}
	CHECK(group_stream_waiting(&a));
	CHECK_EQ(group_stream_fill(&b), -EAGAIN);
	/* A frame that is put after them is behind them. */
	group_number_encode(token, 4);
	CHECK_EQ(group_stream_put(&a, GROUP_ASK, token, sizeof(token), NULL, 0), 0);
	CHECK_EQ(group_stream_flush(&a), 0);
	CHECK(!group_stream_waiting(&a));
	CHECK_EQ(group_stream_fill(&b), 0);
	for (uint64_t i = 1; i <= 4; i++) {
		CHECK_EQ(group_stream_next(&b, &frame), 1);
		CHECK_EQ(group_number_decode(frame.payload), i);
	}
	while (!(r = group_stream_queue(&a, GROUP_ASK, token, sizeof(token), NULL, 0)))
		continue;
	CHECK_EQ(r, -ENOBUFS);
	teardown();
}

static void test_a_byte_at_a_time(void)
{
	uint8_t bytes[GROUP_HEADER_BYTES + GROUP_ASK_BYTES];
	struct group_frame frame;

	setup(4096);
	group_header_encode(bytes, GROUP_ASK, GROUP_ASK_BYTES);
	group_number_encode(bytes + GROUP_HEADER_BYTES, 77);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		CHECK_EQ(group_stream_next(&b, &frame), 0);
		CHECK_EQ(os_write_some(a.fd, bytes + i, 1), 1);
		CHECK_EQ(group_stream_fill(&b), 0);
	}
	CHECK_EQ(group_stream_next(&b, &frame), 1);
	CHECK_EQ(group_number_decode(frame.payload), 77);
	teardown();
}

/* A state larger than the socket goes through in pieces, and behind it what was put after it. */
static void test_large(void)
{
	uint8_t head[GROUP_RESTORE_HEAD] = { 5 }, *state = malloc(GROUP_STATE_MAX);
	struct group_frame frame;
	int r = 0;

	setup(GROUP_STATE_MAX + 4096);
	for (size_t i = 0; i < GROUP_STATE_MAX; i++)
		state[i] = (uint8_t)(i * 31 >> 3);
	CHECK_EQ(group_stream_put(&a, GROUP_RESTORE, head, sizeof(head), state, GROUP_STATE_MAX),
		 0);
	CHECK(group_stream_waiting(&a));
	CHECK_EQ(group_stream_put(&a, GROUP_ASK, head, GROUP_ASK_BYTES, NULL, 0), 0);
	while (!(r = group_stream_next(&b, &frame))) {
		CHECK_EQ(group_stream_flush(&a), 0);
		group_stream_fill(&b);
	}
	CHECK_EQ(r, 1);
	CHECK_EQ(frame.bytes, GROUP_RESTORE_HEAD + GROUP_STATE_MAX);
	CHECK(!memcmp(frame.payload + GROUP_RESTORE_HEAD, state, GROUP_STATE_MAX));
	while (!(r = group_stream_next(&b, &frame))) {
		CHECK_EQ(group_stream_flush(&a), 0);
		group_stream_fill(&b);
	}
	CHECK_EQ(r, 1);
	CHECK_EQ(frame.kind, GROUP_ASK);
	CHECK(!group_stream_waiting(&a));
	free(state);
	teardown();
}

static void test_full_is_said_and_keeps_frames_whole(void)
{
	uint8_t token[GROUP_ASK_BYTES] = { 0 };
	struct group_frame frame;
	uint64_t sent = 0, got = 0;
	int r = 0;

	setup(1000);
	while (!r) {
		group_number_encode(token, sent);
		r = group_stream_put(&a, GROUP_ASK, token, sizeof(token), NULL, 0);
		sent += !r;
	}
	CHECK_EQ(r, -ENOBUFS);
	for (int idle = 0; idle < 3; idle++) {
		if (!group_stream_fill(&b))
			idle = 0;
		CHECK_EQ(group_stream_flush(&a), 0);
		while (group_stream_next(&b, &frame) > 0)
			CHECK_EQ(group_number_decode(frame.payload), got++);
	}
	CHECK_EQ(got, sent);
	teardown();
}

static void test_nonsense_and_end(void)
{
	struct group_frame frame;

	setup(1000);
	CHECK_EQ(group_stream_put_raw(&a, "nonsense", 8), 0);
	CHECK_EQ(group_stream_fill(&b), 0);
	CHECK_EQ(group_stream_next(&b, &frame), -EBADMSG);
	CHECK_EQ(group_stream_next(&b, &frame), -EBADMSG);
	group_stream_deinit(&a);
	CHECK_EQ(group_stream_fill(&b), -ECONNRESET);
	CHECK_EQ(group_stream_put_raw(&b, "x", 1), -EPIPE);
	teardown();
}

int main(void)
{
	TEST(test_frames_arrive_whole_and_in_order);
	TEST(test_queued_frames_leave_together);
	TEST(test_a_byte_at_a_time);
	TEST(test_large);
	TEST(test_full_is_said_and_keeps_frames_whole);
	TEST(test_nonsense_and_end);
	return test_end();
}
