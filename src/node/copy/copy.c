/* SPDX-License-Identifier: Apache-2.0 */
#include "node/copy/copy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "dvk.h"
#include "node/copy/copy_task.h"
#include "node/node.h"
#include "node/state/message.h"
#include "node/bind/binding.h"
#include "node/state/order.h"
#include "node/copy/part.h"
#include "node/task/rights.h"
#include "node/copy/stream.h"
#include "node/state/counters.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/loop.h"

/*
 * A small copy is one part: read at the source's owner into `buf`, written at the destination's owner,
 * each by a thread (part.c).
 * A step whose party is between two nodes is parked and tried again when the order has moved on, and
 * soon, then less soon, because the other node may be a few commands behind or ahead.
 */

#define COPY_PARK_US	 1000
#define COPY_PARK_MAX_US 32000

struct copy_wire {
	uint64_t id;
	uint32_t op;	/* enum lane_op */
	int32_t result; /* COPIED */
	int32_t dcid, endpoint;
	uint64_t addr;
	uint32_t bytes;
	uint32_t requester; /* endpoint that asked, 32 bits as they are */
	uint32_t dc_generation;
	uint32_t pad;
	uint8_t asker[CREDENTIALS_ASKER_BYTES];
};

static void look(struct binding *binding);

/* The number first that it had when it was asked for: a later one is a wish of its own. */
static void tell(struct copy_task *task, int code)
{
	struct exchange_bell *bell =
		exchange_bell_find(task->node->exchange, task->status->dcid, task->status->p_nr);

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
		binding_find(&task->node->bindings, task->dcid, _ENDPOINT_P(task->requester));

	return binding && binding->endpoint == task->requester ? binding : NULL;
}

static void free_task(struct copy_task *task)
{
	os_source_free(task->timer);
	free(task->buf);
	free(task);
}

void copy_finish(struct copy_task *task, int code)
{
	struct node *node = task->node;
	struct copy_task **link = &node->copies.tasks;
	struct binding *requester = requester_of(task);

	assert(os_lock_protects());
	while (*link != task) {
		assert(*link);
		link = &(*link)->next;
	}
	*link = task->next;
	if (code < 0)
		counters_refused(&node->life.counters, result_checked(code));
	else
		counters_copied(&node->life.counters, task->bytes);
	tell(task, code < 0 ? result_checked(code) : 0);
	free_task(task);
	/* It may have asked for something else meanwhile. */
	if (requester)
		look(requester);
}

/*
 * Memory of an endpoint of this node. 0: done() is called. EDVSMIGRATE: it is not here, or not now. What
 * is written is copied.
 */
static int copy_here(struct node *node, const struct copy_wire *wire, const struct asker *asker,
		     const uint8_t *data, part_done *done, void *ctx)
{
	struct part *part = part_new(wire->bytes);

	if (!part)
		return EDVSALLOCMEM;
	part->party = (struct party){ .dcid = wire->dcid,
				      .endpoint = wire->endpoint,
				      .requester = (int)wire->requester,
				      .asker = *asker };
	part->uid = asker->uid;
	part->op = (enum lane_op)wire->op;
	part->addr = wire->addr;
	part->done = done;
	part->ctx = ctx;
	if (part->op == LANE_WRITE && part->bytes)
		memcpy(part->buf, data, part->bytes);
	return part_start(node, part);
}

int copy_locate(const struct copy_task *task, int side, int *code)
{
	int where = binding_locate(task->node, task->dcid, task->endpoint[side]);

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
	else if (os_source_timer(task->node->loop, task->park_us, on_timer, task, &task->timer) < 0)
		copy_finish(task, EDVSALLOCMEM);
}

/* A parked one goes on at once, another one when it is parked. */
static void hurry(const struct copy_task *task)
{
	if (task->timer)
		os_timer_set(task->timer, 0);
}

static struct copy_wire wire_of(const struct copy_task *task, const struct asker *asker)
{
	const struct node *node = task->node;
	struct copy_wire wire = { .id = task->id,
				  .op = task->op,
				  .dcid = task->dcid,
				  .endpoint = task->endpoint[task->op - 1],
				  .addr = task->addr[task->op - 1],
				  .bytes = (uint32_t)task->bytes,
				  .requester = (uint32_t)task->requester,
				  .dc_generation =
					  node->order.directory.dc[task->dcid].generation };

	asker_encode(wire.asker, asker);
	return wire;
}

static int ask(struct copy_task *task, int node, const struct copy_wire *wire)
{
	return proxy_message(task->node->proxy, node, NODE_MESSAGE_COPY, wire, sizeof(*wire),
			     task->buf, task->op == LANE_WRITE ? wire->bytes : 0);
}

/* Of the requester as it is now; its own memory is its own. */
static int asker_of(const struct copy_task *task, struct asker *asker)
{
	*asker = (struct asker){ .uid = task->uid };
	if (task->endpoint[task->op - 1] == task->requester)
		return 0;
	return party_asker(task->node, task->dcid, task->requester, asker);
}

