/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "wire/frame.h"

static uint8_t buf[512];

static struct frame_line a_line(void)
{
	struct frame_line line = {
		.dcid = 4,
		.dc_generation = 0xfedc1234,
		.endpoint = { -3, _ENDPOINT(2, 17) },
		.side = 1,
		.word = 0x123456789abcdef0ull,
		.aux = 0xfedcba9876543210ull,
		.withdraw = 77,
		.fate = 0x0f1e2d3c4b5a6978ull,
		.msg = { .m_source = 1, .m_type = -61 },
	};

	memset(&line.msg.m_u, 0x5a, sizeof(line.msg.m_u));
	return line;
}

static const struct frame_ping ping = { 1ull << 63, -5 };

static struct frame_hello a_hello(void)
{
	return (struct frame_hello){
		.kind = FRAME_KIND_LINK,
		.node = 3,
		.incarnation = 9,
		.peer = 31,
		.peer_incarnation = 1,
		.epoch = 0xffffffff,
		.secret = 0x0123456789abcdefull,
		.cluster = FRAME_CLUSTER_DEFAULT,
		.speaker = { 1, 0x0203, "9.9.9" },
	};
}

static void check_head(unsigned type, size_t bytes)
{
	struct frame_head head;

	CHECK_EQ(frame_decode_head(&head, buf), 0);
	CHECK_EQ(head.type, type);
	CHECK_EQ(head.body_bytes + FRAME_HEAD_BYTES, bytes);
}

static void test_line(void)
{
	struct frame_line in = a_line(), out;

	check_head(FRAME_LINE, (memset(buf, 0, sizeof(buf)), frame_encode_line(buf, &in)));
	CHECK_EQ(frame_decode_line(&out, buf + FRAME_HEAD_BYTES), 0);
	CHECK_EQ(out.dcid, 4);
	CHECK_EQ(out.dc_generation, 0xfedc1234);
	CHECK_EQ(out.endpoint[0], -3);
	CHECK_EQ(out.endpoint[1], _ENDPOINT(2, 17));
	CHECK_EQ(out.side, 1);
	CHECK_EQ(out.word, in.word);
	CHECK_EQ(out.aux, in.aux);
	CHECK_EQ(out.withdraw, 77);
	CHECK_EQ(out.fate, in.fate);
	CHECK(!memcmp(&out.msg, &in.msg, sizeof(message)));
	/* Little-endian: the word's lowest byte stands first. */
	CHECK_EQ(buf[FRAME_HEAD_BYTES + 20], 0xf0);
}

static void test_notify(void)
{
	struct frame_notify in = { .dcid = 1,
				   .dc_generation = 3,
				   .endpoint = { 5, 9 },
				   .posted = 1ull << 40,
				   .taken = 3,
				   .bits = 0xf0f0,
				   .nr = -7 };
	struct frame_notify out;

	check_head(FRAME_NOTIFY, frame_encode_notify(buf, &in));
	CHECK_EQ(frame_decode_notify(&out, buf + FRAME_HEAD_BYTES), 0);
	CHECK_EQ(out.posted, in.posted);
	CHECK_EQ(out.taken, 3);
	CHECK_EQ(out.bits, 0xf0f0);
	CHECK_EQ(out.nr, -7);
	CHECK_EQ(out.side, 0);
}

static void test_hello(void)
{
	struct frame_hello in = a_hello(), out;

	check_head(FRAME_HELLO, frame_encode_hello(buf, &in));
	CHECK_EQ(frame_decode_hello(&out, buf + FRAME_HEAD_BYTES), 0);
	CHECK_EQ(out.kind, FRAME_KIND_LINK);
	CHECK_EQ(out.node, 3);
	CHECK_EQ(out.incarnation, 9);
	CHECK_EQ(out.peer, 31);
	CHECK_EQ(out.peer_incarnation, 1);
	CHECK_EQ(out.epoch, 0xffffffff);
	CHECK_EQ(out.secret, 0x0123456789abcdefull);
	CHECK(!strcmp(out.cluster, FRAME_CLUSTER_DEFAULT));
	CHECK_EQ(out.speaker.least, 1);
	CHECK_EQ(out.speaker.most, 0x0203);
	CHECK(!strcmp(out.speaker.release, "9.9.9"));
	in.kind = FRAME_KIND_BULK;
	frame_encode_hello(buf, &in);
	CHECK_EQ(frame_read_hello(&out, buf), 0);
	CHECK_EQ(out.kind, FRAME_KIND_BULK);
	frame_encode_ping(buf, FRAME_PING, &ping);
	CHECK_EQ(frame_read_hello(&out, buf), -EBADMSG);
}

