/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/source_part.h"

#include <assert.h>
#include <string.h>

#include "dvk.h"
#include "node/bind/binding.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "os/pid.h"

/*
 * The endpoints of the processes that leave together: the one that the move is asked for, and its fellows. They are
 * looked for twice: before the engine looks at the processes, by the control group, so that all of them can be kept
 * from talking to us meanwhile; and by the engine's own list, which has to have the same.
 */

struct mover source_mover(const struct source *d, int i)
{
	assert(i >= 0 && i <= d->fellows);
	if (i > 0)
		return d->fellow[i - 1];
	return (struct mover){ d->p_nr, d->endpoint, d->vpid, d->generation };
}

int source_mover_at(const struct source *d, int dcid, int p_nr)
{
	for (int i = 0; d->dcid == dcid && i <= d->fellows; i++)
		if (source_mover(d, i).p_nr == p_nr)
			return i;
	return -1;
}

struct binding *source_binding_of(const struct source *d, int i)
{
	struct mover mover = source_mover(d, i);
	struct binding *binding = binding_find(d->moves->bindings, d->dcid, mover.p_nr);

	assert(os_lock_protects());
	return binding && binding->generation == mover.generation ? binding : NULL;
}

struct task *source_root(const struct source *d)
{
	struct task *task = d->moves->tasks->all;

	assert(os_lock_protects());
	while (task && (!task->managed || task->loading || task->dcid != d->dcid ||
			task->lpid != d->lpid || task->vpid != d->root))
		task = task->next;
	return task;
}

/* ---- the processes of a tree, as far as they are known without the engine ---- */

struct tree {
	const struct task *root;
	pid_t pid[CGROUP_OTHERS_MAX];
	int count; /* -1: not known */
};

static void look_at_tree(struct tree *tree, const struct task *root)
{
	tree->root = root;
	tree->count = cgroup_others(root, tree->pid, CGROUP_OTHERS_MAX);
}

static bool descends(pid_t pid, pid_t root)
{
	while (pid > 1 && pid != root)
		pid = os_parent_of(pid);
	return pid == root;
}

static bool is_in_group(const struct tree *tree, pid_t pid)
{
	for (int i = 0; i < tree->count && i < CGROUP_OTHERS_MAX; i++)
		if (tree->pid[i] == pid)
			return true;
	return false;
}

static bool is_root(const struct task *task, int dcid)
{
	return task->managed && task->dcid == dcid && task->lpid == task->tgid && !task->ended &&
	       !task->loading;
}

/* The nearest process above it, or itself, that dvs run has started. */
static struct task *root_above(const struct tasks *tasks, int dcid, pid_t pid)
{
	for (; pid > 1; pid = os_parent_of(pid))
		for (struct task *task = tasks->all; task; task = task->next)
			if (task->lpid == pid && is_root(task, dcid))
				return task;
	return NULL;
}

/* The one in whose control group it is: an orphan's parent is the init. */
static struct task *root_of_group(const struct tasks *tasks, int dcid, pid_t pid)
{
	struct tree tree;

	for (struct task *task = tasks->all; task; task = task->next) {
		if (!is_root(task, dcid))
			continue;
		look_at_tree(&tree, task);
		if (is_in_group(&tree, pid))
			return task;
	}
	return NULL;
}

struct task *source_root_of(const struct binding *binding)
{
	const struct task *task = binding->task;
	struct task *root = root_above(task->tasks, binding->dcid, task->tgid);

	assert(os_lock_protects());
	return root ? root : root_of_group(task->tasks, binding->dcid, task->tgid);
}

/* ---- the fellows ---- */

struct fellows {
	struct mover of[COMMAND_FELLOWS_MAX]; /* by slot */
	int count;
};

