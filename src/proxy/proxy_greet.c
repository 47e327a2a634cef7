/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The door: connections made to our port, of every kind, until it is proven that a node made them. The checks
 * of each cost little, and nothing else is done before:
 *
 *	its address	is that of a node which is up, and its port one that only root can have
 *	its HELLO	comes in time, whole, and names that node, both lives, and the secret of its own
 *
 * A bulk connection and a lane are answered with our HELLO and handed on with not a byte read too many.
 * Connections that say nothing cost a descriptor each, few for each address, and none of a thread.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "os/clock.h"
#include "os/log.h"
#include "os/socket.h"
#include "os/tcp.h"
#include "proxy/proxy_table.h"

/* A connection that says nothing is in nobody's way for longer than this. */
#define GREETING_US	2000000
/* Accepted in one turn of the loop, so that a flood of them leaves time for the others. */
#define ACCEPTED_MAX	64
/* The log is told of refusals, but nobody fills it from outside. */
#define REFUSED_TOLD_NS (10 * OS_SECOND_NS)

/* Closes it. */
static void refuse(struct proxy *proxy, int fd, uint32_t address, const char *why)
{
	const uint8_t *a = (const uint8_t *)&address;
	int64_t now = os_now_ns();

	os_close(fd);
	proxy->refused++;
	if (proxy->refused_told_ns && now - proxy->refused_told_ns < REFUSED_TOLD_NS)
		return;
	os_log(OS_LOG_WARN, "a connection from %u.%u.%u.%u was refused: %s (%llu so far)", a[0],
	       a[1], a[2], a[3], why, (unsigned long long)proxy->refused);
	proxy->refused_told_ns = now;
}

/* Forgets the greeting; the descriptor is the caller's. */
static int greeting_end(struct greeting *greeting)
{
	struct greeting **place = &greeting->proxy->greetings;
	int fd = greeting->fd;

	assert(greeting->proxy->greeting_count > 0);
	while (*place != greeting)
		place = &(*place)->next;
	*place = greeting->next;
	greeting->proxy->greeting_count--;
	greeting->io = os_source_free(greeting->io);
	greeting->timer = os_source_free(greeting->timer);
	free(greeting);
	return fd;
}

static void greeting_close(void *ctx)
{
	os_close(greeting_end(ctx));
}

static int answer(const struct link *link, enum frame_kind kind, int fd)
{
	uint8_t buf[FRAME_HEAD_BYTES + FRAME_HELLO_BYTES];
	struct frame_hello hello;

	link_call_hello(link, kind, &hello);
	frame_encode_hello(buf, &hello);
	/* A new connection has room for it. */
	return os_tcp_write(fd, buf, sizeof(buf)) == (ssize_t)sizeof(buf) ? 0 : -EIO;
}

/* A call of a node, which is proven by now: its receiver takes it. */
static void hand_on(struct proxy *proxy, int fd, const struct frame_hello *hello)
{
	const struct proxy_callbacks *callbacks = &proxy->callbacks;
	void (*take)(void *ctx, int from, int fd) =
		hello->kind == FRAME_KIND_COPY ? callbacks->lane : callbacks->bulk;

	assert(hello->kind != FRAME_KIND_LINK);
	if (take && !answer(&proxy->peer[hello->node].link, (enum frame_kind)hello->kind, fd) &&
	    !os_set_nonblock(fd, 0))
		take(callbacks->ctx, hello->node, fd);
	else
		os_close(fd);
}

static void on_hello(struct proxy *proxy, int fd, uint32_t address, const struct frame_hello *hello)
{
	struct peer *peer = &proxy->peer[hello->node];

	assert(hello->node >= 0 && hello->node < NR_NODES);
	if (hello->node == proxy->node || !peer->known || peer->address != address)
		refuse(proxy, fd, address, "it says to be a node that is not there");
	else if (link_check_call(&peer->link, (enum frame_kind)hello->kind, hello))
		refuse(proxy, fd, address, "it is of another life or cluster than the order knows");
	else if (hello->kind == FRAME_KIND_LINK)
		peer_accept(peer, fd, hello);
	else
		hand_on(proxy, fd, hello);
}

