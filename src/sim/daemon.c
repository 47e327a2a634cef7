/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Pages and far ends of each node, and the frames between nodes. A frame is one line with its
 * owner's wish to have the message back. It is for the node that has the receiver (which merges,
 * decides the wish, and tells how the line stands) or for the one that has the owner (which merges).
 * Everything else is stale and dropped: its sender will send again.
 */

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

bool daemon_hosts(const struct world *w, int node, int proc)
{
	const struct directory_endpoint *ep = world_endpoint(&w->node[node].directory, proc);
	const struct copy *copy = &w->node[node].copy[proc];

	return ep->bound && ep->node == node && copy->program.generation == ep->generation &&
	       (copy->state == COPY_RUNNING || copy->state == COPY_FROZEN ||
		copy->state == COPY_TAKEN || copy->state == COPY_DEAD);
}

static uint32_t generation_of(const struct world *w, int node, int proc)
{
	return world_endpoint(&w->node[node].directory, proc)->generation;
}

static bool is_bound(const struct world *w, int node, int proc)
{
	return world_endpoint(&w->node[node].directory, proc)->bound;
}

struct page *daemon_page_of(struct world *w, int node, int a, uint32_t generation_a, int b,
			    uint32_t generation_b)
{
	struct page *page = &w->node[node].page[world_pair(a, b)];
	int side = world_side(a, b);

	if (!page->exists || page->generation[side] != generation_a ||
	    page->generation[1 - side] != generation_b)
		return NULL;
	return page;
}

struct page *daemon_page(struct world *w, int node, int a, int b)
{
	struct page *page = &w->node[node].page[world_pair(a, b)];
	int side = world_side(a, b);

	if (!is_bound(w, node, a) || !is_bound(w, node, b))
		return NULL;
	if (daemon_page_of(w, node, a, generation_of(w, node, a), b, generation_of(w, node, b)))
		return page;
	memset(page, 0, sizeof(*page));
	page->exists = true;
	page->generation[side] = generation_of(w, node, a);
	page->generation[1 - side] = generation_of(w, node, b);
	return page;
}

/* The page between two endpoints if it exists and both still live. */
static struct page *living_page(struct world *w, int node, int a, int b)
{
	if (!is_bound(w, node, a) || !is_bound(w, node, b))
		return NULL;
	return daemon_page_of(w, node, a, generation_of(w, node, a), b, generation_of(w, node, b));
}

/*
 * Whether this node's replica of the messages to an endpoint is the one that decides: it lives here,
 * and no copy of it has been made to go elsewhere.
 */
static bool decides(const struct world *w, int node, int proc)
{
	return daemon_hosts(w, node, proc) && (w->node[node].copy[proc].state != COPY_FROZEN ||
					       world_mutated(w, SIM_MERGE_WHILE_HELD));
}

void daemon_hold(struct world *w, int node, int proc)
{
	assert(w->node[node].up);
	for (int peer = 0; peer < w->procs; peer++) {
		struct page *page = peer == proc ? NULL : living_page(w, node, proc, peer);

		if (page && !world_mutated(w, SIM_NO_MARK_AT_FREEZE))
			channel_hold(&page->shm, world_side(proc, peer));
	}
}

void daemon_unhold(struct world *w, int node, int proc)
{
	assert(w->node[node].up);
	for (int peer = 0; peer < w->procs; peer++) {
		struct page *page = peer == proc ? NULL : living_page(w, node, proc, peer);
		int side = world_side(peer, proc);

		if (!page)
			continue;
		channel_unhold(&page->shm, 1 - side, node, 0);
		page->unmarked[side] = true;
	}
}

void daemon_begin(struct world *w, int node, int proc)
{
	for (int peer = 0; peer < w->procs; peer++) {
		const struct directory_endpoint *ep =
			world_endpoint(&w->node[node].directory, peer);

		if (peer != proc && ep->bound && ep->node != node)
			channel_begin(&daemon_page(w, node, proc, peer)->shm,
				      world_side(proc, peer));
	}
}

