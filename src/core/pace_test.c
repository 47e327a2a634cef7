/* SPDX-License-Identifier: Apache-2.0 */

/* A sender whose link and packer have the speeds that each test says. */

#include "base/test.h"
#include "core/pace.h"

#define PART (128u * 1024)

static struct pace pace;
static double acked, busy_us;
static double link_ns; /* a byte */
static double cost_ns[PACE_LEVELS];
static double ratio[PACE_LEVELS];
static int sent[PACE_LEVELS], asked;

/* One part: packed or not. */
static void send_part(void)
{
	int level = pace_level(&pace);
	uint32_t bytes = PART;

	if (level) {
		bytes = (uint32_t)(PART * ratio[level]);
		pace_on_packed(&pace, level, PART, bytes, (int64_t)(PART * cost_ns[level]));
	}
	acked += bytes;
	busy_us += bytes * link_ns / 1000;
	if (pace_on_sent(&pace, bytes)) {
		asked++;
		pace_on_link(&pace, (uint64_t)acked, (uint64_t)busy_us);
	}
	sent[level]++;
}

static void send_parts(int count)
{
	for (int level = 0; level < PACE_LEVELS; level++)
		sent[level] = 0;
	for (int i = 0; i < count; i++)
		send_part();
}

static void set_up(double link, double quick, double thorough)
{
	pace_init(&pace);
	acked = busy_us = 0;
	asked = 0;
	link_ns = link;
	cost_ns[1] = quick;
	cost_ns[2] = thorough;
	ratio[1] = 0.45;
	ratio[2] = 0.36;
}

/* 10 Gbit/s: faster than any packing, and not even tried. */
static void test_fast_link(void)
{
	set_up(0.8, 2.5, 14);
	send_parts(10000);
	CHECK_EQ(sent[0], 10000);
	/* Every 2 ms: of 1.25 GB about once for 2.5 MB. */
	CHECK(asked > 400 && asked < 600);
}

/* 1 Gbit/s: quick packing pays. */
static void test_fair_link(void)
{
	set_up(8, 2.5, 14);
	send_parts(1000);
	CHECK(sent[1] > 980);
}

/* 100 Mbit/s: there is time for thorough packing. */
static void test_slow_link(void)
{
	set_up(80, 2.5, 14);
	send_parts(1000);
	CHECK(sent[2] > 980);
}

/* A slow CPU: thorough packing takes longer than it saves. */
static void test_slow_cpu(void)
{
	set_up(80, 9, 120);
	send_parts(1000);
	CHECK(sent[1] > 970);
}

/* Data that does not shrink is tried rarely, and is found when it shrinks again. */
static void test_data_that_does_not_shrink(void)
{
	set_up(80, 1, 10);
	ratio[1] = ratio[2] = 1;
	send_parts(2000);
	CHECK(sent[0] > 2000 - 2000 / PACE_SKIP_MAX - 10);
	pace_on_other_data(&pace);
	CHECK(pace_level(&pace) > 0);
	send_parts(2000);
	ratio[1] = 0.4;
	ratio[2] = 0.3;
	send_parts(PACE_SKIP_MAX + 1);
	send_parts(100);
	CHECK_EQ(sent[0], 0);
}

/* A link that gets faster is noticed, and one that gets slower. */
static void test_link_that_changes(void)
{
	set_up(80, 2.5, 14);
	send_parts(100);
	CHECK(sent[0] < 10);
	link_ns = 0.5;
	send_parts(50);
	send_parts(100);
	CHECK_EQ(sent[0], 100);
	link_ns = 80;
	send_parts(100);
	send_parts(100);
	CHECK_EQ(sent[0], 0);
}

/* Counts of another connection, or of one that does not count, say nothing. */
static void test_counts_that_go_back(void)
{
	set_up(80, 2.5, 14);
	for (int i = 0; i < 100; i++)
		pace_on_link(&pace, 0, (uint64_t)i * 1000000);
	CHECK_EQ(pace.link_ps, 0);
	pace_on_link(&pace, 1000000, 100 * 1000000);
	pace_on_link(&pace, 5, 3);
	pace_on_link(&pace, 10, 1000000);
	CHECK_EQ(pace.acked, 5);
}

int main(void)
{
	TEST(test_fast_link);
	TEST(test_fair_link);
	TEST(test_slow_link);
	TEST(test_slow_cpu);
	TEST(test_data_that_does_not_shrink);
	TEST(test_link_that_changes);
	TEST(test_counts_that_go_back);
	return test_end();
}
