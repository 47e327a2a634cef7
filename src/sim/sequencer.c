/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The sequencer: the product's rules of it (group/clerk.h) on made-up connections. Each connection is in order and
 * without loss until it ends; the words of a node that has ended are there until the sequencer sees the end.
 */

#include <errno.h>
#include <stdlib.h>

#include "sim/world.h"

#define CHECK_US     20000u
#define SILENT_NS    INT64_C(50000000) /* for a joiner's state; then another member is asked */
#define SEEN_LATE_US 80000u	       /* the end of a connection */

static int64_t now_ns(void *ctx)
{
	return (int64_t)((struct world *)ctx)->now_us * 1000;
}

/* The node of this connection still has it, and hears a word. */
static int put(void *ctx, int place, enum group_kind kind, const void *head, size_t head_bytes,
	       const void *body, size_t body_bytes)
{
	static const enum parcel_kind kinds[GROUP_KIND_LAST + 1] = {
		[GROUP_DELIVER] = PARCEL_DELIVER,
		[GROUP_RESTORE] = PARCEL_RESTORE,
		[GROUP_ASK] = PARCEL_ASK,
	};
	struct world *w = ctx;
	int node = w->wire[place].node;
	struct parcel like = { .kind = kinds[kind] };

	assert(head_bytes == 8);
	if (!like.kind || w->member[node].place != place)
		return 0;
	like.number = group_number_decode(head);
	parcels_add(&w->member[node].told, &like, NULL, 0, body, body_bytes);
	world_put(w, world_event(w, EVENT_DELIVER, node),
		  world_random(w, 1, w->group_delay_us_max));
	return 0;
}

static void ordered(void *ctx, uint64_t order, const struct command *cmd)
{
	struct world *w = ctx;

	if (order != w->log_count + 1u)
		world_fail(w, "I4: the sequencer gives number %llu after %u",
			   (unsigned long long)order, w->log_count);
	else
		order_append(w, cmd);
}

static void asked(void *ctx)
{
	struct world *w = ctx;

	int joins = 0;

	for (int place = 0; place < CLERK_PLACES; place++)
		joins += w->clerk.place[place].taken && w->clerk.place[place].transfer.asked;
	w->report->states++;
	w->report->joins_together += joins > 1;
	/* The time in which a joiner or the giver of its state can end half way is short. */
	if (w->crash_period_us && !w->calm && world_chance(w, 30)) {
		struct sim_event crash = world_event(w, EVENT_CRASH, -1);

		crash.tag = 1;
		world_put(w, crash, world_random(w, 1, 2 * (uint64_t)w->group_delay_us_max));
	}
	world_put(w, world_event(w, EVENT_CLERK_LOOKS, -1), CHECK_US);
}

static void gone(void *ctx, int place, const struct clerk_place *was)
{
	struct world *w = ctx;
	struct wire *wire = &w->wire[place];

	assert(was->doomed);
	w->report->joiners_lost += was->state == CLERK_JOINING;
	for (int other = 0; other < CLERK_PLACES; other++)
		w->report->givers_lost += transfer_asks(&w->clerk.place[other].transfer, place);
	parcels_deinit(&wire->words);
	wire->uses++;
}

void sequencer_begin(struct world *w)
{
	static const struct clerk_calls calls = { now_ns, put, ordered, asked, gone };

	clerk_init(&w->clerk, &calls, w);
	for (int place = 0; place < CLERK_PLACES; place++)
		parcels_init(&w->wire[place].words);
}

void sequencer_say(struct world *w, int node, const struct parcel *like, const void *head,
		   size_t head_bytes, const void *body, size_t body_bytes)
{
	int place = w->member[node].place;
	struct wire *wire = &w->wire[place];
	struct sim_event event = world_event(w, EVENT_TO_CLERK, -1);
	uint64_t most = like->kind == PARCEL_END ? SEEN_LATE_US : w->group_delay_us_max;
	uint64_t arrives = w->now_us + world_random(w, 1, most);

	assert(wire->node == node);
	parcels_add(&wire->words, like, head, head_bytes, body, body_bytes);
	if (arrives < wire->until)
		arrives = wire->until;
	wire->until = arrives;
	event.a = place;
	event.tag = wire->uses;
	world_put(w, event, arrives - w->now_us);
}

