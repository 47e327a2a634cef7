/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe that only this process has, with the bytes in it. A description is one end of it, or both (one that
 * was opened through /proc). The first description of a pipe, its owner, carries the contents: they are
 * read from a copy, so that the source keeps them. A thread that waits in a read or write is carried as any
 * other interrupted call is.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/restore.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/pipe.h"
#include "os/socket.h"

#define LINK	     "pipe:["
#define CAPACITY_MAX (64u << 20)
#define WIDER_MAX    (1u << 20)

struct pipe_body {
	uint64_t inode;	   /* on the source: the same for all ends of a pipe */
	uint32_t owner;	   /* id of the first description of the pipe */
	uint32_t capacity; /* in bytes */
	uint32_t uid, gid, mode;
	uint32_t packets; /* of the owner: a write is one packet (O_DIRECT) */
};

static struct pipe_body body_of(const struct image_description *image)
{
	struct pipe_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

static bool reads(const struct image_description *image)
{
	return (image->flags & OS_OPEN_ACCESS) != OS_OPEN_WRITE;
}

static bool writes(const struct image_description *image)
{
	return (image->flags & OS_OPEN_ACCESS) != OS_OPEN_READ;
}

/* ---- source ---- */

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	const struct os_status *status = seen->status;

	if (strncmp(seen->link, LINK, strlen(LINK)) != 0)
		return 0;
	int fd = os_pid_descriptor(seen->pid, seen->number);
	int capacity = fd < 0 ? fd : os_pipe_capacity(fd);

	os_close(fd);
	if (capacity < 0 || image->flags & OS_OPEN_PATH)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a pipe open (descriptor %d) that cannot be "
				   "looked into, so that it cannot move",
				   seen->number);
	if ((uint32_t)capacity > CAPACITY_MAX)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a pipe of more than %u MiB open (descriptor "
				   "%d), which is the most that can move",
				   CAPACITY_MAX >> 20, seen->number);
	const struct pipe_body body = {
		.inode = status->inode,
		.capacity = (uint32_t)capacity,
		.uid = status->uid,
		.gid = status->gid,
		.mode = status->mode & OS_MODE_RIGHTS,
	};

	memcpy(image->body, &body, sizeof(body));
	return 1;
}

static bool is_of(const struct description *other, const struct description *description)
{
	return other->image.kind == description->image.kind && other->inode == description->inode;
}

/* Facts about all descriptions of one pipe. */
struct ends {
	const struct description *owner, *reader, *writer; /* the first of each, or NULL */
	bool packets;
};

static struct ends ends_of(const struct descriptions *descriptions,
			   const struct description *description)
{
	struct ends ends = { 0 };

	for (uint32_t i = 0; i < descriptions->count; i++) {
		const struct description *other = &descriptions->description[i];

		if (!is_of(other, description))
			continue;
		ends.owner = ends.owner ? ends.owner : other;
		if (!ends.reader && reads(&other->image))
			ends.reader = other;
		if (!ends.writer && writes(&other->image))
			ends.writer = other;
		ends.packets = ends.packets ||
			       (writes(&other->image) && other->image.flags & OS_OPEN_DIRECT);
	}
	assert(ends.owner &&
	       ends.owner->image.id <= description->image.id); /* it is one of its own ends */
	return ends;
}

/* Whether the other end of the pipe is closed everywhere. */
static bool is_alone(pid_t pid, const struct description *description)
{
	int fd = os_pid_descriptor(pid, description->number);
	bool alone = os_pipe_is_alone(fd);

	os_close(fd);
	return alone;
}

static int check(pid_t pid, const struct descriptions *descriptions,
		 struct description *description, struct refusal *refusal)
{
	const struct ends ends = ends_of(descriptions, description);
	struct pipe_body body = body_of(&description->image);

	body.owner = ends.owner->image.id;
	body.packets = ends.packets;
	memcpy(description->image.body, &body, sizeof(body));
	if ((ends.reader && ends.writer) || is_alone(pid, description))
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process has a pipe to another process open (descriptor %d), which "
			   "cannot move to another node",
			   description->number);
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

/* A copy refers to the same pages and takes as many places in the pipe, so that it needs no more room. */
static int copy(int reader, const struct pipe_body *body, struct contents *contents)
{
	int bytes = os_pipe_bytes(reader), ends[2];

	if (bytes <= 0)
		return bytes;
	assert(!contents->length);
	int r = os_pipe_new(ends);

	if (r < 0)
		return r;
	r = os_set_nonblock(ends[0], 1);
	if (r == 0)
		r = os_pipe_set_capacity(ends[1], body->capacity);
	ssize_t copied = r ? 0 : os_pipe_copy(reader, ends[1], (size_t)bytes);

	if (copied < 0)
		r = (int)copied;
	else if (r == 0)
		r = copied == bytes ? take(ends[0], (uint32_t)bytes, body->packets, contents)
				    : -EIO;
	os_close(ends[0]);
	os_close(ends[1]);
	return r;
}

