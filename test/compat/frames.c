/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes say to each other on links and lanes, and to their group. */

#include <string.h>

#include "compat/compat.h"
#include "wire/command.h"
#include "wire/council.h"
#include "wire/frame.h"
#include "wire/group.h"
#include "wire/lane.h"

static size_t write_hello(const struct compat_sample *sample, uint8_t *buf)
{
	return frame_encode_hello(buf, sample->value);
}

/* The head of a frame, and the place of its body. */
static int read_head(enum frame_type type, const uint8_t **buf, size_t len)
{
	struct frame_head head = { 0 };
	int r = len < FRAME_HEAD_BYTES ? -1 : frame_decode_head(&head, *buf);

	*buf += FRAME_HEAD_BYTES;
	if (r)
		return r;
	return head.type == type && head.body_bytes <= len - FRAME_HEAD_BYTES ? 0 : -1;
}

static int read_hello(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	const uint8_t *body = buf;
	struct frame_hello got;
	int r = read_head(FRAME_HELLO, &body, len);

	memset(&got, 0, sizeof(got));
	if (!r)
		r = frame_read_hello(&got, buf);
	return r ? r : compat_compare(sample, &got);
}

static size_t write_line(const struct compat_sample *sample, uint8_t *buf)
{
	return frame_encode_line(buf, sample->value);
}

static int read_line(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	struct frame_line got;
	int r = read_head(FRAME_LINE, &buf, len);

	memset(&got, 0, sizeof(got));
	if (!r)
		r = frame_decode_line(&got, buf);
	return r ? r : compat_compare(sample, &got);
}

static size_t write_notify(const struct compat_sample *sample, uint8_t *buf)
{
	return frame_encode_notify(buf, sample->value);
}

static int read_notify(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	struct frame_notify got;
	int r = read_head(FRAME_NOTIFY, &buf, len);

	memset(&got, 0, sizeof(got));
	if (!r)
		r = frame_decode_notify(&got, buf);
	return r ? r : compat_compare(sample, &got);
}

static size_t write_offer(const struct compat_sample *sample, uint8_t *buf)
{
	return frame_encode_offer(buf, sample->value);
}

static int read_offer(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	struct frame_offer got;
	int r = read_head(FRAME_OFFER, &buf, len);

	memset(&got, 0, sizeof(got));
	if (!r)
		r = frame_decode_offer(&got, buf);
	return r ? r : compat_compare(sample, &got);
}

static size_t write_ping(const struct compat_sample *sample, uint8_t *buf)
{
	return frame_encode_ping(buf, FRAME_PING, sample->value);
}

static size_t write_pong(const struct compat_sample *sample, uint8_t *buf)
{
	return frame_encode_ping(buf, FRAME_PONG, sample->value);
}

static int read_ping(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	enum frame_type type = strcmp(sample->name, "ping") ? FRAME_PONG : FRAME_PING;
	int r = read_head(type, &buf, len);
	struct frame_ping got = { 0 };

	if (!r)
		frame_decode_ping(&got, buf);
	return r ? r : compat_compare(sample, &got);
}

/* The bytes of a message belong to the daemons: two stand for them. */
static size_t write_message(const struct compat_sample *sample, uint8_t *buf)
{
	size_t len = frame_encode_message(buf, *(const uint16_t *)sample->value, 2);

	memcpy(buf + len, "hi", 2);
	return len + 2;
}

static int read_message(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	int r = read_head(FRAME_MESSAGE, &buf, len);
	uint16_t got = 0;

	if (!r)
		r = frame_decode_message(&got, buf);
	return r ? r : compat_compare(sample, &got);
}

static const struct frame_hello hello = { .kind = FRAME_KIND_LINK,
					  .node = 3,
					  .incarnation = 9,
					  .peer = 31,
					  .peer_incarnation = 7,
					  .epoch = 0x01020304,
					  .secret = UINT64_C(0x0123456789abcdef),
					  .cluster = FRAME_CLUSTER_DEFAULT,
					  .speaker = { 3, 0x0405, "0.1.0" } };
static const struct frame_hello lane_hello = { .kind = FRAME_KIND_COPY,
					       .node = 0,
					       .incarnation = 1,
					       .peer = 1,
					       .peer_incarnation = 2,
					       .secret = 5,
					       .cluster = "another",
					       .speaker = { 1, 2, "12.34.56" } };
