/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_UNIX_CONNECTION_H
#define DVS_MIGRATE_UNIX_CONNECTION_H

#include "migrate/restore_unix.h"
#include "os/unix_socket.h"

/*
 * Target: a connection by name. A listener for this one connection is made under the name, in a stage (os/stage.h), and
 * nothing of it is left.
 */
struct unix_connection {
	enum os_unix_type type;
	uint8_t name[OS_UNIX_NAME_BYTES];
	uint32_t name_bytes;
	struct restore_unix_maker connects, listens;
};

/* Whether it can be made under the name. */
bool unix_connection_takes(const uint8_t *name, uint32_t bytes);

/*
 * Descriptors that the caller owns: the end that connects, and the one that was accepted; -1 if it is not made. Each
 * end is made in the shell of the process that made it. 0 or a refusal.
 */
int unix_connection_make(struct restore *restore, const struct unix_connection *connection,
			 uint32_t id, int *connects, int *accepted, struct refusal *refusal);

#endif
