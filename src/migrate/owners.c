/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/owners.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"

void owners_free(struct owners *owners)
{
	free(owners->owner);
	*owners = (struct owners){ 0 };
}

int owners_append(struct owners *owners, const struct image_owner *owner)
{
	assert(owners->count <= owners->capacity);
	if (owners->count == IMAGE_FDS_MAX)
		return -E2BIG;
	if (owners->count == owners->capacity) {
		uint32_t capacity = owners->capacity ? owners->capacity * 2 : 8;
		struct image_owner *bigger = realloc(owners->owner, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		owners->owner = bigger;
		owners->capacity = capacity;
	}
	assert(image_owner_ok(owner));
	owners->owner[owners->count++] = *owner;
	return 0;
}

/* A group has the number of its leader, a thread one of its own. */
static int number_of(const struct os_open_owner *found, bool (*moves)(const void *ctx, pid_t pid),
		     const void *ctx)
{
	pid_t process = found->type == OS_OPEN_OWNER_THREAD ? os_tgid_of(found->pid) : found->pid;

	return process > 0 && moves(ctx, process) ? os_pid_innermost(found->pid) : -ESRCH;
}

static int refuse(int number, const struct os_open_owner *found, struct refusal *refusal)
{
	static const char *const types[] = { "thread", "process", "process group" };

	assert(found->type <= OS_OPEN_OWNER_GROUP);
	return refusal_set(
		refusal, EDVSPROCSTS,
		"descriptor %d of the process sends its signals to %s %d (F_SETOWN), which "
		"does not move with it",
		number, types[found->type], (int)found->pid);
}

int owners_read(struct owners *owners, pid_t pid, int number, bool is_async,
		bool (*moves)(const void *ctx, pid_t pid), const void *ctx, struct refusal *refusal)
{
	struct image_owner owner = { .number = number, .async = is_async };
	struct os_open_owner found = { .pid = 0 };
	int fd = os_pid_descriptor(pid, number);
	int r = fd < 0 ? fd : os_open_owner(fd, &found);

	os_close(fd);
	if (r == -EBADF || r == -ESRCH)
		return 0; /* closed meanwhile: the process still runs, and is read again frozen */
	if (r == 0 && found.pid) {
		owner.vpid = number_of(&found, moves, ctx);
		if (owner.vpid <= 0)
			return refuse(number, &found, refusal);
	}
	if (r == 0 && !is_async && !found.pid)
		return 0;
	owner.type = found.type;
	owner.signal = (uint32_t)found.signal;
	if (r == 0)
		r = owners_append(owners, &owner);
	if (r == 0)
		return 0;
	return refusal_set(
		refusal, EDVSPROCSTS,
		"it cannot be seen to whom descriptor %d of the process sends signals: %s", number,
		strerror(-r));
}
