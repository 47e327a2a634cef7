/* SPDX-License-Identifier: Apache-2.0 */
/* send, receive, sendrec, reply, rcvrqst: who waits for whom, and what arrives. */
#include "conformance/stage.h"

/* Roles: 0 calls, 1 serves, 2 is another one. */

static void test_send_to_a_receiver(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(b, "receive %d -1", a->ep);
	CHECK(is_blocked(b));
	CHECK_EQ(row(1, b->nr, ROW_GETFROM), a->ep);
	CHECK_EQ(ask(a, "send %d 7 -1 77", b->ep), 0);
	CHECK_EQ(a->value[1], a->ep);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(b->value[1], a->ep);
	CHECK_EQ(b->value[2], 7);
	CHECK_EQ(b->value[3], 77);
	CHECK_EQ(row(0, a->nr, stage_together(0, 1) ? ROW_LCLSENT : ROW_RMTSENT), 1);
	CHECK_EQ(row(1, b->nr, ROW_FLAGS), 0);
	CHECK_EQ(row(1, b->nr, ROW_GETFROM), NONE);
}

static void test_send_waits_for_the_receiver(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(a, "send %d 7 -1 1", b->ep);
	CHECK(is_silent(a, 100));
	CHECK(row(0, a->nr, ROW_FLAGS) & SENDING);
	CHECK_EQ(row(0, a->nr, ROW_SENDTO), b->ep);
	CHECK_EQ(ask(b, "receive %d 1000", ANY), 0);
	CHECK_EQ(b->value[1], a->ep);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(row(0, a->nr, ROW_FLAGS), 0);
	CHECK_EQ(row(0, a->nr, ROW_SENDTO), NONE);
}

static void test_send_that_must_not_wait(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	CHECK_EQ(ask(a, "send %d 7 0 1", b->ep), EDVSAGAIN);
	CHECK_EQ(ask(b, "receive %d 0", ANY), EDVSAGAIN);
	CHECK_EQ(ask(b, "receive %d 100", ANY), EDVSTIMEDOUT);
}

static void test_send_times_out_and_takes_its_message_back(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);
	long begin = stage_now_ms(), ms;

	CHECK_EQ(ask(a, "send %d 7 150 1", b->ep), EDVSTIMEDOUT);
	ms = stage_now_ms() - begin;
	CHECK(ms >= 140 && ms < 600);
	CHECK_EQ(ask(b, "receive %d 100", ANY), EDVSTIMEDOUT);
	CHECK_EQ(row(0, a->nr, ROW_FLAGS), 0);
	tell(a, "send %d 8 -1 2", b->ep);
	CHECK_EQ(ask(b, "receive %d 1000", ANY), 0);
	CHECK_EQ(b->value[2], 8);
	CHECK_EQ(hear(a), 0);
}

static void test_receive_times_out(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);
	long begin = stage_now_ms(), ms;

	CHECK_EQ(ask(b, "receive %d 150", a->ep), EDVSTIMEDOUT);
	ms = stage_now_ms() - begin;
	CHECK(ms >= 140 && ms < 600);
	CHECK_EQ(ask(b, "receive %d 0", a->ep), EDVSAGAIN);
	CHECK_EQ(row(1, b->nr, ROW_FLAGS), 0);
	tell(b, "receive %d 5000", a->ep);
	CHECK(is_blocked(b));
	CHECK_EQ(ask(a, "send %d 7 1000 1", b->ep), 0);
	CHECK_EQ(hear(b), 0);
}

static void test_receive_picks_its_source(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11), *c = stage_bound(2, 12);

	tell(a, "send %d 7 -1 1", b->ep);
	CHECK(is_blocked(a));
	tell(c, "send %d 8 -1 2", b->ep);
	CHECK(is_blocked(c));
	CHECK_EQ(ask(b, "receive %d 1000", c->ep), 0);
	CHECK_EQ(b->value[1], c->ep);
	CHECK_EQ(b->value[2], 8);
	CHECK_EQ(hear(c), 0);
	CHECK(is_silent(a, 50));
	CHECK_EQ(ask(b, "receive %d 1000", ANY), 0);
	CHECK_EQ(b->value[1], a->ep);
	CHECK_EQ(hear(a), 0);
}

static void test_any_takes_every_sender(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11), *c = stage_bound(2, 12);

	tell(b, "drain 400 %d %d", a->ep, c->ep);
	tell(a, "flood %d 200", b->ep);
	tell(c, "flood %d 200", b->ep);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(b->value[1], 0);
	CHECK_EQ(b->value[2], 200);
	CHECK_EQ(b->value[3], 200);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(hear(c), 0);
}

