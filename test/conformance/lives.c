/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A number is an address, and its holders are lives: a message between two of them is never given to the next.
 */
#include "conformance/stage.h"

#include <signal.h>

#define TURNS 12

static struct puppet *server;

static bool is_free(int role, int nr)
{
	return row_becomes(role, nr, ROW_FLAGS, ~0L, SLOT_FREE, 2000);
}

/* A client whose request the server has taken ends; its next life has the same number at once. */
static struct puppet *next_life_of_a_client(void)
{
	struct puppet *first = stage_bound(0, 10), *next = stage_puppet(0);

	server = stage_bound(1, 11);
	tell(first, "sendrec %d 7 -1 1", server->ep);
	CHECK_EQ(ask(server, "receive %d 2000", ANY), 0);
	CHECK_EQ(server->value[1], first->ep);
	stage_end(first);
	CHECK(is_free(0, 10));
	next->nr = 10;
	next->ep = (int)ask(next, "bind %d %d -1 10 -1", SELF_BIND, STAGE_DCID);
	CHECK_EQ(next->ep, first->ep);
	CHECK(row_becomes(1, 10, ROW_FLAGS, SLOT_FREE, 0, 2000));
	return next;
}

/* The server was told once; what it says to this number from now on is for the present life. */
static void goes_on(struct puppet *next)
{
	CHECK(is_silent(next, 50));
	tell(next, "sendrec %d 9 -1 2", server->ep);
	CHECK_EQ(ask(server, "receive %d 2000", ANY), 0);
	CHECK_EQ(server->value[2], 9);
	CHECK_EQ(ask(server, "reply %d 10 2000 3", next->ep), 0);
	CHECK_EQ(hear(next), 0);
	CHECK_EQ(next->value[2], 10);
	CHECK_EQ(next->value[3], 3);
}

/* The present life waits for any message of the server; nothing does. */
static void owed(const char *call, long error)
{
	struct puppet *next = next_life_of_a_client();

	tell(next, "receive %d 300", server->ep);
	CHECK_EQ(ask(server, "%s %d 8 1000 1", call, next->ep), error);
	CHECK_EQ(hear(next), EDVSTIMEDOUT);
	goes_on(next);
}

static void test_a_reply_that_is_owed_is_not_the_next_life_s(void)
{
	owed("reply", EDVSDSTDIED);
}

static void test_a_send_that_answers_is_not_the_next_life_s(void)
{
	owed("send", EDVSDSTDIED);
}

static void test_a_sendrec_that_answers_is_not_the_next_life_s(void)
{
	owed("sendrec", EDVSDEADSRCDST);
}

/* Nor does it answer a request that the next life has made meanwhile. */
static void test_a_request_of_the_next_life_is_not_answered_by_it(void)
{
	struct puppet *next = next_life_of_a_client();

	tell(next, "sendrec %d 9 -1 2", server->ep);
	CHECK(is_blocked(next));
	CHECK_EQ(ask(server, "reply %d 8 1000 1", next->ep), EDVSDSTDIED);
	CHECK(is_silent(next, 100));
	CHECK_EQ(ask(server, "receive %d 2000", ANY), 0);
	CHECK_EQ(server->value[2], 9);
	CHECK_EQ(ask(server, "reply %d 10 2000 3", next->ep), 0);
	CHECK_EQ(hear(next), 0);
	CHECK_EQ(next->value[2], 10);
}

static long copy(struct puppet *from, struct puppet *to)
{
	return ask(server, "vcopy %d %ld %d %ld 64", from->ep, from->buffer, to->ep, to->buffer);
}

/* Data for the life that asked are not written into the next one, nor read out of it, though it waits, too. */
static void test_a_copy_for_the_client_is_not_the_next_life_s(void)
{
	struct puppet *next = next_life_of_a_client();

	CHECK_EQ(ask(server, "fill 1 64"), 0);
	CHECK_EQ(ask(next, "fill 2 64"), 0);
	tell(next, "sendrec %d 9 -1 2", server->ep);
	CHECK(is_blocked(next));
	CHECK_EQ(copy(server, next), EDVSDSTDIED);
	CHECK_EQ(copy(next, server), EDVSSRCDIED);
	CHECK_EQ(ask(server, "compare 1 64"), 0);
	/* The answer that is owed ends with that life; then the number is the present one's. */
	CHECK_EQ(ask(server, "reply %d 8 1000 1", next->ep), EDVSDSTDIED);
	CHECK_EQ(ask(server, "receive %d 2000", ANY), 0);
	CHECK_EQ(copy(next, server), 0);
	CHECK_EQ(ask(server, "compare 2 64"), 0);
	CHECK_EQ(ask(server, "reply %d 10 2000 3", next->ep), 0);
	CHECK_EQ(hear(next), 0);
	CHECK_EQ(ask(next, "compare 2 64"), 0);
}

/* The end of a life is seen although the slot has its next one before anybody can look. */
static void test_the_end_of_a_life_is_seen_in_the_next(void)
{
	struct puppet *waiter = stage_bound(0, 12);

	for (int i = 0; i < TURNS; i++) {
		struct puppet *first = stage_bound(1, 13), *next = stage_puppet(1);

		tell(waiter, "wait4bind %d %d 5000", WAIT_UNBIND, first->ep);
		CHECK(row_becomes(0, 12, ROW_FLAGS, WAITUNBIND, WAITUNBIND, 1000));
		CHECK_EQ(ask(first, "unbind %d %d -1", STAGE_DCID, first->ep), 0);
		CHECK_EQ(ask(next, "bind %d %d -1 13 -1", SELF_BIND, STAGE_DCID), 13);
		CHECK_EQ(hear(waiter), 0);
		stage_end(next);
		CHECK(is_free(0, 13));
		stage_dismiss(next);
		stage_dismiss(first);
	}
}

/* A wait for a message of an ended life ends, although the number has a life that could send one. */
static void test_a_receive_from_a_life_ends_with_it(void)
{
	struct puppet *waiter = stage_bound(0, 12);

	for (int i = 0; i < TURNS; i++) {
		struct puppet *first = stage_bound(1, 13), *next = stage_puppet(1);

		tell(waiter, "receive %d 5000", first->ep);
		CHECK(is_blocked(waiter));
		CHECK_EQ(ask(first, "unbind %d %d -1", STAGE_DCID, first->ep), 0);
		CHECK_EQ(ask(next, "bind %d %d -1 13 -1", SELF_BIND, STAGE_DCID), 13);
		CHECK_EQ(hear(waiter), EDVSSRCDIED);
		stage_end(next);
		CHECK(is_free(0, 13));
		stage_dismiss(next);
		stage_dismiss(first);
	}
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_a_reply_that_is_owed_is_not_the_next_life_s),
		STAGE_TEST(test_a_send_that_answers_is_not_the_next_life_s),
		STAGE_TEST(test_a_sendrec_that_answers_is_not_the_next_life_s),
		STAGE_TEST(test_a_request_of_the_next_life_is_not_answered_by_it),
		STAGE_TEST(test_a_copy_for_the_client_is_not_the_next_life_s),
		STAGE_TEST(test_the_end_of_a_life_is_seen_in_the_next),
		STAGE_TEST(test_a_receive_from_a_life_ends_with_it),
	};

	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
