/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_SERVICE_H
#define DVS_NODE_SERVICE_H

/*
 * The daemon as a service: it tells the manager that it is a member, that it lives and that it stops, and reads its
 * file of settings and its keys again when it is asked to (SIGHUP). Node lock held.
 */

struct node;

/* Begins to listen for SIGHUP, and to tell the watchdog that the loop turns and the lock is free. 0. */
int service_start(struct node *node);
/* The node is a member now, or again. */
void service_ready(const struct node *node);
/*
 * The node ends. A manager that hears of an end waits for that of the unit's process, and kills it after a while: it is
 * not told of one after which the same process begins anew.
 */
void service_stopping(const struct node *node);

#endif
