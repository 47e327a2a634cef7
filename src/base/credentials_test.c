/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/credentials.h"
#include "base/test.h"

static const struct asker user = { .uid = 1000, .gid = 1000 };
static const struct credentials of_user = { .uid = { 1000, 1000, 1000 },
					    .gid = { 1000, 1000, 1000 },
					    .dumpable = true };
static const struct credentials of_root = { .permitted = 0xffff, .dumpable = true };

static void test_a_user_and_its_own(void)
{
	CHECK(asker_may_access(&user, &of_user));
	CHECK(!asker_may_access(&user, &of_root));
	CHECK(!asker_may_all(&user));
}

/* Each of the six has to be the asker's: another one in one place is a right that it does not have. */
static void test_each_id_counts(void)
{
	for (int i = 0; i < 3; i++) {
		struct credentials other = of_user;

		other.uid[i] = 0;
		CHECK(!asker_may_access(&user, &other));
		other = of_user;
		other.gid[i] = 0;
		CHECK(!asker_may_access(&user, &other));
	}
}

static void test_what_is_not_dumpable(void)
{
	struct credentials other = of_user;

	other.dumpable = false;
	CHECK(!asker_may_access(&user, &other));
}

static void test_capabilities_that_the_asker_lacks(void)
{
	struct credentials other = of_user;
	struct asker asker = user;

	other.permitted = 6;
	CHECK(!asker_may_access(&asker, &other));
	asker.permitted = 2;
	CHECK(!asker_may_access(&asker, &other));
	asker.permitted = 7;
	CHECK(asker_may_access(&asker, &other));
}

static void test_root_without_the_right_to_trace(void)
{
	struct asker root = { .permitted = 0xff };

	CHECK(!asker_may_access(&root, &of_user));
	CHECK(!asker_may_access(&root, &of_root));
	root.permitted = 0xffff;
	CHECK(asker_may_access(&root, &of_root));
	root.may_trace = true;
	CHECK(asker_may_access(&root, &of_user));
	CHECK(asker_may_all(&root));
}

/* A process that makes a user namespace has all capabilities in it, and they are worth nothing outside. */
static void test_user_namespaces(void)
{
	struct asker asker = {
		.uid = 1000, .gid = 1000, .permitted = 0xffff, .user_ns = 77, .may_trace = true
	};
	struct credentials other = of_user;

	CHECK(!asker_may_all(&asker));
	CHECK(!asker_may_access(&asker, &other));
	other.user_ns = 77;
	CHECK(asker_may_access(&asker, &other));
	asker.user_ns = other.user_ns = CREDENTIALS_FOREIGN;
	CHECK(!asker_may_access(&asker, &other));
	CHECK(!asker_may_access(&user, &other));
}

static void test_there_and_back(void)
{
	static const struct asker askers[] = {
		{ .uid = 1000, .gid = 77 },
		{ .permitted = 0x1ffffffffff, .may_trace = true },
		{ .uid = UINT32_MAX, .gid = UINT32_MAX, .permitted = 1 },
	};
	uint8_t buf[CREDENTIALS_ASKER_BYTES];
	struct asker back;

	for (unsigned i = 0; i < 3; i++) {
		asker_encode(buf, &askers[i]);
		CHECK(asker_decode(&back, buf));
		CHECK_EQ(back.uid, askers[i].uid);
		CHECK_EQ(back.gid, askers[i].gid);
		CHECK_EQ(back.permitted, askers[i].permitted);
		CHECK_EQ(back.may_trace, askers[i].may_trace);
		CHECK_EQ(back.user_ns, 0);
	}
}

/* A user that is root in a namespace of one node is nobody on another. */
static void test_a_namespace_does_not_travel(void)
{
	struct asker asker = { .permitted = 0xff, .user_ns = 4026531999, .may_trace = true }, back;
	uint8_t buf[CREDENTIALS_ASKER_BYTES];

	asker_encode(buf, &asker);
	CHECK(asker_decode(&back, buf));
	CHECK_EQ(back.user_ns, CREDENTIALS_FOREIGN);
	CHECK(!asker_may_all(&back));
	CHECK(!asker_may_access(&back, &of_root));
}

static void test_what_nobody_says(void)
{
	uint8_t good[CREDENTIALS_ASKER_BYTES], buf[CREDENTIALS_ASKER_BYTES];
	static const struct {
		int at;
		uint8_t value;
	} bad[] = { { 16, 4 }, { 16, 3 }, { 19, 1 }, { 20, 1 }, { 23, 1 }, { 15, 1 }, { 14, 1 } };
	struct asker back;

	asker_encode(good, &user);
	CHECK(asker_decode(&back, good));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		memcpy(buf, good, sizeof(buf));
		buf[bad[i].at] = bad[i].value;
		CHECK(!asker_decode(&back, buf));
	}
}

int main(void)
{
	TEST(test_a_user_and_its_own);
	TEST(test_each_id_counts);
	TEST(test_what_is_not_dumpable);
	TEST(test_capabilities_that_the_asker_lacks);
	TEST(test_root_without_the_right_to_trace);
	TEST(test_user_namespaces);
	TEST(test_there_and_back);
	TEST(test_a_namespace_does_not_travel);
	TEST(test_what_nobody_says);
	return test_end();
}
