/* SPDX-License-Identifier: Apache-2.0 */
/* Privileges: who may call what, and whom; and that taking a right away is noticed at once. */
#include "conformance/stage.h"

static int nr_tasks;

/* Gives p exactly these calls and destinations, by somebody else. */
static void give(struct puppet *by, struct puppet *p, long calls, long targets)
{
	CHECK_EQ(ask(by, "setpriv %d %d %d 0 %ld %ld", STAGE_DCID, p->ep, USER_PRIV, calls,
		     targets),
		 0);
}

static long without_slot(int nr)
{
	return ~(1L << (nr + nr_tasks));
}

static void learn(struct puppet *p)
{
	CHECK_EQ(ask(p, "dcinfo %d", STAGE_DCID), 0);
	nr_tasks = (int)p->value[5];
}

/* They have talked, so the channel is open. */
static void acquaint(struct puppet *a, struct puppet *b)
{
	tell(b, "serve 2");
	CHECK_EQ(ask(a, "calls %d 2", b->ep), 0);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(ask(a, "notify %d %d 0", SELF, b->ep), 0);
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
}

static void test_a_destination_taken_away_from_an_open_channel(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	learn(a);
	acquaint(a, b);
	give(b, a, -1, without_slot(b->nr));
	CHECK_EQ(ask(a, "send %d 7 100 1", b->ep), EDVSTRAPDENIED);
	CHECK_EQ(ask(a, "sendrec %d 7 100 1", b->ep), EDVSTRAPDENIED);
	CHECK_EQ(ask(a, "notify %d %d 0", SELF, b->ep), EDVSTRAPDENIED);
	CHECK_EQ(ask(a, "reply %d 7 100 1", b->ep), EDVSTRAPDENIED);
	/* To hear from it needs no right. */
	tell(a, "receive %d 5000", b->ep);
	CHECK(is_blocked(a));
	CHECK_EQ(ask(b, "send %d 7 1000 1", a->ep), 0);
	CHECK_EQ(hear(a), 0);
	give(b, a, -1, -1);
	acquaint(a, b);
}

/* As in a line: core/line.h. */
enum {
	FORGE_NOTE,
	FORGE_SEND,
	FORGE_SENDREC,
	FORGE_REPLY,
	FORGE_UNKNOWN = 7,
	STATE_WITHDRAWN = 5
};

/* Writes it into the line while b waits so; nobody takes it. */
static void forge_in_vain(struct puppet *a, struct puppet *b, int op)
{
	CHECK_EQ(ask(a, "forge %d %d %d", STAGE_DCID, b->ep, op), 0);
	if (op == FORGE_NOTE)
		CHECK_EQ(a->value[2], 0);
	else
		CHECK_EQ(a->value[1], STATE_WITHDRAWN);
	CHECK_EQ(hear(b), EDVSTIMEDOUT);
}

static void test_what_is_written_without_the_right_to_send(void)
{
	static const int ops[] = { FORGE_SEND, FORGE_SENDREC, FORGE_REPLY, FORGE_UNKNOWN };
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	learn(a);
	acquaint(a, b);
	give(b, a, -1, without_slot(b->nr));
	for (int i = 0; i < 4; i++) {
		tell(b, "receive %d 600", ANY);
		forge_in_vain(a, b, ops[i]);
		tell(b, "receive %d 600", a->ep);
		forge_in_vain(a, b, ops[i]);
		/* A message of a peer that is called counts as its answer; this one does not. */
		tell(b, "sendrec %d 7 600 1", a->ep);
		forge_in_vain(a, b, ops[i]);
	}
	tell(b, "receive %d 600", ANY);
	forge_in_vain(a, b, FORGE_NOTE);
	give(b, a, -1, -1);
	acquaint(a, b);
}

/* It waits in the line, and b looks later. */
static void test_what_was_written_before_anybody_looks(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	learn(a);
	acquaint(a, b);
	give(b, a, -1, without_slot(b->nr));
	CHECK_EQ(ask(a, "forge %d %d %d", STAGE_DCID, b->ep, FORGE_SEND), 0);
	CHECK_EQ(ask(a, "forge %d %d %d", STAGE_DCID, b->ep, FORGE_NOTE), 0);
	CHECK_EQ(ask(b, "receive %d 0", ANY), EDVSAGAIN);
	CHECK_EQ(ask(b, "rcvrqst 100"), EDVSTIMEDOUT);
}

static void test_what_is_written_without_the_call(void)
{
	static const struct {
		int op, call;
	} needs[] = { { FORGE_SEND, DVK_SEND },
		      { FORGE_SENDREC, DVK_SENDREC },
		      { FORGE_REPLY, DVK_REPLY },
		      { FORGE_NOTE, DVK_NOTIFY } };
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	learn(a);
	acquaint(a, b);
	for (int i = 0; i < 4; i++) {
		give(b, a, ~(1L << needs[i].call), -1);
		tell(b, "receive %d 600", a->ep);
		forge_in_vain(a, b, needs[i].op);
	}
	/* To answer is no right of its own. */
	give(b, a, ~(1L << DVK_SENDREC), -1);
	tell(a, "serve 1");
	CHECK_EQ(ask(b, "calls %d 1", a->ep), 0);
	CHECK_EQ(hear(a), 0);
}