static const struct frame_line line = { .dcid = 4,
					.dc_generation = 0xfedc1234,
					.endpoint = { -3, _ENDPOINT(2, 17) },
					.side = 1,
					.word = UINT64_C(0x123456789abcdef0),
					.aux = UINT64_C(0xfedcba9876543210),
					.withdraw = 77,
					.fate = UINT64_C(0x0f1e2d3c4b5a6978),
					.msg = { .m_source = 1,
						 .m_type = -61,
						 .m_u.m_m1 = { 11, 12, 13, (char *)21, (char *)22,
							       (char *)23 } } };
static const struct frame_notify notify = { .dcid = 31,
					    .dc_generation = 2,
					    .endpoint = { -35, 220 },
					    .side = 0,
					    .posted = 1001,
					    .taken = 1000,
					    .bits = UINT64_C(1) << 40,
					    .nr = -1 };
static const struct frame_offer offer = { .dcid = 1, .dc_generation = 6, .endpoint = 10 };
static const struct frame_ping ping = { UINT64_C(0x1122334455667788), 1234567890 };
static const uint16_t kind = 0x8002;

static const struct compat_sample frames[] = {
	SAMPLE("hello", write_hello, read_hello, hello),
	SAMPLE("hello of a lane", write_hello, read_hello, lane_hello),
	SAMPLE("line", write_line, read_line, line),
	SAMPLE("notify", write_notify, read_notify, notify),
	SAMPLE("offer", write_offer, read_offer, offer),
	SAMPLE("ping", write_ping, read_ping, ping),
	SAMPLE("pong", write_pong, read_ping, ping),
	SAMPLE("message", write_message, read_message, kind),
};
const struct compat_format compat_frame = { "frame", FRAME_VERSION, frames, COUNT(frames), 0 };

static size_t write_ask(const struct compat_sample *sample, uint8_t *buf)
{
	lane_encode_ask(buf, sample->value);
	return LANE_ASK_BYTES;
}

static int read_ask(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	struct lane_ask got;
	int r;

	memset(&got, 0, sizeof(got));
	r = len != LANE_ASK_BYTES ? -1 : lane_decode_ask(&got, buf);
	return r ? r : compat_compare(sample, &got);
}

static size_t write_part(const struct compat_sample *sample, uint8_t *buf)
{
	lane_encode_part(buf, sample->value);
	return LANE_PART_BYTES;
}

static int read_part(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	struct lane_part got;
	int r = len != LANE_PART_BYTES ? -1 : lane_decode_part(&got, buf);

	return r ? r : compat_compare(sample, &got);
}

static const struct lane_ask lane_read = {
	.op = LANE_READ,
	.dcid = 2,
	.dc_generation = 3,
	.endpoint = 10,
	.requester = -4,
	.asker = { .uid = 1000, .gid = 100, .permitted = 1 << 19 },
	.addr = UINT64_C(0x7f0000001234),
	.bytes = 70000
};
static const struct lane_ask lane_write = { .op = LANE_WRITE,
					    .endpoint = 11,
					    .requester = 12,
					    .asker = { .may_trace = true },
					    .addr = 4096,
					    .bytes = 1 };
static const struct lane_part lane_data = { LANE_DATA, 4000, 4000, 0 };
static const struct lane_part lane_packed = { LANE_PACKED, 4000, 300, 0 };
static const struct lane_part lane_end = { LANE_END, 70000, 0, -61 };

static const struct compat_sample lanes[] = {
	SAMPLE("read", write_ask, read_ask, lane_read),
	SAMPLE("write", write_ask, read_ask, lane_write),
	SAMPLE("data", write_part, read_part, lane_data),
	SAMPLE("packed", write_part, read_part, lane_packed),
	SAMPLE("end", write_part, read_part, lane_end),
};
const struct compat_format compat_lane = { "lane", LANE_VERSION, lanes, COUNT(lanes), 0 };

static int read_header(enum group_kind which, const uint8_t **buf, size_t len)
{
	struct group_header header = { 0 };
	int r = len < GROUP_HEADER_BYTES ? -1 : group_header_decode(&header, *buf);

	*buf += GROUP_HEADER_BYTES;
	return r ? r : header.kind == which && header.bytes == len - GROUP_HEADER_BYTES ? 0 : -1;
}

