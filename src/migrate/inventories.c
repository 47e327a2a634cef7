/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/inventories.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/descriptors_source.h"
#include "migrate/directories.h"
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

/* One table of processes that move. */
struct kin {
	const struct inventories *all;
	const struct others_table *table;
};

/* kcmp() orders tables, so that a sort brings the processes of one table together. One that is gone has none. */
static int by_table(const void *a, const void *b, void *ctx)
{
	const struct kin *kin = ctx;
	const uint32_t *one = a, *other = b;
	int order = *one == *other ? 0
				   : os_kcmp(inventory_task(kin->all->inventory[*one]),
					     inventory_task(kin->all->inventory[*other]),
					     kin->table->kind);

	if (order <= 0)
		return (*one > *other) - (*one < *other);
	return order == 1 ? -1 : 1;
}

/* A child of a thread with a directory of its own may have that one in common with it. */
static int check_apart(const struct inventories *all, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 0; i < all->count && r == 0; i++) {
		if (!directories_are_apart(all->inventory[i]))
			continue;
		for (uint32_t k = 0; k < all->count && r == 0; k++)
			if (i != k)
				r = directories_check_other(all->inventory[i],
							    inventory_task(all->inventory[k]),
							    refusal);
	}
	return r;
}

static int check_kin(const struct kin *kin, uint32_t *order, struct refusal *refusal)
{
	enum image_shares share = kin->table->share;
	int r = 0;

	for (uint32_t i = 0; i < kin->all->count; i++)
		order[i] = i;
	qsort_r(order, kin->all->count, sizeof(*order), by_table, (void *)kin);
	for (uint32_t i = 1; i < kin->all->count && r == 0; i++) {
		const struct inventory *one = kin->all->inventory[order[i - 1]];
		const struct inventory *other = kin->all->inventory[order[i]];

		if (inventory_holder(one, share) != inventory_holder(other, share))
			r = others_check_table(one, inventory_task(other), kin->table, refusal);
	}
	return r;
}

int inventories_check_kin(const struct inventories *all, struct refusal *refusal)
{
	uint32_t *order = malloc(all->count * sizeof(*order));
	int r = 0;

	assert(all->count);
	if (!order)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	for (int i = 0; i < OTHERS_TABLES && r == 0; i++) {
		const struct kin kin = { all, &others_tables[i] };

		r = check_kin(&kin, order, refusal);
	}
	free(order);
	return r ? r : check_apart(all, refusal);
}

static int read_descriptors(const struct inventories *all, const struct migrate_host *host,
			    bool stands, struct refusal *refusal)
{
	struct descriptors_of *process = calloc(all->count, sizeof(*process));

	if (!process)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	for (uint32_t i = 0; i < all->count; i++) {
		struct inventory *inventory = all->inventory[i];

		process[i] =
			(struct descriptors_of){ inventory->pid, inventory->dir,
						 &inventory->descriptors, inventory_task(inventory),
						 inventory->member.shares & IMAGE_SHARES_FILES };
	}
	int r = descriptors_read(process, all->count, stands, all->tables, host,
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