void daemon_export(struct world *w, int node, int proc, struct image *image)
{
	assert(w->node[node].copy[proc].program.generation == image->program.generation);
	assert(image->program.slot == proc);
	for (int peer = 0; peer < w->procs; peer++) {
		struct page *page = peer == proc ? NULL : living_page(w, node, proc, peer);
		struct channel_image *packed = &image->channel[peer].image;
		int own = world_side(proc, peer);

		if (!page)
			continue;
		image->channel[peer].exists = true;
		image->channel[peer].generation = page->generation[1 - own];
		channel_pack(&page->shm, own, packed);
		if (world_mutated(w, SIM_NO_MARK_AT_FREEZE))
			line_unmark_sent(&page->shm.line[1 - own]);
		if (world_mutated(w, SIM_NOTES_LEFT_BEHIND))
			memset(packed->notify, 0, sizeof(packed->notify));
		if (world_mutated(w, SIM_LINES_LEFT_BEHIND))
			memset(&packed->line[1], 0, sizeof(packed->line[1]));
	}
}

void daemon_import(struct world *w, int node, const struct image *image)
{
	int proc = image->program.slot;

	assert(w->node[node].copy[proc].program.generation == image->program.generation);
	for (int peer = 0; peer < w->procs; peer++) {
		struct page *page;
		int own = world_side(proc, peer);
		bool peer_here;

		if (peer == proc || !image->channel[peer].exists || !is_bound(w, node, peer) ||
		    generation_of(w, node, peer) != image->channel[peer].generation)
			continue;
		page = daemon_page(w, node, proc, peer);
		peer_here = decides(w, node, peer) || world_mutated(w, SIM_NO_MARK_AT_RESUME);
		channel_unpack(&page->shm, own, &image->channel[peer].image, peer_here);
	}
	daemon_forget_told(w, node, proc);
}

void daemon_release(struct world *w, int node, int proc)
{
	for (int peer = 0; peer < w->procs; peer++) {
		const struct directory_endpoint *ep =
			world_endpoint(&w->node[node].directory, peer);

		if (peer == proc || daemon_hosts(w, node, proc) || (ep->bound && ep->node == node))
			continue;
		/* One that is on its way here has the page mapped already. */
		if (w->node[node].copy[peer].state != COPY_HELD)
			w->node[node].page[world_pair(proc, peer)].exists = false;
	}
}

void daemon_forget_told(struct world *w, int node, int proc)
{
	for (int peer = 0; peer < w->procs; peer++) {
		if (peer != proc)
			w->node[node].page[world_pair(proc, peer)].told =
				(struct channel_told){ 0 };
	}
}

void daemon_end(struct world *w, int node, int proc, uint32_t generation)
{
	assert(w->node[node].up);
	for (int peer = 0; peer < w->procs; peer++) {
		struct page *page;
		int side;

		if (peer == proc)
			continue;
		page = &w->node[node].page[world_pair(proc, peer)];
		side = world_side(proc, peer);
		if (!page->exists || page->generation[side] != generation)
			continue;
		/* Nobody here looks at it; a survivor on its way here finds no page, and so out. */
		page->exists = daemon_hosts(w, node, peer);
		channel_end(&page->shm, side);
	}
}

static void frame_put(struct world *w, const struct frame *frame, uint64_t delay_us)
{
	struct sim_event event = world_event(w, EVENT_FRAME, frame->to);
	struct frame *copy = malloc(sizeof(*copy));

	assert(frame->from != frame->to);
	if (!copy)
		abort();
	*copy = *frame;
	event.data = copy;
	world_put(w, event, delay_us);
}

