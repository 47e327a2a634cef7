/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that cannot be carried, refused by the name people know it by. */
#include "migrate/kind.h"

#include <string.h>

#include "dvk/errors.h"
#include "os/pid.h"
#include "os/kernel.h"

static const struct socket_name {
	int domain, type, protocol; /* -1: any */
	const char *name;
} socket_names[] = {
	{ AF_INET, SOCK_STREAM, 262, "an MPTCP socket" },
	{ AF_INET6, SOCK_STREAM, 262, "an MPTCP socket" },
	{ AF_INET, SOCK_STREAM, -1, "a TCP socket" },
	{ AF_INET6, SOCK_STREAM, -1, "a TCP socket" },
	{ AF_INET, SOCK_DGRAM, -1, "a UDP socket" },
	{ AF_INET6, SOCK_DGRAM, -1, "a UDP socket" },
	{ AF_INET, SOCK_RAW, -1, "a raw socket" },
	{ AF_INET6, SOCK_RAW, -1, "a raw socket" },
	{ AF_UNIX, -1, -1, "a Unix socket" },
	{ AF_NETLINK, -1, -1, "a netlink socket" },
	{ AF_PACKET, -1, -1, "a packet socket" },
};

static const char *name_socket(int fd)
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

static const char *socket_name(pid_t pid, int number)
{
	int fd = os_pid_descriptor(pid, number);
	const char *name = fd < 0 ? "a socket (TCP, UDP or another kind)" : name_socket(fd);

	if (fd >= 0)
		close(fd);
	return name;
}

/* What stands behind a link that is no path; NULL: a path. */
static const char *object_name(pid_t pid, int number, const char *link)
{
	static const struct {
		const char *prefix, *name;
	} known[] = {
		{ "anon_inode:[eventpoll]", "an epoll instance" },
		{ "anon_inode:[timerfd]", "a timerfd" },
		{ "anon_inode:[signalfd]", "a signalfd" },
		{ "anon_inode:inotify", "an inotify instance" },
		{ "anon_inode:[fanotify]", "a fanotify group" },
		{ "anon_inode:[pidfd]", "a pidfd" },
		{ "pidfd:", "a pidfd" },
		{ "anon_inode:[io_uring]", "an io_uring" },
		{ "anon_inode:[perf_event]", "a perf event" },
		{ "anon_inode:[userfaultfd]", "a userfaultfd" },
		{ "anon_inode:bpf", "a BPF object" },
		{ "anon_inode:[landlock", "a Landlock ruleset" },
		{ "anon_inode:seccomp", "a seccomp listener" },
		{ "anon_inode:", "a kernel object" },
		{ "(unreachable)", "a file that lies outside its root directory" },
		{ "/SYSV", "a System V shared memory segment" },
	};

	if (strncmp(link, "socket:[", 8) == 0)
		return socket_name(pid, number);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(link, known[i].prefix, strlen(known[i].prefix)) == 0)
			return known[i].name;
	}
	return link[0] == '/' ? NULL : "a kernel object";
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	const char *what = object_name(seen->pid, seen->number, seen->link);

	(void)image;
	if (!what)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process has %s open (descriptor %d), which cannot move to another "
			   "node",
			   what, seen->number);
}

/* No image has one: only find() is asked. */
const struct kind kind_refused = { .name = "a kernel object", .find = find };
