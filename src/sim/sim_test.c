/* SPDX-License-Identifier: Apache-2.0 */

/* The simulator itself: it repeats exactly, and it notices each rule that is left out. */

#include "sim/sim.h"

#include <string.h>

#include "base/test.h"
#include "core/driver_fixture.h"
#include "sim/world.h"

#define SEEDS_SOUND	  60
/* Some faults need a rare meeting: one seed in several hundred has it. */
#define SEEDS_MUTATED_MAX 4000

static struct sim_report run(uint64_t seed, enum sim_engine engine, enum sim_mutation mutation)
{
	struct sim_options options = { .seed = seed, .engine = engine, .mutation = mutation };
	struct sim_report report;

	sim_run(&options, &report);
	return report;
}

static void test_repeats_exactly(void)
{
	for (uint64_t seed = 1; seed < 12; seed++) {
		struct sim_report first = run(seed, SIM_BY_SEED, SIM_SOUND);
		struct sim_report second = run(seed, SIM_BY_SEED, SIM_SOUND);

		CHECK(memcmp(&first, &second, sizeof(first)) == 0);
	}
}

/* The limit of a state of the source has not ended a move yet. */
static bool limit_is_missing(const struct sim_report *sum, int state)
{
	/* Once the commit is proposed only the order decides. */
	return state != PLAN_SOURCE_COMMITTING && !(sum->overdue_source >> state & 1);
}

static bool has_more_limits(const struct sim_report *sum)
{
	bool more = false;

	for (int state = PLAN_SOURCE_CHECKING; state <= PLAN_SOURCE_UNBINDING; state++)
		more = more || limit_is_missing(sum, state);
	return more;
}

/* One run in which no rule is left out; its counts are added to sum. */
static void run_sound(uint64_t seed, enum sim_engine engine, struct sim_report *sum)
{
	struct sim_report r = run(seed, engine, SIM_SOUND);

	if (r.failed)
		printf("seed %llu: %s\n", (unsigned long long)seed, r.violation);
	CHECK(!r.failed);
	sum->taken += r.taken;
	sum->withdrawn += r.withdrawn;
	sum->answered += r.answered;
	sum->died += r.died;
	sum->notes += r.notes;
	sum->replies += r.replies;
	sum->stepped_back += r.stepped_back;
	sum->committed += r.committed;
	sum->rolled_back += r.rolled_back;
	sum->refused += r.refused;
	sum->lost += r.lost;
	sum->possible += r.possible;
	sum->cancelled += r.cancelled;
	sum->together += r.together;
	sum->fellows_killed += r.fellows_killed;
	sum->asked += r.asked;
	sum->asked_again += r.asked_again;
	sum->restarts += r.restarts;
	sum->by_hand += r.by_hand;
	sum->held += r.held;
	sum->said_again += r.said_again;
	sum->crashes += r.crashes;
	sum->cuts += r.cuts;
	sum->frames_lost += r.frames_lost;
	sum->frames_repeated += r.frames_repeated;
	sum->rings += r.rings;
	sum->minorities += r.minorities;
	sum->fenced += r.fenced;
	sum->states += r.states;
	sum->joiners_lost += r.joiners_lost;
	sum->givers_lost += r.givers_lost;
	sum->joins_together += r.joins_together;
	sum->joins_cut += r.joins_cut;
	sum->flaps += r.flaps;
	sum->fulls += r.fulls;
	sum->words += r.words;
	sum->overdue_source |= r.overdue_source;
	sum->overdue_target |= r.overdue_target;
}

/* The rules hold, and the runs have seen something: every kind of trouble and every kind of end. */
static void test_sound(void)
{
	struct sim_report sum = { 0 };

	/* Some limits pass rarely: until each has, or it has to be said that one never does. */
	for (uint64_t seed = 1;
	     seed <= SEEDS_SOUND || (has_more_limits(&sum) && seed <= SEEDS_MUTATED_MAX); seed++)
		run_sound(seed, SIM_SEQUENCER, &sum);
	CHECK(sum.taken > 1000 && sum.withdrawn > 100 && sum.answered > 100 && sum.died > 10);
	CHECK(sum.committed > 500 && sum.rolled_back > 50 && sum.refused > 50 && sum.lost > 0);
	CHECK(sum.possible > 10 && sum.cancelled > 10);
	CHECK(sum.together > 100 && sum.fellows_killed > 0);
	/* The limit of every state that has one has ended a move. */
	for (int state = PLAN_SOURCE_CHECKING; state <= PLAN_SOURCE_UNBINDING; state++)
		if (limit_is_missing(&sum, state)) {
			printf("the limit of \"%s\" never passed\n",
			       plan_source_state_name((enum plan_source_state)state));
			CHECK(!"a limit never passed");
		}
	for (int state = PLAN_TARGET_RECEIVING; state <= PLAN_TARGET_LOADING; state++)
		CHECK(sum.overdue_target >> state & 1);
	CHECK(sum.notes > 200);
	CHECK(sum.replies > 20 && sum.stepped_back > 50);
	CHECK(sum.held > 100 && sum.by_hand > 20 && sum.said_again > 50);
	CHECK(sum.restarts > 100 && sum.asked > 500 && sum.asked_again > 20);
	CHECK(sum.crashes > 10 && sum.cuts > 50);
	CHECK(sum.frames_lost > 100 && sum.frames_repeated > 100);
	CHECK(sum.states > 100 && sum.joins_together > 50);
	CHECK(sum.joiners_lost + sum.givers_lost > 4);
}

/* The rules of the sequencer's worlds, where a council decides; and it has been through all kinds of trouble. */
static void test_council(void)
{
	struct sim_report sum = { 0 };

	for (uint64_t seed = 1; seed <= SEEDS_SOUND; seed++)
		run_sound(seed, SIM_COUNCIL, &sum);
	CHECK(sum.taken > 1000 && sum.committed > 200 && sum.rolled_back > 50);
	CHECK(sum.by_hand > 5 && sum.restarts > 50 && sum.crashes > 10);
	CHECK(sum.rings > 500 && sum.minorities > 200 && sum.fenced > 50 && sum.states > 200);
	/* Views change under joins, and joiners end half way. */
	CHECK(sum.joins_cut > 200 && sum.joins_together > 100 && sum.joiners_lost > 20);
	CHECK(sum.flaps > 500 && sum.fulls > 200 && sum.words > 5000);
}

static void test_tables(void)
{
	check_side(&move_source_side);
	check_side(&move_target_side);
}

static void test_mutations(void)
{
	for (int m = SIM_SOUND + 1; m < SIM_MUTATIONS; m++) {
		const char *name = sim_mutation_name((enum sim_mutation)m);
		enum sim_engine engine = m >= SIM_FIRST_OF_COUNCIL ? SIM_COUNCIL : SIM_SEQUENCER;
		struct sim_report report = { 0 };
		uint64_t seed = 0;

		while (!report.failed && seed < SEEDS_MUTATED_MAX)
			report = run(++seed, engine, (enum sim_mutation)m);
		printf("   %s: %s (seed %llu)\n", name,
		       report.failed ? report.violation : "not noticed", (unsigned long long)seed);
		CHECK(report.failed);
	}
}

int main(void)
{
	TEST(test_repeats_exactly);
	TEST(test_sound);
	TEST(test_council);
	TEST(test_tables);
	TEST(test_mutations);
	return test_end();
}