static void test_small_ones(void)
{
	struct frame_offer in = { .dcid = 31, .endpoint = 220 }, out;
	struct frame_ping pong;
	uint16_t kind;

	check_head(FRAME_OFFER, frame_encode_offer(buf, &in));
	CHECK_EQ(frame_decode_offer(&out, buf + FRAME_HEAD_BYTES), 0);
	CHECK_EQ(out.endpoint, 220);
	check_head(FRAME_PONG, frame_encode_ping(buf, FRAME_PONG, &ping));
	frame_decode_ping(&pong, buf + FRAME_HEAD_BYTES);
	CHECK_EQ(pong.value, 1ull << 63);
	CHECK_EQ(pong.clock_ns, -5);
	check_head(FRAME_MESSAGE, frame_encode_message(buf, 0xbeef, 100) + 100);
	CHECK_EQ(frame_decode_message(&kind, buf + FRAME_HEAD_BYTES), 0);
	CHECK_EQ(kind, 0xbeef);
}

static int head_of(uint16_t version, uint16_t type, uint32_t bytes)
{
	uint8_t head_bytes[FRAME_HEAD_BYTES] = { (uint8_t)version,	 (uint8_t)(version >> 8),
						 (uint8_t)type,		 (uint8_t)(type >> 8),
						 (uint8_t)bytes,	 (uint8_t)(bytes >> 8),
						 (uint8_t)(bytes >> 16), (uint8_t)(bytes >> 24) };
	struct frame_head head;

	return frame_decode_head(&head, head_bytes);
}

/* Each type has exactly one length, but for messages, which have a least and a greatest. */
static void test_lengths(void)
{
	static const uint32_t fixed[] = {
		[FRAME_HELLO] = FRAME_HELLO_BYTES,   [FRAME_LINE] = FRAME_LINE_BYTES,
		[FRAME_NOTIFY] = FRAME_NOTIFY_BYTES, [FRAME_OFFER] = FRAME_OFFER_BYTES,
		[FRAME_PING] = FRAME_PING_BYTES,     [FRAME_PONG] = FRAME_PING_BYTES
	};

	for (uint16_t type = FRAME_HELLO; type <= FRAME_PONG; type++) {
		for (uint32_t bytes = 0; bytes < 200; bytes++)
			CHECK_EQ(head_of(FRAME_VERSION, type, bytes),
				 bytes == fixed[type] ? 0 : -EBADMSG);
		CHECK_EQ(head_of(FRAME_VERSION, type, UINT32_MAX), -EBADMSG);
	}
	for (uint32_t bytes = 0; bytes < FRAME_MESSAGE_HEAD_BYTES; bytes++)
		CHECK_EQ(head_of(FRAME_VERSION, FRAME_MESSAGE, bytes), -EBADMSG);
	CHECK_EQ(head_of(FRAME_VERSION, FRAME_MESSAGE, FRAME_MESSAGE_HEAD_BYTES), 0);
	CHECK_EQ(head_of(FRAME_VERSION, FRAME_MESSAGE, FRAME_BODY_MAX), 0);
	CHECK_EQ(head_of(FRAME_VERSION, FRAME_MESSAGE, FRAME_BODY_MAX + 1), -EBADMSG);
	CHECK_EQ(head_of(FRAME_VERSION, FRAME_NONE, 0), -EBADMSG);
	CHECK_EQ(head_of(FRAME_VERSION, FRAME_TYPES, 8), -EBADMSG);
	CHECK_EQ(head_of(FRAME_VERSION + 1, FRAME_PING, FRAME_PING_BYTES), -EPROTO);
	CHECK_EQ(head_of(0, FRAME_PING, FRAME_PING_BYTES), -EPROTO);
}

static int line_with(int dcid, int endpoint_0, int endpoint_1, uint32_t side)
{
	struct frame_line line = a_line(), out;

	line.dcid = dcid;
	line.endpoint[0] = endpoint_0;
	line.endpoint[1] = endpoint_1;
	line.side = side;
	frame_encode_line(buf, &line);
	return frame_decode_line(&out, buf + FRAME_HEAD_BYTES);
}