static void test_sendrec_and_reply(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(b, "receive %d -1", ANY);
	CHECK(is_blocked(b));
	tell(a, "sendrec %d 7 -1 70", b->ep);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(b->value[1], a->ep);
	CHECK_EQ(b->value[3], 70);
	CHECK(row_becomes(0, a->nr, ROW_FLAGS, SENDING | RECEIVING, RECEIVING, 1000));
	CHECK(row(0, a->nr, ROW_MISC) & MIS_ATOMIC);
	CHECK_EQ(row(0, a->nr, ROW_GETFROM), b->ep);
	CHECK(row(1, b->nr, ROW_MISC) & MIS_NOMIGRATE);
	CHECK_EQ(ask(b, "reply %d 8 -1 80", a->ep), 0);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(a->value[1], b->ep);
	CHECK_EQ(a->value[2], 8);
	CHECK_EQ(a->value[3], 80);
	CHECK(!(row(0, a->nr, ROW_MISC) & MIS_ATOMIC));
	CHECK(!(row(1, b->nr, ROW_MISC) & MIS_NOMIGRATE));
}

static void test_sendrec_answered_by_send(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(a, "sendrec %d 7 -1 70", b->ep);
	CHECK(is_blocked(a));
	CHECK_EQ(row(0, a->nr, ROW_FLAGS) & RECEIVING, RECEIVING);
	CHECK_EQ(ask(b, "receive %d 1000", a->ep), 0);
	CHECK(is_silent(a, 50));
	CHECK_EQ(ask(b, "send %d 8 1000 80", a->ep), 0);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(a->value[2], 8);
	CHECK(!(row(1, b->nr, ROW_MISC) & MIS_NOMIGRATE));
}

static void test_sendrec_not_taken_times_out(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	CHECK_EQ(ask(a, "sendrec %d 7 150 1", b->ep), EDVSTIMEDOUT);
	CHECK_EQ(ask(b, "receive %d 100", ANY), EDVSTIMEDOUT);
	CHECK_EQ(ask(a, "sendrec %d 7 0 1", b->ep), EDVSAGAIN);
	CHECK_EQ(ask(b, "receive %d 0", ANY), EDVSAGAIN);
	CHECK_EQ(row(0, a->nr, ROW_FLAGS), 0);
}

static void test_sendrec_not_answered_times_out(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(a, "sendrec %d 7 200 1", b->ep);
	CHECK_EQ(ask(b, "receive %d 1000", ANY), 0);
	CHECK_EQ(hear(a), EDVSTIMEDOUT);
	stage_sleep_ms(100); /* an answer waits for nobody, so the server's node has to know */
	CHECK_EQ(ask(b, "reply %d 8 1000 1", a->ep), EDVSPROCSTS);
	/* The late answer is not taken for the answer of a later call. */
	tell(a, "sendrec %d 9 5000 2", b->ep);
	CHECK_EQ(ask(b, "receive %d 1000", ANY), 0);
	CHECK_EQ(b->value[2], 9);
	CHECK_EQ(ask(b, "reply %d 10 1000 3", a->ep), 0);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(a->value[2], 10);
}

static void test_reply_never_waits(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	CHECK_EQ(ask(b, "reply %d 8 2000 1", a->ep), EDVSPROCSTS);
	tell(a, "receive %d -1", b->ep);
	CHECK(is_blocked(a));
	CHECK_EQ(ask(b, "reply %d 8 2000 1", a->ep), 0);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(a->value[2], 8);
}

static void test_reply_is_not_for_any(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(0, 11);

	tell(a, "receive %d 500", ANY);
	CHECK(is_blocked(a));
	CHECK_EQ(ask(b, "reply %d 8 2000 1", a->ep), EDVSPROCSTS);
	CHECK_EQ(hear(a), EDVSTIMEDOUT);
}

static void test_rcvrqst_takes_messages_only(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	CHECK_EQ(ask(a, "notify %d %d %d", SELF, b->ep, HARDWARE), 0);
	CHECK_EQ(ask(b, "rcvrqst 150"), EDVSTIMEDOUT);
	tell(a, "sendrec %d 7 -1 1", b->ep);
	CHECK_EQ(ask(b, "rcvrqst 2000"), 0);
	CHECK_EQ(b->value[1], a->ep);
	CHECK_EQ(b->value[2], 7);
	CHECK_EQ(ask(b, "reply %d 8 2000 1", a->ep), 0);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(ask(b, "rcvrqst 0"), EDVSAGAIN);
	CHECK_EQ(ask(b, "receive %d 0", ANY), 0);
	CHECK_EQ(b->value[2], NOTIFY_FROM(a->nr));
}

