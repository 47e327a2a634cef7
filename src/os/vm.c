/* SPDX-License-Identifier: Apache-2.0 */
#include "os/vm.h"

#include <errno.h>
#include <sys/uio.h>

static int finish(ssize_t done, size_t len)
{
	if (done < 0)
		return -errno;
	return (size_t)done == len ? 0 : -EFAULT;
}

int os_vm_read(pid_t pid, uint64_t addr, void *buf, size_t len)
{
	struct iovec here = { buf, len };
	struct iovec there = { (void *)(uintptr_t)addr, len };

	return len ? finish(process_vm_readv(pid, &here, 1, &there, 1, 0), len) : 0;
}

int os_vm_write(pid_t pid, uint64_t addr, const void *buf, size_t len)
{
	struct iovec here = { (void *)(uintptr_t)buf, len };
	struct iovec there = { (void *)(uintptr_t)addr, len };

	return len ? finish(process_vm_writev(pid, &here, 1, &there, 1, 0), len) : 0;
}
