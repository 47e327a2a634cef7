/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/locks.h"

#include <errno.h>

#include "base/test.h"

static void test_table(void)
{
	struct locks locks = { 0 };
	struct image_lock lock = { .number = 3, .owner = IMAGE_LOCK_PROCESS };

	CHECK(!locks_exclude(&locks));
	for (uint32_t i = 0; i < 100; i++) {
		lock.start = i;
		CHECK_EQ(locks_append(&locks, &lock), 0);
	}
	CHECK(locks.count == 100 && locks.lock[99].start == 99 && !locks_exclude(&locks));
	lock.exclusive = 1;
	CHECK_EQ(locks_append(&locks, &lock), 0);
	CHECK(locks_exclude(&locks));
	while (locks.count < IMAGE_LOCKS_MAX && locks_append(&locks, &lock) == 0)
		continue;
	CHECK_EQ(locks_append(&locks, &lock), -E2BIG);
	locks_free(&locks);
	CHECK(!locks.count && !locks.lock);
}

int main(void)
{
	TEST(test_table);
	return test_end();
}
