/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_UNIX_EXTRAS_H
#define DVS_MIGRATE_UNIX_EXTRAS_H

#include "migrate/kind.h"
#include "migrate/restore.h"
#include "migrate/unix_queue.h"

/*
 * Descriptors and credentials that come with messages in Unix sockets: senders are members of the tree, and descriptors
 * are its descriptions.
 */

/* Source. The frozen process outlives them. */
struct unix_queue_names unix_extras_names(const struct kind_frozen *frozen);

/* Target: whether a message may pass the description with this id. ctx: all of them. */
bool unix_extras_may_pass(void *ctx, uint32_t id);

/* Target, at work in that shell. */
struct unix_queue_hands unix_extras_hands(struct restore *restore);

#endif
