/* SPDX-License-Identifier: Apache-2.0 */
#include "core/waits.h"

#include <stdbool.h>

#include "core/assert.h"

static bool is_slot(int p_nr)
{
	return p_nr >= -SHM_TASKS && p_nr < SHM_SLOTS - SHM_TASKS;
}

/* Rules that hold between all calls. */
static void assert_sound(const struct wait_chase *chase)
{
	CORE_ASSERT(is_slot(chase->at));
	CORE_ASSERT(is_slot(chase->from));
	CORE_ASSERT(chase->count <= SHM_SLOTS);
	CORE_ASSERT(chase->first <= SHM_SLOTS);
	CORE_ASSERT(chase->first < chase->count || !chase->checked);
	CORE_ASSERT(chase->first + chase->checked <= SHM_SLOTS);
}

void wait_chase_begin(struct wait_chase *chase, int p_nr)
{
	chase->at = chase->from = p_nr;
	chase->count = 0;
	chase->first = SHM_SLOTS;
	chase->checked = 0;
	assert_sound(chase);
}

static bool is_edge(const struct wait_chase *chase, const struct wait_edge *edge)
{
	return edge->kind != WAIT_NOBODY && edge->kind <= WAIT_KIND_LAST &&
	       edge->p_nr == chase->at && edge->target != edge->p_nr && is_slot(edge->target);
}

/* Where a slot stands in the chase; count: nowhere. */
static uint32_t place_of(const struct wait_chase *chase, int p_nr)
{
	uint32_t i = 0;

	CORE_ASSERT(is_slot(p_nr));
	while (i < chase->count && chase->edge[i].p_nr != p_nr)
		i++;
	return i;
}

static enum wait_verdict refuse_one(struct wait_chase *chase)
{
	bool found = false;

	CORE_ASSERT(chase->first < chase->count);
	for (uint32_t i = chase->first; i < chase->count; i++) {
		const struct wait_edge *edge = &chase->edge[i];

		if (edge->kind != WAIT_TAKE || (found && edge->p_nr < chase->victim.p_nr))
			continue;
		chase->victim = *edge;
		found = true;
	}
	CORE_ASSERT(!found || chase->victim.kind == WAIT_TAKE);
	return found ? WAIT_LOCKED : WAIT_FREE;
}

/* The second round, from the ring's first member on. */
static enum wait_verdict check(struct wait_chase *chase, const struct wait_edge *edge)
{
	const struct wait_edge *before = &chase->edge[chase->first + chase->checked];

	CORE_ASSERT(chase->first + chase->checked < chase->count);
	CORE_ASSERT(edge->p_nr == chase->at);
	if (edge->target != before->target || edge->nr != before->nr || edge->kind != before->kind)
		return WAIT_FREE;
	chase->checked++;
	if (chase->first + chase->checked == chase->count)
		return refuse_one(chase);
	chase->from = edge->p_nr;
	chase->at = edge->target;
	return WAIT_ASK;
}

enum wait_verdict wait_chase_on_edge(struct wait_chase *chase, const struct wait_edge *edge)
{
	assert_sound(chase);
	if (!is_edge(chase, edge))
		return WAIT_FREE;
	if (chase->first < chase->count)
		return check(chase, edge);
	/* Never full: no slot stands in it twice. */
	CORE_ASSERT(chase->count < SHM_SLOTS);
	chase->edge[chase->count++] = *edge;
	chase->first = place_of(chase, edge->target);
	CORE_ASSERT(chase->first <= chase->count);
	chase->from = edge->p_nr;
	chase->at = edge->target;
	return chase->count - chase->first == 2 ? WAIT_FREE : WAIT_ASK;
}
