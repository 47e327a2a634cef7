/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_DEPARTURE_PART_H
#define DVS_NODE_MOVE_DEPARTURE_PART_H

/*
 * The inside of a departure, shared by its two files: departure.c has the table of effects and what is
 * told to the plan, departure_steps.c does to the process, the pages and the connection what the plan asks
 * for.
 */

#include "base/refusal.h"
#include "core/plan.h"
#include "migrate/migrate.h"
#include "node/move/departure.h"
#include "node/move/worker.h"
#include "wire/ctl.h"

struct binding;
struct proc_log;
struct request;

struct departure {
	struct departure *next;
	struct node *node;
	struct request *request;
	uid_t uid; /* the user that asked; see share.h */
	int dcid, p_nr, endpoint, target;
	uint32_t generation;
	pid_t lpid;
	int vpid;
	struct proc_log *log; /* of the process; kept until the copy has gone */
	struct migrate_source *source;
	int fd; /* set and closed with the lock held: interrupt() shuts it down */
	bool dry_run;
	struct request *canceller; /* dvs migrate --cancel; is told how it ended */
	struct worker worker;
	unsigned proposals; /* not answered yet */
	struct ctl_move report;
	struct refusal refusal;
};

/* Its process, or NULL once that has left or ended; lock held. */
struct binding *departure_process(struct departure *d);

/* The source's table: which function is behind each effect. */
extern const struct driver_side departure_side;

/*
 * The steps, on the worker's thread and without the lock; they block. Each returns 0, or negative with
 * d->refusal filled and the process running on. One that is told (worker_told()) ends soon.
 */
int departure_check(struct departure *d);
/*
 * A dry run: stops the process for a moment and asks it what only it can say, as the move does before
 * anything is sent, and lets it run on. Without it a dry run would promise what the move refuses.
 */
int departure_try(struct departure *d);
int departure_offer(struct departure *d);
int departure_freeze(struct departure *d);
int departure_send(struct departure *d);
/* Waits until the target says that it holds the process. */
int departure_await_loaded(struct departure *d);
/* Whether the process has ended, also when it is a tracee that nobody has reaped yet. */
bool departure_has_died(struct departure *d);
/* The move is committed: the process is another node's, its ends are the daemon's. Lock held. */
void departure_release(struct departure *d);
/* Lets the process run on with its far ends its own. Harmless if it was not stopped. */
void departure_thaw(struct departure *d);
/* The target has it: the copy here never runs again. */
void departure_kill_source(struct departure *d);

#endif
