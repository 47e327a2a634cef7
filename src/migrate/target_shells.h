/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_TARGET_SHELLS_H
#define DVS_MIGRATE_TARGET_SHELLS_H

#include "migrate/target_tree.h"

/* The shells of the members of a tree but the first, which is there and entered. They return 0 or a refusal. */
int target_shells_make(struct target_tree *tree, const struct tables *tables,
		       struct refusal *refusal);

/* Ends those that were made by the offer: nothing of them is left in the first. */
int target_shells_unmake(struct target_tree *tree, struct refusal *refusal);

/* The process forgets that it was told of its children. */
int target_shells_forget_news(struct restore *parent, struct refusal *refusal);

#endif
