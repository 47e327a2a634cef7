/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_RESTART_H
#define DVS_NODE_RESTART_RESTART_H

/*
 * The daemon executes its program file anew, in place, as after an upgrade. CTL_RESTART begins it
 * (handlers.h); node_run() ends it when the loop has stopped for it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "node/restart/keeping.h"

struct copies;
struct handover_file;
struct homecoming;
struct moves;
struct node;
struct request;
struct requests;
struct restart;

/* The part of struct node. */
struct restarts {
	struct requests *requests;
	struct moves *moves;
	struct copies *copies;
	/* Writes down what the node knows; see handover.h. A restart that is only asked for has no asker. */
	int (*write)(struct node *node, const struct request *asker, int64_t asked_ns,
		     int64_t paused_ns, struct handover_file *file);
	/* The same at any moment, for a daemon that follows this one's death: all of it, or what has changed. */
	ssize_t (*keep)(struct node *node, bool whole, void *out, size_t room,
			struct handover_alone *alone);
	struct node *node; /* for these hooks */
	struct keeping keeping;
	/* As this daemon was executed. */
	const char *program;
	char *const *argv;
	const char
		*key_path; /* of the key file, that the successor reads as well; NULL or "": none */
	struct restart *restart;       /* under way */
	struct homecoming *homecoming; /* of one, whose asker waits for the links */
	uint32_t count;
};

/* Another node's daemon says that it is about to be restarted, or goes on. */
void restart_on_message(struct requests *requests, int from, const uint8_t *bytes, uint32_t len);

/* The loop was stopped so that the restart can go on. */
bool restart_is_due(const struct restarts *restarts);
/*
 * On the main thread, with the lock, when the bell thread has ended. Returns only if the node goes
 * on as it was: either the restart waits for a quieter moment, or it was refused.
 */
void restart_execute(struct restarts *restarts);

#endif
