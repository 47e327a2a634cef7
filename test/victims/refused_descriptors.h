/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>

#include "victims/refused.h"

/* The kinds of `refused` that are a descriptor of no file. */

static const struct sockaddr_in anywhere = { .sin_family = AF_INET };

static int tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	NEED(bind(fd, (const struct sockaddr *)&anywhere, sizeof(anywhere)) == 0);
	return fd;
}

/* Two ends of a connection that a listener's queue has. */
static int call(int server)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	NEED(listen(server, 5) == 0);
	getsockname(server, (struct sockaddr *)&address, &length);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(connect(client, (struct sockaddr *)&address, length) == 0);
	return client;
}

static void tcp_waiting(void)
{
	const struct linger at_once = { 1, 0 };
	int server = tcp(), client = call(server);

	/* The queue has it still when it has ended. */
	setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(client);
}

static int udp(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	NEED(bind(fd, (const struct sockaddr *)&anywhere, sizeof(anywhere)) == 0);
	getsockname(fd, (struct sockaddr *)&address, &length);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(connect(fd, (struct sockaddr *)&address, length) == 0);
	return fd;
}

static void udp_part(void)
{
	NEED(send(udp(), "x", 1, MSG_MORE) == 1);
}

/* It has its port with another one. */
static void udp_shared(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	     getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
	     bind(other, (struct sockaddr *)&address, sizeof(address)) == 0);
	NEED(sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)) == 1);
}

static void raw_connected(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
}

/* A process in a session of its own keeps one end alone. */
static void leave_reader(const int ends[2])
{
	pid_t self = getpid(), child = fork();

	if (child == 0) {
		setsid();
		if (fork())
			_exit(0);
		close(ends[1]);
		while (kill(self, 0) == 0)
			usleep(10000);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	close(ends[0]);
}

static void tcp_connected(void)
{
	int server = tcp(), client = call(server);
	const int ends[2] = { accept(server, NULL, NULL), client };

	close(server);
	leave_reader(ends);
}

static void tcp_urgent(void)
{
	int server = tcp(), client = call(server);

	NEED(accept(server, NULL, NULL) >= 0 && send(client, "u", 1, MSG_OOB) == 1);
}

/* The kernel gives the server an abstract name, and a connection waits. */
static void leave_waiting(int *server, int *client)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t bytes = sizeof(name);

	*server = socket(AF_UNIX, SOCK_STREAM, 0);
	*client = socket(AF_UNIX, SOCK_STREAM, 0);
	NEED(bind(*server, (const struct sockaddr *)&name, sizeof(sa_family_t)) == 0 &&
	     listen(*server, 5) == 0 && fcntl(*client, F_SETFL, O_NONBLOCK) == 0);
	NEED(getsockname(*server, (struct sockaddr *)&name, &bytes) == 0 &&
	     connect(*client, (const struct sockaddr *)&name, bytes) == 0);
}

static void unix_waiting(void)
{
	int server, client;

	leave_waiting(&server, &client);
	close(client);
}

static void unix_waiting_bytes(void)
{
	int server, client;

	leave_waiting(&server, &client);
	NEED(send(client, "x", 1, 0) == 1);
}

/* The server is another process's, which does not move. */
static void unix_not_accepted(void)
{
	int ends[2];

	leave_waiting(&ends[0], &ends[1]);
	leave_reader(ends);
}

/* Both ends of a connection have a name. */
static void unix_connected(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t bytes = sizeof(name);
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);

	NEED(bind(server, (const struct sockaddr *)&name, sizeof(sa_family_t)) == 0 &&
	     bind(client, (const struct sockaddr *)&name, sizeof(sa_family_t)) == 0 &&
	     listen(server, 5) == 0);
	NEED(getsockname(server, (struct sockaddr *)&name, &bytes) == 0 &&
	     connect(client, (const struct sockaddr *)&name, bytes) == 0);
	NEED(accept(server, NULL, NULL) >= 0);
	close(server);
}

static void make_pair(int pair[2])
{
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
}

static void unix_pair_shared(void)
{
	int pair[2];

	make_pair(pair);
	leave_reader(pair);
}

static void send_rights(int socket, int fd)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec io = { "x", 1 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
	NEED(sendmsg(socket, &message, 0) == 1);
}

/* A socket in its own queue. */
static void unix_pair_rights(void)
{
	int pair[2];

	make_pair(pair);
	send_rights(pair[0], pair[1]);
}

