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
	if (epoll_item_tells_edges(item) && item->told)
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
		add(&restore->calls, description->number, &item,
		    phase == PHASE_FIRED ? ALL_EVENTS : 0);
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

int restore_epoll(struct restore *restore, struct description *description, struct refusal *refusal)
{
	(void)refusal;
	join(restore, description, 0);
	return 0;
}
