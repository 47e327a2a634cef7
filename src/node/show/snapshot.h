/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_SHOW_SNAPSHOT_H
#define DVS_NODE_SHOW_SNAPSHOT_H

/*
 * The node at one moment. It is filled in one place, with the node lock held; the tables, the documents of the
 * commands and everything else that shows the node only render it.
 */

#include <stddef.h>
#include <stdint.h>

#include "wire/ctl.h"
#include "wire/shm.h"

struct node;
struct request;

enum snapshot_part {
	SNAPSHOT_STATUS = 1,   /* quorum, order, how much there is */
	SNAPSHOT_COUNTERS = 2, /* moves and their times, refusals, calls, copies */
	SNAPSHOT_NODES = 4,    /* and the links to them */
	SNAPSHOT_DCS = 8,
	SNAPSHOT_OWN = 16, /* rows of the endpoints of this node */
	SNAPSHOT_TABLE =
		32, /* rows of all endpoints, as the original's table: those elsewhere are REMOTE */
	SNAPSHOT_STAND_IN =
		64, /* rows of endpoints elsewhere whose owners are not in `asker->gathered` */
	SNAPSHOT_ENDED = 128, /* processes that are no more, as far as they are kept here */
};

struct snapshot {
	struct ctl_node_status status;
	struct ctl_counters counters;
	int node_count, dc_count;
	struct ctl_node_row node[NR_NODES];
	struct ctl_dc_row dc[SHM_DCS];
	struct ctl_proc_row *row; /* owned, as the next */
	struct ctl_ended_row *ended;
	size_t row_count, ended_count;
};

/*
 * dcid: rows and ended of this DC, -1: of all. asker: knows the children of processes (children_look()); NULL: they
 * are not known. 0 or -ENOMEM, which leaves nothing to free.
 */
int snapshot_fill(struct snapshot *snapshot, struct node *node, unsigned parts, int dcid,
		  const struct request *asker);
void snapshot_deinit(struct snapshot *snapshot);

#endif
