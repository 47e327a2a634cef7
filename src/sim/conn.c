/* SPDX-License-Identifier: Apache-2.0 */

/* The connection of one migration: in order, until it breaks. */

#include "sim/move_part.h"

void conn_say(struct world *w, int conn, int to_side, int kind, int code, void *data,
	      uint64_t us_max)
{
	struct conn *c = &w->conn[conn];
	struct sim_event event = { .kind = EVENT_CONN,
				   .node = c->node[to_side],
				   .life = c->life[to_side],
				   .slot = to_side,
				   .a = conn,
				   .b = kind,
				   .tag = (uint32_t)-code,
				   .data = data };

	assert(to_side == SIDE_SOURCE || to_side == SIDE_TARGET);
	assert(conn >= 0 && conn < w->conns);
	if (c->until[to_side] < w->now_us)
		c->until[to_side] = w->now_us;
	c->until[to_side] += world_random(w, 1, us_max);
	world_put(w, event, c->until[to_side] - w->now_us);
}

bool conn_works(const struct world *w, int conn, int side)
{
	assert(conn < w->conns);
	return conn >= 0 && w->conn[conn].open[side] && !w->conn[conn].broken;
}

void conn_close(struct world *w, int conn, int side)
{
	struct conn *c;

	assert(conn < w->conns);
	if (conn < 0 || !w->conn[conn].open[side])
		return;
	c = &w->conn[conn];
	c->open[side] = false;
	if (c->open[1 - side] && !c->broken)
		conn_say(w, conn, 1 - side, PLAN_CONNECTION_LOST, 0, NULL, 500);
}
