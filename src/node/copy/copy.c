/* SPDX-License-Identifier: Apache-2.0 */
#include "node/copy/copy.h"

#include <assert.h>
#include <stdlib.h>

#include "base/result.h"
#include "dvk.h"
#include "node/copy/copy_task.h"
#include "node/bind/binding.h"
#include "node/state/order.h"
#include "node/task/rights.h"
#include "node/copy/party.h"
#include "node/copy/stream.h"
#include "node/state/counters.h"
#include "node/state/life.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/loop.h"
#include "proxy/proxy.h"

/*
 * A copy whose party is between two nodes is parked and tried again when the order has moved on, and
 * soon, then less soon, because the other node may be a few commands behind or ahead.
 */

#define COPY_PARK_US	 1000
#define COPY_PARK_MAX_US 32000

static void look(struct copies *copies, struct binding *binding);

/* The number first that it had when it was asked for: a later one is a wish of its own. */
static void tell(struct copy_task *task, int code)
{
	struct exchange_bell *bell =
		exchange_bell_find(task->copies->exchange, task->status->dcid, task->status->p_nr);

	/* Release: partner in ask_is_over() of the library. */
	atomic_store(&task->status->page->copy.answer, shm_copy_answer(task->number, code));
	if (bell)
		exchange_poke(bell);
	exchange_status_let(task->status);
}

/* Of the task that asked, if it is still there. */
static struct binding *requester_of(const struct copy_task *task)
{
	struct binding *binding =
		binding_find(task->copies->bindings, task->dcid, _ENDPOINT_P(task->requester));

	return binding && binding->endpoint == task->requester ? binding : NULL;
}

void copy_finish(struct copy_task *task, int code)
{
	struct copies *copies = task->copies;
	struct copy_task **link = &copies->tasks;
	/* A task that gave this copy up may have asked for another one, and has rung for that already. */
	struct binding *next = task->given_up ? requester_of(task) : NULL;

	assert(os_lock_protects());
	while (*link != task) {
		assert(*link);
		link = &(*link)->next;
	}
	*link = task->next;
	if (code < 0)
		counters_refused(&copies->life->counters, result_checked(code));
	else
		counters_copied(&copies->life->counters, task->bytes);
	tell(task, code < 0 ? result_checked(code) : 0);
	os_source_free(task->timer);
	free(task);
	if (next)
		look(copies, next);
}

int copy_locate(const struct copy_task *task, int side, int *code)
{
	int where = binding_locate(task->copies->bindings, task->dcid, task->endpoint[side]);

	assert(os_lock_protects());
	if (where == PROXY_GONE)
		*code = side == 0 ? EDVSSRCDIED : EDVSDSTDIED;
	return where;
}

static void on_timer(void *ctx);

/* The timer is made when it is needed first: most copies are never parked. */
void copy_park(struct copy_task *task)
{
	assert(os_lock_protects());
	task->park_us = task->park_us ? task->park_us * 2 : COPY_PARK_US;
	if (task->park_us > COPY_PARK_MAX_US)
		task->park_us = COPY_PARK_MAX_US;
	if (os_now_ns() > task->deadline_ns)
		copy_finish(task, EDVSTIMEDOUT);
	else if (task->timer)
		os_timer_set(task->timer, task->park_us);
	else if (os_source_timer(task->copies->loop, task->park_us, on_timer, task, &task->timer) <
		 0)
		copy_finish(task, EDVSALLOCMEM);
}

/* A parked one goes on at once, another one when it is parked. */
static void hurry(const struct copy_task *task)
{
	if (task->timer)
		os_timer_set(task->timer, 0);
}

static void on_timer(void *ctx)
{
	struct copy_task *task = ctx;

	if (!task->streaming)
		stream_start(task);
}

/* Now, or by those who have it. */
static void end_task(struct copy_task *task, int code)
{
	if (task->catching_up && !task->verdict)
		task->verdict = code;
	else if (task->streaming)
		stream_stop(task, code);
	else if (!task->catching_up)
		copy_finish(task, code);
}

/* The rights of the requester are looked at anew after every wait. */
static int check(const struct copy_task *task)
{
	if (!requester_of(task))
		return EDVSNOTBIND;
	if (task->bytes > MAXCOPYLEN)
		return EDVSRANGE;
	if (task->slot[0] == task->slot[1])
		return EDVSENDPOINT;
	return rights_copy_check(task->copies->rights, task->dcid, _ENDPOINT_P(task->requester),
				 task->slot[0], task->slot[1]);
}

/* The life that has the slot now: from here on no later one is meant. */
static int life_of(const struct copy_task *task, int side)
{
	int p_nr = task->slot[side];

	return directory_endpoint_number(order_endpoint(task->copies->order, task->dcid, p_nr),
					 p_nr);
}

static void begin(struct copy_task *task);

static void caught_up(struct order *order, void *ctx, const struct directory_result *result)
{
	struct copy_task *task = ctx;

	(void)order;
	(void)result; /* without quorum: this node's knowledge has to do */
	task->catching_up = false;
	if (task->verdict)
		copy_finish(task, task->verdict);
	else
		begin(task);
}

