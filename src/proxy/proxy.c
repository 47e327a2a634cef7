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

int proxy_new(struct proxy **proxyp, struct os_loop *loop, struct exchange *exchange, int nodeid,
	      uint32_t address, uint16_t port, const struct proxy_callbacks *callbacks)
{
	return proxy_adopt(proxyp, loop, exchange, nodeid, address, port, -1, callbacks);
}

int proxy_listen_fd(const struct proxy *proxy)
{
	return proxy->listen_fd;
}

void proxy_link_carry(struct proxy *proxy, int node, const struct proxy_link_stats *stats)
{
	struct peer *peer = &proxy->peer[node];

	if (!peer->known || peer_is_up(peer))
		return;
	peer->stats = *stats;
	peer->stats.up = 0;
	peer->link.epoch = stats->epoch;
}

int proxy_adopt(struct proxy **proxyp, struct os_loop *loop, struct exchange *exchange, int nodeid,
		uint32_t address, uint16_t port, int listen_fd,
		const struct proxy_callbacks *callbacks)
{
	struct proxy *proxy;
	int r = 0;

	if (nodeid < 0 || nodeid >= NR_NODES || !callbacks->locate)
		return -EINVAL;
	proxy = calloc(1, sizeof(*proxy));
	if (!proxy)
		return -ENOMEM;
	proxy->loop = loop;
	proxy->exchange = exchange;
	proxy->callbacks = *callbacks;
	proxy->node = nodeid;
	proxy->address = address;
	proxy->port = port;
	proxy->listen_fd = listen_fd;
	proxy->lazy_us = PROXY_LAZY_US;
	for (int node = 0; node < NR_NODES && !r; node++)
		r = peer_init(&proxy->peer[node], proxy, node);
	if (!r)
		r = os_source_timer(loop, -1, proxy_on_lazy, proxy, &proxy->lazy_timer);
	if (!r)
		r = os_loop_between(loop, proxy_attend, proxy);
	if (!r)
		r = proxy_listen(proxy);
	if (r) {
		proxy_free(proxy);
		return r;
	}
	*proxyp = proxy;
	return 0;
}

struct proxy *proxy_free(struct proxy *proxy)
{
	if (!proxy)
		return NULL;
	assert(!proxy->batch);
	/* Nobody is to be told any more. */
	proxy->callbacks.link_changed = NULL;
	for (int node = 0; node < NR_NODES; node++) {
		if (proxy->peer[node].timer)
			peer_deinit(&proxy->peer[node]);
	}
	os_loop_between_end(proxy->loop, proxy_attend, proxy);
	proxy_listen_end(proxy);
	proxy->lazy_timer = os_source_free(proxy->lazy_timer);
	free(proxy);
	return NULL;
}

/* A new life of this node or of the other one begins its link anew. */
static bool peer_is_same(const struct peer *peer, uint32_t address, uint32_t incarnation)
{
	return peer->known && peer->address == address &&
	       peer->link.peer_incarnation == incarnation &&
	       peer->link.incarnation == peer->proxy->incarnation;
}

static void self_up(struct proxy *proxy, uint32_t incarnation)
{
	bool first = proxy->incarnation == LINK_INCARNATION_ANY;

	if (proxy->incarnation == incarnation)
		return;
	proxy->incarnation = incarnation;
	for (int node = 0; node < NR_NODES; node++) {
		struct peer *peer = &proxy->peer[node];

		if (!peer->known)
			continue;
		/* To learn which life this is ends no connection; to begin another one does. */
		if (first)
			link_set_incarnations(&peer->link, incarnation,
					      peer->link.peer_incarnation);
		else
			proxy_node_up(proxy, node, peer->address, peer->link.peer_incarnation);
	}
}

void proxy_node_up(struct proxy *proxy, int node, uint32_t address, uint32_t incarnation)
{
	struct peer *peer;

	if (node < 0 || node >= NR_NODES)
		return;
	if (node == proxy->node) {
		self_up(proxy, incarnation);
		return;
	}
	peer = &proxy->peer[node];
	if (peer_is_same(peer, address, incarnation))
		return;
	peer_stop(peer);
	memset(&peer->stats, 0, sizeof(peer->stats));
	peer->address = address;
	link_init(&peer->link, proxy->node, node, FRAME_CLUSTER_DEFAULT);
	link_set_incarnations(&peer->link, proxy->incarnation, incarnation);
	peer_start(peer);
}

void proxy_node_down(struct proxy *proxy, int node)
{
	if (node >= 0 && node < NR_NODES && node != proxy->node)
		peer_stop(&proxy->peer[node]);
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
	if (head_len)
		memcpy(buf + bytes, head, head_len);
	if (body_len)
		memcpy(buf + bytes + head_len, body, body_len);
	queue_commit(&peer->out[lane], bytes + head_len + body_len);
	peer->stats.frames_sent++;
	peer_flush(peer);
	return 0;
}

static int connect_and_greet(uint32_t address, uint16_t port, const struct frame_hello *hello,
			     int timeout_ms)
{
	uint8_t buf[FRAME_HEAD_BYTES + FRAME_HELLO_BYTES];
	int fd = os_tcp_connect(address, port, timeout_ms);
	int r;

	if (fd < 0)
		return fd;
	frame_encode_hello(buf, hello);
	r = os_write_full(fd, buf, sizeof(buf), timeout_ms);
	if (r) {
		os_close(fd);
		return r;
	}
	return fd;
}

int proxy_bulk_connect(uint32_t address, uint16_t port, int self, int timeout_ms)
{
	struct frame_hello hello = {
		.kind = FRAME_KIND_BULK,
		.node = self,
		.peer = -1,
		.cluster = FRAME_CLUSTER_DEFAULT,
	};

	return connect_and_greet(address, port, &hello, timeout_ms);
}

int proxy_lane_hello(const struct proxy *proxy, int node, struct frame_hello *hello)
{
	if (node < 0 || node >= NR_NODES || !peer_is_up(&proxy->peer[node]))
		return -ENOTCONN;
	link_lane_hello(&proxy->peer[node].link, hello);
	return 0;
}

int proxy_lane_connect(uint32_t address, uint16_t port, const struct frame_hello *hello,
		       int timeout_ms)
{
	return connect_and_greet(address, port, hello, timeout_ms);
}

void proxy_drain(struct proxy *proxy, int node)
{
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
}
