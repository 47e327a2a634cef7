/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_CHILD_H
#define DVS_OS_CHILD_H

/*
 * Starting programs. Errors are negative errno.
 */

#include <sys/types.h>

struct child_plan {
	char *const *argv;   /* argv[0] is the program's path */
	const char *log;     /* standard output and error are appended to this file */
	const char *env_key; /* one variable more, or NULL */
	const char *env_value;
	pid_t netns_pid; /* the network namespace of this process; 0: a new one */
	int ready_fd;	 /* descriptor kept open in the child under its own number, or -1 */
};

/*
 * Starts a child in a session of its own and in the network namespace of its plan, which waits there without having
 * executed anything. *pidp is its pid, *gop a descriptor: child_go() lets it execute, closing the
 * descriptor (also by dying) makes it end. When this returns 0 the namespace exists.
 */
int os_child_hold(const struct child_plan *plan, pid_t *pidp, int *gop);

/* Lets it execute and closes the descriptor. The error of the execution, or 0 when it runs. */
int os_child_go(int go);

/*
 * Runs a program to its end in the network namespace of process `netns_pid` (0: the caller's), with
 * `input` on its standard input; its standard output and error go to `output` (cut to its size,
 * always terminated). Returns its exit status (128 + signal if killed).
 */
int os_child_run(char *const *argv, pid_t netns_pid, const char *input, char *output, size_t size);

#endif
