/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that send signals (O_ASYNC, F_SETOWN_EX, F_SETSIG): to the process, to a thread, to a group, by SIGIO; an
 * urgent byte without O_ASYNC; watches; and leases, which tell of a process that wants the file: one
 * that was told already is not told again.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "victims/victim.h"

static int to_process[2], to_thread[2], to_group[2], plain[2];
static int watched, leased, breaking, stop[2];
static pid_t thread_id;
static char file[] = "/tmp/dvs-victim-leased-XXXXXX";
static char other[] = "/tmp/dvs-victim-leased-XXXXXX";
static volatile sig_atomic_t got[65], of[65];

static void on_signal(int signal, siginfo_t *info, void *unused)
{
	(void)unused;
	of[signal] = info->si_code == SI_KERNEL ? -1 : info->si_fd;
	got[signal]++;
}

static bool await(int signal, int count)
{
	for (int ms = 0; ms < 2000 && got[signal] < count; ms++)
		victim_nap();
	return got[signal] == count;
}

static void own(int fd, int type, pid_t pid, int signal)
{
	struct f_owner_ex owner = { type, pid };

	VICTIM_CHECK(fcntl(fd, F_SETOWN_EX, &owner) == 0 && fcntl(fd, F_SETSIG, signal) == 0);
	VICTIM_CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC) == 0);
}

static bool is_owned(int fd, int type, pid_t pid, int signal)
{
	struct f_owner_ex owner;

	return fcntl(fd, F_GETOWN_EX, &owner) == 0 && (int)owner.type == type && owner.pid == pid &&
	       fcntl(fd, F_GETSIG) == signal && fcntl(fd, F_GETFL) & O_ASYNC;
}

static void *in_thread(void *unused)
{
	char byte;

	__atomic_store_n(&thread_id, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	while (read(stop[0], &byte, 1) < 0)
		VICTIM_CHECK(errno == EINTR);
	return unused;
}

static void handle(int signal)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_RESTART };

	VICTIM_CHECK(sigaction(signal, &action, NULL) == 0);
}

static void build(void)
{
	for (int i = 0; i < 6; i++)
		handle(SIGRTMIN + i);
	handle(SIGIO);
	handle(SIGURG);
	VICTIM_CHECK(pipe(to_process) == 0 && pipe(to_group) == 0);
	VICTIM_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, to_thread) == 0 &&
		     socketpair(AF_UNIX, SOCK_STREAM, 0, plain) == 0);
	own(to_process[0], F_OWNER_PID, getpid(), SIGRTMIN);
	own(to_thread[0], F_OWNER_TID, thread_id, SIGRTMIN + 1);
	own(to_group[0], F_OWNER_PGRP, getpgrp(), 0);
	VICTIM_CHECK(fcntl(plain[0], F_SETOWN, getpid()) == 0);
	VICTIM_CHECK(close(mkstemp(file)) == 0);
	watched = inotify_init1(IN_NONBLOCK);
	VICTIM_CHECK(inotify_add_watch(watched, file, IN_ATTRIB) == 1);
	own(watched, F_OWNER_PID, getpid(), SIGRTMIN + 3);
	leased = open(file, O_RDONLY);
	VICTIM_CHECK(fcntl(leased, F_SETLEASE, F_RDLCK) == 0 &&
		     fcntl(leased, F_SETSIG, SIGRTMIN + 4) == 0);
	VICTIM_CHECK(close(mkstemp(other)) == 0);
	breaking = open(other, O_RDONLY);
}

/* Somebody wants that one, and the process has not given it up yet. */
static void begin_breaking(int round)
{
	VICTIM_CHECK(fcntl(breaking, F_SETLEASE, F_RDLCK) == 0 &&
		     fcntl(breaking, F_SETSIG, SIGRTMIN + 5) == 0);
	VICTIM_CHECK(open(other, O_WRONLY | O_NONBLOCK) < 0 && errno == EWOULDBLOCK);
	VICTIM_CHECK(await(SIGRTMIN + 5, round));
}

