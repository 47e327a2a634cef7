/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_KEEPER_H
#define DVS_OS_KEEPER_H

/*
 * A daemon in two processes, of which one does nothing. The keeper is the process that was started; it makes the
 * daemon as its child, with which it shares the table of descriptors. So the death of the daemon closes nothing:
 * pages, sockets, pipes and pidfds stay open in the keeper under the same numbers, and the next daemon, another
 * child of the keeper, has them all.
 *
 *	keeper ---clone(CLONE_FILES)---> daemon ---clone(CLONE_PARENT)---> what shall outlive it (os/spawn.h)
 *	   |  <------- a page: the state's descriptor, a program to become ------|
 *	   |  <------- dies
 *	   |------clone(CLONE_FILES)---> next daemon
 *
 * What the daemon starts with os_spawn_self() is a child of the keeper. The kernel kills all of them when the keeper
 * dies. The keeper has one thread and waits for signals: SIGTERM and SIGHUP are passed on to the daemon, the
 * others that can be are ignored (os_self_keep_running()).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct os_keeper_end {
	int signo;	 /* that killed the daemon, or 0: it has ended by itself */
	bool left_state; /* os_keeper_leave_state() */
	bool is_stopping;
};

/* Whether another daemon follows; else the keeper ends with the daemon's status. */
typedef bool os_keeper_another_fn(void *ctx, const struct os_keeper_end *end);

/*
 * By a program's only thread. Returns 0 in the daemon and in each one that follows; the keeper
 * itself never returns. *state_fd: the state that the daemon before has left, or -1. predecessor:
 * the daemon of the program that this keeper was before os_keeper_become(), which is ended first;
 * or 0. SIGTERM, SIGHUP, SIGCHLD and SIGUSR1 are blocked in the daemon. Negative errno: there is
 * one process as before.
 */
int os_keeper_split(pid_t predecessor, os_keeper_another_fn *another, void *ctx, int *state_fd);

/*
 * Before the split: a daemon that a signal has stopped is killed after so many seconds, in which the keeper
 * itself was not stopped; 0, as before the first call: never. One that a debugger holds is not stopped.
 */
void os_keeper_end_stopped(unsigned seconds);

/* Of the daemon. 0: this process has no keeper. */
pid_t os_keeper_pid(void);

/* For tests: the death of the keeper, which is the node's. Nothing without one. */
void os_keeper_kill(void);

/*
 * The next daemon, should this one die, begins with the state in this descriptor; -1: none follows.
 * At once.
 */
void os_keeper_leave_state(int fd);

/*
 * The keeper becomes another program with the descriptors that do not close on exec. It finds the number of this
 * daemon, which it has to end, behind the words as "--after NUMBER". Waits for that end, and returns only on
 * failure: negative errno, everything as it was.
 */
int os_keeper_become(const char *path, char *const *argv);

#endif
