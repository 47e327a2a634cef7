/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_SOURCE_PART_H
#define DVS_NODE_MOVE_SOURCE_PART_H

/*
 * The inside of a move's source, shared by its two files: source.c has the table of effects and what is
 * told to the plan, source_steps.c does to the process, the pages and the connection what the plan asks
 * for.
 */

#include "base/address.h"
#include "base/refusal.h"
#include "core/plan.h"
#include "migrate/migrate.h"
#include "node/move/move.h"
#include "node/move/source.h"
#include "node/move/worker.h"
#include "wire/ctl.h"

struct binding;
struct output;
struct request;

struct source {
	struct source *next;
	struct moves *moves;
	struct request *request;
	struct right_user user; /* that asked; see share.h, and the order judges its START */
	int dcid, p_nr, endpoint, target;
	uint32_t generation;
	pid_t lpid;
	int vpid;
	struct output *output; /* of the process; kept until the copy has gone */
	struct migrate_source *tracee;
	bool is_silent; /* the service addresses of its DC are, until it goes on or is gone */
	struct secure *secure; /* set and freed with the lock held: interrupt() shuts it down */
	bool dry_run, carries;
	struct request *canceller; /* dvs migrate --cancel; is told how it ended */
	struct worker worker;
	unsigned proposals; /* not answered yet */
	struct ctl_move report;
	struct refusal refusal;
};

/* Objections to a move that only the daemon knows: 0, or negative with d->refusal filled. Lock held. */
int source_may_leave(struct source *d, const struct binding *binding, bool moving);

/* Whether the addresses of its DC belong to its endpoint; lock held. */
bool source_holds_addresses(struct source *d);
/* For the engine: whether that address does. Without the lock. */
bool source_address_moves(void *ctx, const uint8_t byte[ADDRESS_BYTES]);
/* Frozen: nothing reaches its addresses, or is answered there. 0, or negative with d->refusal filled. */
int source_silence(struct source *d);
/* They are as the order has them: here, or at the target. Harmless if they were not silent. */
void source_end_silence(struct source *d);

/* Its process, or NULL once that has left or ended; lock held. */
struct binding *source_binding(struct source *d);

/* The source's table: which function is behind each effect. */
extern const struct driver_side source_side;

/*
 * The steps, on the worker's thread and without the lock; they block. Each returns 0, or negative with
 * d->refusal filled and the process running on. One that is told (worker_told()) ends soon.
 */
int source_check(struct source *d);
/*
 * A dry run: stops the process for a moment and asks it what only it can say, as the move does before
 * anything is sent, and lets it run on. Without it a dry run would promise what the move refuses.
 */
int source_try(struct source *d);
int source_offer(struct source *d);
int source_freeze(struct source *d);
/* A part of it: the daemon takes the far ends; peers that were copying to or from the process finish first. */
int source_take_far_ends(struct source *d);
int source_send(struct source *d);
/* Waits until the target says that it holds the process. */
int source_await_loaded(struct source *d);
/* Whether the process has ended, also when it is a tracee that nobody has reaped yet. */
bool source_has_died(struct source *d);
/* The move is committed: the process is another node's, its ends are the daemon's. Lock held. */
void source_release(struct source *d);
/* Lets the process run on with its far ends its own. Harmless if it was not stopped. */
void source_thaw(struct source *d);
/* The target has it: the copy here never runs again. */
void source_kill(struct source *d);

#endif
