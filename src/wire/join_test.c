/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/join.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"

static uint8_t ask[JOIN_ASK_BYTES], answer[JOIN_ANSWER_BYTES];
static struct roster_node node;
static struct join_answer got;

static struct roster_node beta(void)
{
	struct roster_node newcomer = { .count = 2, .name = "beta" };

	CHECK(!address_parse(&newcomer.address[0], "192.0.2.11", 10));
	CHECK(!address_parse(&newcomer.address[1], "2001:db8::11", 12));
	return newcomer;
}

/* Decodes a message of which one byte is another. */
static int with(size_t at, uint8_t byte)
{
	const struct roster_node newcomer = beta();

	join_encode_ask(ask, &newcomer);
	ask[at] = byte;
	return join_decode_ask(&node, ask);
}

static void test_ask(void)
{
	const struct roster_node newcomer = beta();

	CHECK_EQ(with(0, 'D'), 0);
	CHECK(!memcmp(&node, &newcomer, sizeof(node)));
	CHECK_EQ(with(0, 'E'), -EBADMSG);
	CHECK_EQ(with(4, JOIN_VERSION + 1), -EPROTO);
	CHECK_EQ(with(6, 0), -EBADMSG);	  /* no address */
	CHECK_EQ(with(6, 5), -EBADMSG);	  /* too many */
	CHECK_EQ(with(6, 3), -EBADMSG);	  /* one that is none */
	CHECK_EQ(with(6, 1), -EBADMSG);	  /* one that is hidden */
	CHECK_EQ(with(8, ' '), -EBADMSG); /* no name */
	CHECK_EQ(with(8, 0), -EBADMSG);
	CHECK_EQ(with(23, 'x'), -EBADMSG);	/* behind its end */
	CHECK_EQ(with(24 + 12, 224), -EBADMSG); /* an address of a group */
	CHECK_EQ(with(24 + 16, 0xff), -EBADMSG);
	CHECK_EQ(with(24 + 2 * 16, 1), -EBADMSG); /* one that is hidden */
	join_encode_ask(ask, &newcomer);
	memcpy(ask + 24 + 16, ask + 24, 16);
	CHECK_EQ(join_decode_ask(&node, ask), -EBADMSG); /* the same twice */
}

static int decode(const struct join_answer *sent)
{
	join_encode_answer(answer, sent);
	return join_decode_answer(&got, answer);
}

static void test_answer(void)
{
	const struct join_answer welcome = {
		.node = 31, .key = 80, .roster = 8192, .authkey = 256
	};
	const struct join_answer refusal = { .error = -17, .why = 100 };
	struct join_answer other = welcome;

	CHECK_EQ(decode(&welcome), 0);
	CHECK(!memcmp(&got, &welcome, sizeof(got)));
	CHECK_EQ(join_texts(&got), 80 + 8192 + 256);
	answer[4]++;
	CHECK_EQ(join_decode_answer(&got, answer), -EPROTO);
	CHECK_EQ(decode(&refusal), 0);
	CHECK_EQ(got.error, -17);
	other.node = 32;
	CHECK_EQ(decode(&other), -EBADMSG);
	other = welcome;
	other.roster = JOIN_ROSTER_MAX + 1;
	CHECK_EQ(decode(&other), -EBADMSG);
	other = welcome;
	other.key = 0;
	CHECK_EQ(decode(&other), -EBADMSG);
	other = welcome;
	other.error = -17; /* no key comes with a refusal */
	CHECK_EQ(decode(&other), -EBADMSG);
	other = refusal;
	other.error = -4096;
	CHECK_EQ(decode(&other), -EBADMSG);
	memset(answer + 8, 0x7f, 4); /* an error that is none */
	CHECK_EQ(join_decode_answer(&got, answer), -EBADMSG);
}

static int parse(const char *text)
{
	struct join_token token;

	return join_parse_token(&token, text, strlen(text));
}

static void test_token(void)
{
	static const char written[] = "7f3a91c2-000102ff-04050607-08090a0b-0c0d0e0f";
	char text[JOIN_TOKEN_TEXT + 1];
	struct join_token token;

	CHECK_EQ(join_parse_token(&token, written, JOIN_TOKEN_TEXT), 0);
	CHECK_EQ(token.id, 0x7f3a91c2);
	CHECK_EQ(token.secret[3], 0xff);
	CHECK_EQ(token.secret[15], 15);
	join_print_token(&token, text);
	CHECK(!strcmp(text, written));
	CHECK_EQ(parse("7f3a91c2-000102ff-04050607-08090a0b-0c0d0e0"), -1);
	CHECK_EQ(parse("7f3a91c2-000102ff-04050607-08090a0b-0c0d0e0f0"), -1);
	CHECK_EQ(parse("7f3a91c2-000102FF-04050607-08090a0b-0c0d0e0f"), -1);
	CHECK_EQ(parse("7f3a91c20000102ff-04050607-08090a0b-0c0d0e0f"), -1);
	CHECK_EQ(parse("00000000-000102ff-04050607-08090a0b-0c0d0e0f"), -1);
	CHECK_EQ(parse(""), -1);
}

int main(void)
{
	TEST(test_ask);
	TEST(test_answer);
	TEST(test_token);
	return test_end();
}
