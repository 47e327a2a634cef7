/* SPDX-License-Identifier: Apache-2.0 */
#include "os/kept.h"

#include <stddef.h>

#include "base/test.h"

static unsigned changed_count(void)
{
	unsigned count = 0;

	for (const struct os_kept *at = os_kept_changed(); at; at = at->next)
		count++;
	return count;
}

static void test_a_change_is_told_once(void)
{
	struct os_kept a = { 0 }, b = { 0 };

	CHECK(!os_kept_has_changed());
	os_kept_begin(&a, 7);
	os_kept_begin(&b, 7);
	CHECK(b.number > a.number);
	CHECK_EQ(changed_count(), 2);
	os_kept_settle();
	CHECK(!os_kept_has_changed());
	CHECK_EQ(changed_count(), 0);
	os_kept_note(&a);
	os_kept_note(&a);
	CHECK_EQ(changed_count(), 1);
	CHECK(os_kept_changed() == &a);
	CHECK(os_kept_has_changed());
	os_kept_end(&a);
	os_kept_end(&b);
	CHECK_EQ(changed_count(), 0);
	os_kept_settle();
}

static void test_an_end_has_a_name(void)
{
	const struct os_kept_end *ends;
	struct os_kept thing = { 0 }, none = { 0 };
	unsigned count;
	uint64_t number;

	os_kept_begin(&thing, 9);
	number = thing.number;
	os_kept_settle();
	os_kept_end(&thing);
	os_kept_end(&thing); /* it is none any more */
	os_kept_note(&none);
	os_kept_end(&none);
	CHECK(os_kept_ended(&ends, &count));
	CHECK_EQ(count, 1);
	CHECK_EQ(ends[0].number, number);
	CHECK_EQ(ends[0].kind, 9);
	os_kept_settle();
	CHECK(os_kept_ended(&ends, &count) && !count);
}

/* The middle, the first and the last of the list. */
static void test_some_of_many_end(void)
{
	struct os_kept things[5] = { 0 };
	static const int order[] = { 2, 4, 0 };

	for (int i = 0; i < 5; i++)
		os_kept_begin(&things[i], 1);
	for (unsigned i = 0; i < 3; i++)
		os_kept_end(&things[order[i]]);
	CHECK_EQ(changed_count(), 2);
	os_kept_end(&things[1]);
	CHECK(os_kept_changed() == &things[3]);
	os_kept_end(&things[3]);
	CHECK(!os_kept_changed());
	os_kept_settle();
}

static void test_too_many_ends(void)
{
	const struct os_kept_end *ends;
	struct os_kept thing = { 0 };
	unsigned count;

	for (unsigned i = 0; i < OS_KEPT_ENDS_MAX; i++) {
		os_kept_begin(&thing, 1);
		os_kept_end(&thing);
	}
	CHECK(os_kept_ended(&ends, &count) && count == OS_KEPT_ENDS_MAX);
	for (int i = 0; i < 3; i++) {
		os_kept_begin(&thing, 1);
		os_kept_end(&thing);
		CHECK(!os_kept_ended(&ends, &count));
	}
	os_kept_settle();
	CHECK(os_kept_ended(&ends, &count));
}

static void test_the_young_are_above_the_adopted(void)
{
	struct os_kept old = { 0 }, older = { 0 }, young = { 0 };

	os_kept_adopt(&old, 3, UINT64_C(1) << 40);
	os_kept_adopt(&older, 3, 5);
	os_kept_begin(&young, 3);
	CHECK_EQ(older.number, 5);
	CHECK(young.number > old.number);
	os_kept_end(&old);
	os_kept_end(&older);
	os_kept_end(&young);
	os_kept_settle();
}

static void test_nobody_watches(void)
{
	const struct os_kept_end *ends;
	struct os_kept thing = { 0 };
	unsigned count;

	os_kept_watch(false);
	os_kept_begin(&thing, 1);
	CHECK(thing.number > 0);
	CHECK(!os_kept_changed() && !os_kept_has_changed());
	os_kept_watch(true);
	CHECK(!os_kept_changed() && !os_kept_has_changed());
	os_kept_note(&thing);
	CHECK(os_kept_changed() == &thing);
	os_kept_watch(false);
	CHECK(!os_kept_changed());
	os_kept_end(&thing);
	CHECK(os_kept_ended(&ends, &count) && !count);
}

int main(void)
{
	os_kept_watch(true);
	TEST(test_a_change_is_told_once);
	TEST(test_an_end_has_a_name);
	TEST(test_some_of_many_end);
	TEST(test_too_many_ends);
	TEST(test_the_young_are_above_the_adopted);
	TEST(test_nobody_watches);
	return test_end();
}