static void test_bad_channels(void)
{
	CHECK_EQ(line_with(0, 1, 2, 0), 0);
	CHECK_EQ(line_with(-1, 1, 2, 0), -EBADMSG);
	CHECK_EQ(line_with(SHM_DCS, 1, 2, 0), -EBADMSG);
	CHECK_EQ(line_with(0, 2, 1, 0), -EBADMSG);
	CHECK_EQ(line_with(0, 2, 2, 0), -EBADMSG);
	CHECK_EQ(line_with(0, 2, _ENDPOINT(1, 2), 0), -EBADMSG);
	CHECK_EQ(line_with(0, 1, 2, 2), -EBADMSG);
	CHECK_EQ(line_with(0, -SHM_TASKS, 220, 1), 0);
	CHECK_EQ(line_with(0, -SHM_TASKS - 1, 220, 1), -EBADMSG);
	CHECK_EQ(line_with(0, 1, 221, 0), -EBADMSG);
	CHECK_EQ(line_with(0, 1, ANY, 0), -EBADMSG);
	CHECK_EQ(line_with(0, 1, INT32_MAX, 0), -EBADMSG);
	CHECK_EQ(line_with(0, INT32_MIN, 1, 0), -EBADMSG);
}

static void test_bad_hellos(void)
{
	struct frame_hello in = a_hello(), out;

	in.node = NR_NODES;
	frame_encode_hello(buf, &in);
	CHECK_EQ(frame_decode_hello(&out, buf + FRAME_HEAD_BYTES), -EBADMSG);
	in = a_hello();
	in.peer = -1;
	frame_encode_hello(buf, &in);
	CHECK_EQ(frame_decode_hello(&out, buf + FRAME_HEAD_BYTES), -EBADMSG);
	in = a_hello();
	in.incarnation = 0;
	frame_encode_hello(buf, &in);
	CHECK_EQ(frame_decode_hello(&out, buf + FRAME_HEAD_BYTES), -EBADMSG);
	in = a_hello();
	in.peer_incarnation = 0;
	frame_encode_hello(buf, &in);
	CHECK_EQ(frame_decode_hello(&out, buf + FRAME_HEAD_BYTES), -EBADMSG);
	in = a_hello();
	in.secret = 0;
	frame_encode_hello(buf, &in);
	CHECK_EQ(frame_decode_hello(&out, buf + FRAME_HEAD_BYTES), -EBADMSG);
	in = a_hello();
	in.kind = FRAME_KIND_COPY + 1;
	frame_encode_hello(buf, &in);
	CHECK_EQ(frame_decode_hello(&out, buf + FRAME_HEAD_BYTES), -EBADMSG);
	in.kind = 0;
	frame_encode_hello(buf, &in);
	CHECK_EQ(frame_decode_hello(&out, buf + FRAME_HEAD_BYTES), -EBADMSG);
	in = a_hello();
	memset(in.cluster, 'x', sizeof(in.cluster));
	frame_encode_hello(buf, &in);
	CHECK_EQ(frame_decode_hello(&out, buf + FRAME_HEAD_BYTES), -EBADMSG);
	in = a_hello();
	in.kind = FRAME_KIND_BULK;
	in.peer = -1;
	frame_encode_hello(buf, &in);
	CHECK_EQ(frame_decode_hello(&out, buf + FRAME_HEAD_BYTES), -EBADMSG);
}

/* No bit of a HELLO may change on its way. */
static void test_damaged_hello(void)
{
	struct frame_hello in = a_hello(), out;

	frame_encode_hello(buf, &in);
	for (unsigned bit = 0; bit < 8 * FRAME_HELLO_BYTES; bit++) {
		uint8_t *at = buf + FRAME_HEAD_BYTES + bit / 8;

		*at ^= (uint8_t)(1u << bit % 8);
		CHECK_EQ(frame_decode_hello(&out, buf + FRAME_HEAD_BYTES), -EBADMSG);
		*at ^= (uint8_t)(1u << bit % 8);
	}
	CHECK_EQ(frame_decode_hello(&out, buf + FRAME_HEAD_BYTES), 0);
}

int main(void)
{
	TEST(test_line);
	TEST(test_notify);
	TEST(test_hello);
	TEST(test_small_ones);
	TEST(test_lengths);
	TEST(test_bad_channels);
	TEST(test_bad_hellos);
	TEST(test_damaged_hello);
	return test_end();
}
