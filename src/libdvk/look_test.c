/* SPDX-License-Identifier: Apache-2.0 */

/* Which way of looking on is taken, and what its outcome teaches. The costs of the machine are made up. */

#include "libdvk/look.h"
#include "libdvk/rig_test.h"

#define YIELD_NS  1000
#define SWITCH_NS 5000
#define WAKE_NS	  40000

static struct wait wait;
static struct binding *binding;
static struct attention *missed;
static _Atomic uint64_t word;

static void begin(void)
{
	binding = rig_enter();
	rig.node_bell->yield_ns = YIELD_NS;
	rig.node_bell->switch_ns = SWITCH_NS;
	rig.node_bell->wake_ns = WAKE_NS;
	look_learn(binding);
	wait_init(&wait, binding, -1, 0);
	wait_begin(&wait);
	word = 1;
	wait.word[0] = &word;
	wait.seen[0] = 1;
	missed = NULL;
}

static void end(void)
{
	binding_leave(binding, 0);
}

static void comes_at_third(void)
{
	if (rig.yields == 3)
		word = 2;
}

static void test_learns_costs(void)
{
	begin();
	CHECK_EQ(binding->costs.yield_ns, YIELD_NS);
	CHECK_EQ(binding->costs.wake_ns, WAKE_NS);
	/* Any process may write there: nothing is believed beyond its bounds. */
	rig.node_bell->yield_ns = 0;
	rig.node_bell->wake_ns = UINT32_MAX;
	look_learn(binding);
	CHECK(binding->costs.yield_ns >= ATTENTION_YIELD_MIN_NS);
	CHECK(binding->costs.wake_ns <= ATTENTION_COST_MAX_NS);
	end();
}

static void test_there_already(void)
{
	int64_t before;

	begin();
	before = rig.now_ns;
	word = 2;
	CHECK(look_on(&wait, &missed));
	word = 1;
	rig.bell->news[2] = 1;
	CHECK(!look_news(&wait)); /* not asked for */
	wait.news = true;
	CHECK(look_on(&wait, &missed));
	CHECK_EQ(rig.now_ns, before); /* the clock was never read */
	CHECK_EQ(rig.yields, 0);
	CHECK(!missed);
	end();
}

/* Nobody wants the CPU: it spins, asks by yields now and then, and gives up after LOCAL. */
static void test_spins_in_vain(void)
{
	int64_t before;

	begin();
	before = rig.now_ns;
	CHECK(!look_on(&wait, &missed));
	CHECK(missed == &binding->looking);
	CHECK(rig.now_ns - before >= 5 * WAKE_NS);
	CHECK(rig.now_ns - before < 5 * WAKE_NS + 40 * YIELD_NS);
	CHECK(rig.yields >= 2);
	/* It came soon after each time: the CPU was missed elsewhere, so no more of that. */
	for (int i = 0; i < ATTENTION_MISSES_MAX; i++)
		look_missed(binding, &binding->looking, WAKE_NS);
	CHECK(binding->looking.cold > 0);
	missed = NULL;
	before = rig.now_ns;
	CHECK(!look_on(&wait, &missed));
	CHECK(!missed);
	CHECK(rig.now_ns - before < WAKE_NS);
	end();
}

static void test_late_is_no_miss(void)
{
	begin();
	for (int i = 0; i < 10; i++)
		look_missed(binding, &binding->looking, 51 * WAKE_NS);
	CHECK_EQ(binding->looking.cold, 0);
	end();
}

static void test_rewarded(void)
{
	begin();
	binding->looking.misses = 2;
	rig.bell->seq++; /* the daemon counted the bell: that is a reason to look again */
	CHECK(look_on(&wait, &missed));
	CHECK_EQ(binding->looking.misses, 0);
	CHECK(!missed);
	end();
}

