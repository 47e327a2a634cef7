/* SPDX-License-Identifier: Apache-2.0 */
#include "os/ipc_space.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

int os_ipc_space_open(int dir)
{
	int fd = openat(dir, "ns/ipc", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int os_ipc_space_enter(int space)
{
	int back = open("/proc/thread-self/ns/ipc", O_RDONLY | O_CLOEXEC);

	assert(space >= 0);
	if (back < 0)
		return -errno;
	if (setns(space, CLONE_NEWIPC) == 0)
		return back;
	int error = errno;

	close(back);
	return -error;
}

void os_ipc_space_leave(int back)
{
	assert(back >= 0);
	/* The next acts of this thread are meant for another namespace. */
	if (setns(back, CLONE_NEWIPC) < 0)
		abort();
	close(back);
}
