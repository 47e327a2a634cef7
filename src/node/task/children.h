/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_CHILDREN_H
#define DVS_NODE_TASK_CHILDREN_H

/*
 * The processes that came from a process of this node and live, for `dvs ps`: those in its control group, or, where
 * there are none, in its session. For that all processes of the machine are looked at, by a thread without the node
 * lock.
 */

#include <stdbool.h>

struct ctl_proc_row;
struct request;
struct task;

/* Before the first row. True: `again` is called when all is known that the rows need. */
bool children_look(struct request *request, void (*again)(struct request *));
/* Of a task or NULL; "not known" where it was not started here, or is elsewhere. */
void children_fill(const struct request *request, const struct task *task,
		   struct ctl_proc_row *row);
/* After the last row; the request calls it when it is freed. */
void children_end(struct request *request);

#endif
