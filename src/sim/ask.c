/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Questions of daemons to each other for their clients, and a daemon that follows itself (dvs restart). The pages,
 * the life of the node and its place in the order stay; the links end, and the words said over them are forgotten.
 * It begins when nothing of this node is half done, and its last word over each link is that a request that it has not
 * answered has not been begun. Whether a request is asked again is the product's rule (core/again.h).
 */

#include <stdlib.h>
#include <string.h>

#include "core/again.h"
#include "core/quiet.h"
#include "sim/world.h"

#define QUIET_LOOK_US  1000
#define QUIET_LIMIT_US 60000
#define AWAY_US	       30000

static struct frame word(const struct world *w, int node, int to, enum talk talk)
{
	return (struct frame){ .from = node,
			       .to = to,
			       .offered = -1,
			       .talk = talk,
			       .incarnation = { w->node[node].incarnation,
						w->node[node].directory.node[to].incarnation } };
}

static void send_request(struct world *w, int node, struct ask *ask)
{
	struct frame frame = word(w, node, ask->to, TALK_REQUEST);

	assert(!ask->sent);
	if (!daemon_link_is_up(w, node, ask->to))
		return;
	ask->sent = true;
	world_log(w, "request %u of node %d to node %d is sent", ask->number, node, ask->to);
	frame.number = ask->number;
	frame.acts = ask->acts;
	daemon_say(w, &frame);
}

static void over(struct world *w, struct ask *ask, const char *how)
{
	world_log(w, "request %u to node %d: %s", ask->number, ask->to, how);
	*ask = (struct ask){ 0 };
}

/* A client comes: its request goes to a node at once, or waits for the link. */
void ask_begin(struct world *w, int node)
{
	int to = (int)world_random(w, 0, (uint64_t)w->nodes - 1);
	struct node *n = &w->node[node];

	if (to == node || !n->up || !n->incarnation || n->quiet || n->away || w->asked == ASKS_MAX)
		return;
	for (int i = 0; i < ASKS_OPEN; i++) {
		struct ask *ask = &n->ask[i];

		if (ask->number)
			continue;
		*ask = (struct ask){ .number = ++w->asked, .to = to, .acts = world_chance(w, 60) };
		send_request(w, node, ask);
		return;
	}
}

static void on_request(struct world *w, int node, const struct frame *frame)
{
	struct sim_event event = world_event(w, EVENT_ANSWER, node);
	struct frame *copy = malloc(sizeof(*copy));

	if (!copy)
		abort();
	*copy = *frame;
	event.data = copy;
	w->node[node].serving++;
	world_log(w, "request %u is begun at node %d", frame->number, node);
	if (frame->acts && ++w->executed[frame->number] > 1)
		world_fail(w, "I1: what node %d asked of node %d was done twice", frame->from,
			   node);
	world_put(w, event, world_random(w, 1, 8000));
}

/* The request is done, and the answer goes where the question came from, if the link is the same. */
void ask_on_answer(struct world *w, int node, const struct frame *question)
{
	struct frame answer = word(w, node, question->from, TALK_ANSWER);

	assert(w->node[node].serving > 0);
	w->node[node].serving--;
	answer.number = question->number;
	if (question->epoch == w->link_epoch[node][question->from] &&
	    daemon_link_is_up(w, node, question->from))
		daemon_say(w, &answer);
}

void ask_on_frame(struct world *w, int node, const struct frame *frame)
{
	struct node *n = &w->node[node];

	assert(frame->talk != TALK_NOTHING);
	if (frame->talk == TALK_REQUEST)
		on_request(w, node, frame);
	if (frame->talk == TALK_RESTART)
		n->restarting |= 1u << frame->from;
	for (int i = 0; i < ASKS_OPEN && frame->talk == TALK_ANSWER; i++) {
		struct ask *ask = &n->ask[i];

		if (ask->number != frame->number)
			continue;
		if (ask->acts && w->executed[ask->number] != 1)
			world_fail(w, "I1: node %d is told that request %u was done", node,
				   ask->number);
		w->report->asked++;
		over(w, ask, "answered");
	}
}