static int check_fellow(struct source *d, const struct binding *binding)
{
	const struct directory_endpoint *ep =
		order_endpoint(d->moves->order, binding->dcid, binding->p_nr);

	if (binding->role == BINDING_BACKUP)
		return refusal_set(&d->refusal, EDVSPROCSTS,
				   "process %d, which would move along, stands by as a backup of "
				   "endpoint %d; make it the process with dvs_migrate, or end it",
				   (int)binding->task->lpid, binding->p_nr);
	if (binding->dcid != d->dcid)
		return refusal_set(
			&d->refusal, EDVSPROCSTS,
			"process %d, which would move along, is endpoint %d of DC %d, and "
			"a move is of one DC; let it unbind first",
			(int)binding->task->lpid, binding->p_nr, binding->dcid);
	/* Frozen it is in the move that this is. */
	if (binding->state != BINDING_BOUND || !ep ||
	    (ep->moving && ep->move != d->worker.driver.source.move))
		return refusal_set(&d->refusal, EDVSMIGRATE,
				   "endpoint %d, which would move along, is migrating or ending "
				   "already; try again when that is over",
				   binding->p_nr);
	return 0;
}

static int add_fellow(struct source *d, const struct binding *binding, struct fellows *fellows)
{
	int at = fellows->count;
	int r = check_fellow(d, binding);

	if (r < 0)
		return r;
	if (at == COMMAND_FELLOWS_MAX)
		return refusal_set(
			&d->refusal, EDVSPROCSTS,
			"more than %d other endpoints would move along; let some of their "
			"processes unbind or end first",
			COMMAND_FELLOWS_MAX);
	while (at > 0 && fellows->of[at - 1].p_nr > binding->p_nr) {
		fellows->of[at] = fellows->of[at - 1];
		at--;
	}
	fellows->of[at] = (struct mover){ binding->p_nr, binding->endpoint, binding->task->vpid,
					  binding->generation };
	fellows->count++;
	return 0;
}

static bool engine_has(const void *ctx, pid_t pid)
{
	const struct source *d = ctx;

	return migrate_source_has(d->tracee, pid);
}

static bool group_has(const void *ctx, pid_t pid)
{
	const struct tree *tree = ctx;

	return is_in_group(tree, pid) || descends(pid, tree->root->lpid);
}

/* Started by dvs run for itself, it descends from none that moves. */
static bool is_other_root(const struct source *d, const struct task *task)
{
	return task->managed && task->lpid != d->lpid;
}

/* Lock held. */
static int collect(struct source *d, bool (*has)(const void *ctx, pid_t pid), const void *ctx,
		   struct fellows *fellows)
{
	const struct binding *itself = source_binding(d);
	int r = 0;

	fellows->count = 0;
	for (const struct binding *p = d->moves->bindings->all; p && r == 0; p = p->next)
		if (p != itself && p->role != BINDING_ARRIVING && !p->task->ended &&
		    !is_other_root(d, p->task) &&
		    (p->task->tgid == d->lpid || has(ctx, p->task->tgid)))
			r = add_fellow(d, p, fellows);
	return r;
}

int source_find_fellows(struct source *d)
{
	struct fellows fellows = { .count = 0 };
	struct tree tree;
	const struct task *root;
	int r = 0;

	os_lock_take(d->moves->lock);
	root = source_root(d);
	if (root) {
		look_at_tree(&tree, root);
		r = collect(d, group_has, &tree, &fellows);
	}
	memcpy(d->fellow, fellows.of, sizeof(d->fellow));
	d->fellows = fellows.count;
	d->report.fellows = (uint32_t)fellows.count;
	for (int i = 0; i < fellows.count; i++)
		d->report.fellow[i] = fellows.of[i].p_nr;
	os_lock_release(d->moves->lock);
	return r;
}

int source_check_fellows(struct source *d)
{
	struct fellows now;
	int r;

	os_lock_take(d->moves->lock);
	r = collect(d, engine_has, d, &now);
	os_lock_release(d->moves->lock);
	if (r < 0)
		return r;
	if (now.count == d->fellows &&
	    !memcmp(now.of, d->fellow, (size_t)now.count * sizeof(now.of[0])))
		return 0;
	return refusal_set(
		&d->refusal, EDVSBUSY,
		"a process or thread that moves along was bound or unbound meanwhile; try "
		"again");
}
