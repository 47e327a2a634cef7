// SPDX-License-Identifier: Apache-2.0
/* The totem against a Corosync that is made up in totem_rig_test.h. No Corosync runs. */
#include "group/totem.h"

#include <sys/mman.h>
#include <unistd.h>

#include "group/totem_rig_test.h"
#include "os/clock.h"
#include "os/loop.h"
#include "wire/shm.h"

#define WAIT_MS 5000

static struct heard {
	int unsettles, cuts, views, presents, quorums, hears, settles;
	int before, most; /* events of one turn of the loop */
	uint64_t ring, judged;
	uint32_t present, majority;
	bool have;
	int from[EVENTS_MAX];
	uint8_t first[EVENTS_MAX];
	size_t len;
} heard;

static struct os_loop *loop;
static struct os_source *stopper;
static struct totem *totem;

static void on_unsettle(void *ctx)
{
	CHECK(ctx == &heard);
	heard.unsettles++;
}

static void on_cut(void *ctx)
{
	CHECK(ctx == &heard);
	heard.cuts++;
}

static void on_view(void *ctx, uint64_t ring, uint32_t present)
{
	CHECK(ctx == &heard);
	heard.views++;
	heard.ring = ring;
	heard.present = present;
}

static void on_present(void *ctx, uint32_t present)
{
	CHECK(ctx == &heard);
	heard.presents++;
	heard.present = present;
}

static void on_quorum(void *ctx, uint64_t ring, bool have, uint32_t majority)
{
	CHECK(ctx == &heard);
	heard.quorums++;
	heard.judged = ring;
	heard.have = have;
	heard.majority = majority;
}

static void on_hear(void *ctx, int from, const uint8_t *bytes, size_t len)
{
	CHECK(ctx == &heard);
	if (heard.hears < EVENTS_MAX) {
		heard.from[heard.hears] = from;
		heard.first[heard.hears] = len ? bytes[0] : 0;
	}
	heard.hears++;
	heard.len = len;
}

static void on_settle(void *ctx)
{
	int events = heard.hears + heard.views + heard.presents + heard.unsettles;

	CHECK(ctx == &heard);
	heard.settles++;
	if (events - heard.before > heard.most)
		heard.most = events - heard.before;
	heard.before = events;
}

static void on_stopper(void *ctx)
{
	os_loop_stop(ctx);
}

static void turn(void)
{
	os_timer_set(stopper, 500);
	os_loop_run(loop);
}

#define TURN_UNTIL(cond)                                                                         \
	do {                                                                                     \
		for (int64_t until_ = os_deadline_ns(WAIT_MS); !(cond) && os_now_ns() < until_;) \
			turn();                                                                  \
		CHECK(cond);                                                                     \
	} while (0)

static void set_up(void)
{
	static const struct totem_calls calls = { on_unsettle, on_cut,	on_view,  on_present,
						  on_quorum,   on_hear, on_settle };

	memset(&heard, 0, sizeof(heard));
	corosync_begin();
	CHECK_EQ(os_loop_new(&loop, NULL), 0);
	CHECK_EQ(os_source_timer(loop, -1, on_stopper, loop, &stopper), 0);
	CHECK_EQ(totem_new(&totem, loop, NODE, &calls, &heard), 0);
}

static void tear_down(void)
{
	totem = totem_free(totem);
	stopper = os_source_free(stopper);
	loop = os_loop_free(loop);
	corosync_end();
}

/* In the group, in a ring with the first node. */
static void set_up_in_ring(void)
{
	set_up();
	TURN_UNTIL(corosync.joins == 1);
	tell_members(1, NODEID);
	tell_ring(5, 1);
	wake(corosync.order_fds);
	TURN_UNTIL(heard.views == 1);
}

static void send_number(uint32_t number, size_t more)
{
	static const uint8_t payload[256];

	totem_send(totem, (const uint8_t *)&number, sizeof(number), payload, more);
}

/* The messages from this one on, each once, in their order. */
static void check_sent(uint32_t first, int count)
{
	CHECK_EQ(corosync.sents, count);
	for (int i = 0; i < corosync.sents; i++)
		CHECK_EQ(corosync.sent[i], first + (uint32_t)i);
}

