/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/inventories.h"

#include <assert.h>
#include <stdlib.h>

#include "dvk/errors.h"
#include "migrate/descriptors_source.h"
#include "migrate/others.h"

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

int inventories_read(const struct inventories *all, const struct migrate_host *host, bool first,
		     struct refusal *refusal)
{
	int r = 0;

	assert(all->count);
	tables_clear(all->tables);
	for (uint32_t i = 0; i < all->count && r == 0; i++)
		r = inventory_read(all->inventory[i], host, first, refusal);
	if (r == 0)
		r = read_descriptors(all, host, refusal);
	if (r == 0 && memories_add_files(&all->tables->memories, &all->tables->files) < 0)
		r = refusal_set(refusal, EDVSNOMEM, "out of memory");
	if (r == 0)
		r = first ? others_check(all, refusal) : others_check_again(all, refusal);
	for (uint32_t i = 0; i < all->count && r == 0; i++)
		r = inventory_check_lack(all->inventory[i], refusal);
	return r;
}
