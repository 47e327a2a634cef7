/* SPDX-License-Identifier: Apache-2.0 */
#include "node/copy/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "node/copy/copy_task.h"
#include "node/node.h"
#include "node/copy/party.h"
#include "node/ask/request.h"
#include "node/ask/share.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/lock.h"
#include "os/thread.h"
#include "os/threads.h"
#include "proxy/lane.h"

#define WORKERS_MAX    4
#define CONNECT_MS     1000
#define LANES_KEPT_NS  (5 * OS_SECOND_NS) /* idle for longer: the lanes are given up */
#define STREAM_E_AGAIN 1		  /* a party moves or a lane broke: from `done` on, later */
#define STREAM_E_STALE 2		  /* the lane was an old one: at once, with a new one */

/* The node bell, while a worker stands in for the bell thread. */
struct stream_bell {
	struct node_bell *page;
	uint32_t seen;
	bool ours;
};

struct stream_worker {
	struct node *node;
	struct copy_task *task;
	uid_t uid;			/* the user that asked for it; see share.h */
	struct lane *lane[2][NR_NODES]; /* by side; NULL: none yet */
	struct attention_span look;
	bool looking; /* for the next one, with `bell` */
	struct stream_bell bell;
	uint8_t *buf; /* LANE_DATA_MAX, when both sides are here */
};

struct streams {
	pthread_cond_t more; /* with the node lock */
	struct copy_task *queue, **tail;
	_Atomic int queued;
	int workers, idle;
	bool looking; /* one of the idle ones looks for the next copy */
};

/* One side of an attempt. */
struct side {
	enum lane_op op;
	int where; /* node, or PROXY_HERE */
	struct party party;
	struct lane_ask ask;
	struct lane *lane;
	bool fresh; /* the lane was made just now */
	bool open;  /* the lane has a copy under way that has not come to its end */
	struct proxy_call call;
};

static int side_locate(struct copy_task *task, struct node *node, struct side *side, int which)
{
	struct asker asker = { 0 };
	int code = 0;

	side->op = which == 0 ? LANE_READ : LANE_WRITE;
	side->where = copy_locate(task, which, &code);
	if (code)
		return code;
	if (side->where == PROXY_HELD)
		return STREAM_E_AGAIN;
	if (task->endpoint[which] != task->requester)
		code = party_asker(node, task->dcid, task->requester, &asker);
	if (code)
		return code;
	side->party = (struct party){ .dcid = task->dcid,
				      .endpoint = task->endpoint[which],
				      .requester = task->requester,
				      .asker = asker };
	side->ask =
		(struct lane_ask){ .op = side->op,
				   .dcid = task->dcid,
				   .dc_generation = node->order.directory.dc[task->dcid].generation,
				   .endpoint = task->endpoint[which],
				   .requester = task->requester,
				   .asker = asker,
				   .addr = task->addr[which] + task->done,
				   .bytes = task->bytes - task->done };
	if (side->where == PROXY_HERE)
		return 0;
	return proxy_call_prepare(node->proxy, side->where, FRAME_KIND_COPY, &side->call)
		       ? STREAM_E_AGAIN
		       : 0;
}

static int locate(struct stream_worker *worker, struct side side[2])
{
	struct copy_task *task = worker->task;
	int r;

	node_lock(worker->node);
	r = task->verdict;
	for (int i = 0; i < 2 && !r; i++)
		r = side_locate(task, worker->node, &side[i], i);
	node_unlock(worker->node);
	return r;
}

/* From now on whoever stops the task ends the lane, too. */
static int show_lane(struct stream_worker *worker, const struct side *side, int which)
{
	int r;

	node_lock(worker->node);
	worker->task->lane[which] = side->lane;
	worker->task->lane_node[which] = side->where;
	r = worker->task->verdict;
	node_unlock(worker->node);
	return r;
}

static int side_open(struct stream_worker *worker, struct side *side, int which)
{
	struct lane **lane = &worker->lane[which][side->where];
	int fd, r;

	side->fresh = !*lane;
	if (side->fresh) {
		fd = proxy_call_connect(&side->call, CONNECT_MS);
		if (fd < 0 || lane_new(lane, fd, exchange_costs(worker->node->exchange)))
			return STREAM_E_AGAIN;
	}
	side->lane = *lane;
	r = show_lane(worker, side, which);
	if (r)
		return r;
	side->open = true;
	return lane_send_ask(side->lane, &side->ask) ? STREAM_E_AGAIN : 0;
}