/* Lost, late, twice, or much later again; the next one may overtake it. */
static void frame_send_wild(struct world *w, const struct frame *frame)
{
	w->history[w->history_count++ % 64] = *frame;
	if (w->cut[frame->from][frame->to] || (!w->calm && world_chance(w, w->loss_percent))) {
		w->report->frames_lost++;
		return;
	}
	frame_put(w, frame, world_random(w, 10, w->delay_us_max));
	if (!w->calm && world_chance(w, w->repeat_percent)) {
		uint32_t known = w->history_count < 64 ? w->history_count : 64;

		/* One after the other: a compiler may ask for arguments in any order. */
		uint64_t which = world_random(w, 0, known - 1);

		frame_put(w, &w->history[which],
			  world_random(w, 10, 20 * (uint64_t)w->delay_us_max));
		w->report->frames_repeated++;
	}
}

void daemon_say(struct world *w, struct frame *frame)
{
	uint64_t *until = &w->link_until[frame->from][frame->to];
	uint64_t arrives = w->now_us + world_random(w, 10, w->delay_us_max);

	assert(w->node[frame->from].up);
	w->report->frames++;
	if (!w->strict) {
		frame_send_wild(w, frame);
		return;
	}
	frame->epoch = w->link_epoch[frame->from][frame->to];
	if (arrives < *until)
		arrives = *until;
	*until = arrives;
	frame_put(w, frame, arrives - w->now_us);
}

static bool knows(const struct world *w, int node, int peer)
{
	const struct directory_node *seen = &w->node[node].directory.node[peer];

	return w->node[node].up && seen->up && w->node[peer].incarnation &&
	       seen->incarnation == w->node[peer].incarnation;
}

/* A link of the strict kind is up when both ends know each other's present life. */
bool daemon_link_is_up(const struct world *w, int a, int b)
{
	if (!w->strict)
		return true;
	if (w->cut[a][b] || w->cut[b][a] || w->node[a].away || w->node[b].away)
		return false;
	return w->link_epoch[a][b] >= w->node[a].link_least[b] &&
	       w->link_epoch[a][b] >= w->node[b].link_least[a] && knows(w, a, b) && knows(w, b, a);
}

void daemon_link_break(struct world *w, int a, int b)
{
	w->link_epoch[a][b]++;
	w->link_epoch[b][a] = w->link_epoch[a][b];
	if (a == b)
		return;
	ask_on_lost(w, a, b, false);
	ask_on_lost(w, b, a, false);
}

void daemon_link_end(struct world *w, int node, int peer)
{
	struct sim_event end = world_event(w, EVENT_LINK_END, -1);
	uint64_t read = w->link_until[node][peer];

	end.a = node;
	end.b = peer;
	end.tag = w->link_epoch[node][peer];
	w->node[node].link_least[peer] = w->link_epoch[node][peer] + 1;
	world_put(w, end, (read > w->now_us ? read - w->now_us : 0) + 1);
}

/* Both sides offer every line that concerns the other. */
void daemon_link_up(struct world *w, int a, int b)
{
	if (!daemon_link_is_up(w, a, b))
		return;
	daemon_on_scan(w, a, !world_mutated(w, SIM_TOLD_OUTLIVES));
	daemon_on_scan(w, b, !world_mutated(w, SIM_TOLD_OUTLIVES));
	ask_on_link(w, a, b);
	ask_on_link(w, b, a);
}

static struct frame frame_from(const struct world *w, int node, int to)
{
	return (struct frame){ .from = node,
			       .to = to,
			       .offered = -1,
			       .incarnation = { w->node[node].incarnation,
						w->node[node].directory.node[to].incarnation } };
}

