/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_ARRIVAL_PART_H
#define DVS_NODE_MOVE_ARRIVAL_PART_H

/*
 * The inside of an arrival, shared by its two files: arrival.c has the table of effects and what is told to
 * the plan, arrival_steps.c does what takes time before the process is held here.
 */

#include "base/refusal.h"
#include "migrate/migrate.h"
#include "node/move/arrival.h"
#include "node/move/worker.h"
#include "node/task/cgroup.h"
#include "wire/move.h"

struct node;
struct binding;

struct arrival {
	struct arrival *next;
	struct node *node;
	int from, fd;
	struct move_offer offer;
	struct migrate_target *target;
	struct binding *process;      /* made before the load, bound by the commit */
	char cgroup[CGROUP_NAME_MAX]; /* of the shell, the same */
	int shell_pidfd;	      /* until the process entry owns it; then pidfd is ours */
	int pidfd;
	uint8_t *state; /* struct move_state and what follows it */
	struct worker worker;
	struct refusal refusal;
};

/* The target's table: which function is behind each effect. */
extern const struct driver_side arrival_side;

/*
 * The steps, on the worker's thread and without the lock. Each returns 0, or negative with a->refusal
 * filled. One that is told (worker_told()) ends soon.
 */
int arrival_receive_offer(struct arrival *a);
/* With the shell that is to become the process. */
int arrival_check(struct arrival *a);
int arrival_load(struct arrival *a);

#endif