static void on_part(struct node *node, struct part *part, int code);

/* As far as it goes without waiting for anybody. */
static void step(struct copy_task *task)
{
	struct node *node = task->node;

	if (task->op <= LANE_WRITE) {
		struct asker asker;
		struct copy_wire wire;
		int code = asker_of(task, &asker);
		int where = code ? PROXY_GONE : copy_locate(task, task->op - 1, &code);

		wire = wire_of(task, &asker);
		if (where >= 0 && ask(task, where, &wire) == 0) {
			task->asked = where;
			return;
		}
		if (!code && where == PROXY_HERE) {
			code = copy_here(node, &wire, &asker, task->buf, on_part,
					 (void *)(uintptr_t)task->id);
			task->here = !code;
			if (task->here)
				return;
		} else if (!code) {
			code = EDVSMIGRATE;
		}
		if (code == EDVSMIGRATE)
			copy_park(task);
		else
			copy_finish(task, code);
		return;
	}
	copy_finish(task, 0);
}

/* One side of a small copy has been read or written, here or elsewhere. */
static void side_done(struct copy_task *task, int code, const uint8_t *data)
{
	if (code == EDVSMIGRATE) {
		copy_park(task);
		return;
	}
	if (code < 0) {
		copy_finish(task, code);
		return;
	}
	if (task->op == LANE_READ && task->bytes)
		memcpy(task->buf, data, task->bytes);
	task->op++;
	step(task);
}

static struct copy_task *task_of(const struct node *node, uint64_t id)
{
	struct copy_task *task = node->copies.tasks;

	while (task && task->id != id)
		task = task->next;
	return task;
}

/* Its task may have ended meanwhile. */
static void on_part(struct node *node, struct part *part, int code)
{
	struct copy_task *task = task_of(node, (uintptr_t)part->ctx);

	if (!task)
		return;
	task->here = false;
	side_done(task, code, part->buf);
}

