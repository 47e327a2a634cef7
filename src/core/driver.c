/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver.h"

#include <stddef.h>

#include "core/assert.h"

static const struct driver_row *row_of(const struct driver_side *side, enum plan_effect_kind effect)
{
	for (uint32_t i = 0; i < side->rows; i++)
		if (side->row[i].effect == effect)
			return &side->row[i];
	return NULL;
}

void driver_init(struct driver *driver, const struct driver_side *side,
		 const struct plan_limits *limits, void *ctx)
{
	CORE_ASSERT(side->interrupt);
	*driver = (struct driver){ .side = side, .ctx = ctx };
	if (side->is_source)
		plan_source_init(&driver->source, limits);
	else
		plan_target_init(&driver->target, limits);
}

bool driver_is_ended(const struct driver *driver)
{
	return driver->side->is_source ? plan_source_is_ended(&driver->source)
				       : plan_target_is_ended(&driver->target);
}

bool driver_is_over(const struct driver *driver)
{
	return driver_is_ended(driver) && !driver->todo_count && !driver->running;
}

uint64_t driver_deadline_ns(const struct driver *driver)
{
	return driver->side->is_source ? driver->source.deadline_ns : driver->target.deadline_ns;
}

const char *driver_state_name(const struct driver *driver)
{
	return driver->side->is_source ? plan_source_state_name(driver->source.state)
				       : plan_target_state_name(driver->target.state);
}

/* The plan has gone on, and waits for no earlier event any more. */
static void supersede(struct driver *driver)
{
	uint32_t kept = 0;

	CORE_ASSERT(driver->todo_count <= DRIVER_TODO_MAX);
	for (uint32_t i = 0; i < driver->todo_count; i++)
		if (row_of(driver->side, driver->todo[i].kind)->where == DRIVER_IN_TURN)
			driver->todo[kept++] = driver->todo[i];
	CORE_ASSERT(kept <= driver->todo_count);
	driver->todo_count = kept;
	if (!driver->running || driver->running->where != DRIVER_STEP || driver_told(driver))
		return;
	atomic_store_explicit(&driver->step_told, true, memory_order_relaxed);
	driver->side->interrupt(driver->ctx);
}

static void carry_out(struct driver *driver, const struct plan_effects *effects)
{
	bool superseded = false;

	CORE_ASSERT(effects->count <= PLAN_EFFECTS_MAX);
	for (uint32_t i = 0; i < effects->count; i++) {
		const struct plan_effect *effect = &effects->item[i];
		const struct driver_row *row = row_of(driver->side, effect->kind);

		CORE_ASSERT(row);
		if (row->where == DRIVER_AT_ONCE) {
			row->run(driver->ctx, effect);
			continue;
		}
		if (!superseded)
			supersede(driver);
		superseded = true;
		CORE_ASSERT(driver->todo_count < DRIVER_TODO_MAX);
		driver->todo[driver->todo_count++] = *effect;
	}
}

static void step(struct driver *driver, const struct plan_event *event)
{
	struct plan_effects effects;

	if (driver->side->is_source)
		plan_source_step(&driver->source, event, &effects);
	else
		plan_target_step(&driver->target, event, &effects);
	carry_out(driver, &effects);
}

void driver_event(struct driver *driver, const struct plan_event *event)
{
	CORE_ASSERT(driver->side->told & DRIVER_EVENT(event->kind));
	step(driver, event);
}

void driver_look(struct driver *driver, uint64_t now_ns, uint64_t moved)
{
	struct plan_event event = { .kind = PLAN_PROGRESS, .now_ns = now_ns };

	/* The look is the driver's own, and no side says that it is told of it. */
	CORE_ASSERT(!(driver->side->told & DRIVER_EVENT(PLAN_TICK)));
	if (moved != driver->moved)
		step(driver, &event);
	driver->moved = moved;
	event.kind = PLAN_TICK;
	step(driver, &event);
}

const struct driver_row *driver_take(struct driver *driver, struct plan_effect *effect)
{
	if (driver->running || !driver->todo_count)
		return NULL;
	*effect = driver->todo[0];
	driver->todo_count--;
	for (uint32_t i = 0; i < driver->todo_count; i++)
		driver->todo[i] = driver->todo[i + 1];
	driver->running = row_of(driver->side, effect->kind);
	CORE_ASSERT(driver->running && driver->running->where != DRIVER_AT_ONCE);
	return driver->running;
}

void driver_done(struct driver *driver, const struct plan_event *outcome)
{
	const struct driver_row *row = driver->running;

	CORE_ASSERT(row);
	CORE_ASSERT(!outcome->kind || row->outcomes & DRIVER_EVENT(outcome->kind));
	driver->running = NULL;
	atomic_store_explicit(&driver->step_told, false, memory_order_relaxed);
	if (outcome->kind)
		step(driver, outcome);
}
