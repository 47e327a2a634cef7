/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The other end of a lane: one thread serves what its asker says, one copy after the other, until the
 * connection ends. The asker knows where it saw the party last; whether that is true, and whether it
 * may ask at all, is looked at here before each part.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/result.h"
#include "node/bind/binding.h"
#include "node/copy/copy.h"
#include "node/copy/party.h"
#include "node/copy/stream.h"
#include "os/lock.h"
#include "os/socket.h"
#include "os/threads.h"
#include "pages/exchange.h"
#include "proxy/lane.h"

#define SERVED_MAX  256 /* lanes that others have to us */
#define OF_NODE_MAX 80	/* of one of them, which has one or two for each of its workers */

struct serving {
	struct copies *copies;
	struct lane *lane;
	int from;
};

/* One part, into or out of the party's memory. 0 or an EDVS number. */
static int copy_part(struct serving *s, const struct lane_ask *ask, uint64_t done, uint8_t *data,
		     uint32_t bytes)
{
	const struct copies *copies = s->copies;
	struct party party = { .dcid = ask->dcid,
			       .endpoint = ask->endpoint,
			       .requester = ask->requester,
			       .asker = ask->asker };
	int code = EDVSMIGRATE;

	os_lock_take(copies->lock);
	if (party_may_ask(copies->order, s->from, ask->dcid, ask->dc_generation, ask->requester))
		code = party_take(copies->bindings, &party);
	os_lock_release(copies->lock);
	if (code)
		return code;
	code = party_copy(&party, (enum lane_op)ask->op, ask->addr + done, data, bytes);
	os_lock_take(copies->lock);
	party_leave(copies->bindings, &party);
	os_lock_release(copies->lock);
	return code;
}

static int serve_read(struct serving *s, const struct lane_ask *ask)
{
	uint64_t done = 0;

	if (!ask->bytes)
		return lane_send_end(s->lane, 0, copy_part(s, ask, 0, lane_room(s->lane), 0));
	while (done < ask->bytes) {
		uint64_t left = ask->bytes - done;
		uint32_t bytes = left < LANE_DATA_MAX ? (uint32_t)left : LANE_DATA_MAX;
		int code = copy_part(s, ask, done, lane_room(s->lane), bytes);
		int r;

		if (code)
			return lane_send_end(s->lane, (uint32_t)done, code);
		r = lane_send(s->lane, bytes);
		if (r)
			return r;
		done += bytes;
	}
	return lane_send_end(s->lane, (uint32_t)done, 0);
}

static int serve_write(struct serving *s, const struct lane_ask *ask)
{
	uint64_t done = 0;
	int code = 0;

	for (;;) {
		struct lane_part part;
		uint8_t *data;
		int r = lane_receive(s->lane, &part, &data);

		if (r)
			return r;
		if (part.kind == LANE_END && ask->bytes)
			return code ? 0 : lane_send_end(s->lane, (uint32_t)done, 0);
		/* To write nothing may be forbidden all the same. */
		if (part.kind == LANE_END)
			return lane_send_end(s->lane, 0, copy_part(s, ask, 0, data, 0));
		if (code)
			continue; /* on its way before it was told */
		if (part.data > ask->bytes - done)
			return -EBADMSG;
		code = copy_part(s, ask, done, data, part.data);
		if (!code)
			done += part.data;
		else if (lane_send_end(s->lane, (uint32_t)done, code))
			return -ECONNRESET;
	}
}

static void *serve(void *ctx)
{
	struct serving *s = ctx;
	struct lane_ask ask;
	int r = 0;

	while (!r) {
		r = lane_wait_ask(s->lane, &ask);
		if (!r)
			r = ask.op == LANE_READ ? serve_read(s, &ask) : serve_write(s, &ask);
	}
	lane_free(s->lane);
	s->copies->lanes_of[s->from]--;
	s->copies->lanes_served--;
	free(s);
	return NULL;
}

void stream_serve(struct copies *copies, int from, struct secure *secure)
{
	bool room = copies->lanes_served < SERVED_MAX && copies->lanes_of[from] < OF_NODE_MAX;
	struct serving *s = room ? malloc(sizeof(*s)) : NULL;

	if (!s) {
		secure_free(secure);
		return;
	}
	*s = (struct serving){ .copies = copies, .from = from };
	if (lane_new(&s->lane, secure, exchange_costs(copies->exchange))) {
		free(s);
		return;
	}
	copies->lanes_served++;
	copies->lanes_of[from]++;
	if (os_thread_start(serve, s) < 0) {
		copies->lanes_of[from]--;
		copies->lanes_served--;
		lane_free(s->lane);
		free(s);
	}
}
