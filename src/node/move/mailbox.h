/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_MAILBOX_H
#define DVS_NODE_MOVE_MAILBOX_H

/*
 * The events of one migration's plan on their way to its worker thread: outcomes of its own steps, and
 * what the order says, from the main thread. Protected by the node lock.
 */

#include "core/plan.h"
#include "os/lock.h"

/* A plan sees at most this many events: its phases, and what can be ordered about one move. */
#define MAILBOX_MAX 64

struct mailbox {
	struct plan_event item[MAILBOX_MAX];
	unsigned head, tail;
	pthread_cond_t cond;
};

void mailbox_init(struct mailbox *box);
void mailbox_deinit(struct mailbox *box);
/* Lock held; from any thread. Events beyond MAILBOX_MAX unread ones are dropped as late. */
void mailbox_post(struct mailbox *box, enum plan_event_kind kind, int code, uint32_t move);
/* Lock held; waits (releasing it) for the next event; at deadline_ns (0 none) it is PLAN_TICK. */
void mailbox_take(struct mailbox *box, pthread_mutex_t *lock, uint64_t deadline_ns,
		  struct plan_event *event);

#endif
