/* SPDX-License-Identifier: Apache-2.0 */
#include "os/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/socket.h"
#include "os/spawn.h"

#define NODE 31

static int folder = -1;

static void enter(const char *name, pid_t pid)
{
	char path[64], text[16];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", name);
	snprintf(text, sizeof(text), "%d", (int)pid);
	fd = openat(folder, path, O_WRONLY);
	CHECK(write(fd, text, strlen(text)) > 0);
	close(fd);
}

/* A process with a daemon of its own, which is in another session. Its pid; the daemon writes "d". */
static pid_t family(const char *name)
{
	int pair[2], told[2];
	char c;
	pid_t pid;

	CHECK(pipe(pair) == 0 && pipe(told) == 0);
	pid = fork();
	if (!pid) {
		os_close(folder); /* the lock is its daemon's alone */
		if (read(pair[0], &c, 1) != 1)
			_exit(1);
		if (!fork()) {
			setsid();
			if (!fork()) {
				c = 'd';
				if (write(told[1], &c, 1) != 1)
					_exit(1);
				for (;;)
					pause();
			}
			_exit(0);
		}
		for (;;)
			pause();
	}
	enter(name, pid);
	CHECK(write(pair[1], "g", 1) == 1);
	CHECK(read(told[0], &c, 1) == 1 && c == 'd');
	for (int i = 0; i < 2; i++) {
		close(pair[i]);
		close(told[i]);
	}
	return pid;
}

static void test_group(void)
{
	pid_t pids[8], pid;
	int fd = os_cgroup_make(folder, "0.1.2"), status, tries = 400;

	CHECK_OR_RETURN(fd >= 0);
	CHECK_EQ(os_cgroup_make(folder, "0.1.2"), -EEXIST);
	CHECK_EQ(os_cgroup_pids(folder, "0.1.2", pids, 8), 0);
	pid = family("0.1.2");
	while (os_cgroup_pids(folder, "0.1.2", pids, 8) != 2 && --tries) /* the one between ends */
		usleep(5000);
	CHECK_EQ(os_cgroup_pids(folder, "0.1.2", pids, 8), 2);
	CHECK(pids[0] == pid || pids[1] == pid);
	CHECK_EQ(os_cgroup_remove(folder, "0.1.2"), -EBUSY);
	CHECK_EQ(os_cgroup_kill(folder, "0.1.2"), 0);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	while (os_cgroup_remove(folder, "0.1.2") == -EBUSY && --tries)
		usleep(5000);
	CHECK_EQ(os_cgroup_pids(folder, "0.1.2", pids, 8), -ENOENT);
	os_close(fd);
}

/* As of a daemon that was killed: taken over, and emptied, by the next with its number. */
static void test_claim(void)
{
	int second = os_cgroup_claim(NODE), status;
	char name[OS_CGROUP_NAME_MAX], other[OS_CGROUP_NAME_MAX];
	pid_t pid;

	CHECK_EQ(os_cgroup_folder_name(folder, name, sizeof(name)), 0);
	CHECK_EQ(os_cgroup_folder_name(second, other, sizeof(other)), 0);
	CHECK(strcmp(name, other) != 0);
	CHECK(os_cgroup_release(second));
	os_close(os_cgroup_make(folder, "left"));
	pid = family("left");
	os_close(folder);
	folder = os_cgroup_claim(NODE);
	CHECK_OR_RETURN(folder >= 0);
	CHECK_EQ(os_cgroup_folder_name(folder, other, sizeof(other)), 0);
	CHECK(!strcmp(name, other));
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

static void test_sweep(void)
{
	struct stat st;
	int other = os_cgroup_claim(NODE), own;
	char name[OS_CGROUP_NAME_MAX];

	CHECK_EQ(os_cgroup_folder_name(other, name, sizeof(name)), 0);
	own = openat(folder, "..", O_RDONLY | O_DIRECTORY);
	os_close(other);
	os_cgroup_sweep();
	CHECK(fstatat(own, name, &st, 0) < 0 && errno == ENOENT);
	CHECK_EQ(os_cgroup_folder_name(folder, name, sizeof(name)), 0);
	CHECK(fstatat(own, name, &st, 0) == 0);
	CHECK(os_cgroup_release(folder));
	CHECK(fstatat(own, name, &st, 0) < 0 && errno == ENOENT);
	close(own);
}

int main(void)
{
	folder = os_cgroup_claim(NODE);
	if (folder < 0) {
		printf("ok - # skip no control groups may be made here: %s\n", strerror(-folder));
		return 77;
	}
	TEST(test_group);
	TEST(test_claim);
	TEST(test_sweep);
	return test_end();
}
