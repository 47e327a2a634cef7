/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/passed.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/test.h"

/* They are closed with the list, and belong to this process alone. */
static void test_owned(void)
{
	struct passed passed = { 0 };
	int first = dup(0);

	CHECK_EQ(passed_append(&passed, first), 0);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(passed_append(&passed, dup(0)), 0);
	CHECK_EQ(passed_open(&passed), 0);
	CHECK(passed_has(&passed, getpid(), first) && !passed_has(&passed, getppid(), first));
	CHECK(!passed_has(&passed, getpid(), 0));
	passed_clear(&passed);
	CHECK(!passed_has(&passed, getpid(), first) && !passed.dir);
	CHECK(fcntl(first, F_GETFD) < 0);
	passed_free(&passed);
}

int main(void)
{
	TEST(test_owned);
	return test_end();
}
