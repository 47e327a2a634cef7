/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor of a process that moves as well, be it one that has ended and that its parent has not taken note of; or
 * of one that is gone altogether. The processes of the tree have their numbers before any has descriptors.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/restore.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"

struct pidfd_body {
	int32_t vpid; /* in its pid namespace; 0: gone */
	uint32_t pad;
};

static int32_t vpid_of(const struct image_description *image)
{
	struct pidfd_body body;

	memcpy(&body, image->body, sizeof(body));
	return body.vpid;
}

/* While they run, those that move start others, and some end. */
static bool moves(const struct kind_seen *seen, pid_t pid)
{
	pid_t parent = os_parent_of(pid);

	assert(pid >= 0);
	return kind_seen_moves(seen, pid) || (parent > 0 && kind_seen_moves(seen, parent));
}

static int refuse(const struct kind_seen *seen, pid_t pid, struct refusal *refusal)
{
	pid_t process = pid > 0 ? os_tgid_of(pid) : 0;

	if (process > 0 && process != pid)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has a pidfd of thread %d open (descriptor %d), which "
			"is not carried",
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

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	(void)files, (void)before, (void)complete;
	return vpid_of(image) >= 0 && !(image->flags & OS_OPEN_PATH);
}

/* The process, or its shell, here; 0: it is not among those that move. */
static pid_t pid_here(const struct restore *restore, int32_t vpid)
{
	assert(vpid > 0);
	if (vpid == restore->picture.process.vpid)
		return restore->pid;
	const struct restore *other = restore->member ? restore->member(restore->tree, vpid) : NULL;

	return other ? other->pid : 0;
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	int32_t vpid = vpid_of(&description->image);
	bool thread = description->image.flags & OS_OPEN_EXCLUSIVE; /* PIDFD_THREAD */
	pid_t pid = vpid ? pid_here(restore, vpid) : 0;

	assert(vpid >= 0); /* read_body() saw to it */
	if (vpid && !pid)
		return refusal_set(
			refusal, EDVSIO,
			"the image is damaged: it has a pidfd of process %d, and not that "
			"process",
			vpid);
	int fd = vpid ? os_pidfd_open(pid, thread) : os_pidfd_of_nobody(restore->pid, thread);
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
	.read = read_body,
	.open = open_here,
	.shared = KIND_SHARE_FREE, /* it has nothing of its own but flags */
};
