/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_IPC_SPACE_H
#define DVS_OS_IPC_SPACE_H

/*
 * IPC namespaces: each has System V objects and POSIX message queues of its own. Errors are negative errno.
 */

/* The namespace of the process whose directory in /proc this is: a descriptor that the caller owns. */
int os_ipc_space_open(int dir);

/*
 * The calling thread, and no other one, is in that namespace until it leaves. Returns the way back, a descriptor that
 * os_ipc_space_leave() closes; that ends the program if there is no way back.
 */
int os_ipc_space_enter(int space);
void os_ipc_space_leave(int back);

#endif
