/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_TARGET_TREE_H
#define DVS_MIGRATE_TARGET_TREE_H

#include "migrate/restore_terminal.h"

struct os_affinity;

/*
 * The shells that become the processes of a tree. The first is the host's; each makes those of its children, with their
 * numbers, by clone3, while it is nothing but a foothold. So parents, sessions and groups are what they were.
 *
 *	make      the shells of all members but the first, which is entered; before the stop by the members that are
 *	          offered, and again by those of the image where these are others
 *	build     for each: its layout, its contents, its descriptors
 *	finish    when all have their descriptors: the rest of each
 *
 * They return 0 or a refusal. The tree is killed after any of them failed.
 */
struct target_tree {
	const struct migrate_host *host;
	struct tables tables; /* the objects of the stream */
	const struct tables
		*offered; /* by which the shells are made already, or NULL; of the offer */
	struct restore_terminals terminals;
	struct restore **process; /* owned; parents first */
	uint32_t count, capacity;
	int init; /* /proc/PID of the init of the shells, owned; -1: not opened yet */
};

/* 0 or -ENOMEM: the first, without a shell so far. */
int target_tree_init(struct target_tree *tree, const struct migrate_host *host);
void target_tree_deinit(struct target_tree *tree);

/* One that is not of the tree yet; the caller owns it. NULL: out of memory. */
struct restore *target_tree_new(struct target_tree *tree);

/* One more process, without a shell so far; NULL: out of memory. One whose shell has ended is forgotten. */
struct restore *target_tree_add(struct target_tree *tree);
void target_tree_forget(struct target_tree *tree, uint32_t index);

/* The child of that process, which has so much in common with it (enum image_shares), until it is forgotten. */
void target_tree_share(struct restore *child, struct restore *parent, uint32_t shares);

/* The offer stays until the tree is made, or killed. */
int target_tree_make_offered(struct target_tree *tree, const struct tables *offered,
			     struct refusal *refusal);

/* The objects are known. The foreground groups of controlling terminals are those of the processes from now on. */
int target_tree_make(struct target_tree *tree, struct refusal *refusal);

/* The process, or the shell, with this number in its pid namespace, or NULL. */
struct restore *target_tree_of(const struct target_tree *tree, int32_t vpid);

/* The number here of the thread with this one in its pid namespace, or 0; ctx: the tree. */
pid_t target_tree_task(const void *ctx, int32_t vtid);

/* All have their descriptors. */
void target_tree_let_go(struct target_tree *tree);

/* Before the layout of a process is restored, which its picture has. The first is entered already. */
int target_tree_enter(struct target_tree *tree, struct restore *restore, struct refusal *refusal);

/* All threads of a process run with this affinity, as far as nothing else is asked for. */
void target_tree_scatter(struct restore *restore, const struct os_affinity *affinity);

/* Ends the shells of those that have ended as they did. */
int target_tree_end_ended(struct target_tree *tree, struct refusal *refusal);

/* The move is decided, and they run next; or they do not arrive. May be called again. */
void target_tree_decided(struct target_tree *tree, bool arrive);

/* Lets all of them run; a refusal if one was killed before it could. */
int target_tree_resume(struct target_tree *tree, struct refusal *refusal);

/* Kills all and waits for their ends. */
void target_tree_kill(struct target_tree *tree);

#endif
