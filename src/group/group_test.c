// SPDX-License-Identifier: Apache-2.0
/* The tests that every engine has to pass: through group/group.h only, on the rig that the build names. */
#include <fcntl.h>

#include GROUP_RIG
#include "group/member_test.h"
#include "group/trouble_test.h"

static void test_bad_arguments(void)
{
	struct group_callbacks call = {
		on_restore, on_deliver, on_snapshot, on_quorum, NULL, NULL
	};
	struct group *group = NULL;

	CHECK_EQ(group_new(&group, "paper", 0, ADDRESS_NONE, "n", &call), -EINVAL);
	CHECK_EQ(group_new(&group, rig_spec(0), -1, ADDRESS_NONE, "n", &call), -EINVAL);
	CHECK_EQ(group_new(&group, rig_spec(0), NR_NODES, ADDRESS_NONE, "n", &call), -EINVAL);
	CHECK(group == NULL);
	CHECK(group_free(NULL) == NULL);
}

static void test_first_member_starts_empty(void)
{
	struct member m[1];

	rig_start();
	CHECK_EQ(member_new(&m[0], 3), 0);
	CHECK(!m[0].quorum);
	CHECK_EQ(send_one(&m[0], 1), -EAGAIN); /* not a member yet */
	PUMP_UNTIL(m, 1, m[0].joined);
	CHECK_EQ(m[0].restores, 0);
	CHECK_EQ(m[0].order, 1);
	CHECK_EQ(m[0].quorum_calls, 1);
	CHECK_EQ(send_one(&m[0], 1), 0);
	PUMP_UNTIL(m, 1, m[0].order == 2);
	teardown(m, 1);
}

static void test_all_see_one_order(void)
{
	struct member m[3];
	uint64_t first;

	setup(m, 3);
	first = m[0].order;
	for (uint64_t i = 1; i <= 200; i++) {
		for (int k = 0; k < 3; k++)
			CHECK_EQ(send_one(&m[k], i), 0);
		if (i % 3 == 0)
			pump(m, 3, 0);
	}
	PUMP_UNTIL(m, 3,
		   m[0].order == first + 600 && m[1].order == first + 600 &&
			   m[2].order == first + 600);
	CHECK(same(&m[0], &m[1]));
	CHECK(same(&m[0], &m[2]));
	for (int k = 0; k < 3; k++)
		CHECK_EQ(m[k].last_request, 200);
	CHECK_EQ(m[2].restores, 1);
	teardown(m, 3);
}

static void test_join_in_a_stream(void)
{
	struct member m[3];
	uint64_t request = 0;

	setup(m, 2);
	m[0].pad_bytes = m[1].pad_bytes =
		300000; /* more than one read, and than the socket holds */
	m[2] = (struct member){ 0 };
	for (; request < 300; request++) {
		CHECK_EQ(send_one(&m[0], request + 1), 0);
		if (request == 100)
			CHECK_EQ(member_new(&m[2], 2), 0);
		pump(m, 3, 0);
	}
	PUMP_UNTIL(m, 3,
		   m[2].joined && m[0].last_request == request && same(&m[0], &m[1]) &&
			   same(&m[0], &m[2]));
	CHECK_EQ(m[2].restores, 1);
	CHECK_EQ(m[0].snapshots + m[1].snapshots, 2); /* for m[1] in setup, and for m[2] */
	teardown(m, 3);
}

static void test_second_of_a_node_is_refused(void)
{
	struct member m[2], again;

	setup(m, 2);
	CHECK_EQ(member_new(&again, 1), -EEXIST);
	CHECK_EQ(send_one(&m[1], 1), 0);
	PUMP_UNTIL(m, 2, m[0].order == 3 && m[1].order == 3);
	/* One that goes and comes at once is let in: its leaving is ordered first. */
	member_leave(&m[1]);
	CHECK_EQ(member_new(&m[1], 1), 0);
	PUMP_UNTIL(m, 2, m[1].joined && same(&m[0], &m[1]));
	CHECK_EQ(m[0].leaves, 1ull << 1);
	CHECK_EQ(m[0].order, 5);
	teardown(m, 2);
}

