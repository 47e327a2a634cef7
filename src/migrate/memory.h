/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_MEMORY_H
#define DVS_MIGRATE_MEMORY_H

#include "base/refusal.h"
#include "migrate/maps.h"
#include "migrate/memories.h"
#include "migrate/stream.h"

/*
 * Memory contents. Sent is what a fresh mapping on the target would not have by itself:
 *
 *	private, anonymous	pages that exist and are not the page of zeros
 *	private, of a file	pages the process has its own copy of
 *	shared, anonymous	what the object holds, be it mapped or not
 *	memory files		the same
 *	guard pages		their ranges
 *	anything else		nothing: the file, the node or the kernel has it
 */

struct inventories;

struct sysv;

struct memory_view {
	const struct maps *maps;
	const struct memories *memories; /* to which mappings and files refer */
	const struct files *files;	 /* NULL: another process sees to the memory files */
	const struct sysv *sysv;	 /* whose segments the same process sees to */
	/* Those before `index` have seen to the memory that they map. NULL: there are none. */
	const struct inventories *all;
	uint32_t index;
};

/* Source, frozen; dir is /proc/PID. Adds pages to *page_count. 0 or a refusal. */
int memory_send(pid_t pid, int dir, const struct memory_view *view, struct writer *writer,
		uint64_t *page_count, struct refusal *refusal);

/* Target: puts `count` pages into the mapped, writable memory of pid. */
int memory_receive(pid_t pid, uint64_t address, const void *pages, uint32_t count,
		   struct refusal *refusal);

#endif
