/* SPDX-License-Identifier: Apache-2.0 */
#include "os/pollset.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "os/clock.h"
#include "os/socket.h"

int os_pollset_new(void)
{
	int set = epoll_create1(EPOLL_CLOEXEC);

	return set < 0 ? -errno : set;
}

static int pollset_control(int set, int operation, int fd, int events)
{
	struct epoll_event event = { .events = (events & OS_READ ? EPOLLIN : 0u) |
					       (events & OS_WRITE ? EPOLLOUT : 0u),
				     .data.fd = fd };

	assert(set >= 0);
	assert(!(events & ~(OS_READ | OS_WRITE)));
	return epoll_ctl(set, operation, fd, &event) < 0 ? -errno : 0;
}

int os_pollset_add(int set, int fd, int events)
{
	return pollset_control(set, EPOLL_CTL_ADD, fd, events);
}

int os_pollset_change(int set, int fd, int events)
{
	return pollset_control(set, EPOLL_CTL_MOD, fd, events);
}

void os_pollset_remove(int set, int fd)
{
	pollset_control(set, EPOLL_CTL_DEL, fd, 0);
}

int os_pollset_timer(int set, int delay_ms)
{
	struct itimerspec time = { .it_value = os_timespec(delay_ms * OS_MS_NS) };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int r = fd < 0 ? -errno : 0;

	assert(delay_ms > 0);
	if (!r && timerfd_settime(fd, 0, &time, NULL) < 0)
		r = -errno;
	if (!r)
		r = os_pollset_add(set, fd, OS_READ);
	if (r < 0) {
		os_close(fd);
		return r;
	}
	return fd;
}
