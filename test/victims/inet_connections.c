/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of TCP whose both ends are here: what is in them, what the other end has no room for, ends that are
 * shut, options, threads that wait, an epoll; over IPv4, IPv6, and from one to the other.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "victims/victim.h"

#define PORT	7100
#define MOST	(1 << 20)
#define ROOM	40000
#define PATTERN 251

static int waited[2];
static uint32_t answers;

struct ends {
	struct sockaddr_storage own, peer;
};

static int listen_at(int port, int reuses)
{
	const struct sockaddr_in6 name = { .sin6_family = AF_INET6,
					   .sin6_port = htons((uint16_t)port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuses, sizeof(reuses));
	VICTIM_CHECK(bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0);
	VICTIM_CHECK(listen(fd, 5) == 0);
	return fd;
}

/* [0] has called, [1] was accepted. */
static void make(int listener, int family, int room, int pair[2])
{
	struct sockaddr_in6 v6 = { 0 };
	socklen_t bytes = sizeof(v6);

	VICTIM_CHECK(getsockname(listener, (struct sockaddr *)&v6, &bytes) == 0);
	const struct sockaddr_in v4 = { .sin_family = AF_INET,
					.sin_port = v6.sin6_port,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	v6.sin6_addr = in6addr_loopback;
	pair[0] = socket(family, SOCK_STREAM, 0);
	if (room)
		setsockopt(pair[0], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	VICTIM_CHECK((family == AF_INET
			      ? connect(pair[0], (const struct sockaddr *)&v4, sizeof(v4))
			      : connect(pair[0], (const struct sockaddr *)&v6, sizeof(v6))) == 0);
	pair[1] = accept(listener, NULL, NULL);
	VICTIM_CHECK(pair[1] >= 0);
}

static void put(int fd, const char *text)
{
	VICTIM_CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static bool has(int fd, const char *text)
{
	char got[64] = "";
	size_t length = strlen(text);

	return recv(fd, got, length, MSG_WAITALL) == (ssize_t)length && strcmp(got, text) == 0;
}

static bool is_empty(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void *in_recv(void *unused)
{
	char got[8];

	for (;;) {
		ssize_t length = recv(waited[1], got, sizeof(got), 0);

		VICTIM_CHECK(length == 1);
		__atomic_add_fetch(&answers, 1, __ATOMIC_RELEASE);
		if (length != 1 || got[0] == 'q')
			return unused;
	}
}

/* As much as the kernel takes: more than the other end has room for. */
static size_t fill(int fd)
{
	static uint8_t bytes[MOST];
	size_t done = 0;

	for (int i = 0; i < MOST; i++)
		bytes[i] = (uint8_t)(i % PATTERN);
	while (done < MOST) {
		ssize_t put = send(fd, bytes + done, MOST - done, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (put <= 0)
			break;
		done += (size_t)put;
	}
	VICTIM_CHECK(done > 2 * ROOM);
	return done;
}

static void check_filled(int fd, size_t length)
{
	static uint8_t bytes[MOST];
	ssize_t got = recv(fd, bytes, length, MSG_WAITALL);

	VICTIM_CHECK(got == (ssize_t)length && is_empty(fd));
	for (ssize_t i = 0; i < got; i++)
		if (bytes[i] != i % PATTERN)
			VICTIM_CHECK(!"a byte is as it was sent");
}

static struct ends ends_of(int fd)
{
	struct ends ends;
	socklen_t own = sizeof(ends.own), peer = sizeof(ends.peer);

	memset(&ends, 0, sizeof(ends));
	VICTIM_CHECK(getsockname(fd, (struct sockaddr *)&ends.own, &own) == 0);
	VICTIM_CHECK(getpeername(fd, (struct sockaddr *)&ends.peer, &peer) == 0);
	return ends;
}

static int value_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t bytes = sizeof(value);

	getsockopt(fd, level, option, &value, &bytes);
	return value;
}

static void talk(const int pair[2])
{
	VICTIM_CHECK(is_empty(pair[0]) && is_empty(pair[1]));
	put(pair[0], "question");
	VICTIM_CHECK(has(pair[1], "question"));
	put(pair[1], "answer");
	VICTIM_CHECK(has(pair[0], "answer"));
}

/* The other ends' words are to be read still, and the ends that are shut are so. */
static void check_shut(const int half[2], const int shut[2])
{
	char text[16] = "";

	VICTIM_CHECK(recv(half[1], text, sizeof(text), MSG_PEEK | MSG_WAITALL) == 10 &&
		     strcmp(text, "last words") == 0);
	VICTIM_CHECK(poll(&(struct pollfd){ .fd = half[1], .events = POLLRDHUP }, 1, 0) == 1);
	VICTIM_CHECK(send(half[0], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	put(half[1], "yes");
	VICTIM_CHECK(has(half[0], "yes"));
	VICTIM_CHECK(recv(shut[1], text, 1, 0) == 0);
	put(shut[1], "still");
	VICTIM_CHECK(has(shut[0], "still"));
}

static void check_waiting(void)
{
	uint32_t before = __atomic_load_n(&answers, __ATOMIC_ACQUIRE);

	put(waited[0], "a");
	VICTIM_CHECK(victim_counts(&answers, before + 1));
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 4711 };
	int both[2], much[2], half[2], v6[2], wake[2], shut[2], strict[2], on = 1, idle = 321;
	pthread_t reader;

	victim_begin();
	int listener = listen_at(PORT, 1), epoll = epoll_create1(0);

	make(listener, AF_INET, 0, both);
	make(listener, AF_INET, ROOM, much);
	make(listener, AF_INET, 0, half);
	make(listener, AF_INET6, 0, v6);
	make(listener, AF_INET6, 0, wake);
	make(listener, AF_INET, 0, shut);
	make(listen_at(PORT + 1, 0), AF_INET, 0, strict);
	make(listener, AF_INET, 0, waited);
	setsockopt(v6[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(v6[1], SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(v6[1], IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	VICTIM_CHECK(fcntl(v6[1], F_SETFL, O_NONBLOCK) == 0);
	VICTIM_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, wake[0], &event) == 0);
	int again = fcntl(both[0], F_DUPFD_CLOEXEC, 50);
	const struct ends kept = ends_of(both[0]), kept_v6 = ends_of(v6[1]);
	int room = value_of(much[0], SOL_SOCKET, SO_RCVBUF);

	put(half[0], "last words");
	VICTIM_CHECK(shutdown(half[0], SHUT_WR) == 0);
	VICTIM_CHECK(shutdown(shut[1], SHUT_RD) == 0);
	put(both[0], "there");
	put(both[1], "and back");
	size_t length = fill(much[1]);

	pthread_create(&reader, NULL, in_recv, NULL);
	victim_ready();
	while (victim_moved()) {
		const struct ends now = ends_of(again), now_v6 = ends_of(v6[1]);

		VICTIM_CHECK(memcmp(&now, &kept, sizeof(now)) == 0);
		VICTIM_CHECK(memcmp(&now_v6, &kept_v6, sizeof(now_v6)) == 0);
		VICTIM_CHECK(has(both[1], "there") && has(again, "and back"));
		talk(both);
		talk(v6);
		talk(strict);
		check_filled(much[0], length);
		talk(much);
		VICTIM_CHECK(value_of(much[0], SOL_SOCKET, SO_RCVBUF) == room);
		VICTIM_CHECK(value_of(both[1], SOL_SOCKET, SO_REUSEADDR) == 1 &&
			     value_of(both[0], SOL_SOCKET, SO_REUSEADDR) == 0);
		VICTIM_CHECK(value_of(v6[0], IPPROTO_TCP, TCP_NODELAY) == 1 &&
			     value_of(v6[1], SOL_SOCKET, SO_KEEPALIVE) == 1 &&
			     value_of(v6[1], IPPROTO_TCP, TCP_KEEPIDLE) == idle);
		VICTIM_CHECK(fcntl(v6[1], F_GETFL) & O_NONBLOCK);
		check_shut(half, shut);
		VICTIM_CHECK(epoll_wait(epoll, &event, 1, 0) == 0);
		put(wake[1], "w");
		VICTIM_CHECK(epoll_wait(epoll, &event, 1, 1000) == 1 && event.data.u64 == 4711 &&
			     has(wake[0], "w"));
		check_waiting();
		put(both[0], "there");
		put(both[1], "and back");
		length = fill(much[1]);
	}
	put(waited[0], "q");
	pthread_join(reader, NULL);
	return victim_end();
}
