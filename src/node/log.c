/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of the last PROC_LOG_BYTES. It grows from nothing, doubling: most processes write little.
 * The daemon keeps the writing end of the pipe open too, so the reading end never shows an end of
 * file, and a child that outlives its process may still be heard.
 */
#include "node/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/inode.h"
#include "os/loop.h"
#include "os/self.h"
#include "os/socket.h"

#define READ_BYTES  65536u
#define FIRST_BYTES 4096u
#define DRAIN_READS 64 /* more than the largest pipe holds: somebody writes as fast as we read */

struct proc_log {
	int read_fd, write_fd;
	struct os_source *source;
	proc_log_fn *fn;
	void *ctx;
	uint8_t *ring;
	size_t room;	    /* PROC_LOG_BYTES at most */
	size_t start, size; /* where the oldest byte kept is, and how many are kept */
	uint64_t total;
};

/* Makes room for len bytes more as far as the limit allows. Without memory the ring stays as it is. */
static void ring_grow(struct proc_log *log, size_t len)
{
	size_t room = log->room ? log->room : FIRST_BYTES;
	uint8_t *ring;

	while (room < PROC_LOG_BYTES && room < log->size + len)
		room *= 2;
	if (room == log->room)
		return;
	ring = malloc(room);
	if (!ring)
		return;
	log->size = proc_log_export(log, ring, log->size);
	free(log->ring);
	log->ring = ring;
	log->room = room;
	log->start = 0;
}

/* Appends; the oldest bytes make way. */
static void ring_append(struct proc_log *log, const uint8_t *bytes, size_t len)
{
	ring_grow(log, len);
	log->total += len;
	if (!log->room)
		return;
	if (len > log->room) {
		bytes += len - log->room;
		len = log->room;
	}
	if (log->size + len > log->room) {
		size_t drop = log->size + len - log->room;

		log->start = (log->start + drop) % log->room;
		log->size -= drop;
	}
	while (len) {
		size_t at = (log->start + log->size) % log->room;
		size_t n = len < log->room - at ? len : log->room - at;

		memcpy(log->ring + at, bytes, n);
		log->size += n;
		bytes += n;
		len -= n;
	}
}

/* One read; false: the pipe is empty. */
static bool read_some(struct proc_log *log)
{
	uint8_t bytes[READ_BYTES];
	ssize_t n = os_read_some(log->read_fd, bytes, sizeof(bytes));

	if (n <= 0)
		return false;
	ring_append(log, bytes, (size_t)n);
	if (log->fn)
		log->fn(log->ctx, bytes, (size_t)n);
	return true;
}

/* One read at a time: a process that writes without end must not keep the loop from the others. */
static void on_readable(void *ctx, int fd, int events)
{
	(void)fd;
	(void)events;
	read_some(ctx);
}

/* Takes the ends. */
static int log_make(struct os_loop *loop, const int ends[2], struct proc_log **logp)
{
	struct proc_log *log = calloc(1, sizeof(*log));
	int r;

	if (!log) {
		os_close(ends[0]);
		os_close(ends[1]);
		return -ENOMEM;
	}
	log->read_fd = ends[0];
	log->write_fd = ends[1];
	/* Only our end: the process finds the blocking pipe it expects. */
	r = os_set_nonblock(log->read_fd, 1);
	if (!r)
		r = os_source_io(loop, log->read_fd, OS_READ, on_readable, log, &log->source);
	if (r < 0) {
		proc_log_free(log);
		return r;
	}
	*logp = log;
	return 0;
}

int proc_log_new(struct os_loop *loop, struct proc_log **logp)
{
	int ends[2];
	int r = os_self_pipe(ends);

	return r < 0 ? r : log_make(loop, ends, logp);
}

int proc_log_adopt(struct os_loop *loop, int read_fd, int write_fd, uint64_t total,
		   const uint8_t *bytes, size_t len, struct proc_log **logp)
{
	int r = log_make(loop, (int[]){ read_fd, write_fd }, logp);

	if (r < 0)
		return r;
	ring_append(*logp, bytes, len);
	(*logp)->total = total;
	return 0;
}

struct proc_log *proc_log_free(struct proc_log *log)
{
	if (!log)
		return NULL;
	os_source_free(log->source);
	os_close(log->read_fd);
	os_close(log->write_fd);
	free(log->ring);
	free(log);
	return NULL;
}

void proc_log_listen(struct proc_log *log, proc_log_fn *fn, void *ctx)
{
	log->fn = fn;
	log->ctx = ctx;
}

int proc_log_fd(const struct proc_log *log)
{
	return log->write_fd;
}

int proc_log_read_fd(const struct proc_log *log)
{
	return log->read_fd;
}

bool proc_log_is(const struct proc_log *log, uint64_t dev, uint64_t ino)
{
	struct os_inode own;

	return !os_inode(log->write_fd, &own) && own.dev == dev && own.ino == ino;
}

void proc_log_drain(struct proc_log *log)
{
	for (int i = 0; i < DRAIN_READS && read_some(log); i++)
		continue;
}

size_t proc_log_size(const struct proc_log *log)
{
	return log->size;
}

uint64_t proc_log_total(const struct proc_log *log)
{
	return log->total;
}

size_t proc_log_export(const struct proc_log *log, uint8_t *buf, size_t size)
{
	size_t len = size < log->size ? size : log->size, skip = log->size - len, first, at;

	if (!len)
		return 0;
	at = (log->start + skip) % log->room;
	first = len < log->room - at ? len : log->room - at;
	memcpy(buf, log->ring + at, first);
	memcpy(buf + first, log->ring, len - first);
	return len;
}

void proc_log_import(struct proc_log *log, const uint8_t *bytes, size_t len)
{
	ring_append(log, bytes, len);
}
