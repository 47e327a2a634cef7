/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_UNIX_DATAGRAMS_H
#define DVS_MIGRATE_UNIX_DATAGRAMS_H

#include "migrate/descriptions.h"
#include "migrate/restore.h"

/*
 * Unix sockets of datagrams that are not a pair: their peers, and the messages in them. A message begins a piece of the
 * contents, with a head that has its length and that of its sender's name. The name and the bytes are next, and go on
 * in the next pieces.
 */

/*
 * Source: copies all of them, which stay. 0, or -E2BIG; -EBADMSG: descriptors or credentials come with one; other
 * negative errno.
 */
int unix_datagrams_take(int fd, struct contents *contents);

/* Target: whether they are whole messages from `at` on. */
bool unix_datagrams_are_whole(const struct contents *contents, uint32_t at);

/*
 * Target, all sockets have their names: each message is sent by the socket of the process that has its sender's name,
 * or by one that has it for this moment; then it is connected to its peer. 0 or negative errno.
 */
int unix_datagrams_settle(struct restore *restore, const struct descriptions *all,
			  const struct description *description);

#endif
