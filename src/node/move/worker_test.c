/* SPDX-License-Identifier: Apache-2.0 */

/* The tables of both sides are whole: nothing is asked for that nobody does, or awaited that nobody says. */

#include "base/test.h"
#include "core/driver_fixture.h"
#include "node/move/target_part.h"
#include "node/move/source_part.h"

static void test_source(void)
{
	check_side(&source_side);
}

static void test_target(void)
{
	check_side(&target_side);
}

int main(void)
{
	TEST(test_source);
	TEST(test_target);
	return test_end();
}
