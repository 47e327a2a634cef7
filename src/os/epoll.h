/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_EPOLL_H
#define DVS_OS_EPOLL_H

#include <stdbool.h>
#include <stdint.h>

/* Epoll instances. Errors are negative errnos. */

/* The events of an item; the numbers are the kernel's. */
enum os_epoll_event {
	OS_EPOLL_IN = 0x1,
	OS_EPOLL_PRIORITY = 0x2,
	OS_EPOLL_OUT = 0x4,
	OS_EPOLL_ERROR = 0x8,
	OS_EPOLL_HANGUP = 0x10,
	OS_EPOLL_PEER_HANGUP = 0x2000,
	OS_EPOLL_EXCLUSIVE = 1 << 28,
	OS_EPOLL_WAKEUP = 1 << 29,
	OS_EPOLL_ONCE = 1 << 30,
};
#define OS_EPOLL_EDGE	0x80000000u
/* How it waits; without any other one it waits for nothing. */
#define OS_EPOLL_MANNER (OS_EPOLL_EDGE | OS_EPOLL_ONCE | OS_EPOLL_WAKEUP | OS_EPOLL_EXCLUSIVE)

struct os_epoll_item {
	int number; /* of the descriptor when it was added */
	uint32_t events;
	uint64_t data;
	uint64_t inode; /* of the object that it waits for; 0: not known */
};

/* The next item of fdinfo; where to go on, or NULL: there is none. */
const char *os_epoll_next(const char *info, struct os_epoll_item *item);

/* The descriptor of a new one that waits for nothing, the caller's and close-on-exec. */
int os_epoll_new(void);

/* Whether it polls busily in a manner of its own (EPIOCSPARAMS). */
bool os_epoll_has_settings(int fd);

#endif
