/* SPDX-License-Identifier: Apache-2.0 */
#include "os/own_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "os/socket.h"

/*
 * Whether the caller has another root than that of its mount namespace, which is new. Paths that /proc tells of
 * its processes would then begin outside of the part that the node sees. root: "/", opened in the old namespace.
 */
static bool has_changed_root(int root)
{
	char link[64], path[8];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", root);
	length = readlink(link, path, sizeof(path));
	return length != 1 || path[0] != '/';
}

/* Back to where the caller was; a namespace is entered at its own root. */
static void undo(int before, int root)
{
	if (setns(before, CLONE_NEWNS) < 0 || fchdir(root) < 0 || chroot(".") < 0)
		_exit(1); /* rather no init than one that sees other files */
}

/*
 * Terminals with numbers of the container's own. The group has the number that Debian gives to "tty". Without it, the
 * container's are among those of the node.
 */
static void own_terminals(void)
{
	mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
	      "newinstance,ptmxmode=0666,mode=620,gid=5");
}

int os_own_proc(void)
{
	OS_CLEANUP_FD int before = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	OS_CLEANUP_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int error = EOPNOTSUPP;

	if (before < 0 || root < 0 || unshare(CLONE_NEWNS) < 0)
		return -errno;
	/* Slaves: a mount made on the node comes in, and none made here goes out. */
	if (!has_changed_root(root)) {
		if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
		    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0) {
			own_terminals();
			return 0;
		}
		error = errno;
	}
	undo(before, root);
	return -error;
}
