/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Round trips of one message of 48 bytes between nodes, ours and those of TCP, each measured alike:
 * batches, of which the median counts.
 *
 *	ipc_bench serve ENDPOINT CPU			answers until a message of type 0 comes
 *	ipc_bench call ENDPOINT SERVER COUNT CPU	calls it; STOP as COUNT 0 ends it
 *	ipc_bench tcp-serve PORT CPU | tcp-call ADDRESS PORT COUNT CPU
 *
 * CPU: number, or -1 for any. The last line of output is the median in microseconds.
 */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dvk.h"

#define BATCHES 21

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static void use_cpu(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fail("sched_setaffinity");
}

static double now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Runs count round trips in batches, after one batch that does not count. */
static double median(int count, void (*trip)(void *ctx), void *ctx)
{
	double batch[BATCHES];
	int size = count / BATCHES > 0 ? count / BATCHES : 1;

	for (int i = 0; i < size; i++)
		trip(ctx);
	for (int b = 0; b < BATCHES; b++) {
		double begin = now_us();

		for (int i = 0; i < size; i++)
			trip(ctx);
		batch[b] = (now_us() - begin) / size;
	}
	qsort(batch, BATCHES, sizeof(batch[0]), by_value);
	return batch[BATCHES / 2];
}

static void measure(int count, void (*trip)(void *ctx), void *ctx)
{
	printf("%.3f\n", median(count, trip, ctx));
}

/* ---- ours ---- */

static void join(int endpoint)
{
	if (dvk_open() < 0)
		fail("dvk_open");
	if (dvk_getep(getpid()) < EDVSERRCODE && dvk_bind(0, endpoint) < EDVSERRCODE)
		fail("dvk_bind");
}

enum request {
	REQUEST_END,
	REQUEST_ECHO
};

static int serve(int endpoint, int cpu)
{
	message m;
	long r;

	use_cpu(cpu);
	join(endpoint);
	do {
		r = dvk_receive(ANY, &m);
		if (!r)
			r = dvk_send(m.m_source, &m);
	} while (!r && m.m_type != REQUEST_END);
	return r != 0;
}

struct call {
	int server;
	message m;
};

static void call_trip(void *ctx)
{
	struct call *call = ctx;
	long r = dvk_sendrec(call->server, &call->m);

	if (r) {
		fprintf(stderr, "dvk_sendrec: %ld\n", r);
		exit(1);
	}
}

static int call(int endpoint, int server, int count, int cpu)
{
	struct call call = { .server = server };

	use_cpu(cpu);
	join(endpoint);
	if (dvk_wait4bindep_T(server, 5000) < EDVSERRCODE)
		fail("no server");
	call.m.m_type = REQUEST_ECHO;
	if (count)
		measure(count, call_trip, &call);
	call.m.m_type = REQUEST_END;
	if (!count)
		call_trip(&call);
	return 0;
}

/* ---- TCP ---- */

struct ends {
	int in, out;
};

static void fd_trip(void *ctx)
{
	struct ends *ends = ctx;
	char bytes[sizeof(message)] = { 1 };

	if (write(ends->out, bytes, sizeof(bytes)) != sizeof(bytes) ||
	    recv(ends->in, bytes, sizeof(bytes), MSG_WAITALL) != sizeof(bytes))
		fail("round trip");
}

static void fd_echo(const struct ends *ends)
{
	char bytes[sizeof(message)];

	while (read(ends->in, bytes, sizeof(bytes)) == sizeof(bytes)) {
		if (write(ends->out, bytes, sizeof(bytes)) != sizeof(bytes))
			return;
	}
}

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static int tcp_serve(int port, int cpu)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0), peer;

	use_cpu(cpu);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
		fail("listen");
	printf("ready\n");
	fflush(stdout);
	peer = accept(fd, NULL, NULL);
	no_delay(peer);
	fd_echo(&(struct ends){ peer, peer });
	return 0;
}

static int tcp_call(const char *address, int port, int count, int cpu)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct ends ends = { fd, fd };

	use_cpu(cpu);
	if (inet_pton(AF_INET, address, &addr.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		fail("connect");
	no_delay(fd);
	measure(count, fd_trip, &ends);
	close(fd);
	return 0;
}

static int is(const char *verb, const char *name, int have, int need)
{
	return !strcmp(verb, name) && have == need;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	int arg[6] = { 0 };

	for (int i = 2; i < argc && i < 8; i++)
		arg[i - 2] = number(argv[i]);
	if (is(verb, "serve", argc, 4))
		return serve(arg[0], arg[1]);
	if (is(verb, "call", argc, 6))
		return call(arg[0], arg[1], arg[2], arg[3]);
	if (is(verb, "tcp-serve", argc, 4))
		return tcp_serve(arg[0], arg[1]);
	if (is(verb, "tcp-call", argc, 6))
		return tcp_call(argv[2], arg[1], arg[2], arg[3]);
	fprintf(stderr, "usage: ipc_bench serve|call|tcp-serve|tcp-call ...\n");
	return 2;
}
