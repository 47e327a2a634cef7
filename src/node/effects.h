/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_EFFECTS_H
#define DVS_NODE_EFFECTS_H

/*
 * Carries out the decisions of the total order, in each room that they concern (I4). With the node lock held; restore
 * and deliver are callbacks of group.h.
 */

#include <stdbool.h>

#include "core/directory.h"

struct node;
struct task;

/* The hook tasks.on_end: its bindings end, but for those that the source of a move sees to. */
void effects_task_ended(struct node *node, struct task *task);
/* The link to a node broke, or (left) the node is no member any more. */
void effects_node_down(struct node *node, int down, bool left);
void effects_restore(void *ctx, uint64_t order, const uint8_t *state, size_t len);
void effects_deliver(void *ctx, uint64_t order, const struct command *cmd);
/* Words between the group's engines, which the links carry; the first is a callback of group.h. */
void effects_aside(void *ctx, uint32_t nodes, const uint8_t *bytes, size_t len);
void effects_hear_aside(struct node *node, int from, const uint8_t *bytes, size_t len);

#endif
