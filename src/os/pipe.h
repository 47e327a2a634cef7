/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_PIPE_H
#define DVS_OS_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Pipes. Errors are negative errnos. */

/* ends[0] reads, ends[1] writes; both are the caller's, close-on-exec, and block. 0. */
int os_pipe_new(int ends[2]);

/* How many bytes there is room for; of either end. Setting it gives that much or more. 0. */
int os_pipe_capacity(int fd);
int os_pipe_set_capacity(int fd, uint32_t bytes);

/* How many bytes can be read now. */
int os_pipe_bytes(int reader);

/* Whether the other end is closed everywhere. */
bool os_pipe_is_alone(int fd);

/*
 * Whether anybody can write to it, as far as a reader can tell: one that was opened before any writer came is not told
 * that there is none while something is in the pipe.
 */
bool os_pipe_has_writer(int reader);

/* Copies what is in a pipe into another, empty one that has room; it stays in the first. How many bytes. */
ssize_t os_pipe_copy(int reader, int writer, size_t bytes);

/* One piece, which is one packet if the writer writes packets (OS_OPEN_DIRECT). How many bytes. */
ssize_t os_pipe_read(int reader, void *to, size_t bytes);
ssize_t os_pipe_write(int writer, const void *from, size_t bytes);

#endif
