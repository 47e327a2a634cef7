/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of processes: of itself, a child, one that has ended, one that is gone; the child has its parent's. And
 * one of a thread, where the kernel has such (Linux 6.9).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define PIDFD_OF     3 /* P_PIDFD */
#define PIDFD_THREAD O_EXCL

static int self, living, ended, gone, same, other, epoll, of_thread;
static bool is_told_apart; /* the kernel has a file for each process, and not one for all */
static pid_t child, dead;
static uint32_t *answers;
static uint32_t thread_answers; /* its number, with its sign changed, at first */
static pthread_t thread;
static bool over;

static int open_of(pid_t pid, unsigned flags)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, flags);

	VICTIM_CHECK(fd >= 0);
	return fd;
}

static int told(int fd)
{
	struct pollfd seen = { .fd = fd, .events = POLLIN };

	return poll(&seen, 1, 0) < 0 ? -1 : seen.revents;
}

static int send(int fd, int signal)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
}

static void on_signal(int signal)
{
	(void)signal;
	__atomic_add_fetch(answers, 1, __ATOMIC_RELEASE);
}

/* A signal is answered by one to the parent, by the descriptor that the child has of it. */
static void be_child(int parent)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	while (sigwait(&set, &number) == 0)
		VICTIM_CHECK(send(parent, SIGUSR2) == 0);
}

/* Signals by its descriptor are the thread's alone. */
static void *be_thread(void *unused)
{
	sigset_t set;
	int number = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	__atomic_store_n(&thread_answers, (uint32_t)-syscall(SYS_gettid), __ATOMIC_RELEASE);
	while (sigwait(&set, &number) == 0 && !__atomic_load_n(&over, __ATOMIC_ACQUIRE))
		__atomic_add_fetch(&thread_answers, 1, __ATOMIC_RELEASE);
	return unused;
}

static void build_thread(void)
{
	VICTIM_CHECK(pthread_create(&thread, NULL, be_thread, NULL) == 0);
	while (!__atomic_load_n(&thread_answers, __ATOMIC_ACQUIRE))
		victim_nap();
	of_thread = (int)syscall(SYS_pidfd_open, -(pid_t)thread_answers, PIDFD_THREAD);
	VICTIM_CHECK(of_thread >= 0 || errno == EINVAL); /* an older kernel */
}

static ino_t inode_of(int fd)
{
	struct stat status;

	VICTIM_CHECK(fstat(fd, &status) == 0);
	return status.st_ino;
}

static pid_t make(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	return pid;
}

static void build(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 5 };
	sigset_t set;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	answers = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = on_signal, .sa_flags = SA_RESTART },
		  NULL);
	self = open_of(getpid(), 0);
	child = fork();
	if (child == 0)
		be_child(self);
	living = open_of(child, O_NONBLOCK);
	dead = make();
	ended = open_of(dead, 0);
	VICTIM_CHECK(waitid(P_PID, (id_t)dead, &info, WEXITED | WNOWAIT) == 0);
	pid_t lost = make();

	gone = open_of(lost, 0);
	same = open_of(lost, O_NONBLOCK);
	VICTIM_CHECK(waitpid(lost, NULL, 0) == lost);
	lost = make();
	other = open_of(lost, 0);
	VICTIM_CHECK(waitpid(lost, NULL, 0) == lost);
	is_told_apart = inode_of(gone) != inode_of(other);
	epoll = epoll_create1(0);
	VICTIM_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, living, &event) == 0);
	build_thread();
}

static void check_thread(void)
{
	uint32_t before = __atomic_load_n(&thread_answers, __ATOMIC_ACQUIRE);

	if (of_thread < 0)
		return;
	VICTIM_CHECK(told(of_thread) == 0 && send(of_thread, SIGUSR1) == 0);
	VICTIM_CHECK(victim_counts(&thread_answers, before + 1));
}

static void check(void)
{
	uint32_t before = __atomic_load_n(answers, __ATOMIC_ACQUIRE);
	struct epoll_event event;
	siginfo_t info = { 0 };

	VICTIM_CHECK(fcntl(self, F_GETFD) == FD_CLOEXEC && send(self, 0) == 0);
	VICTIM_CHECK(fcntl(living, F_GETFL) & O_NONBLOCK && told(living) == 0);
	VICTIM_CHECK(epoll_wait(epoll, &event, 1, 0) == 0);
	VICTIM_CHECK(send(living, SIGUSR1) == 0);
	VICTIM_CHECK(victim_counts(answers, before + 1));
	VICTIM_CHECK(told(ended) & POLLIN);
	VICTIM_CHECK(waitid(PIDFD_OF, (id_t)ended, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
		     info.si_pid == dead && info.si_status == 7);
	VICTIM_CHECK(told(gone) & POLLIN && send(gone, 0) < 0 && errno == ESRCH);
	VICTIM_CHECK(told(same) & POLLIN && fcntl(same, F_GETFL) & O_NONBLOCK &&
		     !(fcntl(gone, F_GETFL) & O_NONBLOCK));
	VICTIM_CHECK(inode_of(gone) == inode_of(same));
	VICTIM_CHECK((inode_of(gone) != inode_of(other)) == is_told_apart);
}

int main(void)
{
	victim_begin();
	build();
	victim_ready();
	while (victim_moved()) {
		check();
		check_thread();
	}
	struct epoll_event event = { 0 };

	VICTIM_CHECK(send(living, SIGKILL) == 0);
	VICTIM_CHECK(epoll_wait(epoll, &event, 1, 2000) == 1 && event.data.u64 == 5);
	if (of_thread >= 0) {
		struct pollfd ended_soon = { .fd = of_thread, .events = POLLIN };

		__atomic_store_n(&over, true, __ATOMIC_RELEASE);
		VICTIM_CHECK(send(of_thread, SIGUSR1) == 0 && pthread_join(thread, NULL) == 0);
		VICTIM_CHECK(poll(&ended_soon, 1, 2000) == 1);
	}
	VICTIM_CHECK(waitpid(child, NULL, 0) == child && waitpid(dead, NULL, 0) == dead);
	return victim_end();
}
