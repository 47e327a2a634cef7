/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/descriptors.h"

#include "base/test.h"

/* They are found by their numbers, which have gaps; and the table can be filled again. */
static void test_stand_for(void)
{
	struct descriptors descriptors = { 0 };

	CHECK_EQ(descriptors_stand_for(&descriptors, 0), 0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 100; i++) {
			const struct image_fd fd = { .number = 3 * i, .description = 500u - i };

			CHECK_EQ(descriptors_append(&descriptors, &fd), 0);
		}
		CHECK_EQ(descriptors.count, 100);
		for (int number = -1; number < 303; number++)
			CHECK_EQ(descriptors_stand_for(&descriptors, number),
				 number >= 0 && number < 300 && number % 3 == 0 ? 500 - number / 3
										: 0);
		CHECK_EQ(descriptors_number_of(&descriptors, 500), 0);
		CHECK_EQ(descriptors_number_of(&descriptors, 401), 297);
		CHECK_EQ(descriptors_number_of(&descriptors, 400), -1);
		descriptors_clear(&descriptors);
		CHECK_EQ(descriptors.count, 0);
	}
	descriptors_free(&descriptors);
	CHECK(!descriptors.fd && !descriptors.capacity);
}

int main(void)
{
	TEST(test_stand_for);
	return test_end();
}
