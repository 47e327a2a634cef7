/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_CONTRACT_H
#define DVS_GROUP_CONTRACT_H

/*
 * The duties of every engine to the members of a group (group/group.h), as a checker. A test, or the simulator, tells
 * it each event of each member as it happens; the checker keeps the one history that all of them have to see, and the
 * sentence of the first rule that is broken.
 *
 *	engine --callbacks--> member (of a test, or of the simulator's world) --contract_...()--> checker
 *
 * The rules:
 *
 *	one order	the command with a number is the same for all members; each is told every number once, and
 *			none is left out
 *	beginning	a life begins with the first command of a group, or with a state that a member gave as of
 *			that number; nobody begins a group anew while a member of it lives
 *	quorum		nothing is told to a member without a quorum; each change is told once
 *	membership	NODE_JOIN and NODE_LEAVE of a node alternate; a life is a member from its own NODE_JOIN on,
 *			and is never told its own NODE_LEAVE
 *	commands	each was sent by the life that is a member at its place, is told once, and in the order in which
 *			it was sent. One that is not decided when a later one of its life is, is given up, and
 *			never decided after that. Only a quorum that was lost lets a command be given up, and none
 *			that stays (core/proposal.h)
 *	the end		a lost member was told so first, and is told nothing after that
 *	at rest		all members that are to have a quorum have heard all, and their commands were decided; the
 *			others know that they have none, and have left
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/command.h"

struct contract;

struct contract *contract_new(void);			   /* NULL: no memory */
struct contract *contract_free(struct contract *contract); /* returns NULL */
/* The first rule that was broken, in words; NULL: none. Nothing is looked at after that. */
const char *contract_broken(const struct contract *contract);

/* A new life of the node was let in by group_new(). */
void contract_begin(struct contract *contract, int node);
/* It has left, or has died. */
void contract_end(struct contract *contract, int node);
/* It goes on from a place at `order` that lies back (group_resume()); it is not behind any more. */
void contract_resume(struct contract *contract, int node, uint64_t order);
void contract_caught_up(struct contract *contract, int node);

/* The callbacks. member: group_is_member() says so now. */
void contract_restored(struct contract *contract, int node, uint64_t order, const uint8_t *state,
		       size_t len);
void contract_delivered(struct contract *contract, int node, uint64_t order,
			const struct command *cmd, bool member);
void contract_quorum(struct contract *contract, int node, bool have);
/* It gave its state to a joiner. */
void contract_gave(struct contract *contract, int node, const uint8_t *state, size_t len);

/* group_send() has taken it. */
void contract_sent(struct contract *contract, int node, const struct command *cmd);
/* group_dispatch() has failed. */
void contract_lost(struct contract *contract, int node);
/* Nothing is under way any more; bit by node: these are to have a quorum. */
void contract_rest(struct contract *contract, uint32_t quorate);

#endif
