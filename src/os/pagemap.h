/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_PAGEMAP_H
#define DVS_OS_PAGEMAP_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Which pages of another process hold something: PAGEMAP_SCAN where the kernel has it (6.7), else
 * /proc/PID/pagemap read entry by entry.
 */
enum pagemap_kind {
	PAGEMAP_FILE = 1 << 2, /* page of a file or of shared memory, not a private copy */
	PAGEMAP_PRESENT = 1 << 3,
	PAGEMAP_SWAPPED = 1 << 4,
	PAGEMAP_ZERO = 1 << 5,	/* the kernel's page of zeros */
	PAGEMAP_GUARD = 1 << 8, /* MADV_GUARD_INSTALL */
};

struct pagemap {
	int fd;
	unsigned kinds; /* those that this kernel can tell of; 0: only the old interface is there */
};

/* The page map of a process; 0 or -errno. */
int pagemap_open(struct pagemap *pagemap, pid_t pid);
void pagemap_close(struct pagemap *pagemap);

/*
 * Calls each() for the runs of pages in [start, end) that are present, swapped or guard pages, in
 * ascending order, kinds being the same within a run. Stops at the first result that is not 0 and
 * returns it, else 0 or -errno.
 */
int pagemap_each(const struct pagemap *pagemap, uint64_t start, uint64_t end,
		 int (*each)(void *ctx, uint64_t start, uint64_t end, unsigned kinds), void *ctx);

#endif
