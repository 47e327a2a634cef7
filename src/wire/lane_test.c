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

/* All bytes, in parts of which none is empty, too large, or as large as what both ends have not done by then. */
static void check_sizes(uint64_t all)
{
	uint64_t done = 0;
	unsigned parts = 0;

	while (done < all) {
		uint64_t bytes = lane_part_bytes(done, all - done);

		CHECK(bytes > 0 && bytes <= LANE_DATA_MAX && bytes <= all - done);
		CHECK(bytes <= LANE_DATA_FIRST || (bytes <= done && bytes <= (all - done) / 2));
		done += bytes;
		parts++;
	}
	CHECK_EQ(done, all);
	CHECK(parts <= all / LANE_DATA_MAX + 5);
}

static void test_sizes(void)
{
	for (uint64_t all = 1; all < MAXCOPYLEN; all += 4093)
		check_sizes(all);
	check_sizes(MAXCOPYLEN);
	CHECK_EQ(lane_part_bytes(0, MAXCOPYLEN), LANE_DATA_FIRST);
	CHECK_EQ(lane_part_bytes(MAXCOPYLEN / 2, MAXCOPYLEN / 2), LANE_DATA_MAX);
	CHECK_EQ(lane_part_bytes(0, LANE_DATA_FIRST), LANE_DATA_FIRST);
}

int main(void)
{
	TEST(test_ask);
	TEST(test_bad_asks);
	TEST(test_parts);
	TEST(test_sizes);
	return test_end();
}
