/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/restore.h"

#include <errno.h>

#include "base/test.h"
#include "migrate/restore_test.h"

/* A shell without a vdso has no way in. */
static void test_no_vdso(void)
{
	const struct maps wanted = { 0 };

	restore_begin();
	CHECK(is_refusal(restore_enter(restore, &wanted, &restore_refusal), &restore_refusal,
			 EDVSPROCSTS, "the target has no vdso"));
	restore_end();
}

static void have_vdso(struct maps *maps, uint64_t at)
{
	maps->special[0] = (struct image_special){ "vdso", at, 0x2000 };
	maps->special_count = 1;
}

/* A copy of an entered shell does nothing where its foothold and its vdso can stay. */
static void test_enter_copy(void)
{
	const struct image_map there = { .start = LISTED_BASE + 0x1000,
					 .end = LISTED_BASE + 0x2000 };
	struct maps wanted = { 0 };

	restore_begin();
	have_vdso(&restore->own, 0x50007000);
	have_vdso(&wanted, 0x50007000);
	CHECK_EQ(restore_enter_copy(restore, &wanted, &restore_refusal), 0);
	CHECK(restore->calls.count == 0 && restore->foothold.base.at == LISTED_BASE);
	have_vdso(&wanted, 0x50009000);
	CHECK(restore_listed(restore_enter_copy(restore, &wanted, &restore_refusal)));
	CHECK_EQ(restore->calls.count, 2);
	CHECK_EQ(restore_call(1, SYS_mremap)->arg[4], 0x50009000);
	/* Where something has its place it is one of the mappings that go. */
	refusal_clear(&restore_refusal);
	CHECK_EQ(maps_append(&wanted, &there), 0);
	CHECK(restore_enter_copy(restore, &wanted, &restore_refusal) < 0);
	CHECK(restore->own.count == 1 && restore->own.map[0].start == LISTED_BASE &&
	      restore->own.map[0].end == LISTED_BASE + FOOTHOLD_BYTES);
	CHECK_EQ(restore->foothold.base.at, 0);
	maps_free(&wanted);
	restore_end();
}

int main(void)
{
	TEST(test_no_vdso);
	TEST(test_enter_copy);
	return test_end();
}
