/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_TROUBLE_TEST_H
#define DVS_GROUP_TROUBLE_TEST_H

/* Tests of engines whose machines can be cut off, or whose ring can be slow, as the rig says. For group_test.c. */

#include "group/member_test.h"

#if RIG_CUTS
/* One of three is cut off: it says so and changes nothing. It is put out when it is back, and begins anew. */
static void test_minority(void)
{
	struct member m[3];

	setup(m, 3);
	rig_cut(1u << 2);
	PUMP_UNTIL(m, 3, !m[2].quorum && m[0].leaves & m[1].leaves & 4);
	CHECK_EQ(send_one(&m[2], 1), -EAGAIN);
	CHECK_EQ(send_one(&m[0], 1), 0);
	CHECK_EQ(send_one(&m[1], 1), 0);
	rest(m, 3);
	CHECK(!m[2].lost);
	rig_cut(0);
	PUMP_UNTIL(m, 3, m[2].lost);
	CHECK_EQ(m[2].lost, -ESTALE);
	member_leave(&m[2]);
	CHECK_EQ(member_new(&m[2], 2), 0);
	PUMP_UNTIL(m, 3, m[2].joined);
	CHECK_EQ(m[2].restores, 1);
	/* A real Corosync may be without a quorum for a moment when machines come together. */
	CHECK(RIG_BLINKS || (m[0].quorum_calls == 1 && m[1].quorum_calls == 1));
	teardown(m, 3);
}

/* No two reach each other: nothing is decided, nobody is put out, and all go on when they are together again. */
static void test_all_apart(void)
{
	struct member m[3];

	setup(m, 3);
	rig_cut(7);
	PUMP_UNTIL(m, 3, !m[0].quorum && !m[1].quorum && !m[2].quorum);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(send_one(&m[i], 1), -EAGAIN);
	rest(m, 3);
	rig_cut(0);
	PUMP_UNTIL(m, 3, m[0].quorum && m[1].quorum && m[2].quorum);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(send_one(&m[i], 1), 0);
	rest(m, 3);
	CHECK(!m[0].leaves && !m[0].lost && !m[1].lost && !m[2].lost);
	teardown(m, 3);
}

/* Each sends; those that have no quorum, or are no members, do not. */
static void send_some(struct member *m, int count)
{
	for (int i = 0; i < count; i++)
		for (int k = 0; k < 20 && m[i].group && !m[i].lost; k++)
			if (send_one(&m[i], m[i].sent + 1))
				break;
}

/* Those that are put out begin anew. True: all are members, and each has sent its last command. */
static bool all_are_back(struct member *m, int count, uint64_t last)
{
	bool all = true;

	for (int i = 0; i < count; i++) {
		if (m[i].lost) {
			member_leave(&m[i]);
			CHECK_EQ(member_new(&m[i], i), 0);
		}
		if (m[i].joined && m[i].quorum && m[i].sent < last)
			send_with(&m[i], last, COMMAND_FLAG_DIED);
		all = all && m[i].quorum && m[i].sent == last;
	}
	return all;
}

/*
 * Commands are under way when a machine is cut off, and when it comes back; one that is put out begins anew. Real
 * machines see a cut, or its end, one after the other, and any of them may be put out by that.
 */
static void test_cuts_in_a_stream(void)
{
	struct member m[3];

	setup(m, 3);
	for (int round = 0; round < RIG_CUTS && !test_failures; round++) {
		int cut = round % 3;

		send_some(m, 3);
		rig_cut(1u << cut);
		PUMP_UNTIL(m, 3, !m[cut].quorum);
		send_some(m, 3);
		rig_cut(0);
		PUMP_UNTIL(m, 3,
			   all_are_back(m, 3, 1000ull * ((unsigned)round + 1)) && rests(m, 3));
		rest(m, 3);
	}
	teardown(m, 3);
}
#endif

#ifdef RIG_SLOW
/*
 * The ring takes nothing for a while. Members that go on proposing are told to come later, before much waits for them;
 * each command that was taken is decided once, in its place, when the ring goes on. A joiner waits as long.
 */
static void test_slow_ring(void)
{
	struct member m[4];
	uint64_t taken = 0;

	setup(m, 3);
	rig_slow(true);
	CHECK_EQ(member_new(&m[3], 3), 0);
	for (int64_t until = os_deadline_ns(WAIT_MS); os_now_ns() < until && !test_failures;) {
		uint64_t before = taken;

		for (int i = 0; i < 3; i++)
			while (taken < 1000000 && !send_one(&m[i], m[i].sent + 1))
				taken++;
		/* Their deputies have read what they take. */
		pump(m, 4, 100);
		if (taken == before)
			break;
	}
	printf("%llu commands are taken\n", (unsigned long long)taken);
	CHECK(taken > 300 && taken < 30000);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(send_one(&m[i], m[i].sent + 1), -EAGAIN);
	CHECK_EQ(m[0].last_request, 0);
	CHECK(m[0].quorum && !m[3].joined);
	rig_slow(false);
	PUMP_UNTIL(m, 4, m[3].joined && rests(m, 4));
	for (int i = 0; i < 3; i++)
		CHECK_EQ(m[i].last_request, m[i].sent);
	CHECK(!m[0].leaves && m[0].quorum_calls == 1);
	teardown(m, 4);
}
#endif

#endif
