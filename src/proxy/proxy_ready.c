/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The connection for the next move to a node, so that the move waits for no handshake. The gate makes it when a move
 * begins (while the process is looked at), and the next one when a move has ended; the other side's gate keeps it until
 * its HELLO comes. It ends with the link, with its key, and after a while without use.
 */

#include <assert.h>

#include "os/clock.h"
#include "proxy/proxy_table.h"

void proxy_make_ready(struct proxy *proxy, int node)
{
	struct peer *peer;

	/* Without keys there is no handshake. */
	if (node < 0 || node >= NR_NODES || !peer_is_up(&proxy->peer[node]) || !proxy->place.keys)
		return;
	peer = &proxy->peer[node];
	assert(node != proxy->node);
	peer->ready_ns = os_now_ns();
	if (!peer->ready && !peer->readying_ns && !peer_gate_call(peer, FRAME_KIND_BULK))
		peer->readying_ns = peer->ready_ns;
}

void peer_ready_made(struct peer *peer, uint64_t number, struct secure *secure)
{
	if (number != peer->connection || !peer->readying_ns) {
		secure_free(secure);
		return;
	}
	assert(!peer->ready);
	peer->readying_ns = 0;
	peer->ready = secure;
}

void peer_ready_tick(struct peer *peer)
{
	int64_t now_ns = os_now_ns();

	_Static_assert(PROXY_READY_NS / 1000 < GATE_READY_US, "the other side keeps it for longer");
	if (peer->readying_ns && now_ns - peer->readying_ns > GATE_CALL_US * INT64_C(1000))
		peer->readying_ns = 0;
	if (peer->ready &&
	    (now_ns - peer->ready_ns > PROXY_READY_NS || secure_is_outdated(peer->ready)))
		peer->ready = secure_free(peer->ready);
}

void peer_ready_end(struct peer *peer)
{
	peer->ready = secure_free(peer->ready);
	peer->readying_ns = 0;
}

struct secure *peer_ready_take(struct peer *peer)
{
	struct secure *ready = peer->ready;

	peer->ready = NULL;
	/* The other side has nothing to say before our HELLO: a readable connection has ended. */
	return ready && secure_is_readable(ready) ? secure_free(ready) : ready;
}
