/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_LINK_H
#define DVS_CORE_LINK_H

/*
 * The state of the connection between this node and one other; no sockets, no clock of its own.
 *
 *	DOWN ---- connect or accept ----> GREETING ---- both HELLOs fit ----> UP
 *	  ^                                  |                                 |
 *	  +----- refused, broken, silent ----+---------------------------------+
 *
 * Of two nodes the one with the smaller number connects and greets first, the other accepts, checks
 * and answers. A link counts its epochs: each time it comes up the number is greater than any that
 * either side has seen, so what was told on an older connection is known to be void, and both sides
 * offer their lines again.
 *
 * Both name the incarnations they believe in. A node which was expelled and does not know it, or
 * which is behind in the order, is not talked to; it tries again, and by then knows better. Each also
 * shows the secret of its own life, which the order tells to members alone: a node number and an
 * incarnation can be guessed by anybody. A node that does not know its own life yet talks to nobody.
 *
 * Beside the link two nodes have other connections, "calls": a migration's (bulk) and lanes. Their
 * HELLOs are checked in the same way, by the lives that the order knows; no state belongs to them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/identity.h"
#include "wire/frame.h"

#define LINK_RETRY_MIN_US 20000
#define LINK_RETRY_MAX_US 1000000
#define LINK_IDLE_NS	  INT64_C(1000000000) /* silent for so long: ask for a sign of life */
#define LINK_SILENT_NS	  INT64_C(5000000000) /* silent for so long: broken */
#define LINK_MEASURE_NS \
	INT64_C(10000000000) /* asked so long ago: ask for the time, also where all is heard */
#define LINK_EPOCH_MAX	 (UINT32_MAX / 2) /* a link that comes up all the time gets there in a year */
#define LINK_GREETING_NS INT64_C(2000000000) /* no HELLO for so long: broken */

enum link_state {
	LINK_DOWN,
	LINK_GREETING,
	LINK_UP
};

/* Why a HELLO does not fit. */
enum link_refusal {
	LINK_E_STRANGER = 1, /* of another node, or for another node, than this link joins */
	LINK_E_STALE = 2,    /* of an earlier life than the order knows: it has to find out */
	LINK_E_EARLY = 3,    /* of a later life than we know, or it knows us by another: later */
	LINK_E_CLUSTER = 4,
	LINK_E_KIND = 5,
	LINK_E_STATE = 6,   /* a HELLO on a link that is up */
	LINK_E_SECRET = 7,  /* it names the life, but does not know its secret */
	LINK_E_EPOCH = 8,   /* it names an epoch that no link reaches by coming up */
	LINK_E_VERSION = 9, /* there is no protocol that both speak */
};

enum link_action {
	LINK_NOTHING,
	LINK_PING,
	LINK_DEAD
};

/* One life of a node, from a join to its leaving. All 0: not known, which fits none. */
struct link_life {
	uint32_t incarnation;
	uint64_t secret;
};

struct link {
	int node; /* this one */
	int peer;
	struct link_life own_life;
	struct link_life peer_life;
	enum link_state state;
	uint32_t epoch;	   /* of the current or last connection */
	uint32_t retry_us; /* how long to wait before connecting next */
	int64_t since_ns;  /* state entered */
	int64_t heard_ns;  /* last sign of life */
	int64_t pinged_ns; /* last asked for a sign of life; it comes up as if that were long ago */
	char cluster[FRAME_CLUSTER_BYTES]; /* filled up with zeros */
	uint16_t protocol;		   /* of the current or last connection; 0: none yet */
};

/* A cluster's name is cut after FRAME_CLUSTER_BYTES - 1. */
void link_init(struct link *link, int node, int peer, const char *cluster);
void link_set_lives(struct link *link, const struct link_life *own, const struct link_life *peer);
bool link_connects(const struct link *link);
static inline bool link_life_known(const struct link_life *life)
{
	return life->incarnation && life->secret;
}
static inline bool link_life_same(const struct link_life *a, const struct link_life *b)
{
	return a->incarnation == b->incarnation && a->secret == b->secret;
}

/* A connection is there: greet. Allowed in any state, because a new one replaces an old one. */
void link_greet(struct link *link, int64_t now_ns);
void link_hello(const struct link *link, struct frame_hello *hello);
/* Checks the other's HELLO and, if it fits, comes up with the epoch agreed. 0 or LINK_E_. */
int link_on_hello(struct link *link, const struct frame_hello *hello, int64_t now_ns);
/* A call of that kind: its HELLO, either side's, and whether the other's fits. 0 or LINK_E_. */
void link_call_hello(const struct link *link, enum frame_kind kind, struct frame_hello *hello);
int link_check_call(const struct link *link, enum frame_kind kind, const struct frame_hello *hello);
/* The identity with which this node makes a connection of that kind, the link's own included. */
struct identity link_identity(const struct link *link, enum frame_kind kind);
/* The connection is gone. Returns how long to wait before the next attempt, in microseconds. */
uint32_t link_on_lost(struct link *link, int64_t now_ns);
void link_on_heard(struct link *link, int64_t now_ns);
/* To be asked a few times a second. */
enum link_action link_on_tick(struct link *link, int64_t now_ns);

#endif
