/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One connection per pair of nodes. Frames to be sent are put in a queue and written at once if the socket
 * takes them; when it does not, more gathers behind it and goes out in larger writes: batches form by
 * themselves. Two lanes: a bulk frame is begun only when no control frame waits.
 *
 *	control  [HELLO][LINE][LINE][MESSAGE] ----+
 *	bulk     [MESSAGE..............][MESSAGE] -+--> socket
 *	dirty    slots whose lines are encoded when control is short again
 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "os/socket.h"
#include "os/tcp.h"
#include "proxy/proxy_table.h"

/* Reads in one turn of the loop, so that one busy link leaves time for the others. */
#define READS_MAX 8

static void on_peer_timer(void *ctx);

int peer_init(struct peer *peer, struct proxy *proxy, int node)
{
	assert(node >= 0 && node < NR_NODES);
	peer->proxy = proxy;
	peer->node = node;
	return os_source_timer(proxy->loop, -1, on_peer_timer, peer, &peer->timer);
}

void peer_deinit(struct peer *peer)
{
	peer_stop(peer);
	assert(!peer->secure);
	assert(!peer->io);
	assert(!peer->in);
	peer->timer = os_source_free(peer->timer);
}

/* The events that are asked of the loop; a failure means that it has no memory, and the timer tries again. */
static void peer_wait_for(struct peer *peer, int events)
{
	if (peer->events == events || os_source_set(peer->io, events))
		return;
	peer->events = events;
}

static void peer_close(struct peer *peer)
{
	peer->connection++;
	peer->calling = false;
	peer->connected = false;
	bits_clear(peer->proxy->open, (unsigned)peer->node);
	peer->io = os_source_free(peer->io);
	peer->events = 0;
	peer->secure = secure_free(peer->secure);
	peer_ready_end(peer);
	for (int lane = 0; lane < LANES; lane++)
		queue_reset(&peer->out[lane]);
	peer->bulk_left = 0;
	free(peer->in);
	peer->in = NULL;
	peer->in_count = 0;
	memset(peer->dirty, 0, sizeof(peer->dirty));
	peer->any_dirty = false;
	memset(peer->lazy, 0, sizeof(peer->lazy));
	peer->any_lazy = false;
	memset(peer->dropped, 0, sizeof(peer->dropped)); /* the next link begins with all lines */
	bits_clear(peer->proxy->flush, (unsigned)peer->node);
}

/* Before the order has told this node its own life, no other node would believe it. */
static bool peer_connects(const struct peer *peer)
{
	return peer->known && link_connects(&peer->link) && link_life_known(&peer->link.own_life);
}

static void tell_link(struct peer *peer, int up)
{
	struct proxy *proxy = peer->proxy;

	peer->stats.up = up;
	peer->stats.epoch = peer->link.epoch;
	if (proxy->callbacks.link_changed)
		proxy->callbacks.link_changed(proxy->callbacks.ctx, peer->node, up);
}

void peer_lost(struct peer *peer)
{
	bool was_up = peer_is_up(peer);
	int64_t wait_us = link_on_lost(&peer->link, os_now_ns());

	peer_close(peer);
	assert(!peer->secure);
	os_timer_set(peer->timer, peer_connects(peer) ? wait_us : -1);
	if (was_up)
		tell_link(peer, 0);
}

void peer_stop(struct peer *peer)
{
	peer->known = false;
	if (peer->secure || peer->calling)
		peer_lost(peer);
	os_timer_set(peer->timer, -1);
}

/* 0: some of it is written; -EAGAIN: the socket is full; other: it is broken. */
static int write_part(struct peer *peer, enum proxy_lane lane, size_t len)
{
	struct queue *queue = &peer->out[lane];
	ssize_t n = secure_write(peer->secure, queue_front(queue), len);

	assert(len <= queue_count(queue));
	if (n < 0)
		return (int)n;
	queue_consume(queue, (size_t)n);
	if (lane == LANE_BULK) {
		assert((size_t)n <= peer->bulk_left);
		peer->bulk_left -= (size_t)n;
	}
	peer->stats.bytes_sent += (uint64_t)n;
	peer->stats.writes++;
	return 0;
}

static size_t bulk_frame_bytes(const struct queue *queue)
{
	struct frame_head head;
	int r = frame_decode_head(&head, queue_front(queue));

	assert(!r);
	assert(head.type == FRAME_MESSAGE);
	return FRAME_HEAD_BYTES + head.body_bytes;
}

