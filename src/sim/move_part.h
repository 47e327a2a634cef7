/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_SIM_MOVE_PART_H
#define DVS_SIM_MOVE_PART_H

/* Shared by the files of a made-up move. */

#include "sim/world.h"

#define SIDE_SOURCE 0
#define SIDE_TARGET 1

static inline struct departure *move_departure(struct world *w, int node, int proc)
{
	return &w->node[node].departure[proc];
}

static inline struct arrival *move_arrival(struct world *w, int node, int proc)
{
	return &w->node[node].arrival[proc];
}

static inline struct copy *move_copy(const struct move_worker *worker, int proc)
{
	assert(proc >= 0 && proc < PROCS_MAX);
	return &worker->w->node[worker->node].copy[proc];
}

/* The next endpoint of a move from that place on, or PROCS_MAX. */
static inline int move_next(const struct fellows *fellows, int proc)
{
	while (proc < PROCS_MAX && !(fellows->procs >> proc & 1))
		proc++;
	return proc;
}

#define MOVE_EACH(proc, fellows)                                 \
	for (int proc = move_next(fellows, 0); proc < PROCS_MAX; \
	     proc = move_next(fellows, proc + 1))

static inline struct plan_event move_outcome(enum plan_event_kind kind, int code)
{
	return (struct plan_event){ .kind = kind, .code = code };
}

static inline struct plan_event move_nothing(void)
{
	return (struct plan_event){ 0 };
}

/* worker.c */
const char *worker_side_name(const struct move_worker *worker);
/* The worker goes on with its step, at most so much later. */
void worker_put(struct move_worker *worker, uint64_t us_max);
/* Begins the next thing that the driver has for it, if there is one. */
void worker_go_on(struct move_worker *worker);
/* The step waits until the awaited event wakes it, or it is told. */
void worker_sleep(struct move_worker *worker);
void worker_interrupt(void *ctx);
/* A part of a long transfer has gone through: both sides see that it gets on. */
void worker_got_on(struct world *w, struct move_worker *worker);
/* A word of the other side that was not looked at yet. */
struct plan_event worker_take_heard(struct move_worker *worker);

/* conn.c */
void conn_say(struct world *w, int conn, int to_side, int kind, int code, void *data,
	      uint64_t us_max);
bool conn_works(const struct world *w, int conn, int side);
void conn_close(struct world *w, int conn, int side);

/* move_source.c */
void move_source_run_on(struct move_worker *worker);

/* move_target.c */
struct plan_event move_take_over(void *ctx, const struct plan_effect *effect);
struct plan_event move_resume(void *ctx, const struct plan_effect *effect);

/* move_event.c */
/* The departure that the endpoint has a part in and that has not ended; or NULL. */
struct departure *move_of(struct world *w, int node, int proc);
void move_propose_died(struct move_worker *worker, int proc, uint32_t generation);

#endif
