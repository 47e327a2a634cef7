/* SPDX-License-Identifier: Apache-2.0 */
#include "os/keeper.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/words.h"
#include "os/log.h"
#include "os/self.h"

#define WORDS_MOST  96
#define WORDS_BYTES 16384

/* Between the two. Only the daemon asks, one thing at a time. */
struct page {
	_Atomic int state_fd;
	_Atomic uint32_t asked;	 /* bytes in words[]: the path of a program, and its words */
	_Atomic uint32_t answer; /* why it could not be executed */
	char words[WORDS_BYTES];
};

static struct {
	struct page *page;
	pid_t pid;    /* of the keeper, in the daemon; else 0 */
	pid_t daemon; /* in the keeper */
	bool is_stopping;
	bool is_stopped;	/* the daemon, by a signal */
	unsigned looks;		/* at the stopped daemon */
	unsigned looks_at_most; /* 0: any number */
	os_keeper_another_fn *another;
	void *ctx;
} self;

static void own_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
}

/* A service manager looks for signs of life from the process that it started: they come from its daemon. */
static void take_watchdog(pid_t keeper)
{
	const char *of = getenv("WATCHDOG_PID");
	char number[16];

	if (!of || strtol(of, NULL, 10) != keeper)
		return;
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("WATCHDOG_PID", number, 1);
}

/* 1: this is the daemon. 0, or negative errno. */
static int make_daemon(void)
{
	struct clone_args args = { .flags = CLONE_FILES, .exit_signal = SIGCHLD };
	pid_t keeper = getpid();
	long r = syscall(SYS_clone3, &args, sizeof(args));

	assert(self.page);
	if (r < 0)
		return -errno;
	self.daemon = (pid_t)r;
	self.is_stopped = false;
	if (r)
		return 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != keeper)
		_exit(1);
	self.pid = keeper;
	take_watchdog(keeper);
	return 1;
}

/* The status of a program that is ended by a signal, as a shell has it. */
static _Noreturn void end(int status)
{
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* 1: this is the next daemon. */
static int on_daemon_end(int status)
{
	struct os_keeper_end over = { .signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
				      .left_state = atomic_load(&self.page->state_fd) >= 0,
				      .is_stopping = self.is_stopping };
	int r;

	if (!self.another(self.ctx, &over)) {
		if (over.signo)
			os_log(OS_LOG_ERROR, "the daemon was ended by signal %d, and the node ends",
			       over.signo);
		end(status);
	}
	os_log(OS_LOG_WARN, "the daemon was ended by signal %d: another one follows", over.signo);
	atomic_store(&self.page->asked, 0);
	r = make_daemon();
	if (r < 0) {
		os_log(OS_LOG_ERROR, "there can be no other daemon: %s", strerror(-r));
		end(status);
	}
	return r;
}

/* All that have ended, were stopped or continued, and perhaps the daemon. 1: this is the next daemon. */
static int collect(void)
{
	int status, over = 0;
	bool is_over = false;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
		if (pid != self.daemon)
			continue;
		self.is_stopped = WIFSTOPPED(status);
		self.looks = 0;
		if (self.is_stopped || WIFCONTINUED(status))
			continue;
		is_over = true;
		over = status;
	}
	return is_over ? on_daemon_end(over) : 0;
}

static int become(void)
{
	char after[] = "--after", number[16], *words[WORDS_MOST + 1];
	uint32_t len = atomic_load(&self.page->asked);
	int count =
		len > WORDS_BYTES ? -1 : words_decode(self.page->words, len, words, WORDS_MOST - 2);

	if (count < 2)
		return EINVAL;
	snprintf(number, sizeof(number), "%d", (int)self.daemon);
	words[count] = after;
	words[count + 1] = number;
	words[count + 2] = NULL;
	execv(words[0], words + 1);
	return errno;
}

