/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/target_tables.h"

#include <assert.h>
#include <stdlib.h>

#include "dvk/errors.h"
#include "os/socket.h"

/* Nothing of it is its own but its descriptors. */
static int add_table(struct target_tree *tree, struct restore *process, struct picture_table *table,
		     struct refusal *refusal)
{
	struct tracee *tracee = restore_tracee_of(process, table->image.tid);
	struct restore *restore = target_tree_new(tree);

	if (!restore)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	assert(tracee);
	process->table[process->table_count++] = restore;
	restore->threads = (struct threads){
		.tracee = tracee,
		.vtid = &process->threads.vtid[tracee - process->threads.tracee],
		.count = 1,
	};
	restore->foothold = process->foothold;
	restore->memfd = process->memfd;
	restore->lent = true;
	restore->pid = tracee->tid;
	restore->dir = os_dup(process->dir);
	restore->root = process->root;
	restore->sock = process->sock;
	restore->same_machine = process->same_machine;
	restore->held = process->held;
	restore->carried = process->carried;
	restore->offered = process->offered;
	restore->picture.process = process->picture.process;
	restore->picture.process.vpid = table->image.tid;
	restore->picture.descriptors = table->descriptors;
	table->descriptors = (struct descriptors){ 0 };
	return 0;
}

static int make_threads(struct target_tree *tree, struct restore *process, struct refusal *refusal)
{
	struct picture *picture = &process->picture;
	int r = restore_login(process, refusal);

	if (r == 0)
		r = restore_clone_threads(process, refusal);
	if (r == 0)
		r = restore_enter_places(process, refusal);
	process->table = calloc((size_t)picture->table_count + 1, sizeof(struct restore *));
	if (r == 0 && !process->table)
		r = refusal_set(refusal, EDVSNOMEM, "out of memory");
	for (uint32_t i = 0; i < picture->table_count && r == 0; i++)
		r = add_table(tree, process, &picture->table[i], refusal);
	return r;
}

int target_tables_make(struct target_tree *tree, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		if (tree->process[i]->picture.thread_count) /* else it has ended */
			r = make_threads(tree, tree->process[i], refusal);
	return r;
}

int target_tables_each(struct target_tree *tree,
		       int (*each)(struct restore *table, struct refusal *refusal),
		       struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 0; i < tree->count && r == 0; i++) {
		struct restore *process = tree->process[i];

		r = each(process, refusal);
		for (uint32_t k = 0; k < process->table_count && r == 0; k++)
			r = each(process->table[k], refusal);
	}
	return r;
}

static int restore_tables(struct restore *process, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 0; i < process->table_count && r == 0; i++) {
		struct restore *table = process->table[i];

		calls_begin(&table->calls, &table->foothold, &table->threads.tracee[0]);
		r = restore_descriptors(table, refusal);
	}
	return r;
}

/*
 * Those that share the descriptors of their parents need the way to the shell, which these close. The tables of threads
 * come after their process, as in the image: the first holder of a description is the first that makes it.
 */
static int restore_all(struct target_tree *tree, bool shared, struct refusal *refusal)
{
	const struct members *members = &tree->tables.members;
	uint32_t living = members_living(members);
	int r = 0;

	for (uint32_t i = 0; i < living && r == 0; i++) {
		struct restore *restore = target_tree_of(tree, members->member[i].vpid);

		if (!(restore->shares & IMAGE_SHARES_FILES) == !shared)
			r = restore_files(restore, refusal);
		if (r == 0 && !shared)
			r = restore_tables(restore, refusal);
	}
	return r;
}

int target_tables_restore(struct target_tree *tree, struct refusal *refusal)
{
	/* Any of them may have made a socket that another one has: all have their shells by now. */
	int r = restore_all(tree, true, refusal);

	return r ? r : restore_all(tree, false, refusal);
}

bool target_tables_lack_locks(const struct restore *process)
{
	bool lacks = process->lock_lacks;

	for (uint32_t i = 0; i < process->table_count && !lacks; i++)
		lacks = process->table[i]->lock_lacks;
	return lacks;
}

int target_tables_lock_late(struct restore *process, int64_t deadline_ns, struct refusal *refusal)
{
	int r = process->lock_lacks ? restore_locks_late(process, deadline_ns, refusal) : 0;

	for (uint32_t i = 0; i < process->table_count && r == 0; i++)
		if (process->table[i]->lock_lacks)
			r = restore_locks_late(process->table[i], deadline_ns, refusal);
	return r;
}
