/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PROXY_PROXY_FIXTURE_H
#define DVS_PROXY_PROXY_FIXTURE_H

/*
 * For tests, which include base/test.h first. Three nodes in one process, over loopback, on one
 * loop. The order is played by a table per node that says where each endpoint is, the processes by
 * operating on the lines of their node's pages, the bell threads by scanning on every tick.
 */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "os/socket.h"
#include "proxy/keys_fixture.h"
#include "proxy/proxy_table.h"

#define UNUSED __attribute__((unused))

#define NODES	3
#define PORT	17652
#define DC	1
#define NOWHERE PROXY_GONE
#define WAIT_NS (5 * OS_SECOND_NS)
#define TICK_US 200

struct node {
	int id;
	struct exchange *exchange;
	struct proxy *proxy;
	int where[SHM_SLOTS];	   /* node, PROXY_HELD or NOWHERE */
	int generation[SHM_SLOTS]; /* the life that is there */
	uint32_t dc_generation;
	int ups, downs, messages, bulk_from;
	struct secure *bulk;
	uint16_t kinds[64];
	uint32_t bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct os_loop *loop;
static struct node node[NODES];
static struct secure_keys *keys, *keys_of_0; /* NULL: node 0 has those of the others */
static bool (*until)(void *ctx);
static void *until_ctx;
static int64_t until_ns;
static bool reached;
static bool scanning = true; /* the fixture is all nodes' bell thread */
static struct os_source *ticker;

UNUSED static int on_locate(void *ctx, int dcid, int endpoint)
{
	const struct node *n = ctx;
	int index = shm_index(_ENDPOINT_P(endpoint)), where = n->where[index];

	if (dcid != DC || _ENDPOINT_G(endpoint) != n->generation[index])
		return PROXY_GONE;
	return where == n->id ? PROXY_HERE : where;
}

UNUSED static uint32_t on_dc_generation(void *ctx, int dcid)
{
	const struct node *n = ctx;

	return dcid == DC ? n->dc_generation : 0;
}

UNUSED static void on_message(void *ctx, int from, uint16_t kind, const uint8_t *bytes,
			      uint32_t len)
{
	struct node *n = ctx;

	(void)from;
	(void)bytes;
	n->kinds[n->messages++ % 64] = kind;
	n->bytes += len;
}

UNUSED static void on_link(void *ctx, int peer, int up)
{
	struct node *n = ctx;

	(void)peer;
	if (up)
		n->ups++;
	else
		n->downs++;
}

UNUSED static void on_bulk(void *ctx, int from, struct secure *secure)
{
	struct node *n = ctx;

	n->bulk_from = from;
	secure_free(n->bulk);
	n->bulk = secure;
}

UNUSED static void on_tick(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < NODES && scanning; i++)
		proxy_scan(node[i].proxy);
	reached = until && until(until_ctx);
	if (reached || os_now_ns() > until_ns)
		os_loop_stop(loop);
	os_timer_set(ticker, TICK_US);
}

UNUSED static bool run_until(bool (*condition)(void *ctx), void *ctx)
{
	until = condition;
	until_ctx = ctx;
	until_ns = os_now_ns() + WAIT_NS;
	reached = false;
	os_loop_run(loop);
	return reached;
}

UNUSED static void run_for(int64_t ns)
{
	until = NULL;
	until_ns = os_now_ns() + ns;
	os_loop_run(loop);
}

static struct address address_of(int id)
{
	return test_address((unsigned)id);
}

UNUSED static bool all_up(void *ctx)
{
	(void)ctx;
	for (int a = 0; a < NODES; a++) {
		for (int b = 0; b < NODES; b++) {
			if (a != b && !peer_is_up(&node[a].proxy->peer[b]))
				return false;
		}
	}
	return true;
}

UNUSED static void node_start(int id)
{
	struct node *n = &node[id];
	struct proxy_callbacks callbacks = { .locate = on_locate,
					     .message = on_message,
					     .link_changed = on_link,
					     .bulk = on_bulk,
					     .lane = on_bulk,
					     .dc_generation = on_dc_generation,
					     .ctx = n };

	const struct gate_place place = { .node = id,
					  .address = address_of(id),
					  .port = PORT,
					  .listen_fd = -1,
					  .keys = id == 0 && keys_of_0 ? keys_of_0 : keys };

	*n = (struct node){ .id = id };
	for (int i = 0; i < SHM_SLOTS; i++)
		n->where[i] = NOWHERE;
	CHECK_EQ(exchange_new(&n->exchange, id), 0);
	CHECK_EQ(proxy_new(&n->proxy, loop, n->exchange, &place, &callbacks), 0);
	CHECK_EQ(proxy_open(n->proxy), 0);
}

