/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/inventories.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/descriptors_source.h"
#include "migrate/others.h"

int inventories_name(const struct inventories *all, uint32_t index, int r, struct refusal *refusal)
{
	size_t length = strlen(refusal->reason);

	if (r < 0 && index && length < sizeof(refusal->reason))
		snprintf(refusal->reason + length, sizeof(refusal->reason) - length,
			 " (process %d, which descends from it)", (int)all->inventory[index]->pid);
	return r;
}

static int read_descriptors(const struct inventories *all, const struct migrate_host *host,
			    struct refusal *refusal)
{
	struct descriptors_of *process = calloc(all->count, sizeof(*process));

	if (!process)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	for (uint32_t i = 0; i < all->count; i++)
		process[i] =
			(struct descriptors_of){ all->inventory[i]->pid, all->inventory[i]->dir,
						 &all->inventory[i]->descriptors };
	int r = descriptors_read(process, all->count, all->tables, host, &all->inventory[0]->text,
				 refusal);

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
		r = read_descriptors(all, host, refusal);
	if (r == 0)
		r = sysv_read(all, refusal);
	if (r == 0 && memories_add_files(&all->tables->memories, &all->tables->files) < 0)
		r = refusal_set(refusal, EDVSNOMEM, "out of memory");
	if (r == 0)
		r = first ? others_check(all, refusal) : others_check_again(all, refusal);
	for (uint32_t i = 0; i < all->count && r == 0; i++)
		r = inventory_check_lack(all->inventory[i], refusal);
	return r;
}
