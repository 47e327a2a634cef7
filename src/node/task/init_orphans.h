/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_INIT_ORPHANS_H
#define DVS_NODE_TASK_INIT_ORPHANS_H

/*
 * Processes that a program leaves behind when it ends, on the init's side. The processes that the init starts are its
 * *leaders*: each has a session of its own, which its descendants inherit. When a leader ends, what is left of its
 * session ends with it. A descendant that made another session cannot be told from those of other leaders: it ends
 * with the last leader of the DC on this node, or with the init.
 */

/* The init has started vpid. */
void init_orphans_leader(int vpid);
/* vpid has ended and has not been reaped yet, so that its number still names its session only. */
void init_orphans_end(int vpid);

#endif