static struct link_life life_of(int id, uint32_t incarnation)
{
	return (struct link_life){ incarnation, 0x1000 * (uint64_t)(id + 1) + incarnation };
}

UNUSED static void up(int viewer, int id, uint32_t incarnation)
{
	struct link_life life = life_of(id, incarnation);

	proxy_node_up(node[viewer].proxy, id, address_of(id), &life);
}

UNUSED static void set_up(void)
{
	keys = keys_of(1, 0xa1);
	CHECK_EQ(os_loop_new(&loop, &lock), 0);
	CHECK_EQ(os_source_timer(loop, TICK_US, on_tick, NULL, &ticker), 0);
	for (int id = 0; id < NODES; id++)
		node_start(id);
	for (int a = 0; a < NODES; a++) {
		for (int b = 0; b < NODES; b++)
			up(a, b, 1);
	}
	CHECK(run_until(all_up, NULL));
}

UNUSED static void tear_down(void)
{
	for (int id = 0; id < NODES; id++) {
		node[id].proxy = proxy_free(node[id].proxy);
		node[id].exchange = exchange_free(node[id].exchange);
		node[id].bulk = secure_free(node[id].bulk);
	}
	keys = secure_keys_free(keys);
	keys_of_0 = secure_keys_free(keys_of_0);
	ticker = os_source_free(ticker);
	loop = os_loop_free(loop);
}

/* The order, as one node sees it. */
UNUSED static void place_seen_by(int viewer, int p_nr, int where)
{
	struct exchange_bell *bell;

	node[viewer].where[shm_index(p_nr)] = where;
	CHECK_EQ(exchange_bell(node[viewer].exchange, DC, p_nr, &bell), 0);
	if (where >= 0)
		exchange_bell_hold(bell, where == viewer ? BELL_PROCESS : BELL_DAEMON);
}

UNUSED static void place(int p_nr, int where)
{
	for (int viewer = 0; viewer < NODES; viewer++)
		place_seen_by(viewer, p_nr, where);
}

UNUSED static struct exchange_channel *channel_at(int id, int a, int b)
{
	struct exchange_channel *channel = NULL;

	CHECK_EQ(exchange_channel(node[id].exchange, DC, a, b, &channel), 0);
	return channel;
}

UNUSED static struct line *line_at(int id, int from, int to)
{
	return &channel_at(id, from, to)->page->line[shm_side(from, to)];
}

UNUSED static enum line_state state_at(int id, int from, int to)
{
	return line_word_state(atomic_load(&line_at(id, from, to)->word));
}

UNUSED static int result_at(int id, int from, int to)
{
	return line_word_result(atomic_load(&line_at(id, from, to)->word));
}

UNUSED static void ring(int id, int whose, int from)
{
	struct exchange_bell *bell;

	CHECK_EQ(exchange_bell(node[id].exchange, DC, whose, &bell), 0);
	exchange_ring(node[id].exchange, bell, from);
}

UNUSED static uint64_t post(int id, int from, int to, enum line_op op, int type, uint64_t aux)
{
	message m = { .m_source = from, .m_type = type };
	uint64_t seq = line_post(line_at(id, from, to), op, &m, aux);

	ring(id, to, from);
	return seq;
}

UNUSED static bool take(int id, int from, int to, struct line_image *image)
{
	if (!line_take(line_at(id, from, to), image))
		return false;
	ring(id, from, to);
	return true;
}

UNUSED static void ask_back(int id, int from, int to, uint64_t seq)
{
	atomic_store(&channel_at(id, from, to)->page->withdraw[shm_side(from, to)], seq);
	ring(id, to, from);
}

struct wish {
	int id, from, to;
	enum line_state state;
};

UNUSED static bool wish_granted(void *ctx)
{
	const struct wish *w = ctx;

	return state_at(w->id, w->from, w->to) == w->state;
}

/* Lines that a node dropped of those that came from another one. */
struct dropped {
	int node, from;
	uint64_t least;
};

UNUSED static bool has_dropped(void *ctx)
{
	const struct dropped *wanted = ctx;
	struct proxy_link_stats stats;

	proxy_link_stats(node[wanted->node].proxy, wanted->from, &stats);
	return stats.dropped >= wanted->least;
}

UNUSED static bool becomes(int id, int from, int to, enum line_state state)
{
	struct wish wish = { id, from, to, state };

	return run_until(wish_granted, &wish);
}

#endif
