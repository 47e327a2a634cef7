/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PROXY_PROXY_TABLE_H
#define DVS_PROXY_PROXY_TABLE_H

/* Shared by the files of the proxy; nobody else includes this. */

#include <stdbool.h>

#include "base/bits.h"
#include "core/link.h"
#include "core/attention.h"
#include "os/clock.h"
#include "os/loop.h"
#include "proxy/proxy.h"
#include "proxy/queue.h"
#include "wire/frame.h"

#define PROXY_TICK_US	    250000
/* Lines are encoded while less than this waits, so that a line that waits longer is sent in its last state. */
#define PROXY_BACKLOG_BYTES (128u * 1024u)
/* News that nobody waits for travels with the next frame of its channel, or after this time alone. */
#define PROXY_LAZY_US	    2000
#define PROXY_LAZY_MAX_US   128000
#define PROXY_UNSENT_BYTES  (128 * 1024)
/* A link that could not be made anew with another key is tried again after this time. */
#define PROXY_RENEW_NS	    (4 * OS_SECOND_NS)
/* A connection that was made ready for a move and is not used is given up, before the other side does. */
#define PROXY_READY_NS	    (30 * OS_SECOND_NS)
#define PROXY_IN_BYTES	    (FRAME_BYTES_MAX + 64u * 1024u)

enum proxy_lane {
	LANE_CONTROL,
	LANE_BULK,
	LANES
};

/* One other node and the link to it. */
struct peer {
	struct proxy *proxy;
	int node;
	bool known; /* the order says it is up */
	bool calling; /* the gate connects, and says what came of it; also beside a connection that is there */
	bool connected;		/* and both sides are proven; the HELLOs may not be over */
	bool reading;		/* frames are being handled: no second reader */
	struct address address; /* that the order knows */
	struct address ways[PROXY_WAYS_MAX]; /* others */
	unsigned ways_count, way;	     /* 0: the order's; else ways[way - 1] */
	int64_t heard_ns;		     /* of the last bytes from it */
	int64_t renew_ns;		     /* not made anew before this time */
	uint64_t asked_ns;		     /* value of the last PING */
	struct link link;
	uint64_t connection; /* counted up whenever one, or a call for one, ends */
	struct secure *secure;
	struct secure *ready; /* for the next move there, proven; or NULL */
	int64_t ready_ns;     /* it was wanted last */
	int64_t readying_ns;  /* the gate makes it since then; 0: it does not */
	int events;	      /* waited for */
	struct os_source *io;
	struct os_source *timer;
	struct queue out[LANES];
	size_t bulk_left; /* of the bulk frame that is under way */
	uint8_t *in;
	size_t in_count;
	/* Slots of endpoints at this node whose channels are to be looked at when there is room. */
	uint64_t dirty[BITS_WORDS(SHM_DCS * SHM_SLOTS)];
	bool any_dirty;
	/*
	 * The same for those of which only something is untold that nobody waits for, or has been
	 * delivered that will be taken without a ring.
	 */
	uint64_t lazy[BITS_WORDS(SHM_DCS * SHM_SLOTS)];
	bool any_lazy;
	/* Slots of the endpoints of frames that were dropped since that node was last asked for lines with them. */
	uint64_t dropped[BITS_WORDS(SHM_DCS * SHM_SLOTS)];
	struct proxy_link_stats stats;
};

struct proxy {
	struct os_loop *loop;
	struct exchange *exchange;
	struct proxy_callbacks callbacks;
	int node;
	struct link_life life;
	struct gate_place place;
	struct gate *gate;
	struct os_source *lazy_timer;
	int64_t lazy_us; /* how long the lazy timer was set for */
	bool lazy_armed;
	uint64_t told;	/* frames of lines and notifications put so far */
	unsigned batch; /* depth: queued frames are written when the outermost one ends */
	/* By node, beside each other: each look at the links comes by here, and most nodes have none. */
	uint64_t open[BITS_WORDS(NR_NODES)];  /* connected */
	uint64_t flush[BITS_WORDS(NR_NODES)]; /* frames were queued during a batch */
	bool active;			      /* something arrived or rang since the last look */
	bool attending; /* the loop's thread stands in for the one at the node bell */
	bool in_turn; /* the loop's thread reads a link that has something, and heard no frame yet */
	uint32_t bell_seen; /* count of the node bell when last looked at */
	struct attention_span attention;
	int64_t active_ns;   /* when it last was, as far as the attention knows */
	int64_t given_up_ns; /* active_ns of an attention that ended in vain; else 0 */
	int64_t late_ns;     /* how long it took after attention had ended; 0: nothing new */
	struct peer peer[NR_NODES];
};

