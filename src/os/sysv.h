/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SYSV_H
#define DVS_OS_SYSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * System V objects of the IPC namespace that the calling thread is in (os/ipc_space.h). They are named by their
 * numbers, one row of numbers for each kind. Errors are negative errno.
 */
enum os_sysv {
	OS_SYSV_MEMORY,
	OS_SYSV_SEMAPHORES,
	OS_SYSV_QUEUE,
	OS_SYSV_KINDS,
};

struct os_sysv_object {
	enum os_sysv kind;
	int32_t id, key;
	uint32_t mode; /* rights */
	uint32_t uid, gid, cuid, cgid;
	uint64_t bytes; /* of memory; or what may be in a queue */
	uint32_t count; /* of semaphores */
};

/* How many of them there are; -ENOSYS: the kernel has none. */
int os_sysv_there(enum os_sysv kind);

/* With exactly this number: -EEXIST if that or the key is taken. */
int os_sysv_make(const struct os_sysv_object *object);
int os_sysv_remove(enum os_sysv kind, int32_t id);
int os_sysv_lock(int32_t id); /* memory (SHM_LOCK) */

/* How much may be in the queue. */
int os_sysv_queue_bytes(int32_t id, uint64_t *bytes);

/* The memory as a file, which does not count as attached: a descriptor that the caller owns. */
int os_sysv_open_memory(int32_t id, uint64_t bytes);

/* Of all semaphores of a set. Setting them with is_used also notes that an operation was done on them. */
int os_sysv_values(int32_t id, uint16_t *values);
int os_sysv_set_values(int32_t id, const uint16_t *values, bool is_used);

/* The process that changed this semaphore last, as the caller sees it, or 0. */
pid_t os_sysv_changed_by(int32_t id, uint32_t index);

/* The message with this index, which stays where it is: its length; -ENOMSG: there are no more. */
ssize_t os_sysv_peek(int32_t id, uint32_t index, int64_t *type, void *text, size_t bytes);
int os_sysv_send(int32_t id, int64_t type, const void *text, size_t bytes);

#endif
