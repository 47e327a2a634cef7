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

#include "sim/parcels.h"
#include "sim/queue.h"

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
	struct parcels unsent;	/* the multicast takes no message just now */
	uint64_t full_until_us; /* nor till then */
	struct parcels again;	/* of a mutation: at most one */
	struct parcels reports, quorums;
};

struct world;

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
/* Few messages wait to be taken. */
bool ring_has_room(const struct world *w, int node);
/* A machine ends, or the multicast's program on it does; and is there again. */
void ring_stop(struct world *w, int node, bool is_machine);
void ring_go_on(struct world *w, int node);
/* All machines are on one ring, and all nodes are members: one of them may lose its memory. */
bool ring_is_whole(const struct world *w);
/* After the faults: all machines are on one side. */
void ring_heal(struct world *w);

#endif
