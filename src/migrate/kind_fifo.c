/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A named pipe (FIFO) that only processes which move have open. On the machine that it came from the FIFO itself still
 * has the bytes in it, because the source has it open until it ends; on another machine the FIFO of the same path takes
 * them, which nobody may have open. The first description of a FIFO, its owner, carries the bytes.
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

/* In own[] of the owner, until all descriptors are made. */
enum held {
	HELD_NAME, /* opens nothing */
	HELD_BOTH, /* both ends, so that the bytes in it stay */
};

struct fifo_body {
	uint32_t file;	/* id of its FILE record */
	uint32_t owner; /* id of the first description of the FIFO */
	uint32_t capacity;
	uint32_t packets; /* of the owner: a write is one packet (O_DIRECT) */
	uint32_t ended;	  /* a reader that was left by a writer: a poll tells it of a hang-up */
};

static struct fifo_body body_of(const struct image_description *image)
{
	struct fifo_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

/* ---- source ---- */

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	const struct files_object object = { seen->entry, seen->status->device,
					     seen->status->inode };

	if (seen->link[0] != '/' || (seen->status->mode & OS_MODE_KIND) != OS_MODE_PIPE ||
	    image->flags & OS_OPEN_PATH)
		return 0;
	int fd = os_pid_descriptor(seen->pid, seen->number);
	int capacity = fd < 0 ? fd : os_pipe_capacity(fd);

	os_close(fd);
	if (capacity < 0 || (uint32_t)capacity > PIPE_CAPACITY_MAX)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has the FIFO %s open (descriptor %d), which cannot "
				   "be looked into, or has room for more than %u MiB",
				   seen->link, seen->number, PIPE_CAPACITY_MAX >> 20);
	int id = files_add(seen->files, seen->dir, seen->link, &object, 0, refusal);

	if (id < 0)
		return id;
	const struct fifo_body body = { .file = (uint32_t)id, .capacity = (uint32_t)capacity };

	memcpy(image->body, &body, sizeof(body));
	return 1;
}

static bool is_alone(pid_t pid, const struct description *description)
{
	int fd = os_pid_descriptor(pid, description->number);
	bool alone = fd >= 0 && (os_pipe_is_alone(fd) ||
				 (pipe_reads(&description->image) && !os_pipe_has_writer(fd)));

	os_close(fd);
	return alone;
}

static int check(pid_t pid, const struct descriptions *descriptions,
		 struct description *description, struct refusal *refusal)
{
	const struct pipe_ends ends = pipe_ends_of(descriptions, description);
	struct fifo_body body = body_of(&description->image);

	body.owner = ends.owner->image.id;
	body.packets = ends.packets;
	memcpy(description->image.body, &body, sizeof(body));
	if ((ends.reader && ends.writer) || is_alone(pid, description) ||
	    descriptions->lacks_queued)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process has a FIFO to another process open (descriptor %d), which "
			   "cannot move to another node",
			   description->number);
}

/* A writer alone has no reader to look through: one is opened for the moment. */
static int take(int fd, const struct fifo_body *body, struct contents *contents)
{
	int reader = os_open_again(fd, OS_OPEN_READ | OS_OPEN_NONBLOCK);
	int r = reader < 0 ? reader
			   : pipe_contents_take(reader, body->capacity, body->packets, contents);

	os_close(reader);
	return r;
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	struct fifo_body body = body_of(&description->image);
	int fd = os_pid_descriptor(frozen->pid, description->number);
	int r = fd < 0 ? fd : 0;

	contents_free(&description->contents);
	body.ended = r == 0 && !pipe_writes(&description->image) && os_pipe_is_alone(fd);
	memcpy(description->image.body, &body, sizeof(body));
	if (r == 0 && body.owner == description->image.id)
		r = take(fd, &body, &description->contents);
	os_close(fd);
	return r ? pipe_contents_refuse(description, "FIFO", r, refusal) : 0;
}

static const char *label(const struct image_description *image, const struct files *files)
{
	return files_find(files, body_of(image).file)->path;
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct fifo_body body = body_of(image);
	const struct file *file = files_find(files, body.file);
	const struct description *owner;

	(void)complete;
	if (!file || (file->image.mode & OS_MODE_KIND) != OS_MODE_PIPE || file->image.size ||
	    body.capacity < IMAGE_PAGE || body.capacity > PIPE_CAPACITY_MAX ||
	    image->flags & OS_OPEN_PATH)
		return false;
	if (body.owner == image->id)
		return true;
	owner = descriptions_find(before, body.owner);
	return owner && owner->image.kind == image->kind &&
	       body_of(&owner->image).owner == body.owner;
}

