/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "base/test.h"
#include "core/link.h"

#define MS INT64_C(1000000)

static struct link low, high;
static const struct link_life low_life = { 7, 0x1111222233334444 };
static const struct link_life high_life = { 9, 0x5555666677778888 };

static void set_up(void)
{
	link_init(&low, 1, 4, "test");
	link_init(&high, 4, 1, "test");
	link_set_lives(&low, &low_life, &high_life);
	link_set_lives(&high, &high_life, &low_life);
}

/* The one with the smaller number greets, the other checks and answers. */
static int meet(int64_t now)
{
	struct frame_hello hello;
	int refusal;

	link_greet(&low, now);
	link_greet(&high, now);
	link_hello(&low, &hello);
	refusal = link_on_hello(&high, &hello, now);
	if (refusal)
		return refusal;
	link_hello(&high, &hello);
	return link_on_hello(&low, &hello, now);
}

static void test_meet(void)
{
	set_up();
	CHECK(link_connects(&low));
	CHECK(!link_connects(&high));
	CHECK_EQ(meet(0), 0);
	CHECK_EQ(low.state, LINK_UP);
	CHECK_EQ(high.state, LINK_UP);
	CHECK_EQ(low.epoch, high.epoch);
	CHECK_EQ(low.protocol, protocol_own.most);
	CHECK_EQ(high.protocol, protocol_own.most);
}

/* A later release that still speaks ours is spoken to. */
static void test_later_release(void)
{
	struct frame_hello hello;

	set_up();
	link_greet(&high, 0);
	link_hello(&low, &hello);
	hello.speaker.most += 5;
	CHECK_EQ(link_on_hello(&high, &hello, 0), 0);
	CHECK_EQ(high.protocol, protocol_own.most);
}

/* The epoch is always greater than either has seen, also when one of the two has forgotten. */
static void test_epochs_grow(void)
{
	uint32_t before;

	set_up();
	CHECK_EQ(meet(0), 0);
	before = low.epoch;
	link_on_lost(&low, 0);
	CHECK_EQ(meet(0), 0);
	CHECK(low.epoch > before);
	CHECK_EQ(low.epoch, high.epoch);
	before = low.epoch;
	link_init(&low, 1, 4, "test");
	link_set_lives(&low, &low_life, &high_life);
	CHECK_EQ(meet(0), 0);
	CHECK(high.epoch > before);
	CHECK_EQ(low.epoch, high.epoch);
}

/* No peer can make the next epoch 0. */
static void test_epochs_end(void)
{
	struct frame_hello hello;

	set_up();
	link_greet(&low, 0);
	link_greet(&high, 0);
	link_hello(&high, &hello);
	hello.epoch = UINT32_MAX;
	CHECK_EQ(link_on_hello(&low, &hello, 0), LINK_E_EPOCH);
	CHECK_EQ(low.epoch, 0);
	CHECK_EQ(low.state, LINK_GREETING);
	hello.epoch = LINK_EPOCH_MAX - 1;
	CHECK_EQ(link_on_hello(&low, &hello, 0), 0);
	link_on_lost(&low, 0);
	CHECK_EQ(meet(0), 0);
	CHECK_EQ(low.epoch, LINK_EPOCH_MAX);
	CHECK_EQ(high.epoch, LINK_EPOCH_MAX);
}

static void test_refusals(void)
{
	struct frame_hello hello;

	set_up();
	low.own_life.incarnation = 6;
	CHECK_EQ(meet(0), LINK_E_STALE);
	low.own_life.incarnation = 8;
	CHECK_EQ(meet(0), LINK_E_EARLY);
	low.own_life.incarnation = 7;
	low.peer_life.incarnation = 8;
	CHECK_EQ(meet(0), LINK_E_EARLY);
	low.peer_life.incarnation = 9;
	CHECK_EQ(high.state, LINK_GREETING);
	low.cluster[0] = 'T';
	CHECK_EQ(meet(0), LINK_E_CLUSTER);
	low.cluster[0] = 't';
	low.node = 2;
	CHECK_EQ(meet(0), LINK_E_STRANGER);
	low.node = 1;
	low.peer = 5;
	CHECK_EQ(meet(0), LINK_E_STRANGER);
	low.peer = 4;
	link_hello(&low, &hello);
	hello.speaker.least = hello.speaker.most = protocol_own.most + 1;
	CHECK_EQ(link_on_hello(&high, &hello, 0), LINK_E_VERSION);
	CHECK_EQ(high.state, LINK_GREETING);
	CHECK_EQ(high.protocol, 0);
	link_hello(&low, &hello);
	hello.kind = FRAME_KIND_BULK;
	CHECK_EQ(link_on_hello(&high, &hello, 0), LINK_E_KIND);
	CHECK_EQ(meet(0), 0);
	CHECK_EQ(link_on_hello(&high, &hello, 0), LINK_E_STATE);
	CHECK_EQ(high.state, LINK_UP);
}

/* A speaker that says "any", and a side that does not know a life yet, come to nothing. */
static void test_unknown_lives_fit_none(void)
{
	static const struct link_life none;

	set_up();
	link_set_lives(&low, &none, &none);
	CHECK(meet(0) != 0);
	link_set_lives(&low, &low_life, &high_life);
	link_set_lives(&high, &none, &low_life);
	CHECK_EQ(meet(0), LINK_E_EARLY);
	link_set_lives(&high, &high_life, &none);
	CHECK_EQ(meet(0), LINK_E_EARLY);
	CHECK(low.state != LINK_UP && high.state != LINK_UP);
}

