/* SPDX-License-Identifier: Apache-2.0 */

#include "core/call.h"

#include <stdatomic.h>
#include <string.h>

#include "base/test.h"

/* One page; the two sides and the daemons are played by operating on it. */
static struct channel_page page;

static void set_up(void)
{
	memset(&page, 0, sizeof(page));
}

static uint64_t post(int side, enum line_op op, uint64_t aux)
{
	message m = { .m_type = 42 };

	return line_post(&page.line[side], op, &m, aux);
}

static uint64_t word(int side)
{
	return line_word_now(&page.line[side]);
}

static enum line_state state(int side)
{
	return line_word_state(word(side));
}

static bool take(int side)
{
	struct line_image image;

	return line_take(&page.line[side], &image);
}

static enum call_room make_room(int side)
{
	return call_make_room(&page, side, word(side));
}

static void test_room(void)
{
	set_up();
	CHECK_EQ(make_room(0), CALL_ROOM_FREE);
	post(0, LINE_OP_SEND, 0);
	CHECK_EQ(make_room(0), CALL_ROOM_MADE);
	CHECK_EQ(state(0), LINE_WITHDRAWN);
	CHECK_EQ(make_room(0), CALL_ROOM_FREE);
	post(0, LINE_OP_SENDREC, 0);
	CHECK(take(0));
	CHECK_EQ(make_room(0), CALL_ROOM_CLOSED);
	CHECK_EQ(line_word_result(word(0)), EDVSTIMEDOUT);
	post(0, LINE_OP_SEND, 0);
	line_mark_sent(&page.line[0]);
	CHECK_EQ(make_room(0), CALL_ROOM_ASKED);
	CHECK_EQ(page.withdraw[0], line_word_seq(word(0)));
	CHECK_EQ(make_room(0), CALL_ROOM_WAIT);
}

/* An answer stays as long as its client can still take it. */
static void test_room_behind_an_answer(void)
{
	uint64_t request;

	set_up();
	request = post(0, LINE_OP_SENDREC, 0);
	CHECK(take(0));
	post(1, LINE_OP_ANSWER, request);
	CHECK_EQ(make_room(1), CALL_ROOM_AWAITED);
	CHECK(line_answered(&page.line[0], request));
	CHECK_EQ(make_room(1), CALL_ROOM_AWAITED);
	CHECK_EQ(state(1), LINE_FULL);
	set_up();
	request = post(0, LINE_OP_SENDREC, 0);
	CHECK(take(0));
	post(1, LINE_OP_ANSWER, request);
	line_close(&page.line[0], request, EDVSTIMEDOUT);
	CHECK_EQ(make_room(1), CALL_ROOM_MADE);
}

static void test_take_back(void)
{
	bool asked;
	uint64_t seq;

	set_up();
	seq = post(1, LINE_OP_SEND, 0);
	CHECK_EQ(line_word_state(call_take_back(&page, 1, seq, &asked)), LINE_WITHDRAWN);
	CHECK(!asked);
	seq = post(1, LINE_OP_SEND, 0);
	line_mark_sent(&page.line[1]);
	CHECK_EQ(line_word_state(call_take_back(&page, 1, seq, &asked)), LINE_SENT);
	CHECK(asked);
	call_take_back(&page, 1, seq, &asked);
	CHECK(!asked);
	/* The move was rolled back: it is the owner's again. */
	line_unmark_sent(&page.line[1]);
	CHECK_EQ(line_word_state(call_take_back(&page, 1, seq, &asked)), LINE_WITHDRAWN);
	seq = post(1, LINE_OP_SEND, 0);
	CHECK(take(1));
	CHECK_EQ(line_word_state(call_take_back(&page, 1, seq, &asked)), LINE_TAKEN);
	CHECK(!asked);
}

static void test_fate(void)
{
	static const struct {
		enum line_state state;
		int result, fate;
	} rows[] = {
		{ LINE_FREE, 0, 0 },
		{ LINE_FULL, 0, 0 },
		{ LINE_SENT, 0, 0 },
		{ LINE_TAKEN, 0, CALL_E_TAKEN },
		{ LINE_DONE, 0, CALL_E_ANSWERED },
		{ LINE_DONE, EDVSDSTDIED, EDVSDSTDIED },
		{ LINE_WITHDRAWN, 0, EDVSINTR },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t w = line_word(5, rows[i].state, LINE_OP_SENDREC, rows[i].result);

		CHECK_EQ(call_fate(w, 5, EDVSINTR, EDVSPROCSTS), rows[i].fate);
		CHECK_EQ(call_fate(w, 6, EDVSINTR, EDVSPROCSTS), EDVSPROCSTS);
	}
}

