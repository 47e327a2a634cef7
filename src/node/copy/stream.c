/* SPDX-License-Identifier: Apache-2.0 */
#include "node/copy/stream.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "dvk.h"
#include "node/copy/copy.h"
#include "node/copy/copy_task.h"
#include "node/copy/limit.h"
#include "node/copy/stream_worker.h"
#include "node/state/life.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/lock.h"
#include "os/thread.h"
#include "os/threads.h"
#include "pages/exchange.h"
#include "proxy/lane.h"
#include "proxy/proxy.h"

#define LANES_KEPT_NS (5 * OS_SECOND_NS) /* idle for longer: the lanes are given up */

struct streams {
	pthread_cond_t more; /* with the node lock */
	struct copy_task *queue, **tail;
	struct limit limit;
	_Atomic bool waits; /* is anything in the queue? */
	bool looking;	    /* one of the idle ones looks for the next copy */
};

/*
 * A task that has just had a copy made often wants the next one, or answers with the copied bytes. So the worker that
 * has made it takes the node bell over from the bell thread for a moment, as the loop's thread does for messages
 * (proxy_attend.c): then neither of the two wakes anybody.
 */
static void bell_take(struct stream_bell *bell, const struct copies *copies)
{
	bell->page = exchange_node_bell(copies->exchange);
	bell->seen = atomic_load(&bell->page->seq);
	/* If nobody sleeps there, somebody looks already. */
	bell->ours = atomic_exchange(&bell->page->sleeping, 0) != 0;
}

static void bell_look(struct stream_bell *bell, const struct copies *copies)
{
	uint32_t seq = atomic_load_explicit(&bell->page->seq, memory_order_acquire);

	if (!bell->ours || seq == bell->seen)
		return;
	bell->seen = seq;
	os_lock_take(copies->lock);
	proxy_scan(copies->proxy);
	os_lock_release(copies->lock);
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
	struct streams *streams = worker->copies->streams;

	if (streams->looking)
		return;
	streams->looking = worker->looking = true;
	bell_take(&worker->bell, worker->copies);
}

/* For as long as that has paid, and not where others want this CPU. */
static void look_for_task(struct stream_worker *worker)
{
	const struct attention_costs *costs = exchange_costs(worker->copies->exchange);
	struct streams *streams = worker->copies->streams;
	int64_t since_ns = os_now_ns(), now_ns = since_ns;

	if (!worker->looking)
		return;
	os_lock_release(worker->copies->lock);
	while (!atomic_load(&streams->waits) && now_ns - since_ns < worker->look.ns) {
		int64_t before_ns = now_ns;

		bell_look(&worker->bell, worker->copies);
		os_thread_yield();
		now_ns = os_now_ns();
		if (now_ns - before_ns > ATTENTION_PART_NS(costs))
			break;
	}
	/* Later rings are taken as well: that is cheaper than a wake. */
	bell_look(&worker->bell, worker->copies);
	bell_give_back(&worker->bell);
	os_lock_take(worker->copies->lock);
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
	int r = stream_attempt(worker);

	if (r == STREAM_E_STALE)
		r = stream_attempt(worker);
	os_lock_take(worker->copies->lock);
	if (worker->copies->life->stopping) { /* the request may be gone, and the process soon is */
		os_lock_release(worker->copies->lock);
		os_thread_exit();
	}
	/* Before the end is told: the next copy may be asked for at once. */
	worker->copies->streams->limit.idle++;
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

static bool take_task(struct stream_worker *worker)
{
	struct streams *streams = worker->copies->streams;

	for (struct copy_task **link = &streams->queue; *link; link = &(*link)->next_queued) {
		if (!limit_take(&streams->limit, worker->copies->shares, *link))
			continue;
		worker->task = *link;
		worker->uid = worker->task->uid;
		worker->small = limit_is_small(worker->task);
		*link = worker->task->next_queued;
		if (!*link)
			streams->tail = link;
		streams->limit.queued--;
		streams->waits = streams->queue;
		return true;
	}
	return false;
}

/* Another one of the same user may begin. */
static void give_back(struct stream_worker *worker)
{
	struct streams *streams = worker->copies->streams;

	limit_give(&streams->limit, worker->copies->shares, worker->uid, worker->small);
	if (streams->queue)
		os_condition_signal(&streams->more);
}

/* It counts as idle until it has one. */
static void wait_for_task(struct stream_worker *worker)
{
	struct streams *streams = worker->copies->streams;
	int64_t until_ns = os_now_ns() + LANES_KEPT_NS;

	look_for_task(worker);
	while (!take_task(worker)) {
		if (os_condition_wait(&streams->more, worker->copies->lock, until_ns) < 0) {
			drop_lanes(worker);
			until_ns = 0;
		}
	}
	streams->limit.idle--;
}

static void *work(void *ctx)
{
	struct stream_worker *worker = ctx;

	os_lock_take(worker->copies->lock);
	worker->copies->streams->limit.idle++;
	for (;;) {
		wait_for_task(worker);
		os_lock_release(worker->copies->lock);
		run(worker); /* comes back with the lock */
		give_back(worker);
	}
	return NULL;
}

static struct streams *streams_of(struct copies *copies)
{
	struct streams *streams = copies->streams;

	if (streams)
		return streams;
	streams = calloc(1, sizeof(*streams));
	if (!streams)
		return NULL;
	streams->tail = &streams->queue;
	os_condition_init(&streams->more);
	copies->streams = streams;
	return streams;
}

/* One more, if all are busy and there may be more. False: there is none at all. */
static bool have_worker(struct copies *copies, struct streams *streams)
{
	struct stream_worker *worker;

	if (!limit_wants_worker(&streams->limit))
		return true;
	worker = calloc(1, sizeof(*worker));
	if (worker)
		worker->buf = malloc(LANE_DATA_MAX);
	if (!worker || !worker->buf) {
		free(worker);
		return streams->limit.workers;
	}
	worker->copies = copies;
	attention_span_begin(&worker->look, exchange_costs(copies->exchange),
			     ATTENTION_COPY_NS(exchange_costs(copies->exchange)));
	if (os_thread_start(work, worker) < 0) {
		free(worker->buf);
		free(worker);
		return streams->limit.workers;
	}
	streams->limit.workers++;
	return true;
}

void stream_start(struct copy_task *task)
{
	struct copies *copies = task->copies;
	struct streams *streams = streams_of(copies);

	assert(os_lock_protects());
	assert(!task->streaming);
	if (!streams || !have_worker(copies, streams)) {
		copy_finish(task, EDVSALLOCMEM);
		return;
	}
	if (!limit_queue(copies->tasks, copies->shares, task)) {
		copy_park(task);
		return;
	}
	task->streaming = true;
	task->next_queued = NULL;
	*streams->tail = task;
	streams->tail = &task->next_queued;
	streams->limit.queued++;
	streams->waits = true;
	/* The one that looks takes one of them. */
	if (!streams->looking || streams->limit.queued > 1)
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