/* A lane in the middle of something is of no more use. */
static void side_close(struct stream_worker *worker, struct side *side, int which)
{
	if (!side->lane)
		return;
	node_lock(worker->node);
	worker->task->lane[which] = NULL;
	node_unlock(worker->node);
	if (side->open)
		worker->lane[which][side->where] = lane_free(side->lane);
}

static int copy_here(struct stream_worker *worker, struct side *side, uint8_t *buf, uint32_t bytes)
{
	struct node *node = worker->node;
	int code;

	node_lock(node);
	code = worker->task->verdict;
	if (!code)
		code = party_take(node, &side->party);
	node_unlock(node);
	if (code)
		return code == EDVSMIGRATE ? STREAM_E_AGAIN : code;
	code = party_copy(&side->party, side->op, side->ask.addr, buf, bytes);
	side->ask.addr += bytes;
	node_lock(node);
	party_leave(node, &side->party);
	node_unlock(node);
	return code;
}

/* What the other node says at the end of its side. */
static int end_of(struct side *side, const struct lane_part *part)
{
	side->open = false;
	return part->result == EDVSMIGRATE ? STREAM_E_AGAIN : part->result;
}

/*
 * The next part: where it is, or why not. `room` is where it should best be. Of *bytes from here, of
 * as many as come, but no more, from elsewhere.
 */
static int read_part(struct stream_worker *worker, struct side *from, uint8_t *room,
		     uint8_t **datap, uint32_t *bytes)
{
	struct lane_part part;
	int r;

	if (!from->lane) {
		*datap = room;
		return copy_here(worker, from, room, *bytes);
	}
	if (lane_receive(from->lane, &part, datap))
		return STREAM_E_AGAIN;
	if (part.kind == LANE_END) {
		r = end_of(from, &part);
		return r ? r : STREAM_E_AGAIN;
	}
	if (part.data > *bytes)
		return STREAM_E_AGAIN;
	*bytes = part.data;
	return 0;
}

static int write_part(struct stream_worker *worker, struct side *to, uint8_t *room, uint8_t *data,
		      uint32_t bytes)
{
	int r;

	if (!to->lane) {
		r = copy_here(worker, to, data, bytes);
		if (!r)
			worker->task->done += bytes;
		return r;
	}
	if (data != room)
		memcpy(room, data, bytes);
	return lane_send(to->lane, bytes) ? STREAM_E_AGAIN : 0;
}

/* The other node says how much it has written, and how that went. */
static int end_write(struct stream_worker *worker, struct side *to, uint32_t sent, int r)
{
	struct lane_part part;
	uint8_t *data;
	int theirs;

	if (lane_send_end(to->lane, sent, 0) || lane_receive(to->lane, &part, &data) ||
	    part.kind != LANE_END || part.data > sent)
		return r ? r : STREAM_E_AGAIN;
	theirs = end_of(to, &part);
	worker->task->done += part.data;
	return theirs && (!r || r == STREAM_E_AGAIN) ? theirs : r;
}

static int end_read(struct side *from)
{
	struct lane_part part;
	uint8_t *data;

	if (lane_receive(from->lane, &part, &data) || part.kind != LANE_END)
		return STREAM_E_AGAIN;
	return end_of(from, &part);
}

static int carry(struct stream_worker *worker, struct side *from, struct side *to)
{
	uint8_t *room = to->lane ? lane_room(to->lane) : worker->buf;
	uint64_t left = from->ask.bytes;
	uint32_t sent = 0;
	int r = 0;

	while (!r && left && !(to->lane && lane_peek(to->lane))) {
		uint32_t bytes =
			left < LANE_DATA_MAX || from->lane ? (uint32_t)left : LANE_DATA_MAX;
		uint8_t *data;

		r = read_part(worker, from, room, &data, &bytes);
		if (!r)
			r = write_part(worker, to, room, data, bytes);
		if (r)
			break;
		left -= bytes;
		sent += bytes;
	}
	if (from->lane && from->open && !r && !left)
		r = end_read(from);
	if (to->lane)
		r = end_write(worker, to, sent, r);
	return r;
}

