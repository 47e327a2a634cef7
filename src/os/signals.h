/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SIGNALS_H
#define DVS_OS_SIGNALS_H

/*
 * Numbers of the signals that the daemon and the commands send or await; os/pid.c compares them with the kernel's.
 */
enum os_signal {
	OS_SIGKILL = 9,
	OS_SIGTERM = 15,
	OS_SIGCHLD = 17,
	OS_SIGCONT = 18,
	OS_SIGNAL_LAST = 64
};

#endif