/* Its message waits, and the right goes. */
static void test_a_sender_whose_right_goes_while_it_waits(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	learn(a);
	acquaint(a, b);
	tell(a, "send %d 7 5000 1", b->ep);
	CHECK(is_blocked(a));
	give(b, a, -1, without_slot(b->nr));
	CHECK_EQ(hear(a), EDVSTRAPDENIED); /* its message has been asked back by then */
	CHECK_EQ(ask(b, "receive %d 100", ANY), EDVSTIMEDOUT);
	give(b, a, -1, -1);
	tell(a, "sendrec %d 7 5000 1", b->ep);
	CHECK(is_blocked(a));
	give(b, a, -1, without_slot(b->nr));
	CHECK_EQ(hear(a), EDVSTRAPDENIED); /* its message has been asked back by then */
	CHECK_EQ(ask(b, "receive %d 100", ANY), EDVSTIMEDOUT);
	give(b, a, -1, -1);
	acquaint(a, b);
}

static void test_every_call_taken_away(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	learn(a);
	acquaint(a, b);
	give(b, a, 0, -1);
	CHECK_EQ(ask(a, "send %d 7 100 1", b->ep), EDVSBADCALL);
	CHECK_EQ(ask(a, "receive %d 100", ANY), EDVSBADCALL);
	CHECK_EQ(ask(a, "sendrec %d 7 100 1", b->ep), EDVSBADCALL);
	CHECK_EQ(ask(a, "reply %d 7 100 1", b->ep), EDVSBADCALL);
	CHECK_EQ(ask(a, "rcvrqst 100"), EDVSBADCALL);
	CHECK_EQ(ask(a, "notify %d %d 0", SELF, b->ep), EDVSBADCALL);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", SELF, a->buffer, b->ep, b->buffer), EDVSBADCALL);
	CHECK_EQ(ask(a, "proxy"), EDVSBADCALL);
	CHECK_EQ(a->value[1], EDVSBADCALL);
	/* These bits exist and are not tested. */
	CHECK_EQ(ask(a, "getep 0"), a->ep);
	CHECK_EQ(ask(a, "wait4bind %d %d 0", WAIT_BIND, b->ep), b->ep);
	CHECK_EQ(ask(a, "unbind %d %d 0", STAGE_DCID, a->ep), 0);
}

static void test_what_the_user_range_may_call(void)
{
	struct puppet *user = stage_bound(0, 40), *b = stage_bound(1, 11);

	CHECK_EQ(ask(user, "send %d 7 100 1", b->ep), EDVSBADCALL);
	CHECK_EQ(ask(user, "receive %d 100", ANY), EDVSBADCALL);
	CHECK_EQ(ask(user, "reply %d 7 100 1", b->ep), EDVSBADCALL);
	CHECK_EQ(ask(user, "rcvrqst 100"), EDVSBADCALL);
	CHECK_EQ(ask(user, "notify %d %d 0", SELF, b->ep), EDVSBADCALL);
	give(b, user, -1, -1);
	CHECK_EQ(ask(user, "receive %d 0", ANY), EDVSAGAIN);
	/* Some are for system processes, whatever is allowed. */
	CHECK_EQ(ask(user, "reply %d 7 100 1", b->ep), EDVSTRAPDENIED);
	CHECK_EQ(ask(user, "rcvrqst 100"), EDVSTRAPDENIED);
	tell(b, "serve 3");
	CHECK_EQ(ask(user, "calls %d 3", b->ep), 0);
	CHECK_EQ(hear(b), 0);
}

/* Destinations in the user range are never checked: two of it may talk if they have the calls. */
static void test_two_of_the_user_range(void)
{
	struct puppet *user = stage_bound(0, 40), *other = stage_bound(1, 41),
		      *b = stage_bound(1, 11);

	give(b, user, -1, 0);
	give(b, other, -1, 0);
	tell(other, "receive %d 5000", user->ep);
	CHECK(is_blocked(other));
	CHECK_EQ(ask(user, "send %d 7 2000 1", other->ep), 0);
	CHECK_EQ(hear(other), 0);
	CHECK_EQ(ask(user, "send %d 7 100 1", b->ep), EDVSTRAPDENIED);
}

/* The right comes before the question whether anybody is there. */
static void test_a_denied_slot_is_denied_while_it_is_free(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);
	int nobody = (int)row(0, STAGE_FREE_SERVER, ROW_ENDPOINT);

	learn(a);
	give(b, a, -1, without_slot(STAGE_FREE_SERVER));
	CHECK_EQ(ask(a, "send %d 7 100 1", nobody), EDVSTRAPDENIED);
	CHECK_EQ(ask(a, "sendrec %d 7 100 1", nobody), EDVSTRAPDENIED);
	CHECK_EQ(ask(a, "notify %d %d 0", SELF, nobody), EDVSTRAPDENIED);
	CHECK_EQ(ask(a, "receive %d 100", nobody), EDVSSRCDIED);
}

