/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_UNIX_DATAGRAMS_H
#define DVS_MIGRATE_UNIX_DATAGRAMS_H

#include "migrate/descriptions.h"
#include "migrate/restore.h"
#include "migrate/unix_part.h"

/*
 * Unix sockets of datagrams that are not a pair: their peers, and the messages in them. A message begins a piece of the
 * contents, with a head that has its length and that of its sender's name. The name and the bytes are next, and go on
 * in the next pieces. In parts, what came with the message is before its bytes, and counts for its length.
 */

/* Source: copies all of them, which stay; with names, in parts. 0, or as unix_queue_take(). */
int unix_datagrams_take(int fd, const struct unix_queue_names *names, struct contents *contents);

/* Target: whether they are whole messages from `at` on; with `right`, in parts. */
bool unix_datagrams_are_whole(const struct contents *contents, uint32_t at,
			      bool (*right)(void *ctx, uint32_t id), void *ctx);

/*
 * Target, all sockets have their names: each message is sent by the socket of the process that has its sender's name,
 * or by one that has it for this moment; then it is connected to its peer. 0 or negative errno.
 */
int unix_datagrams_settle(struct restore *restore, const struct descriptions *all,
			  const struct description *description);

#endif
