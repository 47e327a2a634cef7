/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Connections whose both sides know the cluster's key, and whether they are of the nodes, in the lives, that the order
 * knows. The secret in a HELLO tells two lives of one node apart.
 */

#include <assert.h>
#include <errno.h>

#include "os/clock.h"
#include "proxy/proxy_table.h"

static int answer(const struct link *link, enum frame_kind kind, struct secure *secure)
{
	uint8_t buf[FRAME_HEAD_BYTES + FRAME_HELLO_BYTES];
	struct frame_hello hello;

	link_call_hello(link, kind, &hello);
	frame_encode_hello(buf, &hello);
	/* A new connection has room for it. */
	return secure_write(secure, buf, sizeof(buf)) == (ssize_t)sizeof(buf) ? 0 : -EIO;
}

/* A call of a node, which is proven by now: its receiver takes it. */
static void hand_on(struct proxy *proxy, struct secure *secure, const struct frame_hello *hello)
{
	const struct proxy_callbacks *callbacks = &proxy->callbacks;
	void (*take)(void *ctx, int from, struct secure *secure) =
		hello->kind == FRAME_KIND_COPY ? callbacks->lane : callbacks->bulk;

	assert(hello->kind != FRAME_KIND_LINK);
	if (take && !answer(&proxy->peer[hello->node].link, (enum frame_kind)hello->kind, secure))
		take(callbacks->ctx, hello->node, secure);
	else
		secure_free(secure);
}

/* The other side has to see what this node speaks, so that it can say the same. */
static void refuse_version(struct peer *peer, struct secure *secure,
			   const struct frame_hello *hello)
{
	peer_note_speaker(peer, &hello->speaker);
	peer_tell_version(peer, &hello->speaker);
	answer(&peer->link, (enum frame_kind)hello->kind, secure);
	secure_free(secure);
}

void proxy_on_called(void *ctx, struct secure *secure, const struct frame_hello *hello,
		     struct address address)
{
	struct proxy *proxy = ctx;
	struct peer *peer = &proxy->peer[hello->node];
	const char *why = NULL;
	int r;

	assert(hello->node >= 0 && hello->node < NR_NODES);
	r = link_check_call(&peer->link, (enum frame_kind)hello->kind, hello);
	if (hello->node == proxy->node || !peer->known)
		why = "it says to be a node that is not there";
	else if (r && r != LINK_E_VERSION)
		why = "it is of another life or cluster than the order knows";
	if (why) {
		gate_refused(proxy->gate, address, why);
		secure_free(secure);
	} else if (r == LINK_E_VERSION) {
		refuse_version(peer, secure, hello);
	} else if (hello->kind == FRAME_KIND_LINK) {
		peer_accept(peer, secure, hello);
	} else {
		hand_on(proxy, secure, hello);
	}
}

void proxy_on_made(void *ctx, const struct identity *identity, uint64_t number,
		   struct secure *secure)
{
	struct proxy *proxy = ctx;

	assert(identity->to < NR_NODES);
	if (identity->purpose == FRAME_KIND_LINK)
		peer_made(&proxy->peer[identity->to], number, secure);
	else
		peer_ready_made(&proxy->peer[identity->to], number, secure);
}

int proxy_call_prepare(struct proxy *proxy, int node, enum frame_kind kind, struct proxy_call *call)
{
	assert(kind != FRAME_KIND_LINK);
	if (node < 0 || node >= NR_NODES || !peer_is_up(&proxy->peer[node]))
		return -ENOTCONN;
	*call = (struct proxy_call){
		.route = peer_route(&proxy->peer[node]),
		.kind = kind,
		.link = proxy->peer[node].link,
		.keys = proxy->place.keys,
		.ready = kind == FRAME_KIND_BULK ? peer_ready_take(&proxy->peer[node]) : NULL,
	};
	return 0;
}

/* The HELLOs of both sides, once the key is proven. */
static int call_hello(const struct proxy_call *call, struct secure *secure, int timeout_ms)
{
	uint8_t buf[FRAME_HEAD_BYTES + FRAME_HELLO_BYTES];
	struct frame_hello hello;
	int r;

	link_call_hello(&call->link, call->kind, &hello);
	frame_encode_hello(buf, &hello);
	r = secure_write_full(secure, buf, sizeof(buf), timeout_ms);
	if (!r)
		r = secure_read_full(secure, buf, sizeof(buf), timeout_ms);
	if (r)
		return r;
	if (frame_read_hello(&hello, buf) || link_check_call(&call->link, call->kind, &hello))
		return -EACCES;
	return 0;
}

static int connect_anew(const struct proxy_call *call, int timeout_ms, struct secure **securep)
{
	const struct identity identity = link_identity(&call->link, call->kind);
	int64_t deadline_ns = os_deadline_ns(timeout_ms);
	int fd = os_tcp_connect(&call->route, timeout_ms), r;

	if (fd < 0)
		return fd;
	*securep = secure_call(call->keys, &identity, fd);
	if (!*securep)
		return -ENOMEM;
	r = secure_greet_full(*securep, os_left_ms(deadline_ns));
	if (!r)
		r = call_hello(call, *securep, os_left_ms(deadline_ns));
	/* A node that does not believe us closes, whatever is still on its way to it. */
	if (r == -ECONNRESET || r == -EPIPE)
		r = -EACCES;
	if (r)
		*securep = secure_free(*securep);
	return r;
}

int proxy_call_connect(struct proxy_call *call, int timeout_ms, struct secure **securep)
{
	int64_t deadline_ns = os_deadline_ns(timeout_ms);

	assert(call->kind != FRAME_KIND_LINK);
	*securep = call->ready;
	call->ready = NULL;
	/* One that has ended meanwhile, or is of a link that has, is not worth all of the time. */
	if (*securep && !call_hello(call, *securep, timeout_ms / 2))
		return 0;
	secure_free(*securep);
	return connect_anew(call, os_left_ms(deadline_ns), securep);
}
