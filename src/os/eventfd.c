/* SPDX-License-Identifier: Apache-2.0 */
#include "os/eventfd.h"

#include <assert.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int os_eventfd_new(bool semaphore)
{
	int fd = eventfd(0, EFD_CLOEXEC | (semaphore ? EFD_SEMAPHORE : 0));

	return fd < 0 ? -errno : fd;
}

int os_eventfd_add(int fd, uint64_t count)
{
	assert(count < UINT64_MAX);
	return count == 0 || write(fd, &count, sizeof(count)) == sizeof(count) ? 0 : -errno;
}

int os_eventfd_take(int fd, uint64_t *taken)
{
	return read(fd, taken, sizeof(*taken)) == sizeof(*taken) ? 0 : -errno;
}