static void test_rights_end_with_the_binding(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	give(b, a, 0, 0);
	CHECK_EQ(ask(a, "unbind %d %d 0", STAGE_DCID, a->ep), 0);
	a->ep = (int)ask(a, "bind %d %d -1 10 -1", SELF_BIND, STAGE_DCID);
	CHECK_EQ(ask(b, "getpriv %d %d", STAGE_DCID, a->ep), 0);
	CHECK_EQ(b->value[5], -1);
	CHECK_EQ(ask(a, "send %d 7 100 1", b->ep), EDVSTIMEDOUT);
}

/* Other mistakes are not even looked at. */
static void test_a_stranger_may_nothing(void)
{
	struct puppet *stranger = stage_puppet(0), *a = stage_bound(1, 10);

	CHECK_EQ(ask(stranger, "setuid 4711"), 0);
	CHECK_EQ(ask(stranger, "bind %d %d -1 11 -1", SELF_BIND, STAGE_DCID), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "bind 9 %d 1 500 77", STAGE_DCID), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "unbind %d %d 0", STAGE_DCID, a->ep), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "wakeup %d 300", STAGE_DCID), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "notify %d 300 %d", HARDWARE, STAGE_DCID), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "getpriv %d 300", STAGE_DCID), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "setpriv %d 300 0 0 -1 -1", STAGE_DCID), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "migrate 7 -1 %d 300 99", STAGE_DCID), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "dcinit 99 0 0 0 0"), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "dcend 99"), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "addnode 99 99"), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "delnode 99 99"), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "procinfo %d 10", STAGE_DCID), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "dcinfo %d", STAGE_DCID), EDVSPRIVILEGES);
	CHECK_EQ(ask(stranger, "nodeinfo 0"), 0);
	CHECK_EQ(ask(a, "getep 0"), a->ep);
}

static void test_levels_and_whom_to_warn(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	learn(a);
	for (int level = USER_PRIV; level <= PROXY_PRIV; level++) {
		CHECK_EQ(ask(a, "setpriv %d %d %d %d -1 -1", STAGE_DCID, b->ep, level, -nr_tasks),
			 0);
		CHECK_EQ(ask(a, "getpriv %d %d", STAGE_DCID, b->ep), 0);
		CHECK_EQ(a->value[2], level);
		CHECK_EQ(a->value[3], -nr_tasks);
	}
	CHECK_EQ(ask(a, "setpriv %d %d -1 0 -1 -1", STAGE_DCID, b->ep), EDVSBADVALUE);
	CHECK_EQ(ask(a, "setpriv %d %d 0 %d -1 -1", STAGE_DCID, b->ep, -nr_tasks - 1), EDVSBADPROC);
	CHECK_EQ(ask(a, "setpriv %d %d 0 %d -1 -1", STAGE_DCID, b->ep, NR_SYS_PROCS), EDVSBADPROC);
	/* The fields of a new row may be written back. */
	CHECK_EQ(ask(a, "setpriv %d %d 0 %d -1 -1", STAGE_DCID, b->ep, NONE), 0);
	CHECK_EQ(ask(a, "getpriv %d %d", STAGE_DCID, b->ep), 0);
	CHECK_EQ(a->value[3], NONE);
	CHECK_EQ(ask(a, "setpriv %d %d 0 0 -1 -1", STAGE_DCID, STAGE_FREE_SERVER), EDVSDSTDIED);
	CHECK_EQ(ask(a, "setpriv %d 300 0 0 -1 -1", STAGE_DCID), EDVSBADPROC);
	CHECK_EQ(ask(a, "setpriv 30 11 0 0 -1 -1"), EDVSDCNOTRUN);
	CHECK_EQ(ask(a, "setpriv 99 11 0 0 -1 -1"), EDVSBADDCID);
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_a_destination_taken_away_from_an_open_channel),
		STAGE_TEST(test_what_is_written_without_the_right_to_send),
		STAGE_TEST(test_what_was_written_before_anybody_looks),
		STAGE_TEST(test_what_is_written_without_the_call),
		STAGE_TEST(test_a_sender_whose_right_goes_while_it_waits),
		STAGE_TEST(test_every_call_taken_away),
		STAGE_TEST(test_what_the_user_range_may_call),
		STAGE_TEST(test_two_of_the_user_range),
		STAGE_TEST(test_a_denied_slot_is_denied_while_it_is_free),
		STAGE_TEST(test_rights_end_with_the_binding),
		STAGE_TEST(test_a_stranger_may_nothing),
		STAGE_TEST(test_levels_and_whom_to_warn),
	};

	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
