/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_ENDED_H
#define DVS_NODE_ENDED_H

/*
 * What the last processes of this node that ended had written, so that `dvs logs` can still tell why.
 * The oldest are forgotten, and those whose slot is bound anew. Node lock held.
 */

#include <stdbool.h>

#define ENDED_MAX 64

struct node;
struct proc_log;
struct process;
struct request;

/* Takes the log over from a process that has ended; nothing if it has none. */
void ended_keep(struct process *process);
void ended_forget(struct node *node, int dcid, int p_nr);
/* The DC is removed: what its processes wrote is not for the one that has its number next. */
void ended_forget_dc(struct node *node, int dcid);
/* Sends it and true, or false: nothing of that slot is kept here. The request is not ended. */
bool ended_send(struct request *request, int dcid, int p_nr);

/* What is kept, the newest first, for a daemon that executes itself anew; and its way back. */
typedef void ended_walk_fn(void *ctx, int dcid, int p_nr, const struct proc_log *log);
void ended_walk(struct node *node, ended_walk_fn *fn, void *ctx);
int ended_adopt(struct node *node, int dcid, int p_nr,
		struct proc_log *log); /* takes log; in order */

#endif
