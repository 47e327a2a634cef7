/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A POSIX message queue that only processes which move have open. Its name is one of the container's IPC namespace on
 * one node. The first description of a queue, its owner, carries it: the contents are its name, then its messages, with
 * their priorities. The kernel shows a message only to a receiver that takes it. So they are taken while the
 * processes stand, and put back at once, in their order.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/restore.h"
#include "os/inode.h"
#include "os/ipc_space.h"
#include "os/open.h"
#include "os/posix_queue.h"
#include "os/procdir.h"
#include "os/socket.h"

#define NAME_BYTES    257 /* of "/name", with the zero at its end */
#define DELETED	      " (deleted)"
#define MESSAGE_BYTES (IMAGE_CONTENTS_BYTES_MAX - sizeof(uint32_t))
#define MESSAGES_MAX  65536u /* the kernel's own limit */
#define QUEUE	      0	     /* in own[] of the owner, until all descriptions are made */

struct mqueue_body {
	uint32_t owner; /* id of the first description of the queue */
	uint32_t messages_max, bytes_max;
	uint32_t uid, gid, rights;
	uint32_t removed; /* 1: it has no name any more */
};

static struct mqueue_body body_of(const struct image_description *image)
{
	struct mqueue_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

static bool is_name(const char *name, size_t length)
{
	return length > 1 && length < NAME_BYTES && name[0] == '/' &&
	       !memchr(name + 1, '/', length - 1) && !memchr(name, 0, length);
}

/* ---- source ---- */

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	const struct mqueue_body body = { .owner = image->id };
	unsigned long system = 0;

	(void)refusal;
	if (seen->link[0] != '/' || strchr(seen->link + 1, '/') || image->flags & OS_OPEN_PATH ||
	    (seen->status->mode & OS_MODE_KIND) != OS_MODE_FILE)
		return 0;
	int fd = os_open_at(seen->dir, seen->entry, OS_OPEN_PATH);
	int r = fd < 0 ? fd : os_file_system(fd, &system);

	os_close(fd);
	if (r < 0 || system != OS_POSIX_QUEUE_SYSTEM)
		return 0;
	memcpy(image->body, &body, sizeof(body));
	return 1;
}

/* A queue of that description, which the caller owns and may read and write; and its name. */
static int open_queue(pid_t pid, int number, uint32_t access, char name[NAME_BYTES])
{
	char entry[32], link[NAME_BYTES + sizeof(DELETED)] = "";
	int dir = procdir_open(pid);

	snprintf(entry, sizeof(entry), "fd/%d", number);
	int r = dir < 0 ? dir : (int)procdir_link(dir, entry, link, sizeof(link));
	int fd = r < 0 ? r : os_open_at(dir, entry, access);
	struct os_status status;

	os_close(dir);
	r = fd < 0 ? fd : os_status(fd, &status);
	if (r == 0) {
		size_t length = strlen(link);

		if (status.links == 0 && length > strlen(DELETED))
			length -= strlen(DELETED);
		r = is_name(link, length) ? snprintf(name, NAME_BYTES, "%.*s", (int)length, link)
					  : -EINVAL;
	}
	if (r >= 0)
		return fd;
	os_close(fd);
	return r;
}

static int refuse_looking(const struct description *description, int r, struct refusal *refusal)
{
	if (r == -E2BIG)
		return refusal_set(refusal, EDVS2BIG,
				   "the POSIX message queue of descriptor %d may have more than %u "
				   "KiB in it, which is the most that can move; let them be "
				   "received first",
				   description->number, IMAGE_CONTENTS_MAX >> 10);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the POSIX message queue of descriptor %d cannot be looked into: %s",
			   description->number, strerror(-r));
}

static int check_open(const struct description *description, int fd, const char *name,
		      struct refusal *refusal)
{
	int notifies = os_posix_queue_notifies(fd);
	struct os_posix_queue queue;
	int r = notifies < 0 ? notifies : os_posix_queue_look(fd, &queue);

	if (r < 0)
		return refuse_looking(description, r, refusal);
	if (notifies)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"a process is to be told of the next message in the POSIX "
			"message queue %s (mq_notify), which is not carried: it can move "
			"when it was told, or has taken that back",
			name);
	if (queue.bytes_max > MESSAGE_BYTES)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the POSIX message queue %s has room for messages of %u bytes: "
				   "those of more than %zu are not carried",
				   name, queue.bytes_max, MESSAGE_BYTES);
	return 0;
}

static uint32_t owner_of(const struct descriptions *descriptions,
			 const struct description *description)
{
	for (uint32_t i = 0; i < descriptions->count; i++) {
		const struct description *other = &descriptions->description[i];

		if (other->image.kind == description->image.kind &&
		    other->device == description->device && other->inode == description->inode)
			return other->image.id;
	}
	return description->image.id;
}

static int check(pid_t pid, const struct descriptions *descriptions,
		 struct description *description, struct refusal *refusal)
{
	struct mqueue_body body = body_of(&description->image);
	char name[NAME_BYTES];

