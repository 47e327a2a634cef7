/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_extras.h"

#include <assert.h>
#include <errno.h>

#include "os/inode.h"
#include "os/kcmp.h"
#include "os/pid.h"
#include "os/self.h"
#include "os/socket.h"

/* A process outside of the container may have the number, too. */
static int32_t number_of_sender(void *ctx, pid_t pid)
{
	const struct kind_frozen *frozen = ctx;
	uint64_t there = os_pidns_of(pid);

	if (!there || there != os_pidns_of(frozen->pid))
		return -ESRCH;
	int32_t number = os_pid_innermost(pid);

	return number > 0 ? number : -ESRCH;
}

/* A queue may be in its own way on the target, but for one that is filled when all processes have their descriptors. */
static bool has_queue(const struct description *description)
{
	assert(description->kind);
	return description->kind->passed && !description->kind->has_place;
}

static uint32_t description_of(void *ctx, int fd)
{
	const struct kind_frozen *frozen = ctx;
	const struct descriptions *all = frozen->descriptions;
	struct os_status status;

	if (os_status(fd, &status))
		return 0;
	for (uint32_t i = 0; i < all->count; i++) {
		const struct description *description = &all->description[i];

		if (description->inode == status.inode && description->device == status.device &&
		    !has_queue(description) &&
		    os_kcmp_files(description->pid, description->number, os_self_pid(), fd) == 0)
			return description->image.id;
	}
	return 0;
}

struct unix_queue_names unix_extras_names(const struct kind_frozen *frozen)
{
	assert(frozen);
	return (struct unix_queue_names){ (void *)frozen, number_of_sender, description_of };
}

bool unix_extras_may_pass(void *ctx, uint32_t id)
{
	const struct description *description = descriptions_find(ctx, id);

	if (!description || has_queue(description))
		return false;
	const struct kind *kind = description->kind;
	static const struct descriptors none;

	/* One that a process will have, and that knows its other descriptors, is looked at with those. */
	return description->holder || kind->join || !kind->whole ||
	       kind->whole(description, ctx, &none);
}

static pid_t sender_here(void *ctx, int32_t number)
{
	struct restore *restore = ctx;
	struct restore *shell = restore->member ? restore->member(restore->tree, number) : restore;

	return shell && shell->picture.process.vpid == number ? shell->pid : -ESRCH;
}

/* A process may have it already; otherwise it is kept for the first that is to have it. */
static int open_again(void *ctx, uint32_t id)
{
	struct restore *restore = ctx;
	struct refusal why = REFUSAL_NONE;
	struct description *description =
		descriptions_find(&restore->picture.tables->descriptions, id);

	assert(description && !has_queue(description)); /* unix_extras_may_pass() saw to it */
	/* All that processes will have is known by now: it is in no process, and was looked at with none. */
	if (!description->holder && kind_needs_holder(description->kind))
		return -ENOLINK;
	if (description->number >= 0)
		return os_pid_descriptor(description->pid, description->number);
	if (description->kept < 0) {
		int fd = description->kind->open(restore, description, &why);

		if (fd < 0)
			return -ENOLINK;
		description->kept = fd;
	}
	return os_dup(description->kept);
}

struct unix_queue_hands unix_extras_hands(struct restore *restore)
{
	assert(restore);
	return (struct unix_queue_hands){ restore, sender_here, open_again };
}
