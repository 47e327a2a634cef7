/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_DRIVER_FIXTURE_H
#define DVS_CORE_DRIVER_FIXTURE_H

/*
 * Whether a side's table is whole: each effect that its plan can ask for is executed, each event that
 * changes something in its plan is produced, and nothing else stands in the table. The plans are
 * given every event in every state. Only test programs include this, after base/test.h.
 */

#include <string.h>

#include "core/driver.h"

#define FIXTURE_PLANS_MAX 2000

union fixture_plan {
	struct plan_source source;
	struct plan_target target;
};

static union fixture_plan fixture_plans[FIXTURE_PLANS_MAX];
static uint32_t fixture_count;

static void fixture_add(const union fixture_plan *plan)
{
	for (uint32_t i = 0; i < fixture_count; i++)
		if (!memcmp(&fixture_plans[i], plan, sizeof(*plan)))
			return;
	CHECK_OR_RETURN(fixture_count < FIXTURE_PLANS_MAX);
	fixture_plans[fixture_count++] = *plan;
}

static void fixture_explore(bool is_source, uint64_t *events_used, uint64_t *effects_used)
{
	static union fixture_plan first;
	struct plan_limits limits = { 1, 1, 1 };

	memset(&first, 0, sizeof(first));
	fixture_count = 0;
	*events_used = *effects_used = 0;
	if (is_source)
		plan_source_init(&first.source, &limits);
	else
		plan_target_init(&first.target, &limits);
	fixture_add(&first);
	for (uint32_t at = 0; at < fixture_count; at++)
		for (int i = 0; i < 4 * PLAN_EVENT_KINDS; i++) {
			union fixture_plan next = fixture_plans[at];
			struct plan_event event = { .kind = (enum plan_event_kind)(i / 4),
						    .now_ns = 10,
						    .code = i & 1 ? -5 : 0,
						    .move = 7,
						    .dry_run = i >> 1 & 1 };
			struct plan_effects effects;

			if (event.kind == PLAN_TICK || event.kind == PLAN_PROGRESS)
				event.now_ns = 1000;
			if (is_source)
				plan_source_step(&next.source, &event, &effects);
			else
				plan_target_step(&next.target, &event, &effects);
			for (uint32_t e = 0; e < effects.count; e++)
				*effects_used |= UINT64_C(1) << effects.item[e].kind;
			if (effects.count || memcmp(&next, &fixture_plans[at], sizeof(next)))
				*events_used |= DRIVER_EVENT(event.kind);
			/* Times are not explored, only whether there is a limit. */
			if (is_source)
				next.source.deadline_ns = next.source.deadline_ns ? 11 : 0;
			else
				next.target.deadline_ns = next.target.deadline_ns ? 11 : 0;
			fixture_add(&next);
		}
}

static void check_side(const struct driver_side *side)
{
	uint64_t events, effects;
	uint64_t produced = side->told | DRIVER_EVENT(PLAN_PROGRESS) | DRIVER_EVENT(PLAN_TICK);
	uint64_t executed = 0;

	fixture_explore(side->is_source, &events, &effects);
	for (uint32_t i = 0; i < side->rows; i++) {
		const struct driver_row *row = &side->row[i];

		CHECK(row->run && row->where);
		CHECK(!(executed >> row->effect & 1));
		CHECK(row->where == DRIVER_STEP ||
		      !(row->where == DRIVER_AT_ONCE && row->outcomes));
		CHECK(row->where != DRIVER_STEP || row->outcomes);
		executed |= UINT64_C(1) << row->effect;
		produced |= row->outcomes;
	}
	for (int kind = 1; kind < PLAN_EFFECT_KINDS; kind++)
		if ((executed ^ effects) >> kind & 1) {
			printf("   %s: \"%s\" is %s\n", side->is_source ? "source" : "target",
			       plan_effect_name((enum plan_effect_kind)kind),
			       executed >> kind & 1 ? "never asked for" : "not executed");
			CHECK(!"effects differ");
		}
	for (int kind = 1; kind < PLAN_EVENT_KINDS; kind++)
		if ((produced ^ events) >> kind & 1) {
			printf("   %s: \"%s\" is %s\n", side->is_source ? "source" : "target",
			       plan_event_name((enum plan_event_kind)kind),
			       produced >> kind & 1 ? "of no use" : "never produced");
			CHECK(!"events differ");
		}
}

#endif