static size_t write_group_hello(const struct compat_sample *sample, uint8_t *buf)
{
	group_header_encode(buf, GROUP_HELLO, GROUP_HELLO_BYTES);
	group_hello_encode(buf + GROUP_HEADER_BYTES, sample->value);
	return GROUP_HEADER_BYTES + GROUP_HELLO_BYTES;
}

static int read_group_hello(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	struct group_hello got;
	int r = read_header(GROUP_HELLO, &buf, len);

	memset(&got, 0, sizeof(got));
	if (!r)
		r = group_hello_decode(&got, buf);
	return r ? r : compat_compare(sample, &got);
}

static size_t write_welcome(const struct compat_sample *sample, uint8_t *buf)
{
	group_header_encode(buf, GROUP_WELCOME, GROUP_WELCOME_BYTES);
	group_welcome_encode(buf + GROUP_HEADER_BYTES, sample->value);
	return GROUP_HEADER_BYTES + GROUP_WELCOME_BYTES;
}

static int read_welcome(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	int r = read_header(GROUP_WELCOME, &buf, len);
	struct group_welcome got;

	memset(&got, 0, sizeof(got));
	if (!r)
		r = group_welcome_decode(&got, buf);
	return r ? r : compat_compare(sample, &got);
}

/* Kinds whose payload is numbers: 8 bytes each. */
struct numbers {
	uint64_t kind, number[9], count;
};

static size_t write_numbers(const struct compat_sample *sample, uint8_t *buf)
{
	const struct numbers *n = sample->value;

	group_header_encode(buf, (enum group_kind)n->kind, (uint32_t)n->count * 8);
	for (uint64_t i = 0; i < n->count; i++)
		group_number_encode(buf + GROUP_HEADER_BYTES + 8 * i, n->number[i]);
	return GROUP_HEADER_BYTES + (size_t)n->count * 8;
}

static int read_numbers(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	const struct numbers *n = sample->value;
	struct numbers got = { .kind = n->kind, .count = n->count };
	int r = read_header((enum group_kind)n->kind, &buf, len);

	for (uint64_t i = 0; !r && i < n->count; i++)
		got.number[i] = group_number_decode(buf + 8 * i);
	return r ? r : compat_compare(sample, &got);
}

static const struct group_hello group_hello = { .node = 3,
						.address = { { 0x20, 1, 0x0d, 0xb8, [15] = 4 } },
						.secret = 0x0102030405060708,
						.name = "delta",
						.speaker = { 3, 0x0405, "0.1.0" } };
static const struct group_welcome welcome = { -17, 0x0607 };
static const struct numbers ask = { GROUP_ASK, { 0x0102030405060708 }, 1 };
static const struct numbers state = { GROUP_STATE, { 5, 99 }, 2 };
static const struct numbers restore = { GROUP_RESTORE, { 99 }, 1 };
static const struct numbers quorum = { GROUP_QUORUM, { 1 }, 1 };
static const struct numbers out = { GROUP_OUT, { 0 }, 1 };
static const struct numbers aside = { GROUP_ASIDE, { 6, 1, 2, 3, 4, 5, 6, 7, 8 }, 9 };

static const struct compat_sample groups[] = {
	SAMPLE("hello", write_group_hello, read_group_hello, group_hello),
	SAMPLE("welcome", write_welcome, read_welcome, welcome),
	SAMPLE("ask", write_numbers, read_numbers, ask),
	SAMPLE("state", write_numbers, read_numbers, state),
	SAMPLE("restore", write_numbers, read_numbers, restore),
	SAMPLE("quorum", write_numbers, read_numbers, quorum),
	SAMPLE("out", write_numbers, read_numbers, out),
	SAMPLE("aside", write_numbers, read_numbers, aside),
};
const struct compat_format compat_group = { "group", GROUP_VERSION, groups, COUNT(groups), 0 };

static size_t write_command(const struct compat_sample *sample, uint8_t *buf)
{
	command_encode(sample->value, buf);
	return COMMAND_BYTES;
}

