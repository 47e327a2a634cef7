/* SPDX-License-Identifier: Apache-2.0 */
/* vcopy: bytes between address spaces, for the caller or between two others. */
#include "conformance/stage.h"

#include <signal.h>

#define BEYOND_MEMORY 8 /* an address where no process has anything */

/* Blocks client in a sendrec that server has taken. */
static void engage(struct puppet *client, struct puppet *server)
{
	tell(client, "sendrec %d 7 20000 1", server->ep);
	CHECK_EQ(ask(server, "receive %d 5000", client->ep), 0);
	CHECK(row_becomes(0, client->nr, ROW_FLAGS, SENDING, 0, 1000));
}

static void release(struct puppet *client, struct puppet *server)
{
	CHECK_EQ(ask(server, "reply %d 8 2000 1", client->ep), 0);
	CHECK_EQ(hear(client), 0);
}

static void copy_in(int bytes)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11);

	CHECK_EQ(ask(b, "fill 5 %d", bytes), 0);
	CHECK_EQ(ask(a, "fill 1 0"), 0);
	engage(b, a);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", b->ep, b->buffer, SELF, a->buffer, bytes), 0);
	CHECK_EQ(ask(a, "compare 5 %d", bytes), 0);
	CHECK_EQ(a->value[1], 0);
	release(b, a);
}

static void copy_out(int bytes)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11);

	CHECK_EQ(ask(a, "fill 6 %d", bytes), 0);
	CHECK_EQ(ask(b, "fill 1 0"), 0);
	engage(b, a);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", SELF, a->buffer, b->ep, b->buffer, bytes), 0);
	release(b, a);
	CHECK_EQ(ask(b, "compare 6 %d", bytes), 0);
	CHECK_EQ(b->value[1], 0);
}

static void test_copy_in(void)
{
	copy_in(1000);
}

static void test_copy_in_one_byte(void)
{
	copy_in(1);
}

static void test_copy_in_many_blocks(void)
{
	copy_in(MAXCOPYBUF * 3 + 1);
}

static void test_copy_in_the_most(void)
{
	copy_in(MAXCOPYLEN);
}

static void test_copy_out(void)
{
	copy_out(1000);
}

static void test_copy_out_many_blocks(void)
{
	copy_out(MAXCOPYBUF + 1);
}

static void test_copy_out_the_most(void)
{
	copy_out(MAXCOPYLEN);
}

static void test_copy_between_two_others(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11), *c = stage_bound(2, 12);
	int bytes = MAXCOPYBUF + 77;

	CHECK_EQ(ask(b, "fill 9 %d", bytes), 0);
	CHECK_EQ(ask(c, "fill 1 0"), 0);
	engage(b, a);
	engage(c, a);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", b->ep, b->buffer, c->ep, c->buffer, bytes), 0);
	release(b, a);
	release(c, a);
	CHECK_EQ(ask(c, "compare 9 %d", bytes), 0);
	CHECK_EQ(c->value[1], 0);
}

/*
 * The asker is killed at some moment of its copy: the two others hear of that as of any death of their server, keep
 * nothing of the copy, and the next process of the slot may copy between them.
 */
static void test_the_asker_between_two_others_dies(void)
{
	struct puppet *b = stage_bound(0, 11), *c = stage_bound(2, 12), *a;

	CHECK_EQ(ask(b, "fill 9 %d", MAXCOPYLEN), 0);
	for (unsigned us = 0; us < 16000; us = 2 * us + 200) {
		a = stage_bound(1, 10);
		engage(b, a);
		engage(c, a);
		tell(a, "vcopy %d %ld %d %ld %d", b->ep, b->buffer, c->ep, c->buffer, MAXCOPYLEN);
		stage_sleep_us(us);
		stage_kill(a, SIGKILL);
		CHECK_EQ(hear_within(b, 3000), EDVSSRCDIED);
		CHECK_EQ(hear_within(c, 3000), EDVSSRCDIED);
		CHECK(row_becomes(0, 10, ROW_FLAGS, ~0L, SLOT_FREE, 2000));
		CHECK(row_becomes(0, 11, ROW_FLAGS, ONCOPY, 0, 2000));
		stage_dismiss(a);
	}
	a = stage_bound(1, 10);
	CHECK_EQ(ask(c, "fill 1 0"), 0);
	engage(b, a);
	engage(c, a);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", b->ep, b->buffer, c->ep, c->buffer, MAXCOPYLEN),
		 0);
	release(b, a);
	release(c, a);
	CHECK_EQ(ask(c, "compare 9 %d", MAXCOPYLEN), 0);
	CHECK_EQ(c->value[1], 0);
}

