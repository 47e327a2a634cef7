/* SPDX-License-Identifier: Apache-2.0 */
#include "node/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "dvk.h"
#include "node/handlers.h"
#include "node/node.h"
#include "node/process.h"
#include "node/request.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/thread.h"

/*
 * Chunk by chunk: read at the source's owner into `buf`, write at the destination's owner. A step whose
 * party is between two nodes is parked and tried again when the order has moved on, and every
 * millisecond, because the other node may be a few commands behind or ahead.
 */

#define COPY_CHUNK    (128u * 1024)
#define COPY_PARK_US  1000
#define COPY_LIMIT_MS 30000 /* as the contract: how long a migrating party is waited for */

enum copy_op {
	COPY_READ = 1,
	COPY_WRITE = 2
};

struct copy_wire {
	uint64_t id;
	uint32_t op;	/* enum copy_op */
	int32_t result; /* COPIED */
	int32_t dcid, endpoint;
	uint64_t addr;
	uint32_t bytes;
	uint32_t requester; /* endpoint that asked, 32 bits as they are */
};

struct copy_task {
	struct copy_task *next;
	struct request *request;
	struct os_source *timer;
	uint64_t id;
	int dcid;
	int requester;
	int endpoint[2]; /* source, destination */
	uint64_t addr[2];
	uint64_t bytes, done;
	uint32_t chunk; /* of this round */
	enum copy_op op;
	int asked; /* node whose answer is awaited, -1 */
	int64_t deadline_ns;
	uint8_t buf[COPY_CHUNK];
};

static void finish(struct copy_task *task, int code)
{
	struct node *node = task->request->node;

	for (struct copy_task **link = &node->copies; *link; link = &(*link)->next) {
		if (*link == task) {
			*link = task->next;
			break;
		}
	}
	os_source_free(task->timer);
	if (code < 0)
		request_fail(task->request, code, "%llu bytes from endpoint %d to endpoint %d: %s",
			     (unsigned long long)task->bytes, task->endpoint[0], task->endpoint[1],
			     result_text(code));
	else
		request_end(task->request, 0, NULL, 0, NULL, 0);
	free(task);
}

static int map_error(int r, enum copy_op op)
{
	if (r == -ESRCH)
		return op == COPY_READ ? EDVSSRCDIED : EDVSDSTDIED;
	if (r == -EPERM)
		return EDVSPERM;
	return r < 0 ? EDVSFAULT : 0;
}

/* Blocked in a call, and therefore in no state to be surprised: toward the requester or by its own word. */
static bool is_blocked(struct node *node, const struct process *process, int requester)
{
	struct exchange_channel *channel =
		exchange_find(node->exchange, process->dcid, process->p_nr, _ENDPOINT_P(requester));
	enum line_state state;
	uint64_t word;

	/* A request that waits or is being served says so before the status page does. */
	if (channel) {
		word = channel->page->line[exchange_side(channel, process->p_nr)].word;
		state = line_word_state(word);
		if (!line_word_is_free(word) && state <= LINE_TAKEN)
			return true;
	}
	return process->status->page->rts_flags & (RECEIVING | SENDING);
}

/* Memory of an endpoint of this node. EDVSMIGRATE: not here, or not now. */
static int copy_here(struct node *node, int dcid, int endpoint, int requester, enum copy_op op,
		     uint64_t addr, uint8_t *buf, uint32_t bytes)
{
	struct process *process = process_find(node, dcid, _ENDPOINT_P(endpoint));
	int r;

	if (!process || process->endpoint != endpoint || process->state != PROCESS_BOUND)
		return EDVSMIGRATE;
	if (endpoint != requester && !is_blocked(node, process, requester))
		return EDVSPROCSTS;
	r = os_process_copy(process->lpid, buf, addr, bytes, op == COPY_READ);
	return map_error(r, op);
}

static void park(struct copy_task *task)
{
	if (os_now_ns() > task->deadline_ns)
		finish(task, EDVSTIMEDOUT);
	else
		os_timer_set(task->timer, COPY_PARK_US);
}

static int ask(struct copy_task *task, int node)
{
	struct copy_wire wire = { .id = task->id,
				  .op = task->op,
				  .dcid = task->dcid,
				  .endpoint = task->endpoint[task->op - 1],
				  .addr = task->addr[task->op - 1] + task->done,
				  .bytes = task->chunk,
				  .requester = (uint32_t)task->requester };

	return proxy_message(task->request->node->proxy, node, NODE_MESSAGE_COPY, &wire,
			     sizeof(wire), task->buf, task->op == COPY_WRITE ? task->chunk : 0);
}

static void advance(struct copy_task *task)
{
	if (task->op == COPY_READ) {
		task->op = COPY_WRITE;
		return;
	}
	task->op = COPY_READ;
	task->done += task->chunk;
}

/* As far as it goes without waiting for anybody. */
static void step(struct copy_task *task)
{
	struct node *node = task->request->node;

	while (task->done < task->bytes) {
		int party = task->op - 1, code, where;
		uint64_t rest = task->bytes - task->done;

		task->chunk = rest < COPY_CHUNK ? (uint32_t)rest : COPY_CHUNK;
		where = node_locate(node, task->dcid, task->endpoint[party]);
		if (where == PROXY_GONE) {
			finish(task, task->op == COPY_READ ? EDVSSRCDIED : EDVSDSTDIED);
			return;
		}
		if (where >= 0 && ask(task, where) == 0) {
			task->asked = where;
			return;
		}
		code = where == PROXY_HERE
			       ? copy_here(node, task->dcid, task->endpoint[party], task->requester,
					   task->op, task->addr[party] + task->done, task->buf,
					   task->chunk)
			       : EDVSMIGRATE;
		if (code == EDVSMIGRATE) {
			park(task);
			return;
		}
		if (code < 0) {
			finish(task, code);
			return;
		}
		advance(task);
	}
	finish(task, 0);
}

