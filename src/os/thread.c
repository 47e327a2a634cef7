/* SPDX-License-Identifier: Apache-2.0 */
#include "os/thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/single_threaded.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/lock.h"

int os_thread_id(void)
{
	return gettid();
}

int os_process_id(void)
{
	return getpid();
}

void os_signals_block(sigset_t *kept)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, kept);
}

void os_signals_restore(const sigset_t *kept)
{
	pthread_sigmask(SIG_SETMASK, kept, NULL);
}

void os_signals_block_timers(sigset_t *kept)
{
	sigset_t some;

	sigemptyset(&some);
	sigaddset(&some, SIGALRM);
	sigaddset(&some, SIGIO);
	sigaddset(&some, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &some, kept);
}

int os_thread_hold_cancel(void)
{
	int kept;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &kept);
	return kept;
}

void os_thread_restore_cancel(int kept)
{
	pthread_setcancelstate(kept, NULL);
}

bool os_thread_is_only(void)
{
	return __libc_single_threaded;
}

unsigned os_thread_cpu(void)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : (unsigned)cpu;
}

void os_thread_yield(void)
{
	sched_yield();
}

int os_thread_sleep_ns(int64_t ns)
{
	struct timespec time = os_timespec(ns < 0 ? 0 : ns);

	os_lock_wait_begins("os_thread_sleep_ns()");
	return -clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

int os_thread_sleep_with(int64_t ns, const sigset_t *mask)
{
	struct timespec time = os_timespec(ns < 0 ? 0 : ns);

	return ppoll(NULL, 0, &time, mask) < 0 ? -errno : 0;
}

int os_thread_wait_readable(int fd, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int r;

	if (timeout_ms)
		os_lock_wait_begins("os_thread_wait_readable()");
	r = poll(&wait, 1, timeout_ms);

	if (r < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}

int os_process_copy(int pid, void *here, uint64_t there, size_t bytes, bool into)
{
	os_lock_wait_begins("os_process_copy()");
	while (bytes) {
		struct iovec near = { .iov_base = here, .iov_len = bytes };
		struct iovec far = { .iov_base = (void *)(uintptr_t)there, .iov_len = bytes };
		ssize_t done = into ? process_vm_readv(pid, &near, 1, &far, 1, 0)
				    : process_vm_writev(pid, &near, 1, &far, 1, 0);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EFAULT;
		here = (char *)here + done;
		there += (uint64_t)done;
		bytes -= (size_t)done;
	}
	return 0;
}
