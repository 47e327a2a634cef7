/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of TCP that are being ended, that are over, whose other end nobody has, or that have no answer: what is
 * left to be read, the ends, the errors, the names.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "victims/victim.h"

#define PORT	 7400
#define MOST	 (1 << 20)
#define PATTERN	 251
#define PEERNAME 28 /* SO_PEERNAME */

static int listener;

static struct sockaddr_in name_of(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int listen_at(int family, int port)
{
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
					 .sin6_port = htons((uint16_t)port) };
	const struct sockaddr_in v4 = name_of(port);
	int fd = socket(family, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	VICTIM_CHECK((family == AF_INET6
			      ? bind(fd, (const struct sockaddr *)&v6, sizeof(v6))
			      : bind(fd, (const struct sockaddr *)&v4, sizeof(v4))) == 0);
	VICTIM_CHECK(listen(fd, 5) == 0);
	return fd;
}

/* [0] has called, [1] was accepted. */
static void make(int family, int pair[2])
{
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
					 .sin6_port = htons(PORT),
					 .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const struct sockaddr_in v4 = name_of(PORT);

	pair[0] = socket(family, SOCK_STREAM, 0);
	VICTIM_CHECK((family == AF_INET6
			      ? connect(pair[0], (const struct sockaddr *)&v6, sizeof(v6))
			      : connect(pair[0], (const struct sockaddr *)&v4, sizeof(v4))) == 0);
	pair[1] = accept(listener, NULL, NULL);
	VICTIM_CHECK(pair[1] >= 0);
}

static void put(int fd, const char *text)
{
	VICTIM_CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* Without taking it. */
static bool has(int fd, const char *text)
{
	char got[64] = "";

	return recv(fd, got, sizeof(got), MSG_PEEK | MSG_DONTWAIT) == (ssize_t)strlen(text) &&
	       strcmp(got, text) == 0;
}

static bool becomes(int fd, int state)
{
	struct tcp_info info = { 0 };

	for (int ms = 0; ms < 2000; ms++) {
		socklen_t bytes = sizeof(info);

		getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes);
		if (info.tcpi_state == state)
			return true;
		victim_nap();
	}
	return false;
}

static bool is_at_end(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static bool is_broken(int fd)
{
	return send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE;
}

static int events_of(int fd)
{
	struct pollfd seen = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	poll(&seen, 1, 0);
	return seen.revents;
}

/* As much as the kernel takes: more than the other end has room for. */
static size_t fill(int fd)
{
	static uint8_t bytes[MOST];
	size_t done = 0;

	for (int i = 0; i < MOST; i++)
		bytes[i] = (uint8_t)(i % PATTERN);
	for (int pause = 0; pause < 20; pause++) {
		ssize_t length = done < MOST ? send(fd, bytes + done, MOST - done,
						    MSG_DONTWAIT | MSG_NOSIGNAL)
					     : 0;

		if (length > 0)
			done += (size_t)length;
		else
			victim_nap(); /* for what is on its way to the other end */
	}
	return done;
}

static void check_filled(int fd, size_t length)
{
	static uint8_t bytes[MOST];
	ssize_t got = recv(fd, bytes, length, MSG_WAITALL);

	VICTIM_CHECK(got == (ssize_t)length);
	for (ssize_t i = 0; i < got; i++)
		if (bytes[i] != i % PATTERN)
			VICTIM_CHECK(!"a byte is as it was sent");
}

/* ---- over ---- */

static struct {
	int closed[2], read[2], reset, broken, word, word_events;
	struct sockaddr_storage own, peer;
} over;

static void reset(int fd)
{
	const struct linger at_once = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static void names_of(int fd, struct sockaddr_storage *own, struct sockaddr_storage *peer)
{
	socklen_t bytes = sizeof(*own),
		  more = sizeof(struct sockaddr_in6); /* no more than it needs */

	memset(own, 0, sizeof(*own));
	memset(peer, 0, sizeof(*peer));
	VICTIM_CHECK(getsockname(fd, (struct sockaddr *)own, &bytes) == 0);
	VICTIM_CHECK(getsockopt(fd, SOL_SOCKET, PEERNAME, peer, &more) == 0);
}

static void make_over(void)
{
	int pair[2];

	make(AF_INET6, over.closed);
	put(over.closed[0], "last");
	shutdown(over.closed[0], SHUT_WR);
	shutdown(over.closed[1], SHUT_WR);
	make(AF_INET, over.read);
	shutdown(over.read[1], SHUT_WR);
	shutdown(over.read[0], SHUT_WR);
	make(AF_INET, pair);
	over.reset = pair[1];
	reset(pair[0]);
	make(AF_INET6, pair);
	over.broken = pair[0];
	close(pair[1]); /* what is sent then is answered by a reset */
	VICTIM_CHECK(becomes(over.broken, TCP_CLOSE_WAIT));
	put(over.broken, "nobody");
	make(AF_INET, pair);
	over.word = pair[0];
	put(pair[1], "word");
	VICTIM_CHECK(poll(&(struct pollfd){ .fd = over.word, .events = POLLIN }, 1, 2000) == 1);
	reset(pair[1]);
	for (int i = 0; i < 2; i++)
		VICTIM_CHECK(becomes(over.closed[i], TCP_CLOSE) &&
			     becomes(over.read[i], TCP_CLOSE));
	VICTIM_CHECK(becomes(over.reset, TCP_CLOSE) && becomes(over.broken, TCP_CLOSE) &&
		     becomes(over.word, TCP_CLOSE));
	over.word_events = events_of(over.word);
	names_of(over.closed[1], &over.own, &over.peer);
}

static void check_over(void)
{
	struct sockaddr_storage own, peer;

	VICTIM_CHECK(has(over.closed[1], "last"));
	names_of(over.closed[1], &own, &peer);
	VICTIM_CHECK(memcmp(&own, &over.own, sizeof(own)) == 0 &&
		     memcmp(&peer, &over.peer, sizeof(peer)) == 0);
	VICTIM_CHECK(is_at_end(over.closed[0]) && is_at_end(over.read[0]) &&
		     is_at_end(over.read[1]));
	VICTIM_CHECK(is_broken(over.closed[0]) && is_broken(over.closed[1]) &&
		     is_broken(over.read[0]));
	VICTIM_CHECK(events_of(over.reset) & POLLERR && events_of(over.reset) & POLLHUP);
	VICTIM_CHECK(events_of(over.broken) & POLLERR && is_at_end(over.broken));
	VICTIM_CHECK(events_of(over.word) == over.word_events && has(over.word, "word"));
}

static int error_of(int fd)
{
	int error = -1;
	socklen_t bytes = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
	return error;
}

/* Each error is told once, so that this is for the end. */
static void check_errors(void)
{
	VICTIM_CHECK(error_of(over.reset) == ECONNRESET && error_of(over.broken) == EPIPE &&
		     error_of(over.word) == ECONNRESET && error_of(over.closed[0]) == 0);
	VICTIM_CHECK(is_at_end(over.reset));
}

/* ---- being ended ---- */

static struct {
	int closing[2], waits[2], last[2];
	size_t there, back, waiting, at_last;
} ending;

/* Both ends have said their last word, and neither has heard the other's; or one has; or both in turn. */
static void make_ending(int family)
{
	make(family, ending.closing);
	ending.there = fill(ending.closing[0]);
	ending.back = fill(ending.closing[1]);
	shutdown(ending.closing[0], SHUT_WR);
	shutdown(ending.closing[1], SHUT_WR);
	make(family, ending.waits);
	ending.waiting = fill(ending.waits[0]);
	shutdown(ending.waits[0], SHUT_WR);
	make(family, ending.last);
	shutdown(ending.last[0], SHUT_WR);
	VICTIM_CHECK(becomes(ending.last[1], TCP_CLOSE_WAIT));
	ending.at_last = fill(ending.last[1]);
	shutdown(ending.last[1], SHUT_WR);
}

static void check_ending(void)
{
	VICTIM_CHECK(is_broken(ending.closing[0]) && is_broken(ending.closing[1]));
	check_filled(ending.closing[1], ending.there);
	check_filled(ending.closing[0], ending.back);
	VICTIM_CHECK(becomes(ending.closing[0], TCP_CLOSE) && is_at_end(ending.closing[0]) &&
		     becomes(ending.closing[1], TCP_CLOSE) && is_at_end(ending.closing[1]));
	put(ending.waits[1], "yes");
	check_filled(ending.waits[1], ending.waiting);
	VICTIM_CHECK(becomes(ending.waits[1], TCP_CLOSE_WAIT) && is_at_end(ending.waits[1]) &&
		     has(ending.waits[0], "yes") && is_broken(ending.waits[0]));
	VICTIM_CHECK(is_at_end(ending.last[1]) && is_broken(ending.last[1]));
	check_filled(ending.last[0], ending.at_last);
	VICTIM_CHECK(becomes(ending.last[0], TCP_CLOSE) && is_at_end(ending.last[0]) &&
		     becomes(ending.last[1], TCP_CLOSE));
	for (int end = 0; end < 2; end++) {
		close(ending.closing[end]);
		close(ending.waits[end]);
		close(ending.last[end]);
	}
}

/* ---- alone ---- */

static int left, asking, deaf;

static void make_alone(int family)
{
	int pair[2];

	make(family, pair);
	put(pair[1], "bye");
	close(pair[1]);
	VICTIM_CHECK(becomes(pair[0], TCP_CLOSE_WAIT));
	left = pair[0];
}

static void check_alone(void)
{
	char text[8] = "";

	VICTIM_CHECK(becomes(left, TCP_CLOSE_WAIT));
	VICTIM_CHECK(has(left, "bye"));
	VICTIM_CHECK(recv(left, text, sizeof(text), 0) == 3 && is_at_end(left));
	put(left, "nobody");
	VICTIM_CHECK(becomes(left, TCP_CLOSE));
	close(left);
}

/* The listener wants each segment to be signed, which is not told by it: when it has moved, it answers. */
static void make_asking(void)
{
	const struct sockaddr_in there = name_of(PORT + 1);
	struct tcp_md5sig key = { .tcpm_keylen = 3, .tcpm_key = "key" };

	memcpy(&key.tcpm_addr, &there, sizeof(there));
	deaf = listen_at(AF_INET, PORT + 1);
	VICTIM_CHECK(setsockopt(deaf, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof(key)) == 0);
	asking = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	VICTIM_CHECK(connect(asking, (const struct sockaddr *)&there, sizeof(there)) < 0 &&
		     errno == EINPROGRESS);
}

static void check_asking(void)
{
	struct sockaddr_in peer = { 0 };
	socklen_t bytes = sizeof(peer);

	/* It is called once more within a second. Where it was not moved, nobody answers. */
	if (poll(&(struct pollfd){ .fd = asking, .events = POLLOUT }, 1, 0) != 1) {
		VICTIM_CHECK(becomes(asking, TCP_SYN_SENT));
		return;
	}
	int taken = accept(deaf, NULL, NULL);

	VICTIM_CHECK(taken >= 0 && error_of(asking) == 0);
	VICTIM_CHECK(getpeername(asking, (struct sockaddr *)&peer, &bytes) == 0 &&
		     peer.sin_port == htons(PORT + 1));
	put(taken, "called");
	VICTIM_CHECK(poll(&(struct pollfd){ .fd = asking, .events = POLLIN }, 1, 2000) == 1 &&
		     has(asking, "called"));
	close(taken);
	close(asking);
	close(deaf);
	make_asking();
}

int main(void)
{
	int round = 0;

	victim_begin();
	listener = listen_at(AF_INET6, PORT);
	make_over();
	make_ending(AF_INET);
	make_alone(AF_INET);
	make_asking();
	victim_ready();
	while (victim_moved()) {
		int family = round++ % 2 ? AF_INET : AF_INET6;

		check_over();
		check_ending();
		check_alone();
		check_asking();
		make_ending(family);
		make_alone(family);
	}
	check_errors();
	return victim_end();
}
