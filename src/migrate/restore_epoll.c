/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An epoll instance on the target, in the order that leaves each item in the state that it had: one-shots that have
 * fired, which fire here while nothing else is in the instance; edges that were told, whose events are taken at once;
 * and then all others, whose events stay.
 */
#include "migrate/restore.h"

#include <assert.h>
#include <string.h>

#include "migrate/epoll_items.h"
#include "migrate/kind.h"
#include "os/epoll.h"
#include "os/kernel.h"

#define ALL_EVENTS (OS_EPOLL_IN | OS_EPOLL_OUT | OS_EPOLL_PRIORITY | OS_EPOLL_PEER_HANGUP)
#define NESTS_MAX  5 /* as deep as the kernel lets instances wait for each other */
#define EVENTS_MAX 4096u
#define MASK_BYTES 8

enum phase {
	PHASE_FIRED,
	PHASE_TOLD,
	PHASE_REST,
	PHASES
};

static enum phase phase_of(const struct restore *restore, const struct epoll_item *item)
{
	const struct description *target =
		descriptions_find(&restore->picture.tables->descriptions, item->description);

	assert(target); /* kind.whole() saw to it */
	if (epoll_item_tells_edges(item) && item->state & EPOLL_ITEM_TOLD)
		return PHASE_TOLD;
	if (!epoll_item_has_fired(item))
		return PHASE_REST;
	return target->kind->never_ends ? PHASE_REST : PHASE_FIRED;
}

static void add(struct calls *calls, int epoll, const struct epoll_item *item, uint32_t more)
{
	const struct epoll_event event = { .events = item->events | more, .data.u64 = item->data };

	calls_room(calls, 1, sizeof(event));
	struct remote_ptr address = calls_put(calls, &event, sizeof(event));

	calls_expect(calls, "wait for a descriptor by its epoll", 0, SYS_epoll_ctl, (uint64_t)epoll,
		     EPOLL_CTL_ADD, (uint64_t)item->number, address.at);
}

/* By its number, which the process has for something else, or not at all. A descriptor that has it waits above all. */
static void add_left(struct restore *restore, int epoll, const struct epoll_item *item,
		     uint32_t more)
{
	const struct descriptors *own = &restore->picture.descriptors;
	struct calls *calls = &restore->calls;
	const uint64_t number = (uint64_t)item->number;
	const uint64_t above = (uint64_t)own->fd[own->count - 1].number + 1;
	int from = descriptors_number_of(own, item->description);
	bool is_used = descriptors_stand_for(own, item->number);
	bool closes = false;

	assert(own->count && from >= 0 && from != item->number); /* kind.whole() saw to it */
	for (uint32_t i = 0; i < own->count; i++)
		closes = own->fd[i].number == item->number ? own->fd[i].cloexec : closes;
	calls_room(calls, 5, 0);
	if (is_used)
		calls_expect(calls, "put a descriptor aside", (int64_t)above, SYS_dup2, number,
			     above);
	calls_expect(calls, "wait for a closed number by its epoll", item->number, SYS_dup2,
		     (uint64_t)from, number);
	add(calls, epoll, item, more);
	calls_room(calls, 2, 0);
	if (is_used)
		calls_expect(calls, "put a descriptor back", item->number, SYS_dup3, above, number,
			     closes ? O_CLOEXEC : 0);
	calls_expect(calls, "close a number", 0, SYS_close, is_used ? above : number);
}

static void take(struct calls *calls, int epoll, uint32_t count, bool exact)
{
	size_t bytes = count * sizeof(struct epoll_event);

	assert(count && count <= EVENTS_MAX);
	calls_room(calls, 1, bytes);
	struct remote_ptr space = calls_space(calls, bytes);

	calls_append(calls, "take the events of its epoll", exact ? CALL_EXACT : CALL_OK, count,
		     SYS_epoll_pwait,
		     (const uint64_t[6]){ (uint64_t)epoll, space.at, count, 0, 0, MASK_BYTES });
}

static void add_phase(struct restore *restore, const struct description *description,
		      enum phase phase)
{
	struct epoll_cursor cursor = { .contents = &description->contents };
	struct epoll_item item;
	uint32_t added = 0;

	while (epoll_items_next(&cursor, &item)) {
		if (phase_of(restore, &item) != phase)
			continue;
		uint32_t more = phase == PHASE_FIRED ? ALL_EVENTS : 0;

		if (item.state & EPOLL_ITEM_LEFT)
			add_left(restore, description->number, &item, more);
		else
			add(&restore->calls, description->number, &item, more);
		if (phase == PHASE_FIRED)
			take(&restore->calls, description->number, 1, true);
		if (phase == PHASE_TOLD && ++added == EVENTS_MAX) {
			take(&restore->calls, description->number, added, false);
			added = 0;
		}
	}
	if (added)
		take(&restore->calls, description->number, added, false);
}

/* An instance that it waits for comes first, because the events of that one make an edge for this one. */
static void join(struct restore *restore, struct description *description, int depth)
{
	struct epoll_cursor cursor = { .contents = &description->contents };
	struct epoll_item item;

	assert(description->number >= 0);
	if (description->given[0])
		return;
	description->given[0] = true;
	while (depth < NESTS_MAX && epoll_items_next(&cursor, &item)) {
		struct description *inner =
			descriptions_find(&restore->picture.tables->descriptions, item.description);

		assert(inner);
		if (inner->image.kind == description->image.kind)
			join(restore, inner, depth + 1);
	}
	for (enum phase phase = 0; phase < PHASES; phase++)
		add_phase(restore, description, phase);
}

/* The shell may have fewer numbers than the process had. */
static int allow_numbers(struct restore *restore, const struct description *description,
			 struct refusal *refusal)
{
	struct epoll_cursor cursor = { .contents = &description->contents };
	struct epoll_item item;
	int most = -1;

	while (epoll_items_next(&cursor, &item))
		if (item.state & EPOLL_ITEM_LEFT && item.number > most)
			most = item.number;
	return most < 0 ? 0 : restore_allow_number(restore, most, refusal);
}

int restore_epoll(struct restore *restore, struct description *description, struct refusal *refusal)
{
	int r = allow_numbers(restore, description, refusal);

	if (r == 0)
		join(restore, description, 0);
	return r;
}