/* A member in a process of its own. */
static pid_t member_process(int node)
{
	struct member m;
	pid_t pid = fork();

	if (pid)
		return pid;
	alarm(30);
	if (member_new(&m, node))
		_exit(1);
	for (;;)
		pump(&m, 1, 1000);
}

static void test_killed_member_leaves_at_once(void)
{
	struct member m[2];
	int64_t start;
	pid_t pid;

	setup(m, 2);
	pid = member_process(3);
	PUMP_UNTIL(m, 2, m[0].joins & m[1].joins & 1ull << 3);
	start = os_now_ns();
	kill(pid, SIGKILL);
	PUMP_UNTIL(m, 2, m[0].leaves & m[1].leaves & 1ull << 3);
	CHECK(os_now_ns() - start < 500 * OS_MS_NS);
	CHECK(same(&m[0], &m[1]));
	waitpid(pid, NULL, 0);
	teardown(m, 2);
}

static void test_provider_dies(void)
{
	struct member m[4];

	setup(m, 3);
	CHECK_EQ(member_new(&m[3], 3), 0);
	/* One of the three has been asked and none answers. For any member: the last one is left. */
	member_leave(&m[0]);
	member_leave(&m[1]);
	PUMP_UNTIL(m, 4, m[3].joined && same(&m[2], &m[3]));
	CHECK_EQ(m[3].restores, 1);
	CHECK_EQ(m[2].leaves, 3);
	teardown(m, 4);
}

static void test_joiner_dies(void)
{
	struct member m[2];

	setup(m, 1);
	CHECK_EQ(member_new(&m[1], 1), 0);
	member_leave(&m[1]); /* while its state is being asked for */
	CHECK_EQ(send_one(&m[0], 1), 0);
	PUMP_UNTIL(m, 1, m[0].last_request == 1);
	CHECK_EQ(m[0].order, 2); /* neither its coming nor its going was ordered */
	CHECK_EQ(member_new(&m[1], 1), 0);
	PUMP_UNTIL(m, 2, m[1].joined && same(&m[0], &m[1]));
	teardown(m, 2);
}

static void test_last_provider_dies(void)
{
	struct member m[2];

	setup(m, 1);
	CHECK_EQ(send_one(&m[0], 1), 0);
	PUMP_UNTIL(m, 1, m[0].order == 2);
	CHECK_EQ(member_new(&m[1], 1), 0);
	member_leave(&m[0]);
	PUMP_UNTIL(m, 2, m[1].joined);
	CHECK_EQ(m[1].restores, 0); /* nobody knows the state any more: a new group */
	CHECK_EQ(m[1].order, 1);
	teardown(m, 2);
}

/* Two join while the only member goes: one of them begins a new group, and the other joins that. */
static void test_last_provider_dies_for_two(void)
{
	struct member m[3];

	setup(m, 1);
	for (uint64_t i = 1; i <= 20; i++)
		CHECK_EQ(send_one(&m[0], i), 0);
	PUMP_UNTIL(m, 1, m[0].order == 21);
	CHECK_EQ(member_new(&m[1], 1), 0);
	CHECK_EQ(member_new(&m[2], 2), 0);
	member_leave(&m[0]);
	PUMP_UNTIL(m, 3, m[1].joined && m[2].joined && same(&m[1], &m[2]));
	CHECK_EQ(m[1].restores + m[2].restores, 1);
	CHECK_EQ(m[1].order, 2);
	teardown(m, 3);
}

