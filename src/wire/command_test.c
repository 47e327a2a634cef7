/* SPDX-License-Identifier: Apache-2.0 */

#include "wire/command.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"

static struct command sample(void)
{
	struct command cmd = {
		.version = COMMAND_VERSION,
		.kind = COMMAND_BIND,
		.origin = 3,
		.request = UINT64_C(0x1122334455667788),
		.dcid = 31,
		.p_nr = -35,
		.node = 4,
		.target = -1,
		.generation = COMMAND_GENERATION_ANY,
		.move = 7,
		.flags = COMMAND_FLAG_BY_HAND,
		.bind_kind = 5,
		.lpid = 4711,
		.vpid = -1,
		.misc = 32,
		.nodes = 0x80000001u,
		.value = 0x0a000001u,
		.uid = 1000,
		.nr_procs = 221,
		.nr_tasks = 35,
		.nr_sysprocs = 64,
		.nr_nodes = 32,
		.warn2proc = NONE,
		.warnmsg = -1,
		.name = "fifteen-letters",
		.secret = UINT64_C(0x99aabbccddeeff00),
		.by_uid = 1001,
		.by_gid = 0xfffffffe,
		.gid = 50,
		.mode = 0750,
	};

	return cmd;
}

static void test_round_trip(void)
{
	struct command sent = sample(), got;
	uint8_t buf[COMMAND_BYTES];

	memset(&got, 0xee, sizeof(got));
	command_encode(&sent, buf);
	CHECK_EQ(command_decode(&got, buf, sizeof(buf)), 0);
	CHECK(memcmp(&sent, &got, sizeof(sent)) == 0);
}

/* A node that joins has an address where a new DC has its numbers. */
static void test_join(void)
{
	struct command sent = { .version = COMMAND_VERSION,
				.kind = COMMAND_NODE_JOIN,
				.node = 4,
				.secret = 1,
				.name = "node4" },
		       got;
	uint8_t buf[COMMAND_BYTES];

	CHECK(!address_parse(&sent.address, "2001:db8::4", 11));
	command_encode(&sent, buf);
	CHECK(!memcmp(buf + offsetof(struct command, address), sent.address.byte, ADDRESS_BYTES));
	memset(&got, 0xee, sizeof(got));
	CHECK_EQ(command_decode(&got, buf, sizeof(buf)), 0);
	CHECK(memcmp(&sent, &got, sizeof(sent)) == 0);
}

/* A START names those that move along; no other command has a list, and behind its end there is nothing. */
static void test_fellows(void)
{
	struct command sent = { .version = COMMAND_VERSION,
				.kind = COMMAND_MOVE_START,
				.target = 2,
				.fellows = COMMAND_FELLOWS_MAX },
		       got;
	uint8_t buf[COMMAND_BYTES];

	for (int i = 0; i < COMMAND_FELLOWS_MAX; i++)
		sent.fellow[i] = -7 + i;
	command_encode(&sent, buf);
	memset(&got, 0xee, sizeof(got));
	CHECK_EQ(command_decode(&got, buf, sizeof(buf)), 0);
	CHECK(memcmp(&sent, &got, sizeof(sent)) == 0);
	buf[2] = COMMAND_MOVE_COMMIT;
	CHECK_EQ(command_decode(&got, buf, sizeof(buf)), -EBADMSG);
	sent.fellows = 2;
	command_encode(&sent, buf);
	CHECK_EQ(command_decode(&got, buf, sizeof(buf)), 0);
	CHECK(got.fellow[1] == -6 && !got.fellow[2]);
	buf[offsetof(struct command, fellows)] = COMMAND_FELLOWS_MAX + 1;
	CHECK_EQ(command_decode(&got, buf, sizeof(buf)), -EBADMSG);
	buf[offsetof(struct command, fellows)] = 1;
	CHECK_EQ(command_decode(&got, buf, sizeof(buf)), -EBADMSG);
}

static void test_layout_is_little_endian(void)
{
	struct command sent = sample();
	uint8_t buf[COMMAND_BYTES];

	command_encode(&sent, buf);
	CHECK_EQ(buf[0], COMMAND_VERSION);
	CHECK_EQ(buf[2], COMMAND_BIND);
	CHECK_EQ(buf[4], 3);
	CHECK_EQ(buf[8], 0x88);
	CHECK_EQ(buf[15], 0x11);
	CHECK_EQ(buf[20], (uint8_t)-35);
	CHECK_EQ(buf[23], 0xff);
}

static void test_encode_ends_the_name(void)
{
	struct command sent = sample(), got;
	uint8_t buf[COMMAND_BYTES];

	memset(sent.name, 'x', sizeof(sent.name));
	command_encode(&sent, buf);
	CHECK_EQ(command_decode(&got, buf, sizeof(buf)), 0);
	CHECK_EQ(strlen(got.name), sizeof(got.name) - 1);
}

/* Each wrong byte is refused, and what was there before stays. */
static void test_refusals(void)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {
		{ 0, COMMAND_VERSION + 1 }, { 1, 1 }, { 2, COMMAND_NONE },
		{ 2, COMMAND_LAST + 1 },    { 3, 1 }, { COMMAND_BYTES - 1, 1 },
	};
	struct command sent = sample(), got = { .request = 99 };
	uint8_t buf[COMMAND_BYTES];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		command_encode(&sent, buf);
		buf[wrong[i].at] = wrong[i].value;
		CHECK_EQ(command_decode(&got, buf, sizeof(buf)),
			 wrong[i].at < 2 ? -EPROTO : -EBADMSG);
	}
	command_encode(&sent, buf);
	CHECK_EQ(command_decode(&got, buf, sizeof(buf) - 1), -EBADMSG);
	CHECK_EQ(command_decode(&got, buf, 0), -EBADMSG);
	buf[offsetof(struct command, name) + 15] = 'x';
	CHECK_EQ(command_decode(&got, buf, sizeof(buf)), -EBADMSG);
	CHECK_EQ(got.request, 99);
}

int main(void)
{
	TEST(test_round_trip);
	TEST(test_join);
	TEST(test_fellows);
	TEST(test_layout_is_little_endian);
	TEST(test_encode_ends_the_name);
	TEST(test_refusals);
	return test_end();
}