static int refuse_contents(const struct description *description, int r, struct refusal *refusal)
{
	if (r == -E2BIG)
		return refusal_set(refusal, EDVS2BIG,
				   "the pipe of descriptor %d has more than %u KiB in it, which is "
				   "the most that can move; let them be read first",
				   description->number, IMAGE_CONTENTS_MAX >> 10);
	if (r == -EBADMSG)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the pipe of descriptor %d has packets in it (O_DIRECT) and no "
				   "writer of packets, which cannot be carried; let them be read "
				   "first",
				   description->number);
	if (r == -EBUSY)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the pipe of descriptor %d is one for notifications of the "
				   "kernel, which cannot move to another node",
				   description->number);
	return refusal_set(refusal, EDVSIO, "the pipe of descriptor %d cannot be read: %s",
			   description->number, strerror(-r));
}

/*
 * No room comes of itself for the rest of a write, for those that read stand as well: the pipe grows. Whether
 * it is still the same one is asked first, because the process has run since its description was read.
 */
static bool widen(pid_t pid, const struct description *description, uint64_t bytes)
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

/*
 * A pipe without a reader keeps its contents, which are lost anyway. The kernel lets nobody set the size of a pipe
 * for notifications, not even to the same.
 */
static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	const struct pipe_body body = body_of(&description->image);
	const struct ends ends = ends_of(frozen->descriptions, description);

	assert(body.owner == ends.owner->image.id);
	contents_free(&description->contents);
	if (ends.owner != description || !ends.reader)
		return 0;
	int fd = os_pid_descriptor(ends.reader->pid, ends.reader->number);
	int r = fd < 0 ? fd : 0;

	if (r == 0)
		r = os_pipe_set_capacity(fd, body.capacity);
	if (r == 0)
		r = copy(fd, &body, &description->contents);
	os_close(fd);
	return r ? refuse_contents(description, r, refusal) : 0;
}

static enum kind_share share(const struct image_description *image, const struct files *files)
{
	(void)image, (void)files;
	return KIND_SHARE_OBJECT;
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct pipe_body body = body_of(image);
	const struct description *owner;

	(void)files, (void)complete;
	if (body.capacity < IMAGE_PAGE || body.capacity > CAPACITY_MAX ||
	    body.mode & ~(uint32_t)OS_MODE_RIGHTS || image->flags & OS_OPEN_PATH)
		return false;
	if (body.owner == image->id)
		return true;
	owner = descriptions_find(before, body.owner);
	return owner && owner->image.kind == image->kind &&
	       body_of(&owner->image).owner == body.owner;
}

static int fill(int writer, const struct pipe_body *body, const struct contents *contents)
{
	const uint8_t *piece;
	uint32_t length;

	int r = os_pipe_set_capacity(writer, body->capacity);

	if (r == 0)
		r = os_inode_own(writer, body->uid, body->gid, body->mode);
	if (r == 0)
		r = os_open_set_flags(writer,
				      OS_OPEN_NONBLOCK | (body->packets ? OS_OPEN_DIRECT : 0u));
	for (uint32_t at = 0; r == 0 && (piece = contents_next(contents, &at, &length));) {
		ssize_t done = os_pipe_write(writer, piece, length);

		if (done != (ssize_t)length)
			r = done < 0 ? (int)done : -ENOSPC;
	}
	return r;
}

/* The pipe as pipe2() makes it: its ends are not given to the process yet. */
static int make(struct description *owner)
{
	const struct pipe_body body = body_of(&owner->image);

	assert(owner->own[0] < 0 && owner->own[1] < 0); /* it would not be closed */
	int r = os_pipe_new(owner->own);

	return r ? r : fill(owner->own[1], &body, &owner->contents);
}

/*
 * The process has the two descriptions that pipe2() makes, as far as it has not closed them. Those that it has
 * made by opening a descriptor's name in /proc show it by a flag.
 */
static int open_end(struct description *owner, uint32_t flags)
{
	unsigned end = (flags & OS_OPEN_ACCESS) == OS_OPEN_WRITE;
	bool first = !(flags & OS_OPEN_LARGE) && (flags & OS_OPEN_ACCESS) != OS_OPEN_BOTH &&
		     !owner->given[end];
	int fd =
		first ? os_dup(owner->own[end])
		      : os_open_again(owner->own[end], (flags & OS_OPEN_ACCESS) | OS_OPEN_NONBLOCK);

	assert(owner->own[end] >= 0);
	owner->given[end] = owner->given[end] || first;
	int r = fd < 0 ? fd : os_open_set_flags(fd, flags);

	if (r == 0)
		return fd;
	os_close(fd);
	return r;
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	struct description *owner = descriptions_find(&restore->picture.tables->descriptions,
						      body_of(&description->image).owner);
	int r = owner->own[0] < 0 ? make(owner) : 0;

	if (r == 0)
		r = open_end(owner, description->image.flags);
	return r >= 0 ? r
		      : refusal_set(refusal, EDVSPROCSTS,
				    "the target cannot make a pipe of the process: %s",
				    strerror(-r));
}

const struct kind kind_pipe = {
	.name = "a pipe",
	.common = "is also open in",
	.remedy = "",
	.find = find,
	.check = check,
	.write = complete,
	.read = read_body,
	.open = open_here,
	.share = share,
	.widen = widen,
};