/* One of two members does not answer: one of the two rounds meets it, in whichever order they are asked. */
static void test_silent_provider_is_passed_over(void)
{
	for (int silent = 0; silent < 2; silent++) {
		int64_t start = os_now_ns();
		struct member m[3];

		setup(m, 2);
		CHECK_EQ(member_new(&m[2], 2), 0);
		m[silent].lost = -EBUSY;
		PUMP_UNTIL(m, 3, m[2].joined && same(&m[1 - silent], &m[2]));
		CHECK(os_now_ns() - start < (RIG_SILENT_MS + 1000) * OS_MS_NS);
		m[silent].lost = 0;
		PUMP_UNTIL(m, 3, same(&m[0], &m[1]));
		teardown(m, 3);
	}
}

static void test_group_lost(void)
{
	struct member m[2];

	setup(m, 2);
	rig_stop();
	PUMP_UNTIL(m, 2, !m[0].quorum && !m[1].quorum);
	CHECK_EQ(group_place(m[0].group, &(struct group_place){ 0 }), -ENOTCONN);
	rig_come_back();
	PUMP_UNTIL(m, 2, m[0].lost && m[1].lost);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(m[i].lost, RIG_LOST);
		CHECK(!m[i].quorum);
		CHECK_EQ(m[i].quorum_calls, 2);
		CHECK_EQ(send_one(&m[i], 1), -EAGAIN);
		CHECK_EQ(group_dispatch(m[i].group), RIG_LOST);
		CHECK_EQ(m[i].quorum_calls, 2);
	}
	teardown(m, 2);
}

/* A place of the member as it is now, with bytes[] of its own. */
static struct group_place place_of(struct member *m, uint8_t bytes[4096])
{
	struct group_place place = { 0 };

	CHECK_EQ(group_place(m->group, &place), 0);
	CHECK(place.len <= 4096);
	memcpy(bytes, place.bytes, place.len <= 4096 ? place.len : 0);
	place.bytes = bytes;
	for (int i = 0; i < place.fd_count; i++)
		place.fds[i] = os_dup(place.fds[i]);
	return place;
}

/* As a program that executes itself anew: the connection stays, the memory does not. */
static void leave_and_come_back(struct member *m, struct member *other, uint64_t request)
{
	struct group_callbacks call = {
		on_restore, on_deliver, on_snapshot, on_quorum, on_aside, m
	};
	uint8_t bytes[4096];
	struct group_place place = place_of(m, bytes);

	CHECK_OR_RETURN(place.fd_count > 0);
	m->group = group_free(m->group);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(send_one(other, request + (uint64_t)i), 0);
	PUMP_UNTIL(other, 1, other->last_request == request + 9);
	CHECK_EQ(group_adopt(&m->group, rig_spec(m->node), m->node, &place, &call), 0);
}

static void test_place_is_kept(void)
{
	struct member m[2];

	setup(m, 2);
	for (uint64_t round = 0; round < 5; round++) {
		CHECK_EQ(send_one(&m[0], 2 * round + 1), 0); /* may be decided while it is away */
		leave_and_come_back(&m[0], &m[1], 10 * round + 1);
		CHECK_EQ(send_one(&m[0], 2 * round + 2), 0);
		PUMP_UNTIL(m, 2, m[0].last_request == 2 * round + 2 && same(&m[0], &m[1]));
	}
	CHECK_EQ(m[1].leaves, 0);
	CHECK_EQ(m[1].joins, 2);
	rig_stop();
	PUMP_UNTIL(m, 2, !m[0].quorum);
	CHECK_EQ(group_place(m[0].group, &(struct group_place){ 0 }), -ENOTCONN);
	teardown(m, 2);
}

/* In the place of a process that has died with its connection open; `old` is what it knew then. */
static int follow(struct member *m, const struct member *old, const struct group_place *place)
{
	struct group_callbacks call = {
		on_restore, on_deliver, on_snapshot, on_quorum, on_aside, m
	};

	int r;

	*m = *old;
	r = group_resume(&m->group, rig_spec(m->node), m->node, place, &call);
	if (r)
		return r;
	m->behind = true;
	contract_resume(contract, m->node, old->order);
	return 0;
}

