/* SPDX-License-Identifier: Apache-2.0 */

/* A program is given messages and notifications. */

#include <string.h>

#include "sim/process_part.h"

static bool receive_from(struct process_ctx *c, int peer)
{
	const struct directory_endpoint *ep = world_endpoint(&c->w->node[c->node].directory, peer);
	bool any = c->p->source < 0;
	struct line_image image;

	c->p->peer = peer;
	c->p->peer_generation = ep->generation;
	if (!ep->bound || !process_find_page(c) ||
	    call_look_to_receive(&c->page->shm, c->side, line_word_now(c->peer),
				 any && !world_mutated(c->w, SIM_REPLY_TO_ANY)) !=
		    CALL_RECEIPT_HERE ||
	    !line_take(c->peer, &image))
		return false;
	process_took(c, &image, any);
	return true;
}

/* Notifications come before messages, and whoever they are from. */
static bool take_notes(struct process_ctx *c)
{
	bool taken = false;

	for (int peer = 0; peer < c->w->procs; peer++) {
		struct notify_image note;

		if (peer == c->p->slot)
			continue;
		c->p->peer = peer;
		c->p->peer_generation =
			world_endpoint(&c->w->node[c->node].directory, peer)->generation;
		if (!process_find_page(c) ||
		    !notify_take(&c->page->shm.notify[1 - c->side], c->p->waited, &note))
			continue;
		checker_note_taken(c->w, peer, c->p->peer_generation, c->p->slot, c->p->generation,
				   &note);
		taken = true;
	}
	return taken;
}

/* The peer has been sent more notifications than the page at the sender's node says. */
static bool counts_anew(const struct world *w, int node, int proc, int peer)
{
	const struct page *own = &w->node[node].page[world_pair(proc, peer)];
	int side = world_side(proc, peer);

	for (int other = 0; other < w->nodes; other++) {
		const struct page *page = &w->node[other].page[world_pair(proc, peer)];

		if (w->node[other].up && page->exists &&
		    !memcmp(page->generation, own->generation, sizeof(page->generation)) &&
		    page->shm.notify[side].posted > own->shm.notify[side].posted)
			return true;
	}
	return world_is_on_the_move(w, peer);
}

void process_post_note(struct process_ctx *c, int peer)
{
	struct page *page =
		peer == c->p->slot ? NULL : daemon_page(c->w, c->node, c->p->slot, peer);
	int side = world_side(c->p->slot, peer), bit = (int)process_draw(c->p, 0, 63);

	/* One that has come by hand counts anew; the caveats say that it has to be known to the peer's node first. */
	if (!page || counts_anew(c->w, c->node, c->p->slot, peer))
		return;
	checker_noted(c->w, c->p->slot, page->generation[side], peer, page->generation[1 - side],
		      bit);
	notify_post(&page->shm.notify[side], c->p->slot, bit);
}

/* Of anybody as a rule, else of one peer, which may then reply to us unasked. */
void process_begin_receive(struct process_ctx *c)
{
	struct program *p = c->p;

	p->source = -1;
	if (!c->w->calm && process_draw(p, 0, 2) == 0)
		p->source = (int)process_draw(p, 0, (uint64_t)c->w->procs - 1);
	if (p->source == p->slot)
		p->source = -1;
	p->waited = false;
	p->phase = PHASE_RECEIVE;
	p->deadline_us = process_draw_deadline(c);
}

void process_on_receive(struct process_ctx *c)
{
	int first = (int)process_draw(c->p, 0, (uint64_t)c->w->procs - 1);

	assert(c->p->source != c->p->slot);
	if (take_notes(c)) {
		process_idle(c);
		return;
	}
	for (int i = 0; i < c->w->procs; i++) {
		int peer = (first + i) % c->w->procs;

		if (peer != c->p->slot && (c->p->source < 0 || c->p->source == peer) &&
		    receive_from(c, peer)) {
			process_idle(c);
			return;
		}
	}
	c->p->waited = true;
	if (process_is_late(c))
		process_idle(c);
}