static void test_ends_with_the_time(void)
{
	int64_t before;

	begin();
	wait_init(&wait, binding, 1, 0);
	wait_begin(&wait);
	wait.deadline_ns = rig.now_ns + 20 * OS_US_NS;
	before = rig.now_ns;
	CHECK(!look_on(&wait, &missed));
	CHECK(rig.now_ns - before < 60 * OS_US_NS);
	/* The same where it spins without yields. */
	binding->yielding.cold = 10;
	missed = NULL;
	wait.deadline_ns = rig.now_ns + 20 * OS_US_NS;
	before = rig.now_ns;
	CHECK(!look_on(&wait, &missed));
	CHECK(rig.now_ns - before < 60 * OS_US_NS);
	end();
}

/* A yield took as long as a switch: another process wants the CPU. It is let go first, and the spinning is a miss. */
static void test_wanted(void)
{
	begin();
	rig.yield_takes_ns = SWITCH_NS;
	rig.on_yield = comes_at_third;
	CHECK(look_on(&wait, &missed));
	CHECK_EQ(rig.yields, 3);
	CHECK(!missed);
	CHECK_EQ(binding->looking.misses, 1);
	CHECK_EQ(binding->yielding.misses, 0);
	end();
}

/* It came during a yield, however short that was: the CPU was handed over, and the spinning is a miss. */
static void test_came_by_yield(void)
{
	begin();
	rig.on_yield = comes_at_third;
	CHECK(look_on(&wait, &missed));
	CHECK_EQ(rig.yields, 3);
	CHECK_EQ(binding->looking.misses, 1);
	end();
}

static void test_yields_are_few(void)
{
	begin();
	rig.yield_takes_ns = SWITCH_NS;
	CHECK(!look_on(&wait, &missed));
	CHECK(rig.yields <= 10);
	CHECK(!missed);
	CHECK_EQ(binding->looking.misses, 1);
	end();
}

/* Yields that take very long go to strangers: after a few the wait sleeps at once. */
static void test_strangers(void)
{
	begin();
	rig.yield_takes_ns = 100 * SWITCH_NS;
	for (int i = 0; i < 2 + ATTENTION_MISSES_MAX; i++) {
		missed = NULL;
		look_on(&wait, &missed);
	}
	CHECK(binding->yielding.cold > 0);
	end();
}

static void others_talk(void)
{
	rig.node_bell->talk[rig.cpu].ns += 100 * SWITCH_NS;
}

/* The same, when the time went to processes that talk as well: they count it in the node's bell. */
static void test_other_talkers(void)
{
	begin();
	rig.yield_takes_ns = 100 * SWITCH_NS;
	rig.on_yield = others_talk;
	for (int i = 0; i < 4 + ATTENTION_MISSES_MAX; i++) {
		missed = NULL;
		look_on(&wait, &missed);
	}
	CHECK_EQ(binding->yielding.cold, 0);
	end();
}

/* The peer runs on another CPU: spin for a short while, without a yield. */
static void test_beside(void)
{
	int64_t before;

	begin();
	wait.peer = rig.high.bell;
	rig.high.bell->cpu = rig.cpu + 2;
	binding->looking.cold = binding->yielding.cold = 100;
	binding->beside.misses = 0;
	before = rig.now_ns;
	CHECK(!look_on(&wait, &missed));
	CHECK(rig.now_ns - before >= 4 * SWITCH_NS && rig.now_ns - before < 6 * SWITCH_NS);
	CHECK_EQ(rig.yields, 0);
	CHECK_EQ(binding->beside.misses, 1);
	/* On ours it cannot. */
	rig.high.bell->cpu = rig.cpu + 1;
	CHECK(!look_on(&wait, &missed));
	CHECK_EQ(binding->beside.misses, 1);
	rig.high.bell->cpu = 0;
	CHECK(!look_on(&wait, &missed));
	CHECK_EQ(binding->beside.misses, 1);
	end();
}

