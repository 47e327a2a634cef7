/* SPDX-License-Identifier: Apache-2.0 */

#include "core/line.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/test.h"

static message text(int number)
{
	message msg;

	memset(&msg, number & 0x7f, sizeof(msg));
	msg.m_type = number;
	return msg;
}

static enum line_state state_of(const struct line *line)
{
	return line_word_state(atomic_load(&line->word));
}

static struct line_image image_of(const struct line *line)
{
	struct line_image image;

	line_snapshot(line, &image);
	return image;
}

static void test_word(void)
{
	uint64_t word = line_word(LINE_SEQ_MASK, LINE_DONE, LINE_OP_SENDREC, EDVSTIMEDOUT);

	CHECK_EQ(line_word_seq(word), LINE_SEQ_MASK);
	CHECK_EQ(line_word_state(word), LINE_DONE);
	CHECK_EQ(line_word_op(word), LINE_OP_SENDREC);
	CHECK_EQ(line_word_result(word), EDVSTIMEDOUT);
	CHECK_EQ(line_word_result(line_word(1, LINE_DONE, LINE_OP_SEND, EDVSRESTARTSYS)),
		 EDVSRESTARTSYS);
	/* A state that only a hostile page can hold reads as ended. */
	CHECK_EQ(line_word_state(UINT64_C(0xf) << 20), LINE_DONE);
	CHECK(line_word_is_free(UINT64_C(0xe) << 20));
	CHECK(line_word_is_free(0));
}

static void test_predicates(void)
{
	static const struct {
		enum line_state state;
		enum line_op op;
		bool waiting, owed, request;
	} rows[] = {
		{ LINE_FREE, LINE_OP_NONE, false, false, false },
		{ LINE_FULL, LINE_OP_SEND, true, false, false },
		{ LINE_SENT, LINE_OP_ANSWER, true, false, false },
		{ LINE_FULL, LINE_OP_SENDREC, true, false, true },
		{ LINE_SENT, LINE_OP_SENDREC, true, false, true },
		{ LINE_TAKEN, LINE_OP_SENDREC, false, true, true },
		{ LINE_TAKEN, LINE_OP_SEND, false, false, false },
		{ LINE_DONE, LINE_OP_SENDREC, false, false, false },
		{ LINE_WITHDRAWN, LINE_OP_SENDREC, false, false, false },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t word = line_word(7, rows[i].state, rows[i].op, 0);

		CHECK_EQ(line_word_is_waiting(word), rows[i].waiting);
		CHECK_EQ(line_word_is_owed(word), rows[i].owed);
		CHECK_EQ(line_word_is_request(word), rows[i].request);
	}
}

static void test_awaits(void)
{
	CHECK(line_word_awaits(line_word(7, LINE_TAKEN, LINE_OP_SENDREC, 0), 7));
	CHECK(line_word_awaits(line_word(7, LINE_DONE, LINE_OP_SENDREC, 0), 7));
	CHECK(!line_word_awaits(line_word(8, LINE_TAKEN, LINE_OP_SENDREC, 0), 7));
	CHECK(!line_word_awaits(line_word(7, LINE_TAKEN, LINE_OP_SEND, 0), 7));
	CHECK(!line_word_awaits(line_word(7, LINE_DONE, LINE_OP_SENDREC, EDVSTIMEDOUT), 7));
	CHECK(!line_word_awaits(line_word(7, LINE_FULL, LINE_OP_SENDREC, 0), 7));
}

