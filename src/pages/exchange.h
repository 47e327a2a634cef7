/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PAGES_EXCHANGE_H
#define DVS_PAGES_EXCHANGE_H

/*
 * The daemon's side of the shared pages of one node: it makes, finds, maps and retires channels,
 * bells and the status pages, and holds the far end for processes that are elsewhere. No thread safety of its
 * own: the caller holds the node lock. Rings and line operations are atomic against the processes that map the
 * same pages.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/attention.h"
#include "core/channel.h"
#include "core/line.h"
#include "wire/shm.h"

struct exchange;
struct exchange_name;

/*
 * The page behind a memfd that a process has mapped, by identity of the file; used to carry mappings in a move.
 */
enum page_kind {
	PAGE_NONE,
	PAGE_NODE_BELL,
	PAGE_BELL,
	PAGE_CHANNEL,
	PAGE_STATUS
};
struct page_name {
	uint32_t kind; /* enum page_kind */
	int32_t dcid;
	int32_t p_nr;	     /* bell, status: whose; channel: side 0 */
	int32_t peer_nr;     /* channel: side 1; a bell that is handed on: enum bell_holder */
	int32_t endpoint[2]; /* channel: with generations; status, bell: [0] */
	int32_t over; /* 1: only processes may still have it mapped; said by exchange_recall() */
};

struct exchange_bell {
	int fd;
	struct bell_page *page;
	enum bell_holder holder; /* the page holds anybody's word */
	int dcid, p_nr;
	uint64_t ino;		     /* of the memfd */
	struct exchange_name *named; /* its name in the exchange */
};

struct exchange_channel {
	int fd;
	struct channel_page *page;
	int dcid;
	int p_nr[2]; /* by side */
	int endpoint[2];
	uint64_t ino;
	struct channel_told told; /* to the other node by the proxy; reset by a resend */
	uint64_t passed
		[2]; /* sequence of the last message that side s sent away with the right to; see exchange_export() */
	struct exchange_channel *next_of[2]; /* lists by slot, one per side; see exchange_next() */
	struct exchange_channel *next_hash;
};

struct exchange_status {
	int fd;
	struct status_page *page;
	int dcid, p_nr;
	uint64_t ino;
	unsigned kept; /* by those who write into the page later */
	bool over;     /* freed, but for those */
	struct exchange_status *next;
};

/* Negative errno: no descriptors or no memory left; -EINVAL where a number is out of range. */
int exchange_new(struct exchange **exchangep, int nodeid);
struct exchange *exchange_free(struct exchange *exchange);

struct node_bell *exchange_node_bell(struct exchange *exchange);

/*
 * The costs of this machine: published in the node bell page for programs, and kept in the daemon's own
 * memory, because any process can write into that page. The defaults until they are set.
 */
void exchange_set_costs(struct exchange *exchange, struct attention_costs costs);
const struct attention_costs *exchange_costs(const struct exchange *exchange);
int exchange_node_bell_fd(const struct exchange *exchange);

/* Finds or makes the bell of a slot; it lasts as long as the exchange. New: held by the daemon. */
int exchange_bell(struct exchange *exchange, int dcid, int p_nr, struct exchange_bell **bellp);
void exchange_bell_hold(struct exchange_bell *bell, enum bell_holder holder);
/* The bell of a slot if it was ever made, else NULL. */
struct exchange_bell *exchange_bell_find(struct exchange *exchange, int dcid, int p_nr);
/* Somebody has written another holder into the page: puts it right, and lets the true one look. */
void exchange_bell_mend(struct exchange_bell *bell);
/* Rings: news bit of `from_nr`, count, wake if asleep; rings the node bell too if the daemon holds it. */
void exchange_ring(struct exchange *exchange, struct exchange_bell *bell, int from_nr);
/* Wakes without news, e.g. after hold, latch or unbound changed. */
void exchange_poke(struct exchange_bell *bell);

/*
 * Finds or makes the channel between two endpoints (with generations). An older channel of the same
 * slots is ended first as by a death (marked dead, kept mapped by the processes that have it); -ESTALE if it is
 * the one that exists which is newer. In a new page node[] is this node for an end whose process holds its bell
 * here, else -1: the caller knows better and fills it in, and copy_pid as well.
 */
int exchange_channel(struct exchange *exchange, int dcid, int own_endpoint, int peer_endpoint,
		     struct exchange_channel **channelp);
struct exchange_channel *exchange_find(struct exchange *exchange, int dcid, int nr_a, int nr_b);
/* How many there are of a DC. */
unsigned exchange_channels(const struct exchange *exchange, int dcid);
/* Next live channel that has p_nr as one of its ends; start with NULL. Drop only one already left. */
struct exchange_channel *exchange_next(struct exchange *exchange, int dcid, int p_nr,
				       struct exchange_channel *after);
