/* SPDX-License-Identifier: Apache-2.0 */
#include "group/buffer.h"

#include <string.h>

#include "base/prng.h"
#include "base/test.h"

/* Bytes come out in the order in which they went in, whatever was added and taken in between. */
static void test_order_of_bytes(void)
{
	struct group_buffer b = { 0 };
	struct prng prng;
	uint8_t in[3000], next_in = 0, next_out = 0;
	size_t held = 0;

	prng_init(&prng, 7);
	for (int i = 0; i < 2000; i++) {
		size_t add = prng_below(&prng, sizeof(in)), take;

		for (size_t n = 0; n < add; n++)
			in[n] = next_in++;
		CHECK_EQ(group_buffer_add(&b, in, add), 0);
		held += add;
		CHECK_EQ(group_buffer_size(&b), held);
		take = prng_below(&prng, (uint32_t)held + 1);
		for (size_t n = 0; n < take; n++)
			CHECK(b.bytes[b.from + n] == next_out++);
		group_buffer_take(&b, take);
		held -= take;
	}
	group_buffer_deinit(&b);
	CHECK(!b.bytes && !b.room);
}

/* Room that was taken from the beginning is used again: the bytes that pass do not make it grow. */
static void test_room_is_used_again(void)
{
	struct group_buffer b = { 0 };
	uint8_t bytes[1000] = { 0 };

	for (int i = 0; i < 10000; i++) {
		CHECK_EQ(group_buffer_add(&b, bytes, sizeof(bytes)), 0);
		CHECK_EQ(group_buffer_add(&b, bytes, sizeof(bytes)), 0);
		group_buffer_take(&b, 2 * sizeof(bytes) - (i % 2 ? 0 : 1));
		if (group_buffer_size(&b))
			group_buffer_take(&b, 1);
	}
	CHECK(b.room <= 8192);
	CHECK_EQ(group_buffer_reserve(&b, 100000), 0);
	CHECK(b.room - b.to >= 100000);
	group_buffer_deinit(&b);
}

static void test_nothing(void)
{
	struct group_buffer b = { 0 };

	CHECK_EQ(group_buffer_add(&b, NULL, 0), 0);
	group_buffer_take(&b, 0);
	CHECK_EQ(group_buffer_size(&b), 0);
	group_buffer_deinit(&b);
}

int main(void)
{
	TEST(test_order_of_bytes);
	TEST(test_room_is_used_again);
	TEST(test_nothing);
	return test_end();
}
