/* SPDX-License-Identifier: Apache-2.0 */

/* The test vectors of RFC 5869, appendix A, for SHA-256. */

#include "os/hkdf.h"

#include <stdbool.h>
#include <string.h>

#include "base/test.h"

static size_t from_text(const char *text, uint8_t *bytes)
{
	size_t n = strlen(text) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned value = 0;

		CHECK_EQ(sscanf(text + 2 * i, "%2x", &value), 1);
		bytes[i] = (uint8_t)value;
	}
	return n;
}

static bool gives(const char *key, const char *salt, const char *info, const char *want)
{
	uint8_t k[128], s[128], i[128], w[128], out[128];
	struct hkdf_input key_in = { k, from_text(key, k) }, salt_in = { s, from_text(salt, s) },
			  info_in = { i, from_text(info, i) };
	size_t len = from_text(want, w);

	return !os_hkdf(key_in, salt_in, info_in, out, len) && !memcmp(out, w, len);
}

static void test_basic(void)
{
	CHECK(gives(
		"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
		"f0f1f2f3f4f5f6f7f8f9",
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b88718"
		"5865"));
}

static void test_long(void)
{
	CHECK(gives("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526"
		    "2728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d"
		    "4e4f",
		    "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283848586"
		    "8788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacad"
		    "aeaf",
		    "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6"
		    "d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfd"
		    "feff",
		    "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac782"
		    "7271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3"
		    "434f1d87"));
}

static void test_no_salt_no_info(void)
{
	CHECK(gives("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
		    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b6"
		    "1a96c8"));
}

int main(void)
{
	TEST(test_basic);
	TEST(test_long);
	TEST(test_no_salt_no_info);
	return test_end();
}
