/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

#include <string.h>

#include "base/test.h"

static void test_all_bytes(void)
{
	char text[2];

	for (unsigned value = 0; value < 256; value++) {
		uint8_t byte = (uint8_t)value, again;

		CHECK(hex_print(text, &byte, 1) == text + 2);
		CHECK(hex_parse(text, &again, 1));
		CHECK_EQ(again, value);
	}
}

static void test_several(void)
{
	static const uint8_t bytes[] = { 0x00, 0xa9, 0xff };
	char text[] = "......|";
	uint8_t again[3];

	hex_print(text, bytes, 3);
	CHECK(!strcmp(text, "00a9ff|"));
	CHECK(hex_parse(text, again, 3));
	CHECK(!memcmp(again, bytes, 3));
}

/* All characters but sixteen are none, at either place. */
static void test_no_digits(void)
{
	unsigned digits = 0;
	uint8_t byte;

	for (int c = 0; c < 256; c++) {
		const char first[] = { (char)c, '0' }, second[] = { '0', (char)c };

		CHECK_EQ(hex_parse(first, &byte, 1), hex_parse(second, &byte, 1));
		digits += hex_parse(first, &byte, 1);
	}
	CHECK_EQ(digits, 16);
	CHECK(!hex_parse("0A", &byte, 1));
}

int main(void)
{
	TEST(test_all_bytes);
	TEST(test_several);
	TEST(test_no_digits);
	return test_end();
}
