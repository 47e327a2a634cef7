/* SPDX-License-Identifier: Apache-2.0 */

/* Two ends of a lane in one process: parts go through, nonsense and silence do not. */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/test.h"
#include "os/clock.h"
#include "os/socket.h"
#include "os/thread.h"
#include "proxy/lane.h"
#include "proxy/pack.h"

#define PARTS 40

static const struct attention_costs costs = ATTENTION_COSTS_DEFAULT;
static struct lane *near, *far;
static struct secure_keys *keys; /* NULL: plain */
static int far_fd;		 /* of the far end while there is no lane */

/* Both ends of a connection, proven if there are keys. */
static void pair(struct secure *end[2])
{
	const struct identity identity = { .purpose = 3, .from = 1, .to = 2 };
	int fd[2], r[2] = { 1, 1 };

	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	end[0] = secure_call(keys, &identity, fd[0]);
	end[1] = secure_answer(keys, 2, fd[1]);
	for (int i = 0; i < 8 && (r[0] > 0 || r[1] > 0); i++)
		r[i % 2] = secure_greet(end[i % 2]);
	CHECK_EQ(r[0], 0);
	CHECK_EQ(r[1], 0);
}

static void set_up(void)
{
	struct secure *end[2];

	pair(end);
	CHECK_EQ(lane_new(&near, end[0], &costs), 0);
	CHECK_EQ(lane_new(&far, end[1], &costs), 0);
}

static void tear_down(void)
{
	near = lane_free(near);
	far = lane_free(far);
}

static void fill(uint8_t *data, uint32_t bytes, uint32_t seed)
{
	for (uint32_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)(seed * 2654435761u >> (i % 24) ^ i * 167);
}

static uint32_t size_of(int part)
{
	return part % 3 == 0 ? LANE_DATA_MAX : (uint32_t)(part * 977 + 1);
}

static void *send_parts(void *ctx)
{
	int r = 0;

	for (int i = 0; i < PARTS && !r; i++) {
		fill(lane_room(near), size_of(i), (uint32_t)i);
		r = lane_send(near, size_of(i));
	}
	if (!r)
		r = lane_send_end(near, 12345, EDVSFAULT);
	return r ? ctx : NULL;
}

static void test_parts(void)
{
	static uint8_t want[LANE_DATA_MAX];
	struct lane_part part;
	pthread_t thread;
	uint8_t *data;
	void *failed;

	set_up();
	CHECK_EQ(pthread_create(&thread, NULL, send_parts, &far), 0);
	for (int i = 0; i < PARTS; i++) {
		CHECK_EQ(lane_receive(far, &part, &data), 0);
		CHECK_EQ(part.data, size_of(i));
		fill(want, part.data, (uint32_t)i);
		CHECK(!memcmp(data, want, part.data));
	}
	CHECK_EQ(lane_receive(far, &part, &data), 0);
	CHECK_EQ(part.kind, LANE_END);
	CHECK_EQ(part.data, 12345);
	CHECK_EQ(part.result, EDVSFAULT);
	pthread_join(thread, &failed);
	CHECK(!failed);
	tear_down();
}

static void test_ask(void)
{
	struct lane_ask ask = { .op = LANE_READ, .dcid = 1, .endpoint = 5, .bytes = 77 }, back;

	set_up();
	CHECK(!lane_peek(far));
	CHECK_EQ(lane_send_ask(near, &ask), 0);
	CHECK(lane_peek(far));
	CHECK_EQ(lane_wait_ask(far, &back), 0);
	CHECK_EQ(back.bytes, 77);
	CHECK_EQ(back.endpoint, 5);
	near = lane_free(near);
	CHECK_EQ(lane_wait_ask(far, &back), -ECONNRESET);
	tear_down();
}

static void set_up_raw(void)
{
	int fd[2];

	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	CHECK_EQ(lane_new(&near, secure_plain(fd[0]), &costs), 0);
	far_fd = fd[1];
}

/* Bytes that are no part end the lane and are not waited for. */
static void test_nonsense(void)
{
	struct lane_part part = { LANE_DATA, LANE_DATA_MAX + 1, LANE_DATA_MAX + 1, 0 };
	uint8_t buf[LANE_PART_BYTES], no_ask[LANE_ASK_BYTES], *data;
	struct lane_ask ask;

	set_up_raw();
	lane_encode_part(buf, &part);
	CHECK_EQ(os_write_full(far_fd, buf, sizeof(buf), 1000), 0);
	CHECK_EQ(lane_receive(near, &part, &data), -EBADMSG);
	near = lane_free(near);
	os_close(far_fd);

	set_up_raw();
	memset(no_ask, 'x', sizeof(no_ask));
	CHECK_EQ(os_write_full(far_fd, no_ask, sizeof(no_ask), 1000), 0);
	CHECK_EQ(lane_wait_ask(near, &ask), -EBADMSG);
	near = lane_free(near);
	os_close(far_fd);
}

/* Packed parts are opened; a damaged one ends the lane. */
static void test_packed(void)
{
	struct pack *pack = pack_new(LANE_DATA_MAX);
	struct lane_part part = { .kind = LANE_PACKED, .data = LANE_DATA_MAX };
	static uint8_t text[LANE_DATA_MAX];
	uint8_t *packed, *data;

	CHECK_OR_RETURN(pack);
	for (uint32_t i = 0; i < LANE_DATA_MAX; i++)
		text[i] = (uint8_t)(i / 50);
	part.bytes = pack_block(pack, 1, text, LANE_DATA_MAX, &packed);
	CHECK(part.bytes && part.bytes < LANE_DATA_MAX / 8);
	lane_encode_part(packed - LANE_PART_BYTES, &part);
	set_up_raw();
	for (int damaged = 0; damaged < 2; damaged++) {
		packed[part.bytes / 2] ^= (uint8_t)damaged;
		CHECK_EQ(os_write_full(far_fd, packed - LANE_PART_BYTES,
				       LANE_PART_BYTES + part.bytes, 1000),
			 0);
		CHECK_EQ(lane_receive(near, &part, &data), damaged ? -EBADMSG : 0);
		CHECK(damaged || !memcmp(data, text, LANE_DATA_MAX));
	}
	near = lane_free(near);
	os_close(far_fd);
	pack_free(pack);
}

static void *shut_later(void *ctx)
{
	os_thread_sleep_ns(20 * OS_MS_NS);
	lane_shut(near);
	return ctx;
}

/* Another thread can end the wait of the one that has the lane. */
static void test_shut(void)
{
	struct lane_part part;
	pthread_t thread;
	uint8_t *data;

	set_up();
	CHECK_EQ(pthread_create(&thread, NULL, shut_later, NULL), 0);
	CHECK(lane_receive(near, &part, &data) < 0);
	pthread_join(thread, NULL);
	tear_down();
}

int main(void)
{
	const struct keyring ring = { .count = 1, .key[0].id = 1 };

	TEST(test_parts);
	TEST(test_ask);
	CHECK_EQ(secure_keys_new(&keys, &ring, "dvs"), 0);
	TEST(test_parts);
	TEST(test_ask);
	TEST(test_shut);
	keys = secure_keys_free(keys);
	TEST(test_nonsense);
	TEST(test_packed);
	TEST(test_shut);
	return test_end();
}
