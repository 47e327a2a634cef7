/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_CONFINE_H
#define DVS_OS_CONFINE_H

/*
 * Rights of the kernel that a daemon and the servers beside it give up, because they do not need them. Nothing of it
 * reaches the programs that the daemon starts: they have what their user has, and may execute programs with the
 * set-user-ID bit.
 */

#include <stdbool.h>

/*
 * Keeps of the capabilities those of the table in confine.c, for this thread and the ones that it
 * starts later. A program that root executes has all of them again, as the bounding set is left
 * alone. 0 or negative errno.
 */
int os_confine_process(void);

/*
 * For a thread that reads what strangers send, and does nothing else: no capability, no new privileges, and a filter of
 * system calls. It may use the descriptors that are open, accept and make connections of TCP, sleep, and get memory. A
 * call that a program which was taken over would make (execute, trace, enter namespaces, load code) kills the daemon;
 * every other one fails with EPERM. 0, or negative errno and the thread is as it was, or without capabilities.
 */
int os_confine_thread(void);

/*
 * For a program of one thread that serves daemons on a Unix socket which it has by now: no capability, no new
 * privileges, and a filter of system calls as above, with Unix sockets in place of TCP. With opens_files it may open,
 * map and remove files, too; otherwise none. 0 or negative errno. A build with a sanitizer of addresses or threads
 * goes without the filter.
 */
int os_confine_server(bool opens_files);

#endif
