/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freezing: list the threads, seize and interrupt those not seen before, wait until they stand,
 * and list again. A thread that is not stopped yet may create another one, so the end is reached
 * when a list made after all known threads stood has nothing new.
 */
#include "migrate/threads.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/ended.h"
#include "migrate/interrupted.h"
#include "os/clock.h"
#include "os/pid.h"
#include "os/signals.h"
#include "os/thread.h"

#define STOP_TIMEOUT_US 1000000
#define AWAIT_NAP_NS	1000000
#define ENDING_TRIES	20
#define ROUNDS_MAX	64

void threads_free(struct threads *threads)
{
	assert(threads->count == 0); /* let go of, or killed */
	free(threads->tracee);
	free(threads->vtid);
	*threads = (struct threads){ 0 };
}

struct tracee *threads_append(struct threads *threads, pid_t tid, int32_t vtid)
{
	if (threads->count == threads->capacity) {
		uint32_t capacity = threads->capacity ? threads->capacity * 2 : 16;
		struct tracee *tracee = realloc(threads->tracee, capacity * sizeof(*tracee));

		if (!tracee)
			return NULL;
		threads->tracee = tracee;
		int32_t *vtids = realloc(threads->vtid, capacity * sizeof(*vtids));

		if (!vtids)
			return NULL;
		threads->vtid = vtids;
		threads->capacity = capacity;
	}
	assert(tid > 0);
	assert(threads->count < threads->capacity);
	threads->tracee[threads->count] = (struct tracee){ .tid = tid };
	threads->vtid[threads->count] = vtid;
	return &threads->tracee[threads->count++];
}

struct named {
	struct tracee tracee;
	int32_t vtid;
};

static int by_vtid(const void *a, const void *b)
{
	const struct named *one = a, *other = b;

	return (one->vtid > other->vtid) - (one->vtid < other->vtid);
}

int threads_sort(struct threads *threads)
{
	uint32_t count = threads->count ? threads->count - 1 : 0;
	struct named *named = calloc(count + 1, sizeof(*named));

	if (!named)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		named[i] = (struct named){ threads->tracee[i + 1], threads->vtid[i + 1] };
	qsort(named, count, sizeof(*named), by_vtid);
	for (uint32_t i = 0; i < count; i++) {
		threads->tracee[i + 1] = named[i].tracee;
		threads->vtid[i + 1] = named[i].vtid;
	}
	free(named);
	return 0;
}

int threads_name(struct threads *threads, const struct inventory *inventory,
		 struct refusal *refusal)
{
	assert(threads->count);
	for (uint32_t i = 0; i < threads->count; i++) {
		const struct inventory_thread *thread =
			inventory_thread(inventory, threads->tracee[i].tid);

		threads->vtid[i] = thread ? thread->vtid : 0;
		if (threads->vtid[i] <= 0)
			return ended_refuse(inventory->dir, -ESRCH, "number of a thread", refusal);
	}
	return 0;
}

void threads_thaw(struct threads *threads)
{
	/* If it was killed, the leader's end is only told after all others have gone. */
	for (uint32_t i = threads->count; i-- > 0;)
		tracee_release(&threads->tracee[i]);
	threads->count = 0;
}

void threads_kill(struct threads *threads)
{
	if (threads->count)
		os_pid_signal(threads->tracee[0].tid, OS_SIGKILL);
	/* The leader's end is only told after all others have gone. */
	for (uint32_t i = threads->count; i-- > 0;)
		tracee_kill(&threads->tracee[i]);
	threads->count = 0;
}

static int by_tid(const void *a, const void *b)
{
	const struct tracee *one = a, *other = b;

	return (one->tid > other->tid) - (one->tid < other->tid);
}

/* The leader is first, the others are sorted up to `known`. */
static struct tracee *find(const struct threads *threads, uint32_t known, pid_t tid)
{
	const struct tracee wanted = { .tid = tid };

	assert(known <= threads->count);
	if (known == 0 || threads->tracee[0].tid == tid)
		return known ? &threads->tracee[0] : NULL;
	return bsearch(&wanted, threads->tracee + 1, known - 1, sizeof(wanted), by_tid);
}

struct tracee *threads_find(const struct threads *threads, pid_t tid)
{
	assert(tid > 0);
	return find(threads, threads->count, tid);
}

/* Takes those out that are not held any more. */
static void forget_ended(struct threads *threads)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < threads->count; i++) {
		if (threads->tracee[i].held)
			threads->tracee[kept++] = threads->tracee[i];
	}
	threads->count = kept;
	if (kept > 2)
		qsort(threads->tracee + 1, kept - 1, sizeof(threads->tracee[0]), by_tid);
}

