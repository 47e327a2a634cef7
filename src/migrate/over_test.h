/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_OVER_TEST_H
#define DVS_MIGRATE_OVER_TEST_H

/* For tests: a connection over a descriptor, which stays the caller's. The last few of them stay. */

#include "os/secure.h"
#include "os/socket.h"

#define OVER_KEPT 4

static inline struct secure *over(int fd)
{
	static struct secure *kept[OVER_KEPT];
	static unsigned next;
	struct secure **place = &kept[next++ % OVER_KEPT];

	secure_free(*place);
	*place = secure_plain(os_dup(fd));
	return *place;
}

#endif