/* A party that is not there may be one of which this node has not heard yet. */
static void catch_up(struct copy_task *task)
{
	struct command cmd = { .kind = COMMAND_SYNC };

	task->caught_up = task->catching_up = true;
	order_propose(task->copies->order, &cmd, &right_root, caught_up, task);
}

static void begin(struct copy_task *task)
{
	int code = check(task);

	if ((code == EDVSSRCDIED || code == EDVSDSTDIED) && !task->caught_up) {
		catch_up(task);
		return;
	}
	if (code) {
		copy_finish(task, code);
		return;
	}
	for (int side = 0; side < 2; side++)
		task->endpoint[side] = life_of(task, side);
	task->deadline_ns = os_now_ns() + COPY_LIMIT_NS;
	stream_start(task);
}

/* The fields of the page, read once. */
static struct copy_task task_asked(struct copies *copies, struct binding *binding, uint32_t number)
{
	struct copy_ask *ask = &binding->status->page->copy;
	struct copy_task task = { .copies = copies,
				  .status = binding->status,
				  .number = number,
				  .dcid = binding->dcid,
				  .requester = binding->endpoint };

	for (int side = 0; side < 2; side++) {
		task.slot[side] = atomic_load(&ask->slot[side]);
		task.addr[side] = atomic_load(&ask->addr[side]);
		task.endpoint[side] = NONE;
	}
	/* A negative number becomes one that is too large. */
	task.bytes = (uint64_t)(int64_t)atomic_load(&ask->bytes);
	return task;
}

static void start(struct copies *copies, struct binding *binding, uint32_t number)
{
	struct copy_task *task = malloc(sizeof(*task));
	struct asker asker;

	exchange_status_keep(binding->status);
	if (!task) {
		tell(&(struct copy_task){ .copies = copies,
					  .status = binding->status,
					  .number = number },
		     EDVSALLOCMEM);
		return;
	}
	*task = task_asked(copies, binding, number);
	task->next = copies->tasks;
	copies->tasks = task;
	if (party_asker(copies->bindings, task->dcid, task->requester, &asker)) {
		copy_finish(task, EDVSNOTBIND);
		return;
	}
	task->uid = asker.uid;
	begin(task);
}

static struct copy_task *task_by(const struct copies *copies, const struct binding *binding)
{
	struct copy_task *task = copies->tasks;

	while (task && (task->dcid != binding->dcid || task->requester != binding->endpoint))
		task = task->next;
	return task;
}

/* Has its task asked for a copy, or given one up? */
static bool is_asking(const struct binding *binding, uint32_t *numberp)
{
	const struct copy_ask *ask = &binding->status->page->copy;

	/* Acquire: partner in ask_post() of the library. */
	*numberp = atomic_load(&ask->number);
	return binding->role == BINDING_PRIMARY &&
	       *numberp != shm_copy_answered(atomic_load(&ask->answer));
}

/* One copy at a time; a request during another one gives that up. */
static void look(struct copies *copies, struct binding *binding)
{
	struct copy_task *task;
	uint32_t number;

	if (!is_asking(binding, &number))
		return;
	task = task_by(copies, binding);
	if (task && task->number != number) {
		copies->asked++;
		task->given_up = true;
		end_task(task, EDVSINTR);
	} else if (!task && !copies->paused) {
		copies->asked++;
		start(copies, binding, number);
	}
}

void copy_on_ring(struct copies *copies, struct binding *binding)
{
	assert(os_lock_protects());
	look(copies, binding);
}

/* To begin a copy ends no binding. */
void copy_look(struct copies *copies)
{
	assert(os_lock_protects());
	for (struct binding *binding = copies->bindings->all; binding; binding = binding->next)
		look(copies, binding);
}

void copy_pause(struct copies *copies, bool pause)
{
	assert(os_lock_protects());
	copies->paused = pause;
	if (!pause)
		copy_look(copies);
}

void copy_retry(struct copies *copies)
{
	assert(os_lock_protects());
	for (struct copy_task *task = copies->tasks; task; task = task->next)
		if (!task->streaming && !task->catching_up)
			hurry(task);
}

void copy_on_dead(struct copies *copies, int dcid, int endpoint)
{
	struct copy_task *task = copies->tasks;

	assert(os_lock_protects());
	while (task) {
		struct copy_task *next = task->next;

		if (task->dcid == dcid && task->endpoint[0] == endpoint)
			end_task(task, EDVSSRCDIED);
		else if (task->dcid == dcid && task->endpoint[1] == endpoint)
			end_task(task, EDVSDSTDIED);
		else if (task->dcid == dcid && task->requester == endpoint)
			end_task(task, EDVSINTR);
		task = next;
	}
}

void copy_on_link(struct copies *copies, int peer)
{
	assert(os_lock_protects());
	for (struct copy_task *task = copies->tasks; task; task = task->next)
		stream_shake(task, peer);
}
