/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_BIND_ENDING_H
#define DVS_NODE_BIND_ENDING_H

/*
 * A task has ended, and its bindings end: the warn process of the DC is told, if there is one, and then
 * the order. Node lock held.
 */

#include <stdbool.h>
#include <stdint.h>

struct binding;
struct bindings;

/* The task of a binding has ended, and no move sees to it. Frees a backup, and perhaps its task. */
void ending_begin(struct binding *binding);
/*
 * A thread that ends while its process lives on. True: the warn process of its DC is told of it, and that unbinds it;
 * false: there is none, and the thread may be unbound now.
 */
bool ending_of_thread(struct binding *binding);
/* It has ended and everybody who had to know does: the order is asked to end its binding. */
void ending_propose(struct binding *binding);
/* No migration sees to it any more: if the task has ended meanwhile its endpoint is unbound now. */
void ending_on_source_over(struct bindings *bindings, int dcid, int p_nr, uint32_t generation);

#endif
