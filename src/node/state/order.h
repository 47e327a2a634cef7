/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_STATE_ORDER_H
#define DVS_NODE_STATE_ORDER_H

/*
 * Proposing commands to the total order and carrying out what it decided (I4). All of it runs with
 * the node lock held.
 */

#include "core/directory.h"

struct node;
struct request;

typedef void proposal_fn(struct node *node, void *ctx, const struct directory_result *result);

/*
 * Proposes; done() is called when the command was applied here (after its effects were carried out),
 * with EDVSNOCONN if it never reached the order (then before order_propose() returns), or with
 * EDVSINPROGRESS if the group was lost before its fate was known: it may yet have been decided.
 */
void order_propose(struct node *node, const struct command *cmd, proposal_fn *done, void *ctx);

/* The order has ended for this daemon: a lost group does not come back. */
bool order_is_lost(const struct node *node);

/* Why a proposal ended with this code, for a refusal: also what it means that there is no order. */
const char *order_why(const struct node *node, int code);

/*
 * This node may be behind: what was bound before the request was made may not have been applied here
 * yet. Before a handler says that something does not exist, it asks to be called again when all that
 * was ordered by now has been applied. False: this is that second call, and it may say so.
 */
bool order_catch_up(struct request *request, void (*handler)(struct request *));

/* group.h callbacks */
void order_restore(void *ctx, uint64_t order, const uint8_t *state, size_t len);
void order_deliver(void *ctx, uint64_t order, const struct command *cmd);
size_t order_snapshot(void *ctx, uint8_t *buf, size_t size);
void order_quorum(void *ctx, bool have);

#endif
