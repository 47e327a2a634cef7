/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of the last bytes, in a memfd made for the first byte: only what was written takes memory,
 * and a restart of the daemon hands it over as it is. Its marks stand behind the bytes, for a
 * daemon that follows one that died: the values that were handed over may be older than the last
 * bytes. The daemon keeps the writing end of the pipe open too, so the reading end never shows an
 * end of file, and a child that outlives its process may still be heard.
 */
#include "node/task/output.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/inode.h"
#include "os/kept.h"
#include "os/lock.h"
#include "os/loop.h"
#include "os/memfd.h"
#include "os/self.h"
#include "os/socket.h"

#define READ_BYTES  65536u
#define DRAIN_READS 64 /* more than the largest pipe holds: somebody writes as fast as we read */

struct marks {
	uint64_t total;
	uint32_t start, size;
};

struct output {
	int read_fd, write_fd, ring_fd;
	struct os_source *source;
	struct os_kept *owner; /* or NULL */
	output_fn *fn;
	void *ctx;
	uint8_t *ring;
	uint32_t limit;
	size_t start, size; /* where the oldest byte kept is, and how many are kept */
	uint64_t total;
};

static size_t ring_bytes(uint32_t limit)
{
	return limit + sizeof(struct marks);
}

static void marks_set(struct output *output)
{
	const struct marks marks = { output->total, (uint32_t)output->start,
				     (uint32_t)output->size };

	memcpy(output->ring + output->limit, &marks, sizeof(marks));
}

/* The values that were handed over stay where the marks make no sense. */
static void marks_take(struct output *output)
{
	struct marks marks;

	memcpy(&marks, output->ring + output->limit, sizeof(marks));
	if (marks.total < output->total || marks.start >= output->limit ||
	    marks.size > output->limit)
		return;
	output->total = marks.total;
	output->start = marks.start;
	output->size = marks.size;
}

static int ring_map(struct output *output)
{
	void *ring;
	int r = os_memfd_map(output->ring_fd, ring_bytes(output->limit), OS_MAP_NOFORK, &ring);

	if (!r)
		output->ring = ring;
	return r;
}

static void note(const struct output *output)
{
	if (output->owner)
		os_kept_note(output->owner);
}

/* False: no memory; then nothing is kept. */
static bool ring_make(struct output *output)
{
	if (output->ring)
		return true;
	if (output->ring_fd < 0)
		output->ring_fd = os_memfd_new("dvs-log", ring_bytes(output->limit));
	note(output);
	return output->ring_fd >= 0 && ring_map(output) == 0;
}

/* Appends; the oldest bytes make way. */
static void ring_append(struct output *output, const uint8_t *bytes, size_t len)
{
	output->total += len;
	if (!len || !ring_make(output))
		return;
	if (len > output->limit) {
		bytes += len - output->limit;
		len = output->limit;
	}
	if (output->size + len > output->limit) {
		size_t drop = output->size + len - output->limit;

		output->start = (output->start + drop) % output->limit;
		output->size -= drop;
	}
	while (len) {
		size_t at = (output->start + output->size) % output->limit;
		size_t n = len < output->limit - at ? len : output->limit - at;

		memcpy(output->ring + at, bytes, n);
		output->size += n;
		bytes += n;
		len -= n;
	}
	marks_set(output);
}

