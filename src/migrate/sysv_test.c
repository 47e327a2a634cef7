/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/sysv.h"

#include <string.h>
#include <unistd.h>

#include "base/test.h"

static void test_memory(void)
{
	int32_t id = -1;

	CHECK(sysv_is_memory(sysv_memory_of(0), &id) && id == 0);
	CHECK(sysv_is_memory(sysv_memory_of(INT32_MAX), &id) && id == INT32_MAX);
	CHECK(!sysv_is_memory(5, &id) && !sysv_is_memory(1ull << 63 | 5, &id));
	CHECK(!sysv_is_memory(3ull << 62 | 5, &id) &&
	      !sysv_is_memory(1ull << 62 | 1ull << 31, &id));
}

static void test_table(void)
{
	struct sysv sysv = { 0 };
	struct image_sysv image = { .kind = OS_SYSV_SEMAPHORES, .id = 4, .key = 0x51, .count = 1 };

	for (int i = 0; i < 20; i++) {
		image.id = i;
		image.kind = i < 10 ? OS_SYSV_SEMAPHORES : OS_SYSV_MEMORY;
		CHECK(sysv_append(&sysv, &image));
	}
	CHECK_EQ(sysv.count, 20);
	CHECK(sysv_segment(&sysv, sysv_memory_of(12)) == &sysv.object[12]);
	CHECK(!sysv_segment(&sysv, sysv_memory_of(4)) && !sysv_segment(&sysv, 12));
	sysv.object[3].fd = dup(0);
	CHECK_EQ(contents_append(&sysv.object[3].contents, "ab", 2), 0);
	sysv.space = dup(0);
	sysv_clear(&sysv);
	CHECK(sysv.count == 0 && sysv.space == 0);
	sysv_free(&sysv);
}

static void test_names(void)
{
	const struct image_sysv set = { .kind = OS_SYSV_SEMAPHORES, .id = 4, .key = 0x51 };
	const struct image_sysv memory = { .kind = OS_SYSV_MEMORY, .id = INT32_MAX, .key = -1 };
	char name[SYSV_NAME_BYTES];

	CHECK(!strcmp(sysv_name(&set, name), "semaphores 4 (System V, key 0x51)"));
	CHECK(!strcmp(sysv_name(&memory, name),
		      "shared memory 2147483647 (System V, key 0xffffffff)"));
}

int main(void)
{
	TEST(test_memory);
	TEST(test_table);
	TEST(test_names);
	return test_end();
}
