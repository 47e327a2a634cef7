/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/mailbox.h"

#include <errno.h>

#include "os/clock.h"

void mailbox_init(struct mailbox *box)
{
	box->head = box->tail = 0;
	os_condition_init(&box->cond);
}

void mailbox_deinit(struct mailbox *box)
{
	os_condition_deinit(&box->cond);
}

void mailbox_post(struct mailbox *box, enum plan_event_kind kind, int code, uint32_t move)
{
	if (box->tail - box->head == MAILBOX_MAX)
		return;
	box->item[box->tail++ % MAILBOX_MAX] =
		(struct plan_event){ .kind = kind, .code = code, .move = move };
	os_condition_signal(&box->cond);
}

void mailbox_take(struct mailbox *box, pthread_mutex_t *lock, uint64_t deadline_ns,
		  struct plan_event *event)
{
	int r = 0;

	while (box->head == box->tail && r != -ETIMEDOUT)
		r = os_condition_wait(&box->cond, lock, (int64_t)deadline_ns);
	if (box->head == box->tail)
		*event = (struct plan_event){ .kind = PLAN_TICK };
	else
		*event = box->item[box->head++ % MAILBOX_MAX];
	event->now_ns = (uint64_t)os_now_ns();
}
