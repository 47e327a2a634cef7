/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_BIND_BACKUP_H
#define DVS_NODE_BIND_BACKUP_H

/*
 * Backups: a task of this node that stands by for an endpoint whose process (the primary) runs on
 * another one. It is an entry of this node's processes and of no directory; its next call waits,
 * because its status page says hold. A commit by hand to this node makes it the endpoint's process
 * (contract, sections 4.0.3 and 6.3). When the endpoint ends, or a process of it comes here by another
 * way, the backup is unbound: its call returns EDVSNOTBIND, and it may bind itself anew.
 *
 * All are called with the node lock held.
 */

#include "dvk.h"

struct directory_effect;
struct binding;
struct bindings;
struct refusal;
struct request;
struct task;

/* The backup of this slot on this node, or NULL. At most one. */
struct binding *backup_find(const struct bindings *bindings, int dcid, int p_nr);

/*
 * May a task of this node become the backup of slot p_nr, primary on node `primary`? 0 or the error
 * with its sentence: EDVSNOTBIND no primary, EDVSNONODE it runs elsewhere, EDVSSLOTUSED it runs here or
 * there is a backup.
 */
int backup_check(struct bindings *bindings, int dcid, int p_nr, int primary, struct refusal *why);
/* Makes a task one. 0 or negative errno. */
int backup_begin(struct task *task, int dcid, int p_nr, struct binding **bindingp);
/* Makes an arrival one, whose pages the process has mapped already: it came out of a file. The slot is checked. */
void backup_of_arrival(struct binding *binding);
/* It is none any more; its calls give EDVSNOTBIND. Its task is forgotten if it may be. */
void backup_end(struct binding *binding);

/* The row of the slot in this node's table. */
void backup_row(const struct binding *binding, proc_usr_t *row);

/* Effects of the order. */
void backup_on_committed(struct bindings *bindings, const struct directory_effect *effect);
void backup_on_dead(struct bindings *bindings, const struct directory_effect *effect);

#endif
