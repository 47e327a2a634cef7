/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_BIND_WARNING_H
#define DVS_NODE_BIND_WARNING_H

/*
 * Exit warnings (contract 4.4): a DC may name a slot whose process is told when a bound process of the
 * DC ends. The one that ended cannot wait for that itself, so its daemon does it in its name: the
 * endpoint stays bound, marked MIS_KILLED, while the warning is a request in its line to the warn process; and
 * is unbound when that has answered, unbound it, or died, or when the time is over.
 *
 * All are called with the node lock held.
 */

#include <stdbool.h>

struct binding;

/* Begins one for a process that has ended. False: there is nobody to tell, and it may be unbound now. */
bool warning_begin(struct binding *binding);
/* Over, whatever became of it; the caller sees to the unbind. Harmless without one. */
void warning_cancel(struct binding *binding);
/* The same, and proposes the unbind. */
void warning_end(struct binding *binding);

#endif
