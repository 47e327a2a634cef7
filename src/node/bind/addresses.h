/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_BIND_ADDRESSES_H
#define DVS_NODE_BIND_ADDRESSES_H

/*
 * The service addresses that this node has: those of each DC whose holder it owns (core/directory.h). The kernel
 * is brought into agreement with the directory (*settled*) by a thread of its own whenever the order has changed
 * something, and by the workers of moves, for which it has to be so at once. Settling asks the kernel for its
 * addresses and remembers none: so it is right after a restart or a death, too.
 *
 *	holder is here              the interface has the address, for ADDRESSES_LEASE_S, which is prolonged
 *	it is frozen for a move     the address is a hole: segments for it are dropped, and nothing answers for it
 *	holder is elsewhere, none   neither
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h> /* pthread_t */

#include "base/refusal.h"
#include "wire/shm.h"

struct order;
struct os_loop;

/* The address of a daemon that is gone for good is gone after this time, also where nobody cleans up. */
#define ADDRESSES_LEASE_S  15
#define ADDRESSES_RENEW_MS 4000

/* Told once, with the lock held, on the loop: the refusal is empty if the addresses of the DC are here. */
typedef void addresses_done(void *ctx, const struct refusal *refusal);

struct addresses_waiter;

struct addresses {
	pthread_mutex_t *lock; /* the node's: protects all that follows */
	struct os_loop *loop;
	const struct order *order;
	pthread_t thread;
	pthread_cond_t wake; /* the thread has something to do */
	pthread_cond_t idle; /* nobody settles */
	bool made, runs, stops, due, busy;
	bool over;		    /* the node ends: it has no address any more */
	uint32_t silent;	    /* DCs whose holder is frozen; a bit each */
	uint32_t seen;		    /* DCs that the order had here at the last settling */
	uint32_t count;		    /* addresses of them */
	int64_t announced_until_ns; /* new ones are announced until then */
	struct addresses_waiter *waiters;
	struct refusal refusal[SHM_DCS]; /* of the last time: empty where all is as wanted */
};

void addresses_init(struct addresses *addresses, pthread_mutex_t *lock, struct os_loop *loop,
		    const struct order *order);

/* The thread. Without the lock; 0 or negative errno. Stopping leaves the addresses where they are. */
int addresses_start(struct addresses *addresses);
void addresses_stop(struct addresses *addresses);
/* The node ends: takes all addresses away. Without the lock. */
void addresses_end(struct addresses *addresses);

/* The order has changed something. Lock held. */
void addresses_on_order(struct addresses *addresses);

/* Whether the DC has addresses, and they are to be here. Lock held. */
bool addresses_serve(const struct addresses *addresses, int dcid);
/* Settles, soon, and tells. 0, or -ENOMEM: nobody is told. Lock held. */
int addresses_await(struct addresses *addresses, int dcid, addresses_done *done, void *ctx);

/*
 * Settles now. 0, or the objection to the addresses of the DC, if they are to be here. Without the lock; waits for the
 * kernel.
 */
int addresses_settle(struct addresses *addresses, int dcid, struct refusal *refusal);
/* The same, after the holder of the DC was frozen (silent), or will go on or is gone. */
int addresses_silence(struct addresses *addresses, int dcid, bool silent, struct refusal *refusal);

/* Whether this node could have the addresses of the DC; else a refusal. Without the lock; waits for the kernel. */
int addresses_check(struct addresses *addresses, int dcid, struct refusal *refusal);

#endif
