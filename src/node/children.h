/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_CHILDREN_H
#define DVS_NODE_CHILDREN_H

/*
 * The processes that came from a process of this node and live, for `dvs ps`: what is in its control group,
 * or, where there are none, in its session. Node lock held from begin to end.
 */

struct ctl_proc_row;
struct node;

void children_begin(const struct node *node);
/* Of the process behind a slot; "not known" where it was not started here, or is elsewhere. */
void children_fill(const struct node *node, int dcid, int p_nr, struct ctl_proc_row *row);
void children_end(void);

#endif
