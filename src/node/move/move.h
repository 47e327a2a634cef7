/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_MOVE_H
#define DVS_NODE_MOVE_MOVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h> /* pthread_mutex_t */

struct bindings;
struct checkpoint;
struct exchange;
struct order;
struct proxy;
struct request;
struct requests;
struct restoring;
struct secure_keys;
struct source;
struct target;
struct tasks;

/* The part of struct node. */
struct moves {
	pthread_mutex_t *lock; /* the node's, for the workers */
	struct order *order;
	struct exchange *exchange;
	struct proxy *proxy;
	struct secure_keys *keys; /* of the key file, for images in files; NULL: there is none */
	struct requests *requests;
	struct tasks *tasks;
	struct bindings *bindings;
	const char *store; /* of files that came with processes, see migrate/migrate.h */
	uint64_t store_bytes;
	struct source *sources;		/* migrations from this node */
	struct target *targets;		/* migrations to this node */
	struct checkpoint *checkpoints; /* images on their way into files */
	struct restoring *restorings;	/* and out of them */
	uint64_t drains;		/* begun so far */
	unsigned draining;		/* under way */
};

/* Whether this release moves in the way that was asked for; if not, the request is answered so. */
bool move_method_known(struct request *request);

#endif