static void test_a_user_process_may_be_party(void)
{
	struct puppet *a = stage_bound(1, 10), *user = stage_bound(0, 40);

	CHECK_EQ(ask(user, "fill 3 500"), 0);
	engage(user, a);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 500", user->ep, user->buffer, SELF, a->buffer), 0);
	CHECK_EQ(ask(a, "compare 3 500"), 0);
	release(user, a);
}

static void test_a_copy_of_nothing(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11);

	engage(b, a);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 0", b->ep, b->buffer, SELF, a->buffer), 0);
	release(b, a);
}

static void test_the_other_must_be_blocked(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(0, 11);

	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", b->ep, b->buffer, SELF, a->buffer), EDVSPROCSTS);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", SELF, a->buffer, b->ep, b->buffer), EDVSPROCSTS);
	/* In a plain send it is not waiting for anything that a copy could be part of. */
	tell(b, "send %d 7 5000 1", a->ep);
	CHECK(is_blocked(b));
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", b->ep, b->buffer, SELF, a->buffer), EDVSPROCSTS);
	CHECK_EQ(ask(a, "receive %d 1000", b->ep), 0);
	CHECK_EQ(hear(b), 0);
	/* In a sendrec it is, also while its request is not taken; and in a receive from anybody. */
	tell(b, "sendrec %d 7 5000 1", a->ep);
	CHECK(is_blocked(b));
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", b->ep, b->buffer, SELF, a->buffer), 0);
	CHECK_EQ(ask(a, "receive %d 1000", b->ep), 0);
	release(b, a);
	tell(b, "receive %d 5000", ANY);
	CHECK(is_blocked(b));
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", b->ep, b->buffer, SELF, a->buffer), 0);
	CHECK_EQ(ask(a, "send %d 7 1000 1", b->ep), 0);
	CHECK_EQ(hear(b), 0);
}

/* A copy with a party that moves waits for the end of the move; who waits so is not to be unbound. */
static void test_with_a_party_that_moves(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11), *c = stage_bound(1, 12);

	if (stage_together(0, 1))
		return;
	engage(b, a);
	CHECK_EQ(ask(c, "migrate %d -1 %d %d -1", MIGR_START, STAGE_DCID, b->ep), 0);
	tell(a, "vcopy %d %ld %d %ld 8", b->ep, b->buffer, SELF, a->buffer);
	CHECK(row_becomes(1, 10, ROW_FLAGS, ONCOPY, ONCOPY, 1000));
	CHECK_EQ(ask(c, "unbind %d %d 100", STAGE_DCID, a->ep), EDVSONCOPY);
	CHECK(is_silent(a, 100));
	CHECK_EQ(ask(c, "migrate %d -1 %d %d -1", MIGR_ROLLBACK, STAGE_DCID, b->ep), 0);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(row(1, 10, ROW_FLAGS), 0);
	release(b, a);
}

static void test_argument_errors(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11);
	int nobody = (int)row(0, STAGE_FREE_SERVER, ROW_ENDPOINT);
	int other = b->ep + 5 * _ENDPOINT_GENERATION_SIZE;

	engage(b, a);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld -1", b->ep, b->buffer, SELF, a->buffer), EDVSRANGE);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", b->ep, b->buffer, SELF, a->buffer,
		     MAXCOPYLEN + 1),
		 EDVSRANGE);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", SELF, a->buffer, a->ep, a->buffer), EDVSENDPOINT);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", ANY, a->buffer, SELF, a->buffer), EDVSENDPOINT);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", HARDWARE, b->buffer, SELF, a->buffer),
		 EDVSBADDEST);
	CHECK_EQ(ask(a, "vcopy 300 %ld %d %ld 8", b->buffer, SELF, a->buffer), EDVSRANGE);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", nobody, b->buffer, SELF, a->buffer), EDVSSRCDIED);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", SELF, a->buffer, nobody, b->buffer), EDVSDSTDIED);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", other, b->buffer, SELF, a->buffer), EDVSENDPOINT);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", SELF, a->buffer, other, b->buffer), EDVSENDPOINT);
	release(b, a);
}

static void test_bad_addresses(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11);

	engage(b, a);
	CHECK_EQ(ask(a, "vcopy %d %d %d %ld 64", b->ep, BEYOND_MEMORY, SELF, a->buffer), EDVSFAULT);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %d 64", SELF, a->buffer, b->ep, BEYOND_MEMORY), EDVSFAULT);
	CHECK_EQ(ask(a, "vcopy %d %d %d %ld 64", SELF, BEYOND_MEMORY, b->ep, b->buffer), EDVSFAULT);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %d 64", b->ep, b->buffer, SELF, BEYOND_MEMORY), EDVSFAULT);
	release(b, a);
}

