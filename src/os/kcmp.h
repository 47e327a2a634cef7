/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_KCMP_H
#define DVS_OS_KCMP_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether two tasks have something of the kernel in common. The kernel compares, and shows nothing of it. */
enum os_kcmp {
	OS_KCMP_FILE,
	OS_KCMP_VM,
	OS_KCMP_FILES,
	OS_KCMP_FS,
	OS_KCMP_SIGHAND,
	OS_KCMP_IO,
	OS_KCMP_SYSVSEM,
};

/* 0: the same one; 1 or 2: two of them, in an order that lasts; negative errno. Not of OS_KCMP_FILE. */
int os_kcmp(pid_t one, pid_t other, enum os_kcmp what);

/*
 * The order of two open file descriptions, each a descriptor of its task: 0 if both are one, negative or
 * positive otherwise. One that is gone is another one.
 */
int os_kcmp_files(pid_t one, int number, pid_t other, int other_number);

/*
 * The same of a descriptor and of that which an epoll instance waits for: the item of that number, after `skip` others
 * with it in the order of fdinfo. 0; 1: another one, or none.
 */
int os_kcmp_epoll(pid_t one, int number, pid_t other, int epoll, int item, unsigned skip);

#endif
