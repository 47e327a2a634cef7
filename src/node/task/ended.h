/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_ENDED_H
#define DVS_NODE_TASK_ENDED_H

/*
 * The last processes of this node that ended: how and why, for `dvs ps --all`, and what they had written, so
 * that `dvs logs` can still tell. The oldest are forgotten, with a DC all of it, and what was written
 * also when the slot is bound anew. Node lock held.
 */

#include <stdbool.h>
#include <stdint.h>

#include "wire/ctl.h"

#define ENDED_MAX      64 /* in each DC */
#define ENDED_LOGS_MAX 64 /* on the node: each may have a MiB */

struct ended;
struct os_kept;
struct tasks;
struct output;
struct task;
struct request;

/* Takes note of a task that has ended and was an endpoint, and its output over. */
void ended_keep(struct task *task);
/*
 * A node leaves, and with it what runs there: of the nodes that stay, the lowest takes note of that. Before the
 * directory is told.
 */
void ended_with_node(struct tasks *tasks, int leaving);
/* The slot has another process: the output of the earlier ones is not asked for any more. */
void ended_forget_output(struct tasks *tasks, int dcid, int p_nr);
/* A life in which nothing was executed: there is nothing to tell. */
void ended_forget_life(struct tasks *tasks, int dcid, int p_nr, uint32_t generation);
/* The DC is removed: the output of its processes is not for the DC that has its number next. */
void ended_forget_dc(struct tasks *tasks, int dcid);
/*
 * Sends what the last process that had the slot wrote, and true; or false: that is not kept here. The request is
 * not ended.
 */
bool ended_send(struct request *request, int dcid, int p_nr);

/* The kept ones, the newest first; and its way back in a daemon that executes itself anew. */
/* before: bytes that it had written on other nodes and that are not in the output. */
typedef void ended_walk_fn(void *ctx, const struct ctl_ended_row *row, const struct output *output,
			   uint64_t before);
void ended_walk(const struct tasks *tasks, ended_walk_fn *fn, void *ctx);
int ended_adopt(struct tasks *tasks, uint64_t number, const struct ctl_ended_row *row,
		struct output *output, uint64_t before); /* takes output; in order */

/* The same of each alone, of which the next daemon has to know: HANDOVER_ENDED. */
struct ended *ended_next(const struct tasks *tasks,
			 const struct ended *ended); /* NULL: the first */
const struct os_kept *ended_in_state(const struct ended *ended);
void ended_tell(const struct os_kept *in_state, ended_walk_fn *fn, void *ctx);

#endif
