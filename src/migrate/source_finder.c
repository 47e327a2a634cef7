/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/source_finder.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "dvk/errors.h"
#include "migrate/source_members.h"
#include "os/clock.h"
#include "os/pid.h"
#include "os/thread.h"

#define OFFSPRING_MAX (2 * IMAGE_MEMBERS_MAX) /* some of them may be found to have ended */
#define ENDS_NS	      1000000

static int append(struct source_tree *tree, struct source_process *process)
{
	if (tree->count == IMAGE_MEMBERS_MAX)
		return -E2BIG;
	if (tree->count == tree->capacity) {
		uint32_t capacity = tree->capacity ? tree->capacity * 2 : 4;
		struct source_process **bigger = realloc(tree->process, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		tree->process = bigger;
		struct inventory **inventories =
			realloc(tree->inventory, capacity * sizeof(*inventories));

		if (!inventories)
			return -ENOMEM;
		tree->inventory = inventories;
		tree->capacity = capacity;
	}
	assert(tree->count < tree->capacity);
	tree->inventory[tree->count] = &process->inventory;
	tree->process[tree->count++] = process;
	return 0;
}

int source_finder_begin(struct source_tree *tree, pid_t pid)
{
	struct source_process *process = source_process_new(pid);
	int r = process ? append(tree, process) : -ENOMEM;

	if (r < 0)
		source_process_free(process);
	return r;
}

int source_finder_index(const struct source_tree *tree, pid_t pid)
{
	for (uint32_t i = 0; i < tree->count; i++)
		if (tree->process[i]->pid == pid)
			return (int)i;
	return -1;
}

static bool is_noted(const struct source_tree *tree, pid_t pid)
{
	for (uint32_t i = 0; i < tree->ended_count; i++)
		if (tree->ended[i].pid == pid)
			return true;
	return false;
}

static int note_ended(struct source_tree *tree, pid_t pid, uint32_t parent)
{
	/* The init takes note of an orphan. */
	if (parent == SOURCE_ORPHAN || is_noted(tree, pid))
		return 0;
	if (tree->ended_count == tree->ended_capacity) {
		uint32_t capacity = tree->ended_capacity ? tree->ended_capacity * 2 : 4;
		struct source_ended *bigger = realloc(tree->ended, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		tree->ended = bigger;
		tree->ended_capacity = capacity;
	}
	assert(pid > 0);
	tree->ended[tree->ended_count++] = (struct source_ended){ pid, parent };
	return 0;
}

/* One that is known, if that is not another process that had its number, or NULL. */
static struct source_process *take_known(struct source_finder *finder, pid_t pid)
{
	for (uint32_t i = 0; i < finder->known_count; i++) {
		struct source_process *process = finder->known[i];

		if (!process || process->pid != pid)
			continue;
		finder->known[i] = NULL;
		return procdir_ended(process->inventory.dir) ? source_process_free(process)
							     : process;
	}
	return NULL;
}

/* 0, 1: it is gone, or a refusal. */
static int open_new(struct source_finder *finder, pid_t pid, struct source_process **processp)
{
	struct refusal why = REFUSAL_NONE;
	struct source_process *process = source_process_new(pid);

	if (!process)
		return refusal_set(finder->refusal, EDVSNOMEM, "out of memory");
	int r = source_process_open(process, &finder->tree->tables, &why);

	if (r == 0)
		r = inventory_threads(&process->inventory) < 0;
	if (r) {
		source_process_free(process);
		if (r < 0 && why.error != EDVSSRCH)
			return refusal_set_number(finder->refusal, why.error, "%s", why.reason);
		return 1;
	}
	process->inventory.is_child = true;
	finder->new_count++;
	*processp = process;
	return 0;
}

static int add_child(struct source_finder *finder, uint32_t parent,
		     const struct source_child *child)
{
	struct source_process *process = NULL;
	pid_t pid = child->pid;

	if (source_members_has_ended(pid))
		return note_ended(finder->tree, pid, parent) < 0
			       ? refusal_set(finder->refusal, EDVSNOMEM, "out of memory")
			       : 0;
	process = take_known(finder, pid);
	int r = process ? 0 : open_new(finder, pid, &process);

	if (r)
		return r < 0 ? r : 0;
	const struct inventory *had = process->inventory.parent;

	process->parent = parent;
	process->inventory.parent =
		parent == SOURCE_ORPHAN ? NULL : finder->tree->inventory[parent];
	/* The tables that it shares with another parent are not known yet. */
	if (process->inventory.parent != had)
		process->inventory.member.shares = 0;
	process->inventory.is_of_thread = child->is_of_thread;
	r = append(finder->tree, process);
	if (r < 0) {
		source_process_free(process);
		return r == -ENOMEM
			       ? refusal_set(finder->refusal, EDVSNOMEM, "out of memory")
			       : refusal_set(finder->refusal, EDVSPROCSTS,
					     "the process has more than %u descendants, which is "
					     "the most that can move with it",
					     IMAGE_MEMBERS_MAX - 1);
	}
	return 0;
}

static int add_children(struct source_finder *finder, uint32_t parent)
{
	struct source_children children = { 0 };
	int r = source_children_list(&children, finder->tree->inventory[parent]);

	if (r < 0 && r != -ENOMEM)
		r = 0; /* it has ended, which is found later */
	if (r < 0)
		r = refusal_set(finder->refusal, EDVSNOMEM, "out of memory");
	for (uint32_t i = 0; i < children.count && r == 0; i++)
		if (parent >= finder->walked ||
		    source_finder_index(finder->tree, children.child[i].pid) < 0)
			r = add_child(finder, parent, &children.child[i]);
	source_children_free(&children);
	return r;
}

/*
 * One that no walk has found: an orphan, or the child of a process which became its parent when its own one ended
 * (PR_SET_CHILD_SUBREAPER). Others are children that were born since, whose parents do not stand.
 */
static int add_stray(struct source_finder *finder, pid_t pid)
{
	struct source_tree *tree = finder->tree;
	pid_t parent = os_parent_of(pid);

	if (parent <= 0)
		return 0;
	if (parent == os_parent_of(tree->process[0]->pid))
		return add_child(finder, SOURCE_ORPHAN, &(struct source_child){ pid, false });
	int index = source_finder_index(tree, parent);

	/* The children of one that is to be walked are found then. */
	return index < 0 || (uint32_t)index >= finder->walked
		       ? 0
		       : add_children(finder, (uint32_t)index);
}

/* Those that the host knows besides. */
static int add_strays(struct source_finder *finder)
{
	const struct migrate_host *host = finder->host;
	pid_t *pid = host->offspring ? calloc(OFFSPRING_MAX, sizeof(*pid)) : NULL;
	int r = 0;

	if (host->offspring && !pid)
		return refusal_set(finder->refusal, EDVSNOMEM, "out of memory");
	int count = pid ? host->offspring(host->ctx, pid, OFFSPRING_MAX) : 0;

	for (int i = 0; i < count && i < (int)OFFSPRING_MAX && r == 0; i++)
		if (source_finder_index(finder->tree, pid[i]) < 0)
			r = add_stray(finder, pid[i]);
	free(pid);
	return r;
}

/* One that ends before it stands is a child that has ended, or nothing. */
static void leave_out(struct source_finder *finder, uint32_t index)
{
	struct source_tree *tree = finder->tree;
	struct source_process *process = tree->process[index];

	if (source_members_has_ended(process->pid))
		note_ended(tree, process->pid, process->parent);
	source_process_free(process);
	tree->count--;
	for (uint32_t i = index; i < tree->count; i++) {
		tree->process[i] = tree->process[i + 1];
		tree->inventory[i] = tree->inventory[i + 1];
	}
}

/* Whether it has ended, or is about to: that is waited for. */
static bool ends(const struct source_finder *finder, const struct source_process *process,
		 int error)
{
	for (;;) {
		if (procdir_ended(process->inventory.dir))
			return true;
		if (error != EDVSSRCH || os_now_ns() > finder->deadline_ns)
			return false;
		os_thread_sleep_ns(ENDS_NS);
	}
}

/* 0, 1: it is left out, or a refusal. */
static int stop(struct source_finder *finder, uint32_t index)
{
	struct source_process *process = finder->tree->process[index];
	struct refusal why = REFUSAL_NONE;
	uint64_t later;

	if (!finder->deadline_ns)
		return 0;
	if (os_now_ns() > finder->deadline_ns)
		return refusal_set(finder->refusal, EDVSBUSY,
				   "the process and its descendants start processes faster than "
				   "they can be stopped; try again");
	int r = source_process_stop(process, index ? &later : finder->first_stop_ns, &why);

	if (r == 0)
		return 0;
	if (index && ends(finder, process, why.error)) {
		leave_out(finder, index);
		return 1;
	}
	const struct inventories all = { finder->tree->inventory, finder->tree->count,
					 &finder->tree->tables };

	inventories_name(&all, index, r, &why);
	return refusal_set_number(finder->refusal, why.error, "%s", why.reason);
}

/* Each is stopped before its children are listed. 0 or a refusal. */
static int walk(struct source_finder *finder)
{
	int r = 0;

	while (finder->walked < finder->tree->count && r >= 0) {
		r = stop(finder, finder->walked);
		if (r == 0)
			r = add_children(finder, finder->walked);
		if (r == 0)
			finder->walked++;
	}
	return r < 0 ? r : 0;
}

int source_finder_find(struct source_finder *finder)
{
	struct source_tree *tree = finder->tree;
	int r = 0;

	finder->known = tree->process;
	finder->known_count = tree->count;
	struct source_process *first = finder->known[0];

	tree->process = NULL;
	tree->count = tree->capacity = tree->ended_count = 0;
	if (append(tree, first) < 0) {
		tree->process = finder->known;
		tree->count = finder->known_count;
		return refusal_set(finder->refusal, EDVSNOMEM, "out of memory");
	}
	finder->known[0] = NULL;
	do {
		r = walk(finder);
		if (r == 0)
			r = add_strays(finder);
	} while (r == 0 && finder->walked < tree->count);
	for (uint32_t i = 0; i < finder->known_count; i++)
		source_process_free(finder->known[i]);
	free(finder->known);
	return r < 0 ? r : 0;
}
