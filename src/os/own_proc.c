/* SPDX-License-Identifier: Apache-2.0 */
#include "os/own_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "os/socket.h"

int os_own_proc(void)
{
	OS_CLEANUP_FD int before = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int error;

	if (before < 0 || unshare(CLONE_NEWNS) < 0)
		return -errno;
	/* Slaves: a mount made on the node comes in, and none made here goes out. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
		return 0;
	error = errno;
	setns(before, CLONE_NEWNS);
	return -error;
}