static inline bool peer_is_up(const struct peer *peer)
{
	return peer->link.state == LINK_UP;
}

static inline int proxy_locate(const struct proxy *proxy, int dcid, int endpoint)
{
	return proxy->callbacks.locate(proxy->callbacks.ctx, dcid, endpoint);
}

static inline uint32_t proxy_dc_generation(const struct proxy *proxy, int dcid)
{
	const struct proxy_callbacks *callbacks = &proxy->callbacks;

	return callbacks->dc_generation ? callbacks->dc_generation(callbacks->ctx, dcid) : 0;
}

/* proxy_link.c: connections */
int peer_init(struct peer *peer, struct proxy *proxy, int node);
void peer_deinit(struct peer *peer);
void peer_start(struct peer *peer); /* connect now, or wait to be connected to */
void peer_lost(struct peer *peer);  /* the connection is of no use any more; tries again later */
void peer_stop(struct peer *peer);  /* the same, and does not try again */
/* Takes over a connection whose HELLO fits; closes it if it does not. */
void peer_accept(struct peer *peer, struct secure *secure, const struct frame_hello *hello);
/* Notes the release and the protocols that a greeting names for its speaker. */
void peer_note_speaker(struct peer *peer, const struct protocol_speaker *speaker);
/* For the log, by one of our sentences: there is no protocol that both nodes speak. */
void peer_tell_version(struct peer *peer, const struct protocol_speaker *speaker);
/* The result of the gate's call with this number; secure NULL: nothing. */
void peer_made(struct peer *peer, uint64_t number, struct secure *secure);
void peer_read(struct peer *peer);
/* Something was queued: write it, at once or at the end of the batch. */
void peer_flush(struct peer *peer);
void proxy_batch_begin(struct proxy *proxy);
void proxy_batch_end(struct proxy *proxy);

/* proxy_call.c: connections as the gate hands them over, and those of threads of their own */
void proxy_on_called(void *ctx, struct secure *secure, const struct frame_hello *hello,
		     struct address address);
void proxy_on_made(void *ctx, const struct identity *identity, uint64_t number,
		   struct secure *secure);

/* proxy_ready.c: a connection for the next move to a node */
void peer_ready_made(struct peer *peer, uint64_t number, struct secure *secure);
void peer_ready_tick(struct peer *peer); /* gives up a connection of no more use */
void peer_ready_end(struct peer *peer);
struct secure *peer_ready_take(struct peer *peer); /* NULL: there is none */

/* proxy_way.c: the addresses of a node, and calls to the one whose turn it is */
struct os_tcp_route peer_route(const struct peer *peer);
/* After a call that came to nothing. */
void peer_next_way(struct peer *peer);
/* Has the gate make a connection for this purpose, with the number of the link's one. 0 or -EAGAIN. */
int peer_gate_call(struct peer *peer, enum frame_kind kind);

/* proxy_attend.c: which thread looks at the node bell */
/* peer_read() on the loop's thread, with the lock, because there is something. */
void proxy_attend_read(struct peer *peer);
/*
 * A frame of a conversation was heard: the answer of a process here may follow within microseconds. No message of the
 * other daemon is answered so soon, nor is a sign of life.
 */
void proxy_attend_heard(struct proxy *proxy);
void proxy_attend_late(struct proxy *proxy); /* with the lock: the bell thread was woken */
bool proxy_attend(void *ctx);		     /* between two turns, without the lock */

/* proxy_line.c: lines that go out */
void proxy_on_lazy(void *ctx);		/* timer: lazy news has waited long enough */
void peer_offer_all(struct peer *peer); /* the link is new: every line with that node */
bool peer_fill(struct peer *peer);	/* encodes what waits for room; false if nothing did */
/* Tells the other node what it has not been told of this channel. */
void peer_send_channel(struct peer *peer, struct exchange_channel *channel, int local_side);
/* An OFFER came: all lines that the endpoint's channels have between us and that node. */
void peer_resend(struct peer *peer, const struct frame_offer *offer);

/* proxy_merge.c: lines that come in */
void peer_on_line(struct peer *peer, const struct frame_line *frame);
void peer_on_notify(struct peer *peer, const struct frame_notify *frame);

#endif
