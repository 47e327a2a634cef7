/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PROXY_GATE_PART_H
#define DVS_PROXY_GATE_PART_H

/*
 * Shared by gate.c (both threads), gate_called.c and gate_calling.c (the gate's own). Beside them only their tests
 * include this.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "os/loop.h"
#include "proxy/gate.h"

/* A connection that proves nothing is in nobody's way for longer than this. */
#define GATE_GREETING_US 2000000
#define GATE_TOLD_MAX	 16

enum note_kind {
	NOTE_CALL,    /* to the gate: route, identity, number */
	NOTE_REFUSED, /* to the gate: address, why */
	NOTE_CALLED,  /* from the gate: secure, hello, address */
	NOTE_MADE,    /* from the gate: identity, number, secure or NULL */
};

struct note {
	enum note_kind kind;
	struct address address;
	uint64_t number;
	struct os_tcp_route route;
	struct identity identity;
	char why[GATE_WHY_BYTES];
	struct frame_hello hello;
	struct secure *secure;
};

/* A connection made to us, of which the HELLO has not come completely. */
struct knock {
	struct gate *gate;
	struct secure *secure;
	struct address address;
	struct address party; /* gate_party() of it */
	bool of_node;	      /* the order knows that address */
	bool ready;	      /* its key is proven, and its HELLO comes when it is needed */
	struct os_source *io, *timer;
	uint8_t buf[FRAME_HEAD_BYTES + FRAME_HELLO_BYTES];
	size_t count;
	struct knock *next;
};

/* A connection that we make. */
struct dial {
	struct gate *gate;
	struct secure *secure;
	int fd; /* while it is not connected */
	struct address address;
	struct identity identity;
	uint64_t number;
	struct os_source *io, *timer;
	struct dial *next;
};

/* The last time that the log was told of a party. */
struct told {
	struct address party;
	int64_t ns; /* 0: this place is free */
};

struct gate {
	struct gate_place place;
	int listen_fd;
	int spare; /* given up for a moment to turn a caller away when descriptors run out */
	struct gate_callbacks callbacks;
	int in[2], out[2]; /* notes to the gate and from it: [1] writes, [0] reads */
	struct os_source *out_io;
	pthread_t thread;
	bool running;
	atomic_uint unproven;
	/*
	 * The addresses of nodes, in two halves, set by the node; 0: none. A caller in the moment of a
	 * change may find one new half, and is a stranger then.
	 */
	_Atomic uint64_t known[NR_NODES][2];
	/* All that follows belongs to the gate's thread. */
	struct os_loop *loop;
	struct os_source *in_io, *listen_io, *untold_timer;
	struct knock *knocks; /* the newest first */
	struct dial *dials;
	uint64_t refused;
	uint64_t untold; /* of these, since the log heard of their number */
	struct told told[GATE_TOLD_MAX];
};

/* From the gate's thread to the node. A note that cannot be sent is dropped and its connection closed. */
void gate_tell(struct gate *gate, const struct note *note);
/* Whether the order knows a node at that address. */
bool gate_is_of_node(const struct gate *gate, struct address address);
/* For which the limits of a caller count: the address of a node, or what stands for a stranger. */
struct address gate_party(const struct gate *gate, struct address address);
/* The log is told, or hears of it as one of a number. */
void gate_log_refusal(struct gate *gate, struct address address, const char *way, const char *why);

int gate_listen(struct gate *gate);
void gate_listen_end(struct gate *gate);

void gate_dial(struct gate *gate, const struct note *note);
void gate_dial_end(struct gate *gate);

#endif