/* The same for copies of many parts; a process that stands still is copied to and from afterwards. */
static void test_bad_addresses_of_much(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11), *c = stage_bound(2, 12);

	engage(b, a);
	engage(c, a);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(ask(a, "vcopy %d %d %d %ld %d", b->ep, BEYOND_MEMORY, SELF, a->buffer,
			     MAXCOPYLEN),
			 EDVSFAULT);
		CHECK_EQ(ask(a, "vcopy %d %ld %d %d %d", SELF, a->buffer, b->ep, BEYOND_MEMORY,
			     MAXCOPYLEN),
			 EDVSFAULT);
		CHECK_EQ(ask(a, "vcopy %d %ld %d %d %d", b->ep, b->buffer, c->ep, BEYOND_MEMORY,
			     MAXCOPYLEN),
			 EDVSFAULT);
		CHECK_EQ(ask(a, "vcopy %d %d %d %ld %d", b->ep, BEYOND_MEMORY, c->ep, c->buffer,
			     MAXCOPYLEN),
			 EDVSFAULT);
		CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", b->ep, b->buffer, c->ep, c->buffer,
			     MAXCOPYLEN),
			 0);
	}
	release(b, a);
	release(c, a);
}

/* Nothing is reported of a copy of which only a part was possible. */
static void test_half_beyond_the_end(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11);
	long own = (ask(a, "edge"), a->value[1]), own_ro = a->value[2];
	long other = (ask(b, "edge"), b->value[1]), other_ro = b->value[2];

	engage(b, a);
	for (int half = 32; half <= 4096; half *= 128) {
		long of_own = own + 4096 - half, of_other = other + 4096 - half;

		CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", b->ep, of_other, SELF, a->buffer, half),
			 0);
		CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", b->ep, of_other, SELF, a->buffer,
			     2 * half),
			 EDVSFAULT);
		CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", b->ep, b->buffer, SELF, of_own, 2 * half),
			 EDVSFAULT);
		CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", SELF, of_own, b->ep, b->buffer, 2 * half),
			 EDVSFAULT);
		CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", SELF, a->buffer, b->ep, of_other,
			     2 * half),
			 EDVSFAULT);
	}
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 64", b->ep, other_ro, SELF, a->buffer), 0);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 64", SELF, a->buffer, b->ep, other_ro), EDVSFAULT);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 64", b->ep, b->buffer, SELF, own_ro), EDVSFAULT);
	release(b, a);
}

static void test_what_is_wrong_with_either_of_two_others(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11), *c = stage_bound(2, 12);
	long edge = (ask(c, "edge"), c->value[1]) + 4096 - 32;

	engage(b, a);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 64", b->ep, b->buffer, c->ep, c->buffer), EDVSPROCSTS);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 64", c->ep, c->buffer, b->ep, b->buffer), EDVSPROCSTS);
	engage(c, a);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 64", b->ep, b->buffer, c->ep, edge), EDVSFAULT);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 64", c->ep, edge, b->ep, b->buffer), EDVSFAULT);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", b->ep, b->buffer, c->ep, c->buffer, MAXCOPYLEN),
		 0);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 0", b->ep, b->buffer, c->ep, c->buffer), 0);
	release(b, a);
	release(c, a);
}

/* One of the user range may not ask for a copy, whatever calls it is given. */
static void test_who_may_ask_for_a_copy(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11), *user = stage_bound(2, 40);
	int tasks = (ask(a, "dcinfo %d", STAGE_DCID), (int)a->value[5]);
	long all = -1, without_b = ~(1L << (b->nr + tasks)), without_copy = ~(1L << DVK_VCOPY);

	CHECK_EQ(ask(user, "vcopy %d %ld %d %ld 8", SELF, user->buffer, a->ep, a->buffer),
		 EDVSBADCALL);
	CHECK_EQ(ask(user, "vcopy %d %ld %d %ld 8", ANY, user->buffer, a->ep, a->buffer),
		 EDVSENDPOINT);
	CHECK_EQ(ask(a, "setpriv %d %d 0 0 %ld %ld", STAGE_DCID, user->ep, all, all), 0);
	CHECK_EQ(ask(user, "vcopy %d %ld %d %ld 8", SELF, user->buffer, a->ep, a->buffer),
		 EDVSTRAPDENIED);
	engage(b, a);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", b->ep, b->buffer, SELF, a->buffer), 0);
	CHECK_EQ(ask(user, "setpriv %d %d 0 0 %ld %ld", STAGE_DCID, a->ep, all, without_b), 0);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", b->ep, b->buffer, SELF, a->buffer),
		 EDVSTRAPDENIED);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", user->ep, b->buffer, b->ep, a->buffer),
		 EDVSTRAPDENIED);
	CHECK_EQ(ask(user, "setpriv %d %d 0 0 %ld %ld", STAGE_DCID, a->ep, without_copy, all), 0);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", b->ep, b->buffer, SELF, a->buffer), EDVSBADCALL);
}