static void test_rings(void)
{
	set_up_in_ring();
	CHECK_EQ(corosync.tracks, 1);
	CHECK_EQ(heard.present, 1u << 0 | 1u << NODE);
	CHECK(heard.ring);
	tell_quorum(5, 1, 1);
	TURN_UNTIL(heard.quorums == 1);
	CHECK_EQ(heard.judged, heard.ring); /* the two libraries speak of one ring */
	CHECK(heard.have);
	tell_quorum(5, 2, 0); /* of another ring of that number */
	TURN_UNTIL(heard.quorums == 2);
	CHECK(heard.judged != heard.ring);
	CHECK(!heard.have);
	tell_quorum(4, 63, 1); /* an earlier one */
	TURN_UNTIL(heard.quorums == 3);
	CHECK(heard.judged < heard.ring);
	tear_down();
}

static void test_majority(void)
{
	static const unsigned expected[] = { 1, 2, 3, 4, 5, 32 };
	static const uint32_t majority[] = { 1, 2, 2, 3, 3, 17 };

	set_up_in_ring();
	for (int i = 0; i < 6; i++) {
		corosync.expected = expected[i];
		tell_quorum(5, 1, 1);
		TURN_UNTIL(heard.quorums == i + 1);
		CHECK_EQ(heard.majority, majority[i]);
	}
	corosync.info_error = CS_ERR_TRY_AGAIN; /* how many there should be is not known */
	tell_quorum(5, 1, 1);
	TURN_UNTIL(!corosync.quorate_waits);
	CHECK_EQ(heard.quorums, 6);
	tear_down();
}

/* It is said, and what is said of the quorum is told all the same. */
static void test_odd_votes(void)
{
	int kept = dup(STDERR_FILENO), log = memfd_create("log", 0);
	char words[1024] = "";

	CHECK(kept >= 0 && dup2(log, STDERR_FILENO) >= 0);
	set_up_in_ring();
	corosync.node_votes = 2;
	for (int i = 1; i <= 3; i++) {
		tell_quorum(5, 1, 1);
		TURN_UNTIL(heard.quorums == i);
	}
	tear_down();
	dup2(kept, STDERR_FILENO);
	CHECK(pread(log, words, sizeof(words) - 1, 0) > 0);
	CHECK(strstr(words, "has 2 votes"));
	CHECK(strstr(words, "has 2 votes") &&
	      !strstr(strstr(words, "has 2 votes") + 1, "has 2 votes"));
	close(kept);
	close(log);
}

static void test_members(void)
{
	struct event *e;

	set_up();
	TURN_UNTIL(corosync.joins == 1);
	tell_members(NODEID, 0); /* before the first ring nothing is said of them */
	wake(corosync.order_fds);
	TURN_UNTIL(corosync.first == corosync.last);
	CHECK_EQ(heard.presents + heard.views, 0);
	tell_ring(5, 1);
	tell_members(NODEID, 1);
	wake(corosync.order_fds);
	TURN_UNTIL(heard.presents == 1);
	CHECK_EQ(heard.present, 1u << 0 | 1u << NODE);
	e = tell_members(NODEID, 0); /* a process went */
	e->left[e->lefts++] = (struct cpg_address){ .nodeid = 1, .reason = CPG_REASON_PROCDOWN };
	wake(corosync.order_fds);
	TURN_UNTIL(heard.presents == 2);
	CHECK_EQ(heard.present, 1u << NODE);
	CHECK_EQ(heard.unsettles, 0);
	e = tell_members(NODEID, 2); /* a machine came: its ring follows */
	e->joined[e->joins++] = (struct cpg_address){ .nodeid = 2, .reason = CPG_REASON_NODEUP };
	e = tell_members(NODEID, 0); /* and went */
	e->left[e->lefts++] = (struct cpg_address){ .nodeid = 2, .reason = CPG_REASON_NODEDOWN };
	wake(corosync.order_fds);
	TURN_UNTIL(heard.unsettles == 2);
	CHECK_EQ(heard.presents, 2);
	tell_ring(6, 1);
	wake(corosync.order_fds);
	TURN_UNTIL(heard.views == 2);
	CHECK_EQ(heard.present, 1u << NODE);
	tear_down();
}

