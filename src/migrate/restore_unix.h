/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_RESTORE_UNIX_H
#define DVS_MIGRATE_RESTORE_UNIX_H

#include "migrate/restore.h"
#include "os/unix_pair.h"

/*
 * Unix sockets are made in the shell, so that they tell others of the process and of the rights that it had then. A
 * number is the shell's until restore_unix_close(). All return 0 or a refusal.
 */
struct restore_unix_maker {
	uint32_t uid, gid;
	int32_t vpid; /* its number in the pid namespace */
};

/*
 * The process of the tree with this number in its pid namespace: calls can be added in its shell until
 * restore_unix_leave(), which runs those that are left if it is not the process that is restored. Refused is one that
 * does not move, or has ended.
 */
int restore_unix_shell(struct restore *restore, int32_t vpid, struct restore **shell,
		       struct refusal *refusal);
int restore_unix_leave(struct restore *restore, struct restore *shell, struct refusal *refusal);

int restore_unix_pair(struct restore *restore, enum os_unix_type type,
		      const struct restore_unix_maker *maker, int number[2],
		      struct refusal *refusal);
int restore_unix_socket(struct restore *restore, enum os_unix_type type, int *number,
			struct refusal *refusal);
int restore_unix_listen(struct restore *restore, int number, uint32_t backlog,
			const struct restore_unix_maker *maker, struct refusal *refusal);
/* A new socket that connects to the name (OS_UNIX_NAME_BYTES at most), and its other end, which the listener has. */
int restore_unix_connect(struct restore *restore, enum os_unix_type type, const void *name,
			 uint32_t bytes, const struct restore_unix_maker *maker, int *number,
			 struct refusal *refusal);
/* The same of a socket that the shell has already. */
int restore_unix_connect_to(struct restore *restore, int number, const void *name, uint32_t bytes,
			    const struct restore_unix_maker *maker, struct refusal *refusal);
int restore_unix_accept(struct restore *restore, int listener, int *number,
			struct refusal *refusal);
/* The file that a socket is bound to, as O_PATH opens it. */
int restore_unix_find(struct restore *restore, const char *path, int *number,
		      struct refusal *refusal);

/* Adds the call. */
void restore_unix_close(struct restore *restore, int number);

#endif