/* A process that was killed cannot be seized any more, which looks like a missing right. */
static bool is_dead(struct inventory *inventory, int r)
{
	const char *state;

	if (procdir_read(inventory->dir, "status", &inventory->text) < 0)
		return procdir_ended(inventory->dir);
	state = procdir_field(inventory->text.text, "State");
	if (!state || (*state != 'Z' && *state != 'X'))
		return false;
	/* A main thread may end before the others; but if all are ending, they are soon gone. */
	for (int try = 0; r != TRACEE_E_STUCK && try < ENDING_TRIES; try++) {
		int listed = inventory_threads(inventory);

		if (listed == -ESRCH || (listed == 0 && inventory->thread_count <= 1))
			return true;
		os_thread_sleep_ns(AWAIT_NAP_NS);
	}
	return r == TRACEE_E_STUCK;
}

static int refuse_stop(int r, struct tracee *tracee, struct inventory *inventory,
		       struct refusal *refusal)
{
	assert(r);
	if (r == TRACEE_E_GONE)
		return ended_refuse(inventory->dir, -ESRCH, "main thread", refusal);
	if ((r == -EPERM || r == TRACEE_E_STUCK) && is_dead(inventory, r))
		return refusal_set(refusal, EDVSSRCH, "the process has ended");
	tracee->stuck = r == TRACEE_E_STUCK && interrupted_awaits_child(inventory, tracee->tid);
	if (tracee->stuck)
		return refusal_set(refusal, EDVSBUSY,
				   "the process waits for a child that it has made by vfork, and "
				   "which has neither begun another program nor ended within a "
				   "second; try again");
	if (r == -EPERM)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process cannot be traced: somebody else traces it");
	return refusal_set(refusal, EDVSPROCSTS, "the process %s", tracee_result_text(r));
}

/* A main thread that has ended cannot be seized; others may live. */
static bool stands_in(struct inventory *inventory, pid_t tid, int r)
{
	if (r != -EPERM || tid != inventory->pid ||
	    procdir_read(inventory->dir, "status", &inventory->text) < 0)
		return false;
	const char *state = procdir_field(inventory->text.text, "State");

	return state && *state == 'Z' && inventory_stand_in(inventory) == 0;
}

/* Seizes and interrupts what is new. Returns how many there were, or a refusal. */
static int seize_new(struct threads *threads, struct inventory *inventory, struct refusal *refusal)
{
	uint32_t known = threads->count;
	int added = 0;
	int r = inventory_threads(inventory);

	if (r < 0)
		return inventory_refuse_threads(inventory, r, refusal);
	for (uint32_t i = 0; i < inventory->thread_count; i++) {
		pid_t tid = inventory->thread[i].tid;

		if (find(threads, known, tid))
			continue;
		struct tracee *tracee = threads_append(threads, tid, 0);

		if (!tracee)
			return refusal_set(refusal, EDVSNOMEM, "out of memory");
		/* One that does not stop shall live; when it is borrowed it is bound to us (seccomp_suspend()). */
		r = tracee_seize(tracee, tid, false);
		if (r == 0)
			r = tracee_interrupt(tracee);
		if (r == TRACEE_E_GONE && tid != inventory->pid) {
			threads->count--;
			continue;
		}
		if (r && stands_in(inventory, tid, r)) {
			threads->count--;
			assert(!threads->count); /* it would be known */
			return seize_new(threads, inventory, refusal);
		}
		if (r)
			return refuse_stop(r, tracee, inventory, refusal);
		added++;
	}
	return added;
}

static int await_all(struct threads *threads, struct inventory *inventory, struct refusal *refusal)
{
	for (uint32_t i = 0; i < threads->count; i++) {
		struct tracee *tracee = &threads->tracee[i];
		int r = tracee->stopped ? 0 : tracee_await_stop(tracee, STOP_TIMEOUT_US);

		if (r == TRACEE_E_GONE && tracee->tid != inventory->pid)
			tracee->held = false;
		else if (r)
			return refuse_stop(r, tracee, inventory, refusal);
	}
	forget_ended(threads);
	if (!threads->count)
		return ended_refuse(inventory->dir, -ESRCH, "list of threads", refusal);
	assert(threads->tracee[0].held);
	return 0;
}

int threads_freeze(struct threads *threads, struct inventory *inventory, uint64_t *first_stop_ns,
		   struct refusal *refusal)
{
	int added = 1;

	assert(threads->count == 0);
	*first_stop_ns = (uint64_t)os_now_ns();
	for (int round = 0; added > 0 && round < ROUNDS_MAX; round++) {
		added = seize_new(threads, inventory, refusal);
		int r = added < 0 ? added : await_all(threads, inventory, refusal);

		if (r) {
			threads_thaw(threads);
			return r;
		}
	}
	assert(threads->count);
	if (added == 0)
		return 0;
	threads_thaw(threads);
	return refusal_set(refusal, EDVSBUSY,
			   "the process starts threads faster than they can be "
			   "stopped; try again");
}
