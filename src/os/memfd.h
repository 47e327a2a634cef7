/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_MEMFD_H
#define DVS_OS_MEMFD_H

/*
 * Pages shared with other processes. The descriptor is what is handed over; the size is sealed, so
 * that nobody who holds it can make another one's access fault by shrinking it.
 */

#include <stddef.h>
#include <sys/types.h>

/* A zeroed, sealed memfd of `bytes`, close-on-exec. The descriptor, the caller's; or negative errno. */
int os_memfd_new(const char *name, size_t bytes);

/*
 * Maps `bytes` of it, readable, writable and shared, into *addrp. A descriptor that came from
 * another process is refused with -EBADF unless its size is sealed and at least `bytes`.
 * OS_MAP_NOFORK: not there in a child after fork(). The mapping outlives the descriptor.
 */
#define OS_MAP_NOFORK 1u
int os_memfd_map(int fd, size_t bytes, unsigned flags, void **addrp);
/*
 * Reads the first bytes of a memfd that this user's programs have made with os_memfd_new(bytes); -EBADF
 * for everything else that a descriptor from another process may be. The contents are anybody's.
 */
int os_memfd_own_head(int fd, size_t bytes, void *head, size_t head_bytes);
/*
 * An empty one that is a file for others to use: not sealed yet, and executable where the kernel wants to be told so.
 * The descriptor, the caller's; or negative errno.
 */
int os_memfd_new_file(const char *name);

/* F_SEAL_*: those that it has, or negative errno; more of them: 0. */
int os_memfd_seals(int fd);
int os_memfd_add_seals(int fd, unsigned seals);

void *os_memfd_unmap(void *addr, size_t bytes); /* addr may be NULL; returns NULL */
ssize_t os_memfd_size(int fd);			/* or negative errno */

#endif
