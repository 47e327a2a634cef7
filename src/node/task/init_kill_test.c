// SPDX-License-Identifier: Apache-2.0
/*
 * Inits, and daemons that have some, killed and stopped. Started with TEST_DAEMON this program is a
 * daemon that can be killed.
 */
#include "node/task/init_rig_test.h"

#include <dirent.h>
#include <pthread.h>

#include "dvk.h"
#include "os/task.h"

#define TEST_DAEMON "--test-daemon"

static void test_init_killed(void)
{
	char *argv[] = { "sleep", "100", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct child c, none = { .pidfd = -1 };

	setup();
	c = start(&spawn);
	kill(dc_init_pid(dc), SIGKILL);
	CHECK_EQ(os_poll(c.pidfd, OS_READ, WAIT_MS), 0); /* its processes go with it */
	wait_for(&gone, 0, WAIT_MS);
	CHECK(gone);
	CHECK(rig_spawn(&spawn, &none, NULL) < 0);
	CHECK_EQ(none.pidfd, -1);
	os_close(c.pidfd);
	drop();
}

/* Only the caller of a question waits for its answer, and what is refused leaves nothing behind. */
static void test_init_stopped(void)
{
	char *sleeper[] = { "sleep", "100", NULL }, *argv[] = { "true", NULL };
	struct dc_spawn spawn = spawn_of(sleeper);
	struct refusal why = REFUSAL_NONE;
	struct question questions[3] = { 0 };
	struct child lives, c = { .pidfd = -1 };
	int before, killed = 0;
	int64_t begin;

	setup();
	lives = start(&spawn);
	before = fds_open();
	spawn = spawn_of(argv);
	kill(dc_init_pid(dc), SIGSTOP);
	begin = os_now_ns();
	for (int i = 0; i < 3; i++)
		CHECK_EQ(dc_init_spawn(dc, &spawn, on_answer, &questions[i]), 0);
	CHECK(os_now_ns() - begin < DC_INIT_TIMEOUT_MS / 4 * OS_MS_NS); /* nothing waits */
	CHECK(dc_init_is_asked(dc));
	for (int i = 0; i < 3; i++) {
		wait_for(&questions[i].answered, 0, WAIT_MS);
		CHECK_EQ(questions[i].answer.why.error, EDVSTIMEDOUT);
		CHECK(strstr(questions[i].answer.why.reason, "cannot start true"));
		CHECK(strstr(questions[i].answer.why.reason, "kill -CONT"));
	}
	CHECK(os_now_ns() - begin < (DC_INIT_TIMEOUT_MS + 2000) * OS_MS_NS);
	CHECK_EQ(rig_spawn(&spawn, &c, &why), EDVSTIMEDOUT);
	CHECK(!gone && dc_init_is_asked(dc));
	CHECK_EQ(os_poll(lives.pidfd, OS_READ, 0), -ETIMEDOUT); /* its processes live on */
	kill(dc_init_pid(dc), SIGCONT);
	c = start(&spawn);
	CHECK(c.vpid);
	/* One question was on its way: its outcome is undone. */
	wait_for(NULL, 2, WAIT_MS);
	CHECK_EQ(exit_count, 2);
	for (unsigned i = 0; i < exit_count; i++)
		killed += exits[i].vpid != c.vpid && exits[i].status == SIGKILL;
	CHECK_EQ(killed, 1);
	CHECK(!dc_init_is_asked(dc));
	os_close(c.pidfd);
	CHECK_EQ(fds_open(), before);
	os_close(lives.pidfd);
	drop();
}

/* Before it has come up, when nothing runs in it. */
static void test_init_never_comes_up(void)
{
	char *argv[] = { "true", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct child c = { .pidfd = -1 };

	CHECK(!rig_init(7));
	kill(dc_init_pid(dc), SIGSTOP);
	CHECK(rig_spawn(&spawn, &c, NULL) < 0);
	CHECK_EQ(c.pidfd, -1);
	wait_for(&gone, 0, WAIT_MS);
	CHECK(gone);
	drop();
}

/* A question that is under way when the init is let go of is refused then. */
static void test_freed_while_asked(void)
{
	char *argv[] = { "true", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct question questions[2] = { 0 };

	setup();
	kill(dc_init_pid(dc), SIGSTOP);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(dc_init_spawn(dc, &spawn, on_answer, &questions[i]), 0);
	drop();
	for (int i = 0; i < 2; i++) {
		CHECK(questions[i].answered);
		CHECK_EQ(questions[i].answer.error, -ECONNRESET);
		CHECK_EQ(questions[i].answer.pidfd, -1);
	}
}

/* The processes of a DC's earlier init are over before its next init starts anything. */
static void test_successor_waits(void)
{
	char *sleeper[] = { "sleep", "100", NULL }, *argv[] = { "true", NULL };
	struct dc_spawn spawn = spawn_of(sleeper);
	struct child old, c;

	setup();
	old = start(&spawn);
	dc = dc_init_free(dc); /* not settled */
	setup();
	spawn = spawn_of(argv);
	c = start(&spawn);
	CHECK(c.vpid);
	CHECK_EQ(os_poll(old.pidfd, OS_READ, 0), 0);
	os_close(old.pidfd);
	os_close(c.pidfd);
	drop();
}

/* TEST_DAEMON: an init with a process and one that waits, told to the parent; then nothing. */
static int run_daemon(void)
{
	char *argv[] = { "sleep", "100", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct child c = { .pidfd = -1 };
	pid_t pids[3];

	setup();
	pids[0] = dc_init_pid(dc);
	pids[1] = start(&spawn).lpid;
	rig_spawn(&spawn, &c, NULL);
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

/* In each state of the init: an answer or an error at once, nothing left over. */
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

			r = rig_spawn(&spawn, &c, NULL);
			if (!r && done & 1)
				os_pidfd_signal(c.pidfd, SIGKILL);
			else if (!r)
				r = rig_go(c.vpid, NULL);
			os_close(c.pidfd);
			done++;
		}
		pthread_join(thread, NULL);
		drop();
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
		if (rig_init((int)strtol(mark, NULL, 10)))
			return 1;
		for (int i = 0; i < 3; i++) {
			if (rig_spawn(&spawn, &c, NULL))
				return 1;
			if (i && rig_go(c.vpid, NULL))
				return 1;
			os_close(c.pidfd);
		}
		drop();
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
	CHECK(!rig_init((int)strtol(mark, NULL, 10)));
	rig_up();
	CHECK_EQ(count_marked(mark), 1);
	drop();
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
	TEST(test_init_never_comes_up);
	TEST(test_freed_while_asked);
	TEST(test_successor_waits);
	TEST(test_daemon_killed);
	TEST(test_init_killed_at_any_moment);
	TEST(test_daemon_killed_at_any_moment);
	return test_end();
}
