/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_OWN_PROC_H
#define DVS_OS_OWN_PROC_H

/*
 * Gives the caller, process 1 of its pid namespace, a mount namespace in which /proc shows that pid namespace,
 * and /dev/pts terminals of its own as far as the kernel permits that. Everything else stays as it is, and mounts
 * that the node shares still appear there. The processes that the caller starts inherit it. 0, or a negative errno
 * where the kernel does not permit it, -EOPNOTSUPP where the caller has a changed root (chroot): then nothing has
 * changed for the caller.
 */
int os_own_proc(void);

#endif
