/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_RECOVERY_H
#define DVS_NODE_RESTART_RECOVERY_H

/*
 * A daemon that follows one that died. The state that was left to it is that of some moment before:
 * it hears first the later decisions of the order, and then sees to every endpoint of this node
 * (core/recover.h). Nobody is let in before.
 */

struct adoption;
struct bindings;
struct order;
struct tasks;

/*
 * Closes every descriptor that is not in the state: the connections, threads' files and half made things of the
 * dead.
 */
void recovery_close_others(const struct adoption *adoption);

/*
 * Hears all that was ordered since. Waits, a few seconds at most, without other threads. 0; -ESTALE: the others
 * have gone on without this node; other negative errno: the group is lost.
 */
int recovery_catch_up(struct order *order);

/* Node lock held. A command of the dead has been decided, which may be late, and nobody waits for it. */
void recovery_look(struct bindings *bindings, int dcid, int p_nr);
/* The same of all endpoints, and of operations that were not finished. */
void recovery_run(struct bindings *bindings, struct tasks *tasks);

#endif
