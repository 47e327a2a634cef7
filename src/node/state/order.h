/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_STATE_ORDER_H
#define DVS_NODE_STATE_ORDER_H

/*
 * Proposing commands to the total order (I4). What it decides is carried out by node/effects.c. All of
 * it runs with the node lock held.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/directory.h"

struct node;
struct group;
struct os_source;
struct proposal;

/* The part of struct node: the order, and what it has decided so far. */
struct order {
	struct group *group; /* NULL: this node is leaving */
	struct os_source *source;
	struct os_source *late; /* only with the fault order-late */
	struct directory directory;
	struct directory_effects effects; /* of the command that is applied just now */
	bool quorum;
	struct proposal *proposals; /* own commands not delivered yet */
	uint64_t last_request;	    /* number of the newest */
};

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

/* The command with that request number of ours has been applied, and its effects are carried out. */
void order_decided(struct node *node, uint64_t request, const struct directory_result *result);

/* group.h callbacks; what is decided comes to node/effects.h */
size_t order_snapshot(void *ctx, uint8_t *buf, size_t size);
void order_quorum(void *ctx, bool have);

#endif
