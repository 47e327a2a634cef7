/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/contents.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "wire/image.h"

/* The pieces come back as they were put in, in their order. */
static void test_pieces(void)
{
	struct contents contents = { 0 };
	uint32_t at = 0, length = 0;

	CHECK(!contents_next(&contents, &at, &length));
	CHECK_EQ(contents_append(&contents, "first", 5), 0);
	CHECK_EQ(contents_append(&contents, "2", 1), 0);
	const uint8_t *piece = contents_next(&contents, &at, &length);

	CHECK(piece && length == 5 && memcmp(piece, "first", 5) == 0);
	piece = contents_next(&contents, &at, &length);
	CHECK(piece && length == 1 && *piece == '2');
	CHECK(!contents_next(&contents, &at, &length));
	contents_free(&contents);
	CHECK(!contents.bytes && !contents.length && !contents.capacity);
}

/* The limit counts the four bytes before each piece; a piece that is refused leaves no trace. */
static void test_limit(void)
{
	static const uint8_t bytes[IMAGE_CONTENTS_BYTES_MAX];
	const uint32_t each = IMAGE_CONTENTS_BYTES_MAX + 4;
	struct contents contents = { 0 };
	uint32_t count = 0, at = 0, length = 0;
	int r;

	while ((r = contents_append(&contents, bytes, IMAGE_CONTENTS_BYTES_MAX)) == 0)
		count++;
	CHECK_EQ(r, -E2BIG);
	CHECK_EQ(count, IMAGE_CONTENTS_MAX / each);
	CHECK_EQ(contents.length, count * each);
	uint32_t left = IMAGE_CONTENTS_MAX - contents.length;

	CHECK_EQ(contents_append(&contents, bytes, left - 3), -E2BIG);
	CHECK_EQ(contents_append(&contents, bytes, left - 4), 0);
	CHECK_EQ(contents.length, IMAGE_CONTENTS_MAX);
	for (count = 0; contents_next(&contents, &at, &length);)
		count++;
	CHECK_EQ(count, IMAGE_CONTENTS_MAX / each + 1);
	CHECK_EQ(length, left - 4);
	contents_free(&contents);
}

int main(void)
{
	TEST(test_pieces);
	TEST(test_limit);
	return test_end();
}