static void line_tell(struct world *w, int node, struct page *page, int low, int high, int side,
		      int to)
{
	struct frame frame = frame_from(w, node, to);
	bool owner_here = daemon_hosts(w, node, side ? high : low);
	uint64_t fate = owner_here ? channel_fate(&page->shm, &page->told, 1 - side) : 0;

	assert(low < high);
	assert(to != node);
	/* Everything is offered when the link comes up. */
	if (!daemon_link_is_up(w, node, to))
		return;
	frame.peer[0] = low;
	frame.peer[1] = high;
	frame.side = side;
	memcpy(frame.generation, page->generation, sizeof(frame.generation));
	if (owner_here && !world_mutated(w, SIM_NO_MARK_ON_SENDING)) {
		if (!line_export(&page->shm.line[side], &frame.image))
			return;
	} else {
		line_snapshot(&page->shm.line[side], &frame.image);
	}
	frame.withdraw = owner_here ? channel_wanted_back(&page->shm, side, frame.image.word) : 0;
	if (owner_here && line_word_op(frame.image.word) == LINE_OP_ANSWER)
		fate = channel_fate(&page->shm, &page->told, 1 - side);
	frame.fate = fate;
	if (fate)
		page->told.word[1 - side] = fate;
	page->told.word[side] = frame.image.word;
	page->told.withdraw[side] = frame.withdraw;
	world_log(w, "frame %d to %d: line %d of %d-%d word %llx", node, to, side, low, high,
		  (unsigned long long)frame.image.word);
	daemon_say(w, &frame);
}

static void note_tell(struct world *w, int node, struct page *page, int low, int high, int side,
		      int to)
{
	struct frame frame = frame_from(w, node, to);

	assert(low < high);
	assert(to != node);
	if (!daemon_link_is_up(w, node, to))
		return;
	frame.peer[0] = low;
	frame.peer[1] = high;
	frame.side = side;
	frame.is_note = true;
	memcpy(frame.generation, page->generation, sizeof(frame.generation));
	notify_snapshot(&page->shm.notify[side], &frame.note);
	page->told.posted[side] = frame.note.posted;
	page->told.taken[side] = frame.note.taken;
	daemon_say(w, &frame);
}

/* Where the far end of a line that we have one end of is; -1 if here, moving, or nowhere. */
static int elsewhere(const struct world *w, int node, int here, int there)
{
	const struct directory *dir = &w->node[node].directory;
	const struct directory_endpoint *b = world_endpoint(dir, there);

	/* Frames to and from an endpoint on the move are held until the order is known. */
	if (!decides(w, node, here) || !b->bound || b->moving || b->node == node)
		return -1;
	return dir->node[b->node].up ? b->node : -1;
}

static void scan_line(struct world *w, int node, int low, int high, int side, bool everything)
{
	struct page *page = living_page(w, node, low, high);
	int owner = side ? high : low, receiver = side ? low : high;
	int to = elsewhere(w, node, owner, receiver);
	int here = to < 0 ? 1 - side : side;

	assert(to < 0 || to != node);
	if (to < 0)
		to = elsewhere(w, node, receiver, owner);
	if (!page || to < 0)
		return;
	if (everything)
		page->told.word[side] = page->told.withdraw[side] = 0;
	if (channel_line_untold(&page->shm, &page->told, side, here))
		line_tell(w, node, page, low, high, side, to);
}

static void scan_note(struct world *w, int node, int low, int high, int side, bool everything)
{
	struct page *page = living_page(w, node, low, high);
	int owner = side ? high : low, receiver = side ? low : high;
	int to = elsewhere(w, node, owner, receiver);

	assert(low < high);
	if (to < 0)
		to = elsewhere(w, node, receiver, owner);
	if (!page || to < 0)
		return;
	if (everything || channel_notify_untold(&page->shm, &page->told, side))
		note_tell(w, node, page, low, high, side, to);
}

/* The mutation: the carried lines are joined and decided before the order gives the process to this node. */
static void unpack_early(struct world *w, int node)
{
	for (int proc = 0; proc < w->procs; proc++) {
		const struct arrival *arrival = &w->node[node].arrival[proc];

		if (w->node[node].copy[proc].state != COPY_HELD || !arrival->image ||
		    !is_bound(w, node, proc))
			continue;
		daemon_import(w, node, &arrival->image[proc]);
		daemon_unhold(w, node, proc);
	}
}

void daemon_on_scan(struct world *w, int node, bool everything)
{
	for (int high = 1; high < w->procs; high++)
		for (int low = 0; low < high; low++)
			for (int side = 0; side < 2; side++) {
				scan_line(w, node, low, high, side, everything);
				scan_note(w, node, low, high, side, everything);
			}
	if (world_mutated(w, SIM_UNPACK_BEFORE_COMMIT))
		unpack_early(w, node);
}

