/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/outbox.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/socket.h"

struct packet {
	struct packet *next;
	size_t bytes;
	uint8_t data[];
};

struct outbox {
	int fd;
	bool finishing;
	size_t bytes; /* of all packets */
	struct packet *first, **last;
	struct os_source *writable, *silence;
};

struct outbox *outbox_drop(struct outbox *box)
{
	assert(os_lock_protects());
	if (!box)
		return NULL;
	os_source_free(box->writable);
	os_source_free(box->silence);
	while (box->first) {
		struct packet *packet = box->first;

		box->first = packet->next;
		free(packet);
	}
	free(box);
	return NULL;
}

/* Only of one that is finishing. */
static void end(struct outbox *box)
{
	int fd = box->fd;

	outbox_drop(box);
	os_close(fd);
}

static void forget_first(struct outbox *box)
{
	struct packet *packet = box->first;

	box->first = packet->next;
	box->bytes -= packet->bytes;
	if (!box->first)
		box->last = &box->first;
	free(packet);
}

static void on_silence(void *ctx)
{
	struct outbox *box = ctx;

	os_log(OS_LOG_DEBUG, "a control client does not read: %zu bytes are dropped", box->bytes);
	os_shutdown(box->fd);
	if (box->finishing)
		end(box);
	else
		os_source_set(box->writable, 0);
}

static void on_writable(void *ctx, int fd, int events)
{
	struct outbox *box = ctx;
	int r = 0;

	(void)events;
	while (box->first) {
		struct iovec part = { box->first->data, box->first->bytes };

		r = os_packet_sendv(fd, &part, 1, NULL, 0);
		if (r == -EAGAIN)
			break;
		if (r < 0)
			os_shutdown(fd);
		forget_first(box);
	}
	if (!box->first && box->finishing) {
		end(box);
		return;
	}
	if (!box->first)
		os_source_set(box->writable, 0);
	os_timer_set(box->silence, box->first ? OUTBOX_SILENT_US : -1);
}

static struct outbox *outbox_new(struct os_loop *loop, int fd)
{
	struct outbox *box = calloc(1, sizeof(*box));

	if (!box)
		return NULL;
	box->fd = fd;
	box->last = &box->first;
	if (os_source_io(loop, fd, OS_WRITE, on_writable, box, &box->writable) < 0 ||
	    os_source_timer(loop, -1, on_silence, box, &box->silence) < 0)
		return outbox_drop(box);
	return box;
}

int outbox_add(struct outbox **boxp, struct os_loop *loop, int fd, const struct iovec *parts,
	       int count)
{
	struct outbox *box = *boxp ? *boxp : outbox_new(loop, fd);
	struct packet *packet;
	size_t bytes = 0;

	assert(os_lock_protects());
	if (!box)
		return -ENOMEM;
	*boxp = box;
	for (int i = 0; i < count; i++)
		bytes += parts[i].iov_len;
	if (box->bytes + bytes > OUTBOX_BYTES_MAX)
		return -ENOBUFS;
	packet = malloc(sizeof(*packet) + bytes);
	if (!packet)
		return -ENOMEM;
	packet->next = NULL;
	packet->bytes = 0;
	for (int i = 0; i < count; i++) {
		if (parts[i].iov_len)
			memcpy(packet->data + packet->bytes, parts[i].iov_base, parts[i].iov_len);
		packet->bytes += parts[i].iov_len;
	}
	if (!box->first) {
		os_source_set(box->writable, OS_WRITE);
		os_timer_set(box->silence, OUTBOX_SILENT_US);
	}
	*box->last = packet;
	box->last = &packet->next;
	box->bytes += bytes;
	return 0;
}

void outbox_finish(struct outbox *box)
{
	assert(os_lock_protects());
	box->finishing = true;
	if (!box->first)
		end(box);
}
