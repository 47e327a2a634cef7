/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_STATE_H
#define DVS_MIGRATE_STATE_H

#include "migrate/calls.h"
#include "migrate/inventory.h"
#include "wire/image.h"

/*
 * Source: state that only the process itself can tell, asked from inside by lists of system calls, and the state
 * of a stopped thread, read from outside. Both refuse state that cannot be carried.
 */

/* Run on the leader: completes inventory->process and its timers, reads the signal handlers. */
int state_read_process(struct calls *calls, struct inventory *inventory,
		       struct image_sigaction actions[IMAGE_SIGNALS], struct refusal *refusal);

/*
 * Run on the borrowed thread `tracee`: fills *thread and its xsave area (*xstate_bytes: room, then
 * length).
 */
int state_read_thread(struct calls *calls, struct inventory *inventory, int32_t vtid,
		      struct image_thread *thread, void *xstate, size_t *xstate_bytes,
		      struct refusal *refusal);

/* The rest of a main thread that has ended while others live: its name, its rights and its status. */
int state_read_ended(struct inventory *inventory, struct image_thread *thread,
		     struct refusal *refusal);

#endif
