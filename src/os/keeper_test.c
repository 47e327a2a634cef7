/* SPDX-License-Identifier: Apache-2.0 */
#include "os/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/log.h"
#include "os/self.h"
#include "os/spawn.h"

#define WAIT_MS 5000

/* The pipe for the words of daemons, one letter and a number each. */
static int said[2];

static void say(char letter, int number)
{
	struct {
		int letter, number;
	} word = { letter, number };

	if (write(said[1], &word, sizeof(word)) != sizeof(word))
		_exit(99);
}

/* The number that was said with this letter; -1: something else was, or nothing. */
static int hear(char letter)
{
	struct {
		int letter, number;
	} word;
	struct pollfd more = { .fd = said[0], .events = POLLIN };

	if (poll(&more, 1, WAIT_MS) != 1 || read(said[0], &word, sizeof(word)) != sizeof(word) ||
	    word.letter != letter)
		return -1;
	return word.number;
}

static bool is_silent(void)
{
	struct pollfd more = { .fd = said[0], .events = POLLIN };

	return poll(&more, 1, 100) == 0;
}

static bool never(void *ctx, const struct os_keeper_end *end)
{
	(void)ctx;
	(void)end;
	return false;
}

static bool if_killed(void *ctx, const struct os_keeper_end *end)
{
	(void)ctx;
	return end->signo == SIGKILL && end->left_state && !end->is_stopping;
}

/* A program whose daemons run body(); its number. */
static pid_t program(os_keeper_another_fn *another, void (*body)(int state_fd))
{
	pid_t pid = fork();
	int state_fd;

	if (pid)
		return pid;
	os_log_init("keeper_test", OS_LOG_ERROR);
	os_self_keep_running();
	if (os_keeper_split(0, another, NULL, &state_fd))
		_exit(98);
	body(state_fd);
	_exit(97);
}

