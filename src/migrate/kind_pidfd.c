/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor of a process that moves as well, or of one of its threads (Linux 6.9), be it one that has ended and that
 * its parent has not taken note of; or of one that is gone altogether. All processes of the tree, and all threads, have
 * their numbers before any has descriptors.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/restore.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"

struct pidfd_body {
	int32_t vpid; /* in its pid namespace, of a process or a thread; 0: gone */
	uint32_t
		first; /* gone: id of the first description of the same process; 0: it is the first */
};

static struct pidfd_body body_of(const struct image_description *image)
{
	struct pidfd_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

static int32_t vpid_of(const struct image_description *image)
{
	return body_of(image).vpid;
}

/* While they run, those that move start others, and some end. A thread moves with its process. */
static bool moves(const struct kind_seen *seen, pid_t tid)
{
	pid_t pid = os_tgid_of(tid), parent = os_parent_of(tid);

	assert(tid > 0);
	return kind_seen_moves(seen, tid) || (pid > 0 && kind_seen_moves(seen, pid)) ||
	       (parent > 0 && kind_seen_moves(seen, parent));
}

static int refuse(const struct kind_seen *seen, pid_t pid, struct refusal *refusal)
{
	pid_t process = pid > 0 ? os_tgid_of(pid) : 0;

	if (process > 0 && process != pid)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has a pidfd of thread %d open (descriptor %d), whose "
			"process does not move with it",
			(int)pid, seen->number);
	if (pid > 0)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has a pidfd of process %d open (descriptor %d), which "
			"does not move with it",
			(int)pid, seen->number);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process has a pidfd open (descriptor %d) of a process that is not "
			   "seen here, and does not move with it",
			   seen->number);
}

/* "NSpid:\t8532\t7": the last one is the number in its own namespace. */
static int32_t innermost(const char *numbers)
{
	int32_t number = 0;

	for (char *end; numbers && *numbers && *numbers != '\n'; numbers = end) {
		number = (int32_t)strtol(numbers, &end, 10);
		if (end == numbers)
			break;
	}
	return number;
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	struct pidfd_body body = { 0 };

	if (strcmp(seen->link, "anon_inode:[pidfd]") != 0 && strncmp(seen->link, "pidfd:", 6) != 0)
		return 0;
	/* -1 of one that is gone; 0 of one that the reader's namespace has not. */
	pid_t pid = (pid_t)procdir_number(seen->info, "Pid", 10, 0);

	if (pid >= 0 && (pid == 0 || !moves(seen, pid)))
		return refuse(seen, pid, refusal);
	if (pid > 0)
		body.vpid = innermost(procdir_field(seen->info, "NSpid"));
	memcpy(image->body, &body, sizeof(body));
	return 1;
}

static bool is_gone(const struct description *description, uint32_t kind)
{
	return description->image.kind == kind && !body_of(&description->image).vpid;
}

/* A process that is gone has an inode number still, if the kernel has a file system of them (Linux 6.9). */
static int meet(struct descriptions *descriptions, uint32_t kind, struct refusal *refusal)
{
	(void)refusal;
	for (uint32_t i = 0; i < descriptions->count; i++) {
		struct description *description = &descriptions->description[i];
		struct pidfd_body body = { 0 };

		if (!is_gone(description, kind))
			continue;
		for (uint32_t k = 0; k < i && !body.first; k++) {
			const struct description *other = &descriptions->description[k];

			if (is_gone(other, kind) && other->inode == description->inode &&
			    other->device == description->device)
				body.first = other->image.id;
		}
		memcpy(description->image.body, &body, sizeof(body));
	}
	return 0;
}

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct pidfd_body body = body_of(image);
	const struct description *first = body.first ? descriptions_find(before, body.first) : NULL;

	(void)files, (void)complete;
	if (body.vpid < 0 || image->flags & OS_OPEN_PATH)
		return false;
	return !body.first || (!body.vpid && first && is_gone(first, image->kind) &&
			       !body_of(&first->image).first);
}

/* The process, its shell, or the thread, here; 0: it is not among those that move. */
static pid_t pid_here(const struct restore *restore, int32_t vpid)
{
	assert(vpid > 0);
	if (vpid == restore->picture.process.vpid)
		return restore->pid;
	const struct restore *other = restore->member ? restore->member(restore->tree, vpid) : NULL;

	if (other)
		return other->pid;
	return restore->task ? restore->task(restore->tree, vpid) : 0;
}

/* The descriptions of the process that is gone which this one is of. Returns their number. */
static uint32_t namesakes(const struct descriptions *all, const struct description *description,
			  struct description *found[])
{
	uint32_t first = body_of(&description->image).first, count = 0;

	if (!first)
		first = description->image.id;
	for (uint32_t i = 0; i < all->count; i++) {
		struct description *one = &all->description[i];

		if (is_gone(one, description->image.kind) &&
		    (one->image.id == first || body_of(&one->image).first == first))
			found[count++] = one;
	}
	assert(count);
	return count;
}

/* All of them are made together, while there is such a process; the others are kept until they are asked for. */
static int open_gone(struct restore *restore, const struct description *description)
{
	const struct descriptions *all = &restore->picture.tables->descriptions;
	struct description **found = calloc(all->count, sizeof(struct description *));
	bool *thread = calloc(all->count, sizeof(*thread));
	int *fd = calloc(all->count, sizeof(*fd)), r = found && thread && fd ? 0 : -ENOMEM;
	uint32_t count = r ? 0 : namesakes(all, description, found);

	for (uint32_t i = 0; i < count; i++)
		thread[i] = found[i]->image.flags & OS_OPEN_EXCLUSIVE;
	if (r == 0)
		r = os_pidfds_of_nobody(restore->pid, count, thread, fd);
	bool made = r == 0;

	for (uint32_t i = 0; made && i < count; i++) {
		if (found[i] != description)
			found[i]->kept = fd[i];
		if (r == 0)
			r = os_open_set_flags(fd[i], found[i]->image.flags);
	}
	/* The asker's own is the caller's; those that are kept are closed with the table. */
	for (uint32_t i = 0; made && i < count; i++)
		if (found[i] == description && r < 0)
			os_close(fd[i]);
		else if (found[i] == description)
			r = fd[i];
	free(fd);
	free(thread);
	free(found);
	return r;
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	int32_t vpid = vpid_of(&description->image);
	pid_t pid = vpid ? pid_here(restore, vpid) : 0;

	assert(vpid >= 0); /* read_body() saw to it */
	if (vpid && !pid)
		return refusal_set(
			refusal, EDVSIO,
			"the image is damaged: it has a pidfd of process or thread %d, and not "
			"that one",
			vpid);
	int fd = vpid ? os_pidfd_open(pid, description->image.flags & OS_OPEN_EXCLUSIVE)
		      : open_gone(restore, description);
	int r = fd < 0 ? fd : os_open_set_flags(fd, description->image.flags);

	if (r == 0)
		return fd;
	os_close(fd);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make a pidfd of the process: %s", strerror(-r));
}

const struct kind kind_pidfd = {
	.name = "a pidfd",
	.find = find,
	.meet = meet,
	.read = read_body,
	.open = open_here,
	.shared = KIND_SHARE_FREE, /* it has nothing of its own but flags */
};
