/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_UNIX_WAITING_H
#define DVS_MIGRATE_UNIX_WAITING_H

#include "migrate/restore_unix.h"

/*
 * Connections that wait in a listening Unix socket to be accepted. The end that has connected is a description
 * (UNIX_END_WAITS), and the other one is none before accept(): its queue cannot be looked at, and a connection that was
 * accepted for a look could not be put back. So one whose client has sent something, or is closed, is refused.
 */

/* Source: those that wait in a listening socket that moves learn it, and their place. 0 or a negative errno. */
int unix_waiting_meet(const struct descriptions *descriptions);

/* Source, frozen: how many of the descriptions wait in that one. */
uint32_t unix_waiting_count(const struct descriptions *descriptions, uint32_t listener);

/* Source, frozen: whether that client end (a descriptor of ours) can move, be it waiting or not: 0 or a refusal. */
int unix_waiting_check(int fd, const struct description *description, struct refusal *refusal);

/* Target: whether it waits in a listening socket of its type that has the name. */
bool unix_waiting_is_whole(const struct description *description, const struct descriptions *all,
			   const uint8_t *name);

/* Target: a descriptor, which the caller owns, that will connect; or a refusal. */
int unix_waiting_open(struct restore *restore, const struct description *description,
		      struct refusal *refusal);

/*
 * Target, all have their descriptors, and the socket has its name in its stage: those that wait in it connect, each in
 * the shell of the first process that has it, which accept() tells of. 0 or a refusal.
 */
int unix_waiting_connect(struct restore *restore, const struct description *listener,
			 struct refusal *refusal);

#endif
