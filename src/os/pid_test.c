// SPDX-License-Identifier: Apache-2.0
#include "os/pid.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/loop.h"
#include "os/socket.h"

#define THREADS 100

static void test_oneself(void)
{
	char name[16];

	prctl(PR_SET_NAME, "odd) name:\t1");
	os_comm_of(getpid(), name, sizeof(name));
	CHECK(!strcmp(name, "odd) name:\t1"));
	CHECK_EQ(os_pid_innermost(getpid()), getpid());
	CHECK_EQ(os_tgid_of(getpid()), getpid());
	CHECK_EQ(os_pid_here(getpid(), getpid()), getpid());
	CHECK_EQ(os_pid_here(getpid(), getppid()), getppid());
	CHECK_EQ(os_tid_here(getpid(), getpid()), getpid());
	CHECK_EQ(os_tid_here(getpid(), getppid()), -ESRCH);
	CHECK(os_pidns_of(0) != 0);
	CHECK(os_pidns_of(0) == os_pidns_of(getpid()));
}

static void test_gone(void)
{
	pid_t child = fork();
	char name[16];

	if (!child)
		_exit(0);
	CHECK(waitpid(child, NULL, 0) == child);
	os_comm_of(child, name, sizeof(name));
	CHECK(!strcmp(name, "?"));
	CHECK_EQ(os_pidns_of(child), 0);
	CHECK(os_pid_innermost(child) < 0);
	CHECK(os_tgid_of(child) < 0);
	CHECK_EQ(os_pid_here(child, 1), -ESRCH);
	CHECK_EQ(os_pidfd_open(child, false), -ESRCH);
}

static void test_stopped(void)
{
	pid_t child = fork();
	siginfo_t news;

	if (!child)
		for (;;)
			pause();
	CHECK(!os_is_stopped(child));
	CHECK(kill(child, SIGSTOP) == 0 && waitid(P_PID, (id_t)child, &news, WSTOPPED) == 0);
	CHECK(os_is_stopped(child));
	CHECK(kill(child, SIGCONT) == 0 && waitid(P_PID, (id_t)child, &news, WCONTINUED) == 0);
	CHECK(!os_is_stopped(child));
	CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
	CHECK(!os_is_stopped(child));
}

static char listening[64]; /* the name of a socket, of this process alone */

static bool is_there(int fd, const struct os_peer *peer)
{
	OS_CLEANUP_FD int pidfd = -1;

	return os_peer_is_there(fd, peer, &pidfd);
}

/* Whose connection it is: while the process that made it lives, and as the user that it was. */
static void test_peer(void)
{
	OS_CLEANUP_FD int listener = os_unix_listen(listening, OS_PACKET);
	OS_CLEANUP_FD int kept = os_unix_connect(listening, OS_PACKET, 1000);
	OS_CLEANUP_FD int own = os_unix_accept(listener);
	OS_CLEANUP_FD int theirs = -1;
	struct os_peer peer, other;
	pid_t child;

	CHECK_OR_RETURN(os_unix_peer(own, &peer) == 0);
	os_peer_watch(own, &peer);
	CHECK(is_there(own, &peer));
	other = peer;
	other.uid++;
	CHECK(!is_there(own, &other));
	child = fork();
	if (!child)
		_exit(os_unix_connect(listening, OS_PACKET, 1000) < 0);
	CHECK_EQ(os_poll(listener, OS_READ, 5000), 0);
	theirs = os_unix_accept(listener);
	CHECK_OR_RETURN(os_unix_peer(theirs, &other) == 0);
	CHECK_EQ(other.pid, child);
	CHECK(waitpid(child, NULL, 0) == child);
	other.pid = getpid(); /* as if the number had come round */
	other.start = 1;
	CHECK(!is_there(theirs, &other));
	CHECK(is_there(own, &peer));
	CHECK_EQ(os_start_of(child), 0);
	CHECK(os_start_of(getpid()) > 0);
	CHECK_EQ(os_euid_of(getpid()), geteuid());
}

static void test_pidfd(void)
{
	OS_CLEANUP_FD int pidfd = -1;
	pid_t child = fork();

	if (!child) {
		pause();
		_exit(0);
	}
	pidfd = os_pidfd_open(child, false);
	CHECK_OR_RETURN(pidfd >= 0);
	CHECK_EQ(os_pidfd_pid(pidfd), child);
	CHECK_EQ(os_pidfd_signal(pidfd, 0), 0);
	CHECK_EQ(os_pidfd_signal(pidfd, SIGKILL), 0);
	waitpid(child, NULL, 0);
	CHECK_EQ(os_pidfd_pid(pidfd), -ESRCH);
	CHECK_EQ(os_pidfd_signal(pidfd, SIGKILL), -ESRCH);
}

