/* SPDX-License-Identifier: Apache-2.0 */
#include "os/listener.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/log.h"
#include "os/pid.h"

struct os_listener {
	struct os_source *io, *pause;
	int fd;
	bool told; /* that connections wait */
	os_listener_fn *fn;
	void *ctx;
};

static void on_pause_over(void *ctx)
{
	struct os_listener *l = ctx;

	os_source_set(l->io, OS_READ);
}

static void make_wait(struct os_listener *l, int why)
{
	if (!l->told)
		os_log(OS_LOG_WARN, "connections wait, because none can be accepted: %s",
		       strerror(-why));
	l->told = true;
	os_source_set(l->io, 0);
	os_timer_set(l->pause, OS_LISTENER_PAUSE_MS * INT64_C(1000));
}

static void on_connection(void *ctx, int listening, int events)
{
	struct os_listener *l = ctx;
	struct os_peer peer;
	int fd = os_unix_accept(listening);

	(void)events;
	assert(l->fd == listening);
	if (fd == -EAGAIN)
		return;
	if (fd < 0) {
		make_wait(l, fd);
		return;
	}
	l->told = false;
	if (os_unix_peer(fd, &peer) < 0 || !os_peer_trusted(&peer)) {
		os_log(OS_LOG_WARN, "a connection was refused: it is of another user");
		os_close(fd);
		return;
	}
	l->fn(l->ctx, fd);
}

int os_listener_new(struct os_loop *loop, const char *path, enum os_socket_kind kind,
		    os_listener_fn *fn, void *ctx, struct os_listener **listenerp)
{
	struct os_listener *l = calloc(1, sizeof(*l));
	int r;

	assert(fn);
	if (!l)
		return -ENOMEM;
	l->fn = fn;
	l->ctx = ctx;
	r = l->fd = os_unix_listen(path, kind);
	if (r >= 0)
		r = os_source_timer(loop, -1, on_pause_over, l, &l->pause);
	if (r >= 0)
		r = os_source_io(loop, l->fd, OS_READ, on_connection, l, &l->io);
	if (r < 0) {
		os_listener_free(l);
		return r;
	}
	*listenerp = l;
	return 0;
}

struct os_listener *os_listener_free(struct os_listener *l)
{
	if (l) {
		os_source_free(l->io);
		os_source_free(l->pause);
		os_close(l->fd);
		free(l);
	}
	return NULL;
}
