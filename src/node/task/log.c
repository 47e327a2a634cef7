/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of the last bytes, in a memfd made for the first byte: only what was written takes
 * memory, and a restart of the daemon hands it over as it is. The daemon keeps the writing end of the
 * pipe open too, so the reading end never shows an end of file, and a child that outlives its process
 * may still be heard.
 */
#include "node/task/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/inode.h"
#include "os/loop.h"
#include "os/memfd.h"
#include "os/self.h"
#include "os/socket.h"

#define READ_BYTES  65536u
#define DRAIN_READS 64 /* more than the largest pipe holds: somebody writes as fast as we read */

struct proc_log {
	int read_fd, write_fd, ring_fd;
	struct os_source *source;
	proc_log_fn *fn;
	void *ctx;
	uint8_t *ring;
	uint32_t limit;
	size_t start, size; /* where the oldest byte kept is, and how many are kept */
	uint64_t total;
};

static int ring_map(struct proc_log *log)
{
	void *ring;
	int r = os_memfd_map(log->ring_fd, log->limit, OS_MAP_NOFORK, &ring);

	if (!r)
		log->ring = ring;
	return r;
}

/* False: no memory; then nothing is kept. */
static bool ring_make(struct proc_log *log)
{
	if (log->ring)
		return true;
	if (log->ring_fd < 0)
		log->ring_fd = os_memfd_new("dvs-log", log->limit);
	return log->ring_fd >= 0 && ring_map(log) == 0;
}

/* Appends; the oldest bytes make way. */
static void ring_append(struct proc_log *log, const uint8_t *bytes, size_t len)
{
	log->total += len;
	if (!len || !ring_make(log))
		return;
	if (len > log->limit) {
		bytes += len - log->limit;
		len = log->limit;
	}
	if (log->size + len > log->limit) {
		size_t drop = log->size + len - log->limit;

		log->start = (log->start + drop) % log->limit;
		log->size -= drop;
	}
	while (len) {
		size_t at = (log->start + log->size) % log->limit;
		size_t n = len < log->limit - at ? len : log->limit - at;

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
static int log_make(struct os_loop *loop, const int ends[2], uint32_t limit, struct proc_log **logp)
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
	log->ring_fd = -1;
	log->limit = limit;
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

static bool limit_fits(uint32_t limit)
{
	return limit >= PROC_LOG_LEAST && limit <= PROC_LOG_MOST;
}

int proc_log_new(struct os_loop *loop, uint32_t limit, struct proc_log **logp)
{
	int ends[2];
	int r = limit_fits(limit) ? os_self_pipe(ends) : -EINVAL;

	return r < 0 ? r : log_make(loop, ends, limit, logp);
}

void proc_log_place(const struct proc_log *log, struct proc_log_place *place)
{
	*place = (struct proc_log_place){ .read_fd = log->read_fd,
					  .write_fd = log->write_fd,
					  .ring_fd = log->ring_fd,
					  .total = log->total,
					  .start = (uint32_t)log->start,
					  .size = (uint32_t)log->size,
					  .limit = log->limit };
}

int proc_log_adopt(struct os_loop *loop, const struct proc_log_place *place, struct proc_log **logp)
{
	int r = log_make(loop, (int[]){ place->read_fd, place->write_fd }, place->limit, logp);

	if (r < 0) {
		os_close(place->ring_fd);
		return r;
	}
	(*logp)->ring_fd = place->ring_fd;
	(*logp)->total = place->total;
	if (!limit_fits(place->limit) || place->start >= (*logp)->limit ||
	    place->size > (*logp)->limit || (place->ring_fd < 0 && place->size))
		r = -EBADMSG;
	else if (place->ring_fd >= 0)
		r = ring_map(*logp);
	if (r < 0) {
		*logp = proc_log_free(*logp);
		return r;
	}
	(*logp)->start = place->start;
	(*logp)->size = place->size;
	return 0;
}

struct proc_log *proc_log_free(struct proc_log *log)
{
	if (!log)
		return NULL;
	os_source_free(log->source);
	os_close(log->read_fd);
	os_close(log->write_fd);
	os_memfd_unmap(log->ring, log->limit);
	os_close(log->ring_fd);
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

uint32_t proc_log_limit(const struct proc_log *log)
{
	return log->limit;
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
	at = (log->start + skip) % log->limit;
	first = len < log->limit - at ? len : log->limit - at;
	memcpy(buf, log->ring + at, first);
	memcpy(buf + first, log->ring, len - first);
	return len;
}

void proc_log_import(struct proc_log *log, const uint8_t *bytes, size_t len)
{
	ring_append(log, bytes, len);
}
