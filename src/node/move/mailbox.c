/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/mailbox.h"

#include <errno.h>
#include <time.h>

#include "os/clock.h"

void mailbox_init(struct mailbox *box)
{
	pthread_condattr_t attr;

	box->head = box->tail = 0;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&box->cond, &attr);
	pthread_condattr_destroy(&attr);
}

void mailbox_deinit(struct mailbox *box)
{
	pthread_cond_destroy(&box->cond);
}

void mailbox_post(struct mailbox *box, enum plan_event_kind kind, int code, uint32_t move)
{
	if (box->tail - box->head == MAILBOX_MAX)
		return;
	box->item[box->tail++ % MAILBOX_MAX] =
		(struct plan_event){ .kind = kind, .code = code, .move = move };
	pthread_cond_signal(&box->cond);
}

void mailbox_take(struct mailbox *box, pthread_mutex_t *lock, uint64_t deadline_ns,
		  struct plan_event *event)
{
	struct timespec until = os_timespec((int64_t)deadline_ns);
	int r = 0;

	while (box->head == box->tail && r != ETIMEDOUT)
		r = deadline_ns ? pthread_cond_timedwait(&box->cond, lock, &until)
				: pthread_cond_wait(&box->cond, lock);
	if (box->head == box->tail)
		*event = (struct plan_event){ .kind = PLAN_TICK };
	else
		*event = box->item[box->head++ % MAILBOX_MAX];
	event->now_ns = (uint64_t)os_now_ns();
}