static void on_timer(void *ctx)
{
	struct copy_task *task = ctx;

	if (task->buf && task->asked < 0 && !task->here)
		step(task);
	else if (!task->buf && !task->streaming)
		stream_start(task->node, task);
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

/* What the requester may do is looked at anew after every wait. */
static int check(const struct copy_task *task)
{
	if (!requester_of(task))
		return EDVSNOTBIND;
	if (task->bytes > MAXCOPYLEN)
		return EDVSRANGE;
	if (task->slot[0] == task->slot[1])
		return EDVSENDPOINT;
	return rights_copy_check(&task->node->tasks.rights, task->dcid,
				 _ENDPOINT_P(task->requester), task->slot[0], task->slot[1]);
}

/* The life that has the slot now: from here on no later one is meant. */
static int life_of(const struct copy_task *task, int side)
{
	int p_nr = task->slot[side];

	return directory_endpoint_number(order_endpoint(&task->node->order, task->dcid, p_nr),
					 p_nr);
}

static int make_room(struct copy_task *task)
{
	if (task->bytes <= PART_BYTES_MAX)
		task->buf = malloc(PART_BYTES_MAX);
	return task->bytes <= PART_BYTES_MAX && !task->buf ? EDVSALLOCMEM : 0;
}

static void begin(struct copy_task *task);

static void caught_up(struct order *order, void *ctx, const struct directory_result *result)
{
	struct copy_task *task = ctx;

	(void)order;
	(void)result; /* without quorum: what is known here has to do */
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
	order_propose(&task->node->order, &cmd, caught_up, task);
}

static void begin(struct copy_task *task)
{
	int code = check(task);

	if ((code == EDVSSRCDIED || code == EDVSDSTDIED) && !task->caught_up) {
		catch_up(task);
		return;
	}
	if (!code)
		code = make_room(task);
	if (code) {
		copy_finish(task, code);
		return;
	}
	for (int side = 0; side < 2; side++)
		task->endpoint[side] = life_of(task, side);
	task->deadline_ns = os_now_ns() + COPY_LIMIT_NS;
	if (task->buf)
		step(task);
	else
		stream_start(task->node, task);
}

/* What the page says, read once. */
static struct copy_task task_asked(struct binding *binding, uint32_t number)
{
	struct copy_ask *ask = &binding->status->page->copy;
	struct copy_task task = { .node = binding->node,
				  .status = binding->status,
				  .number = number,
				  .dcid = binding->dcid,
				  .requester = binding->endpoint,
				  .op = LANE_READ,
				  .asked = -1 };

	for (int side = 0; side < 2; side++) {
		task.slot[side] = atomic_load(&ask->slot[side]);
		task.addr[side] = atomic_load(&ask->addr[side]);
		task.endpoint[side] = NONE;
	}
	/* A negative number becomes one that is too large. */
	task.bytes = (uint64_t)(int64_t)atomic_load(&ask->bytes);
	return task;
}

static void start(struct binding *binding, uint32_t number)
{
	struct node *node = binding->node;
	struct copy_task *task = malloc(sizeof(*task));
	struct asker asker;

	exchange_status_keep(binding->status);
	if (!task) {
		tell(&(struct copy_task){ .node = node,
					  .status = binding->status,
					  .number = number },
		     EDVSALLOCMEM);
		return;
	}
	*task = task_asked(binding, number);
	task->id = ++node->copies.last_id;
	task->next = node->copies.tasks;
	node->copies.tasks = task;
	if (party_asker(node, task->dcid, task->requester, &asker)) {
		copy_finish(task, EDVSNOTBIND);
		return;
	}
	task->uid = asker.uid;
	begin(task);
}

static struct copy_task *task_by(const struct binding *binding)
{
	struct copy_task *task = binding->node->copies.tasks;

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

/* One copy at a time; what is asked for during another one gives that up. */
static void look(struct binding *binding)
{
	struct copy_task *task;
	uint32_t number;

	if (!is_asking(binding, &number))
		return;
	task = task_by(binding);
	if (task && task->number != number) {
		binding->node->copies.asked++;
		end_task(task, EDVSINTR);
	} else if (!task && !binding->node->copies.paused) {
		binding->node->copies.asked++;
		start(binding, number);
	}
}

void copy_on_ring(struct node *node, int dcid, int p_nr)
{
	struct binding *binding = binding_find(&node->bindings, dcid, p_nr);

	if (binding)
		look(binding);
}

/* To begin a copy ends no binding. */
void copy_look(struct node *node)
{
	for (struct binding *binding = node->bindings.all; binding; binding = binding->next)
		look(binding);
}

void copy_pause(struct node *node, bool pause)
{
	node->copies.paused = pause;
	if (!pause)
		copy_look(node);
}

/* A part that another node has asked for. */
struct served {
	int from;
	struct copy_wire asked;
};

static void answer(struct node *node, int from, const struct copy_wire *asked, int result,
		   const uint8_t *data)
{
	struct copy_wire wire = *asked;

	wire.result = result;
	proxy_message(node->proxy, from, NODE_MESSAGE_COPIED, &wire, sizeof(wire), data,
		      result == 0 && asked->op == LANE_READ ? asked->bytes : 0);
}

static void on_served(struct node *node, struct part *part, int code)
{
	struct served *served = part->ctx;

	answer(node, served->from, &served->asked, code, part->buf);
	free(served);
}

static int serve(struct node *node, int from, const struct copy_wire *asked, const uint8_t *data,
		 uint32_t len)
{
	struct served *served;
	struct asker asker;
	int code;

	if (!asker_decode(&asker, asked->asker) || asked->bytes > PART_BYTES_MAX ||
	    len != (asked->op == LANE_READ ? 0 : asked->bytes) ||
	    (asked->op != LANE_READ && asked->op != LANE_WRITE))
		return EDVSBADREQUEST;
	if (!party_may_ask(node, from, asked->dcid, asked->dc_generation, (int)asked->requester))
		return EDVSMIGRATE;
	served = malloc(sizeof(*served));
	if (!served)
		return EDVSALLOCMEM;
	*served = (struct served){ from, *asked };
	code = copy_here(node, asked, &asker, data, on_served, served);
	if (code)
		free(served);
	return code;
}

static void on_copied(struct node *node, int from, const struct copy_wire *answer,
		      const uint8_t *data, uint32_t len)
{
	struct copy_task *task = task_of(node, answer->id);
	int code = answer->result;

	if (!task || !task->buf || task->asked != from || task->op != answer->op)
		return;
	task->asked = -1;
	if (code > 0 || (code == 0 && len != (task->op == LANE_READ ? task->bytes : 0)))
		code = EDVSMSGSIZE;
	side_done(task, code, data);
}

void copy_on_message(struct node *node, int from, uint16_t kind, const uint8_t *bytes, uint32_t len)
{
	struct copy_wire wire;
	int code = 0;

	assert(os_lock_protects());
	if (len < sizeof(wire))
		return;
	memcpy(&wire, bytes, sizeof(wire));
	if (kind == NODE_MESSAGE_COPY)
		code = serve(node, from, &wire, bytes + sizeof(wire), len - (uint32_t)sizeof(wire));
	else
		on_copied(node, from, &wire, bytes + sizeof(wire), len - (uint32_t)sizeof(wire));
	if (code)
		answer(node, from, &wire, code, NULL);
}

void copy_retry(struct node *node)
{
	assert(os_lock_protects());
	for (struct copy_task *task = node->copies.tasks; task; task = task->next)
		if (task->asked < 0 && !task->here && !task->streaming && !task->catching_up)
			hurry(task);
}

void copy_on_dead(struct node *node, int dcid, int endpoint)
{
	struct copy_task *task = node->copies.tasks;

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

/* An answer that was lost with its link is asked for again. */
void copy_on_link(struct node *node, int peer)
{
	struct copy_task *task = node->copies.tasks;

	assert(os_lock_protects());
	while (task) {
		struct copy_task *next = task->next;

		stream_shake(task, peer);
		if (task->asked == peer) {
			task->asked = -1;
			copy_park(task);
		}
		task = next;
	}
}