static void *second_thread(void *arg)
{
	_Atomic pid_t *tid = arg;

	*tid = (pid_t)syscall(SYS_gettid);
	pause();
	return NULL;
}

/* Process 1 of a new namespace with a second thread; tells by the pipe what that calls itself. */
static void run_inner(int out)
{
	_Atomic pid_t tid = 0;
	pthread_t thread;
	pid_t told;

	for (int i = 0; i < THREADS; i++) {
		tid = 0;
		if (pthread_create(&thread, NULL, second_thread, (void *)&tid))
			_exit(1);
		while (!tid)
			sched_yield();
	}
	told = tid;
	if (write(out, &told, sizeof(told)) != sizeof(told))
		_exit(1);
	for (;;)
		pause();
}

/* Reads of this process so far; -1: the kernel does not count them. */
static long reads_so_far(void)
{
	char text[256] = "";
	OS_CLEANUP_FD int fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
	const char *at;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	at = strstr(text, "syscr:");
	return at ? strtol(at + strlen("syscr:"), NULL, 10) : -1;
}

/* A look at every thread would be as many reads at least. */
static void check_cost(pid_t inner, pid_t ns_tid)
{
	long before = reads_so_far();

	CHECK(os_tid_here(inner, ns_tid) > 0);
	CHECK(os_pid_here(inner, ns_tid) > 0);
	CHECK(os_tid_here(inner, 9999) < 0);
	if (before >= 0)
		CHECK(reads_so_far() - before < THREADS / 2);
}

static void check_inner(pid_t inner, pid_t ns_tid)
{
	pid_t tid = os_tid_search(inner, ns_tid);

	CHECK_EQ(os_pid_innermost(inner), 1);
	CHECK(os_pidns_of(inner) != os_pidns_of(0));
	CHECK_EQ(os_tid_search(inner, 1), inner);
	CHECK_EQ(os_pid_search(inner, 1), inner);
	CHECK_EQ(os_tid_search(inner, 9999), -ESRCH);
	CHECK_EQ(os_pid_search(inner, 9999), -ESRCH);
	CHECK_EQ(os_pid_here(inner, 1), inner);
	CHECK_EQ(os_tid_here(inner, 1), inner);
	CHECK_OR_RETURN(tid > 0);
	CHECK(tid != inner);
	CHECK_EQ(os_tgid_of(tid), inner);
	CHECK_EQ(os_pid_innermost(tid), ns_tid);
	CHECK_EQ(os_pid_search(inner, ns_tid), tid);
	if (os_pid_here(inner, ns_tid) == -ENOSYS) {
		test_skip("this kernel does not translate pids");
		return;
	}
	CHECK_EQ(os_tid_here(inner, ns_tid), tid);
	CHECK_EQ(os_pid_here(inner, ns_tid), tid);
	CHECK_EQ(os_tid_here(inner, 9999), -ESRCH);
	CHECK_EQ(os_pid_here(inner, 9999), -ESRCH);
	check_cost(inner, ns_tid);
}

static void test_other_namespace(void)
{
	pid_t inner = 0, ns_tid = 0, middle;
	int tids[2], pids[2];

	if (geteuid() != 0) {
		test_skip("a pid namespace needs root");
		return;
	}
	CHECK_OR_RETURN(!pipe(tids) && !pipe(pids));
	middle = fork();
	if (!middle) {
		if (unshare(CLONE_NEWPID) < 0)
			_exit(1);
		inner = fork();
		if (!inner)
			run_inner(tids[1]);
		if (write(pids[1], &inner, sizeof(inner)) != sizeof(inner))
			_exit(1);
		waitpid(inner, NULL, 0);
		_exit(0);
	}
	CHECK_EQ(os_read_full(pids[0], &inner, sizeof(inner), 5000), 0);
	CHECK_EQ(os_read_full(tids[0], &ns_tid, sizeof(ns_tid), 5000), 0);
	if (inner > 0) {
		check_inner(inner, ns_tid);
		kill(inner, SIGKILL);
	}
	waitpid(middle, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(tids[i]);
		close(pids[i]);
	}
}

