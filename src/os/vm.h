/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_VM_H
#define DVS_OS_VM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Memory of another process (process_vm_readv, process_vm_writev; needs the right to trace it). All of
 * it or an error: 0, -EFAULT when a part is not mapped or not writable, -ESRCH, -EPERM. On -EFAULT a
 * first part may have been copied.
 */
int os_vm_read(pid_t pid, uint64_t addr, void *buf, size_t len);
int os_vm_write(pid_t pid, uint64_t addr, const void *buf, size_t len);

#endif