static int write_queues(struct peer *peer)
{
	int r = 0;

	while (!r) {
		if (peer->bulk_left) {
			r = write_part(peer, LANE_BULK, peer->bulk_left);
		} else if (queue_count(&peer->out[LANE_CONTROL])) {
			r = write_part(peer, LANE_CONTROL, queue_count(&peer->out[LANE_CONTROL]));
		} else if (queue_count(&peer->out[LANE_BULK])) {
			peer->bulk_left = bulk_frame_bytes(&peer->out[LANE_BULK]);
		} else if (!peer_fill(peer)) {
			break;
		}
	}
	/* Bytes that were taken may not have left yet. */
	return r ? r : secure_flush(peer->secure);
}

static void peer_write(struct peer *peer)
{
	int r;

	bits_clear(peer->proxy->flush, (unsigned)peer->node);
	if (!peer->connected)
		return;
	r = write_queues(peer);
	peer->stats.sent_ns = (uint64_t)os_realtime_ns();
	if (r && r != -EAGAIN)
		peer_lost(peer);
	else
		peer_wait_for(peer, r ? OS_READ | OS_WRITE : OS_READ);
}

void peer_flush(struct peer *peer)
{
	/* A full socket says when it has room: asking it again before is a wasted call. */
	if (peer->events & OS_WRITE)
		return;
	if (peer->proxy->batch)
		bits_set(peer->proxy->flush, (unsigned)peer->node);
	else
		peer_write(peer);
}

void proxy_batch_begin(struct proxy *proxy)
{
	proxy->batch++;
}

void proxy_batch_end(struct proxy *proxy)
{
	assert(proxy->batch);
	if (--proxy->batch)
		return;
	/* A write may bring about frames for a node that this pass has left behind. */
	while (!bits_empty(proxy->flush, NR_NODES)) {
		BITS_FOR_EACH(node, proxy->flush, NR_NODES)
		peer_write(&proxy->peer[node]);
	}
}

static void send_hello(struct peer *peer)
{
	uint8_t *buf =
		queue_reserve(&peer->out[LANE_CONTROL], FRAME_HEAD_BYTES + FRAME_HELLO_BYTES);
	struct frame_hello hello;

	if (!buf)
		return;
	link_hello(&peer->link, &hello);
	queue_commit(&peer->out[LANE_CONTROL], frame_encode_hello(buf, &hello));
	peer->stats.frames_sent++;
	peer_flush(peer);
}

static void send_ping(struct peer *peer, enum frame_type type, const struct frame_ping *ping)
{
	uint8_t *buf = queue_reserve(&peer->out[LANE_CONTROL], FRAME_HEAD_BYTES + FRAME_PING_BYTES);

	if (!buf)
		return;
	queue_commit(&peer->out[LANE_CONTROL], frame_encode_ping(buf, type, ping));
	peer->stats.frames_sent++;
	peer_flush(peer);
}

static void come_up(struct peer *peer)
{
	assert(peer_is_up(peer));
	assert(peer->connected);
	tell_link(peer, 1);
	if (peer_is_up(peer))
		peer_offer_all(peer);
}

static void on_node_message(struct peer *peer, const struct frame_head *head, const uint8_t *body)
{
	const struct proxy_callbacks *callbacks = &peer->proxy->callbacks;
	uint16_t kind;

	if (!frame_decode_message(&kind, body) && callbacks->message)
		callbacks->message(callbacks->ctx, peer->node, kind,
				   body + FRAME_MESSAGE_HEAD_BYTES,
				   head->body_bytes - FRAME_MESSAGE_HEAD_BYTES);
}

void peer_note_speaker(struct peer *peer, const struct protocol_speaker *speaker)
{
	peer->stats.speaker = *speaker;
	peer->stats.protocol = protocol_common(speaker, &protocol_own);
}

void peer_tell_version(struct peer *peer, const struct protocol_speaker *speaker)
{
	char why[160];

	snprintf(
		why, sizeof(why),
		"node %d (dvs %s) speaks protocol %u to %u, and node %d (dvs %s) %u to %u: install one "
		"release of dvs on both",
		peer->node, speaker->release, speaker->least, speaker->most, peer->proxy->node,
		protocol_own.release, protocol_own.least, protocol_own.most);
	gate_refused(peer->proxy->gate, peer->address, why);
}

static int on_hello(struct peer *peer, const uint8_t *body)
{
	struct frame_hello hello;
	int r = frame_decode_hello(&hello, body);

	if (r)
		return r;
	r = link_on_hello(&peer->link, &hello, os_now_ns());
	if (!r || r == LINK_E_VERSION)
		peer_note_speaker(peer, &hello.speaker);
	if (r == LINK_E_VERSION)
		peer_tell_version(peer, &hello.speaker);
	if (r)
		return -EBADMSG;
	come_up(peer);
	return 0;
}