static void on_greeting(void *ctx, int fd, int events)
{
	struct greeting *greeting = ctx;
	struct proxy *proxy = greeting->proxy;
	uint32_t address = greeting->address;
	struct frame_hello hello;
	ssize_t n = os_tcp_read(fd, greeting->buf + greeting->count,
				sizeof(greeting->buf) - greeting->count);

	assert(greeting->count < sizeof(greeting->buf));
	(void)events;
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		greeting_close(greeting);
		return;
	}
	greeting->count += (size_t)n;
	if (greeting->count < sizeof(greeting->buf))
		return;
	if (frame_read_hello(&hello, greeting->buf))
		refuse(proxy, greeting_end(greeting), address, "its greeting is none of ours");
	else
		on_hello(proxy, greeting_end(greeting), address, &hello);
}

/*
 * A node says its HELLO at once. The oldest connection of an address that has too many of them has
 * therefore waited longest for nothing.
 */
static void make_room(struct proxy *proxy, uint32_t address)
{
	struct greeting *oldest = NULL;
	unsigned count = 0;

	for (struct greeting *g = proxy->greetings; g; g = g->next) {
		if (g->address != address)
			continue;
		count++;
		oldest = g;
	}
	assert(count <= PROXY_GREETINGS_MAX);
	if (count >= PROXY_GREETINGS_MAX)
		refuse(proxy, greeting_end(oldest), address, "it says nothing, as others do");
}

static void greeting_new(struct proxy *proxy, int fd, uint32_t address)
{
	struct greeting *greeting = calloc(1, sizeof(*greeting));

	if (!greeting) {
		os_close(fd);
		return;
	}
	make_room(proxy, address);
	greeting->proxy = proxy;
	greeting->address = address;
	greeting->fd = fd;
	greeting->next = proxy->greetings;
	proxy->greetings = greeting;
	proxy->greeting_count++;
	if (os_source_timer(proxy->loop, GREETING_US, greeting_close, greeting, &greeting->timer) ||
	    os_source_io(proxy->loop, fd, OS_READ, on_greeting, greeting, &greeting->io))
		greeting_close(greeting);
}

static bool is_node_address(const struct proxy *proxy, uint32_t address)
{
	for (int node = 0; node < NR_NODES; node++)
		if (proxy->peer[node].known && proxy->peer[node].address == address)
			return true;
	return false;
}

static void on_listen(void *ctx, int fd, int events)
{
	struct proxy *proxy = ctx;

	(void)events;
	for (int i = 0; i < ACCEPTED_MAX; i++) {
		struct os_tcp_caller caller;
		int r = os_tcp_accept(fd, &caller);

		if (r < 0)
			return;
		if (!is_node_address(proxy, caller.address))
			refuse(proxy, r, caller.address, "no node that is up has that address");
		else if (!os_tcp_port_reserved(caller.port))
			refuse(proxy, r, caller.address, "its port is not one of root's");
		else
			greeting_new(proxy, r, caller.address);
	}
}

int proxy_listen(struct proxy *proxy)
{
	if (proxy->listen_fd < 0)
		proxy->listen_fd = os_tcp_listen(proxy->address, proxy->port);
	if (proxy->listen_fd < 0)
		return proxy->listen_fd;
	return os_source_io(proxy->loop, proxy->listen_fd, OS_READ, on_listen, proxy,
			    &proxy->listen_io);
}

void proxy_listen_end(struct proxy *proxy)
{
	while (proxy->greetings)
		greeting_close(proxy->greetings);
	assert(!proxy->greeting_count);
	proxy->listen_io = os_source_free(proxy->listen_io);
	proxy->listen_fd = os_close(proxy->listen_fd);
}
