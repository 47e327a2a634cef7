/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_INVENTORIES_H
#define DVS_MIGRATE_INVENTORIES_H

#include "migrate/inventory.h"

/* All processes that move together, parents first, and the objects that they refer to. Nothing is owned. */
struct inventories {
	struct inventory **inventory;
	uint32_t count; /* at least 1 */
	struct tables *tables;
};

/*
 * Reads all of all, as inventory_read() does it, and whether a process that stays has something in common with them.
 * 0 or a refusal.
 */
int inventories_read(const struct inventories *all, const struct migrate_host *host, bool first,
		     struct refusal *refusal);

/* Read: two processes that move may share a table only if one has it from the other, or both from a third. */
int inventories_check_kin(const struct inventories *all, struct refusal *refusal);

/*
 * r, the result for that process. If it is a refusal of another process than the first, the
 * sentence names the process.
 */
int inventories_name(const struct inventories *all, uint32_t index, int r, struct refusal *refusal);

#endif
