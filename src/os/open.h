/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_OPEN_H
#define DVS_OS_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Opening and reading files by folder and name. The flags have the kernel's numbers, which an image carries as
 * well; os/open.c compares them. Every descriptor is the caller's and close-on-exec; errors are negative errnos.
 */
enum os_open_flag {
	OS_OPEN_READ = 0,
	OS_OPEN_WRITE = 01,
	OS_OPEN_BOTH = 02,
	OS_OPEN_ACCESS = 03, /* mask of the three above */
	OS_OPEN_CREATE = 0100,
	OS_OPEN_EXCLUSIVE = 0200,
	OS_OPEN_NO_TERMINAL = 0400,
	OS_OPEN_TRUNCATE = 01000,
	OS_OPEN_APPEND = 02000,
	OS_OPEN_NONBLOCK = 04000,
	OS_OPEN_ASYNC = 020000,
	OS_OPEN_DIRECT = 040000,
	OS_OPEN_LARGE = 0100000, /* which the library has as 0 */
	OS_OPEN_FOLDER = 0200000,
	OS_OPEN_NO_LINK = 0400000,
	OS_OPEN_CLOEXEC = 02000000,
	OS_OPEN_PATH = 010000000,
	OS_OPEN_NAMELESS = 020000000, /* O_TMPFILE is this and OS_OPEN_FOLDER */
};

#define OS_FOLDER_CURRENT (-100) /* in place of a folder's descriptor */

int os_open_at(int folder, const char *name, unsigned flags);

/* As a process with this root directory opens the path, links included. */
int os_open_below(int root, const char *path, unsigned flags);

/* Opens the file of fd once more; OS_OPEN_PATH is enough for fd. */
int os_open_again(int fd, unsigned flags);

/* Changes OS_OPEN_APPEND, NONBLOCK, DIRECT and ASYNC to their state in the flags. 0. */
int os_open_set_flags(int fd, unsigned flags);

/* The state and access flags that it was opened with or was set to, or -errno. */
int os_open_flags(int fd);

/* The task that gets signals of a description's events; with the kernel's numbers. */
enum os_open_owner_type {
	OS_OPEN_OWNER_THREAD,
	OS_OPEN_OWNER_PROCESS,
	OS_OPEN_OWNER_GROUP,
};
struct os_open_owner {
	enum os_open_owner_type type;
	pid_t pid;  /* here; 0: nobody */
	int signal; /* 0: SIGIO */
};
int os_open_owner(int fd, struct os_open_owner *owner);
/* The signal stays. */
int os_open_set_owner(int fd, const struct os_open_owner *owner);

/* Whether a process is told of its events by signals (F_SETOWN, F_NOTIFY). */
bool os_open_has_owner(int fd);

/* How many bytes were read or written: fewer than asked for at the end of the file. */
ssize_t os_read_at(int fd, void *to, size_t bytes, uint64_t position);
ssize_t os_write_at(int fd, const void *from, size_t bytes, uint64_t position);

/* Sets the position. 0. */
int os_seek(int fd, int64_t position);

/* The next range with data from `at` on: [*start, *end), at most to `limit`. 1; 0: there is none. */
int os_seek_data(int fd, uint64_t at, uint64_t limit, uint64_t *start, uint64_t *end);

#endif