static enum call_answer look(int side, struct call_request *request, bool *asked)
{
	return call_look_for_answer(&page, side, request, word(1 - side), asked);
}

static void test_answer(void)
{
	struct call_request request = { .posted = true };
	bool asked;

	set_up();
	request.seq = post(0, LINE_OP_SENDREC, 0);
	CHECK_EQ(look(0, &request, &asked), CALL_ANSWER_NONE);
	CHECK(take(0));
	CHECK(call_is_owed(&page, 1, request.seq));
	CHECK(!call_is_owed(&page, 1, request.seq + 1));
	post(1, LINE_OP_ANSWER, request.seq);
	CHECK_EQ(look(0, &request, &asked), CALL_ANSWER_HERE);
	CHECK(take(1));
	call_finish(&page, 0, &request, 0);
	CHECK_EQ(state(0), LINE_DONE);
	CHECK_EQ(line_word_result(word(0)), 0);
	CHECK(!call_is_owed(&page, 1, request.seq));
}

/* From another node the answer may come before the news that the request was taken. */
static void test_answer_overtakes(void)
{
	struct call_request request = { .posted = true };

	set_up();
	request.seq = post(0, LINE_OP_SENDREC, 0);
	line_mark_sent(&page.line[0]);
	call_finish(&page, 0, &request, 0);
	CHECK_EQ(state(0), LINE_DONE);
	/* A message that counts as the answer says nothing of the request. */
	set_up();
	request.seq = post(0, LINE_OP_SENDREC, 0);
	line_mark_sent(&page.line[0]);
	call_finish(&page, 0, &request, EDVSPROCSTS);
	CHECK_EQ(state(0), LINE_SENT);
}

static void test_answer_of_another(void)
{
	struct call_request request = { .posted = true };
	bool asked;

	set_up();
	request.seq = post(0, LINE_OP_SENDREC, 0);
	post(1, LINE_OP_ANSWER, request.seq - 1);
	CHECK_EQ(look(0, &request, &asked), CALL_ANSWER_REFUSED);
	CHECK_EQ(state(1), LINE_WITHDRAWN);
	post(1, LINE_OP_REPLY, 0);
	CHECK_EQ(look(0, &request, &asked), CALL_ANSWER_REFUSED);
	CHECK_EQ(state(1), LINE_WITHDRAWN);
	CHECK(request.posted);
	/* Not asked yet: no answer can be for us. */
	request.posted = false;
	post(1, LINE_OP_ANSWER, request.seq);
	CHECK_EQ(look(0, &request, &asked), CALL_ANSWER_REFUSED);
}

static void test_both_call(void)
{
	struct call_request low = { .posted = true }, high = { .posted = true };
	bool asked;

	set_up();
	low.seq = post(0, LINE_OP_SENDREC, 0);
	high.seq = post(1, LINE_OP_SENDREC, 0);
	CHECK_EQ(look(1, &high, &asked), CALL_ANSWER_NONE);
	CHECK(high.posted);
	CHECK_EQ(look(0, &low, &asked), CALL_ANSWER_INSTEAD);
	CHECK(!low.posted);
	CHECK_EQ(state(0), LINE_WITHDRAWN);
	CHECK_EQ(state(1), LINE_FULL);
	CHECK_EQ(look(1, &high, &asked), CALL_ANSWER_NONE);
}

/* The request is at another node, which decides whether it was taken: until then nobody takes the other's. */
static void test_both_call_elsewhere(void)
{
	struct call_request low = { .posted = true };
	bool asked;

	set_up();
	low.seq = post(0, LINE_OP_SENDREC, 0);
	line_mark_sent(&page.line[0]);
	post(1, LINE_OP_SENDREC, 0);
	CHECK_EQ(look(0, &low, &asked), CALL_ANSWER_NONE);
	CHECK(asked && low.posted);
	CHECK_EQ(look(0, &low, &asked), CALL_ANSWER_NONE);
	CHECK(!asked);
	/* It was taken: then the peer's request is its answer. */
	CHECK(take(0));
	CHECK_EQ(look(0, &low, &asked), CALL_ANSWER_INSTEAD);
	CHECK(take(1));
	call_finish(&page, 0, &low, EDVSPROCSTS);
	CHECK_EQ(line_word_result(word(0)), EDVSPROCSTS);
}

