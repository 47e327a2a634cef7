// SPDX-License-Identifier: Apache-2.0
/*
 * Inits, and daemons that have some, killed and stopped. Started with TEST_DAEMON this program is a
 * daemon that can be killed.
 */
#include "node/init_rig_test.h"

#include <dirent.h>
#include <pthread.h>

#include "dvk.h"
#include "os/task.h"

#define TEST_DAEMON "--test-daemon"

static void test_init_killed(void)
{
	char *argv[] = { "sleep", "100", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct dc_exit ended;
	struct child c;
	int fd = -1;

	setup();
	c = start(&spawn);
	kill(dc_init_pid(dc), SIGKILL);
	CHECK_EQ(os_poll(c.pidfd, OS_READ, WAIT_MS), 0); /* its processes go with it */
	CHECK_EQ(os_poll(dc_init_fd(dc), OS_READ, WAIT_MS), 0);
	CHECK_EQ(dc_init_read(dc, &ended), -ECONNRESET);
	CHECK(dc_init_spawn(dc, &spawn, &c.vpid, &c.lpid, &fd, NULL) < 0);
	CHECK_EQ(fd, -1);
	os_close(c.pidfd);
	dc = dc_init_free(dc);
}

static void test_init_stopped(void)
{
	char *argv[] = { "true", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct dc_exit ended;
	int64_t begin = os_now_ns();
	struct child c = { 0 };

	setup();
	kill(dc_init_pid(dc), SIGSTOP);
	CHECK_EQ(dc_init_spawn(dc, &spawn, &c.vpid, &c.lpid, &c.pidfd, NULL), EDVSTIMEDOUT);
	CHECK(os_now_ns() - begin < (DC_INIT_TIMEOUT_MS + 2000) * OS_MS_NS);
	CHECK_EQ(os_poll(dc_init_fd(dc), OS_READ, WAIT_MS), 0);
	CHECK_EQ(dc_init_read(dc, &ended), -ECONNRESET);
	dc = dc_init_free(dc);
}

/* TEST_DAEMON: an init with a process and one that waits, told to the parent; then nothing. */
static int run_daemon(void)
{
	char *argv[] = { "sleep", "100", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct child c = { 0 };
	pid_t pids[3];

	setup();
	pids[0] = dc_init_pid(dc);
	pids[1] = start(&spawn).lpid;
	dc_init_spawn(dc, &spawn, &c.vpid, &c.lpid, &c.pidfd, NULL);
	pids[2] = c.lpid;
	if (write(STDOUT_FILENO, pids, sizeof(pids)) != sizeof(pids))
		return 1;
	for (;;)
		pause();
}

static void test_daemon_killed(void)
{
	struct task_id ids[3] = { 0 };
	pid_t pids[3] = { 0 }, daemon;
	int fds[2];

	CHECK_OR_RETURN(!pipe2(fds, O_CLOEXEC));
	daemon = fork();
	if (!daemon) {
		dup2(fds[1], STDOUT_FILENO);
		execl(self_path, self_path, TEST_DAEMON, NULL);
		_exit(127);
	}
	os_close(fds[1]);
	CHECK_EQ(os_read_full(fds[0], pids, sizeof(pids), WAIT_MS), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(os_task_of(pids[i], &ids[i]), 0);
	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(os_task_wait_gone(&ids[i], WAIT_MS), 0);
	os_close(fds[0]);
}

static void *killer(void *arg)
{
	int *delay_us = arg;

	clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_nsec = *delay_us * 1000l },
			NULL);
	kill(dc_init_pid(dc), SIGKILL);
	return NULL;
}

/* Whatever it was doing: an answer or an error at once, nothing left over. */
static void test_init_killed_at_any_moment(void)
{
	char *argv[] = { "true", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	int before = fds_open(), done = 0;
	pthread_t thread;

	for (int delay_us = 0; delay_us < 6000; delay_us += 97) {
		int64_t begin = os_now_ns();
		int r = 0;

		setup();
		CHECK_OR_RETURN(!pthread_create(&thread, NULL, killer, &delay_us));
		while (!r) {
			struct child c = { .pidfd = -1 };

			r = dc_init_spawn(dc, &spawn, &c.vpid, &c.lpid, &c.pidfd, NULL);
			if (!r)
				r = done & 1 ? dc_init_cancel(dc, c.vpid)
					     : dc_init_go(dc, c.vpid, NULL);
			os_close(c.pidfd);
			done++;
		}
		pthread_join(thread, NULL);
		dc = dc_init_free(dc);
		CHECK(os_now_ns() - begin < 1000 * OS_MS_NS);
	}
	printf("%d processes started\n", done);
	CHECK_EQ(fds_open(), before);
	CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
	CHECK_EQ(errno, ECHILD);
}

/* TEST_DAEMON busy: starts inits and processes without end, for DC `mark`. */
static int run_busy_daemon(const char *mark)
{
	char *argv[] = { "sleep", "1000", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct child c;

	for (;;) {
		if (dc_init_start(&dc, (int)strtol(mark, NULL, 10), NODE))
			return 1;
		for (int i = 0; i < 3; i++) {
			if (dc_init_spawn(dc, &spawn, &c.vpid, &c.lpid, &c.pidfd, NULL))
				return 1;
			if (i && dc_init_go(dc, c.vpid, NULL))
				return 1;
			os_close(c.pidfd);
		}
		dc = dc_init_free(dc);
	}
}

/* How many processes have this among their arguments; an init's tell its DC. */
static int count_marked(const char *mark)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	while (proc && (entry = readdir(proc))) {
		char name[300], text[256] = "";
		OS_CLEANUP_FD int fd = -1;
		ssize_t n;

		snprintf(name, sizeof(name), "/proc/%s/cmdline", entry->d_name);
		fd = *entry->d_name >= '1' && *entry->d_name <= '9'
			     ? open(name, O_RDONLY | O_CLOEXEC)
			     : -1;
		n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
		for (ssize_t i = 0; i < n; i += (ssize_t)strlen(text + i) + 1)
			count += !strcmp(text + i, mark);
	}
	if (proc)
		closedir(proc);
	return count;
}

static void test_daemon_killed_at_any_moment(void)
{
	char mark[16];
	int left = 1;

	snprintf(mark, sizeof(mark), "%d", 1000000 + (int)getpid());
	for (int delay_us = 0; delay_us < 20000; delay_us += 613) {
		pid_t daemon = fork();

		if (!daemon) {
			execl(self_path, self_path, TEST_DAEMON, mark, NULL);
			_exit(127);
		}
		nanosleep(&(struct timespec){ .tv_nsec = delay_us * 1000l }, NULL);
		kill(daemon, SIGKILL);
		waitpid(daemon, NULL, 0);
	}
	for (int i = 0; left && i < 200; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		left = count_marked(mark);
	}
	CHECK_EQ(left, 0);
	/* And would have been seen. */
	CHECK(!dc_init_start(&dc, (int)strtol(mark, NULL, 10), NODE));
	CHECK_EQ(count_marked(mark), 1);
	dc = dc_init_free(dc);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], DC_INIT_ARGUMENT))
		end_as(dc_init_main(argc, argv));
	if (argc > 1 && !strcmp(argv[1], TEST_DAEMON))
		end_as(argc > 2 ? run_busy_daemon(argv[2]) : run_daemon());
	if (!rig_start())
		return test_end();
	TEST(test_init_killed);
	TEST(test_init_stopped);
	TEST(test_daemon_killed);
	TEST(test_init_killed_at_any_moment);
	TEST(test_daemon_killed_at_any_moment);
	return test_end();
}
