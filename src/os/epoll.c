/* SPDX-License-Identifier: Apache-2.0 */
#include "os/epoll.h"

#include <assert.h>
#include <errno.h>
#include <linux/ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

_Static_assert((int)OS_EPOLL_IN == (int)EPOLLIN && (int)OS_EPOLL_PRIORITY == (int)EPOLLPRI &&
		       (int)OS_EPOLL_OUT == (int)EPOLLOUT && (int)OS_EPOLL_ERROR == (int)EPOLLERR &&
		       (int)OS_EPOLL_HANGUP == (int)EPOLLHUP &&
		       (int)OS_EPOLL_PEER_HANGUP == (int)EPOLLRDHUP &&
		       (int)OS_EPOLL_EXCLUSIVE == (int)EPOLLEXCLUSIVE &&
		       (int)OS_EPOLL_WAKEUP == (int)EPOLLWAKEUP &&
		       (int)OS_EPOLL_ONCE == (int)EPOLLONESHOT &&
		       OS_EPOLL_EDGE == (uint32_t)EPOLLET,
	       "numbers");

/* As the kernel has it from 6.9 on, and the libraries do later. */
struct settings {
	uint32_t busy_us;
	uint16_t budget;
	uint8_t prefer, pad;
};
#define GET_SETTINGS _IOR(0x8A, 0x02, struct settings)

const char *os_epoll_next(const char *info, struct os_epoll_item *item)
{
	unsigned long long data, inode = 0;

	assert(info);
	for (const char *at = strstr(info, "tfd:"); at; at = strstr(at + 1, "tfd:"))
		if (sscanf(at, "tfd: %d events: %x data: %llx pos:%*d ino:%llx", &item->number,
			   &item->events, &data, &inode) >= 3) {
			item->data = data;
			item->inode = inode;
			return at + 1;
		}
	return NULL;
}

int os_epoll_new(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

bool os_epoll_has_settings(int fd)
{
	struct settings settings = { 0 };

	return ioctl(fd, GET_SETTINGS, &settings) == 0 &&
	       (settings.busy_us || settings.budget || settings.prefer);
}
