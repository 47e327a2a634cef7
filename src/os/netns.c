/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/netns.h"

static int netns_open(pid_t pid)
{
	char path[48];
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	else
		snprintf(path, sizeof(path), "/proc/self/ns/net");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int os_netns_inode(pid_t pid, uint64_t *inode)
{
	char path[48];
	struct stat st;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	else
		snprintf(path, sizeof(path), "/proc/self/ns/net");
	if (stat(path, &st) < 0)
		return -errno;
	*inode = st.st_ino;
	return 0;
}

static int cookie_here(uint64_t *cookie)
{
	socklen_t len = sizeof(*cookie);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &len) < 0)
		r = -errno;
	close(fd);
	return r;
}

int os_netns_of(pid_t pid, struct netns_id *id)
{
	struct stat st;
	int r, fd, back;

	fd = netns_open(pid);
	if (fd < 0)
		return fd;
	back = netns_open(0);
	if (back < 0) {
		r = back;
		goto close_fd;
	}
	r = fstat(fd, &st) < 0 || setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
	if (r)
		goto close_back;
	id->inode = st.st_ino;
	r = cookie_here(&id->cookie);
	if (setns(back, CLONE_NEWNET) < 0)
		r = -errno;
close_back:
	close(back);
close_fd:
	close(fd);
	return r;
}

int os_netns_enter(pid_t pid)
{
	int fd = netns_open(pid), r = 0;

	if (fd < 0)
		return fd;
	if (setns(fd, CLONE_NEWNET) < 0)
		r = -errno;
	close(fd);
	return r;
}

int os_netns_new(void)
{
	return unshare(CLONE_NEWNET) < 0 ? -errno : 0;
}
