/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_COPY_COPY_H
#define DVS_NODE_COPY_COPY_H

/*
 * dvk_vcopy as far as the daemon does it: between a caller and a peer elsewhere, or one that the
 * caller's own rights do not reach. The requester's node runs the copy; each chunk is an idempotent
 * read or write of memory on the node of a party, so a chunk whose party moves meanwhile is simply
 * asked again at the new owner. Lock held throughout.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h> /* pthread_mutex_t */

#include "wire/shm.h"

struct binding;
struct bindings;
struct copy_task;
struct exchange;
struct life;
struct order;
struct os_loop;
struct proxy;
struct rights;
struct share;
struct streams;

/* The part of struct node. */
struct copies {
	pthread_mutex_t *lock; /* the node's, for the workers */
	struct os_loop *loop;
	struct order *order;
	struct life *life;
	struct exchange *exchange;
	struct proxy *proxy;
	struct bindings *bindings;
	const struct rights *rights;
	struct share **shares;	 /* the users' parts of the node */
	struct copy_task *tasks; /* under way */
	bool paused;		 /* none is begun: see copy_pause() */
	uint64_t asked;		 /* begun or given up so far, for the bell thread */
	struct streams *streams; /* the workers */
	/* threads of stream_serve.c: all, and by the node that they serve */
	_Atomic int lanes_served, lanes_of[NR_NODES];
};

/* A task has rung for itself: does it ask for a copy, or give one up (struct copy_ask)? */
void copy_on_ring(struct copies *copies, struct binding *binding);
/* The same for all, rung or not. */
void copy_look(struct copies *copies);
/* While it is paused no copy is begun, and what is asked for waits in its page. */
void copy_pause(struct copies *copies, bool pause);
/* Something moved, came back or was attached: chunks that were parked go on. */
void copy_retry(struct copies *copies);
void copy_on_dead(struct copies *copies, int dcid, int endpoint);
/* The link to a node broke or came back, or the node left: its questions are asked anew. */
void copy_on_link(struct copies *copies, int peer);

#endif
