/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_SOURCE_TREE_H
#define DVS_MIGRATE_SOURCE_TREE_H

#include "migrate/inventories.h"
#include "migrate/source_process.h"

/*
 * All processes that move together, at the source of the move. The steps are those of one process
 * (source_process.h), each done with all of them before the next one. They return 0, or a negative EDVS number with
 * *refusal filled.
 */
struct source_tree {
	struct tables tables;
	struct source_process **process; /* owned, parents first */
	struct inventory **inventory;	 /* owned: the array; of each process */
	uint32_t count, capacity;
	struct source_ended *ended; /* owned */
	uint32_t ended_count, ended_capacity;
};

/* A child that has ended, and whose parent has not taken note of that. */
struct source_ended {
	pid_t pid;
	uint32_t parent; /* its index in the tree */
};

int source_tree_init(struct source_tree *tree, pid_t pid); /* 0 or -ENOMEM */
void source_tree_deinit(struct source_tree *tree);	   /* releases what is held */

struct inventories source_tree_inventories(struct source_tree *tree);

/* Finds them and reads them from outside while they run. */
int source_tree_check(struct source_tree *tree, const struct migrate_host *host,
		      struct refusal *refusal);

/*
 * Stops one process after another, parents first, because the children of a process that stands do not become more.
 * *first_stop_ns: CLOCK_MONOTONIC. After a refusal nothing is held. EDVSBUSY if they start processes faster than
 * those can be stopped.
 */
int source_tree_hold(struct source_tree *tree, const struct migrate_host *host,
		     uint64_t *first_stop_ns, struct refusal *refusal);
void source_tree_gather(struct source_tree *tree, const struct os_affinity *here);

/* After a refusal of these the caller releases. */
int source_tree_enter(struct source_tree *tree, const struct migrate_host *host,
		      struct refusal *refusal);
int source_tree_ask(struct source_tree *tree, struct refusal *refusal);
int source_tree_send(struct source_tree *tree, const struct os_affinity *every_cpu,
		     struct writer *writer, uint64_t *page_count, struct refusal *refusal);
int source_tree_try(struct source_tree *tree, struct refusal *refusal);

void source_tree_release(struct source_tree *tree);

/* Whether it is one of them. */
bool source_tree_has(const struct source_tree *tree, pid_t pid);

/* Whether none of them has ended meanwhile. */
bool source_tree_is_whole(const struct source_tree *tree);

/* Returns the late signals of the first process. */
uint64_t source_tree_kill(struct source_tree *tree);

#endif
