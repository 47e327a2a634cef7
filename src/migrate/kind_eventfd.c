/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An eventfd: its counter, its mode and its flags. A thread that waits in a read or write of it is carried
 * as any other interrupted call is: it waits again on the target.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/eventfd.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/socket.h"

#define LINK	  "anon_inode:[eventfd]"
#define COUNT_MAX (UINT64_MAX - 1)

enum eventfd_mode {
	MODE_UNKNOWN, /* source, before it was asked: Linux 6.5 and later say it in fdinfo */
	MODE_COUNTER,
	MODE_SEMAPHORE,
	MODES,
};

struct eventfd_body {
	uint64_t count;
	uint32_t mode;
	uint32_t pad;
};

static struct eventfd_body body_of(const struct image_description *image)
{
	struct eventfd_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	struct eventfd_body body = { 0 };

	if (strcmp(seen->link, LINK) != 0)
		return 0;
	body.count = procdir_number(seen->info, "eventfd-count", 16, UINT64_MAX);
	if (body.count > COUNT_MAX)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has an eventfd open (descriptor %d) whose counter "
				   "cannot be seen, so that it cannot move",
				   seen->number);
	if (procdir_field(seen->info, "eventfd-semaphore"))
		body.mode = procdir_number(seen->info, "eventfd-semaphore", 10, 0) ? MODE_SEMAPHORE
										   : MODE_COUNTER;
	memcpy(image->body, &body, sizeof(body));
	return 1;
}

/*
 * A read takes 1 or all. The counter is at least 2 for it, so that neither that nor what puts it right again
 * blocks. Nothing else uses the eventfd meanwhile, so it is afterwards what it was.
 */
static int find_mode(int fd, uint64_t count, uint32_t *mode)
{
	assert(count <= COUNT_MAX);
	uint64_t more = count < 2 ? 2 - count : 0, taken = 0;
	int r = os_eventfd_add(fd, more);

	if (r == 0)
		r = os_eventfd_take(fd, &taken);
	if (r)
		return r;
	uint64_t left = count + more - taken;

	*mode = taken == 1 ? MODE_SEMAPHORE : MODE_COUNTER;
	if (left <= count)
		return os_eventfd_add(fd, count - left);
	return os_eventfd_take(fd, &taken);
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	struct eventfd_body body = body_of(&description->image);

	if (body.mode != MODE_UNKNOWN)
		return 0;
	int fd = os_pid_descriptor(frozen->pid, description->number);
	int r = fd < 0 ? fd : find_mode(fd, body.count, &body.mode);

	os_close(fd);
	if (r)
		return refusal_set(refusal, EDVSPROCSTS,
				   "it cannot be found out whether the eventfd of descriptor %d is "
				   "a semaphore: %s",
				   description->number, strerror(-r));
	assert(body.mode != MODE_UNKNOWN);
	memcpy(description->image.body, &body, sizeof(body));
	return 0;
}

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct eventfd_body body = body_of(image);

	(void)files, (void)before;
	return body.count <= COUNT_MAX && (body.mode != MODE_UNKNOWN || !complete) &&
	       body.mode < MODES;
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	const struct eventfd_body body = body_of(&description->image);
	assert(body.mode != MODE_UNKNOWN); /* read_body() saw to it */
	int fd = os_eventfd_new(body.mode == MODE_SEMAPHORE);
	int r = fd < 0 ? fd : os_eventfd_add(fd, body.count);

	(void)restore;
	if (r == 0)
		r = os_open_set_flags(fd, description->image.flags);
	if (r == 0)
		return fd;
	os_close(fd);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make an eventfd of the process: %s", strerror(-r));
}

const struct kind kind_eventfd = {
	.name = "an eventfd",
	.common = "is also open in",
	.remedy = "",
	.never_ends = true,
	.find = find,
	.write = complete,
	.read = read_body,
	.open = open_here,
	.shared = KIND_SHARE_DESCRIPTION,
};
