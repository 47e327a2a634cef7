/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Message libraries over their local transport, with the plainest of their patterns (a pair), which
 * is the quickest. Each process makes its own context: none survives a fork.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/way.h"

#ifdef HAVE_ZMQ
#include <zmq.h>

static void *zmq_end(struct way_pair *pair, int binds)
{
	void *socket = zmq_socket(zmq_ctx_new(), ZMQ_PAIR);
	char path[128];
	int r;

	way_path(pair, path, sizeof(path), "ipc://");
	r = !socket ? -1 : binds ? zmq_bind(socket, path) : zmq_connect(socket, path);
	if (r < 0)
		way_fail("ZeroMQ");
	return socket;
}

static void zmq_serve(struct way_pair *pair)
{
	void *socket = zmq_end(pair, 1);
	char bytes[WAY_BYTES];

	for (;;) {
		if (zmq_recv(socket, bytes, WAY_BYTES, 0) != WAY_BYTES ||
		    zmq_send(socket, bytes, WAY_BYTES, 0) != WAY_BYTES)
			way_fail("ZeroMQ, server");
	}
}

static void zmq_begin(struct way_pair *pair)
{
	pair->state = zmq_end(pair, 0);
}

static void zmq_trip(struct way_pair *pair)
{
	char bytes[WAY_BYTES] = { 1 };

	if (zmq_send(pair->state, bytes, WAY_BYTES, 0) != WAY_BYTES ||
	    zmq_recv(pair->state, bytes, WAY_BYTES, 0) != WAY_BYTES)
		way_fail("ZeroMQ, client");
}
#endif

#ifdef HAVE_NNG
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

static void nng_must(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "local_bench: %s: %s\n", what, nng_strerror(r));
	exit(1);
}

static nng_socket nng_end(struct way_pair *pair, int binds)
{
	nng_socket socket;
	char path[128];

	way_path(pair, path, sizeof(path), "ipc://");
	nng_must(nng_pair0_open(&socket), "nng_pair0_open");
	/* Which of the two is there first does not matter. */
	nng_must(binds ? nng_listen(socket, path, NULL, 0)
		       : nng_dial(socket, path, NULL, NNG_FLAG_NONBLOCK),
		 "nng");
	return socket;
}

static void nng_serve(struct way_pair *pair)
{
	nng_socket socket = nng_end(pair, 1);
	char bytes[WAY_BYTES];
	size_t length;

	for (;;) {
		length = WAY_BYTES;
		nng_must(nng_recv(socket, bytes, &length, 0), "nng_recv");
		nng_must(nng_send(socket, bytes, WAY_BYTES, 0), "nng_send");
	}
}

static void nng_begin(struct way_pair *pair)
{
	nng_socket *socket = malloc(sizeof(*socket));

	if (!socket)
		way_fail("malloc");
	*socket = nng_end(pair, 0);
	pair->state = socket;
}

static void nng_trip(struct way_pair *pair)
{
	nng_socket *socket = pair->state;
	char bytes[WAY_BYTES] = { 1 };
	size_t length = WAY_BYTES;

	nng_must(nng_send(*socket, bytes, WAY_BYTES, 0), "nng_send");
	nng_must(nng_recv(*socket, bytes, &length, 0), "nng_recv");
}
#endif

static void __attribute__((unused)) socket_remove(struct way_pair *pair)
{
	char path[128];

	way_path(pair, path, sizeof(path), "");
	remove(path);
}

const struct way ways_library[] = {
#ifdef HAVE_ZMQ
	{ "zmq", NULL, zmq_serve, zmq_begin, zmq_trip, socket_remove },
#endif
#ifdef HAVE_NNG
	{ "nng", NULL, nng_serve, nng_begin, nng_trip, socket_remove },
#endif
	{ 0 },
};
