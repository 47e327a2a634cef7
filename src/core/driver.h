/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_DRIVER_H
#define DVS_CORE_DRIVER_H

/*
 * One side of a move at work: a plan (core/plan.h) and the effects that it has asked for. The product and the
 * simulator run the same driver, each with its own functions behind the effects.
 *
 *	events --> driver_event() --> plan --> effects --+-- at once: executed inside driver_event()
 *	   ^                                             |
 *	   |                                             +-- the worker's list: driver_take(),
 *	   |                                                 then, without the lock, the function
 *	   +------------- outcome <-- driver_done() <-----------------'
 *
 * An event is stepped when it comes, also while the worker is in a step: nothing queues up events, so
 * none is lost. The plan waits for the outcome of a *step*. When the plan asks for something else
 * meanwhile, the step has become pointless: one that has not begun is taken off the list, and one that
 * runs is told to end (driver_told(), and the side's interrupt()); its outcome is a late event. A step
 * that is due *in turn* is done in any case.
 *
 * All functions but driver_told() are called with the lock held that excludes the others (the node lock).
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/plan.h"

enum driver_where {
	DRIVER_AT_ONCE = 1, /* inside the event: before the next command of the order is applied */
	DRIVER_STEP,	    /* on the worker; the plan waits for its outcome */
	DRIVER_IN_TURN,	    /* on the worker, whatever happens */
};

#define DRIVER_EVENT(kind) (UINT64_C(1) << (kind))

/* The function behind an effect. Its outcome: of kind 0 if there is none; dry_run, code and move are read. */
struct driver_row {
	enum plan_effect_kind effect;
	enum driver_where where;
	struct plan_event (*run)(void *ctx, const struct plan_effect *effect);
	uint64_t outcomes; /* DRIVER_EVENT() of each that run() may return */
};

/* The table of a side; each effect that its plan can ask for has exactly one row. */
struct driver_side {
	bool is_source;
	const struct driver_row *row;
	uint32_t rows;
	uint64_t
		told; /* DRIVER_EVENT() of those that come from elsewhere: the order, people, init */
	/* The step that runs is to end soon. From inside driver_event(); does not wait. */
	void (*interrupt)(void *ctx);
};

/* A plan enters each state once, and asks for at most two things at a time that are not done at once. */
#define DRIVER_TODO_MAX 32

struct driver {
	const struct driver_side *side;
	void *ctx;
	union {
		struct plan_source source;
		struct plan_target target;
	};
	struct plan_effect todo[DRIVER_TODO_MAX];
	uint32_t todo_count;
	const struct driver_row *running; /* NULL: the worker has nothing to do */
	atomic_bool step_told;
	uint64_t moved;
};

void driver_init(struct driver *driver, const struct driver_side *side,
		 const struct plan_limits *limits, void *ctx);
/* Steps the plan. One that the side's table does not say can be told is a fault of the program. */
void driver_event(struct driver *driver, const struct plan_event *event);
/*
 * Looks at the time: not later than at driver_deadline_ns(), and now and then before, because that is when
 * progress is seen: `moved` is how much has gone through the connection so far.
 */
void driver_look(struct driver *driver, uint64_t now_ns, uint64_t moved);
/* The next thing for the worker, which is then running; NULL: none, or one runs. */
const struct driver_row *driver_take(struct driver *driver, struct plan_effect *effect);
void driver_done(struct driver *driver, const struct plan_event *outcome);
/* Whether the step that runs is to end. From any thread. */
static inline bool driver_told(struct driver *driver)
{
	return atomic_load_explicit(&driver->step_told, memory_order_relaxed);
}
bool driver_is_ended(const struct driver *driver); /* the plan; the worker may be at work yet */
bool driver_is_over(const struct driver *driver);  /* and nothing is left to do */
uint64_t driver_deadline_ns(const struct driver *driver); /* 0 none */
const char *driver_state_name(const struct driver *driver);

#endif
