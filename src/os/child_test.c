/* SPDX-License-Identifier: Apache-2.0 */
#include "os/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/file.h"
#include "os/netns.h"
#include "os/self.h"
#include "os/socket.h"
#include "os/task.h"

static char log_path[] = "/tmp/dvs-child-test-XXXXXX";

static void test_run(void)
{
	char *cat[] = { "cat", NULL }, *fails[] = { "sh", "-c", "echo no >&2; exit 3", NULL };
	char *none[] = { "/no/such/program", NULL }, text[16];

	CHECK_EQ(os_child_run(cat, 0, "hello", text, sizeof(text)), 0);
	CHECK(!strcmp(text, "hello"));
	CHECK_EQ(os_child_run(cat, 0, "0123456789012345678", text, sizeof(text)), 0);
	CHECK(!strcmp(text, "012345678901234"));
	CHECK_EQ(os_child_run(fails, 0, NULL, text, sizeof(text)), 3);
	CHECK(!strcmp(text, "no\n"));
	CHECK_EQ(os_child_run(none, 0, NULL, text, sizeof(text)), 127);
	CHECK(strstr(text, "cannot run"));
}

/* Holds a shell that says it is ready and writes a word to its log. */
static int hold_shell(int ready_fd, pid_t *pid, int *go)
{
	static char script[128];
	char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct child_plan plan = { .argv = argv,
				   .log = log_path,
				   .env_key = "DVS_TEST",
				   .env_value = "word",
				   .ready_fd = ready_fd };

	snprintf(script, sizeof(script),
		 "echo $DVS_TEST$(readlink /proc/$$/fd/50); echo x >&%d; exec sleep 100", ready_fd);
	return os_child_hold(&plan, pid, go);
}

static void test_hold_and_go(void)
{
	struct netns_id ours, its;
	char byte, text[16];
	int ready[2], go = -1;
	pid_t pid = 0;

	CHECK_EQ(os_self_pipe(ready), 0);
	CHECK_EQ(dup2(STDOUT_FILENO, 50), 50); /* descriptors of the caller stay its own */
	CHECK_OR_RETURN(hold_shell(ready[1], &pid, &go) == 0);
	os_close(50);
	os_close(ready[1]);
	CHECK_EQ(os_netns_of(0, &ours), 0);
	CHECK_EQ(os_netns_of(pid, &its), 0);
	CHECK(ours.inode != its.inode && ours.cookie != its.cookie);
	CHECK_EQ(os_read_full(ready[0], &byte, 1, 50), -ETIMEDOUT); /* it waits for us */
	CHECK_EQ(os_child_go(go), 0);
	CHECK_EQ(os_read_full(ready[0], &byte, 1, 5000), 0);
	CHECK_EQ(os_file_read(log_path, text, sizeof(text)), 5);
	CHECK(!strcmp(text, "word\n"));
	os_close(ready[0]);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* A pipe's reader sees its end as soon as we close ours: nobody else has the other one. */
static void test_inherits_nothing(void)
{
	int ready[2], other[2], go = -1;
	pid_t pid = 0;
	char byte;

	CHECK_EQ(pipe(other), 0); /* not to be closed by exec */
	CHECK_EQ(os_self_pipe(ready), 0);
	CHECK_OR_RETURN(hold_shell(ready[1], &pid, &go) == 0);
	os_close(other[1]);
	CHECK_EQ(os_child_go(go), 0);
	os_close(ready[1]);
	CHECK_EQ(os_read_full(ready[0], &byte, 1, 5000), 0);
	CHECK_EQ(os_read_full(other[0], &byte, 1, 1000), -ECONNRESET);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	os_close(other[0]);
	os_close(ready[0]);
}

static void test_forsaken(void)
{
	struct task_id child;
	int go = -1, ready[2];
	pid_t pid = 0;

	CHECK_EQ(os_self_pipe(ready), 0);
	CHECK_OR_RETURN(hold_shell(ready[1], &pid, &go) == 0);
	CHECK_EQ(os_task_of(pid, &child), 0);
	os_close(go);
	CHECK_EQ(os_task_wait_gone(&child, 5000), 0);
	os_close(ready[0]);
	os_close(ready[1]);
}

static void test_not_a_program(void)
{
	char *argv[] = { "/no/such/program", NULL };
	struct child_plan plan = { .argv = argv, .ready_fd = -1 };
	int go = -1;
	pid_t pid = 0;

	CHECK_OR_RETURN(os_child_hold(&plan, &pid, &go) == 0);
	CHECK_EQ(os_child_go(go), -ENOENT);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	CHECK_EQ(close(mkstemp(log_path)), 0);
	TEST(test_run);
	if (os_self_is_root()) {
		TEST(test_hold_and_go);
		TEST(test_inherits_nothing);
		TEST(test_forsaken);
		TEST(test_not_a_program);
	} else {
		test_skip("a network namespace needs root");
	}
	unlink(log_path);
	return test_end();
}