static void on_timer(void *ctx)
{
	struct copy_task *task = ctx;

	if (task->asked < 0)
		step(task);
}

static void cancelled(struct request *request)
{
	finish(request->keeper, EDVSINTR);
}

static int check(struct request *request, const struct process *caller)
{
	if (!caller)
		return EDVSNOTBIND;
	if (request->head.bytes < 0 || request->head.bytes > MAXCOPYLEN)
		return EDVSRANGE;
	if (request->head.endpoint == request->head.pid)
		return EDVSENDPOINT;
	return 0;
}

void copy_start(struct request *request)
{
	struct node *node = request->node;
	struct process *caller = caller_process(request);
	int code = check(request, caller);
	struct copy_task *task;

	if (code < 0) {
		request_fail(request, code, "the copy is refused: %s", result_text(code));
		return;
	}
	task = malloc(sizeof(*task));
	if (!task || os_source_timer(node->loop, -1, on_timer, task, &task->timer) < 0) {
		free(task);
		request_fail(request, EDVSALLOCMEM, "no memory for the copy");
		return;
	}
	task->next = node->copies;
	node->copies = task;
	task->request = request;
	task->id = ++node->next_request;
	task->dcid = caller->dcid;
	task->requester = caller->endpoint;
	task->endpoint[0] = request->head.endpoint;
	task->endpoint[1] = request->head.pid;
	task->addr[0] = request->head.addr[0];
	task->addr[1] = request->head.addr[1];
	task->bytes = (uint64_t)request->head.bytes;
	task->done = 0;
	task->op = COPY_READ;
	task->asked = -1;
	task->deadline_ns = os_now_ns() + COPY_LIMIT_MS * INT64_C(1000000);
	request->keeper = task;
	request->cancelled = cancelled;
	step(task);
}

static void serve(struct node *node, int from, const struct copy_wire *asked, const uint8_t *data,
		  uint32_t len)
{
	static uint8_t buf[COPY_CHUNK]; /* under the node lock */
	struct copy_wire answer = *asked;
	uint32_t want = asked->op == COPY_WRITE ? asked->bytes : 0;

	if (asked->bytes > COPY_CHUNK || len != want ||
	    (asked->op != COPY_READ && asked->op != COPY_WRITE))
		answer.result = EDVSBADREQUEST;
	else
		answer.result = copy_here(node, asked->dcid, asked->endpoint, (int)asked->requester,
					  (enum copy_op)asked->op, asked->addr,
					  asked->op == COPY_READ ? buf : (uint8_t *)(uintptr_t)data,
					  asked->bytes);
	proxy_message(node->proxy, from, NODE_MESSAGE_COPIED, &answer, sizeof(answer), buf,
		      answer.result == 0 && asked->op == COPY_READ ? asked->bytes : 0);
}

static void on_copied(struct node *node, int from, const struct copy_wire *answer,
		      const uint8_t *data, uint32_t len)
{
	struct copy_task *task = node->copies;

	while (task && task->id != answer->id)
		task = task->next;
	if (!task || task->asked != from || task->op != answer->op)
		return;
	task->asked = -1;
	if (answer->result == EDVSMIGRATE) {
		park(task);
		return;
	}
	if (answer->result == 0 && len != (task->op == COPY_READ ? task->chunk : 0)) {
		finish(task, EDVSMSGSIZE);
		return;
	}
	if (answer->result < 0) {
		finish(task, answer->result);
		return;
	}
	if (task->op == COPY_READ)
		memcpy(task->buf, data, len);
	advance(task);
	step(task);
}

void copy_on_message(struct node *node, int from, uint16_t kind, const uint8_t *bytes, uint32_t len)
{
	struct copy_wire wire;

	if (len < sizeof(wire))
		return;
	memcpy(&wire, bytes, sizeof(wire));
	if (kind == NODE_MESSAGE_COPY)
		serve(node, from, &wire, bytes + sizeof(wire), len - (uint32_t)sizeof(wire));
	else
		on_copied(node, from, &wire, bytes + sizeof(wire), len - (uint32_t)sizeof(wire));
}

void copy_retry(struct node *node)
{
	for (struct copy_task *task = node->copies; task; task = task->next)
		if (task->asked < 0)
			os_timer_set(task->timer, 0);
}

void copy_on_dead(struct node *node, int dcid, int endpoint)
{
	struct copy_task *task = node->copies;

	while (task) {
		struct copy_task *next = task->next;

		if (task->dcid == dcid && task->endpoint[0] == endpoint)
			finish(task, EDVSSRCDIED);
		else if (task->dcid == dcid && task->endpoint[1] == endpoint)
			finish(task, EDVSDSTDIED);
		task = next;
	}
}

/* An answer that was lost with its link is asked for again. */
void copy_on_link(struct node *node, int peer)
{
	for (struct copy_task *task = node->copies; task; task = task->next) {
		if (task->asked != peer)
			continue;
		task->asked = -1;
		os_timer_set(task->timer, 0);
	}
}