static void on_ping(struct peer *peer, const uint8_t *body)
{
	struct frame_ping ping;

	frame_decode_ping(&ping, body);
	ping.clock_ns = os_realtime_ns();
	send_ping(peer, FRAME_PONG, &ping);
}

static void on_pong(struct peer *peer, const uint8_t *body)
{
	struct frame_ping pong;

	frame_decode_ping(&pong, body);
	if (pong.value == peer->asked_ns) /* no other was asked */
		clock_on_answer(&peer->stats.clock, (int64_t)pong.value, os_now_ns(),
				os_realtime_ns(), pong.clock_ns);
}

static void ask_for_sign(struct peer *peer)
{
	const struct frame_ping ping = { .value = (uint64_t)os_now_ns() };

	peer->asked_ns = ping.value;
	send_ping(peer, FRAME_PING, &ping);
}

/* One whole frame. Negative: this is no peer of ours, or one that speaks another language. */
static int on_frame(struct peer *peer, const struct frame_head *head, const uint8_t *body)
{
	struct frame_line line;
	struct frame_notify notify;
	struct frame_offer offer;
	int r = 0;

	peer->stats.frames_received++;
	if (head->type == FRAME_HELLO)
		return on_hello(peer, body);
	if (!peer_is_up(peer))
		return -EBADMSG;
	switch (head->type) {
	case FRAME_LINE:
		proxy_attend_heard(peer->proxy);
		r = frame_decode_line(&line, body);
		if (!r)
			peer_on_line(peer, &line);
		break;
	case FRAME_NOTIFY:
		proxy_attend_heard(peer->proxy);
		r = frame_decode_notify(&notify, body);
		if (!r)
			peer_on_notify(peer, &notify);
		break;
	case FRAME_OFFER:
		proxy_attend_heard(peer->proxy);
		r = frame_decode_offer(&offer, body);
		if (!r)
			peer_resend(peer, &offer);
		break;
	case FRAME_PING:
		on_ping(peer, body);
		break;
	case FRAME_MESSAGE:
		on_node_message(peer, head, body);
		break;
	default:
		on_pong(peer, body);
		break;
	}
	return r;
}

/* Handles the whole frames in the buffer. Negative: the link is to be ended. */
static int handle_frames(struct peer *peer)
{
	uint64_t connection = peer->connection;
	size_t at = 0;

	while (peer->in_count - at >= FRAME_HEAD_BYTES) {
		struct frame_head head;
		int r = frame_decode_head(&head, peer->in + at);

		if (r)
			return r;
		if (peer->in_count - at < FRAME_HEAD_BYTES + head.body_bytes)
			break;
		r = on_frame(peer, &head, peer->in + at + FRAME_HEAD_BYTES);
		/* A callback may have ended the link: then the buffer is gone. */
		if (peer->connection != connection)
			return 0;
		if (r)
			return r;
		at += FRAME_HEAD_BYTES + head.body_bytes;
		assert(at <= peer->in_count);
	}
	peer->in_count -= at;
	if (at && peer->in_count)
		memmove(peer->in, peer->in + at, peer->in_count);
	return 0;
}

/* 0: there may be more; -EAGAIN: that was all; other: broken. */
static int read_some(struct peer *peer, ssize_t (*read)(struct secure *, void *, size_t))
{
	size_t room = PROXY_IN_BYTES - peer->in_count;
	ssize_t n = read(peer->secure, peer->in + peer->in_count, room);
	uint64_t connection = peer->connection;
	int r;

	/* A whole frame is smaller than the buffer, and whole frames do not stay in it. */
	assert(room > 0);
	if (n <= 0)
		return (int)n;
	peer->in_count += (size_t)n;
	peer->stats.bytes_received += (uint64_t)n;
	peer->stats.reads++;
	peer->heard_ns = os_now_ns();
	link_on_heard(&peer->link, peer->heard_ns);
	r = handle_frames(peer);
	if (r || peer->connection != connection)
		return r ? r : -EAGAIN;
	return (size_t)n < room ? -EAGAIN : 0;
}

void peer_read(struct peer *peer)
{
	uint64_t connection = peer->connection;
	uint64_t before = peer->stats.bytes_received;
	int r = 0;

	if (peer->reading || !peer->connected)
		return;
	peer->reading = true;
	assert(peer->in);
	proxy_batch_begin(peer->proxy);
	for (int i = 0; !r && i < READS_MAX; i++)
		r = read_some(peer, secure_read);
	/* The descriptor does not tell of bytes that were read from it already. No others: the turn ends here. */
	while (!r && secure_has_more(peer->secure))
		r = read_some(peer, secure_read_rest);
	if (peer->stats.bytes_received != before)
		peer->stats.received_ns = (uint64_t)os_realtime_ns();
	peer->reading = false;
	if (r && r != -EAGAIN && peer->connection == connection)
		peer_lost(peer);
	proxy_batch_end(peer->proxy);
}

