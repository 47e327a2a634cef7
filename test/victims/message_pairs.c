/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of datagram and seqpacket sockets: messages with their bounds, sizes, ends that are shut or closed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "victims/victim.h"

#define LONG 100000

struct pairs {
	int type, open[2], half[2], alone[2], wait[2], told[2];
	uint32_t answers;
	pthread_t reader;
};

static struct pairs datagrams = { .type = SOCK_DGRAM }, packets = { .type = SOCK_SEQPACKET };
static unsigned char bytes[LONG], got[LONG + 1];

static void put(int fd, int length)
{
	VICTIM_CHECK(send(fd, bytes, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) == length);
}

static bool has(int fd, int length, int flags)
{
	return recv(fd, got, sizeof(got), MSG_DONTWAIT | flags) == length &&
	       memcmp(got, bytes, (size_t)length) == 0;
}

static bool is_empty(int fd)
{
	return recv(fd, got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static bool fails(int fd, int error)
{
	return send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == error;
}

static void *in_recv(void *pointer)
{
	struct pairs *pairs = pointer;

	for (;;) {
		char message[8];
		ssize_t length = recv(pairs->wait[1], message, sizeof(message), 0);

		VICTIM_CHECK(length == 1 || length == 2);
		__atomic_add_fetch(&pairs->answers, 1, __ATOMIC_RELEASE);
		if (length != 1)
			return NULL;
	}
}

/* Both directions; an empty message in front is told apart from none. */
static void fill(struct pairs *pairs)
{
	put(pairs->open[0], 3);
	put(pairs->open[0], LONG);
	put(pairs->open[0], 5);
	put(pairs->open[1], 0);
	put(pairs->open[1], 1);
}

static void build(struct pairs *pairs)
{
	int on = 1;

	VICTIM_CHECK(socketpair(AF_UNIX, pairs->type, 0, pairs->open) == 0);
	VICTIM_CHECK(socketpair(AF_UNIX, pairs->type | SOCK_NONBLOCK, 0, pairs->half) == 0);
	VICTIM_CHECK(socketpair(AF_UNIX, pairs->type, 0, pairs->alone) == 0);
	VICTIM_CHECK(socketpair(AF_UNIX, pairs->type | SOCK_CLOEXEC, 0, pairs->wait) == 0);
	fill(pairs);
	put(pairs->half[0], 7);
	put(pairs->half[0], 9);
	VICTIM_CHECK(shutdown(pairs->half[0], SHUT_WR) == 0);
	put(pairs->alone[1], 11);
	close(pairs->alone[1]);
	VICTIM_CHECK(socketpair(AF_UNIX, pairs->type, 0, pairs->told) == 0 &&
		     setsockopt(pairs->told[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
	put(pairs->told[0], 1);
	pthread_create(&pairs->reader, NULL, in_recv, pairs);
}

static void check_peer(int fd)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);

	VICTIM_CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0);
	VICTIM_CHECK(peer.pid == getpid() && peer.uid == geteuid() && peer.gid == getegid());
}

static void check_half(struct pairs *pairs)
{
	struct pollfd seen = { .fd = pairs->half[1], .events = POLLRDHUP };

	VICTIM_CHECK(fails(pairs->half[0], EPIPE));
	VICTIM_CHECK(poll(&seen, 1, 0) == (pairs->type == SOCK_SEQPACKET));
	VICTIM_CHECK(has(pairs->half[1], 7, MSG_PEEK));
	VICTIM_CHECK(fcntl(pairs->half[1], F_GETFL) & O_NONBLOCK);
	put(pairs->half[1], 2);
	VICTIM_CHECK(has(pairs->half[0], 2, 0) && is_empty(pairs->half[0]));
}

/* The receiver is told of its sender, also by a message that waited while the process moved. */
static void check_told(struct pairs *pairs)
{
	char byte, control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec io = { &byte, 1 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct ucred sender = { 0 };

	VICTIM_CHECK(recvmsg(pairs->told[1], &message, MSG_DONTWAIT) == 1 &&
		     message.msg_controllen >= CMSG_LEN(sizeof(sender)));
	memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(sender));
	VICTIM_CHECK(sender.pid == getpid() && sender.uid == getuid() && sender.gid == getgid());
	VICTIM_CHECK(is_empty(pairs->told[1]));
	put(pairs->told[0], 1);
}

static void check_waiter(struct pairs *pairs)
{
	uint32_t before = __atomic_load_n(&pairs->answers, __ATOMIC_ACQUIRE);

	put(pairs->wait[0], 1);
	VICTIM_CHECK(victim_counts(&pairs->answers, before + 1));
}

static void check(struct pairs *pairs)
{
	int type = 0;
	socklen_t size = sizeof(type);

	VICTIM_CHECK(getsockopt(pairs->open[0], SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
		     type == pairs->type);
	check_peer(pairs->open[0]);
	check_peer(pairs->half[1]);
	VICTIM_CHECK(has(pairs->open[1], 3, 0) && has(pairs->open[1], LONG, 0) &&
		     has(pairs->open[1], 5, 0) && is_empty(pairs->open[1]));
	VICTIM_CHECK(has(pairs->open[0], 0, 0) && has(pairs->open[0], 1, 0) &&
		     is_empty(pairs->open[0]));
	check_half(pairs);
	check_told(pairs);
	VICTIM_CHECK(has(pairs->alone[0], 11, MSG_PEEK));
	if (pairs->type == SOCK_SEQPACKET)
		VICTIM_CHECK(fails(pairs->alone[0], EPIPE));
	check_waiter(pairs);
	fill(pairs);
}

static void end(struct pairs *pairs)
{
	/* A datagram to a socket that is closed ends the connection with it. */
	if (pairs->type == SOCK_DGRAM)
		VICTIM_CHECK(fails(pairs->alone[0], ECONNREFUSED) &&
			     fails(pairs->alone[0], ENOTCONN));
	put(pairs->wait[0], 2);
	pthread_join(pairs->reader, NULL);
}

int main(void)
{
	for (int i = 0; i < LONG; i++)
		bytes[i] = (unsigned char)(i * 7);
	victim_begin();
	build(&datagrams);
	build(&packets);
	victim_ready();
	while (victim_moved()) {
		check(&datagrams);
		check(&packets);
	}
	end(&datagrams);
	end(&packets);
	return victim_end();
}
