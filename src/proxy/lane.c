/* SPDX-License-Identifier: Apache-2.0 */

#include "proxy/lane.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/pace.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/socket.h"
#include "os/tcp.h"
#include "os/thread.h"
#include "proxy/pack.h"

#define LOSS_MS 2000 /* as for a migration: a cut is noticed within about twice that */

/*
 * Waking a reader costs the writer more than its write. A reader that expects more at once looks for it for a
 * while, letting others go first, and then sleeps until much has come.
 */
#define WAKE_MAX (64 * 1024)

struct lane {
	struct secure *secure;
	int wake_at;  /* bytes that wake us */
	uint8_t *out; /* head and data of a part */
	uint8_t *in;
	uint8_t *packed; /* as it came */
	struct pack *pack;
	struct pace pace;
	struct lane_ask ask; /* the last one */
	struct attention_costs costs;
	struct attention_span look;
};

_Static_assert(PACK_HEAD_ROOM == LANE_PART_BYTES, "the head of a part goes with its data");

int lane_new(struct lane **lanep, struct secure *secure, const struct attention_costs *costs)
{
	struct lane *lane = calloc(1, sizeof(*lane));

	if (lane) {
		lane->secure = secure;
		lane->out = malloc(LANE_PART_BYTES + LANE_DATA_MAX);
		lane->in = malloc(LANE_DATA_MAX);
		lane->packed = malloc(LANE_DATA_MAX);
		lane->pack = pack_new(LANE_DATA_MAX);
		pace_init(&lane->pace);
	}
	if (!lane || !lane->out || !lane->in || !lane->packed || !lane->pack) {
		if (lane)
			lane_free(lane);
		else
			secure_free(secure);
		return -ENOMEM;
	}
	os_tcp_notice_loss(secure_fd(secure), LOSS_MS);
	lane->wake_at = 1;
	lane->costs = *costs;
	attention_span_begin(&lane->look, costs, ATTENTION_COPY_NS(costs));
	*lanep = lane;
	return 0;
}

struct lane *lane_free(struct lane *lane)
{
	if (!lane)
		return NULL;
	secure_free(lane->secure);
	free(lane->out);
	free(lane->in);
	free(lane->packed);
	pack_free(lane->pack);
	free(lane);
	return NULL;
}

bool lane_is_outdated(const struct lane *lane)
{
	return secure_is_outdated(lane->secure);
}

void lane_shut(struct lane *lane)
{
	os_shutdown(secure_fd(lane->secure));
}

static int wait_for_bytes(struct lane *lane, size_t len, int timeout_ms)
{
	int wake_at = secure_wake_at(lane->secure, len < WAKE_MAX ? len : WAKE_MAX);

	assert(len > 0);
	if (wake_at != lane->wake_at)
		os_tcp_wake_at(secure_fd(lane->secure), wake_at);
	lane->wake_at = wake_at;
	return secure_wait(lane->secure, timeout_ms);
}

/*
 * Looks for more for a while, or sleeps. Looking ends where others want this CPU: a thread that yields to them
 * is served last, one that sleeps is served when it is woken.
 */
static int look_or_wait(struct lane *lane, int64_t since_ns, size_t len, int timeout_ms)
{
	int64_t before_ns = os_now_ns(), took_ns;
	int r;

	assert(len > 0);
	assert(since_ns > 0);
	if (before_ns - since_ns < lane->look.ns) {
		os_thread_yield();
		if (os_now_ns() - before_ns < ATTENTION_PART_NS(&lane->costs))
			return 0;
	}
	r = wait_for_bytes(lane, len, timeout_ms);
	took_ns = os_now_ns() - since_ns;
	if (took_ns < ATTENTION_COPY_NS(&lane->costs))
		attention_span_rewarded(&lane->look, &lane->costs, took_ns);
	else
		attention_span_missed(&lane->look, &lane->costs);
	/* A part is longer than a line: less than a wake is never worth a sleep. */
	if (lane->look.ns < lane->costs.wake_ns)
		lane->look.ns = lane->costs.wake_ns;
	return r;
}

static int read_full(struct lane *lane, uint8_t *buf, size_t len, int timeout_ms)
{
	int64_t since_ns = 0;

	while (len) {
		ssize_t n = secure_read(lane->secure, buf, len);
		int r;

		if (n > 0) {
			buf += n;
			len -= (size_t)n;
			since_ns = 0;
			continue;
		}
		if (n != -EAGAIN)
			return (int)n;
		if (!since_ns)
			since_ns = os_now_ns();
		r = look_or_wait(lane, since_ns, len, timeout_ms);
		if (r)
			return r;
	}
	return 0;
}

