/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_POSIX_QUEUE_H
#define DVS_OS_POSIX_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * POSIX message queues. A name, "/name", is that of the IPC namespace which the calling thread is in; a descriptor is
 * one of any namespace. Nothing waits. Errors are negative errnos.
 */

/* Properties of a queue that fdinfo and the file system do not tell. */
struct os_posix_queue {
	uint32_t messages_max;
	uint32_t bytes_max; /* of one message */
	uint32_t count;	    /* of messages in it */
};

/* The file system of every queue, as os_file_system() tells it. */
#define OS_POSIX_QUEUE_SYSTEM 0x19800202ul

/* Highest priority of a message, and one more. */
#define OS_POSIX_QUEUE_PRIORITIES 32768u

/* A new, empty one, which is open for both: a descriptor that the caller owns. -EEXIST: the name is taken. */
int os_posix_queue_new(const char *name, uint32_t messages_max, uint32_t bytes_max);
/* To be looked at: a descriptor that the caller owns. */
int os_posix_queue_open(const char *name);
int os_posix_queue_remove(const char *name);

int os_posix_queue_look(int fd, struct os_posix_queue *queue);
/* Whether a process wants to be told of the next message (mq_notify). The descriptor is open for reading. */
int os_posix_queue_notifies(int fd);

/* The next message: its bytes. -EAGAIN: there is none. `bytes` is at least bytes_max. */
ssize_t os_posix_queue_receive(int fd, void *to, size_t bytes, uint32_t *priority);
int os_posix_queue_send(int fd, const void *from, size_t bytes, uint32_t priority);

#endif
