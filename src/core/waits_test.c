/* SPDX-License-Identifier: Apache-2.0 */
#include "core/waits.h"

#include "base/prng.h"
#include "base/test.h"

#define MEMBERS 12

/* A made-up container: which endpoint waits for which. */
struct world {
	struct wait_edge edge[MEMBERS];
};

static void world_wait(struct world *world, int p_nr, int target, enum wait_kind kind)
{
	struct wait_edge *edge = &world->edge[p_nr];

	*edge = (struct wait_edge){
		.p_nr = p_nr, .target = target, .kind = kind, .nr = edge->nr + 1
	};
}

static void world_init(struct world *world)
{
	*world = (struct world){ 0 };
	for (int i = 0; i < MEMBERS; i++)
		world_wait(world, i, 0, WAIT_NOBODY);
}

static enum wait_verdict chase_all(const struct world *world, int from, struct wait_chase *chase)
{
	enum wait_verdict verdict = WAIT_ASK;
	int steps = 0;

	wait_chase_begin(chase, from);
	while (verdict == WAIT_ASK) {
		if (chase->from != chase->at)
			CHECK(world->edge[chase->from].target == chase->at);
		verdict = wait_chase_on_edge(chase, &world->edge[chase->at]);
		CHECK(++steps <= 2 * MEMBERS + 1);
	}
	return verdict;
}

/* Of three and more: found whoever asks. Of two: none. */
static void test_rings(void)
{
	struct world world;
	struct wait_chase chase;

	for (int ring = 2; ring <= MEMBERS; ring++) {
		world_init(&world);
		for (int i = 0; i < ring; i++)
			world_wait(&world, i, (i + 1) % ring, WAIT_TAKE);
		for (int i = 0; i < ring; i++) {
			CHECK(chase_all(&world, i, &chase) ==
			      (ring == 2 ? WAIT_FREE : WAIT_LOCKED));
			if (ring == 2)
				continue;
			CHECK(chase.victim.p_nr == ring - 1);
			CHECK(chase.victim.nr == world.edge[ring - 1].nr);
		}
	}
}

/* A chain that ends is no ring; one that hangs on a ring names a member of it. */
static void test_chains(void)
{
	struct world world;
	struct wait_chase chase;

	world_init(&world);
	world_wait(&world, 0, 1, WAIT_TAKE);
	world_wait(&world, 1, 2, WAIT_ANSWER);
	CHECK(chase_all(&world, 0, &chase) == WAIT_FREE);
	world_wait(&world, 2, 3, WAIT_TAKE);
	world_wait(&world, 3, 1, WAIT_TAKE);
	CHECK(chase_all(&world, 0, &chase) == WAIT_LOCKED);
	CHECK(chase.victim.p_nr == 3);
	world_wait(&world, 9, 0, WAIT_TAKE);
	CHECK(chase_all(&world, 9, &chase) == WAIT_LOCKED);
	CHECK(chase.victim.p_nr == 3);
}

/* Refused is one whose message nobody has taken. */
static void test_victim(void)
{
	struct world world;
	struct wait_chase chase;

	world_init(&world);
	world_wait(&world, 3, 4, WAIT_TAKE);
	world_wait(&world, 4, 5, WAIT_ANSWER);
	world_wait(&world, 5, 3, WAIT_ANSWER);
	CHECK(chase_all(&world, 4, &chase) == WAIT_LOCKED);
	CHECK(chase.victim.p_nr == 3);
	/* Only scribblers can claim this. */
	world_wait(&world, 3, 4, WAIT_ANSWER);
	CHECK(chase_all(&world, 4, &chase) == WAIT_FREE);
}

/* A ring whose edges were never there at one moment is none. */
static void test_phantom(void)
{
	struct world world;
	struct wait_chase chase;

	for (int change = 0; change < 3; change++) {
		world_init(&world);
		for (int i = 0; i < 3; i++)
			world_wait(&world, i, (i + 1) % 3, WAIT_TAKE);
		wait_chase_begin(&chase, 0);
		for (int i = 0; i < 3; i++)
			CHECK(wait_chase_on_edge(&chase, &world.edge[chase.at]) == WAIT_ASK);
		/* The same wait as before, but a later one. */
		world_wait(&world, change, (change + 1) % 3, WAIT_TAKE);
		for (int i = 0; i < change; i++)
			CHECK(wait_chase_on_edge(&chase, &world.edge[chase.at]) == WAIT_ASK);
		CHECK(wait_chase_on_edge(&chase, &world.edge[chase.at]) == WAIT_FREE);
	}
}

/* An edge that makes no sense ends the chase. */
static void test_nonsense(void)
{
	struct wait_edge edge = { .p_nr = 1, .target = 2, .kind = WAIT_TAKE };
	struct wait_chase chase;

	wait_chase_begin(&chase, 0);
	CHECK(wait_chase_on_edge(&chase, &edge) == WAIT_FREE);
	edge.p_nr = 0;
	edge.target = SHM_SLOTS;
	CHECK(wait_chase_on_edge(&chase, &edge) == WAIT_FREE);
	edge.target = -SHM_TASKS - 1;
	CHECK(wait_chase_on_edge(&chase, &edge) == WAIT_FREE);
	edge.target = 0;
	CHECK(wait_chase_on_edge(&chase, &edge) == WAIT_FREE);
	edge.target = 1;
	edge.kind = WAIT_KIND_LAST + 1;
	CHECK(wait_chase_on_edge(&chase, &edge) == WAIT_FREE);
}

/* By brute force: does following from here come back to a slot that was passed, and is one a taker? */
static bool is_locked(const struct world *world, int from)
{
	int at = from;
	bool takes = false;

	for (int i = 0; i < MEMBERS; i++) {
		if (world->edge[at].kind == WAIT_NOBODY)
			return false;
		at = world->edge[at].target;
	}
	if (world->edge[world->edge[at].target].target == at)
		return false;
	from = at;
	do {
		takes = takes || world->edge[at].kind == WAIT_TAKE;
		at = world->edge[at].target;
	} while (at != from);
	return takes;
}

/* Random graphs agree with brute force, and every member names the same victim. */
static void test_random(void)
{
	struct prng prng;
	struct world world;
	struct wait_chase chase;

	prng_init(&prng, 7);
	for (int round = 0; round < 3000; round++) {
		world_init(&world);
		for (int i = 0; i < MEMBERS; i++) {
			int target = (int)prng_below(&prng, MEMBERS);

			if (target != i && prng_below(&prng, 4))
				world_wait(&world, i, target,
					   prng_below(&prng, 2) ? WAIT_TAKE : WAIT_ANSWER);
		}
		for (int i = 0; i < MEMBERS; i++) {
			bool locked = chase_all(&world, i, &chase) == WAIT_LOCKED;
			int victim = chase.victim.p_nr;

			CHECK(locked == is_locked(&world, i));
			if (!locked)
				continue;
			CHECK(chase_all(&world, victim, &chase) == WAIT_LOCKED);
			CHECK(chase.victim.p_nr == victim);
		}
	}
}

int main(void)
{
	TEST(test_rings);
	TEST(test_chains);
	TEST(test_victim);
	TEST(test_phantom);
	TEST(test_nonsense);
	TEST(test_random);
	return test_end();
}