static void test_free(void)
{
	static const struct {
		enum line_state state;
		enum line_op op;
		bool is_free;
	} rows[] = {
		{ LINE_FULL, LINE_OP_SEND, false },	{ LINE_SENT, LINE_OP_SEND, false },
		{ LINE_TAKEN, LINE_OP_SEND, true },	{ LINE_TAKEN, LINE_OP_REPLY, true },
		{ LINE_TAKEN, LINE_OP_ANSWER, true },	{ LINE_TAKEN, LINE_OP_SENDREC, false },
		{ LINE_DONE, LINE_OP_SENDREC, true },	{ LINE_WITHDRAWN, LINE_OP_SENDREC, true },
		{ LINE_WITHDRAWN, LINE_OP_SEND, true }, { LINE_DONE, LINE_OP_SEND, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_EQ(line_word_is_free(line_word(9, rows[i].state, rows[i].op, 0)),
			 rows[i].is_free);
}

static int compare(uint64_t seq_a, enum line_state a, uint64_t seq_b, enum line_state b)
{
	return line_word_compare(line_word(seq_a, a, LINE_OP_SEND, 0),
				 line_word(seq_b, b, LINE_OP_SEND, 0));
}

static void test_compare(void)
{
	CHECK_EQ(compare(5, LINE_FULL, 5, LINE_SENT), 0);
	CHECK(compare(5, LINE_TAKEN, 5, LINE_SENT) > 0);
	CHECK(compare(5, LINE_DONE, 5, LINE_TAKEN) > 0);
	CHECK(compare(5, LINE_WITHDRAWN, 5, LINE_SENT) > 0);
	CHECK_EQ(compare(5, LINE_WITHDRAWN, 5, LINE_DONE), 0);
	CHECK(compare(6, LINE_FULL, 5, LINE_DONE) > 0);
	CHECK(compare(5, LINE_DONE, 6, LINE_FULL) < 0);
	/* The sequence wraps, and a line never used is older than any of them. */
	CHECK(compare(0, LINE_FULL, LINE_SEQ_MASK, LINE_DONE) > 0);
	CHECK(compare(LINE_SEQ_MASK, LINE_DONE, 0, LINE_FULL) < 0);
	CHECK(compare(LINE_SEQ_MASK / 2 + 99, LINE_FULL, 0, LINE_FREE) > 0);
	CHECK(compare(0, LINE_FREE, LINE_SEQ_MASK / 2 + 99, LINE_FULL) < 0);
	CHECK_EQ(compare(0, LINE_FREE, 0, LINE_FREE), 0);
}

static void test_send_and_take(void)
{
	struct line line = { 0 };
	struct line_image image;
	message msg = text(7);

	CHECK(!line_take(&line, &image));
	CHECK_EQ(line_post(&line, LINE_OP_SEND, &msg, 0), 1);
	CHECK(line_peek(&line, &image));
	CHECK_EQ(state_of(&line), LINE_FULL);
	CHECK(line_take(&line, &image));
	CHECK(memcmp(&image.msg, &msg, sizeof(msg)) == 0);
	CHECK_EQ(line_word_seq(image.word), 1);
	CHECK_EQ(line_word_op(image.word), LINE_OP_SEND);
	CHECK_EQ(line_word_state(image.word), LINE_TAKEN);
	CHECK(!line_take(&line, &image));
	CHECK(!line_peek(&line, &image));
	CHECK_EQ(line_post(&line, LINE_OP_SEND, &msg, 0), 2);
}

/* Only the message that was looked at: another one in its place is looked at again. */
static void test_take_what_was_seen(void)
{
	struct line line = { 0 };
	struct line_image image;
	message msg = text(7);
	uint64_t seen;

	line_post(&line, LINE_OP_SEND, &msg, 0);
	seen = line_word_now(&line);
	/* The daemon may mark it at any time. */
	line_mark_sent(&line);
	CHECK(line_take_seen(&line, seen, &image));
	CHECK_EQ(line_word_state(image.word), LINE_TAKEN);
	CHECK_EQ(image.msg.m_type, 7);
	CHECK(!line_take_seen(&line, seen, &image));
	CHECK(!line_take_seen(&line, line_word_now(&line), &image));

	line_post(&line, LINE_OP_SEND, &msg, 0);
	seen = line_word_now(&line);
	line_withdraw(&line, line_word_seq(seen));
	CHECK(!line_take_seen(&line, seen, &image));
	line_post(&line, LINE_OP_SEND, &msg, 0);
	CHECK(!line_take_seen(&line, seen, &image));
	CHECK_EQ(state_of(&line), LINE_FULL);
	/* Of the same sequence, and another operation: a peer that scribbles. */
	seen = line_word_now(&line);
	atomic_store(&line.word, line_word(line_word_seq(seen), LINE_FULL, LINE_OP_ANSWER, 0));
	CHECK(!line_take_seen(&line, seen, &image));
}

static void test_withdraw(void)
{
	struct line line = { 0 };
	struct line_image image;
	message msg = text(7);
	uint64_t seq = line_post(&line, LINE_OP_SEND, &msg, 0);

	/* Another sequence is not meant. */
	CHECK_EQ(line_word_state(line_withdraw(&line, seq + 1)), LINE_FULL);
	CHECK_EQ(line_word_state(line_withdraw(&line, seq)), LINE_WITHDRAWN);
	CHECK(!line_take(&line, &image));

	seq = line_post(&line, LINE_OP_SEND, &msg, 0);
	CHECK_EQ(line_word_state(line_mark_sent(&line)), LINE_SENT);
	CHECK_EQ(line_word_state(line_withdraw(&line, seq)), LINE_SENT);
	CHECK_EQ(line_word_state(line_withdraw_here(&line, seq - 1)), LINE_SENT);
	CHECK_EQ(line_word_state(line_withdraw_here(&line, seq)), LINE_WITHDRAWN);
	CHECK_EQ(line_word_state(line_withdraw_here(&line, seq)), LINE_WITHDRAWN);

	seq = line_post(&line, LINE_OP_SEND, &msg, 0);
	CHECK(line_take(&line, &image));
	CHECK_EQ(line_word_state(line_withdraw(&line, seq)), LINE_TAKEN);
	CHECK_EQ(line_word_state(line_withdraw_here(&line, seq)), LINE_TAKEN);
}

static void test_mark_and_unmark(void)
{
	struct line line = { 0 };
	message msg = text(1);
	struct line_image image;
	uint64_t seq;

	CHECK_EQ(line_word_state(line_mark_sent(&line)), LINE_FREE);
	seq = line_post(&line, LINE_OP_SEND, &msg, 0);
	CHECK_EQ(line_word_state(line_unmark_sent(&line)), LINE_FULL);
	line_mark_sent(&line);
	CHECK_EQ(line_word_state(line_unmark_sent(&line)), LINE_FULL);
	CHECK_EQ(line_word_state(line_withdraw(&line, seq)), LINE_WITHDRAWN);
	line_post(&line, LINE_OP_SEND, &msg, 0);
	line_mark_sent(&line);
	CHECK(line_take(&line, &image));
	CHECK_EQ(line_word_state(line_unmark_sent(&line)), LINE_TAKEN);
	CHECK_EQ(line_word_state(line_mark_sent(&line)), LINE_TAKEN);
}

static void test_request(void)
{
	struct line line = { 0 };
	struct line_image image;
	message msg = text(3);
	uint64_t seq = line_post(&line, LINE_OP_SENDREC, &msg, 0);

	/* Not taken yet: it can be neither closed nor answered. */
	CHECK_EQ(line_word_state(line_close(&line, seq, EDVSTIMEDOUT)), LINE_FULL);
	CHECK(!line_answered(&line, seq));
	CHECK(line_take(&line, &image));
	CHECK(!line_word_is_free(atomic_load(&line.word)));
	CHECK(!line_answered(&line, seq + 1));
	CHECK(line_answered(&line, seq));
	CHECK(line_answered(&line, seq));
	CHECK_EQ(line_word_result(line_close(&line, seq, EDVSTIMEDOUT)), 0);

	seq = line_post(&line, LINE_OP_SENDREC, &msg, 0);
	CHECK(line_take(&line, &image));
	CHECK_EQ(line_word_result(line_close(&line, seq, EDVSTIMEDOUT)), EDVSTIMEDOUT);
	CHECK(!line_answered(&line, seq));
	CHECK(line_word_is_free(atomic_load(&line.word)));

	/* A plain message is nothing that could be answered. */
	seq = line_post(&line, LINE_OP_SEND, &msg, 0);
	CHECK(line_take(&line, &image));
	CHECK(!line_answered(&line, seq));
}

static void test_answer_carries_the_request(void)
{
	struct line line = { 0 };
	struct line_image image;
	message msg = text(3);

	line_post(&line, LINE_OP_ANSWER, &msg, 4711);
	CHECK(line_take(&line, &image));
	CHECK_EQ(image.aux, 4711);
	CHECK_EQ(line_word_op(image.word), LINE_OP_ANSWER);
}

static void test_end_of_line(void)
{
	struct line line = { 0 };
	struct line_image image;
	message msg = text(3);

	CHECK_EQ(line_end(&line, EDVSDSTDIED, EDVSSRCDIED), 0);
	line_post(&line, LINE_OP_SENDREC, &msg, 0);
	CHECK_EQ(line_word_result(line_end(&line, EDVSDSTDIED, EDVSSRCDIED)), EDVSDSTDIED);
	CHECK(!line_take(&line, &image));
	line_post(&line, LINE_OP_SENDREC, &msg, 0);
	CHECK(line_take(&line, &image));
	CHECK_EQ(line_word_result(line_end(&line, EDVSDSTDIED, EDVSSRCDIED)), EDVSSRCDIED);
	line_post(&line, LINE_OP_SEND, &msg, 0);
	CHECK(line_take(&line, &image));
	CHECK_EQ(line_word_state(line_end(&line, EDVSDSTDIED, EDVSSRCDIED)), LINE_TAKEN);
}

/* A message goes over, is taken there, and its owner learns so: two replicas of one line. */
static void test_two_replicas(void)
{
	struct line owner = { 0 }, receiver = { 0 };
	struct line_image image;
	message msg = text(11);

	line_post(&owner, LINE_OP_SEND, &msg, 5);
	CHECK(line_export(&owner, &image));
	CHECK_EQ(line_word_state(image.word), LINE_SENT);
	CHECK(line_merge(&receiver, &image, true));
	CHECK_EQ(state_of(&receiver), LINE_FULL);
	CHECK(!line_merge(&receiver, &image, true));
	CHECK(line_take(&receiver, &image));
	CHECK(memcmp(&image.msg, &msg, sizeof(msg)) == 0);
	CHECK_EQ(image.aux, 5);

	image = image_of(&receiver);
	memset(&image.msg, 0, sizeof(image.msg));
	CHECK(line_merge(&owner, &image, false));
	CHECK_EQ(state_of(&owner), LINE_TAKEN);
	/* The owner's bytes are never replaced by a replica of the same sequence. */
	CHECK(memcmp(&owner.msg, &msg, sizeof(msg)) == 0);
}

/* Copies that come late, or again, change nothing; nor do older sequences. */
static void test_replay(void)
{
	struct line owner = { 0 }, receiver = { 0 };
	struct line_image image, old;
	message msg = text(1);

	line_post(&owner, LINE_OP_SEND, &msg, 0);
	CHECK(line_export(&owner, &old));
	CHECK(line_merge(&receiver, &old, true));
	CHECK(line_take(&receiver, &image));
	CHECK(!line_merge(&receiver, &old, true));
	image = image_of(&receiver);
	line_merge(&owner, &image, false);

	msg = text(2);
	line_post(&owner, LINE_OP_SEND, &msg, 0);
	CHECK(!line_merge(&owner, &image, false));
	CHECK(line_export(&owner, &image));
	CHECK(line_merge(&receiver, &image, true));
	CHECK(!line_merge(&receiver, &old, true));
	CHECK(line_take(&receiver, &image));
	CHECK_EQ(image.msg.m_type, 2);
}

/* A newer sequence that meets an untaken older one replaces it whole. */
static void test_merge_over_untaken(void)
{
	struct line owner = { 0 }, receiver = { 0 };
	struct line_image image;
	message msg = text(1);
	uint64_t seq = line_post(&owner, LINE_OP_SEND, &msg, 0);

	image = image_of(&owner);
	CHECK(line_merge(&receiver, &image, true));
	line_withdraw(&owner, seq);
	msg = text(2);
	line_post(&owner, LINE_OP_SEND, &msg, 0);
	CHECK(line_export(&owner, &image));
	CHECK(line_merge(&receiver, &image, true));
	CHECK(line_take(&receiver, &image));
	CHECK_EQ(line_word_seq(image.word), 2);
	CHECK_EQ(image.msg.m_type, 2);
}

/* A migrated process's own line toward an endpoint that is elsewhere may not come back FULL. */
static void test_merge_marks_for_the_owner(void)
{
	struct line target = { 0 };
	struct line_image image = { .word = line_word(9, LINE_FULL, LINE_OP_SEND, 0) };

	CHECK(line_merge(&target, &image, false));
	CHECK_EQ(state_of(&target), LINE_SENT);
	CHECK_EQ(line_word_state(line_withdraw(&target, 9)), LINE_SENT);
	/* Nor may a page that has it as the receiver's leave it FULL. */
	line_unmark_sent(&target);
	CHECK(!line_merge(&target, &image, false));
	CHECK_EQ(state_of(&target), LINE_SENT);
	image.word = line_word(8, LINE_FULL, LINE_OP_SEND, 0);
	line_unmark_sent(&target);
	CHECK(!line_merge(&target, &image, false));
	CHECK_EQ(state_of(&target), LINE_FULL);
}

/* Merging never lets a state fall, for any two states, and merging twice is as good as once. */
static void test_merge_is_monotone(void)
{
	for (unsigned a = 0; a <= LINE_WITHDRAWN; a++)
		for (unsigned b = 0; b <= LINE_WITHDRAWN; b++)
			for (unsigned newer = 0; newer < 2; newer++) {
				uint64_t here = line_word(5, a, LINE_OP_SEND, 0);
				struct line_image there = { .word = line_word(5 + newer, b,
									      LINE_OP_SEND, 0) };
				struct line line = { .word = here };
				uint64_t word;
				bool changed = line_merge(&line, &there, true);

				word = atomic_load(&line.word);
				CHECK_EQ(changed, word != here);
				CHECK(line_word_compare(word, here) >= 0);
				CHECK(line_word_compare(word, there.word) >= 0);
				CHECK(!line_merge(&line, &there, true));
			}
}

static void test_hostile_words(void)
{
	struct line line = { 0 };
	struct line_image image = { .word = UINT64_MAX };

	CHECK(line_merge(&line, &image, true));
	CHECK_EQ(state_of(&line), LINE_DONE);
	CHECK(!line_take(&line, &image));
	CHECK_EQ(line_word_result(line_withdraw(&line, LINE_SEQ_MASK)), -0xfff);
}

#define RACES 30000

struct race {
	struct line line;
	_Atomic unsigned round; /* even: the sender's turn to post, odd: both act */
	unsigned taken;
};

static void *race_taker(void *arg)
{
	struct race *race = arg;
	struct line_image image;

	for (unsigned i = 0; i < RACES; i++) {
		while (atomic_load(&race->round) != 2 * i + 1)
			;
		if (line_take(&race->line, &image)) {
			race->taken++;
			CHECK_EQ(image.msg.m_type, (int)i);
		}
		atomic_store(&race->round, 2 * i + 2);
	}
	return NULL;
}

/* Taking, withdrawing and marking at the same time: each message ends one way. */
static void test_race(void)
{
	static struct race race;
	unsigned withdrawn = 0, left = 0;
	pthread_t taker;

	CHECK_OR_RETURN(pthread_create(&taker, NULL, race_taker, &race) == 0);
	for (unsigned i = 0; i < RACES; i++) {
		message msg = text((int)i);
		uint64_t seq = line_post(&race.line, LINE_OP_SEND, &msg, 0);
		enum line_state state;

		atomic_store(&race.round, 2 * i + 1);
		if (i % 3 == 0)
			line_mark_sent(&race.line);
		state = line_word_state(line_withdraw(&race.line, seq));
		withdrawn += state == LINE_WITHDRAWN;
		while (atomic_load(&race.round) != 2 * i + 2)
			;
		left += !line_word_is_free(atomic_load(&race.line.word));
	}
	pthread_join(taker, NULL);
	CHECK_EQ(withdrawn + race.taken, RACES);
	CHECK_EQ(left, 0);
}

int main(void)
{
	TEST(test_word);
	TEST(test_predicates);
	TEST(test_awaits);
	TEST(test_free);
	TEST(test_compare);
	TEST(test_send_and_take);
	TEST(test_take_what_was_seen);
	TEST(test_withdraw);
	TEST(test_mark_and_unmark);
	TEST(test_request);
	TEST(test_answer_carries_the_request);
	TEST(test_end_of_line);
	TEST(test_two_replicas);
	TEST(test_replay);
	TEST(test_merge_over_untaken);
	TEST(test_merge_marks_for_the_owner);
	TEST(test_merge_is_monotone);
	TEST(test_hostile_words);
	TEST(test_race);
	return test_end();
}
