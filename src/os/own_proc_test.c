/* SPDX-License-Identifier: Apache-2.0 */
/* The init of a new pid namespace asks for a /proc of its own; its exit status says whether it found that. */
#include "os/own_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#define CANNOT 77

static char folder[] = "/tmp/dvs-own-proc-XXXXXX";

/* The number that /proc has for the caller. */
static long number_in_proc(void)
{
	char text[16] = "";

	return readlink("/proc/self", text, sizeof(text) - 1) > 0 ? strtol(text, NULL, 10) : -1;
}

static uint64_t inode_of(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? status.st_ino : 0;
}

/* Whether the machine has terminals, and whether the first new one has the first number. */
static bool has_terminals(void)
{
	return access("/dev/pts/ptmx", F_OK) == 0;
}

static bool has_first_terminal(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	const char *name = fd < 0 ? NULL : ptsname(fd);
	bool first = name && strcmp(name, "/dev/pts/0") == 0 && grantpt(fd) == 0 &&
		     unlockpt(fd) == 0 && access(name, R_OK) == 0;

	close(fd);
	return first;
}

/* It sees itself as process 1, and the same files as before. */
static int look(void)
{
	uint64_t root = inode_of("/"), mounts = inode_of("/proc/self/ns/mnt");

	if (number_in_proc() == 1)
		return 1; /* that of the parent's namespace, as yet */
	int r = os_own_proc();

	if (r == -EPERM || r == -EOPNOTSUPP)
		return CANNOT;
	if (r)
		return 2;
	if (number_in_proc() != 1 || access("/proc/1/status", R_OK))
		return 3;
	if (inode_of("/") != root)
		return 4;
	if (has_terminals() && !has_first_terminal())
		return 6;
	return inode_of("/proc/self/ns/mnt") != mounts ? 0 : 5;
}

/* With a changed root: nothing changes, neither the root nor the namespace. */
static int look_from_changed_root(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("/", folder, NULL, MS_BIND | MS_REC, NULL) || chroot(folder) || chdir("/"))
		return CANNOT;
	uint64_t root = inode_of("/"), mounts = inode_of("/proc/self/ns/mnt");
	long number = number_in_proc();

	if (os_own_proc() != -EOPNOTSUPP)
		return 1;
	if (number_in_proc() != number || inode_of("/proc/self/ns/mnt") != mounts)
		return 2;
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char link[64], path[64] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (inode_of("/") != root || readlink(link, path, sizeof(path) - 1) < 0)
		return 3;
	return access("/proc/self/status", R_OK) == 0 ? 0 : 4;
}

/* In a new pid namespace, as its init; the answer is its exit status. */
static int as_init(int (*what)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWPID))
			_exit(CANNOT);
		pid_t init = fork();

		if (init == 0)
			_exit(what());
		waitpid(init, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check(int r)
{
	if (r == CANNOT)
		test_skip("needs namespaces of its own");
	else
		CHECK_EQ(r, 0);
}

static void test_own(void)
{
	long number = number_in_proc();

	check(as_init(look));
	CHECK_EQ(number_in_proc(), number); /* nothing went out */
}

static void test_changed_root(void)
{
	CHECK_OR_RETURN(mkdtemp(folder));
	check(as_init(look_from_changed_root));
	CHECK_EQ(rmdir(folder), 0);
}

/* Without the right. */
static void test_refused(void)
{
	uint64_t mounts = inode_of("/proc/self/ns/mnt");

	if (geteuid() == 0)
		return;
	CHECK_EQ(os_own_proc(), -EPERM);
	CHECK_EQ(inode_of("/proc/self/ns/mnt"), mounts);
}

int main(void)
{
	TEST(test_own);
	TEST(test_changed_root);
	TEST(test_refused);
	return test_end();
}