/* 0, STREAM_E_AGAIN or an EDVS number. */
static int attempt(struct stream_worker *worker)
{
	struct side side[2] = { 0 };
	uint64_t before = worker->task->done;
	bool fresh = true;
	int r = locate(worker, side);

	for (int i = 0; i < 2 && !r; i++) {
		if (side[i].where != PROXY_HERE) {
			r = side_open(worker, &side[i], i);
			fresh = fresh && side[i].fresh;
		}
	}
	if (!r)
		r = carry(worker, &side[0], &side[1]);
	for (int i = 0; i < 2; i++)
		side_close(worker, &side[i], i);
	/* Whoever says that it is done although it is not is not believed. */
	if (!r && worker->task->done < worker->task->bytes)
		r = STREAM_E_AGAIN;
	if (r == STREAM_E_AGAIN && !fresh && worker->task->done == before)
		return STREAM_E_STALE;
	return r;
}

/*
 * A task that has just had a copy made often wants the next one, or answers with what was copied. So the worker that
 * has made it takes the node bell over from the bell thread for a moment, as the loop's thread does for messages
 * (proxy_attend.c): then neither of the two wakes anybody.
 */
static void bell_take(struct stream_bell *bell, struct node *node)
{
	bell->page = exchange_node_bell(node->exchange);
	bell->seen = atomic_load(&bell->page->seq);
	/* If nobody sleeps there, somebody looks already. */
	bell->ours = atomic_exchange(&bell->page->sleeping, 0) != 0;
}

static void bell_look(struct stream_bell *bell, struct node *node)
{
	uint32_t seq = atomic_load_explicit(&bell->page->seq, memory_order_acquire);

	if (!bell->ours || seq == bell->seen)
		return;
	bell->seen = seq;
	node_lock(node);
	proxy_scan(node->proxy);
	node_unlock(node);
}

static void bell_give_back(const struct stream_bell *bell)
{
	if (!bell->ours)
		return;
	/* Partner: the ringer counts seq up, then looks at sleeping. */
	atomic_store(&bell->page->sleeping, 1);
	if (atomic_load(&bell->page->seq) != bell->seen)
		os_futex_wake(&bell->page->seq, 1);
}

/* With the lock. One worker at a time looks, and that before the end of its copy is told. */
static void look_begin(struct stream_worker *worker)
{
	struct streams *streams = worker->node->copies.streams;

	if (streams->looking)
		return;
	streams->looking = worker->looking = true;
	bell_take(&worker->bell, worker->node);
}

/* For as long as that has paid, and not where others want this CPU. */
static void look_for_task(struct stream_worker *worker)
{
	const struct attention_costs *costs = exchange_costs(worker->node->exchange);
	struct streams *streams = worker->node->copies.streams;
	int64_t since_ns = os_now_ns(), now_ns = since_ns;

	if (!worker->looking)
		return;
	node_unlock(worker->node);
	while (!atomic_load(&streams->queued) && now_ns - since_ns < worker->look.ns) {
		int64_t before_ns = now_ns;

		bell_look(&worker->bell, worker->node);
		os_thread_yield();
		now_ns = os_now_ns();
		if (now_ns - before_ns > ATTENTION_PART_NS(costs))
			break;
	}
	/* What rang since then as well: that is cheaper than a wake. */
	bell_look(&worker->bell, worker->node);
	bell_give_back(&worker->bell);
	node_lock(worker->node);
	streams->looking = worker->looking = false;
	if (streams->queue)
		attention_span_rewarded(&worker->look, costs, now_ns - since_ns);
	else
		attention_span_missed(&worker->look, costs);
}

/* As far as it goes; then, under the lock, what comes of it. */
static void run(struct stream_worker *worker)
{
	struct copy_task *task = worker->task;
	uint64_t before = task->done;
	int r = attempt(worker);

	if (r == STREAM_E_STALE)
		r = attempt(worker);
	node_lock(worker->node);
	if (worker->node->life.stopping) { /* the request may be gone, and the process soon is */
		node_unlock(worker->node);
		os_thread_exit();
	}
	/* Before the end is told: the next copy may be asked for at once. */
	worker->node->copies.streams->idle++;
	look_begin(worker);
	task->streaming = false;
	worker->task = NULL;
	if (task->done != before) {
		task->deadline_ns = os_now_ns() + COPY_LIMIT_NS;
		task->park_us = 0;
	}
	if (task->verdict)
		copy_finish(task, task->verdict);
	else if (r > 0)
		copy_park(task);
	else
		copy_finish(task, r);
}

