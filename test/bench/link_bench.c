/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What passes between two nodes: calls of many clients at once, and streams of copies.
 *
 *	link_bench serve ENDPOINT			answers until a message of type 0 comes
 *	link_bench call ENDPOINT SERVER CLIENTS MS	CLIENTS processes from ENDPOINT + 1 on call
 *	link_bench end ENDPOINT SERVER			ends it
 *	link_bench copied ENDPOINT SERVER MS TEXT	it copies our memory all the time: Mbit/s
 *	link_bench delayed ENDPOINT SERVER MS		one client's calls: median, 99 %, slowest, us
 *	link_bench copier-serve PORT | copier-call ADDRESS PORT COUNT	see copier.h
 *	link_bench zmq-serve|nng-serve PORT		the same answers over TCP
 *	link_bench zmq-call|nng-call ADDRESS PORT CLIENTS MS
 *
 * A call is one message of 48 bytes there and one back; what is printed last is calls per second of
 * all clients together. Each client is a process and has one call under way. TEXT: a file to fill
 * the memory with again and again, or - for bytes that do not compress.
 */

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <zmq.h>

#include "bench/copier.h"
#include "dvk.h"

#define CLIENTS_MAX 64
#define WARM_CALLS  20
#define READY_MS    20000
#define BLOCKS	    4 /* of MAXCOPYLEN: what is copied is not the same all the time */