	body.owner = owner_of(descriptions, description);
	assert(body.owner <= description->image.id);
	memcpy(description->image.body, &body, sizeof(body));
	if (body.owner != description->image.id)
		return 0;
	int fd = open_queue(pid, description->number, OS_OPEN_READ, name);
	int r = fd < 0 ? refuse_looking(description, fd, refusal)
		       : check_open(description, fd, name, refusal);

	os_close(fd);
	return r;
}

/* All that are in it, until it is empty. */
static int take_all(int fd, const struct os_posix_queue *queue, uint8_t *room,
		    struct contents *contents)
{
	uint32_t priority;
	ssize_t got;
	int r = 0;

	while (r == 0 && (got = os_posix_queue_receive(fd, room + sizeof(priority),
						       queue->bytes_max, &priority)) != -EAGAIN) {
		if (got < 0)
			return (int)got;
		memcpy(room, &priority, sizeof(priority));
		r = contents_append(contents, room, (uint32_t)(sizeof(priority) + (size_t)got));
		if (r) /* it is none of those that are put back */
			os_posix_queue_send(fd, room + sizeof(priority), (size_t)got, priority);
	}
	return r;
}

/* All but the name, which is the first piece. */
static int put_all(int fd, const struct contents *contents)
{
	uint32_t at = 0, length, priority;
	const uint8_t *piece = contents_next(contents, &at, &length);
	int r = 0;

	assert(piece);
	while (r == 0 && (piece = contents_next(contents, &at, &length))) {
		assert(length >= sizeof(priority));
		memcpy(&priority, piece, sizeof(priority));
		r = os_posix_queue_send(fd, piece + sizeof(priority), length - sizeof(priority),
					priority);
	}
	return r;
}

/* A queue whose messages are too many for an image is left alone. */
static int take(int fd, const struct os_posix_queue *queue, struct contents *contents)
{
	uint64_t most = (uint64_t)queue->count * (queue->bytes_max + 2 * sizeof(uint32_t));

	if (most > IMAGE_CONTENTS_MAX - 2 * NAME_BYTES)
		return -E2BIG;
	uint8_t *room = malloc(sizeof(uint32_t) + queue->bytes_max);

	if (!room)
		return -ENOMEM;
	int r = take_all(fd, queue, room, contents);
	int back = put_all(fd, contents);

	free(room);
	return r ? r : back;
}

static int describe(int fd, struct description *description, struct os_posix_queue *queue)
{
	struct mqueue_body body = body_of(&description->image);
	struct os_status status;
	int r = os_posix_queue_look(fd, queue);

	if (r == 0)
		r = os_status(fd, &status);
	if (r)
		return r;
	body.messages_max = queue->messages_max;
	body.bytes_max = queue->bytes_max;
	body.uid = status.uid;
	body.gid = status.gid;
	body.rights = status.mode & OS_MODE_RIGHTS;
	body.removed = status.links == 0;
	memcpy(description->image.body, &body, sizeof(body));
	return 0;
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	struct os_posix_queue queue;
	char name[NAME_BYTES];

	contents_free(&description->contents);
	if (body_of(&description->image).owner != description->image.id)
		return 0;
	int fd =
		open_queue(frozen->pid, description->number, OS_OPEN_BOTH | OS_OPEN_NONBLOCK, name);
	int r = fd < 0 ? refuse_looking(description, fd, refusal)
		       : check_open(description, fd, name, refusal);

	if (r == 0) {
		int taken = describe(fd, description, &queue);

		if (taken == 0)
			taken = contents_append(&description->contents, name,
						(uint32_t)strlen(name));
		if (taken == 0)
			taken = take(fd, &queue, &description->contents);
		r = taken ? refuse_looking(description, taken, refusal) : 0;
	}
	os_close(fd);
	return r;
}

/* A process that stays may have given the name to another queue. */
static void remove_name(const char *name, int fd)
{
	int named = os_posix_queue_open(name);
	struct os_inode one, other;
	bool same = named >= 0 && os_inode(fd, &one) == 0 && os_inode(named, &other) == 0 &&
		    one.dev == other.dev && one.ino == other.ino;

	os_close(named);
	if (same)
		os_posix_queue_remove(name);
}

static void abandon(pid_t pid, const struct description *description)
{
	const struct mqueue_body body = body_of(&description->image);
	char name[NAME_BYTES];

	if (body.owner != description->image.id || body.removed)
		return;
	int dir = procdir_open(pid);
	int space = dir < 0 ? dir : os_ipc_space_open(dir);
	int fd = open_queue(pid, description->number, OS_OPEN_READ, name);
	int back = space < 0 || fd < 0 ? -1 : os_ipc_space_enter(space);

	if (back >= 0) {
		remove_name(name, fd);
		os_ipc_space_leave(back);
	}
	os_close(fd);
	os_close(space);
	os_close(dir);
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct mqueue_body body = body_of(image);

	(void)files;
	if (image->flags & OS_OPEN_PATH)
		return false;
	if (body.owner == image->id)
		return !complete || (body.messages_max && body.messages_max <= MESSAGES_MAX &&
				     body.bytes_max && body.bytes_max <= MESSAGE_BYTES &&
				     body.rights <= OS_MODE_RIGHTS && body.removed <= 1);
	const struct description *owner = descriptions_find(before, body.owner);

	return owner && owner->image.kind == image->kind &&
	       body_of(&owner->image).owner == body.owner;
}

