/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_UNIX_ENDS_H
#define DVS_MIGRATE_UNIX_ENDS_H

#include <stdbool.h>
#include <stdint.h>

#include "migrate/descriptions.h"

/*
 * Source: descriptions of Unix sockets by inode, which the kernel's list of all Unix sockets names them by.
 */
struct unix_ends {
	struct description **end; /* owned */
	uint32_t count;
};

/* Those that are wanted. False: out of memory. */
bool unix_ends_collect(struct unix_ends *ends, const struct descriptions *descriptions,
		       bool (*is_wanted)(const struct description *description));
void unix_ends_free(struct unix_ends *ends);

/* NULL: none of them. */
struct description *unix_ends_find(const struct unix_ends *ends, uint32_t inode);

/*
 * Each socket of the machine with its peer (0: none) is told, until the peers of all of the ends are known: a list that
 * the kernel makes while other sockets come and go may lack some, so that there are up to three lists. 0, or a negative
 * errno.
 */
int unix_ends_tell(const struct unix_ends *ends, bool (*is_known)(const struct description *end),
		   int (*each)(void *ctx, uint32_t inode, uint32_t peer), void *ctx);

#endif
