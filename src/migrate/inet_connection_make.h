/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_INET_CONNECTION_MAKE_H
#define DVS_MIGRATE_INET_CONNECTION_MAKE_H

#include "migrate/descriptions.h"

/*
 * Target: an end of a connection of TCP is made of a fresh socket that has its options. Nothing here blocks; errors are
 * negative errnos.
 */

/* One that lives: it is there, with the bytes that nobody has read, and says nothing. */
int inet_connection_make(int fd, const struct descriptions *all,
			 const struct description *description);

/*
 * The move is decided: it speaks, and sends what the other end has not got. One that is over becomes so now, and one
 * that has no answer asks again.
 */
int inet_connection_decided(int fd, const struct descriptions *all,
			    const struct description *description);

#endif
