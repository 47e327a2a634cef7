/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PROXY_GATE_H
#define DVS_PROXY_GATE_H

/*
 * The one way by which connections between nodes come about, in both directions: a thread of its own, with a loop of
 * its own, keeps each until both sides have proven that they know the cluster's key (os/secure.h). No handshake takes
 * the node lock or the time of the node's loop; a stranger's bytes are seen by TLS and by nobody else.
 *
 *	loop of the node, with the lock              thread of the gate, without it
 *	gate_call()  -------------- note ----------> connects, greets
 *	             <------------- note ----------- made(): proven, or why not
 *	called()     <------------- note ----------- listens, greets, reads the HELLO
 *
 * Strangers are bounded: so many connections for each party (an IPv4 address, or a /64 of IPv6), so many in all, each
 * for so long and with so many bytes. The address of a node is a party of its own, with places that no other one takes.
 * A refusal is told to the log once for each party and interval, and the number of the others once for each interval;
 * so is a call of ours that nobody answers in time.
 *
 * All functions are called with the node lock held.
 */

#include <stdint.h>

#include "base/address.h"
#include "os/secure.h"
#include "os/tcp.h"
#include "wire/frame.h"

struct gate;
struct os_loop;

/* Connections from one party that have proven nothing yet; one more ends the oldest of them. */
#define GATE_OF_ADDRESS_MAX 32
/* And of all addresses at which the order knows no node. */
#define GATE_STRANGERS_MAX  64

/*
 * Connections for moves and lanes of which a node has proven its key and says its HELLO later: they are ready for it,
 * so many for each node and for so long.
 */
#define GATE_READY_OF_NODE_MAX 4
#define GATE_READY_US	       40000000

/* A gate_call() that has said nothing for so long will say nothing. */
#define GATE_CALL_US 3000000

struct gate_callbacks {
	/*
	 * A node called us, and its HELLO, in which nothing else was looked at, is of the identity that it has proven.
	 * The connection belongs to the receiver; behind the HELLO nothing was given out.
	 */
	void (*called)(void *ctx, struct secure *secure, const struct frame_hello *hello,
		       struct address address);
	/* The end of a gate_call(): the connection, proven, which belongs to the receiver, or NULL. */
	void (*made)(void *ctx, const struct identity *identity, uint64_t number,
		     struct secure *secure);
	void *ctx;
};

struct gate_place {
	int node; /* this one */
	struct address address;
	uint16_t port;
	bool every;    /* it listens at each address of this machine */
	int listen_fd; /* that another life of this daemon has left; -1: none */
	struct secure_keys *keys;
};

/* Takes listen_fd and shares the keys. The callbacks run on the loop. 0 or negative errno. */
int gate_new(struct gate **gatep, struct os_loop *loop, const struct gate_place *place,
	     const struct gate_callbacks *callbacks);
/* Its thread begins: until then callers wait, and calls do. 0 or negative errno. */
int gate_open(struct gate *gate);
struct gate *gate_free(struct gate *gate); /* returns NULL */
int gate_listen_fd(const struct gate *gate);

/* An address at which a node is (node up), or is no more (ADDRESS_NONE). */
void gate_know(struct gate *gate, int node, struct address address);
/* Calls a node; made() says what came of it, with this number. 0 or -EAGAIN. */
int gate_call(struct gate *gate, const struct os_tcp_route *route, const struct identity *identity,
	      uint64_t number);
/* For the log: a connection from there was refused after all. The words are copied, so many bytes of them. */
#define GATE_WHY_BYTES 192
void gate_refused(struct gate *gate, struct address address, const char *why);
/* Connections that have proven nothing yet. */
unsigned gate_unproven(const struct gate *gate);

#endif
