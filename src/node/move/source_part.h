/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_SOURCE_PART_H
#define DVS_NODE_MOVE_SOURCE_PART_H

/*
 * The inside of a move's source, shared by its files: source.c has the table of effects and what is told to the plan,
 * source_steps.c does to the process, the pages and the connection what the plan asks for, source_ends.c takes the far
 * ends of those that stand, source_fellows.c finds the endpoints that move along, source_service.c has the service
 * addresses.
 */

#include "base/address.h"
#include "base/refusal.h"
#include "core/plan.h"
#include "migrate/migrate.h"
#include "node/move/move.h"
#include "node/move/source.h"
#include "node/move/worker.h"
#include "wire/command.h"
#include "wire/ctl.h"

struct binding;
struct output;
struct request;
struct task;

/* An endpoint that moves, and the number of its process or thread inside the DC. */
struct mover {
	int p_nr, endpoint, vpid;
	uint32_t generation;
};

struct source {
	struct source *next;
	struct moves *moves;
	struct request *request;
	struct right_user user; /* that asked; see share.h, and the order judges its START */
	int dcid, p_nr, endpoint, target;
	uint32_t generation;
	int vpid;
	pid_t lpid; /* the first process: the others that move descend from it. 0: there is none */
	int root;   /* its number inside the DC */
	/* The other endpoints of those processes, by slot; written with the lock held. */
	struct mover fellow[COMMAND_FELLOWS_MAX];
	int fellows;
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

/* Notes which processes leave: those of a binding, or of none. Lock held; before the next. */
void source_begin(struct source *d, const struct binding *binding);
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

/*
 * Those that move: 0 is the endpoint that was asked for, 1 to d->fellows are its fellows. The binding of one is NULL
 * once its process has left or ended; lock held.
 */
struct mover source_mover(const struct source *d, int i);
struct binding *source_binding_of(const struct source *d, int i);
static inline struct binding *source_binding(const struct source *d)
{
	return source_binding_of(d, 0);
}
/* Which of them that endpoint is, or -1. */
int source_mover_at(const struct source *d, int dcid, int p_nr);

/* The process from which that of a binding descends and that was started by dvs run, or itself; NULL. Lock held. */
struct task *source_root_of(const struct binding *binding);
/* The entry of the first process, also when that has ended; NULL once the entry is gone. Lock held. */
struct task *source_root(const struct source *d);

/*
 * Before the check: finds the fellows. Then, and frozen: whether they are those still. 0, or negative with d->refusal
 * filled.
 */
int source_find_fellows(struct source *d);
int source_check_fellows(struct source *d);

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
/* Harmless for those that were not taken. */
void source_give_far_ends(struct source *d);
/* That one that moves is not bound to its process any more: it has ended, or was unbound and goes on without. */
int source_refuse_gone(struct source *d, int i);
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
