/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/locks.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/file_lock.h"
#include "os/open.h"

static uint32_t owner_of(const struct os_file_lock *seen)
{
	switch (seen->owner) {
	case OS_FILE_LOCK_PROCESS:
		return IMAGE_LOCK_PROCESS;
	case OS_FILE_LOCK_DESCRIPTION:
		return IMAGE_LOCK_DESCRIPTION;
	case OS_FILE_LOCK_DESCRIPTION_ALL:
		return IMAGE_LOCK_DESCRIPTION_ALL;
	case OS_FILE_LOCK_LEASE:
		return IMAGE_LOCK_LEASE;
	}
	return 0;
}

/* A lock of a process can only be given up and taken again; a description may take its own along. */
static bool is_lost_to(const struct image_lock *lock)
{
	return lock->awaited && lock->exclusive && lock->owner == IMAGE_LOCK_PROCESS;
}

static int refuse_awaited(const struct image_lock *lock, struct refusal *refusal)
{
	char who[40] = "a process";

	assert(lock);
	assert(lock->awaited);
	if (lock->awaited > 0)
		snprintf(who, sizeof(who), "process %d", (int)lock->awaited);
	return refusal_set(refusal, EDVSPROCSTS,
			   "%s waits for the file lock that the process has on descriptor %d, and "
			   "would get it while the process moves: end that one first",
			   who, lock->number);
}

static int find_waiter(struct locks_look *look, const struct os_file_lock *seen,
		       struct image_lock *lock)
{
	int r = look->all.text ? 0 : procdir_read(OS_FOLDER_CURRENT, "/proc/locks", &look->all);

	if (r == 0)
		lock->awaited = os_file_lock_awaited(look->all.text, seen, look->moves, look->ctx);
	return r;
}

static int add(struct locks *locks, struct locks_look *look, int number,
	       const struct os_file_lock *seen, struct refusal *refusal)
{
	struct image_lock lock = {
		.number = number,
		.owner = owner_of(seen),
		.exclusive = seen->exclusive,
		.start = seen->start,
		.length = seen->length,
	};

	int r = seen->is_breaking ? 0 : find_waiter(look, seen, &lock);

	if (seen->is_breaking)
		lock.awaited = -1; /* it goes along with its description, or not at all */

	if (r == 0 && is_lost_to(&lock) && lock.awaited > 0)
		return refuse_awaited(&lock, refusal);
	if (r == 0)
		r = locks_append(locks, &lock);
	if (r == 0)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the file locks that the process has on descriptor %d cannot be seen: "
			   "%s",
			   number, strerror(-r));
}

int locks_read(struct locks *locks, struct locks_look *look, int number, const char *info,
	       struct refusal *refusal)
{
	struct os_file_lock seen;
	int r;

	assert(look->moves);
	while ((r = os_file_lock_next(&info, &seen)) == 1) {
		r = add(locks, look, number, &seen, refusal);
		if (r)
			return r;
	}
	if (r == 0)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process holds a file lock of a kind on descriptor %d that is not "
			   "known, and not carried",
			   number);
}

bool locks_are_of_description(const char *info)
{
	struct os_file_lock seen;
	bool found = false;

	while (!found && os_file_lock_next(&info, &seen) == 1)
		found = seen.owner != OS_FILE_LOCK_PROCESS;
	return found;
}

int locks_check(const struct locks *locks, struct refusal *refusal)
{
	for (uint32_t i = 0; i < locks->count; i++)
		if (is_lost_to(&locks->lock[i]))
			return refuse_awaited(&locks->lock[i], refusal);
	return 0;
}
