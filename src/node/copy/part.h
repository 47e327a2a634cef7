/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_COPY_PART_H
#define DVS_NODE_COPY_PART_H

/*
 * A small piece of a process's memory, read or written by a thread of its own. The memory may be that of
 * a file, or of a page that its process brings by itself: how long its pages take is in others' hands,
 * and the node lock is not held meanwhile.
 *
 *	part_start() --> queue --> thread: party_take(), copies, party_leave() --> done()
 */

#include <stdint.h>

#include "node/copy/party.h"

#define PART_BYTES_MAX (32u * 1024)

struct part;
/* With the lock, from another thread. code: 0 or an EDVS number, as of party_take(). */
typedef void part_done(struct node *node, struct part *part, int code);

struct part {
	struct part *next, *next_queued;
	struct party party;
	uid_t uid; /* the user that asked for it; see share.h */
	enum lane_op op;
	uint64_t addr;
	uint32_t bytes;
	part_done *done;
	void *ctx; /* the caller's */
	uint8_t buf[];
};

/* With room for so many bytes; NULL: no memory. The caller fills it in. */
struct part *part_new(uint32_t bytes);
/*
 * With the lock. 0: done() is called once, and the part is freed after that. Otherwise it is freed:
 * EDVSMIGRATE: that process or its user has enough to do, try again later; EDVSALLOCMEM: there is no thread.
 */
int part_start(struct node *node, struct part *part);

#endif