static int status_of(pid_t pid)
{
	int status = 0;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static _Noreturn void wait_for_ever(void)
{
	os_unblock_signals();
	for (;;)
		pause();
}

static void exits(int state_fd)
{
	say('s', state_fd);
	say('k', os_keeper_pid());
	say('p', getppid());
	_exit(7);
}

/* The keeper is the process that was started, and ends as its daemon does. */
static void test_ends_as_its_daemon(void)
{
	pid_t pid = program(never, exits);

	CHECK_EQ(hear('s'), -1);
	CHECK_EQ(hear('k'), pid);
	CHECK_EQ(hear('p'), pid);
	CHECK_EQ(status_of(pid), 7);
	CHECK_EQ(os_keeper_pid(), 0);
}

static void waits(int state_fd)
{
	(void)state_fd;
	say('d', getpid());
	wait_for_ever();
}

static void test_killed(void)
{
	pid_t pid = program(if_killed, waits);

	/* It has left no state. */
	CHECK_EQ(kill(hear('d'), SIGKILL), 0);
	CHECK_EQ(status_of(pid), 128 + SIGKILL);
}

static void leaves_state(int state_fd)
{
	int ends[2];
	char c = 0;

	if (state_fd >= 0) { /* the second one: the first one's pipe and state are open here */
		if (pread(state_fd, ends, sizeof(ends), 0) != sizeof(ends) ||
		    read(ends[0], &c, 1) != 1)
			_exit(96);
		say('r', c);
		os_keeper_leave_state(-1);
		say('d', getpid());
		wait_for_ever();
	}
	state_fd = memfd_create("state", MFD_CLOEXEC);
	if (pipe2(ends, O_CLOEXEC) || write(ends[1], "x", 1) != 1 ||
	    write(state_fd, ends, sizeof(ends)) != sizeof(ends))
		_exit(95);
	os_keeper_leave_state(state_fd);
	say('d', getpid());
	wait_for_ever();
}

static void test_another(void)
{
	pid_t pid = program(if_killed, leaves_state);
	int first = hear('d'), second;

	CHECK(first > 0);
	CHECK_EQ(kill(first, SIGKILL), 0);
	CHECK_EQ(hear('r'), 'x');
	second = hear('d');
	CHECK(second > 0 && second != first);
	CHECK_EQ(kill(second, SIGKILL), 0);
	CHECK_EQ(status_of(pid), 128 + SIGKILL);
}

/* One that stands still is ended, and another one follows; one that goes on in time stays. */
static void test_stopped(void)
{
	pid_t pid;
	int first;

	os_keeper_end_stopped(1);
	pid = program(if_killed, leaves_state);
	first = hear('d');
	CHECK_EQ(kill(first, SIGSTOP), 0);
	CHECK_EQ(kill(first, SIGCONT), 0);
	CHECK(is_silent());
	CHECK_EQ(kill(first, 0), 0);
	CHECK_EQ(kill(first, SIGSTOP), 0);
	CHECK_EQ(hear('r'), 'x');
	CHECK_EQ(kill(hear('d'), SIGKILL), 0);
	CHECK_EQ(status_of(pid), 128 + SIGKILL);
	os_keeper_end_stopped(0);
	pid = program(if_killed, leaves_state);
	first = hear('d');
	CHECK_EQ(kill(first, SIGSTOP), 0);
	CHECK(is_silent()); /* nobody has said that it is to be ended */
	CHECK_EQ(kill(first, SIGKILL), 0);
	CHECK_EQ(hear('r'), 'x');
	CHECK_EQ(kill(hear('d'), SIGKILL), 0);
	CHECK_EQ(status_of(pid), 128 + SIGKILL);
}

static void on_term(int signo)
{
	say('t', signo);
	_exit(3);
}

static void takes_term(int state_fd)
{
	struct sigaction action = { .sa_handler = on_term };

	(void)state_fd;
	sigaction(SIGTERM, &action, NULL);
	say('d', getpid());
	wait_for_ever();
}

/* TERM to the keeper is the daemon's; the others are nobody's. */
static void test_signals(void)
{
	pid_t pid = program(never, takes_term);

	CHECK(hear('d') > 0);
	kill(pid, SIGINT);
	kill(pid, SIGUSR1);
	kill(pid, SIGUSR2);
	CHECK(is_silent());
	kill(pid, SIGTERM);
	CHECK_EQ(hear('t'), SIGTERM);
	CHECK_EQ(status_of(pid), 3);
}

/* Of a node that is to end no daemon follows. */
static void test_killed_when_stopping(void)
{
	pid_t pid = program(if_killed, leaves_state);

	CHECK(hear('d') > 0);
	kill(pid, SIGTERM);
	CHECK_EQ(status_of(pid), 128 + SIGTERM);
}

static void spawns(int state_fd)
{
	char name[] = "keeper_test", option[] = "--child", *argv[] = { name, option, NULL };
	pid_t child;
	int pidfd;

	(void)state_fd;
	say('d', getpid());
	if (os_spawn_self(argv, &said[1], 1, &child, &pidfd))
		_exit(94);
	wait_for_ever();
}

/* A child of the keeper: the daemon's death is nothing to it, the keeper's is its own. */
static void test_what_outlives_it(void)
{
	struct pollfd over;
	pid_t pid;
	int first;

	if (geteuid())
		return;
	CHECK_EQ(pipe2(said, O_CLOEXEC), 0);
	pid = program(if_killed, spawns);
	first = hear('d');
	CHECK(first > 0);
	over = (struct pollfd){ .fd = said[0], .events = POLLIN };
	CHECK_EQ(hear('c'), 1); /* process 1 of a namespace */
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	close(said[1]);
	/* Its end of the pipe and the daemon's are closed: both have ended. */
	CHECK_EQ(poll(&over, 1, WAIT_MS), 1);
	CHECK(over.revents & POLLHUP);
	close(said[0]);
	CHECK_EQ(pipe2(said, O_CLOEXEC), 0);
}

static _Noreturn void child_main(void)
{
	said[1] = 3;
	os_unblock_signals();
	say('c', getpid());
	for (;;)
		pause();
}

static void becomes(int state_fd)
{
	char script[64], *argv[5];
	int i = 0;

	(void)state_fd;
	argv[i++] = (char *)"sh";
	argv[i] = NULL;
	say('e', os_keeper_become("/no/such/program", argv));
	argv[i++] = (char *)"-c";
	/* The keeper's words stand behind: $1 and $2 of a shell whose $0 is the last word here. */
	snprintf(script, sizeof(script), "[ $1$2 = --after%d ] && echo x >&%d && exit 8",
		 (int)getpid(), said[1]);
	argv[i++] = script;
	argv[i++] = (char *)"name";
	argv[i] = NULL;
	fcntl(said[1], F_SETFD, 0);
	say('f', os_keeper_become("/bin/sh", argv));
}

/* The keeper becomes it; the daemon waits for its end, which is the program's business. */
static void test_become(void)
{
	char line[8] = "";
	pid_t pid = program(never, becomes);

	CHECK_EQ(hear('e'), -ENOENT);
	CHECK_EQ(read(said[0], line, 2), 2);
	CHECK(!strcmp(line, "x\n"));
	CHECK_EQ(status_of(pid), 8); /* and with it the daemon */
}

static void test_not_become_without_keeper(void)
{
	char *argv[] = { (char *)"x", NULL };

	CHECK_EQ(os_keeper_become("/bin/true", argv), -ENOSYS);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--child"))
		child_main();
	if (pipe2(said, O_CLOEXEC))
		return 1;
	TEST(test_ends_as_its_daemon);
	TEST(test_killed);
	TEST(test_another);
	TEST(test_stopped);
	TEST(test_signals);
	TEST(test_killed_when_stopping);
	TEST(test_become);
	TEST(test_not_become_without_keeper);
	close(said[0]);
	close(said[1]);
	TEST(test_what_outlives_it);
	close(said[0]);
	close(said[1]);
	return test_end();
}