/* left: the order says that the node is no member any more. */
void ask_on_lost(struct world *w, int node, int peer, bool left)
{
	struct node *n = &w->node[node];
	bool untouched = n->restarting >> peer & 1;

	n->restarting &= ~(1u << peer);
	if (world_mutated(w, SIM_ASK_ALWAYS_AGAIN))
		untouched = true;
	for (int i = 0; i < ASKS_OPEN; i++) {
		struct ask *ask = &n->ask[i];
		struct again_request request = { .has_asker = true, .is_harmless = !ask->acts };
		enum again_fate fate = !ask->sent  ? AGAIN_UNSENT
				       : untouched ? AGAIN_UNTOUCHED
						   : AGAIN_UNKNOWN;

		if (!ask->number || ask->to != peer)
			continue;
		if (left || again_of(&request, fate, true) == AGAIN_NOT) {
			over(w, ask, left ? "its node has left" : "nobody knows");
			continue;
		}
		w->report->asked_again += ask->sent;
		ask->sent = false;
	}
}

void ask_on_link(struct world *w, int node, int peer)
{
	for (int i = 0; i < ASKS_OPEN; i++) {
		struct ask *ask = &w->node[node].ask[i];

		if (ask->number && ask->to == peer && !ask->sent)
			send_request(w, node, ask);
	}
}

/* ---- the restart ---- */

static bool has_moves(const struct world *w, int node)
{
	for (int proc = 0; proc < w->procs; proc++)
		if (w->node[node].departure[proc].worker.active ||
		    w->node[node].arrival[proc].worker.active)
			return true;
	return false;
}

static struct quiet_view view(const struct world *w, int node)
{
	const struct node *n = &w->node[node];
	struct quiet_view view = { .is_moving = has_moves(w, node),
				   .has_proposal = n->proposals > 0,
				   .serves =
					   n->serving && !world_mutated(w, SIM_RESTART_IN_HASTE) };

	for (int i = 0; i < ASKS_OPEN; i++)
		view.asks_node |= n->ask[i].number != 0;
	return view;
}

static void look_again(struct world *w, int node)
{
	world_put(w, world_event(w, EVENT_QUIET, node), QUIET_LOOK_US);
}

void ask_restart(struct world *w, int node)
{
	struct node *n = &w->node[node];

	if (!n->up || !n->incarnation || n->quiet || n->away || has_moves(w, node))
		return;
	n->quiet = true;
	n->quiet_until = w->now_us + QUIET_LIMIT_US;
	look_again(w, node);
}

static void go_away(struct world *w, int node)
{
	struct node *n = &w->node[node];

	world_log(w, "the daemon of node %d restarts", node);
	w->report->restarts++;
	for (int peer = 0; peer < w->nodes; peer++) {
		struct frame frame = word(w, node, peer, TALK_RESTART);

		if (peer == node || !daemon_link_is_up(w, node, peer))
			continue;
		daemon_say(w, &frame);
	}
	n->away = true;
	n->restarting = 0;
	/* Frames on their way to it are lost, and the others see the end of the link behind its last word. */
	for (int peer = 0; peer < w->nodes; peer++)
		if (peer != node)
			daemon_link_end(w, node, peer);
	world_put(w, world_event(w, EVENT_SUCCESSOR, node), world_random(w, 1000, AWAY_US));
}

void ask_on_quiet(struct world *w, int node)
{
	struct node *n = &w->node[node];
	struct quiet_view seen = view(w, node);

	switch (quiet_next(quiet_find(&seen), w->now_us > n->quiet_until)) {
	case QUIET_GO:
		n->quiet = false;
		go_away(w, node);
		break;
	case QUIET_LOOK_AGAIN:
		look_again(w, node);
		break;
	case QUIET_GIVE_UP:
		n->quiet = false;
		world_log(w, "the daemon of node %d is not restarted", node);
		break;
	}
}

/* It reads the records of the daemon before it; it does not know that daemon's words to others. */
void ask_on_successor(struct world *w, int node)
{
	static uint8_t bytes[1 << 20];
	struct node *n = &w->node[node];
	size_t len = directory_encode(&n->directory, bytes, sizeof(bytes));

	assert(n->away);
	if (!len || directory_decode(&n->directory, bytes, len))
		world_fail(w, "I4: the successor of node %d cannot read the directory", node);
	for (int proc = 0; proc < w->procs && !world_mutated(w, SIM_TOLD_OUTLIVES); proc++)
		daemon_forget_told(w, node, proc);
	n->away = false;
	for (int peer = 0; peer < w->nodes; peer++)
		if (peer != node)
			daemon_link_up(w, node, peer);
}
