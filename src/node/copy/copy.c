/* SPDX-License-Identifier: Apache-2.0 */
#include "node/copy/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "dvk.h"
#include "node/copy/copy_task.h"
#include "node/node.h"
#include "node/state/message.h"
#include "node/state/life.h"
#include "node/bind/binding.h"
#include "node/task/caller.h"
#include "node/state/order.h"
#include "node/copy/part.h"
#include "node/task/task.h"
#include "node/ask/request.h"
#include "node/task/rights.h"
#include "node/copy/stream.h"
#include "node/state/counters.h"
#include "os/clock.h"
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

void copy_finish(struct copy_task *task, int code)
{
	struct node *node = task->request->node;

	for (struct copy_task **link = &node->copies.tasks; *link; link = &(*link)->next) {
		if (*link == task) {
			*link = task->next;
			break;
		}
	}
	os_source_free(task->timer);
	if (code < 0) {
		request_fail_number(task->request, code,
				    "%llu bytes from endpoint %d to endpoint %d: %s",
				    (unsigned long long)task->bytes, _ENDPOINT_P(task->endpoint[0]),
				    _ENDPOINT_P(task->endpoint[1]), result_text(code));
	} else {
		counters_copied(&node->life.counters, task->bytes);
		request_end(task->request, 0, NULL, 0, NULL, 0);
	}
	free(task->buf);
	free(task);
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
	int where = binding_locate(task->request->node, task->dcid, task->endpoint[side]);

	if (where == PROXY_GONE)
		*code = side == 0 ? EDVSSRCDIED : EDVSDSTDIED;
	return where;
}

void copy_park(struct copy_task *task)
{
	task->park_us = task->park_us ? task->park_us * 2 : COPY_PARK_US;
	if (task->park_us > COPY_PARK_MAX_US)
		task->park_us = COPY_PARK_MAX_US;
	if (os_now_ns() > task->deadline_ns)
		copy_finish(task, EDVSTIMEDOUT);
	else
		os_timer_set(task->timer, task->park_us);
}

static struct copy_wire wire_of(const struct copy_task *task, const struct asker *asker)
{
	const struct node *node = task->request->node;
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
	return proxy_message(task->request->node->proxy, node, NODE_MESSAGE_COPY, wire,
			     sizeof(*wire), task->buf, task->op == LANE_WRITE ? wire->bytes : 0);
}

/* Of the requester as it is now; its own memory is its own. */
static int asker_of(const struct copy_task *task, struct asker *asker)
{
	*asker = (struct asker){ .uid = task->request->uid };
	if (task->endpoint[task->op - 1] == task->requester)
		return 0;
	return party_asker(task->request->node, task->dcid, task->requester, asker);
}

static void on_part(struct node *node, struct part *part, int code);

/* As far as it goes without waiting for anybody. */
static void step(struct copy_task *task)
{
	struct node *node = task->request->node;

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
		stream_start(task->request->node, task);
}

/* Now, or by the worker that has it. */
static void end_task(struct copy_task *task, int code)
{
	if (task->streaming)
		stream_stop(task, code);
	else
		copy_finish(task, code);
}

static void cancelled(struct request *request)
{
	end_task(request->keeper, EDVSINTR);
}

static int check(struct request *request, const struct binding *caller)
{
	if (!caller)
		return EDVSNOTBIND;
	if (request->head.bytes < 0 || request->head.bytes > MAXCOPYLEN)
		return EDVSRANGE;
	if (request->head.endpoint == request->head.pid)
		return EDVSENDPOINT;
	return rights_copy_check(&request->node->tasks.rights, caller->dcid, caller->p_nr,
				 request->head.endpoint, request->head.pid);
}

/* The life that has the slot now: from here on no later one is meant. */
static int life_of(const struct binding *caller, int p_nr)
{
	return directory_endpoint_number(order_endpoint(&caller->node->order, caller->dcid, p_nr),
					 p_nr);
}

static struct copy_task *copy_new(struct request *request, const struct binding *caller)
{
	const struct ctl_request *head = &request->head;
	struct node *node = request->node;
	struct copy_task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	*task = (struct copy_task){ .request = request,
				    .id = ++node->copies.last_id,
				    .dcid = caller->dcid,
				    .requester = caller->endpoint,
				    .endpoint = { life_of(caller, head->endpoint),
						  life_of(caller, head->pid) },
				    .addr = { head->addr[0], head->addr[1] },
				    .bytes = (uint64_t)head->bytes,
				    .op = LANE_READ,
				    .asked = -1,
				    .deadline_ns = os_now_ns() + COPY_LIMIT_NS };
	if (task->bytes <= PART_BYTES_MAX)
		task->buf = malloc(PART_BYTES_MAX);
	if ((task->bytes <= PART_BYTES_MAX && !task->buf) ||
	    os_source_timer(node->loop, -1, on_timer, task, &task->timer) < 0) {
		free(task->buf);
		free(task);
		return NULL;
	}
	return task;
}

void copy_start(struct request *request)
{
	struct node *node = request->node;
	struct binding *caller = binding_of_caller(request);
	int code = check(request, caller);
	struct copy_task *task;

	if ((code == EDVSSRCDIED || code == EDVSDSTDIED) && caller_catch_up(request, copy_start))
		return;
	if (code < 0) {
		request_fail_number(request, code, "the copy is refused: %s", result_text(code));
		return;
	}
	task = copy_new(request, caller);
	if (!task) {
		request_fail(request, EDVSALLOCMEM, "no memory for the copy");
		return;
	}
	task->next = node->copies.tasks;
	node->copies.tasks = task;
	request->keeper = task;
	request->cancelled = cancelled;
	if (task->buf)
		step(task);
	else
		stream_start(node, task);
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
	for (struct copy_task *task = node->copies.tasks; task; task = task->next)
		if (task->asked < 0 && !task->here && !task->streaming)
			os_timer_set(task->timer, 0);
}

void copy_on_dead(struct node *node, int dcid, int endpoint)
{
	struct copy_task *task = node->copies.tasks;

	while (task) {
		struct copy_task *next = task->next;

		if (task->dcid == dcid && task->endpoint[0] == endpoint)
			end_task(task, EDVSSRCDIED);
		else if (task->dcid == dcid && task->endpoint[1] == endpoint)
			end_task(task, EDVSDSTDIED);
		task = next;
	}
}

/* An answer that was lost with its link is asked for again. */
void copy_on_link(struct node *node, int peer)
{
	for (struct copy_task *task = node->copies.tasks; task; task = task->next) {
		stream_shake(task, peer);
		if (task->asked != peer)
			continue;
		task->asked = -1;
		os_timer_set(task->timer, 0);
	}
}
