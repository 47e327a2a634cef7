/* SPDX-License-Identifier: Apache-2.0 */
/* What a newcomer and the member that has invited it say to each other, and the token that people carry. */

#include <string.h>

#include "compat/compat.h"
#include "wire/join.h"

static size_t write_ask(const struct compat_sample *sample, uint8_t *buf)
{
	join_encode_ask(buf, sample->value);
	return JOIN_ASK_BYTES;
}

static int read_ask(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	struct roster_node got;
	int r = len < JOIN_HEAD_BYTES ? -1 : join_check_head(buf);

	if (!r)
		r = len != JOIN_ASK_BYTES ? -1 : join_decode_ask(&got, buf);
	return r ? r : compat_compare(sample, &got);
}

static size_t write_answer(const struct compat_sample *sample, uint8_t *buf)
{
	join_encode_answer(buf, sample->value);
	return JOIN_ANSWER_BYTES;
}

static int read_answer(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	struct join_answer got;
	int r;

	memset(&got, 0, sizeof(got));
	r = len != JOIN_ANSWER_BYTES ? -1 : join_decode_answer(&got, buf);
	return r ? r : compat_compare(sample, &got);
}

static size_t write_token(const struct compat_sample *sample, uint8_t *buf)
{
	char text[JOIN_TOKEN_TEXT + 1];

	join_print_token(sample->value, text);
	memcpy(buf, text, JOIN_TOKEN_TEXT);
	return JOIN_TOKEN_TEXT;
}

static int read_token(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	struct join_token got;
	int r = join_parse_token(&got, (const char *)buf, len);

	return r ? r : compat_compare(sample, &got);
}

static const struct roster_node newcomer = { .name = "delta",
					     .address = { { { [10] = 0xff, 0xff, 10, 77, 0, 4 } },
							  { { 0xfd, 0x77, [15] = 5 } } },
					     .count = 2 };
static const struct join_answer answer = { .node = 31, .key = 1, .roster = 0x0203, .authkey = 4 };
static const struct join_answer refusal = { .error = -61, .why = 200 };
static const struct join_token token = { .id = 0x7f3a91c2,
					 .secret = { 0x5f, 0x0e, 0x1d, 0x2c, 0x3b, 0x4a, 0x59, 0x68,
						     0x77, 0x86, 0x95, 0x04, 0xa3, 0xb2, 0xc1,
						     0xd0 } };

static const struct compat_sample joins[] = {
	SAMPLE("ask", write_ask, read_ask, newcomer),
	SAMPLE("answer", write_answer, read_answer, answer),
	SAMPLE("refusal", write_answer, read_answer, refusal),
	SAMPLE("token", write_token, read_token, token),
};
const struct compat_format compat_join = { "join", JOIN_VERSION, joins, COUNT(joins), 3 };
