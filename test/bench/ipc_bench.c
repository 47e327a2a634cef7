/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Round trips of one message of 48 bytes between nodes, ours and those of TCP, each measured alike:
 * batches, of which the median counts.
 *
 *	ipc_bench serve ENDPOINT CPU			answers until a message of type 0 comes
 *	ipc_bench call ENDPOINT SERVER COUNT CPU	calls it; STOP as COUNT 0 ends it
 *	ipc_bench tcp-serve PORT CPU | tcp-call ADDRESS PORT COUNT CPU
 *	ipc_bench relay-serve PORT CPU | relay-call ADDRESS PORT COUNT CPU	see relay.h
 *
 * CPU: number, or -1 for any. The last line of output is the median in microseconds.
 */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/measure.h"
#include "bench/relay.h"
#include "dvk.h"

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

/* ---- ours ---- */

static void join(int endpoint)
{
	if (dvk_open() < 0)
		measure_fail("dvk_open");
	if (dvk_getep(getpid()) < EDVSERRCODE && dvk_bind(0, endpoint) < EDVSERRCODE)
		measure_fail("dvk_bind");
}

enum request {
	REQUEST_END,
	REQUEST_ECHO
};

static int serve(int endpoint, int cpu)
{
	message m;
	long r;

	measure_on(cpu);
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

	measure_on(cpu);
	join(endpoint);
	if (dvk_wait4bindep_T(server, 5000) < EDVSERRCODE)
		measure_fail("no server");
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
		measure_fail("round trip");
}

static void fd_echo(const struct ends *ends)
{
	char bytes[sizeof(message)];

	while (read(ends->in, bytes, sizeof(bytes)) == sizeof(bytes)) {
		if (write(ends->out, bytes, sizeof(bytes)) != sizeof(bytes))
			return;
	}
}

static int tcp_serve(int port, int cpu)
{
	int peer;

	measure_on(cpu);
	peer = measure_accept(port);
	fd_echo(&(struct ends){ peer, peer });
	return 0;
}

static int tcp_call(const char *address, int port, int count, int cpu)
{
	int fd = measure_connect(address, port);
	struct ends ends = { fd, fd };

	measure_on(cpu);
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
	if (is(verb, "relay-serve", argc, 4))
		return relay_serve(arg[0], arg[1]);
	if (is(verb, "relay-call", argc, 6))
		return relay_call(argv[2], arg[1], arg[2], arg[3]);
	fprintf(stderr,
		"usage: ipc_bench serve|call|tcp-serve|tcp-call|relay-serve|relay-call ...\n");
	return 2;
}
