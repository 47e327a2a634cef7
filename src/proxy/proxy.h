/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PROXY_PROXY_H
#define DVS_PROXY_PROXY_H

/*
 * The links of one node and what travels on them: line replicas and notifications of channels whose
 * two ends live on different nodes, and opaque node messages (control requests passed on, data
 * copies, logs). A link is one TCP connection; losing it loses nothing: when it is back both sides
 * offer every line that concerns the other and merge (I1, I2).
 *
 * The node says where an endpoint is (locate): its node number, PROXY_HERE, PROXY_HELD while it
 * moves or nobody owns it, PROXY_GONE. Callers hold the node lock.
 */

#include <stdint.h>

#include "core/clock.h"
#include "core/link.h"
#include "pages/exchange.h"
#include "os/tcp.h"
#include "proxy/gate.h"
#include "wire/frame.h"

struct proxy;

#define PROXY_HERE (-1)
#define PROXY_HELD (-2)
#define PROXY_GONE (-3)

/*
 * Called with the node lock held, from the loop's thread or from within a function below; none may
 * free the proxy.
 */
struct proxy_callbacks {
	/* endpoint carries its generation; an older one is PROXY_GONE. */
	int (*locate)(void *ctx, int dcid, int endpoint);
	/*
	 * Which of the DCs that have had this number it is now. A frame for another one is dropped: it is over,
	 * or this node is behind in the order and is offered it again. NULL: always the same.
	 */
	uint32_t (*dc_generation)(void *ctx, int dcid);
	/* A node message arrived. kind is the node's own; the bytes are valid during the call. */
	void (*message)(void *ctx, int from, uint16_t kind, const uint8_t *bytes, uint32_t len);
	void (*link_changed)(void *ctx, int node, int up);
	/* The node bell rang for this slot, and its lines were looked at. NULL: nobody wants to know. */
	void (*rung)(void *ctx, int dcid, int p_nr);
	/*
	 * Another connection than a link was made to our port, by the node `from` in the life that the
	 * order knows: takes the connection, of which nothing behind the HELLO was given out.
	 */
	void (*bulk)(void *ctx, int from, struct secure *secure);
	/* The same for a lane (proxy/lane.h). */
	void (*lane)(void *ctx, int from, struct secure *secure);
	void *ctx;
};

/* A node message whose kind has this bit travels in the lane that lets all others pass. */
#define PROXY_LANE_BULK	  0x8000u
#define PROXY_MESSAGE_MAX (256u * 1024u)

struct proxy_link_stats {
	int up;
	uint32_t epoch;
	uint64_t frames_sent, frames_received, bytes_sent, bytes_received;
	uint64_t writes, reads; /* calls of the socket in which these went */
	uint64_t dropped;	/* lines for or from an endpoint that is not there, or is held */
	int64_t silent_ns;	/* how long nothing has been heard; 0 when it is down */
	uint64_t sent_ns, received_ns;	 /* CLOCK_REALTIME of the last frame, for node_usr_t */
	struct protocol_speaker speaker; /* its last greeting; least 0: there was none */
	uint16_t protocol;		 /* that both speak; 0: not known, or there is none */
	struct clock_difference clock;
	int64_t clock_error_ns; /* by now */
};

struct os_loop;

/*
 * Listens at the place, whose listening descriptor it takes; peers are connected to as they come up. Every connection
 * proves the place's keys, which it shares (proxy/gate.h); without keys none is asked for.
 */
int proxy_new(struct proxy **proxyp, struct os_loop *loop, struct exchange *exchange,
	      const struct gate_place *place, const struct proxy_callbacks *callbacks);
/* Connections are made and accepted from now on, by a thread of their own. 0 or negative errno. */
int proxy_open(struct proxy *proxy);
struct proxy *proxy_free(struct proxy *proxy);

/*
 * For a process that executes its program anew: a node that connects meanwhile waits at the descriptor that
 * stays open (the proxy's). The links themselves end and are made again; proxy_link_carry(), after
 * proxy_node_up(), lets their epochs and counters go on.
 */
int proxy_listen_fd(const struct proxy *proxy);
void proxy_link_carry(struct proxy *proxy, int node, const struct proxy_link_stats *stats);

/*
 * A node is up (connect; the lower number connects, the higher accepts) or down (close, forget). Of
 * this node itself it tells the life, and no link is made before that is known.
 */
