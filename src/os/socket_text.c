/* SPDX-License-Identifier: Apache-2.0 */
#include "os/socket.h"

#include <stddef.h>
#include <sys/socket.h>

#define MPTCP 262

static const struct socket_name {
	int domain, type, protocol; /* -1: any */
	const char *name;
} socket_names[] = {
	{ AF_INET, SOCK_STREAM, MPTCP, "an MPTCP socket" },
	{ AF_INET6, SOCK_STREAM, MPTCP, "an MPTCP socket" },
	{ AF_INET, SOCK_STREAM, -1, "a TCP socket" },
	{ AF_INET6, SOCK_STREAM, -1, "a TCP socket" },
	{ AF_INET, SOCK_DGRAM, -1, "a UDP socket" },
	{ AF_INET6, SOCK_DGRAM, -1, "a UDP socket" },
	{ AF_INET, SOCK_RAW, -1, "a raw socket" },
	{ AF_INET6, SOCK_RAW, -1, "a raw socket" },
	{ AF_UNIX, -1, -1, "a Unix socket that is connected by name" },
	{ AF_NETLINK, -1, -1, "a netlink socket" },
};

const char *os_socket_text(int fd)
{
	int domain = 0, type = 0, protocol = 0, listening = 0;
	socklen_t bytes = sizeof(int);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes);
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes);
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &bytes);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes);
	if (listening && type == SOCK_STREAM && (domain == AF_INET || domain == AF_INET6))
		return "a listening TCP socket";
	for (size_t i = 0; i < sizeof(socket_names) / sizeof(socket_names[0]); i++) {
		const struct socket_name *row = &socket_names[i];

		if (row->domain == domain && (row->type < 0 || row->type == type) &&
		    (row->protocol < 0 || row->protocol == protocol))
			return row->name;
	}
	return "a socket";
}