/* A plain message is taken at once, on either side. */
static void test_message_instead(void)
{
	for (int side = 0; side < 2; side++) {
		struct call_request request = { .posted = true };
		bool asked;

		set_up();
		request.seq = post(side, LINE_OP_SENDREC, 0);
		post(1 - side, LINE_OP_SEND, 0);
		CHECK_EQ(look(side, &request, &asked), CALL_ANSWER_INSTEAD);
		CHECK(!request.posted && !asked);
		set_up();
		request.posted = true;
		request.seq = post(side, LINE_OP_SENDREC, 0);
		line_mark_sent(&page.line[side]);
		post(1 - side, LINE_OP_SEND, 0);
		CHECK_EQ(look(side, &request, &asked), CALL_ANSWER_INSTEAD);
		CHECK(request.posted && asked);
	}
}

static void test_give_up(void)
{
	uint64_t seq;

	set_up();
	seq = post(0, LINE_OP_SENDREC, 0);
	CHECK(take(0));
	CHECK_EQ(call_give_up(&page, 0, seq, EDVSTIMEDOUT), EDVSTIMEDOUT);
	CHECK_EQ(line_word_result(word(0)), EDVSTIMEDOUT);
	seq = post(0, LINE_OP_SENDREC, 0);
	CHECK(take(0));
	CHECK(line_answered(&page.line[0], seq));
	CHECK_EQ(call_give_up(&page, 0, seq, EDVSTIMEDOUT), CALL_E_ANSWERED);
}

/* Of two plain senders one is refused; neither, while the other calls or answers. */
static void test_locked(void)
{
	set_up();
	CHECK(!call_is_locked(1, word(0)));
	post(0, LINE_OP_SEND, 0);
	post(1, LINE_OP_SEND, 0);
	CHECK(call_is_locked(1, word(0)));
	CHECK(!call_is_locked(0, word(1)));
	CHECK(take(0));
	CHECK(!call_is_locked(1, word(0)));
	post(0, LINE_OP_SENDREC, 0);
	CHECK(!call_is_locked(1, word(0)));
}

static void test_receipt(void)
{
	static const struct {
		enum line_op op;
		bool any;
		enum call_receipt receipt;
	} rows[] = {
		{ LINE_OP_SEND, true, CALL_RECEIPT_HERE },
		{ LINE_OP_SENDREC, true, CALL_RECEIPT_HERE },
		{ LINE_OP_SENDREC, false, CALL_RECEIPT_HERE },
		{ LINE_OP_REPLY, true, CALL_RECEIPT_REFUSED },
		{ LINE_OP_REPLY, false, CALL_RECEIPT_HERE },
		{ LINE_OP_ANSWER, true, CALL_RECEIPT_REFUSED },
		{ LINE_OP_ANSWER, false, CALL_RECEIPT_REFUSED },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool refused = rows[i].receipt == CALL_RECEIPT_REFUSED;

		set_up();
		CHECK_EQ(call_look_to_receive(&page, 0, word(1), rows[i].any), CALL_RECEIPT_NONE);
		post(1, rows[i].op, 0);
		CHECK_EQ(call_look_to_receive(&page, 0, word(1), rows[i].any), rows[i].receipt);
		CHECK_EQ(state(1), refused ? LINE_WITHDRAWN : LINE_FULL);
		CHECK_EQ(call_look_to_receive(&page, 0, refused ? word(1) : 0, true),
			 CALL_RECEIPT_NONE);
	}
}

int main(void)
{
	TEST(test_room);
	TEST(test_room_behind_an_answer);
	TEST(test_take_back);
	TEST(test_fate);
	TEST(test_answer);
	TEST(test_answer_overtakes);
	TEST(test_answer_of_another);
	TEST(test_both_call);
	TEST(test_both_call_elsewhere);
	TEST(test_message_instead);
	TEST(test_give_up);
	TEST(test_locked);
	TEST(test_receipt);
	return test_end();
}
