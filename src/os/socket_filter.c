/* SPDX-License-Identifier: Apache-2.0 */
#include "os/socket_filter.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

_Static_assert(sizeof(struct sock_filter) == OS_SOCKET_FILTER_BYTES, "layout");

/* The kernel counts instructions, also where others count bytes. */
int os_socket_filter_count(int fd)
{
	socklen_t count = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &count))
		return -errno;
	return count > OS_SOCKET_FILTER_MOST ? -E2BIG : (int)count;
}

int os_socket_filter_look(int fd, uint8_t *code, uint32_t count)
{
	socklen_t room = count;

	assert(count && count <= OS_SOCKET_FILTER_MOST);
	return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, code, &room) ? -errno : 0;
}

int os_socket_filter_give(int fd, const uint8_t *code, uint32_t count)
{
	struct sock_filter filter[OS_SOCKET_FILTER_MOST];
	const struct sock_fprog program = { (unsigned short)count, filter };

	assert(count && count <= OS_SOCKET_FILTER_MOST);
	memcpy(filter, code, count * sizeof(filter[0]));
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}
