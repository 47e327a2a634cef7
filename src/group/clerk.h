/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_CLERK_H
#define DVS_GROUP_CLERK_H

/*
 * The rules of a sequencer, without its sockets: which number a command has, which member gives a joiner the state,
 * and when a node has joined or left. The server of the local engine (group/sequencer.h) runs them on connections, the
 * simulator runs them on made-up ones.
 *
 *	                      the life of a *place*, which is one connection
 *
 *	STRANGER --HELLO--> JOINING --STATE of a member arrived--> MEMBER
 *	                       \------ there is no member --------/
 *	any of them ------------------ doomed ----------------> free (a MEMBER: NODE_LEAVE ordered)
 *
 * A member is asked for a joiner's state at one point of the order. Commands after that point are kept until the state
 * is there, and go out behind it. The NODE_JOIN is ordered only then, so a joiner or a member that goes half way
 * leaves no trace in the order.
 *
 * No place is taken apart in the middle of a walk over the places: one that has to go is doomed, and clerk_settle()
 * removes the doomed and orders their leaving, until none is left. Only the owner calls it, after each batch.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "group/transfer.h"
#include "wire/group.h"

#define CLERK_PLACES	(2 * NR_NODES)
#define CLERK_LATER_MAX (4u << 20) /* bytes of commands that wait for a joiner's state */

enum clerk_state {
	CLERK_STRANGER,
	CLERK_JOINING,
	CLERK_MEMBER
};

struct clerk_place {
	bool taken;
	enum clerk_state state;
	struct group_hello hello; /* of all but strangers */
	int doomed;		  /* 0 or negative errno: why */
	struct transfer transfer; /* JOINING: its state; a provider is the number of its place */
};

struct clerk_calls {
	int64_t (*now_ns)(void *ctx);
	/* A frame for a place, in two parts. 0, or negative errno: the place is doomed. */
	int (*put)(void *ctx, int place, enum group_kind kind, const void *head, size_t head_bytes,
		   const void *body, size_t body_bytes);
	/* A command has this number now; the members are told after this. 1: a new order begins. */
	void (*ordered)(void *ctx, uint64_t order, const struct command *cmd);
	/* A member was asked for a state: clerk_check() is wanted now and then. */
	void (*asked)(void *ctx);
	/* The place is about to be free: its connection is to be closed. */
	void (*gone)(void *ctx, int place, const struct clerk_place *was);
};

struct clerk {
	struct clerk_calls call;
	void *ctx;
	uint64_t order; /* last number given */
	uint64_t last_token;
	unsigned next_provider; /* place where the search for one starts */
	uint16_t protocol;	/* of the group; 0: it has had no member */
	struct clerk_place place[CLERK_PLACES];
};

void clerk_init(struct clerk *clerk, const struct clerk_calls *call, void *ctx);
void clerk_deinit(struct clerk *clerk); /* orders nothing, and calls nothing */

/* A stranger has come to a free place: its number, or -EUSERS. */
int clerk_come(struct clerk *clerk);
void clerk_doom(struct clerk *clerk, int place, int why);
/* The place of the node that is a member or becomes one, and is not doomed; -1: none. */
int clerk_find(const struct clerk *clerk, int node);

/*
 * The frames of a place. 0, or negative errno: the caller dooms it. The caller of clerk_hello() has read the connection
 * of the same node's former life to its end. -EEXIST: the node is there; -EPROTO: it speaks another protocol.
 */
int clerk_hello(struct clerk *clerk, int place, const struct group_hello *hello);
int clerk_command(struct clerk *clerk, int place, const uint8_t *bytes, size_t len);
int clerk_state(struct clerk *clerk, int place, const uint8_t *payload, size_t len);
/* The answer to a HELLO or a RESUME. */
void clerk_welcome(struct clerk *clerk, int place, int result);
/* Another connection goes on as the member of `old`, whose place becomes one of a doomed stranger. */
void clerk_take_over(struct clerk *clerk, int place, int old);

/* Another member is asked in place of one that was silent for limit_ns. True: some joiner waits for its state. */
bool clerk_check(struct clerk *clerk, int64_t limit_ns);
void clerk_settle(struct clerk *clerk);

#endif
