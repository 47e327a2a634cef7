/* SPDX-License-Identifier: Apache-2.0 */
#include "os/ipc_space.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#define KEY 0x44560001

static pid_t start(int ready)
{
	pid_t pid = fork();

	if (pid == 0) {
		char byte = unshare(CLONE_NEWIPC) == 0 ? 'y' : 'n';

		if (write(ready, &byte, 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	return pid;
}

/* An object that is made in there is not seen out here, and is there again the next time. */
static void test_enter(void)
{
	char name[32], byte = 0;
	int ready[2];

	CHECK_EQ(pipe(ready), 0);
	pid_t pid = start(ready[1]);

	CHECK_EQ(read(ready[0], &byte, 1), 1);
	snprintf(name, sizeof(name), "/proc/%d", (int)pid);
	int dir = open(name, O_PATH | O_DIRECTORY);
	int space = os_ipc_space_open(dir);
	int back = byte == 'y' && space >= 0 ? os_ipc_space_enter(space) : -EPERM;

	if (back < 0) {
		test_skip("a child cannot have an IPC namespace of its own here");
	} else {
		int id = shmget(KEY, 1, IPC_CREAT | IPC_EXCL | 0600);

		CHECK(id >= 0);
		os_ipc_space_leave(back);
		CHECK(shmget(KEY, 1, 0) < 0 && errno == ENOENT);
		back = os_ipc_space_enter(space);
		CHECK(back >= 0);
		CHECK_EQ(shmget(KEY, 1, 0), id);
		os_ipc_space_leave(back);
	}
	close(space);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_EQ(os_ipc_space_open(dir), -ESRCH);
	close(dir);
	close(ready[0]);
	close(ready[1]);
}

int main(void)
{
	TEST_OF_THREADS(test_enter);
	return test_end();
}
