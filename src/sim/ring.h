/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_SIM_RING_H
#define DVS_SIM_RING_H

/*
 * The machines of the group and a multicast between them, as Corosync's closed process groups are:
 * machines that reach each other are a ring. Each ring has one log of messages and of members that
 * come and go, and every machine takes the log in its own time. Machines that go together from one
 * ring to the next have taken the same of the old one. An entry that a machine has taken waits for
 * its member; the machine's news of the quorum waits beside that, and may come before or after.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/queue.h"

enum parcel_kind {
	/* from a machine to its member */
	PARCEL_MESSAGE = 1, /* from, bytes */
	PARCEL_PRESENT,	    /* set: a member came or went in the same ring */
	PARCEL_UNSETTLE,
	PARCEL_VIEW,   /* number, set */
	PARCEL_CUT,    /* there is no machine's part of the group any more */
	PARCEL_QUORUM, /* number, have */
	/* from a member, or the sequencer, to a daemon */
	PARCEL_RESTORE, /* number, bytes */
	PARCEL_DELIVER, /* number, bytes */
	PARCEL_ASK,	/* number */
	PARCEL_TOLD,	/* have: a quorum */
	PARCEL_OUT,
	/* from a daemon to its sequencer */
	PARCEL_HELLO,
	PARCEL_COMMAND, /* bytes */
	PARCEL_STATE,	/* bytes */
	PARCEL_END,
};

struct parcel {
	struct parcel *next;
	enum parcel_kind kind;
	int from;
	bool have;
	uint32_t set;
	uint64_t number;
	size_t len;
	uint8_t bytes[];
};

struct parcels {
	struct parcel *first, **last;
};

struct ring {
	uint64_t number;
	uint32_t machines, present;
	uint64_t count; /* of the log */
	int users;	/* machines that are on it */
	struct parcels log;
};

struct machine {
	bool works;
	int side; /* it reaches the machines of the same side */
	bool has_member;
	struct ring *ring; /* NULL: on none */
	struct parcel **next;
	uint64_t taken;
	struct parcels unsent; /* the multicast takes no message just now */
	struct parcels again;  /* of a mutation: at most one */
	struct parcels reports, quorums;
};

struct world;

/* Parcels that are owned by a list. */
void ring_parcels_init(struct parcels *list);
void ring_parcels_deinit(struct parcels *list);
/* A copy of *like, with the bytes of two parts. */
void ring_parcels_add(struct parcels *list, const struct parcel *like, const void *head,
		      size_t head_bytes, const void *body, size_t body_bytes);
/* The first, which is the caller's now (free()); NULL: there is none. */
struct parcel *ring_parcels_take(struct parcels *list);

void ring_begin(struct world *w);
void ring_deinit(struct world *w);
void ring_on_event(struct world *w, const struct sim_event *event);
/* The member of a node comes into the group, and goes. */
void ring_join(struct world *w, int node);
void ring_leave(struct world *w, int node);
void ring_multicast(struct world *w, int node, const uint8_t *head, const uint8_t *payload,
		    size_t bytes);
/* A message that the multicast did not take is tried once more. */
void ring_flush(struct world *w, int node);
/* A machine ends, or the multicast's program on it does; and is there again. */
void ring_stop(struct world *w, int node, bool is_machine);
void ring_go_on(struct world *w, int node);
/* All machines are on one ring, and all nodes are members: one of them may lose its memory. */
bool ring_is_whole(const struct world *w);
/* After the faults: all machines are on one side. */
void ring_heal(struct world *w);

#endif
