/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SESSION_H
#define DVS_OS_SESSION_H

#include <sys/types.h>

/*
 * Kills the processes that the leader of a session, which has ended, has left in it, as /proc shows them. For process 1
 * of a pid namespace.
 */
void os_session_end(pid_t session);
/* Kills all processes that the caller may kill, but not itself: for process 1, its whole namespace. */
void os_session_end_all(void);

/* The session of a process, by the number of its leader; negative errno. */
pid_t os_session_of(pid_t pid);

#endif