int exchange_side(const struct exchange_channel *channel, int p_nr); /* 0 or 1 */
/*
 * Death of endpoint p_nr (this generation): ends the lines of the survivors, marks dead, rings them,
 * forgets the channels. Waiting for it gives EDVSDSTDIED if it had not taken the message, else
 * EDVSSRCDIED; an answer that it had posted can still be taken, its other messages can not. The caller first
 * brings in the news that a dead process of this node left untold (proxy_scan_endpoint, ...), and a held
 * survivor's lines count as present: after a move in, repeat for peers that died meanwhile.
 */
void exchange_endpoint_dead(struct exchange *exchange, int dcid, int p_nr, int endpoint);
/*
 * A page marked dead for a process that comes with one of a channel that is over (for its peer has died and
 * perhaps somebody else has got the slot): a descriptor that is the caller's, or negative errno: -EINVAL
 * for a name, which may be of another node, of slots that there are not.
 */
int exchange_remnant(struct exchange *exchange, const struct page_name *name);
/* Drops a channel none of whose ends is on this node any more. */
void exchange_channel_drop(struct exchange *exchange, struct exchange_channel *channel);

/*
 * The messages that an endpoint of this node may not send, and the slots it may not send to. NULL: it is not
 * one of this node any more. A message that waits and is barred now is taken back, and its owner rung.
 */
struct exchange_bars {
	uint64_t to[SHM_NEWS_WORDS]; /* bit: slot that it may send nothing to but answers */
	uint64_t kinds;		     /* bit: enum line_op, 0 for notifications: to nobody */
};
void exchange_bars_set(struct exchange *exchange, int dcid, int p_nr,
		       const struct exchange_bars *bars);
/* Does a message with this word wait in the line of that side, which must not be taken, and has not left either? */
bool exchange_barred(const struct exchange *exchange, const struct exchange_channel *channel,
		     int side, uint64_t word);
bool exchange_notify_barred(const struct exchange *exchange, const struct exchange_channel *channel,
			    int side);
/*
 * line_export() of the line of an endpoint of this node. A barred message is withdrawn: false. The other node
 * decides about a message that had left before the right went: that is exported as ever.
 */
bool exchange_export(struct exchange *exchange, struct exchange_channel *channel, int side,
		     struct line_image *image);
/* The same of a line that has been exported already. */
bool exchange_let_pass(struct exchange *exchange, struct exchange_channel *channel, int side,
		       const struct line_image *image);

/*
 * An endpoint of this node will soon be bound to that slot: the files of its pages are made now, so that the bind does
 * not wait for them. A failure is seen by the bind. Of the files that are foreseen in vain a few wait for another slot.
 */
void exchange_foresee(struct exchange *exchange, int dcid, int p_nr);
int exchange_status_new(struct exchange *exchange, int dcid, int p_nr,
			struct exchange_status **statusp);
struct exchange_status *exchange_status_free(struct exchange *exchange,
					     struct exchange_status *status);
/* The page stays mapped here until exchange_status_let(), whether or not it is freed meanwhile. */
void exchange_status_keep(struct exchange_status *status);
void exchange_status_let(struct exchange_status *status);

/*
 * Far ends, for a move of the local endpoint p_nr away. hold: the daemon takes the process's ends: bell
 * holder, copy_pid 0, every line towards it FULL -> SENT so that nobody can withdraw by himself.
 * Returns the number of copies still under way (call again until 0). unhold undoes it (rollback), or
 * gives the ends to the process that has come (commit, at the target); withdrawals asked for in
 * between by senders of this node are decided, the process is rung as if by every peer.
 *
 * A sender that finds its line SENT sets withdraw, fences (seq_cst), and looks at the word once
 * more: unhold first makes the line FULL, fences, and looks at withdraw, so one of them sees it.
 */
int exchange_hold(struct exchange *exchange, int dcid, int p_nr);
void exchange_unhold(struct exchange *exchange, int dcid, int p_nr, int copy_pid);

/* Which page in use is this file (st_dev, st_ino of a mapping)? False if none. */
bool exchange_identify(struct exchange *exchange, dev_t dev, ino_t ino, struct page_name *name);
/*
 * Which page was this memfd (open for reading), which exchange_identify() does not know (any more)?
 * The page itself says so, and its process may have written into it: the name is in range, but it is
 * good for nothing except to say which page the process gets in place of this one, which is a dead
 * channel or its own status. A page of another daemon of this machine is recalled as well.
 */
bool exchange_recall(int fd, struct page_name *name);

#endif
