/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_WORKER_H
#define DVS_NODE_MOVE_WORKER_H

/*
 * The thread of one side of a move, which runs that side's driver (core/driver.h), and the main loop's
 * timer that looks at the time while the thread is in a step. ptrace belongs to a thread: all that is done
 * to the process is done by this one.
 */

#include "core/driver.h"
#include "os/lock.h"

struct directory_effect;
struct os_loop;
struct os_source;

struct worker {
	pthread_mutex_t *lock; /* the node's */
	struct os_loop *loop;
	struct driver driver;
	int endpoint; /* for the log and the fault points */
	bool dry_run;
	pthread_cond_t cond;
	struct os_source *timer;
	uint64_t begin_ns;
	uint64_t (*moved)(void *ctx); /* bytes that went through the connection; lock held */
	void (*end)(void *ctx);	      /* the last thing the thread does; lock not held */
};

/* All with the lock held. */
void worker_init(struct worker *worker, pthread_mutex_t *lock, struct os_loop *loop,
		 const struct driver_side *side, void *ctx);
void worker_deinit(struct worker *worker);
/* 0, or negative errno: there is no thread for it, and end() is not called. */
int worker_start(struct worker *worker);
/* An event from elsewhere. Before worker_start() too. */
void worker_tell(struct worker *worker, enum plan_event_kind kind, int code, uint32_t move);
/* The order has changed the endpoint: the same. */
void worker_hear(struct worker *worker, const struct directory_effect *effect, bool is_fellow);
void worker_wake(struct worker *worker);
/* In end(): until somebody wakes it. */
void worker_wait(struct worker *worker);

/* Whether the step that runs is to end soon: the plan does not wait for it any more. Without the lock. */
static inline bool worker_told(struct worker *worker)
{
	return driver_told(&worker->driver);
}
/* A named place in a step (node/state/fault.h). Without the lock. */
void worker_fault(struct worker *worker, const char *name);

#endif
