/* SPDX-License-Identifier: Apache-2.0 */

#include "wire/protocol.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"

static uint16_t common(uint16_t a, uint16_t b, uint16_t c, uint16_t d)
{
	struct protocol_speaker one = { .least = a, .most = b }, other = { .least = c, .most = d };
	uint16_t both = protocol_common(&one, &other);

	CHECK_EQ(protocol_common(&other, &one), both);
	return both;
}

/* The highest that both speak: a release that speaks two is between its neighbours. */
static void test_common(void)
{
	CHECK_EQ(common(3, 3, 3, 3), 3);
	CHECK_EQ(common(3, 4, 4, 5), 4);
	CHECK_EQ(common(1, 9, 2, 7), 7);
	CHECK_EQ(common(3, 3, 4, 4), 0);
	CHECK_EQ(common(1, 2, 4, 9), 0);
}

static void test_own(void)
{
	CHECK(protocol_own.least && protocol_own.least <= protocol_own.most);
	CHECK(protocol_own.release[0]);
	CHECK_EQ(protocol_common(&protocol_own, &protocol_own), protocol_own.most);
	for (size_t i = 0; i < protocol_format_count; i++)
		CHECK(protocol_formats[i].version);
}

static void test_bytes(void)
{
	struct protocol_speaker in = { 0x0102, 0x0304, "1.2.3" }, out;
	uint8_t buf[PROTOCOL_BYTES];

	protocol_encode(buf, &in);
	CHECK_EQ(protocol_decode(&out, buf), 0);
	CHECK(!memcmp(&in, &out, sizeof(in)));
	buf[PROTOCOL_BYTES - 1] = 'x';
	CHECK_EQ(protocol_decode(&out, buf), -EBADMSG); /* behind its end */
	memset(buf + 4, 'x', PROTOCOL_RELEASE_BYTES);
	CHECK_EQ(protocol_decode(&out, buf), -EBADMSG);
	protocol_encode(buf, &in);
	buf[5] = '\n'; /* it is shown to people */
	CHECK_EQ(protocol_decode(&out, buf), -EBADMSG);
	in.least = 0x0305;
	protocol_encode(buf, &in);
	CHECK_EQ(protocol_decode(&out, buf), -EBADMSG);
	in.least = 0;
	protocol_encode(buf, &in);
	CHECK_EQ(protocol_decode(&out, buf), -EBADMSG);
}

int main(void)
{
	TEST(test_common);
	TEST(test_own);
	TEST(test_bytes);
	return test_end();
}