/* A peer on another node: yield for its daemon, for FAR. */
static void test_far(void)
{
	int64_t before;

	begin();
	wait.peer = rig.high.bell;
	rig.high.bell->holder = BELL_DAEMON;
	before = rig.now_ns;
	CHECK(!look_on(&wait, &missed));
	CHECK(missed == &binding->far);
	CHECK(rig.now_ns - before >= 16 * WAKE_NS);
	CHECK(rig.yields > 100);
	look_missed(binding, missed, WAKE_NS);
	CHECK_EQ(binding->far.misses, 1);
	missed = NULL;
	rig.yields = 0;
	rig.on_yield = comes_at_third;
	CHECK(look_on(&wait, &missed));
	CHECK_EQ(binding->far.misses, 0);
	CHECK(!missed);
	end();
}

/* The daemon looks on with this CPU, and nobody else wants it: asleep we do not take it from the daemon. */
static void test_far_better_asleep(void)
{
	begin();
	wait.peer = rig.high.bell;
	rig.high.bell->holder = BELL_DAEMON;
	rig.node_bell->cpu = rig.cpu + 1;
	CHECK(!look_on(&wait, &missed));
	CHECK_EQ(rig.yields, 1);
	CHECK(!missed);
	/* With a crowd its wakes would cost most. */
	rig.yields = 0;
	rig.yield_takes_ns = 5 * SWITCH_NS;
	CHECK(!look_on(&wait, &missed));
	CHECK(rig.yields > 10);
	CHECK(missed == &binding->far);
	end();
}

/* Each 64 waits what was run is told; the part that is too long for so many waits was other work. */
static void test_counts_talk(void)
{
	begin();
	word = 2;
	binding->ran_ns = 100;
	for (int i = 0; i < 63; i++)
		CHECK(look_on(&wait, &missed));
	CHECK_EQ(rig.node_bell->talk[rig.cpu].ns, 0);
	CHECK(look_on(&wait, &missed));
	CHECK(rig.node_bell->talk[rig.cpu].ns >= 100);
	CHECK_EQ(binding->ran_ns, 0);
	rig.node_bell->talk[rig.cpu].ns = 0;
	binding->ran_ns = 10 * OS_SECOND_NS;
	for (int i = 0; i < 64; i++)
		CHECK(look_on(&wait, &missed));
	CHECK_EQ(rig.node_bell->talk[rig.cpu].ns, 64 * 8 * SWITCH_NS);
	/* A move has brought us to another clock. */
	rig.node_bell->talk[rig.cpu].ns = 0;
	binding->ran_ns = -10 * OS_SECOND_NS;
	for (int i = 0; i < 64; i++)
		CHECK(look_on(&wait, &missed));
	CHECK_EQ(rig.node_bell->talk[rig.cpu].ns, 0);
	end();
}

static void test_shows_its_cpu(void)
{
	begin();
	rig.cpu = 5;
	look_give_cpu(binding, rig.now_ns);
	CHECK_EQ(rig.bell->cpu, 0);
	look_got_cpu(binding, rig.now_ns);
	CHECK_EQ(rig.bell->cpu, 6);
	end();
}

int main(void)
{
	RIG_TEST(test_learns_costs);
	RIG_TEST(test_there_already);
	RIG_TEST(test_spins_in_vain);
	RIG_TEST(test_late_is_no_miss);
	RIG_TEST(test_rewarded);
	RIG_TEST(test_ends_with_the_time);
	RIG_TEST(test_wanted);
	RIG_TEST(test_came_by_yield);
	RIG_TEST(test_yields_are_few);
	RIG_TEST(test_strangers);
	RIG_TEST(test_other_talkers);
	RIG_TEST(test_beside);
	RIG_TEST(test_far);
	RIG_TEST(test_far_better_asleep);
	RIG_TEST(test_counts_talk);
	RIG_TEST(test_shows_its_cpu);
	return test_end();
}