/* The process dies now, and another one follows; returns the dead one, whose connection the caller closes. */
static struct member follow_at_once(struct member *m)
{
	struct member dead = *m;
	uint8_t bytes[4096];
	struct group_place place = place_of(m, bytes);

	CHECK_EQ(follow(m, &dead, &place), 0);
	return dead;
}

/* The next process is told what the dead one had heard after that place, and what it had not: each once, in order. */
static void test_resume(void)
{
	struct member m[2], dead, then;
	struct group_place place;
	uint8_t bytes[4096];

	setup(m, 2);
	for (uint64_t round = 0; round < 4; round++) {
		then = m[0];
		place = place_of(&m[0], bytes);
		for (uint64_t i = 1; i <= 10; i++)
			CHECK_EQ(send_one(&m[round % 2], 10 * (round / 2) + i), 0);
		if (round < 2) /* it hears some of them, or all, or none */
			PUMP_UNTIL(m, 2, m[0].order == then.order + 10);
		dead = m[0];
		PUMP_UNTIL(&m[1], 1, m[1].order == then.order + 10);
		CHECK_EQ(follow(&m[0], &then, &place), 0);
		CHECK(group_is_behind(m[0].group));
		PUMP_UNTIL(m, 2, !group_is_behind(m[0].group));
		PUMP_UNTIL(m, 2, same(&m[0], &m[1]));
		dead.group = group_free(dead.group);
	}
	CHECK_EQ(send_one(&m[0], 21), 0);
	PUMP_UNTIL(m, 2, m[0].last_request == 21 && same(&m[0], &m[1]));
	CHECK(!m[0].leaves && !m[1].leaves);
	CHECK(m[1].joins == 2 && m[1].quorum_calls == 1);
	teardown(m, 2);
}

/* The only member of its group, whose state nobody else has. */
static void test_resume_alone(void)
{
	struct member m[1], dead, then;
	struct group_place place;
	uint8_t bytes[4096];

	setup(m, 1);
	then = m[0];
	place = place_of(&m[0], bytes);
	CHECK_EQ(send_one(&m[0], 1), 0);
	PUMP_UNTIL(m, 1, m[0].last_request == 1);
	dead = m[0];
	CHECK_EQ(follow(&m[0], &then, &place), 0);
	PUMP_UNTIL(m, 1, !group_is_behind(m[0].group));
	CHECK(same(&m[0], &dead));
	dead.group = group_free(dead.group);
	teardown(m, 1);
}

/* One that began with a state. */
static void test_resume_of_a_joiner(void)
{
	struct member m[2], dead;

	setup(m, 2);
	dead = follow_at_once(&m[1]);
	PUMP_UNTIL(m, 2, !group_is_behind(m[1].group));
	CHECK_EQ(send_one(&m[0], 1), 0);
	CHECK_EQ(send_one(&m[1], 1), 0);
	PUMP_UNTIL(m, 2, m[0].order == dead.order + 2 && same(&m[0], &m[1]));
	CHECK(!m[0].leaves && !m[1].lost && m[1].quorum);
	dead.group = group_free(dead.group);
	teardown(m, 2);
}

/* A joiner that the dead process was to give the state is given it all the same. */
static void test_resume_under_a_joiner(void)
{
	struct member m[2], dead;

	setup(m, 1);
	CHECK_EQ(member_new(&m[1], 1), 0);
	dead = follow_at_once(&m[0]);
	PUMP_UNTIL(m, 2, m[1].joined && same(&m[0], &m[1]));
	CHECK_EQ(m[1].restores, 1);
	CHECK(!m[0].leaves);
	dead.group = group_free(dead.group);
	teardown(m, 2);
}

