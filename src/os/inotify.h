/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INOTIFY_H
#define DVS_OS_INOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Watches of files (inotify), as the kernel shows those of another process, and made anew. Errors are -errno. */

#define OS_INOTIFY_HANDLE_BYTES 128

struct os_inotify_watch {
	int number;
	uint32_t mask;
	uint64_t inode;
	uint32_t device_major, device_minor; /* of the file system, as in mountinfo */
	int32_t handle_type;
	uint32_t handle_bytes; /* 0: the file system gives none */
	uint8_t handle[OS_INOTIFY_HANDLE_BYTES];
};

/* The watch of the next line "inotify" of an fdinfo, *at moves on. 1; 0: there is none; -EPROTO: it makes no sense. */
int os_inotify_next(const char **at, struct os_inotify_watch *watch);

/*
 * The watched file, which opens nothing (OS_OPEN_PATH), and is the caller's. fd is open for reading, anything on its
 * file system. -EOPNOTSUPP without a handle, -ESTALE if it is not there.
 */
int os_inotify_open(const struct os_inotify_watch *watch, int fd);

int os_inotify_new(void);

/* How many bytes of events wait to be read. */
int os_inotify_bytes(int fd);

/*
 * Watches the file of `object`, with this number, which is greater than all before; the watch tells nothing yet.
 * *next is the number that the kernel gives next, 1 at first. -ERANGE: another number was given.
 */
int os_inotify_add(int fd, int object, int number, int *next);

/* From now on it tells of these events. The file has a watch. */
int os_inotify_set(int fd, int object, uint32_t mask);

#endif
