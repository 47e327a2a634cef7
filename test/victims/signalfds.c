/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that signals are read from: masks, flags, signals that wait in them, a thread that waits for one. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "victims/victim.h"

static int awaited; /* one that a thread reads */
static uint32_t signals_read;

static int make(int one, int other, int flags)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, one);
	if (other)
		sigaddset(&set, other);
	int fd = signalfd(-1, &set, flags);

	VICTIM_CHECK(fd >= 0);
	return fd;
}

/* The next signal and its value; 0: there is none. */
static int take(int fd, int *value)
{
	struct signalfd_siginfo info = { 0 };

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	*value = info.ssi_int;
	return (int)info.ssi_signo;
}

static void *in_read(void *unused)
{
	int value = 0;

	while (value != -1) {
		VICTIM_CHECK(take(awaited, &value) == SIGUSR2);
		__atomic_add_fetch(&signals_read, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

static void send(int signal, int value)
{
	VICTIM_CHECK(sigqueue(getpid(), signal, (union sigval){ .sival_int = value }) == 0);
}

static void send_all(void)
{
	send(SIGRTMIN, 11);
	send(SIGRTMIN, 12);
	send(SIGUSR1, 13);
}

int main(void)
{
	pthread_t reader;
	sigset_t set;

	victim_begin();
	sigemptyset(&set);
	for (int signal = SIGRTMIN; signal <= SIGRTMIN + 1; signal++)
		sigaddset(&set, signal);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int both = make(SIGRTMIN, SIGUSR1, SFD_NONBLOCK | SFD_CLOEXEC),
	    other = make(SIGRTMIN + 1, 0, SFD_NONBLOCK);

	awaited = make(SIGUSR2, 0, 0);
	pthread_create(&reader, NULL, in_read, NULL);
	send_all();
	victim_ready();
	while (victim_moved()) {
		uint32_t before = __atomic_load_n(&signals_read, __ATOMIC_ACQUIRE);
		int value = 0;

		VICTIM_CHECK(fcntl(both, F_GETFD) == FD_CLOEXEC &&
			     fcntl(both, F_GETFL) == (O_RDWR | O_NONBLOCK));
		VICTIM_CHECK(take(other, &value) == 0 && errno == EAGAIN);
		VICTIM_CHECK(take(both, &value) == SIGUSR1 && value == 13);
		VICTIM_CHECK(take(both, &value) == SIGRTMIN && value == 11);
		VICTIM_CHECK(take(both, &value) == SIGRTMIN && value == 12);
		VICTIM_CHECK(take(both, &value) == 0 && errno == EAGAIN);
		send_all();
		send(SIGUSR2, 5);
		VICTIM_CHECK(victim_counts(&signals_read, before + 1));
	}
	send(SIGUSR2, -1);
	pthread_join(reader, NULL);
	return victim_end();
}
