/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "os/socket.h"
#include "os/tcp.h"
#include "proxy/proxy_table.h"

_Static_assert(PROXY_MESSAGE_MAX == FRAME_MESSAGE_MAX, "one node message is one frame");

int proxy_listen_fd(const struct proxy *proxy)
{
	return gate_listen_fd(proxy->gate);
}

void proxy_link_carry(struct proxy *proxy, int node, const struct proxy_link_stats *stats)
{
	struct peer *peer = &proxy->peer[node];

	assert(node >= 0 && node < NR_NODES);
	if (!peer->known || peer_is_up(peer))
		return;
	peer->stats = *stats;
	peer->stats.up = 0;
	peer->link.epoch = stats->epoch;
}

static int start(struct proxy *proxy)
{
	const struct gate_callbacks callbacks = { .called = proxy_on_called,
						  .made = proxy_on_made,
						  .ctx = proxy };
	int r = 0;

	for (int node = 0; node < NR_NODES && !r; node++)
		r = peer_init(&proxy->peer[node], proxy, node);
	if (!r)
		r = os_source_timer(proxy->loop, -1, proxy_on_lazy, proxy, &proxy->lazy_timer);
	if (!r)
		r = os_loop_between(proxy->loop, proxy_attend, proxy);
	return r ? r : gate_new(&proxy->gate, proxy->loop, &proxy->place, &callbacks);
}

int proxy_new(struct proxy **proxyp, struct os_loop *loop, struct exchange *exchange,
	      const struct gate_place *place, const struct proxy_callbacks *callbacks)
{
	struct proxy *proxy;
	int r;

	if (place->node < 0 || place->node >= NR_NODES || !callbacks->locate)
		return -EINVAL;
	proxy = calloc(1, sizeof(*proxy));
	if (!proxy)
		return -ENOMEM;
	proxy->loop = loop;
	proxy->exchange = exchange;
	proxy->callbacks = *callbacks;
	proxy->node = place->node;
	proxy->place = *place;
	proxy->lazy_us = PROXY_LAZY_US;
	r = start(proxy);
	if (r) {
		proxy_free(proxy);
		return r;
	}
	*proxyp = proxy;
	return 0;
}

int proxy_open(struct proxy *proxy)
{
	return gate_open(proxy->gate);
}

struct proxy *proxy_free(struct proxy *proxy)
{
	if (!proxy)
		return NULL;
	assert(!proxy->batch);
	/* Nobody is to be told any more. */
	proxy->callbacks.link_changed = NULL;
	proxy->gate = gate_free(proxy->gate);
	for (int node = 0; node < NR_NODES; node++) {
		if (proxy->peer[node].timer)
			peer_deinit(&proxy->peer[node]);
	}
	os_loop_between_end(proxy->loop, proxy_attend, proxy);
	proxy->lazy_timer = os_source_free(proxy->lazy_timer);
	free(proxy);
	return NULL;
}

/* A new life of this node or of the other one begins its link anew. */
static bool peer_is_same(const struct peer *peer, struct address address,
			 const struct link_life *life)
{
	return peer->known && address_same(peer->address, address) &&
	       link_life_same(&peer->link.peer_life, life) &&
	       link_life_same(&peer->link.own_life, &peer->proxy->life);
}

static void self_up(struct proxy *proxy, const struct link_life *life)
{
	proxy->life = *life;
	for (int node = 0; node < NR_NODES; node++) {
		struct peer *peer = &proxy->peer[node];
		struct link_life theirs = peer->link.peer_life;

		if (peer->known)
			proxy_node_up(proxy, node, peer->address, &theirs);
	}
}

void proxy_node_up(struct proxy *proxy, int node, struct address address,
		   const struct link_life *life)
{
	struct peer *peer;

	if (node < 0 || node >= NR_NODES)
		return;
	if (node == proxy->node) {
		self_up(proxy, life);
		return;
	}
	peer = &proxy->peer[node];
	if (peer_is_same(peer, address, life))
		return;
	peer_stop(peer);
	memset(&peer->stats, 0, sizeof(peer->stats));
	peer->address = address;
	peer->way = 0;
	link_init(&peer->link, proxy->node, node, FRAME_CLUSTER_DEFAULT);
	link_set_lives(&peer->link, &proxy->life, life);
	peer_start(peer);
	gate_know(proxy->gate, node, address);
	assert(peer->known);
	assert(!peer->secure);
}

void proxy_node_ways(struct proxy *proxy, int node, const struct address *address, unsigned count)
{
	struct peer *peer;

	assert(node >= 0 && node < NR_NODES);
	assert(count <= PROXY_WAYS_MAX);
	peer = &proxy->peer[node];
	memcpy(peer->ways, address, count * sizeof(*address));
	peer->ways_count = count;
	peer->way = 0;
}

void proxy_node_down(struct proxy *proxy, int node)
{
	if (node < 0 || node >= NR_NODES || node == proxy->node)
		return;
	peer_stop(&proxy->peer[node]);
	gate_know(proxy->gate, node, ADDRESS_NONE);
}

int proxy_message(struct proxy *proxy, int node, uint16_t kind, const void *head, uint32_t head_len,
		  const void *body, uint32_t body_len)
{
	enum proxy_lane lane = kind & PROXY_LANE_BULK ? LANE_BULK : LANE_CONTROL;
	struct peer *peer;
	uint8_t *buf;
	size_t bytes;

	if (node < 0 || node >= NR_NODES || !peer_is_up(&proxy->peer[node]))
		return -ENOTCONN;
	if (head_len > PROXY_MESSAGE_MAX || body_len > PROXY_MESSAGE_MAX - head_len)
		return -EMSGSIZE;
	peer = &proxy->peer[node];
	buf = queue_reserve(&peer->out[lane],
			    FRAME_HEAD_BYTES + FRAME_MESSAGE_HEAD_BYTES + head_len + body_len);
	if (!buf)
		return -ENOBUFS;
	bytes = frame_encode_message(buf, kind, head_len + body_len);
	assert(bytes == FRAME_HEAD_BYTES + FRAME_MESSAGE_HEAD_BYTES);
	if (head_len)
		memcpy(buf + bytes, head, head_len);
	if (body_len)
		memcpy(buf + bytes + head_len, body, body_len);
	queue_commit(&peer->out[lane], bytes + head_len + body_len);
	peer->stats.frames_sent++;
	peer_flush(peer);
	return 0;
}

void proxy_drain(struct proxy *proxy, int node)
{
	assert(node >= -1 && node < NR_NODES);
	for (int n = 0; n < NR_NODES; n++) {
		if (node == -1 || node == n)
			peer_read(&proxy->peer[n]);
	}
}

void proxy_link_stats(const struct proxy *proxy, int node, struct proxy_link_stats *stats)
{
	const struct peer *peer;

	memset(stats, 0, sizeof(*stats));
	if (node < 0 || node >= NR_NODES)
		return;
	peer = &proxy->peer[node];
	*stats = peer->stats;
	if (peer_is_up(peer))
		stats->silent_ns = os_now_ns() - peer->link.heard_ns;
	if (stats->clock.known)
		stats->clock_error_ns = clock_error_ns(&stats->clock, os_now_ns());
}
