/* SPDX-License-Identifier: Apache-2.0 */
#include "os/seal.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"

static const uint8_t secret[OS_SEAL_SECRET_BYTES] = { 1, 2, 3 };
static const uint8_t nonce[OS_SEAL_NONCE_BYTES] = { 4 };
static const char text[] = "what is in the file";
static const struct os_seal_beside head = { "head", 4 };

static void test_comes_back(void)
{
	struct os_seal *seal = os_seal_new(secret);
	uint8_t tag[OS_SEAL_TAG_BYTES];
	char bytes[sizeof(text)];

	CHECK_OR_RETURN(seal);
	memcpy(bytes, text, sizeof(text));
	CHECK_EQ(os_seal_close(seal, nonce, head, bytes, sizeof(bytes), tag), 0);
	CHECK(memcmp(bytes, text, sizeof(text)));
	CHECK_EQ(os_seal_open(seal, nonce, head, bytes, sizeof(bytes), tag), 0);
	CHECK(!memcmp(bytes, text, sizeof(text)));
	CHECK(!os_seal_free(seal));
}

/* Opens what was sealed under `with`, and changed at one place: 0..len-1 of bytes, then the tag. */
static int open_changed(const uint8_t *with, const uint8_t *by, struct os_seal_beside beside,
			int place)
{
	struct os_seal *seal = os_seal_new(secret);
	uint8_t tag[OS_SEAL_TAG_BYTES];
	char bytes[sizeof(text)];
	int r;

	memcpy(bytes, text, sizeof(text));
	CHECK_EQ(os_seal_close(seal, with, head, bytes, sizeof(bytes), tag), 0);
	if (place >= 0 && place < (int)sizeof(bytes))
		bytes[place] ^= 1;
	else if (place >= 0)
		tag[place - (int)sizeof(bytes)] ^= 0x80;
	r = os_seal_open(seal, by, beside, bytes, sizeof(bytes), tag);
	os_seal_free(seal);
	return r;
}

static void test_every_change_is_found(void)
{
	static const uint8_t other[OS_SEAL_NONCE_BYTES] = { 5 };

	CHECK_EQ(open_changed(nonce, nonce, head, -1), 0);
	for (int place = 0; place < (int)sizeof(text) + OS_SEAL_TAG_BYTES; place++)
		CHECK_EQ(open_changed(nonce, nonce, head, place), -EBADMSG);
	CHECK_EQ(open_changed(nonce, other, head, -1), -EBADMSG);
	CHECK_EQ(open_changed(nonce, nonce, (struct os_seal_beside){ "heat", 4 }, -1), -EBADMSG);
}

static void test_another_secret(void)
{
	static const uint8_t foreign[OS_SEAL_SECRET_BYTES] = { 9 };
	struct os_seal *seal = os_seal_new(secret), *other = os_seal_new(foreign);
	uint8_t tag[OS_SEAL_TAG_BYTES];

	CHECK_EQ(os_seal_close(seal, nonce, head, NULL, 0, tag), 0);
	CHECK_EQ(os_seal_open(other, nonce, head, NULL, 0, tag), -EBADMSG);
	CHECK_EQ(os_seal_open(seal, nonce, head, NULL, 0, tag), 0);
	os_seal_free(other);
	os_seal_free(seal);
	CHECK(!os_seal_free(NULL));
}

int main(void)
{
	TEST(test_comes_back);
	TEST(test_every_change_is_found);
	TEST(test_another_secret);
	return test_end();
}
