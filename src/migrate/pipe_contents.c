/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/pipe_contents.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/pipe.h"
#include "os/socket.h"

#define WIDER_MAX (1u << 20)

bool pipe_reads(const struct image_description *image)
{
	return (image->flags & OS_OPEN_ACCESS) != OS_OPEN_WRITE;
}

bool pipe_writes(const struct image_description *image)
{
	return (image->flags & OS_OPEN_ACCESS) != OS_OPEN_READ;
}

/* Each pipe is an inode of its own, and each FIFO one of its file system. */
static bool is_of(const struct description *other, const struct description *description)
{
	return other->image.kind == description->image.kind && other->inode == description->inode &&
	       other->device == description->device;
}

struct pipe_ends pipe_ends_of(const struct descriptions *descriptions,
			      const struct description *description)
{
	struct pipe_ends ends = { 0 };

	for (uint32_t i = 0; i < descriptions->count; i++) {
		const struct description *other = &descriptions->description[i];

		if (!is_of(other, description))
			continue;
		ends.owner = ends.owner ? ends.owner : other;
		if (!ends.reader && pipe_reads(&other->image))
			ends.reader = other;
		if (!ends.writer && pipe_writes(&other->image))
			ends.writer = other;
		ends.packets = ends.packets ||
			       (pipe_writes(&other->image) && other->image.flags & OS_OPEN_DIRECT);
	}
	assert(ends.owner &&
	       ends.owner->image.id <= description->image.id); /* it is one of its own ends */
	return ends;
}

/* Reads all that is in our copy, piece by piece. 0, -errno, or -EBADMSG: packets where there are none. */
static int take(int copy, uint32_t bytes, bool packets, struct contents *contents)
{
	uint8_t piece[IMAGE_CONTENTS_BYTES_MAX];

	assert(bytes);
	while (bytes) {
		uint32_t wanted = bytes < sizeof(piece) ? bytes : (uint32_t)sizeof(piece);
		ssize_t got = os_pipe_read(copy, piece, wanted);

		if (got <= 0)
			return got < 0 ? (int)got : -EIO;
		if (got < wanted && !packets)
			return -EBADMSG;
		int r = contents_append(contents, piece, (uint32_t)got);

		if (r)
			return r;
		bytes -= (uint32_t)got;
	}
	return 0;
}

/*
 * A copy refers to the same pages and takes as many places in the pipe, so that it needs no more room. The
 * kernel lets nobody set the size of a pipe for notifications, not even to the same.
 */
int pipe_contents_take(int reader, uint32_t capacity, bool packets, struct contents *contents)
{
	int set = os_pipe_set_capacity(reader, capacity), ends[2];
	int bytes = set < 0 ? set : os_pipe_bytes(reader);

	if (bytes <= 0)
		return bytes;
	assert(!contents->length);
	int r = os_pipe_new(ends);

	if (r < 0)
		return r;
	r = os_set_nonblock(ends[0], 1);
	if (r == 0)
		r = os_pipe_set_capacity(ends[1], capacity);
	ssize_t copied = r ? 0 : os_pipe_copy(reader, ends[1], (size_t)bytes);

	if (copied < 0)
		r = (int)copied;
	else if (r == 0)
		r = copied == bytes ? take(ends[0], (uint32_t)bytes, packets, contents) : -EIO;
	os_close(ends[0]);
	os_close(ends[1]);
	return r;
}

int pipe_contents_refuse(const struct description *description, const char *noun, int r,
			 struct refusal *refusal)
{
	if (r == -E2BIG)
		return refusal_set(refusal, EDVS2BIG,
				   "the %s of descriptor %d has more than %u KiB in it, which is "
				   "the most that can move; let them be read first",
				   noun, description->number, IMAGE_CONTENTS_MAX >> 10);
	if (r == -EBADMSG)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the %s of descriptor %d has packets in it (O_DIRECT) and no "
				   "writer of packets, which cannot be carried; let them be read "
				   "first",
				   noun, description->number);
	if (r == -EBUSY)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the %s of descriptor %d is one for notifications of the "
				   "kernel, which cannot move to another node",
				   noun, description->number);
	return refusal_set(refusal, EDVSIO, "the %s of descriptor %d cannot be read: %s", noun,
			   description->number, strerror(-r));
}

/*
 * No room comes of itself for the rest of a write, for those that read stand as well: the pipe grows. Whether
 * it is still the same one is asked first, because the process has run since its description was read.
 */
bool pipe_contents_widen(pid_t pid, const struct description *description, uint64_t bytes)
{
	struct os_status status;
	int fd = os_pid_descriptor(pid, description->number);
	int capacity = fd < 0 ? fd : os_pipe_capacity(fd);
	bool wider =
		capacity > 0 && os_status(fd, &status) == 0 && status.inode == description->inode &&
		bytes < WIDER_MAX && (uint64_t)capacity + bytes < WIDER_MAX &&
		os_pipe_set_capacity(fd, (uint32_t)capacity + (uint32_t)bytes + IMAGE_PAGE) == 0;

	os_close(fd);
	return wider;
}

int pipe_contents_put(int writer, const struct contents *contents)
{
	const uint8_t *piece;
	uint32_t length;

	for (uint32_t at = 0; (piece = contents_next(contents, &at, &length));) {
		ssize_t done = os_pipe_write(writer, piece, length);

		if (done != (ssize_t)length)
			return done < 0 ? (int)done : -ENOSPC;
	}
	return 0;
}
