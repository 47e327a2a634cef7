/* SPDX-License-Identifier: Apache-2.0 */

#include "proxy/lane.h"

#include <errno.h>
#include <stdlib.h>

#include "os/clock.h"
#include "os/loop.h"
#include "os/socket.h"
#include "os/tcp.h"
#include "os/thread.h"

#define LOSS_MS 2000 /* as for a migration: a cut is noticed within about twice that */

/*
 * Waking a reader costs the writer more than what it wrote: who expects more at once looks for it this
 * long, letting others go first, and then sleeps until much has come.
 */
#define LOOK_NS	 100000
#define WAKE_MAX (64 * 1024)

struct lane {
	int fd;
	int wake_at;  /* bytes that wake us */
	uint8_t *out; /* head and data of a part */
	uint8_t *in;
};

int lane_new(struct lane **lanep, int fd)
{
	struct lane *lane = calloc(1, sizeof(*lane));

	if (lane) {
		lane->fd = fd;
		lane->out = malloc(LANE_PART_BYTES + LANE_DATA_MAX);
		lane->in = malloc(LANE_DATA_MAX);
	}
	if (!lane || !lane->out || !lane->in) {
		if (lane)
			lane_free(lane);
		else
			os_close(fd);
		return -ENOMEM;
	}
	os_tcp_notice_loss(fd, LOSS_MS);
	os_set_nonblock(fd, 1);
	lane->wake_at = 1;
	*lanep = lane;
	return 0;
}

struct lane *lane_free(struct lane *lane)
{
	if (!lane)
		return NULL;
	os_close(lane->fd);
	free(lane->out);
	free(lane->in);
	free(lane);
	return NULL;
}

void lane_shut(struct lane *lane)
{
	os_shutdown(lane->fd);
}

static int wait_for_bytes(struct lane *lane, size_t len, int timeout_ms)
{
	int wake_at = len < WAKE_MAX ? (int)len : WAKE_MAX;

	if (wake_at != lane->wake_at)
		os_tcp_wake_at(lane->fd, wake_at);
	lane->wake_at = wake_at;
	return os_poll(lane->fd, OS_READ, timeout_ms);
}

static int read_full(struct lane *lane, uint8_t *buf, size_t len, int timeout_ms)
{
	int64_t since = os_now_ns();

	while (len) {
		ssize_t n = os_tcp_read(lane->fd, buf, len);
		int r = 0;

		if (n > 0) {
			buf += n;
			len -= (size_t)n;
			since = 0;
			continue;
		}
		if (n != -EAGAIN)
			return n ? (int)n : -ECONNRESET;
		if (!since)
			since = os_now_ns();
		if (os_now_ns() - since < LOOK_NS)
			os_thread_yield();
		else
			r = wait_for_bytes(lane, len, timeout_ms);
		if (r)
			return r;
	}
	return 0;
}

int lane_send_ask(struct lane *lane, const struct lane_ask *ask)
{
	uint8_t buf[LANE_ASK_BYTES];

	lane_encode_ask(buf, ask);
	return os_write_full(lane->fd, buf, sizeof(buf), LANE_SILENT_MS);
}

int lane_wait_ask(struct lane *lane, struct lane_ask *ask)
{
	uint8_t buf[LANE_ASK_BYTES];
	int r = read_full(lane, buf, sizeof(buf), -1);

	return r ? r : lane_decode_ask(ask, buf);
}

uint8_t *lane_room(struct lane *lane)
{
	return lane->out + LANE_PART_BYTES;
}

int lane_send(struct lane *lane, uint32_t bytes)
{
	struct lane_part part = { .kind = LANE_DATA, .data = bytes, .bytes = bytes };

	lane_encode_part(lane->out, &part);
	return os_write_full(lane->fd, lane->out, LANE_PART_BYTES + bytes, LANE_SILENT_MS);
}

int lane_send_end(struct lane *lane, uint32_t done, int result)
{
	struct lane_part part = { .kind = LANE_END, .data = done, .result = result };
	uint8_t buf[LANE_PART_BYTES];

	lane_encode_part(buf, &part);
	return os_write_full(lane->fd, buf, sizeof(buf), LANE_SILENT_MS);
}

int lane_receive(struct lane *lane, struct lane_part *part, uint8_t **datap)
{
	uint8_t buf[LANE_PART_BYTES];
	int r = read_full(lane, buf, sizeof(buf), LANE_SILENT_MS);

	if (!r)
		r = lane_decode_part(part, buf);
	if (!r && part->bytes)
		r = read_full(lane, lane->in, part->bytes, LANE_SILENT_MS);
	*datap = lane->in;
	return r;
}

bool lane_peek(struct lane *lane)
{
	if (lane->wake_at != 1)
		os_tcp_wake_at(lane->fd, 1);
	lane->wake_at = 1;
	return os_poll(lane->fd, OS_READ, 0) == 0;
}
