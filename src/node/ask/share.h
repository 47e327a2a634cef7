/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_ASK_SHARE_H
#define DVS_NODE_ASK_SHARE_H

/*
 * One user's part of each thing that a node has few of, so that other users find enough at any time. Connections are
 * counted where they are made (request.c), in proportion to the descriptors; the rest is counted here. Root has no
 * limit. Lock held.
 */

#include <stdbool.h>
#include <sys/types.h>

struct share;

enum share_kind {
	SHARE_SEARCHES, /* among the tasks of the machine: a thread each, of TASK_SEARCHES_MAX */
	SHARE_MOVES,	/* away from this node: a thread each */
	SHARE_IMAGES,	/* in files: each has a whole process in the daemon's memory */
	SHARE_STREAMS,	/* large copies under way: a worker each, and its lanes */
	SHARE_PARTS,	/* small ones */
	SHARE_STARTS,	/* of commands, until they execute; an init has room for 64 */
	SHARE_REQUESTS, /* that other nodes have passed on and that are not answered yet */
	SHARE_KINDS
};

/*
 * `shares` is the list of a node, requests.shares. One more, if the user may have it: then share_give() comes later,
 * once.
 */
bool share_take(struct share **shares, uid_t uid, enum share_kind kind);
void share_give(struct share **shares, uid_t uid, enum share_kind kind);
/* For the sentence of a refusal: how many a user may have, and of which. */
unsigned share_most(enum share_kind kind);
const char *share_noun(enum share_kind kind);

#endif