static void drop_lanes(struct stream_worker *worker)
{
	for (int side = 0; side < 2; side++)
		for (int node = 0; node < NR_NODES; node++)
			worker->lane[side][node] = lane_free(worker->lane[side][node]);
}

/* The first one whose user has not too many under way. */
static bool take_task(struct stream_worker *worker)
{
	struct streams *streams = worker->node->copies.streams;

	for (struct copy_task **link = &streams->queue; *link; link = &(*link)->next_queued) {
		worker->uid = (*link)->uid;
		if (!share_take(&worker->node->requests.shares, worker->uid, SHARE_STREAMS))
			continue;
		worker->task = *link;
		*link = worker->task->next_queued;
		if (!*link)
			streams->tail = link;
		streams->queued--;
		return true;
	}
	return false;
}

/* Another one of the same user may begin. */
static void give_back(struct stream_worker *worker)
{
	struct streams *streams = worker->node->copies.streams;

	share_give(&worker->node->requests.shares, worker->uid, SHARE_STREAMS);
	if (streams->queue)
		os_condition_signal(&streams->more);
}

/* It counts as idle until it has one. */
static void wait_for_task(struct stream_worker *worker)
{
	struct streams *streams = worker->node->copies.streams;
	int64_t until_ns = os_now_ns() + LANES_KEPT_NS;

	look_for_task(worker);
	while (!take_task(worker)) {
		if (os_condition_wait(&streams->more, &worker->node->lock, until_ns) < 0) {
			drop_lanes(worker);
			until_ns = 0;
		}
	}
	streams->idle--;
}

static void *work(void *ctx)
{
	struct stream_worker *worker = ctx;

	node_lock(worker->node);
	worker->node->copies.streams->idle++;
	for (;;) {
		wait_for_task(worker);
		node_unlock(worker->node);
		run(worker); /* comes back with the lock */
		give_back(worker);
	}
	return NULL;
}

static struct streams *streams_of(struct node *node)
{
	struct streams *streams = node->copies.streams;

	if (streams)
		return streams;
	streams = calloc(1, sizeof(*streams));
	if (!streams)
		return NULL;
	streams->tail = &streams->queue;
	os_condition_init(&streams->more);
	node->copies.streams = streams;
	return streams;
}

/* One more, if all are busy and there may be more. False: there is none at all. */
static bool have_worker(struct node *node, struct streams *streams)
{
	struct stream_worker *worker;

	if (streams->idle > streams->queued || streams->workers == WORKERS_MAX)
		return true;
	worker = calloc(1, sizeof(*worker));
	if (worker)
		worker->buf = malloc(LANE_DATA_MAX);
	if (!worker || !worker->buf) {
		free(worker);
		return streams->workers;
	}
	worker->node = node;
	attention_span_begin(&worker->look, exchange_costs(node->exchange),
			     ATTENTION_COPY_NS(exchange_costs(node->exchange)));
	if (os_thread_start(work, worker) < 0) {
		free(worker->buf);
		free(worker);
		return streams->workers;
	}
	streams->workers++;
	return true;
}

void stream_start(struct node *node, struct copy_task *task)
{
	struct streams *streams = streams_of(node);

	assert(os_lock_protects());
	if (!streams || !have_worker(node, streams)) {
		copy_finish(task, EDVSALLOCMEM);
		return;
	}
	task->streaming = true;
	task->next_queued = NULL;
	*streams->tail = task;
	streams->tail = &task->next_queued;
	streams->queued++;
	/* The one that looks takes one of them. */
	if (!streams->looking || streams->queued > 1)
		os_condition_signal(&streams->more);
}

void stream_stop(struct copy_task *task, int code)
{
	assert(os_lock_protects());
	if (!task->verdict)
		task->verdict = code;
	for (int side = 0; side < 2; side++)
		if (task->lane[side])
			lane_shut(task->lane[side]);
}

void stream_shake(struct copy_task *task, int peer)
{
	assert(os_lock_protects());
	for (int side = 0; side < 2; side++)
		if (task->lane[side] && task->lane_node[side] == peer)
			lane_shut(task->lane[side]);
}