enum request {
	REQUEST_END,
	REQUEST_ECHO,
	REQUEST_COPY
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static double now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void sleep_ms(int ms)
{
	struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

/* ---- many clients: ready, go, stop ---- */

struct client {
	const char *address;
	int index, endpoint, server, port;
	void *handle;
	nng_socket nng;
};

struct kind {
	void (*begin)(struct client *client);
	void (*call)(struct client *client);
};

struct race {
	_Atomic int ready, go, stop;
	_Alignas(64) _Atomic uint64_t count[CLIENTS_MAX][8]; /* a cache line each */
};

static void run_client(const struct kind *kind, struct race *race, struct client *client)
{
	uint64_t count = 0;

	kind->begin(client);
	for (int i = 0; i < WARM_CALLS; i++)
		kind->call(client);
	atomic_fetch_add(&race->ready, 1);
	while (!atomic_load(&race->go))
		sleep_ms(1);
	while (!atomic_load_explicit(&race->stop, memory_order_relaxed)) {
		kind->call(client);
		atomic_store_explicit(&race->count[client->index][0], ++count,
				      memory_order_relaxed);
	}
}

static uint64_t sum(struct race *race, int clients)
{
	uint64_t total = 0;

	for (int i = 0; i < clients; i++)
		total += atomic_load(&race->count[i][0]);
	return total;
}

static int run_race(const struct kind *kind, const struct client *common, int clients, int ms)
{
	struct race *race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double begin, took;
	uint64_t before, calls;

	if (race == MAP_FAILED || clients > CLIENTS_MAX)
		fail("mmap");
	for (int i = 0; i < clients; i++) {
		struct client client = *common;

		client.index = i;
		client.endpoint += i;
		if (fork() == 0) {
			run_client(kind, race, &client);
			_exit(0);
		}
	}
	for (int waited = 0; atomic_load(&race->ready) < clients; waited += 5) {
		if (waited > READY_MS)
			fail("clients that are not ready");
		sleep_ms(5);
	}
	atomic_store(&race->go, 1);
	sleep_ms(100);
	before = sum(race, clients);
	begin = now_us();
	sleep_ms(ms);
	calls = sum(race, clients) - before;
	took = now_us() - begin;
	atomic_store(&race->stop, 1);
	while (wait(NULL) > 0)
		;
	printf("%.0f\n", (double)calls / took * 1e6);
	return 0;
}

/* ---- ours ---- */

static void join(int endpoint)
{
	if (dvk_open() < 0)
		fail("dvk_open");
	if (dvk_getep(getpid()) < EDVSERRCODE && dvk_bind(0, endpoint) < EDVSERRCODE)
		fail("dvk_bind");
}

static void ours_begin(struct client *client)
{
	join(client->endpoint);
	if (dvk_wait4bindep_T(client->server, 5000) < EDVSERRCODE)
		fail("no server");
}

static void request(int server, message *m)
{
	long r = dvk_sendrec(server, m);

	if (r) {
		fprintf(stderr, "dvk_sendrec: %ld\n", r);
		exit(1);
	}
}

static void ours_call(struct client *client)
{
	message m = { .m_type = REQUEST_ECHO };

	request(client->server, &m);
}

static char block[BLOCKS][MAXCOPYLEN];

/* Answers with kilobits per second. */
static void serve_copies(message *m)
{
	double begin = now_us(), took;
	char *from = m->m1_p1;
	long copies = 0;

	do {
		long which = copies++ % BLOCKS;
		long r = dvk_vcopy(m->m_source, from + which * MAXCOPYLEN, SELF, block[which],
				   MAXCOPYLEN);

		if (r) {
			fprintf(stderr, "dvk_vcopy: %ld\n", r);
			exit(1);
		}
		took = now_us() - begin;
	} while (took < m->m1_i1 * 1e3);
	m->m1_i2 = (int)((double)copies * MAXCOPYLEN * 8e3 / took);
	/* As a check: what came is what is there. */
	m->m1_i3 = block[0][MAXCOPYLEN / 2] + block[0][MAXCOPYLEN - 1];
}

static int serve(int endpoint)
{
	message m;
	long r;

	join(endpoint);
	memset(block, 0, sizeof(block));
	do {
		r = dvk_receive(ANY, &m);
		if (!r && m.m_type == REQUEST_COPY)
			serve_copies(&m);
		if (!r)
			r = dvk_send(m.m_source, &m);
	} while (!r && m.m_type != REQUEST_END);
	return r != 0;
}

static int end(int endpoint, int server)
{
	struct client client = { .endpoint = endpoint, .server = server };
	message m = { .m_type = REQUEST_END };

	ours_begin(&client);
	request(server, &m);
	return 0;
}

static void fill_block(const char *path)
{
	char *to = block[0];
	size_t have, left = sizeof(block);
	uint64_t random = 88172645463325252u;
	FILE *file;

	if (strcmp(path, "-") == 0) {
		for (size_t i = 0; i < sizeof(block); i += sizeof(random)) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			memcpy(to + i, &random, sizeof(random));
		}
		return;
	}
	file = fopen(path, "r");
	have = file ? fread(to, 1, left, file) : 0;
	if (!have)
		fail(path);
	fclose(file);
	for (size_t i = have; i < left; i++)
		to[i] = to[i - have];
}

static int copied(int endpoint, int server, int ms, const char *text)
{
	struct client client = { .endpoint = endpoint, .server = server };
	message m = { .m_type = REQUEST_COPY };

	fill_block(text);
	ours_begin(&client);
	m.m1_i1 = ms;
	m.m1_p1 = block[0];
	request(server, &m);
	if (m.m1_i3 != block[0][MAXCOPYLEN / 2] + block[0][MAXCOPYLEN - 1])
		fail("what was copied");
	printf("%.1f\n", m.m1_i2 / 1e3);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int delayed(int endpoint, int server, int ms)
{
	static double took[1000000];
	struct client client = { .endpoint = endpoint, .server = server };
	double end_us;
	size_t n = 0;

	ours_begin(&client);
	end_us = now_us() + ms * 1e3;
	while (n < sizeof(took) / sizeof(took[0]) && now_us() < end_us) {
		double begin = now_us();

		ours_call(&client);
		took[n++] = now_us() - begin;
	}
	qsort(took, n, sizeof(took[0]), by_value);
	printf("%.1f %.1f %.1f\n", took[n / 2], took[n - 1 - n / 100], took[n - 1]);
	return 0;
}

/* ---- ZeroMQ ---- */

static void zmq_begin(struct client *client)
{
	char url[64];

	client->handle = zmq_socket(zmq_ctx_new(), ZMQ_REQ);
	snprintf(url, sizeof(url), "tcp://%s:%d", client->address, client->port);
	if (!client->handle || zmq_connect(client->handle, url))
		fail("zmq_connect");
}

static void zmq_call(struct client *client)
{
	char bytes[sizeof(message)] = { 1 };

	if (zmq_send(client->handle, bytes, sizeof(bytes), 0) != sizeof(bytes) ||
	    zmq_recv(client->handle, bytes, sizeof(bytes), 0) != sizeof(bytes))
		fail("zmq call");
}

/* A router gives back every part as it came: who asked, an empty one, the message. */
static int zmq_serve(int port)
{
	void *router = zmq_socket(zmq_ctx_new(), ZMQ_ROUTER);
	char url[64];

	snprintf(url, sizeof(url), "tcp://0.0.0.0:%d", port);
	if (!router || zmq_bind(router, url))
		fail("zmq_bind");
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		zmq_msg_t part;
		int more;

		zmq_msg_init(&part);
		if (zmq_msg_recv(&part, router, 0) < 0)
			return 1;
		more = zmq_msg_more(&part);
		if (zmq_msg_send(&part, router, more ? ZMQ_SNDMORE : 0) < 0)
			return 1;
	}
}

/* ---- nng ---- */

static void nng_begin(struct client *client)
{
	char url[64];

	snprintf(url, sizeof(url), "tcp://%s:%d", client->address, client->port);
	if (nng_req0_open(&client->nng) || nng_dial(client->nng, url, NULL, 0))
		fail("nng_dial");
}

static void nng_call(struct client *client)
{
	char bytes[sizeof(message)] = { 1 };
	size_t size = sizeof(bytes);

	if (nng_send(client->nng, bytes, sizeof(bytes), 0) ||
	    nng_recv(client->nng, bytes, &size, 0))
		fail("nng call");
}

static int nng_serve(int port)
{
	nng_socket server;
	char url[64];

	snprintf(url, sizeof(url), "tcp://0.0.0.0:%d", port);
	if (nng_rep0_open(&server) || nng_listen(server, url, NULL, 0))
		fail("nng_listen");
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		nng_msg *msg;

		if (nng_recvmsg(server, &msg, 0) || nng_sendmsg(server, msg, 0))
			return 1;
	}
}