/* Numbers that are no node's, and messages of every size: no byte of them is believed here. */
static void test_hostile(void)
{
	static const uint32_t nobody[] = { 0, NR_NODES + 1, 1u << 31, UINT32_MAX };
	struct event *e;

	set_up_in_ring();
	e = tell_members(0, NR_NODES + 1);
	e->member[e->members++].nodeid = UINT32_MAX;
	e->member[e->members++].nodeid = NR_NODES;
	for (int i = 0; i < 4; i++)
		tell_message(nobody[i], 1, 1);
	wake(corosync.order_fds);
	TURN_UNTIL(corosync.first == corosync.last);
	CHECK_EQ(heard.present, 1u << (NR_NODES - 1));
	CHECK_EQ(heard.hears, 0);
	tell_message(NR_NODES, 2, 0);
	wake(corosync.order_fds);
	TURN_UNTIL(heard.hears == 1);
	CHECK_EQ(heard.len, 0);
	CHECK_EQ(heard.from[0], NR_NODES - 1);
	tell_message(1, 3, 8);
	wake(corosync.order_fds);
	TURN_UNTIL(heard.hears == 2);
	CHECK_EQ(heard.len, 8);
	CHECK_EQ(heard.first[1], 3);
	tear_down();
}

/* Many messages come in their order, and in batches that let others have the loop. */
static void test_hear_in_order(void)
{
	set_up_in_ring();
	heard.most = 0;
	for (int i = 0; i < 200; i++)
		tell_message(1 + (uint32_t)i % 3, (uint8_t)i, 1);
	wake(corosync.order_fds);
	TURN_UNTIL(heard.hears == 200);
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(heard.first[i], i);
		CHECK_EQ(heard.from[i], i % 3);
	}
	CHECK_EQ(heard.most, 64);
	tear_down();
}

static void test_flow_control(void)
{
	set_up_in_ring();
	send_number(1, 0);
	check_sent(1, 1);
	corosync.full = true;
	for (uint32_t i = 2; i <= 500; i++)
		send_number(i, i % 200);
	turn();
	check_sent(1, 1);
	corosync.full = false;
	send_number(501, 0); /* does not pass those that wait */
	CHECK_EQ(corosync.sents, 1);
	TURN_UNTIL(corosync.sents == 501);
	check_sent(1, 501);
	for (int i = 1; i < 500; i++)
		CHECK_EQ(corosync.sent_len[i], 4 + (i + 1) % 200);
	tear_down();
}

/* Corosync takes nothing for long: the sender is told, and told when there is room again. Nothing is lost. */
static void test_room(void)
{
	uint32_t count = 0;
	int settles;

	set_up_in_ring();
	CHECK(totem_has_room(totem));
	corosync.full = true;
	while (totem_has_room(totem) && count < SENT_MAX)
		send_number(++count, 200);
	CHECK(count > 100 && count < SENT_MAX);
	send_number(++count, 0); /* one that cannot wait */
	settles = heard.settles;
	turn();
	CHECK_EQ(heard.settles, settles);
	corosync.full = false;
	TURN_UNTIL(totem_has_room(totem));
	CHECK_EQ(heard.settles, settles + 1);
	TURN_UNTIL(corosync.sents == (int)count);
	check_sent(1, (int)count);
	tear_down();
}

/* Messages that wait when the machines change are of the ring before. */
static void test_messages_of_an_old_ring(void)
{
	set_up_in_ring();
	corosync.full = true;
	while (totem_has_room(totem))
		send_number(1, 200);
	tell_ring(6, 1);
	wake(corosync.order_fds);
	TURN_UNTIL(heard.views == 2);
	CHECK(totem_has_room(totem));
	send_number(2, 0);
	corosync.full = false;
	TURN_UNTIL(corosync.sents);
	check_sent(2, 1);
	tear_down();
}