static int refuse_making(const struct file *file, int r, struct refusal *refusal)
{
	return refusal_set(refusal, EDVSPROCSTS, "the target cannot open the FIFO %s: %s",
			   file->path, strerror(-r));
}

/* With the rights of the process, where it is not the very FIFO that the process has. */
static int open_file(struct restore *restore, const struct file *file, uint32_t flags,
		     struct refusal *refusal)
{
	return restore_open_file(restore, file, flags | OS_OPEN_NONBLOCK, refusal);
}

/* Nobody reads from it, writes to it, or has left anything in it. */
static bool is_unused(int name)
{
	int writer = os_open_again(name, OS_OPEN_WRITE | OS_OPEN_NONBLOCK);
	int reader = os_open_again(name, OS_OPEN_READ | OS_OPEN_NONBLOCK);
	bool unused = writer == -ENXIO && reader >= 0 && os_pipe_bytes(reader) == 0 &&
		      !os_pipe_has_writer(reader);

	os_close(writer);
	os_close(reader);
	return unused;
}

/* One that is not the source's takes the bytes; it would lose them if nobody had it open. */
static int fill(struct restore *restore, const struct file *file, struct description *owner,
		struct refusal *refusal)
{
	const struct fifo_body body = body_of(&owner->image);
	int fd = open_file(restore, file, OS_OPEN_BOTH, refusal);

	if (fd < 0)
		return fd;
	owner->own[HELD_BOTH] = fd;
	int r = os_pipe_set_capacity(fd, body.capacity);

	if (r == 0 && body.packets)
		r = os_open_set_flags(fd, OS_OPEN_NONBLOCK | OS_OPEN_DIRECT);
	if (r == 0)
		r = pipe_contents_put(fd, &owner->contents);
	return r ? refuse_making(file, r, refusal) : 0;
}

static int prepare(struct restore *restore, const struct file *file, struct description *owner,
		   struct refusal *refusal)
{
	struct os_status status;
	int name = restore_open_file(restore, file, OS_OPEN_PATH, refusal);

	if (name < 0)
		return name;
	assert(owner->own[HELD_NAME] < 0);
	owner->own[HELD_NAME] = name;
	int r = os_status(name, &status);

	if (r)
		return refuse_making(file, r, refusal);
	if (restore->same_machine && status.device == file->image.device &&
	    status.inode == file->image.inode)
		return 0;
	if (!is_unused(name))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the FIFO %s is in use on the target: end the processes that "
				   "have it open there first",
				   file->path);
	return owner->contents.length ? fill(restore, file, owner, refusal) : 0;
}

/* A writer needs a reader while it opens the FIFO, and a reader that writers have left needs one that leaves it. */
static int open_end(struct restore *restore, const struct file *file, struct description *owner,
		    const struct description *description, struct refusal *refusal)
{
	const struct fifo_body body = body_of(&description->image);
	uint32_t access = description->image.flags & OS_OPEN_ACCESS;
	int other = access == OS_OPEN_WRITE || body.ended
			    ? os_open_again(owner->own[HELD_NAME], OS_OPEN_BOTH | OS_OPEN_NONBLOCK)
			    : -1;
	int fd = open_file(restore, file, access, refusal);

	os_close(other);
	int r = fd < 0 ? 0 : os_pipe_set_capacity(fd, body.capacity);

	if (fd >= 0 && r == 0)
		r = os_open_set_flags(fd, description->image.flags);
	if (r == 0)
		return fd;
	os_close(fd);
	return refuse_making(file, r, refusal);
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	const struct fifo_body body = body_of(&description->image);
	const struct file *file = files_find(&restore->picture.tables->files, body.file);
	struct description *owner =
		descriptions_find(&restore->picture.tables->descriptions, body.owner);
	int r = 0;

	assert(owner && file); /* read_body() saw to it */
	if (owner->own[HELD_NAME] < 0)
		r = prepare(restore, file, owner, refusal);
	return r ? r : open_end(restore, file, owner, description, refusal);
}

const struct kind kind_fifo = {
	.name = "a FIFO",
	.common = "is also open in",
	.remedy = "",
	.find = find,
	.check = check,
	.write = complete,
	.read = read_body,
	.open = open_here,
	.shared = KIND_SHARE_OBJECT,
	.label = label,
	.widen = pipe_contents_widen,
};
