/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_SOURCE_FINDER_H
#define DVS_MIGRATE_SOURCE_FINDER_H

#include "migrate/source_tree.h"

/*
 * The processes of a tree, found anew: those that were known before are taken over. The first members are the caller's;
 * the rest begins as 0.
 */
struct source_finder {
	struct source_tree *tree;
	const struct migrate_host *host;
	int64_t deadline_ns; /* until then each is stopped before its children are listed; 0: none is */
	uint64_t *first_stop_ns; /* result: CLOCK_MONOTONIC, if they are stopped */
	struct refusal *refusal;

	struct source_process **known; /* owned; NULL: taken over */
	uint32_t known_count;	       /* result */
	uint32_t new_count;	       /* result: of processes that were not known */
	uint32_t walked;	       /* of so many, the first, the children are known */
};

/* The first process of a new tree: 0 or -ENOMEM. */
int source_finder_begin(struct source_tree *tree, pid_t pid);

/* 0 or a refusal. */
int source_finder_find(struct source_finder *finder);

/* The index of the process in the tree, or -1. */
int source_finder_index(const struct source_tree *tree, pid_t pid);

#endif