static void test_user_range_may_only_sendrec(void)
{
	struct puppet *user = stage_bound(0, 40), *b = stage_bound(1, 11);

	CHECK_EQ(ask(user, "send %d 7 100 1", b->ep), EDVSBADCALL);
	CHECK_EQ(ask(user, "receive %d 100", ANY), EDVSBADCALL);
	CHECK_EQ(ask(user, "rcvrqst 100"), EDVSBADCALL);
	CHECK_EQ(ask(user, "reply %d 7 100 1", b->ep), EDVSBADCALL);
	CHECK_EQ(ask(user, "notify %d %d %d", SELF, b->ep, HARDWARE), EDVSBADCALL);
	CHECK_EQ(ask(user, "vcopy %d %ld %d %ld 8", SELF, user->buffer, b->ep, b->buffer),
		 EDVSBADCALL);
	tell(user, "sendrec %d 7 5000 1", b->ep);
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
	CHECK_EQ(b->value[1], user->ep);
	CHECK_EQ(ask(b, "reply %d 8 2000 1", user->ep), 0);
	CHECK_EQ(hear(user), 0);
}

static void test_tasks_have_negative_endpoints(void)
{
	struct puppet *a = stage_bound(0, SYSTASK(9)), *b = stage_bound(1, 11);

	CHECK_EQ(_ENDPOINT_P(a->ep), SYSTASK(9));
	CHECK(a->ep < 0 || _ENDPOINT_G(a->ep) > 0);
	tell(a, "sendrec %d 7 5000 1", b->ep);
	CHECK_EQ(ask(b, "receive %d 2000", a->ep), 0);
	CHECK_EQ(b->value[1], a->ep);
	CHECK_EQ(ask(b, "reply %d 8 2000 1", a->ep), 0);
	CHECK_EQ(hear(a), 0);
}

static void test_many_calls_of_three_clients(void)
{
	struct puppet *b = stage_bound(1, 11), *client[3];

	for (int i = 0; i < 3; i++)
		client[i] = stage_bound(i, 12 + 20 * i);
	tell(b, "serve 1500");
	for (int i = 0; i < 3; i++)
		tell(client[i], "calls %d 500", b->ep);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(hear_within(client[i], 20000), 0);
		CHECK_EQ(client[i]->value[1], 0);
	}
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(b->value[1], 0);
}

static void test_three_in_a_ring(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11), *c = stage_bound(2, 12);

	tell(b, "receive %d -1", a->ep);
	tell(c, "receive %d -1", b->ep);
	CHECK(is_blocked(b) && is_blocked(c));
	tell(a, "send %d 1 -1 1", b->ep);
	CHECK_EQ(hear(b), 0);
	tell(b, "send %d 2 -1 2", c->ep);
	CHECK_EQ(hear(c), 0);
	CHECK_EQ(hear(a), 0);
	tell(c, "send %d 3 -1 3", a->ep);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(ask(a, "receive %d 2000", ANY), 0);
	CHECK_EQ(a->value[2], 3);
	CHECK_EQ(hear(c), 0);
}

static void test_two_that_send_to_each_other_are_not_stuck(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(a, "send %d 7 -1 1", b->ep);
	CHECK(is_blocked(a));
	tell(b, "send %d 8 -1 1", a->ep);
	CHECK_EQ(hear(b), EDVSLOCKED);
	CHECK(is_silent(a, 50));
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
	CHECK_EQ(b->value[2], 7);
	CHECK_EQ(hear(a), 0);
}

/* A message that a caller finds waiting from the one it calls is its answer, and its request is not sent. */
static void test_who_calls_his_caller_has_his_answer(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(a, "sendrec %d 7 -1 1", b->ep);
	CHECK(is_blocked(a));
	stage_sleep_ms(50);
	CHECK_EQ(ask(b, "sendrec %d 8 -1 1", a->ep), 0);
	CHECK_EQ(b->value[1], a->ep);
	CHECK_EQ(b->value[2], 7);
	CHECK(is_silent(a, 50));
	CHECK_EQ(ask(b, "reply %d 9 2000 1", a->ep), 0);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(a->value[2], 9);
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_send_to_a_receiver),
		STAGE_TEST(test_send_waits_for_the_receiver),
		STAGE_TEST(test_send_that_must_not_wait),
		STAGE_TEST(test_send_times_out_and_takes_its_message_back),
		STAGE_TEST(test_receive_times_out),
		STAGE_TEST(test_receive_picks_its_source),
		STAGE_TEST(test_any_takes_every_sender),
		STAGE_TEST(test_sendrec_and_reply),
		STAGE_TEST(test_sendrec_answered_by_send),
		STAGE_TEST(test_sendrec_not_taken_times_out),
		STAGE_TEST(test_sendrec_not_answered_times_out),
		STAGE_TEST(test_reply_never_waits),
		STAGE_TEST(test_reply_is_not_for_any),
		STAGE_TEST(test_rcvrqst_takes_messages_only),
		STAGE_TEST(test_user_range_may_only_sendrec),
		STAGE_TEST(test_tasks_have_negative_endpoints),
		STAGE_TEST(test_many_calls_of_three_clients),
		STAGE_TEST(test_three_in_a_ring),
		STAGE_TEST(test_two_that_send_to_each_other_are_not_stuck),
		STAGE_TEST(test_who_calls_his_caller_has_his_answer),
	};

	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
