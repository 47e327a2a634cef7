// SPDX-License-Identifier: Apache-2.0
#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"
#include "os/reap.h"
#include "os/loop.h"
#include "os/socket.h"

static char *no_env[] = { NULL };

static struct os_spawn plan_of(char *const *argv)
{
	return (struct os_spawn){ .argv = argv,
				  .envp = no_env,
				  .cwd = "/",
				  .umask = 022,
				  .uid = geteuid(),
				  .gid = getegid(),
				  .fds = { -1, -1, -1 },
				  .fd_count = 3 };
}

/* The next child to end, its status in *status; 0: none in time. */
static pid_t wait_next(int *status)
{
	pid_t pid;

	for (int i = 0; i < 500; i++) {
		if (!os_reap_peek(&pid, status)) {
			os_reap(pid);
			return pid;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return 0;
}

static void test_hold_and_go(void)
{
	char *argv[] = { "sh", "-c", "echo $0 $PWD; exit 9", "x", NULL };
	struct os_spawn plan = plan_of(argv);
	struct os_spawned s;
	enum os_spawn_step step;
	char text[64] = "";
	int fds[2], status = 0;
	pid_t pid;

	CHECK_OR_RETURN(!pipe2(fds, O_CLOEXEC));
	plan.fds[1] = fds[1];
	CHECK_EQ(os_spawn_hold(&plan, 2000, &s, &step), 0);
	os_close(fds[1]);
	CHECK_EQ(getsid(s.pid), s.pid);
	CHECK_EQ(os_poll(fds[0], OS_READ, 50), -ETIMEDOUT);
	CHECK_EQ(os_reap_peek(&pid, &status), -EAGAIN);
	CHECK_EQ(os_spawn_go(s.go_fd, 2000), 0);
	CHECK_EQ(os_read_full(fds[0], text, 4, 2000), 0);
	CHECK(!strcmp(text, "x /\n"));
	CHECK_EQ(wait_next(&status), s.pid);
	CHECK_EQ(WEXITSTATUS(status), 9);
	CHECK_EQ(os_reap_peek(&pid, &status), -ECHILD);
	os_close(fds[0]);
	os_close(s.pidfd);
}

static void test_let_go_of(void)
{
	char *argv[] = { "true", NULL };
	struct os_spawn plan = plan_of(argv);
	struct os_spawned s;
	enum os_spawn_step step;
	int status = 0;

	CHECK_EQ(os_spawn_hold(&plan, 2000, &s, &step), 0);
	os_close(s.go_fd);
	CHECK_EQ(os_reap_pidfd(s.pidfd, 2000), 0);
	os_close(s.pidfd);
	CHECK_EQ(os_spawn_hold(&plan, 2000, &s, &step), 0);
	kill(s.pid, SIGKILL);
	CHECK_EQ(wait_next(&status), s.pid);
	CHECK_EQ(status, SIGKILL);
	CHECK_EQ(os_spawn_go(s.go_fd, 2000) != 0, 1);
	os_close(s.pidfd);
}

static void check_go(char *name, const char *path, int want)
{
	char *argv[] = { name, NULL }, *envp[] = { (char *)(uintptr_t)path, NULL };
	struct os_spawn plan = plan_of(argv);
	struct os_spawned s;
	enum os_spawn_step step;

	plan.envp = envp;
	CHECK_EQ(os_spawn_hold(&plan, 2000, &s, &step), 0);
	CHECK_EQ(os_spawn_go(s.go_fd, 2000), want);
	CHECK_EQ(os_reap_pidfd(s.pidfd, 2000), 0);
	os_close(s.pidfd);
}

static void test_path(void)
{
	check_go("true", "PATH=/no such folder:/usr/bin:/bin", 0);
	check_go("true", "PATH=/etc/passwd:/bin", 0);
	check_go("true", "PATH=/no such folder", -ENOENT);
	check_go("true", "PATH=", -ENOENT);
	check_go("bin/true", "PATH=/no such folder", 0); /* relative to the working directory */
	check_go("passwd", "PATH=/etc:/tmp", -EACCES);
	check_go("", "PATH=/bin", -ENOENT);
}

static void check_step(const struct os_spawn *plan, enum os_spawn_step want, int error)
{
	struct os_spawned s;
	enum os_spawn_step step;
	pid_t pid;
	int status;

	CHECK_EQ(os_spawn_hold(plan, 2000, &s, &step), error);
	CHECK_EQ(step, want);
	CHECK(strlen(os_spawn_step_text(step)) > 5);
	CHECK_EQ(os_reap_peek(&pid, &status), -ECHILD);
}

static void test_steps(void)
{
	char *argv[] = { "true", NULL };
	struct os_spawn plan = plan_of(argv);

	plan.cwd = "/no such folder";
	check_step(&plan, OS_SPAWN_FOLDER, -ENOENT);
	plan = plan_of(argv);
	plan.fds[2] = 999;
	check_step(&plan, OS_SPAWN_STREAMS, -EBADF);
	plan = plan_of(argv);
	plan.pid = getpid();
	check_step(&plan, OS_SPAWN_CLONE, -EEXIST);
	plan = plan_of(argv);
	plan.group_count = 1 << 20;
	plan.groups = (const gid_t *)argv;
	check_step(&plan, OS_SPAWN_USER, -EINVAL);
}

/* Signals that the starter ignores, the C library's own too, and the stack that it wants. */
static void test_signals_and_stack(void)
{
	char *argv[] = {
		"sh", "-c",
		"[ $(ulimit -Ss) = 4096 ] && grep -q '^SigIgn:[^1-9a-f]*$' /proc/self/status", NULL
	};
	const unsigned long ignore[4] = { 1 },
			    defaults[4] = { 0 }; /* SIG_IGN, as the kernel has it */
	struct os_spawn plan = plan_of(argv);
	struct os_spawned s;
	enum os_spawn_step step;
	int status = -1;

	syscall(SYS_rt_sigaction, 32, ignore, NULL, 8);
	syscall(SYS_rt_sigaction, SIGHUP, ignore, NULL, 8);
	plan.stack_bytes = 4096 << 10;
	CHECK_EQ(os_spawn_hold(&plan, 2000, &s, &step), 0);
	syscall(SYS_rt_sigaction, 32, defaults, NULL, 8);
	syscall(SYS_rt_sigaction, SIGHUP, defaults, NULL, 8);
	CHECK_EQ(os_spawn_go(s.go_fd, 2000), 0);
	CHECK_EQ(wait_next(&status), s.pid);
	CHECK_EQ(status, 0);
	os_close(s.pidfd);
}

int main(void)
{
	if (geteuid() != 0) {
		test_skip("becoming a user and choosing a pid need root");
		return test_end();
	}
	alarm(30);
	TEST(test_hold_and_go);
	TEST(test_let_go_of);
	TEST(test_signals_and_stack);
	TEST(test_path);
	TEST(test_steps);
	return test_end();
}