static void unix_pair_option(void)
{
	int pair[2], on = 1;

	make_pair(pair);
	NEED(setsockopt(pair[0], SOL_SOCKET, SO_PRIORITY, &on, sizeof(on)) == 0);
}

/* An epoll instance that nothing but the queue has open. */
static void unix_pair_alone(void)
{
	int pair[2], fd = epoll_create1(0);

	make_pair(pair);
	send_rights(pair[0], fd);
	close(fd);
}

/* The sender has ended. */
static void unix_pair_credentials(void)
{
	int pair[2], on = 1;

	make_pair(pair);
	NEED(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
	pid_t child = fork();

	if (child == 0)
		_exit(send(pair[0], "x", 1, 0) != 1);
	NEED(child > 0 && waitpid(child, &on, 0) == child && on == 0);
}

/* Its option number is 76 (SO_PASSPIDFD). */
static void unix_pair_pidfd(void)
{
	int pair[2], on = 1;

	make_pair(pair);
	NEED(setsockopt(pair[0], SOL_SOCKET, 76, &on, sizeof(on)) == 0);
}

static void unix_pair_urgent(void)
{
	int pair[2];

	make_pair(pair);
	NEED(send(pair[0], "u", 1, MSG_OOB) == 1);
}

/* An answer of the kernel that is not read: all interfaces. */
static void netlink(void)
{
	const struct {
		uint32_t bytes;
		uint16_t type, flags;
		uint32_t number, port;
		uint8_t family[4];
	} question = {
		sizeof(question), 18 /* RTM_GETLINK */, 0x301 /* NLM_F_DUMP */, 1, 0, { 0 }
	};
	int fd = socket(AF_NETLINK, SOCK_RAW, 0);

	NEED(fd >= 0 && send(fd, &question, sizeof(question), 0) == (ssize_t)sizeof(question));
}

static void netlink_generic(void)
{
	NEED(socket(AF_NETLINK, SOCK_RAW, 16) >= 0);
}

static void pipes(void)
{
	int ends[2];

	NEED(pipe(ends) == 0);
	leave_reader(ends);
}

static void fifo(void)
{
	const char *name = make_own_name();
	int ends[2];

	NEED(mkfifo(name, 0600) == 0 && (ends[0] = open(name, O_RDONLY | O_NONBLOCK)) >= 0 &&
	     (ends[1] = open(name, O_WRONLY)) >= 0);
	leave_reader(ends);
}

/* Another process has the master, as where a user's own terminal is used. */
static int leave_master(int flags)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	NEED(master >= 0 && unlockpt(master) == 0);
	int slave = open(ptsname(master), O_RDWR | flags);

	NEED(slave >= 0);
	leave_reader((const int[2]){ master, slave });
	return slave;
}

static void terminal(void)
{
	leave_master(O_NOCTTY);
}

static void controlling_terminal(void)
{
	close(leave_master(0));
}

/* The other way round. */
static void terminal_master(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	NEED(master >= 0 && unlockpt(master) == 0);
	leave_reader((const int[2]){ open(ptsname(master), O_RDWR | O_NOCTTY), master });
}

static void terminal_status(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), on = 1;

	NEED(master >= 0 && unlockpt(master) == 0 && ioctl(master, TIOCPKT, &on) == 0);
	NEED(tcflush(open(ptsname(master), O_RDWR | O_NOCTTY), TCIOFLUSH) == 0);
}

static int waits_for(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epoll = epoll_create1(0);

	NEED(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
	return epoll;
}

/* Nothing but a queue has it open. */
static void epoll_closed(void)
{
	int fd = eventfd(0, 0), pair[2];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec io = { "x", 1 };
	const struct msghdr message = { .msg_iov = &io,
					.msg_iovlen = 1,
					.msg_control = &control,
					.msg_controllen = sizeof(control) };

	waits_for(fd, EPOLLIN);
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	make_pair(pair);
	NEED(sendmsg(pair[0], &message, 0) == 1);
	close(fd);
}

static void epoll_fired(void)
{
	struct epoll_event event;
	int ends[2];
	char byte;

	NEED(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
	NEED(epoll_wait(waits_for(ends[0], EPOLLIN | EPOLLONESHOT), &event, 1, 0) == 1);
	NEED(read(ends[0], &byte, 1) == 1);
}

/* Expired, or its clock was set: the program alone can tell. */
static void timer_cancelled(void)
{
	const struct itimerspec past = { .it_value = { 1, 0 } };
	int fd = timerfd_create(CLOCK_REALTIME, 0);

	NEED(fd >= 0 &&
	     timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &past, NULL) == 0);
}

/* A file that has no name any more, and is open. */
static void inotify(void)
{
	char name[] = "/tmp/dvs-victim-watched-XXXXXX";

	NEED(mkstemp(name) >= 0 && inotify_add_watch(inotify_init(), name, IN_MODIFY) > 0);
	unlink(name);
}

static void fanotify(void)
{
	NEED(syscall(SYS_fanotify_init, 0, O_RDONLY) >= 0);
}

static void pid_fd(void)
{
	NEED(syscall(SYS_pidfd_open, 1, 0) >= 0);
}

static void uring(void)
{
	uint32_t params[30] = { 0 };

	NEED(syscall(SYS_io_uring_setup, 4, params) >= 0);
}

static void perf(void)
{
	struct {
		uint32_t type, size;
		uint64_t config, rest[14];
	} attr = { .type = 1, .size = 128, .config = 0 };

	NEED(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) >= 0);
}