/* Each side has to know the secret of its own life: with one bit off it is a stranger. */
static void test_secrets(void)
{
	struct frame_hello hello;

	set_up();
	for (int bit = 0; bit < 64; bit++) {
		low.own_life.secret ^= 1ull << bit;
		CHECK_EQ(meet(0), LINK_E_SECRET);
		low.own_life.secret ^= 1ull << bit;
	}
	link_greet(&low, 0);
	link_greet(&high, 0);
	link_hello(&low, &hello);
	CHECK_EQ(link_on_hello(&high, &hello, 0), 0);
	/* A listener that is no node has heard what low said, and answers with that. */
	hello.node = 4;
	hello.incarnation = 9;
	hello.peer = 1;
	hello.peer_incarnation = 7;
	CHECK_EQ(link_on_hello(&low, &hello, 0), LINK_E_SECRET);
	CHECK(low.state != LINK_UP);
}

static void test_retry_backs_off(void)
{
	uint32_t wait_us = 0, before;

	set_up();
	CHECK_EQ(link_on_lost(&low, 0), LINK_RETRY_MIN_US);
	for (int i = 0; i < 20; i++) {
		before = wait_us;
		wait_us = link_on_lost(&low, 0);
		CHECK(wait_us >= before && wait_us <= LINK_RETRY_MAX_US);
	}
	CHECK_EQ(wait_us, LINK_RETRY_MAX_US);
	CHECK_EQ(meet(0), 0);
	CHECK_EQ(link_on_lost(&low, 0), LINK_RETRY_MIN_US);
}

static void test_silence(void)
{
	int pings = 0;

	set_up();
	CHECK_EQ(link_on_tick(&low, 100000 * MS), LINK_NOTHING);
	link_greet(&low, 0);
	CHECK_EQ(link_on_tick(&low, 1900 * MS), LINK_NOTHING);
	CHECK_EQ(link_on_tick(&low, 2000 * MS), LINK_DEAD);
	CHECK_EQ(meet(0), 0);
	CHECK_EQ(link_on_tick(&low, 0), LINK_PING); /* for the clocks, and then when it is silent */
	CHECK_EQ(link_on_tick(&low, 900 * MS), LINK_NOTHING);
	CHECK_EQ(link_on_tick(&low, 1000 * MS), LINK_PING);
	CHECK_EQ(link_on_tick(&low, 1500 * MS), LINK_NOTHING);
	link_on_heard(&low, 1600 * MS);
	CHECK_EQ(link_on_tick(&low, 2500 * MS), LINK_NOTHING);
	for (int64_t t = 2600; t < 6600; t += 100) {
		enum link_action action = link_on_tick(&low, t * MS);

		CHECK(action != LINK_DEAD);
		pings += action == LINK_PING;
	}
	CHECK_EQ(pings, 4);
	CHECK_EQ(link_on_tick(&low, 6600 * MS), LINK_DEAD);
}

/* A link that is never silent is asked for the time as well. */
static void test_busy(void)
{
	int pings = 0;

	set_up();
	CHECK_EQ(meet(0), 0);
	for (int64_t t = 0; t < 30000; t += 100) {
		link_on_heard(&low, t * MS);
		pings += link_on_tick(&low, t * MS) == LINK_PING;
	}
	CHECK_EQ(pings, 3);
}

/* Calls are of and by the same lives only, of the kind that is expected, and both sides are asked. */
static void test_calls(void)
{
	struct frame_hello hello, answer;

	set_up();
	for (int kind = FRAME_KIND_BULK; kind <= FRAME_KIND_COPY; kind++) {
		link_call_hello(&low, (enum frame_kind)kind, &hello);
		CHECK_EQ(link_check_call(&high, (enum frame_kind)kind, &hello), 0);
		CHECK_EQ(link_check_call(&low, (enum frame_kind)kind, &hello), LINK_E_STRANGER);
		link_call_hello(&high, (enum frame_kind)kind, &answer);
		CHECK_EQ(link_check_call(&low, (enum frame_kind)kind, &answer), 0);
		answer.secret++;
		CHECK_EQ(link_check_call(&low, (enum frame_kind)kind, &answer), LINK_E_SECRET);
		hello.incarnation--;
		CHECK_EQ(link_check_call(&high, (enum frame_kind)kind, &hello), LINK_E_STALE);
		link_hello(&low, &hello);
		CHECK_EQ(link_check_call(&high, (enum frame_kind)kind, &hello), LINK_E_KIND);
	}
}

/* The identity of the caller says what its HELLO says, so that the called node can compare the two. */
static void test_identity(void)
{
	set_up();
	for (int kind = FRAME_KIND_LINK; kind <= FRAME_KIND_COPY; kind++) {
		struct identity identity = link_identity(&low, (enum frame_kind)kind);
		struct frame_hello hello;

		link_call_hello(&low, (enum frame_kind)kind, &hello);
		CHECK_EQ(identity.purpose, hello.kind);
		CHECK_EQ(identity.from, hello.node);
		CHECK_EQ(identity.to, hello.peer);
		CHECK_EQ(identity.from_life, hello.incarnation);
		CHECK_EQ(identity.to_life, hello.peer_incarnation);
		CHECK(identity.from_life != identity.to_life);
	}
}

int main(void)
{
	TEST(test_calls);
	TEST(test_identity);
	TEST(test_meet);
	TEST(test_later_release);
	TEST(test_epochs_grow);
	TEST(test_epochs_end);
	TEST(test_refusals);
	TEST(test_unknown_lives_fit_none);
	TEST(test_secrets);
	TEST(test_retry_backs_off);
	TEST(test_silence);
	TEST(test_busy);
	return test_end();
}