static int read_command(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	struct command got;
	int r;

	memset(&got, 0, sizeof(got));
	r = command_decode(&got, buf, len);
	return r ? r : compat_compare(sample, &got);
}

static const struct command join = { .version = COMMAND_VERSION,
				     .kind = COMMAND_NODE_JOIN,
				     .origin = 3,
				     .node = 3,
				     .address = { { 0x20, 1, 0x0d, 0xb8, [15] = 4 } },
				     .name = "delta",
				     .secret = UINT64_C(0x0123456789abcdef) };
/* Each field has a value of its own. */
static const struct command all = { .version = COMMAND_VERSION,
				    .kind = COMMAND_BIND,
				    .origin = 1,
				    .request = UINT64_C(0x0203040506070809),
				    .dcid = 2,
				    .p_nr = -3,
				    .node = 4,
				    .target = 5,
				    .generation = 6,
				    .move = 7,
				    .flags = 8,
				    .bind_kind = 9,
				    .lpid = 10,
				    .vpid = 11,
				    .misc = 12,
				    .nodes = 13,
				    .value = 14,
				    .uid = 15,
				    .nr_procs = 16,
				    .nr_tasks = 17,
				    .nr_sysprocs = 18,
				    .nr_nodes = 19,
				    .warn2proc = 20,
				    .warnmsg = 21,
				    .name = "everything",
				    .secret = 22 };
static const struct command several = { .version = COMMAND_VERSION,
					.kind = COMMAND_MOVE_START,
					.origin = 1,
					.p_nr = 10,
					.target = 2,
					.fellows = 3,
					.fellow = { 11, -3, 70000 } };

static const struct compat_sample commands[] = {
	SAMPLE("join", write_command, read_command, join),
	SAMPLE("every field", write_command, read_command, all),
	SAMPLE("several", write_command, read_command, several),
};
const struct compat_format compat_command = { "command", COMMAND_VERSION, commands, COUNT(commands),
					      0 };

static size_t write_council(const struct compat_sample *sample, uint8_t *buf)
{
	const struct council_message *m = sample->value;

	council_message_encode(buf, m);
	memset(buf + COUNCIL_HEAD, 0xa5, m->bytes);
	return COUNCIL_HEAD + m->bytes;
}

static int read_council(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	const struct council_message *want = sample->value;
	struct council_message got = { 0 };
	int r = council_message_decode(&got, buf, len);

	if (r)
		return r;
	return got.kind != want->kind || got.node != want->node || got.ring != want->ring ||
	       got.epoch != want->epoch || got.heard != want->heard || got.life != want->life ||
	       got.token != want->token || got.offset != want->offset || got.set != want->set ||
	       got.to != want->to || got.bytes != want->bytes || got.payload != buf + COUNCIL_HEAD;
}

#define COUNCIL_ALL(what, payload_bytes)                                                \
	{                                                                               \
		.kind = what, .node = 31, .ring = 1, .epoch = 2, .heard = 3, .life = 4, \
		.token = 5, .offset = 6, .set = 7, .to = 8, .bytes = payload_bytes      \
	}

static const struct council_message council[] = {
	COUNCIL_ALL(COUNCIL_HELLO, 0),
	COUNCIL_ALL(COUNCIL_COMMAND, COMMAND_BYTES),
	COUNCIL_ALL(COUNCIL_COMMAND, 3 * COMMAND_BYTES),
	COUNCIL_ALL(COUNCIL_JOIN, COMMAND_BYTES),
	COUNCIL_ALL(COUNCIL_HELD, 0),
	COUNCIL_ALL(COUNCIL_ASK, 0),
	COUNCIL_ALL(COUNCIL_STATE, 3),
};
static const struct compat_sample councils[] = {
	SAMPLE("hello", write_council, read_council, council[0]),
	SAMPLE("command", write_council, read_council, council[1]),
	SAMPLE("commands", write_council, read_council, council[2]),
	SAMPLE("join", write_council, read_council, council[3]),
	SAMPLE("held", write_council, read_council, council[4]),
	SAMPLE("ask", write_council, read_council, council[5]),
	SAMPLE("state", write_council, read_council, council[6]),
};
const struct compat_format compat_council = { "council", COUNCIL_VERSION, councils, COUNT(councils),
					      0 };