/* On kernels before 6.5. From here on in this program. */
static void test_peer_by_start_time(void)
{
	OS_CLEANUP_FD int listener = os_unix_listen(listening, OS_PACKET);
	OS_CLEANUP_FD int theirs = -1;
	struct os_peer peer, other;
	pid_t child;

	os_peer_without_pidfd();
	child = fork();
	if (!child) {
		if (os_unix_connect(listening, OS_PACKET, 1000) >= 0)
			pause();
		_exit(1);
	}
	CHECK_EQ(os_poll(listener, OS_READ, 5000), 0);
	theirs = os_unix_accept(listener);
	CHECK_OR_RETURN(os_unix_peer(theirs, &peer) == 0);
	os_peer_watch(theirs, &peer);
	CHECK_EQ(peer.start, os_start_of(child));
	CHECK(is_there(theirs, &peer));
	other = peer;
	other.uid++;
	CHECK(!is_there(theirs, &other));
	/* Not watched while it lived: nothing is known of it. */
	other = peer;
	other.start = 0;
	CHECK(!is_there(theirs, &other));
	/* As if its number were that of a process which began at another time. */
	other = peer;
	other.start--;
	CHECK(!is_there(theirs, &other));
	kill(child, SIGKILL);
	CHECK(waitpid(child, NULL, 0) == child);
	CHECK(!is_there(theirs, &peer));
}

static bool child_connects(int domain, int type)
{
	int ready[2];
	char byte;

	CHECK_EQ(pipe(ready), 0);
	pid_t child = fork();

	if (!child) {
		int fd = socket(domain, type, 0);

		if (fd >= 0 && type == SOCK_DGRAM)
			close(fd);
		if (write(ready[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	bool connects = os_pid_connects_here(child);

	kill(child, SIGKILL);
	CHECK(waitpid(child, NULL, 0) == child);
	close(ready[0]);
	close(ready[1]);
	return connects;
}

/* A socket that a process has made and not connected yet may be one to us; one of another kind is not. */
static void test_connects(void)
{
	CHECK(child_connects(AF_UNIX, SOCK_SEQPACKET));
	CHECK(!child_connects(AF_UNIX, SOCK_STREAM)); /* we listen for packets */
	CHECK(!child_connects(AF_UNIX, SOCK_DGRAM));  /* closed again */
	CHECK(!child_connects(AF_INET, SOCK_STREAM));
}

static pid_t sleeper(void)
{
	pid_t child = fork();

	if (!child)
		pause();
	return child;
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* Between keep and let go the descriptors are those of the process that is asked for, and nothing is left behind. */
static void test_keep(void)
{
	pid_t first = sleeper(), second = sleeper();
	int lowest = dup(0);

	os_pid_keep();
	os_pid_keep();
	for (int i = 0; i < 4; i++) {
		int fd = os_pid_descriptor(i % 2 ? first : second, 0);

		CHECK(fd >= 0);
		close(fd);
		CHECK_EQ(os_pid_descriptor(first, 1000), -EBADF);
	}
	end(first);
	CHECK_EQ(os_pid_descriptor(first, 0), -ESRCH);
	end(second);
	CHECK_EQ(os_pid_descriptor(second, 0), -ESRCH);
	os_pid_let_go();
	os_pid_let_go();
	close(lowest);
	CHECK_EQ(dup(0), lowest);
	CHECK_EQ(dup(0), lowest + 1);
	close(lowest);
	close(lowest + 1);
}

static void test_exit_status(void)
{
	pid_t child = fork();
	siginfo_t info;

	if (!child)
		_exit(7);
	CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(os_exit_status_of(child), 7 << 8);
	waitpid(child, NULL, 0);
	CHECK_EQ(os_exit_status_of(child), -1);
	CHECK_EQ(os_exit_status_of(getpid()), -1);
}

int main(void)
{
	snprintf(listening, sizeof(listening), "@dvs-pid-test-%d", (int)getpid());
	alarm(20);
	TEST(test_oneself);
	TEST(test_gone);
	TEST(test_stopped);
	TEST(test_pidfd);
	TEST(test_peer);
	TEST(test_connects);
	TEST(test_keep);
	TEST(test_exit_status);
	TEST(test_other_namespace);
	TEST(test_peer_by_start_time);
	return test_end();
}