static bool is_message(const uint8_t *piece, uint32_t length, const struct mqueue_body *body)
{
	uint32_t priority;

	if (length < sizeof(priority) || length - sizeof(priority) > body->bytes_max)
		return false;
	memcpy(&priority, piece, sizeof(priority));
	return priority < OS_POSIX_QUEUE_PRIORITIES;
}

/* The contents of an owner: its name, and then the messages. */
static bool is_queue_whole(const struct description *owner)
{
	const struct mqueue_body body = body_of(&owner->image);
	uint32_t at = 0, length = 0, count = 0;
	const uint8_t *piece = contents_next(&owner->contents, &at, &length);

	assert(body.owner == owner->image.id);
	if (!piece || !is_name((const char *)piece, length))
		return false;
	while ((piece = contents_next(&owner->contents, &at, &length)))
		if (++count > body.messages_max || !is_message(piece, length, &body))
			return false;
	return true;
}

/* An owner that a process has is looked at for itself; another one is filled, too. */
static bool whole(const struct description *description, const struct descriptions *all,
		  const struct descriptors *descriptors)
{
	const struct description *owner =
		descriptions_find(all, body_of(&description->image).owner);

	(void)descriptors;
	assert(owner); /* read_body() saw to it */
	if (owner == description)
		return is_queue_whole(owner);
	return !description->contents.length && (owner->holder || is_queue_whole(owner));
}

static void name_of(const struct description *owner, char name[NAME_BYTES])
{
	uint32_t at = 0, length;
	const uint8_t *piece = contents_next(&owner->contents, &at, &length);

	assert(piece && length < NAME_BYTES); /* whole() saw to it */
	memcpy(name, piece, length);
	name[length] = '\0';
}

/* In the namespace. One whose name was removed has it again for a moment, or another one if a queue has it by now. */
static int make_named(const struct mqueue_body *body, const char *name)
{
	int fd = os_posix_queue_new(name, body->messages_max, body->bytes_max);
	char other[32];

	if (!body->removed)
		return fd;
	for (int i = 0; fd == -EEXIST && i < INT16_MAX; i++) {
		snprintf(other, sizeof(other), "/removed-%d", i);
		name = other;
		fd = os_posix_queue_new(name, body->messages_max, body->bytes_max);
	}
	if (fd >= 0)
		os_posix_queue_remove(name);
	return fd;
}

static int make(struct restore *restore, struct description *owner, const char *name)
{
	const struct mqueue_body body = body_of(&owner->image);
	int space = sysv_space(&restore->picture.tables->sysv, restore->dir);
	int back = space < 0 ? space : os_ipc_space_enter(space);

	assert(owner->own[QUEUE] < 0);
	if (back < 0)
		return back;
	int fd = make_named(&body, name);

	os_ipc_space_leave(back);
	if (fd < 0)
		return fd;
	owner->own[QUEUE] = fd;
	owner->given[QUEUE] = !body.removed;
	int r = put_all(fd, &owner->contents);

	return r ? r : os_inode_own(fd, body.uid, body.gid, body.rights);
}

static const char *reason_of(int error)
{
	switch (error) {
	case -EEXIST:
		return "it has one of that name";
	case -EINVAL:
		return "its limits are below those of the queue (/proc/sys/fs/mqueue)";
	case -EMFILE:
		return "its queues have as many bytes as they may have (RLIMIT_MSGQUEUE)";
	}
	return strerror(-error);
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	struct description *owner = descriptions_find(&restore->picture.tables->descriptions,
						      body_of(&description->image).owner);
	char name[NAME_BYTES];
	int r = 0;

	assert(owner); /* read_body() saw to it */
	name_of(owner, name);
	if (owner->own[QUEUE] < 0)
		r = make(restore, owner, name);
	int fd =
		r ? r : os_open_again(owner->own[QUEUE], description->image.flags & OS_OPEN_ACCESS);

	r = fd < 0 ? fd : os_open_set_flags(fd, description->image.flags);
	if (r == 0)
		return fd;
	os_close(fd);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make the POSIX message queue %s of the process: %s",
			   name, reason_of(r));
}

static void decided(struct restore *restore, struct description *description, bool arrives)
{
	int space = restore->picture.tables->sysv.space;
	char name[NAME_BYTES];

	if (!description->given[QUEUE])
		return;
	assert(space > 0);
	description->given[QUEUE] = false;
	int back = arrives ? -1 : os_ipc_space_enter(space);

	if (back < 0)
		return;
	name_of(description, name);
	os_posix_queue_remove(name);
	os_ipc_space_leave(back);
}

const struct kind kind_mqueue = {
	.name = "a POSIX message queue",
	.common = "is also open in",
	.remedy = "",
	.never_ends = true,
	.find = find,
	.check = check,
	.write = complete,
	.abandon = abandon,
	.read = read_body,
	.whole = whole,
	.open = open_here,
	.decided = decided,
	.shared = KIND_SHARE_OBJECT,
};
