/* SPDX-License-Identifier: Apache-2.0 */
#include "base/identity.h"

#include <string.h>

#include "base/test.h"

static const struct identity right = { .key = 0x7f3a91c2,
				       .purpose = 2,
				       .from = 3,
				       .to = 31,
				       .from_life = 0x01020304,
				       .to_life = 5,
				       .cluster = "dvs" };

static void test_there_and_back(void)
{
	uint8_t buf[IDENTITY_BYTES];
	struct identity back;

	identity_encode(&right, buf);
	CHECK_EQ(identity_decode(&back, buf, sizeof(buf)), 0);
	CHECK_EQ(back.key, right.key);
	CHECK_EQ(back.purpose, 2);
	CHECK_EQ(back.from, 3);
	CHECK_EQ(back.to, 31);
	CHECK_EQ(back.from_life, 0x01020304);
	CHECK_EQ(back.to_life, 5);
	CHECK(!strcmp(back.cluster, "dvs"));
}

/* Each byte of it matters: one that is changed gives another identity or none. */
static void test_every_byte(void)
{
	uint8_t buf[IDENTITY_BYTES], again[IDENTITY_BYTES];
	struct identity back;

	for (unsigned i = 0; i < IDENTITY_BYTES; i++) {
		identity_encode(&right, buf);
		buf[i] ^= 0x40;
		if (identity_decode(&back, buf, sizeof(buf)))
			continue;
		CHECK(memcmp(&back, &right, sizeof(back)) != 0);
		identity_encode(&back, again);
		CHECK(!memcmp(buf, again, sizeof(buf)));
	}
}

static void test_others(void)
{
	uint8_t buf[IDENTITY_BYTES + 1] = { 0 };
	struct identity back;

	CHECK(identity_decode(&back, buf, IDENTITY_BYTES) < 0);
	identity_encode(&right, buf);
	CHECK(identity_decode(&back, buf, IDENTITY_BYTES - 1) < 0);
	CHECK(identity_decode(&back, buf, IDENTITY_BYTES + 1) < 0);
	CHECK(identity_decode(&back, buf, 0) < 0);
	buf[IDENTITY_BYTES - 1] = 'x';
	CHECK(identity_decode(&back, buf, IDENTITY_BYTES) < 0);
}

int main(void)
{
	TEST(test_there_and_back);
	TEST(test_every_byte);
	TEST(test_others);
	return test_end();
}