void proxy_node_up(struct proxy *proxy, int node, struct address address,
		   const struct link_life *life);

/*
 * All addresses of a node, up or not; the one that the order knows comes first, whether it is among them or not. A link
 * that does not come about at one of them is tried at the next.
 */
#define PROXY_WAYS_MAX 4
void proxy_node_ways(struct proxy *proxy, int node, const struct address *address, unsigned count);

void proxy_node_down(struct proxy *proxy, int node);

/*
 * The node bell rang: send what changed. Called by the bell thread with the lock held. That thread
 * sets the bell's `sleeping` before each wait and clears it after; in between the proxy may clear it
 * for a while, when the loop's thread is awake and looks itself (see proxy_attend.c).
 */
void proxy_scan(struct proxy *proxy);
/*
 * Looks at every channel with an end elsewhere, whether or not anybody rang: the node bell is
 * everybody's, and a ring can be lost there. Frames that went out so far: proxy_told(). A count that grows in
 * such a look is a change that had not been rung.
 */
void proxy_scan_all(struct proxy *proxy);
uint64_t proxy_told(const struct proxy *proxy);
/* Looks at one endpoint's bell, if the daemon holds it (after a swap of far ends). */
void proxy_scan_endpoint(struct proxy *proxy, int dcid, int p_nr);
/*
 * Sends every line of every channel that p_nr shares with an endpoint elsewhere, told or not; also
 * what a process of this node left when it died, before its unbind is proposed.
 */
void proxy_resend(struct proxy *proxy, int dcid, int p_nr);
/*
 * The order put an endpoint somewhere: asks for all lines with it (every node if it is here, else the
 * one that has it) and sends ours. To be called on *every* node for each bind, commit, attach and
 * rollback that is applied, after exchange_unhold() if it is here: a node that is behind in the
 * order drops what comes for or from an endpoint which it does not know to be there, and this is
 * how it gets it again.
 */
void proxy_offer(struct proxy *proxy, int dcid, int p_nr, int endpoint);
/*
 * The same for a new life of an endpoint, which has been nowhere before: a line with it can have been lost in one way
 * alone, that this node was behind and has dropped it. So only the nodes are asked of which something was dropped.
 */
void proxy_offer_new(struct proxy *proxy, int dcid, int p_nr, int endpoint);
void proxy_endpoint_here(struct proxy *proxy, int dcid, int p_nr, int endpoint); /* the same */
/*
 * Handles what has arrived from a node (-1: from all) by now. To be called before an unbind or a
 * node's leaving is applied: an answer that overtook it must not be lost to it.
 */
void proxy_drain(struct proxy *proxy, int node);

/*
 * Queues a node message, head and body as one. Order per link and lane is kept; frames that are queued when the
 * link breaks are lost. -ENOTCONN: the link is down. -EMSGSIZE: longer than PROXY_MESSAGE_MAX. -ENOBUFS: the
 * other side does not keep up.
 */
int proxy_message(struct proxy *proxy, int node, uint16_t kind, const void *head, uint32_t head_len,
		  const void *body, uint32_t body_len);
/*
 * A connection of its own to a node, for a move or a lane, in two steps: the first, with the lock, says
 * -ENOTCONN if the link is down; the second, without it, connects and has each side prove to the
 * other which node it is. 0 and the connection, which is the caller's, or negative errno; -EACCES: the other side
 * is not that node, or does not know us yet, which is worth another try.
 */
struct proxy_call {
	struct os_tcp_route route;
	enum frame_kind kind;
	struct link link;
	struct secure_keys *keys; /* the proxy's */
	struct secure *ready;	  /* that was made before, or NULL */
};

/* A move to that node is likely, or begins: a connection for it is made meanwhile, and kept for a while. */
void proxy_make_ready(struct proxy *proxy, int node);
/* To be followed by proxy_call_connect(), to which a connection that is ready belongs from now on. */
int proxy_call_prepare(struct proxy *proxy, int node, enum frame_kind kind,
		       struct proxy_call *call);
int proxy_call_connect(struct proxy_call *call, int timeout_ms, struct secure **securep);

void proxy_link_stats(const struct proxy *proxy, int node, struct proxy_link_stats *stats);

#endif