#define SOMEBODY 4711 /* a user without rights */

/* Of few and of many parts, in both directions. */
static void copies_give(struct puppet *a, const struct puppet *other, int want)
{
	for (int bytes = 64; bytes <= MAXCOPYLEN; bytes += MAXCOPYLEN - 64) {
		CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", other->ep, other->buffer, SELF, a->buffer,
			     bytes),
			 want);
		CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", SELF, a->buffer, other->ep, other->buffer,
			     bytes),
			 want);
	}
}

static void test_rights_that_were_given_up(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11);

	CHECK_EQ(ask(a, "fill 1 %d", MAXCOPYLEN), 0);
	CHECK_EQ(ask(b, "fill 2 %d", MAXCOPYLEN), 0);
	engage(b, a);
	copies_give(a, b, 0);
	CHECK_EQ(ask(a, "fill 1 %d", MAXCOPYLEN), 0);
	CHECK_EQ(ask(a, "setuid %d 1", SOMEBODY), 0);
	copies_give(a, b, EDVSPERM);
	CHECK_EQ(ask(a, "compare 1 %d", MAXCOPYLEN), 0);
	CHECK_EQ(a->value[1], 0);
	release(b, a);
	CHECK_EQ(ask(b, "compare 2 %d", MAXCOPYLEN), 0);
	CHECK_EQ(b->value[1], 0);
}

static void test_rights_given_up_by_all(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11), *c = stage_bound(2, 12);

	CHECK_EQ(ask(a, "setuid %d 0", SOMEBODY), 0);
	CHECK_EQ(ask(b, "setuid %d 1", SOMEBODY), 0);
	CHECK_EQ(ask(c, "setuid %d 0", SOMEBODY), 0);
	engage(b, a);
	engage(c, a);
	copies_give(a, b, 0);
	/* Secrets of root may still be in its memory. */
	copies_give(a, c, EDVSPERM);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 64", b->ep, b->buffer, c->ep, c->buffer), EDVSPERM);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 64", c->ep, c->buffer, b->ep, b->buffer), EDVSPERM);
	release(b, a);
	release(c, a);
}

static void test_rights_given_up_between_two_others(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11), *c = stage_bound(2, 12);

	engage(b, a);
	engage(c, a);
	CHECK_EQ(ask(a, "setuid %d 1", SOMEBODY), 0);
	for (int bytes = 64; bytes <= MAXCOPYLEN; bytes += MAXCOPYLEN - 64)
		CHECK_EQ(ask(a, "vcopy %d %ld %d %ld %d", b->ep, b->buffer, c->ep, c->buffer,
			     bytes),
			 EDVSPERM);
	release(b, a);
	release(c, a);
}

/* Root may read what others have, and they need not let it. */
static void test_root_copies_with_anybody(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11);

	CHECK_EQ(ask(b, "setuid %d 0", SOMEBODY), 0);
	engage(b, a);
	copies_give(a, b, 0);
	release(b, a);
}

static void test_copies_are_counted_at_their_source(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11);

	engage(b, a);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 64", SELF, a->buffer, b->ep, b->buffer), 0);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 64", b->ep, b->buffer, SELF, a->buffer), 0);
	CHECK_EQ(row(1, a->nr, ROW_COPIES), 3);
	release(b, a);
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_copy_in),
		STAGE_TEST(test_copy_in_one_byte),
		STAGE_TEST(test_copy_in_many_blocks),
		STAGE_TEST(test_copy_in_the_most),
		STAGE_TEST(test_copy_out),
		STAGE_TEST(test_copy_out_many_blocks),
		STAGE_TEST(test_copy_out_the_most),
		STAGE_TEST(test_copy_between_two_others),
		STAGE_TEST(test_the_asker_between_two_others_dies),
		STAGE_TEST(test_a_user_process_may_be_party),
		STAGE_TEST(test_a_copy_of_nothing),
		STAGE_TEST(test_the_other_must_be_blocked),
		STAGE_TEST(test_with_a_party_that_moves),
		STAGE_TEST(test_argument_errors),
		STAGE_TEST(test_bad_addresses),
		STAGE_TEST(test_bad_addresses_of_much),
		STAGE_TEST(test_half_beyond_the_end),
		STAGE_TEST(test_what_is_wrong_with_either_of_two_others),
		STAGE_TEST(test_who_may_ask_for_a_copy),
		STAGE_TEST(test_rights_that_were_given_up),
		STAGE_TEST(test_rights_given_up_by_all),
		STAGE_TEST(test_rights_given_up_between_two_others),
		STAGE_TEST(test_root_copies_with_anybody),
		STAGE_TEST(test_copies_are_counted_at_their_source),
	};

	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