static int call_over(const struct kind *kind, char **argv)
{
	struct client client = { .address = argv[2], .port = number(argv[3]) };

	return run_race(kind, &client, number(argv[4]), number(argv[5]));
}

int main(int argc, char **argv)
{
	static const struct kind ours = { ours_begin, ours_call };
	static const struct kind zmq = { zmq_begin, zmq_call };
	static const struct kind nng = { nng_begin, nng_call };
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc == 3 && strcmp(verb, "serve") == 0)
		return serve(number(argv[2]));
	if (argc == 3 && strcmp(verb, "copier-serve") == 0)
		return copier_serve(number(argv[2]));
	if (argc == 5 && strcmp(verb, "copier-call") == 0)
		return copier_call(argv[2], number(argv[3]), number(argv[4]));
	if (argc == 4 && strcmp(verb, "end") == 0)
		return end(number(argv[2]), number(argv[3]));
	if (argc == 6 && strcmp(verb, "call") == 0) {
		struct client client = { .endpoint = number(argv[2]) + 1,
					 .server = number(argv[3]) };

		return run_race(&ours, &client, number(argv[4]), number(argv[5]));
	}
	if (argc == 6 && strcmp(verb, "copied") == 0)
		return copied(number(argv[2]), number(argv[3]), number(argv[4]), argv[5]);
	if (argc == 5 && strcmp(verb, "delayed") == 0)
		return delayed(number(argv[2]), number(argv[3]), number(argv[4]));
	if (argc == 3 && strcmp(verb, "zmq-serve") == 0)
		return zmq_serve(number(argv[2]));
	if (argc == 3 && strcmp(verb, "nng-serve") == 0)
		return nng_serve(number(argv[2]));
	if (argc == 6 && strcmp(verb, "zmq-call") == 0)
		return call_over(&zmq, argv);
	if (argc == 6 && strcmp(verb, "nng-call") == 0)
		return call_over(&nng, argv);
	fprintf(stderr, "usage: see the head of %s\n", __FILE__);
	return 2;
}
