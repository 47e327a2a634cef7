/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_SHOW_SNAPSHOT_H
#define DVS_NODE_SHOW_SNAPSHOT_H

/*
 * The node at one moment, filled from the parts of the node with the node lock held; the tables, the documents of the
 * commands and everything else that shows the node only render it.
 */

#include <stddef.h>
#include <stdint.h>

#include "wire/ctl.h"
#include "wire/shm.h"

struct bindings;
struct moves;
struct order;
struct proxy;
struct request;
struct tasks;

/* The endpoints that have a row. */
enum snapshot_rows {
	SNAPSHOT_OWN = 1,  /* those of this node */
	SNAPSHOT_TABLE,	   /* all, as in the original's table: those elsewhere are REMOTE */
	SNAPSHOT_STAND_IN, /* those elsewhere whose owners are not in `asker->gathered` */
};

struct snapshot {
	int node_count, dc_count;
	struct ctl_node_row node[NR_NODES];
	struct ctl_dc_row dc[SHM_DCS];
	struct ctl_proc_row *row; /* owned, as the next */
	struct ctl_ended_row *ended;
	size_t row_count, ended_count;
};

/* Quorum, order, how much there is. */
void snapshot_status(struct ctl_node_status *status, const struct order *order,
		     const struct proxy *proxy, const struct tasks *tasks,
		     const struct moves *moves);

/*
 * Each fills its part of a snapshot that is all zero at first; 0 or -ENOMEM, and snapshot_deinit() afterwards. The
 * rows are of the DC that the asker names, -1: of all that it may see; the asker knows the children of processes
 * (children_look()).
 */
void snapshot_nodes(struct snapshot *snapshot, const struct order *order,
		    const struct proxy *proxy);
void snapshot_dcs(struct snapshot *snapshot, const struct order *order, const struct tasks *tasks,
		  const struct request *asker);
int snapshot_rows(struct snapshot *snapshot, const struct order *order,
		  const struct bindings *bindings, enum snapshot_rows rows,
		  const struct request *asker);
/* Processes that are no more, as far as they are kept here. */
int snapshot_ended(struct snapshot *snapshot, const struct tasks *tasks,
		   const struct request *asker);
void snapshot_deinit(struct snapshot *snapshot);

#endif
