/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of a process that moves: how far they are ahead of the target's. */
#include "migrate/clocks.h"

#include <errno.h>
#include <time.h>

#include "base/test.h"
#include "migrate/restore_test.h"
#include "os/clock.h"

#define SECOND	 1000000000ll
#define NEW_TIME 0x80 /* CLONE_NEWTIME */
#define OFFSETS	 "monotonic           5         6\nboottime           -7 999999999\n"

static void test_parsed(void)
{
	struct clocks clocks = { 1, 2 };

	CHECK(clocks_parse(OFFSETS, &clocks));
	CHECK_EQ(clocks.monotonic_ns, 5 * SECOND + 6);
	CHECK_EQ(clocks.boottime_ns, -6 * SECOND - 1); /* nanoseconds count upwards */
	CHECK(!clocks_parse("monotonic 5 6\n", &clocks));
	CHECK(clocks.monotonic_ns == 0 && clocks.boottime_ns == 0); /* the machine's own */
	CHECK(!clocks_parse("", &clocks));
}

static void test_printed(void)
{
	static const struct {
		struct clocks clocks;
		const char *text;
	} cases[] = {
		{ { 0, 0 }, "monotonic 0 0\nboottime 0 0\n" },
		{ { 5 * SECOND + 6, -1 }, "monotonic 5 6\nboottime -1 999999999\n" },
		{ { -SECOND, -SECOND - 1 }, "monotonic -1 0\nboottime -2 999999999\n" },
		{ { INT64_MIN, INT64_MAX },
		  "monotonic -9223372037 145224192\nboottime 9223372036 854775807\n" },
	};
	char text[CLOCKS_TEXT_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct clocks again;

		clocks_print(&cases[i].clocks, text);
		CHECK(strcmp(text, cases[i].text) == 0);
		CHECK(i == 3 || (clocks_parse(text, &again) &&
				 again.monotonic_ns == cases[i].clocks.monotonic_ns &&
				 again.boottime_ns == cases[i].clocks.boottime_ns));
	}
}

/* On one machine the process keeps its offsets; on another one its clocks go on, and never back. */
static void test_wanted(void)
{
	const struct image_machine image = { .monotonic_ns = 100 * SECOND,
					     .boottime_ns = 300 * SECOND,
					     .monotonic_offset_ns = 11,
					     .boottime_offset_ns = -22 };
	const struct clocks later = { 70 * SECOND, 20 * SECOND }, earlier = { 500 * SECOND, 0 };
	struct clocks wanted = clocks_wanted(&image, NULL);

	CHECK(wanted.monotonic_ns == 11 && wanted.boottime_ns == -22);
	wanted = clocks_wanted(&image, &later);
	CHECK(wanted.monotonic_ns > 30 * SECOND && wanted.monotonic_ns < 31 * SECOND);
	CHECK(wanted.boottime_ns > 280 * SECOND && wanted.boottime_ns < 281 * SECOND);
	wanted = clocks_wanted(&image, &earlier);
	CHECK(wanted.monotonic_ns > -400 * SECOND && wanted.monotonic_ns < -399 * SECOND);
}

/* The clocks as the process sees them, whatever namespace the test is in. */
static void test_described(void)
{
	struct image_machine own = { 0 }, image = { 0 };
	struct made_proc made;

	made_proc_open(&made);
	clocks_describe(made.dir, &own); /* a kernel without time namespaces */
	CHECK(own.monotonic_offset_ns == 0 && own.boottime_offset_ns == 0);
	made_proc_text(&made, "timens_offsets", OFFSETS);
	clocks_describe(made.dir, &image);
	CHECK_EQ(image.monotonic_offset_ns, 5 * SECOND + 6);
	CHECK_EQ(image.boottime_offset_ns, -6 * SECOND - 1);
	int64_t passed = (int64_t)image.monotonic_ns - (int64_t)own.monotonic_ns - 5 * SECOND - 6;

	CHECK(passed >= 0 && passed < 5 * SECOND);
	CHECK_EQ(clocks_ahead(made.dir, CLOCK_MONOTONIC), 5 * SECOND + 6);
	CHECK_EQ(clocks_ahead(made.dir, CLOCK_BOOTTIME), -6 * SECOND - 1);
	CHECK_EQ(clocks_ahead(made.dir, CLOCK_REALTIME), 0);
	made_proc_close(&made);
}

static int give(int64_t monotonic_ns, int64_t boottime_ns, bool same_machine)
{
	const struct image_machine image = { .monotonic_offset_ns = monotonic_ns,
					     .boottime_offset_ns = boottime_ns,
					     .monotonic_ns = 1000000 * SECOND,
					     .boottime_ns = 1000000 * SECOND };

	refusal_clear(&restore_refusal);
	return clocks_restore(restore, &image, same_machine, &restore_refusal);
}

/* A shell that has these clocks is left alone; another one makes a namespace for its children first. */
static void test_given(void)
{
	restore_begin();
	CHECK_EQ(give(0, 0, true), 0); /* nothing is needed, be there namespaces or not */
	CHECK(is_refusal(
		give(1, 0, true), &restore_refusal, EDVSPROCSTS,
		"cannot give the process the clocks it had (time namespace): Function not"));
	CHECK_EQ(restore->calls.count, 0);
	made_proc_text(&restore_proc, "timens_offsets", OFFSETS);
	CHECK_EQ(give(5 * SECOND + 6, -6 * SECOND - 1, true), 0);
	CHECK_EQ(restore->calls.count, 0);
	CHECK(restore_listed(give(5 * SECOND + 7, -6 * SECOND - 1, true)));
	CHECK_EQ(restore_call(0, SYS_unshare)->arg[0], NEW_TIME);
	CHECK_EQ(restore->calls.count, 1);
	CHECK(restore_listed(give(5 * SECOND + 6, -6 * SECOND - 1, false)));
	restore_end();
}

int main(void)
{
	TEST(test_parsed);
	TEST(test_printed);
	TEST(test_wanted);
	TEST(test_described);
	TEST(test_given);
	return test_end();
}
