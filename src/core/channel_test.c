/* SPDX-License-Identifier: Apache-2.0 */

/* Side 0 lives on one node and side 1 on another, each with a page of its own, unless a test says otherwise. */

#include "core/channel.h"

#include <stdatomic.h>
#include <string.h>

#include "base/test.h"
#include "core/call.h"
#include "core/notify.h"

#define NODE 4

static struct channel_page near, far; /* of side 0, of side 1 */
static struct channel_told near_told, far_told;

static void set_up(void)
{
	memset(&near, 0, sizeof(near));
	memset(&far, 0, sizeof(far));
	near_told = far_told = (struct channel_told){ 0 };
}

static uint64_t post(struct channel_page *page, int side, enum line_op op, uint64_t aux)
{
	message m = { .m_type = 42 };

	return line_post(&page->line[side], op, &m, aux);
}

static enum line_state state(const struct channel_page *page, int side)
{
	return line_word_state(atomic_load(&page->line[side].word));
}

static int result(const struct channel_page *page, int side)
{
	return line_word_result(atomic_load(&page->line[side].word));
}

static bool take(struct channel_page *page, int side)
{
	struct line_image image;

	return line_take(&page->line[side], &image);
}

/* One frame from the near page to the far one. True: the end there waits for it. */
static bool tell_far(int side)
{
	struct line_image image;
	uint64_t wanted;

	if (side == 0)
		CHECK(line_export(&near.line[0], &image));
	else
		line_snapshot(&near.line[1], &image);
	wanted = side == 0 ? channel_wanted_back(&near, 0, image.word) : 0;
	near_told.word[side] = image.word;
	near_told.withdraw[side] = wanted;
	return channel_merge_line(&far, &far_told, side, &image, wanted, 1);
}

static bool tell_near(int side)
{
	struct line_image image;

	if (side == 1)
		CHECK(line_export(&far.line[1], &image));
	else
		line_snapshot(&far.line[0], &image);
	far_told.word[side] = image.word;
	return channel_merge_line(&near, &near_told, side, &image, 0, 0);
}

static void test_hold(void)
{
	uint64_t seq;

	set_up();
	seq = post(&near, 0, LINE_OP_SEND, 0);
	atomic_store(&near.copy_pid[1], 77);
	atomic_store(&near.copy_busy[1], 1);
	CHECK(channel_hold(&near, 1));
	CHECK_EQ(near.copy_pid[1], 0);
	CHECK_EQ(near.node[1], -1);
	atomic_store(&near.copy_busy[1], 0);
	CHECK(!channel_hold(&near, 1));
	/* The owner cannot take it back by itself, so it asks, and is heard when the end is here again. */
	CHECK_EQ(line_word_state(line_withdraw(&near.line[0], seq)), LINE_SENT);
	atomic_store(&near.withdraw[0], seq);
	CHECK(channel_unhold(&near, 1, NODE, 78));
	CHECK_EQ(state(&near, 0), LINE_WITHDRAWN);
	CHECK_EQ(near.copy_pid[1], 78);
	CHECK_EQ(near.node[1], NODE);
}

static void test_unhold_without_wish(void)
{
	uint64_t seq;

	set_up();
	seq = post(&near, 0, LINE_OP_SEND, 0);
	/* A wish of long ago. */
	atomic_store(&near.withdraw[0], seq - 1);
	channel_hold(&near, 1);
	CHECK(!channel_unhold(&near, 1, NODE, 0));
	CHECK_EQ(state(&near, 0), LINE_FULL);
}

static void test_death(void)
{
	set_up();
	post(&near, 0, LINE_OP_SEND, 0);
	post(&near, 1, LINE_OP_SEND, 0);
	channel_end(&near, 1);
	CHECK_EQ(result(&near, 0), EDVSDSTDIED);
	CHECK_EQ(result(&near, 1), EDVSSRCDIED);
	CHECK_EQ(near.dead, 2);
	set_up();
	post(&near, 0, LINE_OP_SENDREC, 0);
	CHECK(take(&near, 0));
	channel_end(&near, 1);
	CHECK_EQ(result(&near, 0), EDVSSRCDIED);
}

