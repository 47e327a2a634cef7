/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "wire/lane.h"

static const struct lane_ask ask_good = { .op = LANE_WRITE,
					  .dcid = 3,
					  .dc_generation = 7,
					  .endpoint = 11,
					  .requester = -2,
					  .asker = { 1000, 100, 0xff, 0, true },
					  .addr = 0x123456789abcdef0u,
					  .bytes = MAXCOPYLEN };

static int decoded_ask(const struct lane_ask *ask)
{
	uint8_t buf[LANE_ASK_BYTES];
	struct lane_ask back;

	lane_encode_ask(buf, ask);
	return lane_decode_ask(&back, buf);
}

static void test_ask(void)
{
	uint8_t buf[LANE_ASK_BYTES];
	struct lane_ask back = { 0 };

	lane_encode_ask(buf, &ask_good);
	CHECK_EQ(lane_decode_ask(&back, buf), 0);
	CHECK(back.op == ask_good.op && back.dcid == ask_good.dcid &&
	      back.dc_generation == ask_good.dc_generation && back.endpoint == ask_good.endpoint &&
	      back.requester == ask_good.requester && back.addr == ask_good.addr &&
	      back.bytes == ask_good.bytes);
	CHECK(back.asker.uid == 1000 && back.asker.gid == 100 && back.asker.permitted == 0xff &&
	      back.asker.may_trace);
	buf[0] ^= 1;
	CHECK_EQ(lane_decode_ask(&back, buf), -EBADMSG);
	buf[0] ^= 1;
	buf[LANE_ASK_BYTES - 1] = 1;
	CHECK_EQ(lane_decode_ask(&back, buf), -EBADMSG);
}

static void test_bad_asks(void)
{
	struct lane_ask ask = ask_good;

	ask.op = 3;
	CHECK_EQ(decoded_ask(&ask), -EBADMSG);
	ask = ask_good;
	ask.dcid = SHM_DCS;
	CHECK_EQ(decoded_ask(&ask), -EBADMSG);
	ask = ask_good;
	ask.endpoint = SHM_SLOTS - SHM_TASKS;
	CHECK_EQ(decoded_ask(&ask), -EBADMSG);
	ask = ask_good;
	ask.requester = -SHM_TASKS - 1;
	CHECK_EQ(decoded_ask(&ask), -EBADMSG);
	ask = ask_good;
	ask.bytes = MAXCOPYLEN + 1;
	CHECK_EQ(decoded_ask(&ask), -EBADMSG);
	ask = ask_good;
	ask.asker.permitted = UINT64_MAX;
	CHECK_EQ(decoded_ask(&ask), -EBADMSG);
}

static int decoded_part(uint32_t kind, uint32_t data, uint32_t bytes, int32_t result)
{
	struct lane_part part = { kind, data, bytes, result }, back = { 0 };
	uint8_t buf[LANE_PART_BYTES];
	int r;

	lane_encode_part(buf, &part);
	r = lane_decode_part(&back, buf);
	CHECK(!memcmp(&back, &part, sizeof(back)));
	return r;
}

static void test_parts(void)
{
	CHECK_EQ(decoded_part(LANE_DATA, LANE_DATA_MAX, LANE_DATA_MAX, 0), 0);
	CHECK_EQ(decoded_part(LANE_PACKED, LANE_DATA_MAX, 1, 0), 0);
	CHECK_EQ(decoded_part(LANE_END, MAXCOPYLEN, 0, EDVSFAULT), 0);
	CHECK_EQ(decoded_part(LANE_DATA, LANE_DATA_MAX + 1, LANE_DATA_MAX + 1, 0), -EBADMSG);
	CHECK_EQ(decoded_part(LANE_DATA, 0, 0, 0), -EBADMSG);
	CHECK_EQ(decoded_part(LANE_DATA, 2, 1, 0), -EBADMSG);
	CHECK_EQ(decoded_part(LANE_PACKED, 2, 2, 0), -EBADMSG);
	CHECK_EQ(decoded_part(LANE_PACKED, LANE_DATA_MAX + 1, 2, 0), -EBADMSG);
	CHECK_EQ(decoded_part(LANE_END, 1, 1, 0), -EBADMSG);
	CHECK_EQ(decoded_part(LANE_END, MAXCOPYLEN + 1, 0, 0), -EBADMSG);
	CHECK_EQ(decoded_part(LANE_END, 0, 0, 1), -EBADMSG);
	CHECK_EQ(decoded_part(LANE_END, 0, 0, -5000), -EBADMSG);
	CHECK_EQ(decoded_part(0, 0, 0, 0), -EBADMSG);
}

int main(void)
{
	TEST(test_ask);
	TEST(test_bad_asks);
	TEST(test_parts);
	return test_end();
}
