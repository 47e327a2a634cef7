/* SPDX-License-Identifier: Apache-2.0 */
#include "os/socket_room.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/time.h>

#define SO_BUF_LOCK_AT 72 /* SO_BUF_LOCK: which of the two sizes the program has chosen */

static int get(int fd, int option, void *value, socklen_t bytes)
{
	return getsockopt(fd, SOL_SOCKET, option, value, &bytes) ? -errno : 0;
}

static int set(int fd, int option, int value)
{
	return setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value)) ? -errno : 0;
}

int os_socket_room_widen(int fd, bool sending, uint32_t more, struct os_socket_room *before)
{
	*before = (struct os_socket_room){ .sending = sending };
	int r = get(fd, sending ? SO_SNDBUF : SO_RCVBUF, &before->bytes, sizeof(before->bytes));

	assert(more);
	if (r == 0)
		r = get(fd, SO_BUF_LOCK_AT, &before->chosen, sizeof(before->chosen));
	if (r == 0 && more > INT_MAX - before->bytes)
		return -EMSGSIZE;
	/* The kernel takes twice this number. */
	return r ? r
		 : set(fd, sending ? SO_SNDBUFFORCE : SO_RCVBUFFORCE,
		       (int)((before->bytes + more) / 2));
}

int os_socket_room_narrow(int fd, const struct os_socket_room *before)
{
	int r = set(fd, before->sending ? SO_SNDBUFFORCE : SO_RCVBUFFORCE,
		    (int)(before->bytes / 2));

	assert(before->bytes);
	return r ? r : set(fd, SO_BUF_LOCK_AT, (int)before->chosen);
}

bool os_socket_room_is_awaited(int fd)
{
	struct timeval limit = { 0 };
	int type = 0, flags = fcntl(fd, F_GETFL);

	assert(fd >= 0);
	return flags >= 0 && !(flags & O_NONBLOCK) && get(fd, SO_TYPE, &type, sizeof(type)) == 0 &&
	       type == SOCK_STREAM && get(fd, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
	       !limit.tv_sec && !limit.tv_usec;
}
