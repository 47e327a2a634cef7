/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Connections made to our port, until their HELLO says what they are: the link of a node that has
 * a smaller number, or a bulk connection, which is handed on with not a byte read too many.
 */

#include <errno.h>
#include <stdlib.h>

#include "os/socket.h"
#include "os/tcp.h"
#include "proxy/proxy_table.h"

/* Whoever connects and says nothing is in nobody's way for longer than this. */
#define GREETING_US 2000000

/* Forgets the greeting; the descriptor is the caller's. */
static int greeting_end(struct greeting *greeting)
{
	struct greeting **place = &greeting->proxy->greetings;
	int fd = greeting->fd;

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

/* Only from a node that we have a link with, in the life that the link belongs to. */
static void on_lane(struct proxy *proxy, int fd, const struct frame_hello *hello)
{
	if (hello->node != proxy->node && proxy->callbacks.lane &&
	    !link_check_lane(&proxy->peer[hello->node].link, hello) && !os_set_nonblock(fd, 0))
		proxy->callbacks.lane(proxy->callbacks.ctx, hello->node, fd);
	else
		os_close(fd);
}

static void on_hello(struct proxy *proxy, int fd, const struct frame_hello *hello)
{
	if (hello->kind == FRAME_KIND_LINK) {
		if (hello->node == proxy->node)
			os_close(fd);
		else
			peer_accept(&proxy->peer[hello->node], fd, hello);
	} else if (hello->kind == FRAME_KIND_COPY) {
		on_lane(proxy, fd, hello);
	} else if (proxy->callbacks.bulk && !os_set_nonblock(fd, 0)) {
		proxy->callbacks.bulk(proxy->callbacks.ctx, hello->node, fd);
	} else {
		os_close(fd);
	}
}

static void on_greeting(void *ctx, int fd, int events)
{
	struct greeting *greeting = ctx;
	struct proxy *proxy = greeting->proxy;
	struct frame_hello hello;
	struct frame_head head;
	ssize_t n = os_tcp_read(fd, greeting->buf + greeting->count,
				sizeof(greeting->buf) - greeting->count);

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
	if (frame_decode_head(&head, greeting->buf) || head.type != FRAME_HELLO ||
	    frame_decode_hello(&hello, greeting->buf + FRAME_HEAD_BYTES)) {
		greeting_close(greeting);
		return;
	}
	on_hello(proxy, greeting_end(greeting), &hello);
}

static void greeting_new(struct proxy *proxy, int fd)
{
	struct greeting *greeting = calloc(1, sizeof(*greeting));

	if (!greeting) {
		os_close(fd);
		return;
	}
	greeting->proxy = proxy;
	greeting->fd = fd;
	greeting->next = proxy->greetings;
	proxy->greetings = greeting;
	proxy->greeting_count++;
	if (os_source_timer(proxy->loop, GREETING_US, greeting_close, greeting, &greeting->timer) ||
	    os_source_io(proxy->loop, fd, OS_READ, on_greeting, greeting, &greeting->io))
		greeting_close(greeting);
}

static void on_listen(void *ctx, int fd, int events)
{
	struct proxy *proxy = ctx;
	int r = 0;

	(void)events;
	while (r >= 0) {
		r = os_tcp_accept(fd);
		if (r >= 0 && proxy->greeting_count < PROXY_GREETINGS_MAX)
			greeting_new(proxy, r);
		else
			os_close(r);
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
	proxy->listen_io = os_source_free(proxy->listen_io);
	proxy->listen_fd = os_close(proxy->listen_fd);
}