void daemon_resend(struct world *w, int node, int proc)
{
	daemon_forget_told(w, node, proc);
	daemon_on_scan(w, node, false);
}

static void offer(struct world *w, int node, int proc, bool all)
{
	const struct directory_endpoint *ep = world_endpoint(&w->node[node].directory, proc);
	bool here = daemon_hosts(w, node, proc);

	for (int to = 0; to < w->nodes && w->strict; to++) {
		struct frame frame = frame_from(w, node, to);

		if (world_mutated(w, SIM_NO_OFFER))
			break;
		if (to == node || !ep->bound || !(here || ep->node == to) ||
		    !daemon_link_is_up(w, node, to) ||
		    (!all && !(w->node[node].dropped[to] >> proc & 1)))
			continue;
		w->node[node].dropped[to] &= ~(1u << proc);
		frame.offered = proc;
		daemon_say(w, &frame);
	}
	daemon_resend(w, node, proc);
}

void daemon_offer(struct world *w, int node, int proc)
{
	offer(w, node, proc, true);
}

void daemon_offer_new(struct world *w, int node, int proc)
{
	offer(w, node, proc, false);
}

static void drop(struct world *w, int node, const struct frame *frame)
{
	assert(frame->from != node);
	if (frame->offered < 0 && !frame->talk)
		w->node[node].dropped[frame->from] |= 1u << frame->peer[0] | 1u << frame->peer[1];
}

static bool frame_is_current(const struct world *w, int node, const struct frame *frame)
{
	const struct directory *dir = &w->node[node].directory;

	if (!dir->node[frame->from].up ||
	    dir->node[frame->from].incarnation != frame->incarnation[0] ||
	    w->node[node].incarnation != frame->incarnation[1])
		return false;
	if (w->strict && (frame->epoch != w->link_epoch[frame->from][node] ||
			  frame->epoch < w->node[node].link_least[frame->from]))
		return false;
	for (int side = 0; side < 2 && frame->offered < 0 && !frame->talk; side++) {
		if (!is_bound(w, node, frame->peer[side]))
			return false;
		if (generation_of(w, node, frame->peer[side]) != frame->generation[side] &&
		    !world_mutated(w, SIM_NO_GENERATION))
			return false;
	}
	return true;
}

void daemon_on_frame(struct world *w, int node, const struct frame *frame)
{
	int owner = frame->peer[frame->side], receiver = frame->peer[1 - frame->side];
	bool owner_here, receiver_here;
	struct page *page;
	int here;

	assert(frame->to == node);
	if (!frame_is_current(w, node, frame)) {
		w->report->frames_lost += w->strict;
		drop(w, node, frame);
		return;
	}
	if (frame->talk) {
		ask_on_frame(w, node, frame);
		return;
	}
	if (frame->offered >= 0) {
		daemon_resend(w, node, frame->offered);
		return;
	}
	owner_here = daemon_hosts(w, node, owner);
	receiver_here = daemon_hosts(w, node, receiver);
	/* Both here: the page is the only replica, and what comes is old. */
	if (owner_here == receiver_here) {
		drop(w, node, frame);
		return;
	}
	here = owner_here ? frame->side : 1 - frame->side;
	/* A held end may be read and carried away at this moment. */
	if (!decides(w, node, frame->peer[here])) {
		drop(w, node, frame);
		return;
	}
	page = daemon_page(w, node, owner, receiver);
	if (frame->is_note)
		channel_merge_notify(&page->shm, &page->told, frame->side, &frame->note, here);
	else if (owner_here)
		channel_merge_line(&page->shm, &page->told, frame->side, &frame->image,
				   frame->withdraw, here);
	else
		channel_merge_both(&page->shm, &page->told, &frame->image, frame->withdraw,
				   frame->fate, here);
	scan_line(w, node, frame->peer[0], frame->peer[1], frame->side, false);
}
