/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_STATE_ORDER_H
#define DVS_NODE_STATE_ORDER_H

/*
 * Proposing commands to the total order (I4). node/effects.c carries out its decisions. All of it runs with the node
 * lock held.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/right.h"
#include "core/directory.h"
#include "os/kept.h"

#define ORDER_APPLIED_MAX 32u

struct group;
struct order;
struct os_source;
struct proposal;

struct order_applied {
	uint64_t order;
	struct command command;
};

/* The part of struct node: the order, and what it has decided so far. */
struct order {
	int self;	     /* this node */
	struct group *group; /* NULL: this node is leaving */
	struct os_source *source;
	struct os_source *late; /* only with the fault order-late */
	struct directory directory;
	struct directory_effects effects; /* of the command that is applied just now */
	bool quorum;
	struct proposal *proposals; /* own commands not delivered yet */
	uint64_t last_request;	    /* number of the newest */
	uint64_t inherited;	    /* up to this number they are of a daemon that died */
	/* The changes of the directory, for the next daemon (os/kept.h). */
	struct os_kept in_state; /* HANDOVER_DIRECTORY, when it has become another one */
	unsigned applied_count;	 /* commands applied since the state was left */
	struct order_applied applied[ORDER_APPLIED_MAX];
};

/*
 * The directory is as it was after this command, or is another one: for the state that is left to the next daemon,
 * which applies the same commands. More of them than ORDER_APPLIED_MAX are another directory.
 */
void order_note_applied(struct order *order, uint64_t number, const struct command *cmd);
void order_note_directory(struct order *order);
/* The state with all that was left. */
void order_settle(struct order *order);

/* The directory's entry, or NULL when out of range; may be unbound. */
static inline const struct directory_endpoint *order_endpoint(const struct order *order, int dcid,
							      int p_nr)
{
	return directory_endpoint(&order->directory, dcid, p_nr);
}

/* Nobody is bound, and an RMT_BIND says that somebody will be, on another node (core/directory.h). */
static inline bool order_stated_elsewhere(const struct order *order,
					  const struct directory_endpoint *ep)
{
	return ep->stated && ep->node != order->self;
}

typedef void proposal_fn(struct order *order, void *ctx, const struct directory_result *result);

/*
 * Proposes; done() is called when the command was applied here (after its effects were carried out),
 * with EDVSNOCONN if it never reached the order (then before order_propose() returns), or with
 * EDVSINPROGRESS if the quorum was lost before its fate was known: it may yet have been decided. A command that stays,
 * or waits, without a quorum (core/proposal.h) is told so when the group itself is lost. done may be NULL.
 * `by`: its proposer; the rights of this user are judged once more when the
 * command is applied (EDVSPRIVILEGES); &right_root for a command that follows from a decision or an
 * event, and that no user asked for.
 */
void order_propose(struct order *order, const struct command *cmd, const struct right_user *by,
		   proposal_fn *done, void *ctx);

/* The order has ended for this daemon: a lost group does not come back. */
bool order_is_lost(const struct order *order);

/* Why a proposal ended with this code, for a refusal: also what it means that there is no order. */
const char *order_why(const struct order *order, int code);

/*
 * The command with that request number of ours has been applied, and its effects are carried out; 0: the own NODE_JOIN.
 * Proposals that have waited for that are sent.
 */
void order_decided(struct order *order, uint64_t request, const struct directory_result *result);

/* As the group says by its callbacks; decisions come to node/effects.h. */
size_t order_snapshot(const struct order *order, uint8_t *buf, size_t size);
void order_quorum(struct order *order, bool have);
/* There will be no decisions any more. */
void order_lost(struct order *order);

#endif
