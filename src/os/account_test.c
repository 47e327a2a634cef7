/* SPDX-License-Identifier: Apache-2.0 */
#include "os/account.h"

#include "base/test.h"

static void test_numbers(void)
{
	uint32_t id = 7;

	CHECK(os_account_user("0", &id));
	CHECK_EQ(id, 0);
	CHECK(os_account_user("4294967294", &id));
	CHECK_EQ(id, 4294967294u);
	CHECK(os_account_group("1000", &id));
	CHECK_EQ(id, 1000);
}

static void test_names(void)
{
	uint32_t id = 7;

	CHECK(os_account_user("root", &id));
	CHECK_EQ(id, 0);
	id = 7;
	CHECK(os_account_group("root", &id));
	CHECK_EQ(id, 0);
}

static void test_what_is_none(void)
{
	static const char *const none[] = { "",
					    "-1",
					    "4294967295",
					    "4294967296",
					    "99999999999999999999999",
					    "1000x",
					    " 1000",
					    "no-such-name-on-any-machine" };
	uint32_t id = 7;

	for (unsigned i = 0; i < sizeof(none) / sizeof(*none); i++) {
		CHECK(!os_account_user(none[i], &id));
		CHECK(!os_account_group(none[i], &id));
	}
	CHECK_EQ(id, 7);
}

int main(void)
{
	TEST(test_numbers);
	TEST(test_names);
	TEST(test_what_is_none);
	return test_end();
}
