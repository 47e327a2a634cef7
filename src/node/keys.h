/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_KEYS_H
#define DVS_NODE_KEYS_H

/*
 * The keys by which this node proves itself: read from their file at the start, and again when the daemon is asked to
 * (SIGHUP, CTL_KEYS). A file that is wrong changes nothing.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h> /* pthread_mutex_t */

#include "wire/ctl.h"

struct node_options;
struct refusal;
struct request;
struct secure_keys;

/* The part of struct node. */
struct keys {
	pthread_mutex_t *lock;	    /* the node's */
	int node;		    /* this one */
	const char *path;	    /* NULL: links plain; "": no file was given */
	struct secure_keys *secure; /* of all connections; NULL: links plain */
	/* Of two threads that read the file at one time the later one is right. */
	uint64_t reads, taken;
};

/* Before there is another thread. The file may keep us waiting. 0 or negative errno; the reason was logged. */
int keys_start(struct keys *keys, const struct node_options *options);
/* There is a file to read again. */
bool keys_have_file(const struct keys *keys);
/*
 * Reads the file again, takes what it says, and logs either. *done says which keys this node has now. Without the node
 * lock: the disk may keep us waiting. 0 or the refusal's number.
 */
int keys_read_again(struct keys *keys, struct ctl_keys *done, struct refusal *why);

#endif
