/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/fault.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "dvk/errors.h"

/* Every point has a name of its own, which says the side that it is on. */
static void test_names(void)
{
	CHECK(!fault_name(FAULT_NONE));
	CHECK(!fault_name(FAULT_COUNT));
	for (int i = FAULT_NONE + 1; i < FAULT_COUNT; i++) {
		const char *name = fault_name((enum fault_point)i);

		CHECK_OR_RETURN(name);
		CHECK(strncmp(name, i < FAULT_TARGET_CHECK ? "source_" : "target_", 7) == 0);
		for (int other = FAULT_NONE + 1; other < i; other++)
			CHECK(strcmp(name, fault_name((enum fault_point)other)));
	}
}

/* The point that is chosen fails, and no other one. */
static void test_chosen(void)
{
	for (int chosen = FAULT_NONE + 1; chosen < FAULT_COUNT; chosen++) {
		setenv("DVS_FAULT", fault_name((enum fault_point)chosen), 1);
		for (int i = FAULT_NONE + 1; i < FAULT_COUNT; i++) {
			struct refusal refusal = REFUSAL_NONE;

			CHECK_EQ(fault_here((enum fault_point)i, &refusal),
				 i == chosen ? EDVSGENERIC : 0);
			CHECK_EQ(strstr(refusal.reason, fault_name((enum fault_point)i)) != NULL,
				 i == chosen);
		}
	}
}

static void test_none(void)
{
	struct refusal refusal = REFUSAL_NONE;

	unsetenv("DVS_FAULT");
	CHECK_EQ(fault_here(FAULT_SOURCE_CHECK, &refusal), 0);
	setenv("DVS_FAULT", "source_check:exit", 1); /* a name of the daemon's kind */
	CHECK_EQ(fault_here(FAULT_SOURCE_CHECK, &refusal), 0);
	CHECK_EQ(refusal.error, 0);
}

int main(void)
{
	TEST(test_names);
	TEST(test_chosen);
	TEST(test_none);
	return test_end();
}
