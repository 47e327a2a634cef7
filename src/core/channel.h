/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_CHANNEL_H
#define DVS_CORE_CHANNEL_H

/*
 * A conversation as a daemon treats it: the two lines, two notify words and two wishes of a channel page. The
 * daemon acts for an end that is not on its node, or is being moved; `side` says which end a function is
 * about. The steps of the ends themselves are in core/call.h.
 *
 *	hold       the end is about to leave: nobody may take anything back from it alone any more
 *	pack       the part of the page that leaves with it
 *	unpack     joined into the page of the node that it comes to
 *	begin      it is here, and is a process that knows none of the endpoint's earlier messages
 *	unhold     it is here, or stays: wishes to have a message back are decided
 *	end        it is dead
 *	merge      a frame of another node is joined
 *	untold     news that another node has not heard yet
 *
 * One node decides about a message: the one with the receiver. All functions are wait-free as those of
 * core/line.h are; the caller rings where the result says that an end has to look.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/line.h"
#include "wire/shm.h"

/* The state of a page that another node was last told, by side. All zero: it was told nothing. */
struct channel_told {
	uint64_t word[2], withdraw[2], posted[2], taken[2];
};

/* True while the peer still copies to or from the end: it sees that it must stop, call again until false. */
bool channel_hold(struct channel_page *page, int side);
/* The end is at this node from now on. True: the peer has its message back, ring it. */
bool channel_unhold(struct channel_page *page, int side, int node, int copy_pid);
/*
 * The end is dead. An answer that it had posted can still be taken, its other messages can not. The peer's
 * message ends with EDVSDSTDIED if it had not been taken, else with EDVSSRCDIED.
 */
void channel_end(struct channel_page *page, int side);

/*
 * The part of the page that goes with the end of this side. A line that its peer keeps changing stays out, all
 * zero: it is offered later.
 */
void channel_pack(struct channel_page *page, int side, struct channel_image *image);
/* peer_here: the peer is on this node, and no copy of it has been made to go elsewhere. */
void channel_unpack(struct channel_page *page, int side, const struct channel_image *image,
		    bool peer_here);

/*
 * The end comes to this node with nothing packed, and its peer is elsewhere: that node alone knows its posts.
 * Its line is busy until that node has said how it stands, so that no number is used for two messages.
 */
void channel_begin(struct channel_page *page, int side);

/*
 * Joins the line of a side as another node tells it. here: the end that is on this node, which is not held;
 * withdraw: the sequence that the line's owner wants back, 0 none. True: the end waits for the present state of
 * the line.
 */
bool channel_merge_line(struct channel_page *page, struct channel_told *told, int side,
			const struct line_image *image, uint64_t withdraw, int here);
/*
 * A line of the far end, and beside it how the message fared that the end here had sent last: its line's word as
 * channel_fate() said it, 0 nothing. The message itself is known here alone, so the fate of another one changes
 * nothing.
 */
bool channel_merge_both(struct channel_page *page, struct channel_told *told,
			const struct line_image *image, uint64_t withdraw, uint64_t fate, int here);
/* The same of a notify word. */
bool channel_merge_notify(struct channel_page *page, struct channel_told *told, int side,
			  const struct notify_image *image, int here);

/* The sequence which the owner of the line wants back, if the word says that it has not got it yet; 0 none. */
uint64_t channel_wanted_back(const struct channel_page *page, int side, uint64_t word);
/* Is there something about the line of this side that the other node does not know? */
bool channel_line_untold(const struct channel_page *page, const struct channel_told *told, int side,
			 int here);
/*
 * The news of the line of this side, whose owner is at the other node, if the word alone says it:
 * that node has told the message on this connection. 0: nothing, or the whole line is to be told.
 */
uint64_t channel_fate(const struct channel_page *page, const struct channel_told *told, int side);
/* And does somebody at the other node wait for it? */
bool channel_line_urgent(const struct channel_page *page, const struct channel_told *told, int side,
			 int here);
bool channel_notify_untold(const struct channel_page *page, const struct channel_told *told,
			   int side);
/* Was something delivered in the line of this side that its receiver takes without a ring? */
bool channel_awaits_take(const struct channel_page *page, int side);

#endif
