/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_UNIX_QUEUE_H
#define DVS_MIGRATE_UNIX_QUEUE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/refusal.h"
#include "migrate/contents.h"
#include "migrate/unix_part.h"
#include "os/unix_pair.h"

/*
 * The bytes or messages that can be read from a Unix socket, as contents. Bytes are any pieces. A message begins a
 * piece, with its length in four bytes before it, and goes on in the next ones: it may be empty. They
 * begin at `at` in the contents.
 *
 * In parts, bytes are messages, too, and each begins with its sender and descriptions (migrate/unix_part.h).
 */

#define UNIX_QUEUE_FILLING_BYTES (16u << 20) /* room of a sender while they are put in */

/*
 * Source: copies all of them, which stay; with names, in parts. 0, or -E2BIG; -EBADMSG: something else comes with a
 * message; -ENOTSUP: its sender does not move; -ENOLINK: a descriptor in
 * it is not open in a process that moves; -EUCLEAN: an urgent byte is in it; other negative errno.
 */
int unix_queue_take(int fd, enum os_unix_type type, bool reads_end,
		    const struct unix_queue_names *names, struct contents *contents);

/* Source: why the queue of that descriptor cannot move, by the result of taking or comparing. */
int unix_queue_refuse(int number, int r, struct refusal *refusal);

/* Source: duplicates of the descriptors in it. `each` owns one for which it returns 0. 0 or negative errno. */
int unix_queue_rights(int fd, enum os_unix_type type, int (*each)(void *ctx, int fd), void *ctx);

/*
 * Source: whether the sender has more on its way than those. The kernel shows an empty message only once, unless it is
 * the first. 0; -ENODATA: it has; other negative errno.
 */
int unix_queue_compare(int sender, enum os_unix_type type, bool in_parts,
		       const struct contents *contents, uint32_t at);

/* Target: sends them; with hands, those in parts. The sender has room for them. 0 or negative errno. */
int unix_queue_fill(int sender, enum os_unix_type type, const struct unix_queue_hands *hands,
		    const struct contents *contents, uint32_t at);

/* Target: whether they are whole messages; with `right`, which tells if a description may be passed, in parts. */
bool unix_queue_is_whole(const struct contents *contents, uint32_t at,
			 bool (*right)(void *ctx, uint32_t id), void *ctx);

#endif