static void test_death_after_answer(void)
{
	uint64_t seq;

	set_up();
	seq = post(&near, 0, LINE_OP_SENDREC, 0);
	CHECK(take(&near, 0));
	post(&near, 1, LINE_OP_ANSWER, seq);
	channel_end(&near, 1);
	CHECK_EQ(state(&near, 0), LINE_DONE);
	CHECK_EQ(result(&near, 0), 0);
	CHECK(take(&near, 1));
	/* That of an earlier request is none. */
	set_up();
	seq = post(&near, 0, LINE_OP_SENDREC, 0);
	CHECK(take(&near, 0));
	post(&near, 1, LINE_OP_ANSWER, seq - 1);
	channel_end(&near, 1);
	CHECK_EQ(result(&near, 0), EDVSSRCDIED);
}

/* Side 1 moves from the near page to the far one; side 0 stays. */
static void test_carried_to_another_node(void)
{
	struct channel_image image;
	uint64_t seq;

	set_up();
	seq = post(&near, 0, LINE_OP_SEND, 0);
	post(&near, 1, LINE_OP_SEND, 0);
	notify_post(&near.notify[0], 3, 1);
	atomic_store(&near.withdraw[1], 1);
	channel_hold(&near, 1);
	channel_pack(&near, 1, &image);
	channel_unpack(&far, 1, &image, false);
	channel_unhold(&far, 1, NODE, 0);
	CHECK_EQ(state(&near, 0), LINE_SENT);
	CHECK_EQ(state(&far, 0), LINE_FULL);
	/* Its own message may be at its peer's node already. */
	CHECK_EQ(state(&far, 1), LINE_SENT);
	CHECK_EQ(far.withdraw[1], 1);
	CHECK(notify_pending(&far.notify[0]));
	CHECK(take(&far, 0));
	CHECK_EQ(line_word_state(line_withdraw(&near.line[0], seq)), LINE_SENT);
}

/* Posted after the hold: nobody can take back a packed message, and a torn one stays. */
static void test_packed_late(void)
{
	struct channel_image image;
	uint64_t seq;

	set_up();
	channel_hold(&near, 1);
	seq = post(&near, 0, LINE_OP_SEND, 0);
	channel_pack(&near, 1, &image);
	CHECK_EQ(line_word_state(line_withdraw(&near.line[0], seq)), LINE_SENT);
	CHECK_EQ(line_word_state(image.line[1].word), LINE_SENT);
}

/* The peer is on the node that the end comes to, and has gone on. */
static void test_carried_to_its_peer(void)
{
	struct channel_image image;

	set_up();
	post(&near, 1, LINE_OP_SEND, 0);
	channel_hold(&near, 1);
	channel_pack(&near, 1, &image);
	post(&far, 0, LINE_OP_SENDREC, 0);
	atomic_store(&far.withdraw[0], 9);
	channel_unpack(&far, 1, &image, true);
	channel_unhold(&far, 1, NODE, 0);
	CHECK_EQ(state(&far, 0), LINE_FULL);
	CHECK_EQ(state(&far, 1), LINE_FULL);
	CHECK_EQ(far.withdraw[0], 9);
}

