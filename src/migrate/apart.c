/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel orders what it compares, so that a sort brings the threads of one table, or of one place, together: a
 * process may have thousands of threads, and as many tables.
 */
#include "migrate/apart.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/kcmp.h"
#include "os/procdir.h"
#include "os/socket.h"

/* A thing that a thread may have apart from its process. */
struct thing {
	enum os_kcmp kind;
	const char *what;
	size_t first; /* of struct inventory_thread: the thread that has it first */
};

static const struct thing things[] = {
	{ OS_KCMP_FILES, "descriptor table", offsetof(struct inventory_thread, table) },
	{ OS_KCMP_FS, "working directory", offsetof(struct inventory_thread, place) },
};
#define THINGS (sizeof(things) / sizeof(things[0]))

static pid_t *first_of(struct inventory_thread *thread, const struct thing *thing)
{
	return (pid_t *)((char *)thread + thing->first);
}

static pid_t first_in(const struct inventory_thread *thread, const struct thing *thing)
{
	return *(const pid_t *)((const char *)thread + thing->first);
}

void apart_look(struct inventory *inventory, uint32_t index)
{
	struct inventory_thread *thread = &inventory->thread[index];

	assert(index && index < inventory->thread_count);
	for (size_t i = 0; i < THINGS; i++) {
		bool is = os_kcmp(inventory_task(inventory), thread->tid, things[i].kind) > 0;

		*first_of(thread, &things[i]) = is ? thread->tid : 0;
	}
}

/* One that is gone has nothing in common with any. */
static int by_thing(const void *a, const void *b, void *ctx)
{
	const struct thing *thing = ctx;
	const struct inventory_thread *const *first = a, *const *second = b;
	pid_t one = (*first)->tid, other = (*second)->tid;
	int order = one == other ? 0 : os_kcmp(one, other, thing->kind);

	if (order <= 0)
		return (one > other) - (one < other);
	return order == 1 ? -1 : 1;
}

/* sorted: room for all threads. */
static void find_common(struct inventory *inventory, const struct thing *thing,
			struct inventory_thread **sorted)
{
	uint32_t count = 0;
	pid_t first = 0;

	for (uint32_t i = 1; i < inventory->thread_count; i++)
		if (first_in(&inventory->thread[i], thing))
			sorted[count++] = &inventory->thread[i];
	qsort_r(sorted, count, sizeof(struct inventory_thread *), by_thing, (void *)thing);
	for (uint32_t i = 0; i < count; i++) {
		/* The lowest number of those that have one thing is the first of them. */
		if (i == 0 || os_kcmp(first, sorted[i]->tid, thing->kind))
			first = sorted[i]->tid;
		*first_of(sorted[i], thing) = first;
	}
}

void apart_clear(struct inventory *inventory)
{
	for (uint32_t i = 0; i < inventory->table_count; i++) {
		os_close(inventory->table[i].dir);
		descriptors_free(&inventory->table[i].descriptors);
	}
	free(inventory->table);
	inventory->table = NULL;
	inventory->table_count = 0;
}

/* Those of threads that have ended meanwhile are left out: the process still runs, and is read again frozen. */
static int open_tables(struct inventory *inventory, uint32_t count)
{
	inventory->table = count ? calloc(count, sizeof(*inventory->table)) : NULL;
	if (count && !inventory->table)
		return -ENOMEM;
	for (uint32_t i = 1; i < inventory->thread_count; i++) {
		const struct inventory_thread *thread = &inventory->thread[i];
		int dir = thread->table == thread->tid ? procdir_open(thread->tid) : -ESRCH;

		if (dir == -ESRCH)
			continue;
		if (dir < 0)
			return dir;
		assert(inventory->table_count < count);
		inventory->table[inventory->table_count++] =
			(struct inventory_table){ .tid = thread->tid, .dir = dir };
	}
	return 0;
}

int apart_meet(struct inventory *inventory, struct refusal *refusal)
{
	uint32_t count = 0;

	apart_clear(inventory);
	if (!apart_are_any(inventory))
		return 0;
	struct inventory_thread **sorted =
		calloc(inventory->thread_count, sizeof(struct inventory_thread *));

	for (size_t i = 0; sorted && i < THINGS; i++)
		find_common(inventory, &things[i], sorted);
	for (uint32_t i = 1; i < inventory->thread_count; i++)
		count += inventory->thread[i].table == inventory->thread[i].tid;
	int r = sorted ? open_tables(inventory, count) : -ENOMEM;

	free(sorted);
	return r == 0 ? 0
		      : refusal_set_errno(refusal, r,
					  "the descriptor tables of the process's threads cannot "
					  "be looked at: %s",
					  strerror(-r));
}

bool apart_are_any(const struct inventory *inventory)
{
	for (uint32_t i = 1; i < inventory->thread_count; i++)
		if (inventory->thread[i].table || inventory->thread[i].place)
			return true;
	return false;
}

int apart_check_other(const struct inventory *inventory, pid_t other, struct refusal *refusal)
{
	assert(other > 0);
	for (uint32_t i = 1; i < inventory->thread_count; i++) {
		const struct inventory_thread *thread = &inventory->thread[i];

		for (size_t k = 0; k < THINGS; k++)
			if (first_in(thread, &things[k]) == thread->tid &&
			    os_kcmp(thread->tid, other, things[k].kind) == 0)
				return refusal_set(
					refusal, EDVSPROCSTS,
					"thread %d shares its %s with process %d, and not with its "
					"own, which is not carried",
					(int)thread->tid, things[k].what, (int)other);
	}
	return 0;
}

const struct descriptors *apart_descriptors(const struct inventory *inventory, pid_t tid,
					    pid_t *task)
{
	const pid_t main = inventory_task(inventory);
	bool is_apart = tid != main && os_kcmp(main, tid, OS_KCMP_FILES) > 0;

	*task = is_apart ? tid : main;
	if (!is_apart)
		return &inventory->descriptors;
	for (uint32_t i = 0; i < inventory->table_count; i++)
		if (os_kcmp(inventory->table[i].tid, tid, OS_KCMP_FILES) == 0)
			return &inventory->table[i].descriptors;
	return NULL;
}
