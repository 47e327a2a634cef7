/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/inventories.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/apart.h"
#include "migrate/descriptors_source.h"
#include "migrate/others.h"
#include "migrate/terminals.h"
#include "os/kcmp.h"

int inventories_name(const struct inventories *all, uint32_t index, int r, struct refusal *refusal)
{
	size_t length = strlen(refusal->reason);

	if (r < 0 && index && length < sizeof(refusal->reason))
		snprintf(refusal->reason + length, sizeof(refusal->reason) - length,
			 " (process %d, which descends from it)", (int)all->inventory[index]->pid);
	return r;
}

/* Through the parents: only from them a process can have a table. */
static void find_shared(struct inventory *inventory)
{
	inventory->member.shares = 0;
	for (int i = 0; i < OTHERS_TABLES && inventory->parent; i++) {
		enum image_shares share = others_tables[i].share;

		/* The table of address spaces is the first. */
		if (share == IMAGE_SHARES_HANDLERS &&
		    !(inventory->member.shares & IMAGE_SHARES_MEMORY))
			continue;
		if (os_kcmp(inventory_task(inventory->parent), inventory_task(inventory),
			    others_tables[i].kind) == 0)
			inventory->member.shares |= share;
	}
}

/* A task of those that move: of a process all that belongs to it, or a thread apart (apart.h). */
struct kin_task {
	pid_t tid;
	const struct inventory *of;
};

/* kcmp() orders tables, so that a sort brings the tasks of one table together. One that is gone has none. */
static int by_table(const void *a, const void *b, void *ctx)
{
	const struct others_table *table = ctx;
	const struct kin_task *one = a, *other = b;
	int order = one->tid == other->tid ? 0 : os_kcmp(one->tid, other->tid, table->kind);

	if (order <= 0)
		return (one->tid > other->tid) - (one->tid < other->tid);
	return order == 1 ? -1 : 1;
}

static bool is_of_process(const struct kin_task *task)
{
	return task->tid == inventory_task(task->of);
}

/* Two tasks that stand beside each other, and one table of both. */
static int check_pair(const struct kin_task *one, const struct kin_task *other,
		      const struct others_table *table, struct refusal *refusal)
{
	if (one->of == other->of || os_kcmp(one->tid, other->tid, table->kind))
		return 0;
	if (!is_of_process(one))
		return apart_check_other(one->of, other->tid, refusal);
	if (!is_of_process(other))
		return apart_check_other(other->of, one->tid, refusal);
	return inventory_holder(one->of, table->share) == inventory_holder(other->of, table->share)
		       ? 0
		       : others_check_table(one->of, other->tid, table, refusal);
}

/* No thread has an address space or signal handlers of its own. */
static bool has_first(const struct inventory_thread *thread, enum image_shares share)
{
	return (share == IMAGE_SHARES_FILES && thread->table == thread->tid) ||
	       (share == IMAGE_SHARES_FS && thread->place == thread->tid);
}

/* Each table of this kind once, but those that processes have in common. */
static uint32_t list_tasks(const struct inventories *all, enum image_shares share,
			   struct kin_task *task)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < all->count; i++) {
		const struct inventory *inventory = all->inventory[i];

		task[count++] = (struct kin_task){ inventory_task(inventory), inventory };
		for (uint32_t k = 1; k < inventory->thread_count; k++)
			if (has_first(&inventory->thread[k], share))
				task[count++] =
					(struct kin_task){ inventory->thread[k].tid, inventory };
	}
	return count;
}

int inventories_check_kin(const struct inventories *all, struct refusal *refusal)
{
	size_t most = 0;
	int r = 0;

	assert(all->count);
	for (uint32_t i = 0; i < all->count; i++)
		most += 1 + (size_t)all->inventory[i]->thread_count;
	struct kin_task *task = malloc(most * sizeof(*task));

	if (!task)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	for (int i = 0; i < OTHERS_TABLES && r == 0; i++) {
		uint32_t count = list_tasks(all, others_tables[i].share, task);

		qsort_r(task, count, sizeof(*task), by_table, (void *)&others_tables[i]);
		for (uint32_t k = 1; k < count && r == 0; k++)
			r = check_pair(&task[k - 1], &task[k], &others_tables[i], refusal);
	}
	free(task);
	return r;
}

/* The process, then the tables of its threads: the order of the records in the image. */
static uint32_t list_tables(struct inventory *inventory, struct descriptors_of *process)
{
	uint32_t count = 0;

	process[count++] =
		(struct descriptors_of){ inventory->pid, inventory->dir, &inventory->descriptors,
					 inventory_task(inventory),
					 inventory->member.shares & IMAGE_SHARES_FILES };
	for (uint32_t i = 0; i < inventory->table_count; i++) {
		struct inventory_table *table = &inventory->table[i];

		process[count++] =
			(struct descriptors_of){ inventory->pid, table->dir, &table->descriptors,
						 table->tid, false };
	}
	return count;
}

static int read_descriptors(const struct inventories *all, const struct migrate_host *host,
			    bool stands, struct refusal *refusal)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < all->count; i++)
		count += 1 + all->inventory[i]->table_count;
	struct descriptors_of *process = calloc(count, sizeof(*process));

	if (!process)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	count = 0;
	for (uint32_t i = 0; i < all->count; i++)
		count += list_tables(all->inventory[i], &process[count]);
	int r = descriptors_read(process, count, stands, all->tables, host,
				 &all->inventory[0]->text, refusal);

	free(process);
	for (uint32_t i = 0; i < all->count; i++)
		all->inventory[i]->process.fd_count = all->inventory[i]->descriptors.count;
	return r;
}

static int read_one(const struct inventories *all, uint32_t index, const struct migrate_host *host,
		    bool first, struct refusal *refusal)
{
	if (index)
		all->inventory[index]->init = all->inventory[0]->init;
	find_shared(all->inventory[index]);
	return inventories_name(
		all, index, inventory_read(all->inventory[index], host, first, refusal), refusal);
}

int inventories_read(const struct inventories *all, const struct migrate_host *host, bool first,
		     struct refusal *refusal)
{
	int r = 0;

	assert(all->count);
	tables_clear(all->tables);
	for (uint32_t i = 0; i < all->count && r == 0; i++)
		r = read_one(all, i, host, first, refusal);
	if (r == 0)
		r = read_descriptors(all, host, !first, refusal);
	if (r == 0)
		r = sysv_read(all, refusal);
	for (uint32_t i = 0; i < all->count && r == 0; i++)
		r = inventories_name(all, i,
				     fitness_check_semaphores(all->inventory[i],
							      all->tables->sysv.sets, refusal),
				     refusal);
	for (uint32_t i = 0; i < all->count && r == 0; i++)
		r = inventories_name(all, i,
				     terminals_check(all->inventory[i], &all->tables->descriptions,
						     refusal),
				     refusal);
	if (r == 0 && memories_add_files(&all->tables->memories, &all->tables->files) < 0)
		r = refusal_set(refusal, EDVSNOMEM, "out of memory");
	if (r == 0)
		r = first ? others_check(all, refusal) : others_check_again(all, refusal);
	for (uint32_t i = 0; i < all->count && r == 0; i++)
		r = inventory_check_lack(all->inventory[i], refusal);
	return r;
}
