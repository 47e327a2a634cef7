/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_CALLER_H
#define DVS_NODE_TASK_CALLER_H

/* The task that asks, and what a handler looks at first. Node lock held. */

#include <stdbool.h>
#include <stdint.h>

struct request;
struct task;

/* Of a client of ours, if it is known: the thread itself, or its process, whose bindings it borrows. */
struct task *caller_task(const struct request *request);

/*
 * This node may be behind: a bind from before the request may not have been applied here yet. Before a handler says
 * that something does not exist, it asks to be called again when all that was ordered by now has been applied. False:
 * this is that second call, and it may say so.
 */
bool caller_catch_up(struct request *request, void (*handler)(struct request *));

/* As far as this node knows, the DC runs on both this node and that one, which may be this one or none at all. */
bool caller_knows_nodes(const struct request *request, int dcid, int nodeid);

/*
 * 0, or the request is failed: EDVSBADDCID or EDVSDCNOTRUN; `error`. This node may be behind: before it says that a DC
 * does not run, it catches up with the order, and the handler (NULL: it does not) is called again.
 */
int caller_check_dc(struct request *request, int dcid, void (*handler)(struct request *));
int caller_check_slot(struct request *request, int dcid, int p_nr, int error);

#endif
