/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_TARGET_PART_H
#define DVS_NODE_MOVE_TARGET_PART_H

/*
 * The inside of a move's target, shared by its two files: target.c has the table of effects and what is told to
 * the plan, target_steps.c does what takes time before the process is held here.
 */

#include "base/refusal.h"
#include "migrate/migrate.h"
#include "node/move/move.h"
#include "node/move/target.h"
#include "node/move/worker.h"
#include "node/task/cgroup.h"
#include "wire/move.h"

struct binding;
struct task;

/* An endpoint on its way: 0 is the one that the offer is of, the others are its fellows. */
struct arrival {
	struct binding *binding; /* made before the load, bound by the commit */
	uint8_t *state;		 /* owned: struct move_state and what follows it */
};

struct target {
	struct target *next;
	struct moves *moves;
	int from;
	struct secure *secure;
	struct move_offer offer;
	struct migrate_target *target;
	struct task *root; /* entry of the first process, made before the load */
	struct arrival arrival[1 + COMMAND_FELLOWS_MAX];
	char cgroup[CGROUP_NAME_MAX]; /* of the shell, the same */
	int shell_pidfd;	      /* until the process entry owns it; then pidfd is ours */
	int pidfd;
	pid_t lpid; /* of the endpoint that the offer is of, once it is loaded; 0 before */
	struct worker worker;
	bool anew;	 /* out of a file, as a new life: its channels are dead */
	int was_nr;	 /* anew: its endpoint in the earlier life */
	bool own_rights; /* out of a file, for a user who may open no more than before */
	struct refusal refusal;
};

/* The target's table: which function is behind each effect. */
extern const struct driver_side target_side;

/*
 * The steps, on the worker's thread and without the lock. Each returns 0, or negative with a->refusal
 * filled. One that is told (worker_told()) ends soon.
 */
int target_receive_offer(struct target *a);
/* With the shell that is to become the process. */
int target_check(struct target *a);
int target_load(struct target *a);

/* Whether this node can have the service addresses that come with the process: 0, or a->refusal is filled. */
int target_check_addresses(struct target *a);
/* Committed, or bound: the service addresses that belong to the endpoint are here, and neighbours are told. */
void target_take_addresses(struct target *a);

/* Parts of them, for one that comes out of a file: the engine's side of the offer, and the entry with its pages. */
struct migrate_host target_host(struct target *a);
int target_prepare_process(struct target *a);

/* Those that arrive, from 0 to offer.fellows; see struct arrival. */
static inline int target_arrivals(const struct target *a)
{
	return 1 + (int)a->offer.fellows;
}
struct move_fellow target_mover(const struct target *a, int i);
/* Their entries, as far as they were made, go again. Lock held. */
void target_forget(struct target *a);

/* Parts of the last two: the offer, and then the state, are of the very process and move that the order knows. */
int target_check_offer(struct target *a);
int target_check_state(struct target *a);

#endif
