/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SIGNALS_H
#define DVS_OS_SIGNALS_H

/*
 * Numbers of the signals that the daemon, the commands and the engine of moves send or await; os/pid.c and os/trace.c
 * compare them with the kernel's.
 */
enum os_signal {
	OS_SIGHUP = 1,
	OS_SIGTRAP = 5,
	OS_SIGKILL = 9,
	OS_SIGTERM = 15,
	OS_SIGCHLD = 17,
	OS_SIGCONT = 18,
	OS_SIGSTOP = 19,
	OS_SIGNAL_LAST = 64
};

/* The bit of a signal in a set of them, as /proc and ptrace show it. */
#define OS_SIGNAL_BIT(number) (1ull << ((number)-1))

#endif
