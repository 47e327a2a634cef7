// SPDX-License-Identifier: Apache-2.0
#include "wire/group.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"

static int decode(enum group_kind kind, uint32_t bytes, struct group_header *header)
{
	uint8_t buf[GROUP_HEADER_BYTES];

	group_header_encode(buf, kind, bytes);
	return group_header_decode(header, buf);
}

static void test_header_layout(void)
{
	static const uint8_t want[] = { GROUP_VERSION, 0, 4, 0, 8, 1, 0, 0 };
	struct group_header header = { 0 };
	uint8_t buf[GROUP_HEADER_BYTES];

	group_header_encode(buf, GROUP_DELIVER, GROUP_DELIVER_BYTES);
	CHECK(!memcmp(buf, want, sizeof(want)));
	CHECK_EQ(group_header_decode(&header, buf), 0);
	CHECK_EQ(header.kind, GROUP_DELIVER);
	CHECK_EQ(header.bytes, GROUP_DELIVER_BYTES);
	buf[0] = GROUP_VERSION + 1;
	CHECK_EQ(group_header_decode(&header, buf), -EPROTO);
}

static void test_lengths_are_checked(void)
{
	struct group_header header;

	CHECK_EQ(decode(0, 0, &header), -EBADMSG);
	CHECK_EQ(decode(GROUP_KIND_LAST + 1, 8, &header), -EBADMSG);
	CHECK_EQ(decode(GROUP_HELLO, GROUP_HELLO_BYTES, &header), 0);
	CHECK_EQ(decode(GROUP_HELLO, GROUP_HELLO_BYTES - 1, &header), -EBADMSG);
	CHECK_EQ(decode(GROUP_COMMAND, COMMAND_BYTES + 1, &header), -EBADMSG);
	CHECK_EQ(decode(GROUP_STATE, GROUP_STATE_HEAD, &header), 0);
	CHECK_EQ(decode(GROUP_STATE, GROUP_STATE_HEAD - 1, &header), -EBADMSG);
	CHECK_EQ(decode(GROUP_STATE, GROUP_STATE_HEAD + GROUP_STATE_MAX, &header), 0);
	CHECK_EQ(decode(GROUP_STATE, GROUP_STATE_HEAD + GROUP_STATE_MAX + 1, &header), -EBADMSG);
	CHECK_EQ(decode(GROUP_RESTORE, UINT32_MAX, &header), -EBADMSG);
}

static void test_hello(void)
{
	struct group_hello hello = { .node = 31,
				     .address = test_address(1),
				     .secret = 0x0102030405060708,
				     .name = "node31",
				     .speaker = { 1, 2, "9.9.9" } },
			   back;
	uint8_t buf[GROUP_HELLO_BYTES], again[GROUP_HELLO_BYTES];
	struct command join;

	group_hello_encode(buf, &hello);
	CHECK_EQ(group_hello_decode(&back, buf), 0);
	group_hello_encode(again, &back);
	CHECK(!memcmp(again, buf, sizeof(buf)));
	CHECK(address_same(back.address, hello.address) && back.secret == hello.secret);
	join = group_hello_join(&hello);
	CHECK(join.kind == COMMAND_NODE_JOIN && join.version == COMMAND_VERSION);
	CHECK(join.origin == 31 && join.node == 31 && address_same(join.address, hello.address));
	CHECK(join.secret == hello.secret && !strcmp(join.name, "node31"));
	CHECK(buf[8] == 8 && buf[15] == 1 && !strcmp((char *)buf + 32, "node31"));
	CHECK(!memcmp(buf + 16, hello.address.byte, ADDRESS_BYTES));
	buf[32 + GROUP_NAME_BYTES - 1] = 'x';
	CHECK_EQ(group_hello_decode(&back, buf), -EBADMSG);
	buf[32 + GROUP_NAME_BYTES - 1] = 0;
	buf[4] = 1; /* where nothing is */
	CHECK_EQ(group_hello_decode(&back, buf), -EBADMSG);
	buf[4] = 0;
	memset(buf + 8, 0, 8); /* no secret */
	CHECK_EQ(group_hello_decode(&back, buf), -EBADMSG);
	hello.node = 32;
	group_hello_encode(buf, &hello);
	CHECK_EQ(group_hello_decode(&back, buf), -EBADMSG);
	hello.node = -1;
	group_hello_encode(buf, &hello);
	CHECK_EQ(group_hello_decode(&back, buf), -EBADMSG);
}

static void test_welcome(void)
{
	uint8_t buf[GROUP_WELCOME_BYTES];
	struct group_welcome in = { -EEXIST, 0xfedc }, out = { 1, 0 };

	group_welcome_encode(buf, &in);
	CHECK_EQ(group_welcome_decode(&out, buf), 0);
	CHECK_EQ(out.result, -EEXIST);
	CHECK_EQ(out.protocol, 0xfedc);
	in.result = 1;
	group_welcome_encode(buf, &in);
	CHECK_EQ(group_welcome_decode(&out, buf), -EBADMSG);
	in.result = 0;
	group_welcome_encode(buf, &in);
	buf[7] = 1;
	CHECK_EQ(group_welcome_decode(&out, buf), -EBADMSG);
}

static void test_number(void)
{
	static const uint8_t want[] = { 8, 7, 6, 5, 4, 3, 2, 1 };
	uint8_t buf[8];

	group_number_encode(buf, 0x0102030405060708ull);
	CHECK(!memcmp(buf, want, sizeof(want)));
	CHECK(group_number_decode(buf) == 0x0102030405060708ull);
}

static void test_resume(void)
{
	uint8_t buf[GROUP_RESUME_BYTES];
	uint64_t order;
	int32_t node;

	group_resume_encode(buf, 31, 1ull << 40 | 7);
	CHECK_EQ(group_resume_decode(&node, &order, buf), 0);
	CHECK(node == 31 && order == (1ull << 40 | 7));
	buf[0] = NR_NODES;
	CHECK_EQ(group_resume_decode(&node, &order, buf), -EBADMSG);
	group_resume_encode(buf, 0, 1);
	buf[5] = 1;
	CHECK_EQ(group_resume_decode(&node, &order, buf), -EBADMSG);
	memset(buf, 0, sizeof(buf));
	CHECK_EQ(group_resume_decode(&node, &order, buf), -EBADMSG);
}

int main(void)
{
	TEST(test_header_layout);
	TEST(test_lengths_are_checked);
	TEST(test_hello);
	TEST(test_welcome);
	TEST(test_number);
	TEST(test_resume);
	return test_end();
}
