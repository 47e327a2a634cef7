/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process takes its locks itself, because most are its own. While the source stands it has its locks: those
 * that exclude others are taken when it has ended. Nothing is waited for inside a call, so that the process can be
 * ended at any time.
 */
#include "migrate/restore.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/kind.h"
#include "os/clock.h"
#include "os/inode.h"
#include "os/pid.h"
#include "os/socket.h"
#include "os/thread.h"

#define LATE_NAP_NS 1000000 /* between two tries, while the source ends */

static const struct locks *locks_of(const struct restore *restore)
{
	return &restore->picture.descriptors.locks;
}

/* One lock, without waiting for it. 0, -EAGAIN: another owner has it; another -errno, or a refusal (*refused). */
static int take(struct restore *restore, const struct image_lock *lock, bool *refused,
		struct refusal *refusal)
{
	struct calls *calls = &restore->calls;

	calls_begin(calls, &restore->foothold, &restore->threads.tracee[0]);
	uint32_t call = restore_add_lock(calls, lock);
	int r = restore_run(restore, refusal);

	*refused = r != 0;
	if (r)
		return r;
	int64_t result = calls_result(calls, call);

	return result == -EACCES ? -EAGAIN : (int)result;
}

static const char *path_of(const struct restore *restore, const struct image_lock *lock,
			   struct description **descriptionp)
{
	uint32_t id = descriptors_stand_for(&restore->picture.descriptors, lock->number);
	struct tables *tables = restore->picture.tables;

	assert(id); /* picture_read_layout() saw to it */
	*descriptionp = descriptions_find(&tables->descriptions, id);
	const struct kind *kind = (*descriptionp)->kind;

	return kind->label ? kind->label(&(*descriptionp)->image, &tables->files) : kind->name;
}

static int refuse(const struct restore *restore, const struct image_lock *lock, int r,
		  struct refusal *refusal)
{
	struct description *description;
	const char *path = path_of(restore, lock, &description);

	if (lock->owner == IMAGE_LOCK_LEASE && lock->awaited)
		return refusal_set(refusal, EDVSBUSY,
				   "another process wants to end the lease that the process has on "
				   "%s (F_SETLEASE), which only the machine of that one knows; try "
				   "again when it has",
				   path);
	if (lock->owner == IMAGE_LOCK_LEASE)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the target's kernel gives no lease on %s, as the process has one: "
			"%s",
			path, strerror(-r));
	if (r == -EAGAIN && lock->awaited > 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "process %d on the source waits for the lock of %s that the "
				   "process has, and would get it before the target: end that one "
				   "first",
				   (int)lock->awaited, path);
	if (r == -EAGAIN)
		return refusal_set(refusal, EDVSPROCSTS,
				   "another process has a lock of %s, which the process needs on "
				   "the target, or waits for it",
				   path);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot lock %s (descriptor %d) as the process has: %s", path,
			   lock->number, strerror(-r));
}

/* Whether it is the source that excludes us: its file is this one, and nobody can take an exclusive lock from it. */
static bool is_the_sources(const struct restore *restore, const struct image_lock *lock)
{
	unsigned long type = 0;
	int fd = os_pid_descriptor(restore->pid, lock->number);
	bool shared = restore->same_machine ||
		      (fd >= 0 && os_file_system(fd, &type) == 0 && files_is_network(type));

	os_close(fd);
	return lock->exclusive && shared && lock->owner != IMAGE_LOCK_LEASE;
}

static bool came_with_description(const struct restore *restore, const struct image_lock *lock)
{
	struct description *description;

	path_of(restore, lock, &description);
	return description->is_taken_over && lock->owner != IMAGE_LOCK_PROCESS;
}

static int begin_one(struct restore *restore, uint32_t index, struct refusal *refusal)
{
	assert(index < locks_of(restore)->count);
	const struct image_lock *lock = &locks_of(restore)->lock[index];
	bool refused = false, is_along = came_with_description(restore, lock);

	if (!is_along && lock->owner == IMAGE_LOCK_LEASE && lock->awaited)
		return refuse(restore, lock, -EAGAIN, refusal);
	int r = is_along ? 0 : take(restore, lock, &refused, refusal);

	if (refused || r == 0)
		return r;
	if (r != -EAGAIN || !is_the_sources(restore, lock) || lock->awaited)
		return refuse(restore, lock, r, refusal);
	if (!restore->lock_lacks)
		restore->lock_lacks =
			calloc(locks_of(restore)->count, sizeof(*restore->lock_lacks));
	if (!restore->lock_lacks)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	restore->lock_lacks[index] = true;
	return 0;
}

int restore_locks(struct restore *restore, struct refusal *refusal)
{
	const struct locks *locks = locks_of(restore);
	int r = 0;

	assert(!restore->lock_lacks);
	for (uint32_t i = 0; i < locks->count && r == 0; i++)
		r = begin_one(restore, i, refusal);
	return r;
}

int restore_locks_late(struct restore *restore, int64_t deadline_ns, struct refusal *refusal)
{
	const struct locks *locks = locks_of(restore);

	assert(restore->lock_lacks);
	for (uint32_t i = 0; i < locks->count;) {
		bool refused = false;
		int r = restore->lock_lacks[i] ? take(restore, &locks->lock[i], &refused, refusal)
					       : 0;

		if (refused)
			return r;
		if (r == 0)
			restore->lock_lacks[i++] = false;
		else if (r != -EAGAIN || os_now_ns() > deadline_ns)
			return refuse(restore, &locks->lock[i], r, refusal);
		else
			os_thread_sleep_ns(LATE_NAP_NS);
	}
	return 0;
}
