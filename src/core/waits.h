/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_WAITS_H
#define DVS_CORE_WAITS_H

/*
 * Deadlock: endpoints that wait for each other in a ring. Each endpoint waits for one other at most, so
 * a chase follows these edges one by one, wherever the endpoints are; the daemon that runs it asks for the edge
 * of the endpoint that the chase is at and hands it in.
 *
 *	A waits for B waits for C waits for B        the ring is B C, A only hangs on it
 *
 * Edges are read one after another while everybody goes on, so a ring that was seen may never have
 * existed at one moment. Each wait therefore has a number, and a ring is gone round twice: if every
 * edge is still the same wait, all of them existed at the moment when the first round ended. (The
 * reasoning is that of edge-chasing deadlock detection after Chandy, Misra and Haas, 1983.)
 *
 * An edge has two ends, and what ends a wait may be on its way between them: an edge counts if the
 * node of its target, whose replica decides, still sees it.
 *
 * A ring of two is none: a caller takes any message of the called endpoint as the answer, so one of two that
 * wait for each other goes on. Two plain senders see each other in their lines.
 *
 * One member is refused, and all agree who: of those whose message nobody has taken yet, the one with
 * the greatest slot. There is such a one in every ring, because a member of it takes no messages.
 */

#include <stdint.h>

#include "wire/shm.h"

enum wait_kind {
	WAIT_NOBODY = 0, /* runs, receives from anyone, or may be ended by a notification */
	WAIT_TAKE = 1,	 /* for the target to take its message */
	WAIT_ANSWER = 2, /* for the target's answer to a request that it has taken */
	WAIT_KIND_LAST = 2,
};

struct wait_edge {
	int32_t p_nr;
	int32_t target; /* slot; WAIT_NOBODY: unused */
	uint32_t kind;	/* enum wait_kind */
	uint32_t pad;
	uint64_t nr; /* of this wait, counted by the one who waits */
};

enum wait_verdict {
	WAIT_ASK, /* hand in the edge of chase->at, if chase->from does wait for it there as well */
	WAIT_FREE,   /* no ring */
	WAIT_LOCKED, /* a ring, proven: chase->victim is to be refused */
};

struct wait_chase {
	int32_t at;
	int32_t from;	/* the endpoint that was found to wait for `at`; `at` itself: nobody yet */
	uint32_t count; /* edges so far */
	uint32_t first; /* of the ring; count: none seen yet */
	uint32_t checked; /* members of the ring found unchanged in the second round */
	struct wait_edge victim;
	struct wait_edge edge[SHM_SLOTS];
};

/* Begins at a slot in range; the verdict is WAIT_ASK. */
void wait_chase_begin(struct wait_chase *chase, int p_nr);
/* The edge of chase->at, as its node tells it; one that makes no sense counts as WAIT_NOBODY. */
enum wait_verdict wait_chase_on_edge(struct wait_chase *chase, const struct wait_edge *edge);

#endif
