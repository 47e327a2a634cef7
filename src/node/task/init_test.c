// SPDX-License-Identifier: Apache-2.0
/* Starting, preparing, collecting. Started with TEST_VICTIM this program is what the inits start. */
#include "node/task/init_rig_test.h"

#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/bits.h"
#include "os/own_proc.h"

#define MANY	    700 /* more than the event socket holds */
#define TEST_VICTIM "--test-victim"
#define SHELL_VPID  12345

/* The next exit within that time; vpid 0 when none came. */
static struct dc_exit exit_within(int timeout_ms)
{
	wait_for(NULL, exit_next + 1, timeout_ms);
	return exit_count > exit_next ? exits[exit_next++] : (struct dc_exit){ 0 };
}

static struct dc_exit next_exit(void)
{
	return exit_within(6 * WAIT_MS); /* the machine may have much else to do */
}

static void teardown(void)
{
	CHECK_EQ(exit_within(1).vpid, 0);
	drop();
}

/* Runs argv to its end with its output in text; the wait status. */
static int output_of(struct dc_spawn spawn, char *text, size_t size)
{
	struct dc_exit ended;
	struct child c;
	size_t len = 0;
	ssize_t n;
	int fds[2];

	text[0] = 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	spawn.fds[1] = fds[1];
	c = start(&spawn);
	os_close(fds[1]);
	while (c.vpid && len < size - 1 && (n = read(fds[0], text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = 0;
	os_close(fds[0]);
	os_close(c.pidfd);
	if (!c.vpid)
		return -1;
	ended = next_exit();
	CHECK_EQ(ended.vpid, c.vpid);
	return ended.status;
}

static void test_init_itself(void)
{
	int before = fds_open();
	char name[16];
	pid_t pid;

	setup();
	pid = dc_init_pid(dc);
	os_comm_of(pid, name, sizeof(name));
	CHECK(!strcmp(name, "dvs-init"));
	CHECK_EQ(os_pid_innermost(pid), 1);
	CHECK(os_pidns_of(pid) != os_pidns_of(0));
	teardown();
	CHECK_EQ(fds_open(), before);
	CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
	CHECK_EQ(errno, ECHILD);
}

/* TEST_VICTIM report: a description of its surroundings, on one line. */
static int victim_report(void)
{
	struct sigaction action;
	struct rlimit limit = { 0 };
	char cwd[256] = "", groups[64] = "";
	gid_t list[8];
	sigset_t mask;
	int ignored = 0, blocked = 0, fds = 0, n = getgroups(8, list);

	for (int i = 0; i < n; i++)
		snprintf(groups + strlen(groups), sizeof(groups) - strlen(groups), "%u,", list[i]);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int s = 1; s < 32; s++) {
		ignored += !sigaction(s, NULL, &action) && action.sa_handler == SIG_IGN;
		blocked += sigismember(&mask, s);
	}
	for (int fd = 3; fd < 1024; fd++)
		fds += fcntl(fd, F_GETFD) >= 0;
	getrlimit(RLIMIT_MSGQUEUE, &limit);
	printf("pid %d sid %d pgid %d ppid %d uid %u gid %u groups %s cwd %s umask %o ignored %d "
	       "blocked %d fds %d queue %d env %s\n",
	       getpid(), getsid(0), getpgrp(), getppid(), getuid(), getgid(), groups,
	       getcwd(cwd, sizeof(cwd)) ? cwd : "?", umask(0), ignored, blocked, fds,
	       (int)limit.rlim_cur, getenv("COLOUR") ? getenv("COLOUR") : "?");
	return 42;
}

/* A copy of this program that any user may run: the folders above this one may be closed to others. */
static void copy_self(char *path)
{
	int self = open(self_path, O_RDONLY);
	int copy = mkstemp(path);

	while (sendfile(copy, self, NULL, 1 << 20) > 0)
		;
	CHECK(!fchmod(copy, 0755));
	close(copy);
	close(self);
}

static void test_process_is_prepared(void)
{
	char copy[] = "/tmp/init_test.XXXXXX";
	char *argv[] = { copy, TEST_VICTIM, "report", NULL };
	char *envp[] = { "COLOUR=green", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	gid_t groups[] = { 11, 12 };
	struct rlimit limit = { 0 }, old;
	char text[1024], want[1024];
	int status;

	copy_self(copy);
	getrlimit(RLIMIT_MSGQUEUE, &old);
	limit = (struct rlimit){ 4096, old.rlim_max };
	setrlimit(RLIMIT_MSGQUEUE, &limit);
	signal(SIGPIPE, SIG_IGN); /* the daemon ignores it; its processes do not */
	setup();
	setrlimit(RLIMIT_MSGQUEUE, &old);
	spawn.envp = envp;
	spawn.cwd = "/usr";
	spawn.umask = 027;
	spawn.uid = 1234;
	spawn.gid = 1235;
	spawn.groups = groups;
	spawn.group_count = 2;
	status = output_of(spawn, text, sizeof(text));
	unlink(copy);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 42);
	snprintf(want, sizeof(want),
		 "pid %d sid %d pgid %d ppid 1 uid 1234 gid 1235 groups 11,12, cwd /usr umask 27 "
		 "ignored 0 blocked 0 fds 0 queue 4096 env green\n",
		 dc_vpid_base(NODE), dc_vpid_base(NODE), dc_vpid_base(NODE));
	if (strcmp(text, want))
		printf("have %swant %s", text, want);
	CHECK(!strcmp(text, want));
	teardown();
}

static void test_waits_for_go(void)
{
	char *argv[] = { "true", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct child c = { 0 };
	struct dc_exit ended;
	char name[16];

	setup();
	CHECK_EQ(rig_spawn(&spawn, &c, NULL), 0);
	CHECK_EQ(os_pid_innermost(c.lpid), c.vpid);
	CHECK_EQ(os_pidns_of(c.lpid), os_pidns_of(dc_init_pid(dc)));
	CHECK_EQ(exit_within(100).vpid, 0);
	os_comm_of(c.lpid, name, sizeof(name));
	CHECK(!strcmp(name, "dvs-init")); /* has not executed anything */
	CHECK_EQ(rig_go(c.vpid + 1, NULL), -ESRCH);
	CHECK_EQ(rig_go(c.vpid, NULL), 0);
	CHECK_EQ(rig_go(c.vpid, NULL), -ESRCH);
	ended = next_exit();
	CHECK_EQ(ended.vpid, c.vpid);
	CHECK_EQ(ended.status, 0);
	CHECK_EQ(os_poll(c.pidfd, OS_READ, WAIT_MS), 0);
	os_close(c.pidfd);
	teardown();
}

static void test_cancel_and_death_while_waiting(void)
{
	char *argv[] = { "true", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct child c[2] = { 0 };
	struct dc_exit ended;

	setup();
	for (int i = 0; i < 2; i++)
		CHECK_EQ(rig_spawn(&spawn, &c[i], NULL), 0);
	CHECK(c[0].vpid != c[1].vpid);
	CHECK_EQ(os_pidfd_signal(c[0].pidfd, SIGKILL), 0); /* as the daemon does it */
	ended = next_exit();
	CHECK_EQ(ended.vpid, c[0].vpid);
	CHECK_EQ(rig_go(c[0].vpid, NULL), -ESRCH);
	kill(c[1].lpid, SIGKILL);
	ended = next_exit();
	CHECK_EQ(ended.vpid, c[1].vpid);
	CHECK_EQ(ended.status, SIGKILL);
	CHECK_EQ(rig_go(c[1].vpid, NULL), -ESRCH);
	for (int i = 0; i < 2; i++)
		os_close(c[i].pidfd);
	teardown();
}

static void check_go_fails(char *name, int error)
{
	char *argv[] = { name, NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct refusal why = REFUSAL_NONE;
	struct dc_exit ended;
	struct child c = { 0 };

	CHECK_EQ(rig_spawn(&spawn, &c, &why), 0);
	CHECK_EQ(rig_go(c.vpid, &why), error);
	CHECK_EQ(why.error, error);
	CHECK(strstr(why.reason, "execute it"));
	ended = next_exit();
	CHECK_EQ(ended.vpid, c.vpid);
	os_close(c.pidfd);
}

static void test_failures_are_named(void)
{
	char *argv[] = { "true", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct refusal why = REFUSAL_NONE;
	struct child c = { .pidfd = -1 };
	int before;

	setup();
	before = fds_open();
	check_go_fails("there is no such program", -ENOENT);
	check_go_fails("/etc/passwd", -EACCES);
	check_go_fails("/usr", -EACCES);
	check_go_fails("", -ENOENT);
	spawn.cwd = "/no such folder";
	CHECK_EQ(rig_spawn(&spawn, &c, &why), -ENOENT);
	CHECK(strstr(why.reason, "enter its working directory"));
	CHECK_EQ(c.pidfd, -1);
	spawn.cwd = "/";
	spawn.group_count = DC_INIT_GROUPS_MAX + 1;
	CHECK_EQ(rig_spawn(&spawn, &c, NULL), -EINVAL);
	CHECK_EQ(fds_open(), before);
	teardown();
}

static void test_too_long(void)
{
	static char big[170 * 1024];
	char *argv[] = { "true", big, NULL };
	struct dc_spawn spawn = spawn_of(argv);
	struct child c = { 0 };

	setup();
	memset(big, 'x', sizeof(big) - 1);
	CHECK_EQ(rig_spawn(&spawn, &c, NULL), -E2BIG);
	big[120 * 1024] = 0;
	CHECK_EQ(rig_spawn(&spawn, &c, NULL), 0);
	CHECK_EQ(rig_go(c.vpid, NULL), 0);
	CHECK_EQ(next_exit().status, 0);
	os_close(c.pidfd);
	teardown();
}

static void test_pids_stay_in_range(void)
{
	char *argv[] = { "true", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	uint64_t taken[BITS_WORDS(DC_VPID_COUNT)];
	int base = dc_vpid_base(NODE);
	struct child c;

	setup();
	for (int i = 0; i < 3; i++) {
		c = start(&spawn);
		CHECK_EQ(c.vpid, base + i);
		CHECK_EQ(next_exit().vpid, c.vpid);
		os_close(c.pidfd);
	}
	/* All but the last are in use elsewhere; then round to the start. */
	memset(taken, 0xff, sizeof(taken));
	bits_clear(taken, DC_VPID_COUNT - 1);
	spawn.taken = taken;
	c = start(&spawn);
	CHECK_EQ(c.vpid, base + DC_VPID_COUNT - 1);
	CHECK_EQ(next_exit().vpid, c.vpid);
	os_close(c.pidfd);
	spawn.taken = NULL;
	c = start(&spawn);
	CHECK_EQ(c.vpid, base);
	CHECK_EQ(next_exit().vpid, c.vpid);
	os_close(c.pidfd);
	bits_set(taken, DC_VPID_COUNT - 1);
	spawn.taken = taken;
	CHECK_EQ(rig_spawn(&spawn, &c, NULL), -EAGAIN);
	teardown();
}

static void test_children_take_the_next_pids(void)
{
	char *argv[] = { "/bin/sh", "-c", "sleep 0.1 & echo $!; wait", NULL };
	char text[64];

	setup();
	CHECK_EQ(output_of(spawn_of(argv), text, sizeof(text)), 0);
	CHECK_EQ(strtol(text, NULL, 10), dc_vpid_base(NODE) + 1);
	teardown();
}

/* A child that outlives its parent ends with it, is collected by the init, and told. */
static void test_orphans(void)
{
	char *other[] = { "/bin/sh", "-c", "sleep 100", NULL };
	char *argv[] = { "/bin/sh", "-c", "sleep 100 & exit 3", NULL };
	char *apart[] = { "/bin/sh", "-c", "setsid sleep 100 & sleep 0.2; exit 3", NULL };
	struct dc_spawn spawn = spawn_of(other);
	struct dc_exit first, second;
	struct child keep, c;

	setup();
	keep = start(&spawn); /* another leader, which has nothing to do with it */
	spawn = spawn_of(argv);
	c = start(&spawn);
	first = next_exit();
	second = next_exit();
	CHECK_EQ(first.vpid, c.vpid);
	CHECK_EQ(WEXITSTATUS(first.status), 3);
	CHECK(second.vpid != c.vpid);
	CHECK_EQ(second.status, SIGKILL);
	os_close(c.pidfd);
	/* In a session of its own it ends with the last leader. */
	spawn = spawn_of(apart);
	c = start(&spawn);
	CHECK_EQ(next_exit().vpid, c.vpid);
	CHECK_EQ(exit_within(100).vpid, 0);
	os_close(c.pidfd);
	os_pidfd_signal(keep.pidfd, SIGTERM);
	CHECK_EQ(next_exit().vpid, keep.vpid);
	CHECK(next_exit().status == SIGKILL);
	os_close(keep.pidfd);
	while (exit_within(100).vpid)
		continue; /* the child of the other shell */
	teardown();
}

/* TEST_VICTIM own-proc: whether /proc agrees with getpid(). */
static int victim_own_proc(void)
{
	char link[32] = "";

	return readlink("/proc/self", link, sizeof(link) - 1) > 0 &&
			       strtol(link, NULL, 10) == getpid()
		       ? 42
		       : 1;
}

/* In a changed root (chroot) an init keeps the /proc of its node. */
static bool root_is_changed(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(os_own_proc() == -EOPNOTSUPP ? 7 : 0);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

static void test_own_proc(void)
{
	char *argv[] = { self_path, TEST_VICTIM, "own-proc", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	char link[32] = "";

	if (root_is_changed()) {
		test_skip("the root is a changed one");
		return;
	}
	setup();
	os_close(start(&spawn).pidfd);
	CHECK_EQ(WEXITSTATUS(next_exit().status), 42);
	CHECK(readlink("/proc/self", link, sizeof(link) - 1) > 0);
	CHECK_EQ(strtol(link, NULL, 10), getpid()); /* nothing went out to us */
	teardown();
}

/* TEST_VICTIM many: leaves MANY orphans, all of which end when it does. */
static int victim_many(void)
{
	int fds[2];
	char c;

	if (pipe(fds) < 0)
		return 1;
	for (int i = 0; i < MANY; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (!pid) {
			close(fds[1]);
			_exit(read(fds[0], &c, 1) != 0);
		}
	}
	return 0;
}

static void test_many_exits_unread(void)
{
	char *argv[] = { self_path, TEST_VICTIM, "many", NULL };
	struct dc_spawn spawn = spawn_of(argv);
	int count = 0;

	setup();
	os_close(start(&spawn).pidfd);
	/* More than the socket holds come before anybody reads; none is lost. */
	nanosleep(&(struct timespec){ .tv_nsec = 700000000 }, NULL);
	while (count < MANY + 1) {
		struct dc_exit ended = next_exit();

		if (!ended.vpid)
			break;
		CHECK(ended.status == 0 || ended.status == SIGKILL);
		count++;
	}
	CHECK_EQ(count, MANY + 1);
	teardown();
}

/* The error itself, which the engine looks at. */
static int rig_shell(int vpid, const char *path, const int *fds, int fd_count, struct child *c)
{
	struct question question = { 0 };
	int r = dc_init_shell(dc, vpid, path, fds, fd_count, -1, on_answer, &question);

	ended_question(r, &question, c, NULL);
	return r < 0 ? r : question.answer.error;
}

static void test_shell(void)
{
	char *path = self_path;
	struct child c = { 0 }, other;
	int pair[2], vpid = SHELL_VPID;
	char text[16] = "";

	setup();
	CHECK_OR_RETURN(!os_unix_pair(OS_STREAM, pair));
	CHECK_EQ(rig_shell(vpid, path, &pair[1], 1, &c), 0);
	os_close(pair[1]);
	CHECK_EQ(os_pid_innermost(c.lpid), vpid);
	CHECK_EQ(os_read_full(pair[0], text, 9, WAIT_MS), 0);
	CHECK(!strcmp(text, "0 0 0 1 2")); /* see victim_shell() */
	CHECK_EQ(rig_shell(vpid, path, NULL, 0, &other), -EEXIST);
	CHECK_EQ(rig_shell(1, path, NULL, 0, &other), -EINVAL);
	CHECK_EQ(rig_shell(vpid + 1, "/no such shell", NULL, 0, &other), -ENOENT);
	CHECK_EQ(next_exit().vpid, vpid + 1);
	os_close(pair[0]);
	CHECK_EQ(next_exit().vpid, vpid);
	os_close(c.pidfd);
	teardown();
}

/*
 * A number that a process has left, and not let go of yet: its end was not taken note of by its tracer,
 * which comes before the init.
 */
static void test_shell_over_remains(void)
{
	struct child c = { 0 }, again = { 0 };
	int pair[2];
	char text[16] = "";

	setup();
	CHECK_OR_RETURN(!os_unix_pair(OS_STREAM, pair));
	CHECK_EQ(rig_shell(SHELL_VPID, self_path, &pair[1], 1, &c), 0);
	CHECK_EQ(os_read_full(pair[0], text, 9, WAIT_MS), 0);
	CHECK_EQ(ptrace(PTRACE_SEIZE, c.lpid, NULL, NULL), 0);
	CHECK_EQ(os_pidfd_signal(c.pidfd, SIGKILL), 0);
	CHECK_EQ(os_poll(c.pidfd, OS_READ, WAIT_MS), 0);
	CHECK_EQ(rig_shell(SHELL_VPID, self_path, NULL, 0, &again), -EBUSY);
	CHECK_EQ(waitpid(c.lpid, NULL, __WALL), c.lpid);
	/* Now it is the init's, which need not have heard of it. A shell without a descriptor would end by itself. */
	CHECK_EQ(rig_shell(SHELL_VPID, self_path, &pair[1], 1, &again), 0);
	CHECK_EQ(next_exit().vpid, SHELL_VPID);
	CHECK_EQ(os_pidfd_signal(again.pidfd, SIGKILL), 0);
	CHECK_EQ(next_exit().vpid, SHELL_VPID);
	os_close(pair[0]);
	os_close(pair[1]);
	os_close(c.pidfd);
	os_close(again.pidfd);
	teardown();
}

/* Started by dc_init_shell(): which of 0, 1, 2 are open, is 3, and which session rule holds. */
static int victim_shell(void)
{
	char text[16], c;
	int session = getsid(0) == getpid() && getpgrp() == getpid() ? 2 : 0;

	snprintf(text, sizeof(text), "%d %d %d %d %d", fcntl(0, F_GETFD) >= 0,
		 fcntl(1, F_GETFD) >= 0, fcntl(2, F_GETFD) >= 0, fcntl(3, F_GETFD) >= 0, session);
	if (os_write_full(3, text, strlen(text), 1000))
		return 1;
	while (read(3, &c, 1) > 0)
		continue;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], DC_INIT_ARGUMENT))
		end_as(dc_init_main(argc, argv));
	if (argc > 2 && !strcmp(argv[1], TEST_VICTIM))
		end_as(!strcmp(argv[2], "many")	      ? victim_many()
		       : !strcmp(argv[2], "own-proc") ? victim_own_proc()
						      : victim_report());
	if (argc == 1 && getppid() == 1 && getpid() == SHELL_VPID)
		end_as(victim_shell());
	if (!rig_start())
		return test_end();
	TEST(test_init_itself);
	TEST(test_process_is_prepared);
	TEST(test_waits_for_go);
	TEST(test_cancel_and_death_while_waiting);
	TEST(test_failures_are_named);
	TEST(test_too_long);
	TEST(test_pids_stay_in_range);
	TEST(test_children_take_the_next_pids);
	TEST(test_orphans);
	TEST(test_own_proc);
	TEST(test_many_exits_unread);
	TEST(test_shell);
	TEST(test_shell_over_remains);
	return test_end();
}
