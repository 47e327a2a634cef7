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
#include "migrate/pipe_contents.h"
#include "migrate/restore.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/pipe.h"
#include "os/socket.h"

#define LINK "pipe:["

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
	if ((uint32_t)capacity > PIPE_CAPACITY_MAX)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a pipe of more than %u MiB open (descriptor "
				   "%d), which is the most that can move",
				   PIPE_CAPACITY_MAX >> 20, seen->number);
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
	const struct pipe_ends ends = pipe_ends_of(descriptions, description);
	struct pipe_body body = body_of(&description->image);

	body.owner = ends.owner->image.id;
	body.packets = ends.packets;
	memcpy(description->image.body, &body, sizeof(body));
	if ((ends.reader && ends.writer) || is_alone(pid, description) ||
	    descriptions->lacks_queued)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process has a pipe to another process open (descriptor %d), which "
			   "cannot move to another node",
			   description->number);
}

/* A pipe without a reader keeps its contents, which are lost anyway. */
static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	const struct pipe_body body = body_of(&description->image);
	const struct pipe_ends ends = pipe_ends_of(frozen->descriptions, description);

	assert(body.owner == ends.owner->image.id);
	contents_free(&description->contents);
	if (ends.owner != description || !ends.reader)
		return 0;
	int fd = os_pid_descriptor(ends.reader->pid, ends.reader->number);
	int r = fd < 0 ? fd : 0;

	if (r == 0)
		r = pipe_contents_take(fd, body.capacity, body.packets, &description->contents);
	os_close(fd);
	return r ? pipe_contents_refuse(description, "pipe", r, refusal) : 0;
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct pipe_body body = body_of(image);
	const struct description *owner;

	(void)files, (void)complete;
	if (body.capacity < IMAGE_PAGE || body.capacity > PIPE_CAPACITY_MAX ||
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
	int r = os_pipe_set_capacity(writer, body->capacity);

	if (r == 0)
		r = os_inode_own(writer, body->uid, body->gid, body->mode);
	if (r == 0)
		r = os_open_set_flags(writer,
				      OS_OPEN_NONBLOCK | (body->packets ? OS_OPEN_DIRECT : 0u));
	return r ? r : pipe_contents_put(writer, contents);
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
	.shared = KIND_SHARE_OBJECT,
	.widen = pipe_contents_widen,
};
