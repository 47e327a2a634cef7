/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of connections on which both ends send numbered bytes all the time and check those that come; and, at the
 * same port, a datagram that is asked for and answered. It prints its counts, errors among them.
 *
 *	talk serve ADDRESS PORT                 for ever
 *	talk call ADDRESS PORT COUNT [FROM]     until SIGTERM; FROM: its own address
 *
 * A server that is sent SIGUSR1 ends its direction of all connections, and goes on reading.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 2048
#define STEP		1024
#define DATAGRAM_NS	5000000

static volatile sig_atomic_t stops, shuts;

static struct connection {
	uint64_t sent, received;
	bool got_end;
} connection[CONNECTIONS_MAX];
static struct pollfd set[CONNECTIONS_MAX + 2]; /* the listener and the datagram socket first */
static int count;
static uint64_t wrong, resets, ends, asked, answered;
static int64_t longest_ns, last_ns;

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void on_signal(int signo)
{
	if (signo == SIGUSR1)
		shuts = 1;
	else
		stops = 1;
}

static unsigned char byte_at(uint64_t number)
{
	return (unsigned char)(number * 31 + (number >> 8));
}

static void fail(struct pollfd *fd)
{
	if (errno == ECONNRESET || errno == EPIPE)
		resets++;
	else
		wrong++;
	fprintf(stderr, "talk: %s\n", strerror(errno));
	fd->fd = -1;
}

static void hear(int i)
{
	unsigned char bytes[STEP * 8];
	ssize_t length = recv(set[i + 2].fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (length < 0 && errno == EAGAIN)
		return;
	if (length < 0) {
		fail(&set[i + 2]);
	} else if (length == 0) {
		connection[i].got_end = true;
		set[i + 2].events = POLLOUT;
		ends++;
	} else {
		int64_t at = now();

		if (last_ns && at - last_ns > longest_ns)
			longest_ns = at - last_ns;
		last_ns = at;
	}
	for (ssize_t k = 0; k < length; k++)
		wrong += bytes[k] != byte_at(connection[i].received++);
}

static void say(int i)
{
	unsigned char bytes[STEP];
	ssize_t length;

	for (int k = 0; k < STEP; k++)
		bytes[k] = byte_at(connection[i].sent + (uint64_t)k);
	length = send(set[i + 2].fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (length > 0)
		connection[i].sent += (uint64_t)length;
	else if (length < 0 && errno != EAGAIN)
		fail(&set[i + 2]);
}

static void add(int fd)
{
	if (count == CONNECTIONS_MAX)
		exit(2);
	set[count + 2] = (struct pollfd){ .fd = fd, .events = POLLIN | POLLOUT };
	count++;
}

static int make(const char *address, const char *port, int type, bool serves, const char *from)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = type };
	struct addrinfo *name, *own;
	int fd, on = 1, r;

	if (getaddrinfo(address, port, &hints, &name) ||
	    (from && getaddrinfo(from, NULL, &hints, &own)))
		exit(2);
	fd = socket(name->ai_family, type, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	r = from ? bind(fd, own->ai_addr, own->ai_addrlen) : 0;
	if (!r)
		r = serves ? bind(fd, name->ai_addr, name->ai_addrlen)
			   : connect(fd, name->ai_addr, name->ai_addrlen);
	if (!r && serves && type == SOCK_STREAM)
		r = listen(fd, 128);
	if (r) {
		perror("talk");
		exit(2);
	}
	freeaddrinfo(name);
	return fd;
}

/* Of a server: a question is its own answer. */
static void answer(void)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	uint64_t number;

	if (recvfrom(set[1].fd, &number, sizeof(number), MSG_DONTWAIT, (struct sockaddr *)&name,
		     &length) == sizeof(number))
		sendto(set[1].fd, &number, sizeof(number), 0, (struct sockaddr *)&name, length);
}

/* Of a client: datagrams may be lost, and an answer has a question. */
static void question(void)
{
	static int64_t asked_ns;
	uint64_t number;

	while (recv(set[1].fd, &number, sizeof(number), MSG_DONTWAIT) == sizeof(number)) {
		wrong += number >= asked;
		answered++;
	}
	if (now() - asked_ns < DATAGRAM_NS)
		return;
	asked_ns = now();
	if (send(set[1].fd, &asked, sizeof(asked), MSG_DONTWAIT) == sizeof(asked))
		asked++;
}

static void shut_all(void)
{
	shuts = 0;
	for (int i = 0; i < count; i++) {
		shutdown(set[i + 2].fd, SHUT_WR);
		set[i + 2].events = POLLIN;
	}
}

static void report(void)
{
	uint64_t sent = 0, received = 0;

	for (int i = 0; i < count; i++) {
		sent += connection[i].sent;
		received += connection[i].received;
	}
	printf("connections=%d sent=%llu received=%llu wrong=%llu resets=%llu ends=%llu asked=%llu answered=%llu "
	       "longest_ms=%lld\n",
	       count, (unsigned long long)sent, (unsigned long long)received,
	       (unsigned long long)wrong, (unsigned long long)resets, (unsigned long long)ends,
	       (unsigned long long)asked, (unsigned long long)answered,
	       (long long)(longest_ns / 1000000));
	fflush(stdout);
}

static void turn(bool serves)
{
	static int64_t reported_ns;

	poll(set, (nfds_t)count + 2, 2);
	if (serves && set[0].revents & POLLIN)
		add(accept(set[0].fd, NULL, NULL));
	if (serves)
		answer();
	else
		question();
	for (int i = 0; i < count; i++) {
		if (set[i + 2].fd >= 0 && set[i + 2].revents & (POLLIN | POLLHUP | POLLERR) &&
		    !connection[i].got_end)
			hear(i);
		if (set[i + 2].fd >= 0 && set[i + 2].revents & POLLOUT)
			say(i);
	}
	if (shuts)
		shut_all();
	if (now() - reported_ns < 100000000)
		return;
	reported_ns = now();
	report();
}

int main(int argc, char **argv)
{
	bool serves = argc > 1 && !strcmp(argv[1], "serve");
	const char *from = argc > 5 ? argv[5] : NULL;
	const struct sigaction action = { .sa_handler = on_signal };
	long wanted = serves || argc < 5 ? 0 : strtol(argv[4], NULL, 10);

	if (argc < (serves ? 4 : 5))
		return 2;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < CONNECTIONS_MAX + 2; i++)
		set[i].fd = -1;
	set[1] = (struct pollfd){ .fd = make(argv[2], argv[3], SOCK_DGRAM, serves, from),
				  .events = POLLIN };
	if (serves)
		set[0] = (struct pollfd){ .fd = make(argv[2], argv[3], SOCK_STREAM, true, NULL),
					  .events = POLLIN };
	for (int i = 0; !serves && i < wanted; i++)
		add(make(argv[2], argv[3], SOCK_STREAM, false, from));
	while (!stops)
		turn(serves);
	report();
	return wrong || resets ? 1 : 0;
}
