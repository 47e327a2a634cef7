/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_SUCCESSION_H
#define DVS_NODE_SUCCESSION_H

/*
 * All parts of the node, left to a successor and taken by it: which record is of which part. The rooms write and take
 * their own records; see node/restart/. Node lock held.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct adoption;
struct handover_alone;
struct handover_file;
struct node;
struct request;

/* Writes down what the node knows: the hook restarts.write. 0 or negative errno. */
int succession_write(struct node *node, const struct request *asker, int64_t asked_ns,
		     int64_t paused_ns, struct handover_file *file);
/*
 * The state that a successor needs after this daemon's death, or what has changed of it: the hook restarts.keep. As
 * handover_write_into().
 */
ssize_t succession_keep(struct node *node, bool whole, void *out, size_t room,
			struct handover_alone *alone);
/* Takes the rest, when pages, links, doors and the group are there. 0 or negative errno. */
int succession_take(struct node *node, struct adoption *from);

#endif