/* Another process's memory is another kind of data. */
static void note_ask(struct lane *lane, const struct lane_ask *ask)
{
	if (ask->dcid != lane->ask.dcid || ask->endpoint != lane->ask.endpoint ||
	    ask->requester != lane->ask.requester || ask->op != lane->ask.op)
		pace_on_other_data(&lane->pace);
	lane->ask = *ask;
}

int lane_send_ask(struct lane *lane, const struct lane_ask *ask)
{
	uint8_t buf[LANE_ASK_BYTES];

	note_ask(lane, ask);
	lane_encode_ask(buf, ask);
	return secure_write_full(lane->secure, buf, sizeof(buf), LANE_SILENT_MS);
}

int lane_wait_ask(struct lane *lane, struct lane_ask *ask)
{
	uint8_t buf[LANE_ASK_BYTES];
	int r = read_full(lane, buf, sizeof(buf), -1);

	if (!r)
		r = lane_decode_ask(ask, buf);
	if (!r)
		note_ask(lane, ask);
	return r;
}

uint8_t *lane_room(struct lane *lane)
{
	return lane->out + LANE_PART_BYTES;
}

/* Packs the room if that seems to pay: head and data are at *bufp. */
static struct lane_part make_part(struct lane *lane, uint32_t bytes, uint8_t **bufp)
{
	struct lane_part part = { .kind = LANE_DATA, .data = bytes, .bytes = bytes };
	int level = pace_level(&lane->pace);
	int64_t since_ns;
	uint8_t *packed;
	uint32_t n;

	assert(bytes <= LANE_DATA_MAX);
	*bufp = lane->out;
	if (!level)
		return part;
	since_ns = os_now_ns();
	n = pack_block(lane->pack, level, lane_room(lane), bytes, &packed);
	pace_on_packed(&lane->pace, level, bytes, n ? n : bytes, os_now_ns() - since_ns);
	if (!n)
		return part;
	*bufp = packed - LANE_PART_BYTES;
	assert(n < bytes);
	part.kind = LANE_PACKED;
	part.bytes = n;
	return part;
}

int lane_send(struct lane *lane, uint32_t bytes)
{
	uint8_t *buf;
	struct lane_part part = make_part(lane, bytes, &buf);
	uint64_t acked, busy_us;
	int r;

	lane_encode_part(buf, &part);
	r = secure_write_full(lane->secure, buf, LANE_PART_BYTES + part.bytes, LANE_SILENT_MS);
	/* Asking stops the connection for a moment. */
	if (pace_on_sent(&lane->pace, part.bytes)) {
		os_tcp_progress(secure_fd(lane->secure), &acked, &busy_us);
		pace_on_link(&lane->pace, acked, busy_us);
	}
	return r;
}

int lane_send_end(struct lane *lane, uint32_t done, int result)
{
	struct lane_part part = { .kind = LANE_END, .data = done, .result = result };
	uint8_t buf[LANE_PART_BYTES];

	assert(result <= 0);
	lane_encode_part(buf, &part);
	return secure_write_full(lane->secure, buf, sizeof(buf), LANE_SILENT_MS);
}

int lane_receive(struct lane *lane, struct lane_part *part, uint8_t **datap)
{
	uint8_t buf[LANE_PART_BYTES];
	int r = read_full(lane, buf, sizeof(buf), LANE_SILENT_MS);

	if (!r)
		r = lane_decode_part(part, buf);
	*datap = lane->in;
	/* The time that the sender counts ends with the last byte, not with our next ask. */
	if (!r && part->kind == LANE_END)
		os_tcp_acknowledge(secure_fd(lane->secure));
	if (r || !part->bytes)
		return r;
	if (part->kind == LANE_DATA)
		return read_full(lane, lane->in, part->bytes, LANE_SILENT_MS);
	r = read_full(lane, lane->packed, part->bytes, LANE_SILENT_MS);
	return r ? r : pack_open(lane->pack, lane->packed, part->bytes, lane->in, part->data);
}

bool lane_peek(struct lane *lane)
{
	if (lane->wake_at != 1)
		os_tcp_wake_at(secure_fd(lane->secure), 1);
	lane->wake_at = 1;
	return secure_is_readable(lane->secure);
}