/* One whose end the others have been told does not go on, and closes what it was given. */
static void test_resume_too_late(void)
{
	struct member m[3], gone;
	struct group_place place;
	uint8_t bytes[4096];
	int probe;

	setup(m, 3); /* two that stay are a quorum */
	place = place_of(&m[2], bytes);
	for (int i = 0; i < place.fd_count; i++) {
		os_close(place.fds[i]);
		place.fds[i] = os_dup(0);
	}
	probe = place.fds[0];
	member_leave(&m[2]);
	PUMP_UNTIL(m, 2, m[0].leaves == 4);
	gone = m[2];
	CHECK_EQ(follow(&gone, &m[2], &place), -ESTALE);
	CHECK_EQ(fcntl(probe, F_GETFD), -1);
	teardown(m, 2);
}

/* Cut short anywhere it is refused or it is another whole place; the descriptors are closed each time. */
static void test_damaged_place_is_refused(void)
{
	struct group_callbacks call = {
		on_restore, on_deliver, on_snapshot, on_quorum, NULL, NULL
	};
	struct group_place place, cut;
	struct group *group;
	struct member m[1];
	uint8_t bytes[4096];

	setup(m, 1);
	CHECK_EQ(group_place(m[0].group, &place), 0);
	CHECK_OR_RETURN(place.len <= sizeof(bytes));
	memcpy(bytes, place.bytes, place.len);
	for (uint32_t len = 0; len < place.len; len++) {
		cut = place;
		cut.bytes = bytes;
		cut.len = len;
		for (int i = 0; i < cut.fd_count; i++)
			cut.fds[i] = os_dup(cut.fds[i]);
		CHECK_EQ(group_adopt(&group, rig_spec(0), 0, &cut, &call), -EBADMSG);
		for (int i = 0; i < cut.fd_count; i++)
			CHECK_EQ(fcntl(cut.fds[i], F_GETFD), -1);
	}
	cut = (struct group_place){ .bytes = bytes, .len = place.len };
	CHECK_EQ(group_adopt(&group, rig_spec(0), 0, &cut, &call), -EBADMSG); /* no connection */
	teardown(m, 1);
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Says what it costs; how much is too much is for the benchmarks. */
static void test_latency(void)
{
	static int64_t took[500];
	struct member m[3];

	setup(m, 3);
	for (int i = 0; i < 500; i++) {
		int64_t start = os_now_ns();

		CHECK_EQ(send_one(&m[0], (uint64_t)i + 1), 0);
		PUMP_UNTIL(m, 3, m[0].last_request == (uint64_t)i + 1);
		took[i] = os_now_ns() - start;
	}
	qsort(took, 500, sizeof(took[0]), by_time);
	printf("a command is back after %lld us (median), %lld us (95 of 100)\n",
	       (long long)(took[250] / 1000), (long long)(took[475] / 1000));
	teardown(m, 3);
}

int main(int argc, char **argv)
{
	rig_init(argc, argv);
	TEST(test_bad_arguments);
	TEST(test_first_member_starts_empty);
	TEST(test_all_see_one_order);
	TEST(test_join_in_a_stream);
	TEST(test_second_of_a_node_is_refused);
	TEST(test_killed_member_leaves_at_once);
	TEST(test_provider_dies);
	TEST(test_joiner_dies);
	TEST(test_last_provider_dies);
	TEST(test_last_provider_dies_for_two);
	TEST(test_silent_provider_is_passed_over);
	TEST(test_group_lost);
	TEST(test_place_is_kept);
	TEST(test_damaged_place_is_refused);
	TEST(test_resume);
	TEST(test_resume_alone);
	TEST(test_resume_of_a_joiner);
	TEST(test_resume_under_a_joiner);
	TEST(test_resume_too_late);
#if RIG_CUTS
	TEST(test_minority);
	TEST(test_all_apart);
	TEST(test_cuts_in_a_stream);
#endif
#ifdef RIG_SLOW
	TEST(test_slow_ring);
#endif
	TEST(test_latency);
	return rig_end();
}