static void test_try_again(void)
{
	set_up_in_ring();
	corosync.send_error = CS_ERR_TRY_AGAIN;
	send_number(1, 8);
	send_number(2, 0);
	CHECK_EQ(corosync.refused, 1);
	TURN_UNTIL(corosync.refused == 3); /* it is tried again, as long as it takes */
	corosync.send_error = CS_OK;
	TURN_UNTIL(corosync.sents == 2);
	check_sent(1, 2);
	CHECK_EQ(heard.cuts, 0);
	tear_down();
}

/* Messages that wait while Corosync ends are not sent in its next life, where they would have another place. */
static void check_loss(bool of_quorum)
{
	set_up_in_ring();
	corosync.full = true;
	send_number(1, 0);
	if (of_quorum)
		corosync.quorum_dispatch_error = CS_ERR_LIBRARY;
	else
		corosync.dispatch_error = CS_ERR_LIBRARY;
	tell_message(1, 9, 1); /* messages from before the end are heard */
	corosync.connect_error = CS_ERR_TRY_AGAIN;
	wake(of_quorum ? corosync.quorum_fds : corosync.order_fds);
	TURN_UNTIL(heard.cuts == 1);
	CHECK_EQ(heard.hears, of_quorum ? 0 : 1);
	CHECK(!corosync.cpgs && !corosync.quorums && !corosync.votes);
	send_number(2, 0);
	TURN_UNTIL(corosync.connects == 3); /* it is looked for */
	CHECK_EQ(heard.cuts, 1);
	corosync.first = corosync.last;
	corosync.full = false;
	corosync.connect_error = corosync.dispatch_error = corosync.quorum_dispatch_error = CS_OK;
	send_number(2, 0); /* while there is none */
	TURN_UNTIL(corosync.joins == 2);
	tell_members(NODEID, 0); /* the old ring is nothing any more */
	wake(corosync.order_fds);
	TURN_UNTIL(corosync.first == corosync.last);
	CHECK_EQ(heard.presents, 0);
	tell_ring(9, NODEID);
	wake(corosync.order_fds);
	TURN_UNTIL(heard.views == 2);
	CHECK_EQ(heard.present, 1u << NODE);
	send_number(3, 0);
	check_sent(3, 1);
	tear_down();
}

static void test_loss(void)
{
	check_loss(false);
	check_loss(true);
}

/* Each step of the way into the group can fail; the next attempt begins with none of the others' handles. */
static void test_no_way_in(void)
{
	cs_error_t *const step[] = { &corosync.connect_error, &corosync.votes_error,
				     &corosync.quorum_error, &corosync.track_error,
				     &corosync.join_error };

	for (size_t i = 0; i < sizeof(step) / sizeof(*step); i++) {
		set_up();
		*step[i] = CS_ERR_NOT_EXIST;
		TURN_UNTIL(corosync.connects == 2);
		CHECK(!corosync.cpgs && !corosync.quorums && !corosync.votes);
		CHECK_EQ(corosync.joins, 0);
		CHECK_EQ(heard.cuts + heard.settles, 0);
		send_number(1, 0);
		CHECK_EQ(corosync.sents + corosync.refused, 0);
		*step[i] = CS_OK;
		TURN_UNTIL(corosync.joins == 1);
		tear_down();
	}
	set_up();
	corosync.nodeid = NODEID + 1; /* another node's */
	TURN_UNTIL(corosync.connects == 2);
	CHECK(!corosync.cpgs && !corosync.joins);
	corosync.nodeid = NODEID;
	TURN_UNTIL(corosync.joins == 1);
	tear_down();
}

int main(void)
{
	alarm(55);
	TEST(test_rings);
	TEST(test_majority);
	TEST(test_odd_votes);
	TEST(test_members);
	TEST(test_hostile);
	TEST(test_hear_in_order);
	TEST(test_flow_control);
	TEST(test_room);
	TEST(test_messages_of_an_old_ring);
	TEST(test_try_again);
	TEST(test_loss);
	TEST(test_no_way_in);
	return test_end();
}