static void on_asked(void)
{
	if (!atomic_load(&self.page->asked))
		return;
	atomic_store(&self.page->answer, (uint32_t)become());
	atomic_store(&self.page->asked, 0);
	syscall(SYS_futex, &self.page->answer, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Looks are counted, not time: while the keeper is stopped as well, it takes none. */
static void look_at_stopped(void)
{
	assert(self.is_stopped);
	if (!self.looks_at_most || ++self.looks < self.looks_at_most)
		return;
	os_log(OS_LOG_ERROR, "the daemon has been stopped for %u seconds, and is ended",
	       self.looks);
	self.looks = 0;
	kill(self.daemon, SIGKILL);
}

static int next_signal(const sigset_t *signals)
{
	static const struct timespec look = { .tv_sec = 1 };
	int signo =
		self.is_stopped ? sigtimedwait(signals, NULL, &look) : sigwaitinfo(signals, NULL);

	if (signo < 0 && errno == EAGAIN)
		look_at_stopped();
	return signo;
}

/* Returns in the next daemon. */
static void keep(void)
{
	sigset_t signals;

	own_signals(&signals);
	prctl(PR_SET_NAME, "dvs-keeper");
	for (;;) {
		int signo = next_signal(&signals);

		self.is_stopping |= signo == SIGTERM;
		if (signo == SIGTERM || signo == SIGHUP)
			kill(self.daemon, signo);
		else if (signo == SIGUSR1)
			on_asked();
		else if (signo == SIGCHLD && collect())
			break;
	}
	prctl(PR_SET_NAME, "dvsd");
}

/* Only a child of ours is ended. */
static void end_predecessor(pid_t pid)
{
	siginfo_t info;

	if (pid <= 0 || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

void os_keeper_end_stopped(unsigned seconds)
{
	assert(!self.page);
	self.looks_at_most = seconds;
}

int os_keeper_split(pid_t predecessor, os_keeper_another_fn *another, void *ctx, int *state_fd)
{
	struct page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sigset_t signals, before;
	int r;

	assert(!self.page && !self.pid);
	end_predecessor(predecessor);
	if (page == MAP_FAILED)
		return -errno;
	atomic_store(&page->state_fd, -1);
	self.page = page;
	self.another = another;
	self.ctx = ctx;
	own_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, &before);
	r = make_daemon();
	if (r < 0) {
		self.page = NULL;
		munmap(page, sizeof(*page));
		sigprocmask(SIG_SETMASK, &before, NULL);
		return r;
	}
	if (r == 0)
		keep();
	assert(self.pid);
	*state_fd = atomic_load(&page->state_fd);
	return 0;
}

pid_t os_keeper_pid(void)
{
	return self.pid;
}

void os_keeper_kill(void)
{
	if (self.pid)
		kill(self.pid, SIGKILL);
}

void os_keeper_leave_state(int fd)
{
	assert(fd >= -1);
	if (self.pid)
		atomic_store(&self.page->state_fd, fd);
}

int os_keeper_become(const char *path, char *const *argv)
{
	struct page *page = self.page;
	char *words[WORDS_MOST + 1] = { (char *)(uintptr_t)path };
	size_t len, count = 1;

	assert(argv && argv[0]);
	if (!self.pid)
		return -ENOSYS;
	while (*argv && count < WORDS_MOST)
		words[count++] = *argv++;
	words[count] = NULL;
	len = *argv ? 0 : words_encode(page->words, sizeof(page->words), words);
	if (!len)
		return -E2BIG;
	atomic_store(&page->answer, 0);
	atomic_store(&page->asked, (uint32_t)len);
	if (kill(self.pid, SIGUSR1) < 0)
		return -errno;
	/* As execve itself this is no wait for anybody else; and the keeper's death is ours. */
	while (!atomic_load(&page->answer))
		syscall(SYS_futex, &page->answer, FUTEX_WAIT, 0, NULL, NULL, 0);
	return -(int)atomic_load(&page->answer);
}