/* A process that comes by hand: the first number that it uses is one that nobody has seen. */
static void test_begins_behind_the_old_one(void)
{
	struct channel_page here = { 0 }, there = { 0 };
	struct channel_told told = { 0 };
	struct line_image image;
	message msg = { .m_type = 7 };
	bool asked;
	uint64_t seq;

	/* The old process has sent one message, which was taken. */
	CHECK_EQ(line_post(&there.line[0], LINE_OP_SEND, &msg, 0), 1);
	CHECK(line_take(&there.line[0], &image));
	channel_begin(&here, 0);
	CHECK(!line_word_is_free(line_word_now(&here.line[0])));
	CHECK_EQ(channel_wanted_back(&here, 0, line_word_now(&here.line[0])), 1);
	line_snapshot(&here.line[0], &image);
	channel_merge_line(&there, &told, 0, &image, here.withdraw[0], 1);
	line_snapshot(&there.line[0], &image);
	CHECK_EQ(line_word_state(image.word), LINE_TAKEN);
	channel_merge_line(&here, &told, 0, &image, 0, 0);
	CHECK_EQ(call_make_room(&here, 0, line_word_now(&here.line[0])), CALL_ROOM_FREE);
	CHECK_EQ(line_post(&here.line[0], LINE_OP_SEND, &msg, 0), 2);
	/* Nothing was sent before: the first state is given back unseen. */
	memset(&here, 0, sizeof(here));
	memset(&there, 0, sizeof(there));
	channel_begin(&here, 0);
	line_snapshot(&here.line[0], &image);
	channel_merge_line(&there, &told, 0, &image, here.withdraw[0], 1);
	CHECK_EQ(line_word_state(line_word_now(&there.line[0])), LINE_WITHDRAWN);
	/* And a process that is in the middle of a call keeps what it has. */
	memset(&here, 0, sizeof(here));
	seq = line_post(&here.line[0], LINE_OP_SENDREC, &msg, 0);
	channel_begin(&here, 0);
	CHECK_EQ(line_word_seq(line_word_now(&here.line[0])), seq);
	CHECK_EQ(line_word_state(call_take_back(&here, 0, seq, &asked)), LINE_WITHDRAWN);
}

static void test_told_and_taken(void)
{
	set_up();
	CHECK(!channel_line_untold(&near, &near_told, 0, 0));
	post(&near, 0, LINE_OP_SEND, 0);
	CHECK(channel_line_urgent(&near, &near_told, 0, 0));
	CHECK(tell_far(0));
	CHECK(!channel_line_untold(&near, &near_told, 0, 0));
	CHECK_EQ(state(&near, 0), LINE_SENT);
	/* A message that waits there is no news for the node that told of it. */
	CHECK(!channel_line_untold(&far, &far_told, 0, 1));
	CHECK(take(&far, 0));
	CHECK(channel_line_urgent(&far, &far_told, 0, 1));
	CHECK(tell_near(0));
	CHECK_EQ(state(&near, 0), LINE_TAKEN);
	CHECK(!channel_line_untold(&near, &near_told, 0, 0));
	/* The same once more is nothing new. */
	CHECK(!tell_near(0));
}

/* That a request was taken is told in time, and nobody waits for that. */
static void test_request_taken(void)
{
	set_up();
	post(&near, 0, LINE_OP_SENDREC, 0);
	tell_far(0);
	CHECK(channel_awaits_take(&far, 0));
	far_told.word[0] = atomic_load(&far.line[0].word);
	CHECK(take(&far, 0));
	CHECK(!channel_awaits_take(&far, 0));
	CHECK(channel_line_untold(&far, &far_told, 0, 1));
	CHECK(!channel_line_urgent(&far, &far_told, 0, 1));
	CHECK(!tell_near(0));
	CHECK_EQ(state(&near, 0), LINE_TAKEN);
}

