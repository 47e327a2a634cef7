/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_GLANCE_H
#define DVS_MIGRATE_GLANCE_H

#include "migrate/kind.h"
#include "os/inode.h"
#include "wire/image.h"

#define GLANCE_MOST 256u /* at a time, each of which may have a descriptor here */

/* Source: the facts that the kernel tells of a descriptor, and its kind if a row that finds_alone has found it. */
struct glance {
	struct kind_seen
		seen; /* leads to the members below; the socket is closed with the glance */
	char entry[32];
	char *link, *info; /* owned */
	struct os_status status;
	struct kind_known known;
	int r; /* 0; -ENOENT: it was closed meanwhile; -ENAMETOOLONG: of the link; or another negative errno */
};

/* Those of the process that `of` tells of, which stands for all members but those of a descriptor; on several CPUs. */
void glance_take(const struct kind_seen *of, const int *number, uint32_t count,
		 struct glance *glance);
void glance_end(struct glance *glance, uint32_t count);

#endif