void sequencer_join(struct world *w, int node)
{
	int place = clerk_come(&w->clerk);

	assert(place >= 0);
	w->wire[place].node = node;
	w->wire[place].until = 0;
	w->member[node].place = place;
	sequencer_say(w, node, &(struct parcel){ .kind = PARCEL_HELLO }, NULL, 0, NULL, 0);
}

/* Of a machine that ends the last words may not have left it. */
void sequencer_leave(struct world *w, int node)
{
	struct parcels *words = &w->wire[w->member[node].place].words, kept;
	struct parcel *word;

	parcels_init(&kept);
	while ((word = parcels_take(words))) {
		if (world_chance(w, 90))
			parcels_add(&kept, word, word->bytes, word->len, NULL, 0);
		else
			parcels_deinit(words);
		free(word);
	}
	while ((word = parcels_take(&kept))) {
		parcels_add(words, word, word->bytes, word->len, NULL, 0);
		free(word);
	}
	sequencer_say(w, node, &(struct parcel){ .kind = PARCEL_END }, NULL, 0, NULL, 0);
	w->member[node].place = -1;
}

static int take_word(struct world *w, int place);

static int take_hello(struct world *w, int place)
{
	int node = w->wire[place].node, old = clerk_find(&w->clerk, node);
	struct group_hello hello = { .node = node,
				     .secret = w->member[node].seat.secret,
				     .speaker = protocol_own };

	/* It has ended before, also where that has not been seen. */
	while (old >= 0 && take_word(w, old))
		continue;
	if (w->member[node].place != place)
		hello.secret = ++w->secrets; /* of a life that has ended as well */
	return clerk_hello(&w->clerk, place, &hello);
}

/* 0: there is none, or the connection has ended. */
static int take_word(struct world *w, int place)
{
	struct parcel *word = parcels_take(&w->wire[place].words);
	int r = 0;

	if (!word)
		return 0;
	switch (word->kind) {
	case PARCEL_HELLO:
		r = take_hello(w, place);
		break;
	case PARCEL_COMMAND:
		r = clerk_command(&w->clerk, place, word->bytes, word->len);
		break;
	case PARCEL_STATE:
		r = clerk_state(&w->clerk, place, word->bytes, word->len);
		break;
	default:
		r = word->kind == PARCEL_END ? -ECONNRESET : -EBADMSG;
		break;
	}
	/* The HELLO of a life that has ended may come after that of the next one. */
	if (r < 0 && word->kind != PARCEL_END &&
	    (r != -EEXIST || w->member[w->wire[place].node].place == place))
		world_fail(w, "I4: the sequencer does not take word %d of node %d: %d",
			   (int)word->kind, w->wire[place].node, r);
	free(word);
	if (r < 0)
		clerk_doom(&w->clerk, place, r);
	return !r;
}

void sequencer_on_event(struct world *w, const struct sim_event *event)
{
	if (event->kind == EVENT_CLERK_LOOKS)
		clerk_check(&w->clerk, SILENT_NS);
	else if (w->wire[event->a].uses == event->tag)
		take_word(w, event->a);
	clerk_settle(&w->clerk);
}

bool sequencer_has_other(const struct world *w, int node)
{
	for (int other = 0; other < w->nodes; other++)
		if (other != node && w->node[other].up && w->member[other].seat.joined)
			return true;
	return false;
}

void sequencer_deinit(struct world *w)
{
	for (int place = 0; place < CLERK_PLACES; place++)
		parcels_deinit(&w->wire[place].words);
	clerk_deinit(&w->clerk);
}