/* One read; false: the pipe is empty. */
static bool read_some(struct output *output)
{
	uint8_t bytes[READ_BYTES];
	ssize_t n = os_read_some(output->read_fd, bytes, sizeof(bytes));

	if (n <= 0)
		return false;
	ring_append(output, bytes, (size_t)n);
	if (output->fn)
		output->fn(output->ctx, bytes, (size_t)n);
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
static int log_make(struct os_loop *loop, const int ends[2], uint32_t limit,
		    struct output **outputp)
{
	struct output *output = calloc(1, sizeof(*output));
	int r;

	if (!output) {
		os_close(ends[0]);
		os_close(ends[1]);
		return -ENOMEM;
	}
	output->read_fd = ends[0];
	output->write_fd = ends[1];
	output->ring_fd = -1;
	output->limit = limit;
	/* Only our end: the process finds the blocking pipe it expects. */
	r = os_set_nonblock(output->read_fd, 1);
	if (!r)
		r = os_source_io(loop, output->read_fd, OS_READ, on_readable, output,
				 &output->source);
	if (r < 0) {
		output_free(output);
		return r;
	}
	*outputp = output;
	return 0;
}

static bool limit_fits(uint32_t limit)
{
	return limit >= OUTPUT_LEAST && limit <= OUTPUT_MOST;
}

int output_new(struct os_loop *loop, uint32_t limit, struct output **outputp)
{
	int ends[2];
	int r = limit_fits(limit) ? os_self_pipe(ends) : -EINVAL;

	assert(os_lock_protects());
	return r < 0 ? r : log_make(loop, ends, limit, outputp);
}

void output_place(const struct output *output, struct output_place *place)
{
	*place = (struct output_place){ .read_fd = output->read_fd,
					.write_fd = output->write_fd,
					.ring_fd = output->ring_fd,
					.total = output->total,
					.start = (uint32_t)output->start,
					.size = (uint32_t)output->size,
					.limit = output->limit };
}

int output_adopt(struct os_loop *loop, const struct output_place *place, struct output **outputp)
{
	int r = log_make(loop, (int[]){ place->read_fd, place->write_fd }, place->limit, outputp);

	assert(os_lock_protects());
	if (r < 0) {
		os_close(place->ring_fd);
		return r;
	}
	(*outputp)->ring_fd = place->ring_fd;
	(*outputp)->total = place->total;
	if (!limit_fits(place->limit) || place->start >= (*outputp)->limit ||
	    place->size > (*outputp)->limit || (place->ring_fd < 0 && place->size))
		r = -EBADMSG;
	else if (place->ring_fd >= 0)
		r = ring_map(*outputp);
	if (r < 0) {
		*outputp = output_free(*outputp);
		return r;
	}
	(*outputp)->start = place->start;
	(*outputp)->size = place->size;
	if ((*outputp)->ring)
		marks_take(*outputp);
	return 0;
}

struct output *output_free(struct output *output)
{
	assert(os_lock_protects());
	if (!output)
		return NULL;
	note(output);
	os_source_free(output->source);
	os_close(output->read_fd);
	os_close(output->write_fd);
	os_memfd_unmap(output->ring, ring_bytes(output->limit));
	os_close(output->ring_fd);
	free(output);
	return NULL;
}

void output_belong(struct output *output, struct os_kept *owner)
{
	assert(os_lock_protects());
	output->owner = owner;
}

void output_listen(struct output *output, output_fn *fn, void *ctx)
{
	assert(os_lock_protects());
	output->fn = fn;
	output->ctx = ctx;
}

int output_fd(const struct output *output)
{
	return output->write_fd;
}

bool output_is(const struct output *output, uint64_t dev, uint64_t ino)
{
	struct os_inode own;

	return !os_inode(output->write_fd, &own) && own.dev == dev && own.ino == ino;
}

void output_drain(struct output *output)
{
	assert(os_lock_protects());
	for (int i = 0; i < DRAIN_READS && read_some(output); i++)
		continue;
}

uint32_t output_limit(const struct output *output)
{
	return output->limit;
}

size_t output_size(const struct output *output)
{
	assert(os_lock_protects());
	return output->size;
}

uint64_t output_total(const struct output *output)
{
	return output->total;
}

size_t output_export(const struct output *output, uint8_t *buf, size_t size)
{
	size_t len = size < output->size ? size : output->size, skip = output->size - len, first,
	       at;

	assert(os_lock_protects());
	if (!len)
		return 0;
	at = (output->start + skip) % output->limit;
	first = len < output->limit - at ? len : output->limit - at;
	memcpy(buf, output->ring + at, first);
	memcpy(buf + first, output->ring, len - first);
	return len;
}

void output_import(struct output *output, const uint8_t *bytes, size_t len)
{
	ring_append(output, bytes, len);
}