/* One frame is an answer and the end of its request, or a request and the end of the former answer. */
static void test_message_and_fate(void)
{
	struct line_image image;
	uint64_t seq, fate, stray;

	set_up();
	seq = post(&near, 0, LINE_OP_SENDREC, 0);
	CHECK(tell_far(0));
	/* A message that waits has no fate. */
	CHECK_EQ(channel_fate(&far, &far_told, 0), 0);
	CHECK(take(&far, 0));
	post(&far, 1, LINE_OP_ANSWER, seq);
	CHECK(line_answered(&far.line[0], seq));
	CHECK(line_export(&far.line[1], &image));
	fate = channel_fate(&far, &far_told, 0);
	CHECK_EQ(line_word_state(fate), LINE_DONE);
	/* Of a message that this end has not, and of one that waits: nothing. */
	stray = line_word(seq + 1, LINE_DONE, LINE_OP_SENDREC, 0);
	CHECK(channel_merge_both(&near, &near_told, &image, 0, stray, 0));
	CHECK_EQ(state(&near, 0), LINE_SENT);
	stray = line_word(seq, LINE_FULL, LINE_OP_SENDREC, 0);
	channel_merge_both(&near, &near_told, &image, 0, stray, 0);
	CHECK_EQ(state(&near, 0), LINE_SENT);
	CHECK(!channel_merge_both(&near, &near_told, &image, 0, fate, 0));
	CHECK_EQ(state(&near, 0), LINE_DONE);
	CHECK_EQ(state(&near, 1), LINE_FULL);
	CHECK_EQ(near.line[0].msg.m_type, 42);
	CHECK(!channel_line_untold(&near, &near_told, 0, 0));
	far_told.word[0] = fate;
	CHECK(!channel_line_untold(&far, &far_told, 0, 1));
	CHECK_EQ(channel_fate(&far, &far_told, 0), 0);

	CHECK(take(&near, 1));
	fate = channel_fate(&near, &near_told, 1);
	CHECK_EQ(line_word_state(fate), LINE_TAKEN);
	post(&near, 0, LINE_OP_SENDREC, 0);
	CHECK(line_export(&near.line[0], &image));
	CHECK(channel_merge_both(&far, &far_told, &image, 0, fate, 1));
	CHECK_EQ(state(&far, 1), LINE_TAKEN);
	CHECK_EQ(state(&far, 0), LINE_FULL);
	/* On a new connection nothing has been told: the whole line goes. */
	CHECK(take(&far, 0));
	far_told = (struct channel_told){ 0 };
	CHECK(channel_line_untold(&far, &far_told, 0, 1));
	CHECK_EQ(channel_fate(&far, &far_told, 0), 0);
}

/* The receiver's node decides, and says so again if it is asked again. */
static void test_wanted_back(void)
{
	uint64_t seq;

	set_up();
	seq = post(&near, 0, LINE_OP_SEND, 0);
	tell_far(0);
	atomic_store(&near.withdraw[0], seq);
	CHECK(channel_line_urgent(&near, &near_told, 0, 0));
	tell_far(0);
	CHECK(!channel_line_untold(&near, &near_told, 0, 0));
	CHECK_EQ(state(&far, 0), LINE_WITHDRAWN);
	CHECK(channel_line_untold(&far, &far_told, 0, 1));
	CHECK(tell_near(0));
	CHECK_EQ(state(&near, 0), LINE_WITHDRAWN);
	/* Of a message that was taken first the owner hears that. */
	set_up();
	seq = post(&near, 0, LINE_OP_SENDREC, 0);
	tell_far(0);
	CHECK(take(&far, 0));
	far_told.word[0] = atomic_load(&far.line[0].word);
	atomic_store(&near.withdraw[0], seq);
	tell_far(0);
	CHECK_EQ(state(&far, 0), LINE_TAKEN);
	CHECK(channel_line_untold(&far, &far_told, 0, 1));
	CHECK(tell_near(0));
}

static void test_notifications(void)
{
	struct notify_image image;

	set_up();
	CHECK(!channel_notify_untold(&near, &near_told, 0));
	notify_post(&near.notify[0], 3, 5);
	CHECK(channel_notify_untold(&near, &near_told, 0));
	notify_snapshot(&near.notify[0], &image);
	CHECK(channel_merge_notify(&far, &far_told, 0, &image, 1));
	CHECK(!channel_notify_untold(&far, &far_told, 0));
	CHECK(notify_take(&far.notify[0], false, &image));
	CHECK(channel_notify_untold(&far, &far_told, 0));
	notify_snapshot(&far.notify[0], &image);
	/* That it was taken is no reason to wake its sender. */
	CHECK(!channel_merge_notify(&near, &near_told, 0, &image, 0));
	CHECK(!notify_pending(&near.notify[0]));
}

int main(void)
{
	TEST(test_hold);
	TEST(test_unhold_without_wish);
	TEST(test_death);
	TEST(test_death_after_answer);
	TEST(test_carried_to_another_node);
	TEST(test_packed_late);
	TEST(test_carried_to_its_peer);
	TEST(test_begins_behind_the_old_one);
	TEST(test_told_and_taken);
	TEST(test_request_taken);
	TEST(test_message_and_fate);
	TEST(test_wanted_back);
	TEST(test_notifications);
	return test_end();
}
