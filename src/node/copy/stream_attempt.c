/* SPDX-License-Identifier: Apache-2.0 */
#include "node/copy/stream_worker.h"

#include <errno.h>
#include <string.h>

#include "node/copy/copy_task.h"
#include "node/copy/party.h"
#include "node/bind/binding.h"
#include "node/copy/copy.h"
#include "node/state/order.h"
#include "os/lock.h"
#include "pages/exchange.h"
#include "proxy/lane.h"
#include "proxy/proxy.h"

#define CONNECT_MS 1000

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

static int side_locate(struct copy_task *task, struct side *side, int which)
{
	const struct copies *copies = task->copies;
	struct asker asker = { 0 };
	int code = 0;

	side->op = which == 0 ? LANE_READ : LANE_WRITE;
	side->where = copy_locate(task, which, &code);
	if (code)
		return code;
	if (side->where == PROXY_HELD)
		return STREAM_E_AGAIN;
	if (task->endpoint[which] != task->requester)
		code = party_asker(copies->bindings, task->dcid, task->requester, &asker);
	if (code)
		return code;
	side->party = (struct party){ .dcid = task->dcid,
				      .endpoint = task->endpoint[which],
				      .requester = task->requester,
				      .asker = asker };
	side->ask = (struct lane_ask){ .op = side->op,
				       .dcid = task->dcid,
				       .dc_generation =
					       copies->order->directory.dc[task->dcid].generation,
				       .endpoint = task->endpoint[which],
				       .requester = task->requester,
				       .asker = asker,
				       .addr = task->addr[which] + task->done,
				       .bytes = task->bytes - task->done };
	if (side->where == PROXY_HERE)
		return 0;
	return proxy_call_prepare(copies->proxy, side->where, FRAME_KIND_COPY, &side->call)
		       ? STREAM_E_AGAIN
		       : 0;
}

static int locate(struct stream_worker *worker, struct side side[2])
{
	struct copy_task *task = worker->task;
	int r;

	os_lock_take(worker->copies->lock);
	r = task->verdict;
	for (int i = 0; i < 2 && !r; i++)
		r = side_locate(task, &side[i], i);
	os_lock_release(worker->copies->lock);
	return r;
}

/* From now on a thread that stops the task ends the lane, too. */
static int show_lane(struct stream_worker *worker, const struct side *side, int which)
{
	int r;

	os_lock_take(worker->copies->lock);
	worker->task->lane[which] = side->lane;
	worker->task->lane_node[which] = side->where;
	r = worker->task->verdict;
	os_lock_release(worker->copies->lock);
	return r;
}

static int side_open(struct stream_worker *worker, struct side *side, int which)
{
	struct lane **lane = &worker->lane[which][side->where];
	struct secure *secure;
	int r;

	/* The keys were exchanged since it was made. */
	if (*lane && lane_is_outdated(*lane))
		*lane = lane_free(*lane);
	side->fresh = !*lane;
	if (side->fresh) {
		if (proxy_call_connect(&side->call, CONNECT_MS, &secure) ||
		    lane_new(lane, secure, exchange_costs(worker->copies->exchange)))
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
	os_lock_take(worker->copies->lock);
	worker->task->lane[which] = NULL;
	os_lock_release(worker->copies->lock);
	if (side->open)
		worker->lane[which][side->where] = lane_free(side->lane);
}

static int copy_here(struct stream_worker *worker, struct side *side, uint8_t *buf, uint32_t bytes)
{
	const struct copies *copies = worker->copies;
	int code;

	os_lock_take(copies->lock);
	code = worker->task->verdict;
	if (!code)
		code = party_take(copies->bindings, &side->party);
	os_lock_release(copies->lock);
	if (code)
		return code == EDVSMIGRATE ? STREAM_E_AGAIN : code;
	code = party_copy(&side->party, side->op, side->ask.addr, buf, bytes);
	side->ask.addr += bytes;
	os_lock_take(copies->lock);
	party_leave(copies->bindings, &side->party);
	os_lock_release(copies->lock);
	return code;
}

/* The other node's word at the end of its side. */
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

/* A copy of nothing asks all the same whether it may be made; a lane's server does so by itself. */
static int copy_nothing(struct stream_worker *worker, struct side *side)
{
	return side->lane ? 0 : copy_here(worker, side, worker->buf, 0);
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
	if (!from->ask.bytes && !r)
		r = copy_nothing(worker, from);
	if (from->lane && from->open && !r && !left)
		r = end_read(from);
	if (!from->ask.bytes && !r)
		r = copy_nothing(worker, to);
	if (to->lane)
		r = end_write(worker, to, sent, r);
	return r;
}

int stream_attempt(struct stream_worker *worker)
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
	/* A node that says that it is done although it is not is not believed. */
	if (!r && worker->task->done < worker->task->bytes)
		r = STREAM_E_AGAIN;
	if (r == STREAM_E_AGAIN && !fresh && worker->task->done == before)
		return STREAM_E_STALE;
	return r;
}
