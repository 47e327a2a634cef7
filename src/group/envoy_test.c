/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members on a multicast that is made here (envoy_rig_test.h), whose machines fall apart in every way: hundreds of
 * seeds. The messages to the members keep to the contract under all these faults (I4).
 */
#include "group/envoy_rig_test.h"

/* One thread, nothing to race with: the thread sanitizer only makes it slow. */
#ifdef __SANITIZE_THREAD__
#define SEEDS_LESS 10u
#else
#define SEEDS_LESS 1u
#endif

static void run_seed(uint64_t seed, int changes)
{
	unsigned failures = test_failures;

	begin_world(seed, MACHINES);
	heal();
	for (int i = 0; i < changes; i++) {
		world.slow = prng_below(&world.prng, 4) == 0;
		world.deaf = prng_below(&world.prng, 4) == 0;
		for (uint64_t k = prng_below(&world.prng, 200); k; k--) {
			world.now += OS_MS_NS;
			step(&world.member[prng_below(&world.prng, MACHINES)]);
		}
		if (prng_below(&world.prng, 3))
			fall_apart();
		else
			ring_form((1u << MACHINES) - 1);
	}
	heal();
	CHECK(world.member[0].order > MACHINES);
	end_world();
	if (test_failures > failures)
		printf("seed %llu failed\n", (unsigned long long)seed);
}

static void test_partitions(void)
{
	for (uint64_t seed = 1; seed <= 200 / SEEDS_LESS && !test_failures; seed++)
		run_seed(seed, 12);
}

/* Members end and begin anew without a memory, one at a time and never while the machines are apart. */
static void test_crashes(void)
{
	for (uint64_t seed = 1; seed <= 60 / SEEDS_LESS && !test_failures; seed++) {
		begin_world(seed, MACHINES);
		heal();
		for (int i = 0; i < 8; i++) {
			struct member *m = &world.member[prng_below(&world.prng, MACHINES)];

			for (uint64_t k = prng_below(&world.prng, 100); k; k--)
				step(&world.member[prng_below(&world.prng, MACHINES)]);
			if (m->up) {
				member_stop(m);
				m->seen = (struct council_point){ 0 };
				member_start(m);
			}
			heal();
		}
		end_world();
	}
}

/* A word that is due waits while the multicast takes nothing. */
static void test_word_waits_for_room(void)
{
	struct member *m;

	begin_world(1, MACHINES);
	heal();
	m = &world.member[0];
	propose(m);
	member_settle(m);
	member_flush(m);
	while (member_hear(m))
		continue;
	m->waiting = QUEUE_ROOM;
	for (int i = 0; i < 20; i++) {
		world.now += OS_MS_NS;
		member_settle(m);
	}
	CHECK_EQ(m->waiting, QUEUE_ROOM);
	world.slow = true; /* it keeps what it takes */
	m->waiting = 0;
	member_settle(m);
	CHECK_EQ(m->waiting, 1);
	world.slow = false;
	member_flush(m);
	heal();
	end_world();
}

/* Members that are there and hear nothing: the rest needs the word of the proposer, and gets it. */
static void test_some_are_silent(void)
{
	uint64_t before;

	begin_world(1, MACHINES);
	heal();
	before = world.member[0].order;
	propose(&world.member[0]);
	for (int i = 0; i < 20; i++) {
		world.now += OS_MS_NS;
		for (int k = 0; k < MAJORITY; k++) {
			member_settle(&world.member[k]);
			member_flush(&world.member[k]);
			while (member_hear(&world.member[k]))
				continue;
		}
	}
	for (int k = 0; k < MACHINES; k++)
		CHECK_EQ(world.member[k].order, before + (k < MAJORITY));
	heal();
	end_world();
}

static void test_first_alone(void)
{
	begin_world(1, 1);
	heal();
	CHECK_EQ(world.member[0].order, 1);
	CHECK_EQ(world.member[0].restores, 0);
	member_start(&world.member[1]);
	heal();
	CHECK_EQ(world.member[0].order, 2);
	CHECK_EQ(world.member[1].restores, 1);
	end_world();
}

/* It is named by the number that it has in the process group, and is not heard. */
static void test_foreign(void)
{
	struct council_message m = { .kind = COUNCIL_HELLO,
				     .node = 5,
				     .offset = (protocol_own.most + 1u) * 0x10001u };
	uint8_t bytes[COUNCIL_HEAD];
	struct envoy *e;

	begin_world(1, 1);
	e = world.member[0].envoy;
	council_message_encode(bytes, &m);
	envoy_hear(e, 5, bytes, sizeof(bytes));
	CHECK_EQ(foreigners, 1);
	bytes[0]++; /* the version of the council's messages */
	envoy_hear(e, 5, bytes, sizeof(bytes));
	CHECK_EQ(foreigners, 101);
	bytes[0]--;
	m.offset = protocol_own.most * 0x10001u;
	council_message_encode(bytes, &m);
	envoy_hear(e, 5, bytes, sizeof(bytes));
	CHECK_EQ(foreigners, 101);
	end_world();
}

int main(void)
{
	TEST(test_foreign);
	TEST(test_first_alone);
	TEST(test_some_are_silent);
	TEST(test_word_waits_for_room);
	TEST(test_partitions);
	TEST(test_crashes);
	return test_end();
}