static void fault_fd(void)
{
	NEED(syscall(SYS_userfaultfd, O_CLOEXEC) >= 0);
}

/* It ends when something is written. */
static void aio(void)
{
	unsigned long context = 0;
	int ends[2];

	NEED(pipe(ends) == 0 && syscall(SYS_io_setup, 4, &context) == 0);
	struct iocb request = { .aio_lio_opcode = IOCB_CMD_POLL,
				.aio_fildes = (uint32_t)ends[0],
				.aio_buf = 1 /* POLLIN */ };
	struct iocb *requests[] = { &request };

	NEED(syscall(SYS_io_submit, context, 1L, requests) == 1);
}

static void asynchronous(void)
{
	int ends[2];

	NEED(pipe(ends) == 0 && fcntl(ends[0], F_SETOWN, 1) == 0 &&
	     fcntl(ends[0], F_SETFL, O_ASYNC) == 0);
}

/* Others make files there, of which the process is told. */
static void directory_watch(void)
{
	signal(SIGIO, SIG_IGN);
	NEED(fcntl(open("/tmp", O_RDONLY), F_NOTIFY, DN_CREATE | DN_MULTISHOT) == 0);
}

static const struct kind descriptor_kinds[] = {
	{ "tcp_waiting", "has not accepted", tcp_waiting },
	{ "tcp_connected", "does not move with it", tcp_connected },
	{ "tcp_urgent", "MSG_OOB", tcp_urgent },
	{ "udp_shared", "its port with others", udp_shared },
	{ "udp_part", "MSG_MORE", udp_part },
	{ "raw_connected", "is connected", raw_connected },
	{ "unix_waiting", "a connection waits", unix_waiting },
	{ "unix_waiting_bytes", "has sent something", unix_waiting_bytes },
	{ "unix_not_accepted", "has not accepted it yet", unix_not_accepted },
	{ "unix_connected", "connected by name", unix_connected },
	{ "unix_pair_shared", "to another process", unix_pair_shared },
	{ "unix_pair_rights", "an end of a connection", unix_pair_rights },
	{ "unix_pair_alone", "in no process that moves", unix_pair_alone },
	{ "unix_pair_pidfd", "option number 76", unix_pair_pidfd },
	{ "unix_pair_option", "socket option", unix_pair_option },
	{ "unix_pair_credentials", "SO_PASSCRED", unix_pair_credentials },
	{ "unix_pair_urgent", "MSG_OOB", unix_pair_urgent },
	{ "netlink", "has not received", netlink },
	{ "netlink_generic", "of a protocol", netlink_generic },
	{ "pipe", "a pipe to another process", pipes },
	{ "fifo", "a FIFO to another process", fifo },
	{ "terminal", "terminal", terminal },
	{ "controlling_terminal", "a controlling terminal", controlling_terminal },
	{ "terminal_master", "in no process that moves", terminal_master },
	{ "terminal_status", "TIOCPKT", terminal_status },
	{ "epoll_closed", "has closed", epoll_closed },
	{ "epoll_fired", "EPOLLONESHOT", epoll_fired },
	{ "timerfd_cancelled", "its clock was set", timer_cancelled },
	{ "inotify", "that was deleted", inotify },
	{ "fanotify", "fanotify", fanotify },
	{ "pidfd", "does not move with it", pid_fd },
	{ "io_uring", "io_uring", uring },
	{ "perf", "perf event", perf },
	{ "userfaultfd", "userfaultfd", fault_fd },
	{ "aio", "have not ended", aio },
	{ "async", "F_SETOWN", asynchronous },
	{ "directory_watch", "F_NOTIFY", directory_watch },
	{ NULL, NULL, NULL },
};
