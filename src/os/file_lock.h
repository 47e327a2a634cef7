/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_FILE_LOCK_H
#define DVS_OS_FILE_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Locks of files as the kernel shows them: in /proc/locks all of the machine that have a process in the reader's pid
 * namespace, in the fdinfo of a descriptor those that were taken by its description.
 */
enum os_file_lock_owner {
	OS_FILE_LOCK_PROCESS = 1,     /* F_SETLK */
	OS_FILE_LOCK_DESCRIPTION,     /* F_OFD_SETLK */
	OS_FILE_LOCK_DESCRIPTION_ALL, /* flock() */
	OS_FILE_LOCK_LEASE,	      /* F_SETLEASE */
};

struct os_file_lock {
	enum os_file_lock_owner owner;
	bool exclusive;
	bool waits;	  /* it is not held: its owner waits for it */
	bool is_breaking; /* a lease that another process wants to end */
	pid_t pid;	  /* here; 0 or less: not known */
	char object[48];  /* "08:01:1234": the file, in both places alike */
	uint64_t start;
	uint64_t length; /* 0: to the end of the file, however long it becomes */
};

/* One line, in fdinfo what follows "lock:". False: no lock of these kinds. */
bool os_file_lock_parse(const char *line, struct os_file_lock *lock);

/* The lock of the next line "lock:" of an fdinfo, *at moves on. 1; 0: there is none; -EPROTO: another kind of lock. */
int os_file_lock_next(const char **at, struct os_file_lock *lock);

/*
 * Whether another owner waits for a part of the lock, by a text of /proc/locks. moves(ctx, pid) tells of processes
 * that do not count. The process, or -1: it is not known which; 0: nobody.
 */
pid_t os_file_lock_awaited(const char *all, const struct os_file_lock *lock,
			   bool (*moves)(const void *ctx, pid_t pid), const void *ctx);

#endif
