/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of Unix stream sockets: what is in them, sizes, ends that are shut or closed, threads that wait, an epoll. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "victims/victim.h"

#define MUCH 150000

static int waited[2];
static uint32_t answers;

static void make(int pair[2])
{
	VICTIM_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
}

static void put(int fd, const char *text)
{
	VICTIM_CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static bool has(int fd, const char *text)
{
	char got[64] = "";

	return recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) == (ssize_t)strlen(text) &&
	       strcmp(got, text) == 0;
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

static void check_peer(int fd)
{
	struct ucred peer = { 0 };
	socklen_t bytes = sizeof(peer);

	VICTIM_CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0);
	VICTIM_CHECK(peer.pid == getpid() && peer.uid == geteuid() && peer.gid == getegid());
}

/* Both directions, more than the kernel takes at once. */
static void fill(int fd, unsigned char first)
{
	static unsigned char bytes[MUCH];

	for (int i = 0; i < MUCH; i++)
		bytes[i] = (unsigned char)(first + i * 7);
	VICTIM_CHECK(send(fd, bytes, MUCH, MSG_DONTWAIT) == MUCH);
}

static void check_filled(int fd, unsigned char first)
{
	static unsigned char bytes[MUCH];

	VICTIM_CHECK(recv(fd, bytes, MUCH, MSG_WAITALL | MSG_DONTWAIT) == MUCH && is_empty(fd));
	for (int i = 0; i < MUCH; i++)
		if (bytes[i] != (unsigned char)(first + i * 7))
			VICTIM_CHECK(!"a byte is as it was sent");
}

static int size_of(int fd)
{
	int size = 0;
	socklen_t bytes = sizeof(size);

	getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &bytes);
	return size;
}

int main(void)
{
	int both[2], much[2], half[2], alone[2], wake[2], size = 300000, wide;
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 4711 };
	pthread_t reader;

	victim_begin();
	make(both);
	make(much);
	make(half);
	make(alone);
	make(wake);
	make(waited);
	int again = fcntl(both[0], F_DUPFD_CLOEXEC, 50), epoll = epoll_create1(0);

	VICTIM_CHECK(setsockopt(much[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0);
	wide = size_of(much[0]);
	VICTIM_CHECK(fcntl(both[1], F_SETFL, O_NONBLOCK) == 0);
	VICTIM_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, wake[0], &event) == 0);
	put(half[0], "last words");
	VICTIM_CHECK(shutdown(half[0], SHUT_WR) == 0);
	put(alone[1], "farewell");
	close(alone[1]);
	put(both[0], "there");
	put(both[1], "and back");
	fill(much[0], 1);
	fill(much[1], 2);
	pthread_create(&reader, NULL, in_recv, NULL);
	victim_ready();
	while (victim_moved()) {
		uint32_t before = __atomic_load_n(&answers, __ATOMIC_ACQUIRE);
		char text[16] = "";

		VICTIM_CHECK(has(both[1], "there") && has(again, "and back") && is_empty(both[0]) &&
			     is_empty(both[1]));
		VICTIM_CHECK(fcntl(both[1], F_GETFL) & O_NONBLOCK &&
			     !(fcntl(both[0], F_GETFL) & O_NONBLOCK));
		check_peer(both[0]);
		check_peer(half[1]);
		check_filled(much[1], 1);
		check_filled(much[0], 2);
		VICTIM_CHECK(size_of(much[0]) == wide);
		VICTIM_CHECK(recv(half[1], text, 10, MSG_PEEK) == 10 &&
			     strcmp(text, "last words") == 0);
		VICTIM_CHECK(send(half[0], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
		put(half[1], "yes");
		VICTIM_CHECK(has(half[0], "yes"));
		VICTIM_CHECK(recv(alone[0], text, 8, MSG_PEEK) == 8 &&
			     memcmp(text, "farewell", 8) == 0);
		VICTIM_CHECK(send(alone[0], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
		VICTIM_CHECK(epoll_wait(epoll, &event, 1, 0) == 0);
		put(wake[1], "w");
		VICTIM_CHECK(epoll_wait(epoll, &event, 1, 0) == 1 && event.data.u64 == 4711 &&
			     has(wake[0], "w"));
		put(waited[0], "a");
		VICTIM_CHECK(victim_counts(&answers, before + 1));
		put(both[0], "there");
		put(both[1], "and back");
		fill(much[0], 1);
		fill(much[1], 2);
	}
	put(waited[0], "q");
	pthread_join(reader, NULL);
	return victim_end();
}