static void on_peer_io(void *ctx, int fd, int events)
{
	struct peer *peer = ctx;

	(void)fd;
	assert(peer->connected);
	if (events & OS_WRITE)
		peer_write(peer);
	else
		proxy_attend_read(peer);
}

/* Takes the connection, whatever the result. */
static int peer_adopt(struct peer *peer, struct secure *secure)
{
	int fd = secure_fd(secure), r;

	assert(!peer->secure);
	assert(!peer->io);
	assert(!peer->in);
	peer->in = malloc(PROXY_IN_BYTES);
	r = peer->in ? os_source_io(peer->proxy->loop, fd, OS_READ, on_peer_io, peer, &peer->io)
		     : -ENOMEM;
	if (r) {
		free(peer->in);
		peer->in = NULL;
		secure_free(secure);
		return r;
	}
	peer->secure = secure;
	peer->events = OS_READ;
	peer->calling = false;
	peer->connected = true;
	bits_set(peer->proxy->open, (unsigned)peer->node);
	os_tcp_limit_unsent(fd, PROXY_UNSENT_BYTES);
	os_timer_set(peer->timer, PROXY_TICK_US);
	return 0;
}

/* The gate connects: peer_made() hears of it. 0 or -EAGAIN. */
static int peer_call(struct peer *peer)
{
	int r = peer_gate_call(peer, FRAME_KIND_LINK);

	assert(link_connects(&peer->link));
	assert(!peer->calling);
	peer->calling = !r;
	return r;
}

static void peer_connect(struct peer *peer)
{
	if (peer_call(peer))
		peer_lost(peer);
	else
		os_timer_set(peer->timer, GATE_CALL_US);
}

/*
 * The keys were exchanged: another connection is made with the one of now, and takes the place of this one once both
 * sides have proven it. A node that does not know that key yet keeps this one meanwhile.
 */
static void peer_renew(struct peer *peer)
{
	int64_t now_ns = os_now_ns();

	assert(peer->secure);
	if (now_ns < peer->renew_ns || !peer_is_up(peer) || !peer_connects(peer) ||
	    !secure_is_outdated(peer->secure))
		return;
	peer->renew_ns = now_ns + PROXY_RENEW_NS;
	/* A call that was made before would have ended by now. */
	_Static_assert(PROXY_RENEW_NS / 1000 > GATE_CALL_US, "one after the other");
	peer->calling = false;
	peer_call(peer);
}

void peer_made(struct peer *peer, uint64_t number, struct secure *secure)
{
	if (!peer->calling || number != peer->connection) {
		secure_free(secure);
		return;
	}
	peer->calling = false;
	if (!secure && peer->secure)
		return;
	if (peer->secure) {
		peer_lost(peer);
		assert(peer->known);
	}
	link_greet(&peer->link, os_now_ns());
	if (!secure)
		peer_next_way(peer);
	if (secure && !peer_adopt(peer, secure))
		send_hello(peer);
	else
		peer_lost(peer);
}

void peer_start(struct peer *peer)
{
	assert(!peer->secure);
	assert(!peer->calling);
	peer->known = true;
	if (peer_connects(peer))
		os_timer_set(peer->timer, 0);
}

void peer_accept(struct peer *peer, struct secure *secure, const struct frame_hello *hello)
{
	struct link link = peer->link;
	int64_t now = os_now_ns();

	link_greet(&link, now);
	if (!peer->known || link_connects(&link) || link_on_hello(&link, hello, now)) {
		secure_free(secure);
		return;
	}
	/* The other side has given up the older connection, or it would not make a new one. */
	if (peer->secure)
		peer_lost(peer);
	if (peer_adopt(peer, secure))
		return;
	peer->link = link;
	peer_note_speaker(peer, &hello->speaker);
	proxy_batch_begin(peer->proxy);
	send_hello(peer);
	come_up(peer);
	proxy_batch_end(peer->proxy);
	/* Bytes that came with the HELLO are in no socket any more. */
	peer_read(peer);
}

static void on_peer_timer(void *ctx)
{
	struct peer *peer = ctx;
	enum link_action action;

	if (!peer->secure) {
		if (peer->calling) {
			peer_next_way(peer);
			peer_lost(peer);
		} else if (peer_connects(peer)) {
			peer_connect(peer);
		}
		return;
	}
	os_timer_set(peer->timer, PROXY_TICK_US);
	peer_renew(peer);
	peer_ready_tick(peer);
	action = link_on_tick(&peer->link, os_now_ns());
	if (action == LINK_DEAD)
		peer_lost(peer);
	else if (action == LINK_PING)
		ask_for_sign(peer);
}