static void check_breaking(int round)
{
	VICTIM_CHECK(fcntl(breaking, F_GETLEASE) == F_UNLCK);
	VICTIM_CHECK(open(other, O_WRONLY | O_NONBLOCK) < 0 && errno == EWOULDBLOCK);
	VICTIM_CHECK(await(SIGRTMIN + 5, round));
	VICTIM_CHECK(fcntl(breaking, F_SETLEASE, F_UNLCK) == 0);
	close(open(other, O_WRONLY | O_NONBLOCK));
	begin_breaking(round + 1);
}

static void check_lease(int round)
{
	VICTIM_CHECK(fcntl(leased, F_GETLEASE) == F_RDLCK);
	VICTIM_CHECK(fcntl(leased, F_GETOWN) == getpid());
	VICTIM_CHECK(open(file, O_WRONLY | O_NONBLOCK) < 0 && errno == EWOULDBLOCK);
	VICTIM_CHECK(await(SIGRTMIN + 4, round) && of[SIGRTMIN + 4] == leased);
	VICTIM_CHECK(fcntl(leased, F_SETLEASE, F_UNLCK) == 0 &&
		     fcntl(leased, F_SETLEASE, F_RDLCK) == 0 &&
		     fcntl(leased, F_SETSIG, SIGRTMIN + 4) == 0);
}

static void check(int round)
{
	char bytes[256];

	VICTIM_CHECK(is_owned(to_process[0], F_OWNER_PID, getpid(), SIGRTMIN));
	VICTIM_CHECK(write(to_process[1], "x", 1) == 1 && await(SIGRTMIN, round) &&
		     of[SIGRTMIN] == to_process[0]);
	VICTIM_CHECK(is_owned(to_thread[0], F_OWNER_TID, thread_id, SIGRTMIN + 1));
	VICTIM_CHECK(write(to_thread[1], "x", 1) == 1 && await(SIGRTMIN + 1, round) &&
		     of[SIGRTMIN + 1] == to_thread[0]);
	VICTIM_CHECK(is_owned(to_group[0], F_OWNER_PGRP, getpgrp(), 0));
	VICTIM_CHECK(write(to_group[1], "x", 1) == 1 && await(SIGIO, round));
	VICTIM_CHECK(fcntl(plain[0], F_GETOWN) == getpid() &&
		     !(fcntl(plain[0], F_GETFL) & O_ASYNC));
	VICTIM_CHECK(send(plain[1], "u", 1, MSG_OOB) == 1 && await(SIGURG, round));
	VICTIM_CHECK(recv(plain[0], bytes, 1, MSG_OOB) == 1);
	VICTIM_CHECK(is_owned(watched, F_OWNER_PID, getpid(), SIGRTMIN + 3));
	VICTIM_CHECK(utimensat(AT_FDCWD, file, NULL, 0) == 0 && await(SIGRTMIN + 3, round) &&
		     of[SIGRTMIN + 3] == watched);
	VICTIM_CHECK(read(watched, bytes, sizeof(bytes)) > 0);
	VICTIM_CHECK(read(to_process[0], bytes, 1) == 1 && read(to_thread[0], bytes, 1) == 1 &&
		     read(to_group[0], bytes, 1) == 1);
	check_lease(round);
	check_breaking(round);
}

int main(void)
{
	pthread_t thread;

	victim_begin();
	VICTIM_CHECK(pipe(stop) == 0);
	pthread_create(&thread, NULL, in_thread, NULL);
	while (!__atomic_load_n(&thread_id, __ATOMIC_ACQUIRE))
		victim_nap();
	build();
	begin_breaking(1);
	victim_ready();
	for (int round = 1; victim_moved(); round++)
		check(round);
	VICTIM_CHECK(write(stop[1], "x", 1) == 1);
	pthread_join(thread, NULL);
	unlink(file);
	unlink(other);
	return victim_end();
}
