/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/council.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"

static const struct council_message sent = { .kind = COUNCIL_STATE,
					     .node = 31,
					     .ring = 1ull << 63 | 1,
					     .epoch = 2,
					     .heard = 3ull << 40,
					     .life = ~0ull,
					     .token = 5,
					     .offset = 6ull << 32,
					     .set = 0x80000001u,
					     .to = 8 };

static void test_round_trip(void)
{
	uint8_t bytes[COUNCIL_HEAD + 3] = { 0 };
	struct council_message got;

	council_message_encode(bytes, &sent);
	memcpy(bytes + COUNCIL_HEAD, "abc", 3);
	CHECK_EQ(council_message_decode(&got, bytes, sizeof(bytes)), 0);
	CHECK(got.kind == sent.kind && got.node == sent.node && got.ring == sent.ring);
	CHECK(got.epoch == sent.epoch && got.heard == sent.heard && got.life == sent.life);
	CHECK(got.token == sent.token && got.offset == sent.offset);
	CHECK(got.set == sent.set && got.to == sent.to);
	CHECK(got.bytes == 3 && !memcmp(got.payload, "abc", 3));
}

static void test_length_of_each_kind(void)
{
	static uint8_t bytes[COUNCIL_MESSAGE_MAX + 1];
	static const struct {
		uint16_t kind;
		uint32_t least, most;
	} row[] = {
		{ COUNCIL_HELLO, 0, 0 },
		{ COUNCIL_COMMAND, COMMAND_BYTES, COUNCIL_BATCH_MAX * COMMAND_BYTES },
		{ COUNCIL_JOIN, COMMAND_BYTES, COMMAND_BYTES },
		{ COUNCIL_HELD, 0, 0 },
		{ COUNCIL_ASK, 0, 0 },
		{ COUNCIL_STATE, 1, COUNCIL_PART_MAX },
	};
	struct council_message got;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct council_message m = { .kind = row[i].kind };

		council_message_encode(bytes, &m);
		CHECK_EQ(council_message_decode(&got, bytes, COUNCIL_HEAD + row[i].least), 0);
		CHECK_EQ(council_message_decode(&got, bytes, COUNCIL_HEAD + row[i].most), 0);
		CHECK_EQ(council_message_decode(&got, bytes, COUNCIL_HEAD + row[i].least - 1),
			 -EBADMSG);
		CHECK_EQ(council_message_decode(&got, bytes, COUNCIL_HEAD + row[i].most + 1),
			 -EBADMSG);
	}
}

static void test_whole_commands(void)
{
	static uint8_t bytes[COUNCIL_MESSAGE_MAX];
	struct council_message got, m = { .kind = COUNCIL_COMMAND };

	council_message_encode(bytes, &m);
	for (size_t count = 1; count < COUNCIL_BATCH_MAX; count++) {
		size_t len = COUNCIL_HEAD + count * COMMAND_BYTES;

		CHECK_EQ(council_message_decode(&got, bytes, len), 0);
		CHECK_EQ(got.bytes, count * COMMAND_BYTES);
		CHECK_EQ(council_message_decode(&got, bytes, len + 1), -EBADMSG);
		CHECK_EQ(council_message_decode(&got, bytes, len + COMMAND_BYTES - 1), -EBADMSG);
	}
}

static void test_nonsense(void)
{
	uint8_t bytes[COUNCIL_HEAD];
	struct council_message got = { .kind = 77 }, m = { .kind = COUNCIL_HELLO };

	council_message_encode(bytes, &m);
	for (int i = 0; i < 8; i++) {
		bytes[i] ^= 0x60; /* version, kind, node */
		CHECK_EQ(council_message_decode(&got, bytes, sizeof(bytes)),
			 i < 2 ? -EPROTO : -EBADMSG);
		bytes[i] ^= 0x60;
	}
	CHECK_EQ(got.kind, 77);
	bytes[2] = 0;
	CHECK_EQ(council_message_decode(&got, bytes, sizeof(bytes)), -EBADMSG);
	CHECK_EQ(council_message_decode(&got, bytes, 0), -EBADMSG);
}

int main(void)
{
	TEST(test_round_trip);
	TEST(test_length_of_each_kind);
	TEST(test_whole_commands);
	TEST(test_nonsense);
	return test_end();
}
