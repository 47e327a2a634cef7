/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_UNIX_QUEUE_H
#define DVS_MIGRATE_UNIX_QUEUE_H

#include <stdbool.h>

#include "migrate/contents.h"
#include "os/unix_pair.h"

/*
 * The bytes or messages that can be read from a Unix socket, as contents. Bytes are any pieces. A message begins a
 * piece, with its length in four bytes before it, and goes on in the next ones: it may be empty. They
 * begin at `at` in the contents.
 */

#define UNIX_QUEUE_FILLING_BYTES (16u << 20) /* room of a sender while they are put in */

/*
 * Source: copies all of them, which stay. 0, or -E2BIG; -EBADMSG: descriptors are in it; -ENOTSUP: credentials are;
 * -EUCLEAN: an urgent byte is; other negative errno.
 */
int unix_queue_take(int fd, enum os_unix_type type, bool reads_end, struct contents *contents);

/*
 * Source: whether the sender has more on its way than those. The kernel shows an empty message only once, unless it is
 * the first. 0; -ENODATA: it has; other negative errno.
 */
int unix_queue_compare(int sender, enum os_unix_type type, const struct contents *contents,
		       uint32_t at);

/* Target: sends them. The sender has room for them. 0 or negative errno. */
int unix_queue_fill(int sender, enum os_unix_type type, const struct contents *contents,
		    uint32_t at);

/* Target: whether the contents are whole messages. */
bool unix_queue_is_whole(const struct contents *contents, uint32_t at);

#endif
