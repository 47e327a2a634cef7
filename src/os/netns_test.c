/* SPDX-License-Identifier: Apache-2.0 */
#include "os/netns.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#define NOBODY 0x7fffffff

static void test_own(void)
{
	uint64_t inode = 0, same = 1;
	struct stat status;

	CHECK_EQ(os_netns_inode(0, &inode), 0);
	CHECK_EQ(os_netns_inode(getpid(), &same), 0);
	CHECK_EQ(inode, same);
	CHECK(stat("/proc/self/ns/net", &status) == 0 && status.st_ino == inode);
}

static void test_no_process(void)
{
	struct netns_id id;
	uint64_t inode;

	CHECK_EQ(os_netns_inode(NOBODY, &inode), -ENOENT);
	CHECK_EQ(os_netns_of(NOBODY, &id), -ENOENT);
	CHECK_EQ(os_netns_enter(NOBODY), -ENOENT);
}

static int ready[2];

/* A child in a namespace of its own, until it is ended; 0: it may have none. */
static pid_t other_namespace(void)
{
	char byte;

	CHECK_EQ(pipe(ready), 0);
	pid_t pid = fork();

	if (pid == 0) {
		if (os_netns_new() == 0 && write(ready[1], "r", 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	bool good = read(ready[0], &byte, 1) == 1;

	close(ready[0]);
	if (!good)
		waitpid(pid, NULL, 0);
	return good ? pid : 0;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The look into the other namespace leaves this thread where it was. */
static void test_other(void)
{
	struct netns_id own = { 0 }, again = { 0 }, other = { 0 }, third = { 0 };
	pid_t pid = other_namespace(), next;
	uint64_t inode = 0;

	if (!pid) {
		test_skip("needs a network namespace of its own");
		return;
	}
	CHECK_EQ(os_netns_of(0, &own), 0);
	CHECK_EQ(os_netns_of(pid, &other), 0);
	CHECK_EQ(os_netns_of(0, &again), 0);
	CHECK(own.inode == again.inode && own.cookie == again.cookie && own.cookie);
	CHECK(other.inode != own.inode && other.cookie != own.cookie);
	CHECK_EQ(os_netns_inode(pid, &inode), 0);
	CHECK_EQ(inode, other.inode);
	next = other_namespace();
	CHECK_EQ(os_netns_of(next, &third), 0);
	CHECK(third.cookie != other.cookie && third.cookie != own.cookie);
	CHECK_EQ(os_netns_enter(pid), 0);
	CHECK_EQ(os_netns_of(0, &again), 0);
	CHECK(again.inode == other.inode && again.cookie == other.cookie);
	CHECK_EQ(os_netns_enter(getppid()), 0); /* back: the parent has not moved */
	CHECK_EQ(os_netns_of(0, &again), 0);
	CHECK_EQ(again.cookie, own.cookie);
	stop(pid);
	stop(next);
}

/* Without the right nothing is entered, and the caller stays. */
static void test_without_rights(void)
{
	struct netns_id id;
	uint64_t before = 0, after = 1;

	if (geteuid() == 0)
		return;
	CHECK_EQ(os_netns_inode(0, &before), 0);
	CHECK_EQ(os_netns_of(getpid(), &id), -EPERM);
	CHECK_EQ(os_netns_new(), -EPERM);
	CHECK_EQ(os_netns_inode(0, &after), 0);
	CHECK_EQ(before, after);
}

int main(void)
{
	TEST(test_own);
	TEST(test_no_process);
	TEST(test_other);
	TEST(test_without_rights);
	return test_end();
}
