/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_SOURCE_PROCESS_H
#define DVS_MIGRATE_SOURCE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/refusal.h"
#include "migrate/calls.h"
#include "migrate/interrupted.h"
#include "migrate/inventory.h"
#include "migrate/seccomp.h"
#include "migrate/threads.h"
#include "wire/image.h"

struct inventories;
struct migrate_host;
struct os_affinity;
struct writer;

/*
 * A process at the source of a move, through these steps, between which its inventory is read (inventories.h):
 *
 *	open     its inventory
 *	stop     all threads stand
 *	borrow   they are borrowed; transfers that the stop cut short are finished
 *	gather   its threads run on the engine's CPU, beside the one that waits for them
 *	enter    the foothold is open in it
 *	ask      what only the process can tell, about all of it
 *	complete the descriptions that it is the first to hold
 *	send     the rest, to the target; or try, which asks the same and sends nothing
 *	release  undoes stop to complete, from wherever that came to; or kill
 *
 * The functions return 0, or a negative EDVS number with *refusal filled. Those after open block on the process, and
 * are called by one and the same thread (ptrace).
 */
#define SOURCE_ORPHAN UINT32_MAX /* its parent has ended: it is the init's child */

struct source_process {
	pid_t pid;
	uint32_t parent; /* its index in the tree, or SOURCE_ORPHAN; not of the first */
	struct inventory inventory;
	bool is_open; /* the inventory */
	bool ignores_breakpoint;
	struct interrupted interrupted;
	struct threads threads; /* those that are held */
	struct foothold foothold;
	bool is_guest; /* the foothold is that of a parent, with which it has its memory in common */
	struct calls calls;
	struct image_sigaction actions[IMAGE_SIGNALS];
	struct seccomp leader_filters; /* while it is sent */
	struct os_affinity *affinity;  /* owned: of each thread before it was gathered, or NULL */
	uint32_t stop_signal;	       /* by which it is stopped, or 0 */
	uint32_t news;		       /* enum image_news, of that */
	uint64_t late;		       /* killed: signals that died with it */
	uint64_t pending_sent;	       /* signals that were pending and are in the image */
	uint64_t by_ends;	       /* signals that the ends of others which move send to it */
};

struct source_process *source_process_new(pid_t pid); /* NULL: out of memory */

/* Releases what is held. NULL. */
struct source_process *source_process_free(struct source_process *process);

/* The tables are not owned. Harmless if it is open. */
int source_process_open(struct source_process *process, struct tables *tables,
			struct refusal *refusal);

/* *first_stop_ns: CLOCK_MONOTONIC. After a refusal nothing is held. */
int source_process_stop(struct source_process *process, uint64_t *first_stop_ns,
			struct refusal *refusal);

/* Harmless if it cannot be done. */
void source_process_gather(struct source_process *process, const struct os_affinity *here);

/* After a refusal of these the caller releases. */
int source_process_borrow(struct source_process *process, struct refusal *refusal);
/* All processes are borrowed: receives that wait for all are finished, too. */
int source_process_receive(struct source_process *process, struct refusal *refusal);
/* holder: the process that has its memory first, which is entered already; or itself. */
int source_process_enter(struct source_process *process, const struct source_process *holder,
			 const struct migrate_host *host, struct refusal *refusal);
int source_process_ask(struct source_process *process, struct refusal *refusal);
/* When the System V objects are taken: adds its adjustments to the semaphores. */
int source_process_take_undo(struct source_process *process, struct refusal *refusal);

/* The news that the process has not asked for yet, of the stop of its child with this number, or of any one (0). */
int source_process_news(struct source_process *process, int32_t child, enum image_news *news,
			struct refusal *refusal);

/* last: see descriptors_complete(). */
int source_process_complete(struct source_process *process, bool last, struct refusal *refusal);

/*
 * index: of the process; all before it have been sent. every_cpu: of a thread of this node that has chosen none. Adds
 * pages to *page_count.
 */
int source_process_send(struct source_process *process, const struct inventories *all,
			uint32_t index, const struct os_affinity *every_cpu, struct writer *writer,
			uint64_t *page_count, struct refusal *refusal);
int source_process_try(struct source_process *process, struct refusal *refusal);

/* Steps that were not reached find nothing to undo. */
void source_process_release(struct source_process *process);

/* Looks for signals that arrived after it was sent, before any process of the tree ends. */
void source_process_look_late(struct source_process *process);

/* Returns the signals (bit n-1 for signal n) that arrived after it was sent: they die with it. */
uint64_t source_process_kill(struct source_process *process);

#endif
