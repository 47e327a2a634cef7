/* SPDX-License-Identifier: Apache-2.0 */
#include "node/server.h"

#include <errno.h>
#include <stdlib.h>

#include "base/result.h"
#include "dvk.h"
#include "node/copy.h"
#include "node/handlers.h"
#include "node/node.h"
#include "node/request.h"
#include "os/log.h"
#include "os/socket.h"

struct server {
	struct node *node;
	const char *path;
	int fds[2];
	struct os_source *sources[2];
};

/* Programs' calls act for the task that asks and hand out descriptors: never passed on. */
struct call {
	void (*handle)(struct request *request);
	bool local;
};

static const struct call calls[] = {
	[CTL_HELLO] = { handle_hello, true },
	[CTL_BIND] = { handle_bind, true },
	[CTL_UNBIND] = { handle_unbind, true },
	[CTL_CHANNEL] = { handle_channel, true },
	[CTL_GETEP] = { handle_getep, true },
	[CTL_WAIT4BIND] = { handle_wait4bind, true },
	[CTL_PROCINFO] = { handle_procinfo, false },
	[CTL_DCINFO] = { handle_dcinfo, false },
	[CTL_NODEINFO] = { handle_nodeinfo, false },
	[CTL_DVSINFO] = { handle_dvsinfo, false },
	[CTL_PRIV] = { handle_priv, true },
	[CTL_VCOPY] = { copy_start, true },
	[CTL_WAKEUP] = { handle_wakeup, true },
	[CTL_NOTIFY] = { handle_notify, true },
	[CTL_MIGRATE] = { handle_migrate, false },
	[CTL_DCINIT] = { handle_dcinit, false },
	[CTL_DCEND] = { handle_dcend, false },
	[CTL_ADDNODE] = { handle_addnode, false },
	[CTL_DELNODE] = { handle_delnode, false },
	[CTL_PS] = { handle_ps, false },
	[CTL_NODES] = { handle_nodes, false },
	[CTL_DCS] = { handle_dcs, false },
	[CTL_PROCTABLE] = { handle_proctable, false },
	[CTL_RUN] = { handle_run, false },
	[CTL_LOGS] = { handle_logs, false },
	[CTL_MOVE] = { handle_move, false },
	[CTL_DRAIN] = { handle_drain, false },
	[CTL_SHUTDOWN] = { handle_shutdown, false },
	[CTL_STATUS] = { handle_status, false },
};

void request_dispatch(struct request *request)
{
	struct node *node = request->node;
	int to = request->head.node;
	const struct call *call;

	if (request->head.call >= sizeof(calls) / sizeof(*calls) ||
	    !calls[request->head.call].handle) {
		request_fail(request, EDVSBADCALL, "the daemon has no call %u", request->head.call);
		return;
	}
	call = &calls[request->head.call];
	if (to < 0 || to == node->options.id || call->local || request->from >= 0) {
		call->handle(request);
		return;
	}
	if (to >= NR_NODES || !node->directory.node[to].up) {
		request_fail(request, EDVSBADNODEID, "node %d is not up (dvs nodes lists them)",
			     to);
		return;
	}
	request_forward(request, to);
}

static void on_connection(void *ctx, int fd, int events)
{
	struct server *server = ctx;
	struct os_peer peer;
	int client;

	(void)events;
	while ((client = os_unix_accept(fd)) >= 0) {
		if (os_unix_peer(client, &peer) < 0)
			os_close(client);
		else
			request_accept(server->node, client, peer.pid, peer.uid, peer.gid);
	}
}

int server_new(struct node *node, const char *path, struct server **serverp)
{
	struct server *server = calloc(1, sizeof(*server));
	int r = 0;

	if (!server)
		return -ENOMEM;
	*server = (struct server){ .node = node, .path = path, .fds = { -1, -1 } };
	server->fds[0] = os_unix_listen("@" CTL_ABSTRACT_NAME, OS_PACKET);
	if (server->fds[0] < 0)
		r = server->fds[0];
	if (r == 0 && path) {
		server->fds[1] = os_unix_listen(path, OS_PACKET);
		if (server->fds[1] < 0)
			r = server->fds[1];
	}
	for (int i = 0; i < 2 && r == 0; i++)
		if (server->fds[i] >= 0)
			r = os_source_io(node->loop, server->fds[i], OS_READ, on_connection, server,
					 &server->sources[i]);
	if (r < 0) {
		server_free(server);
		return r;
	}
	*serverp = server;
	return 0;
}

struct server *server_free(struct server *server)
{
	if (!server)
		return NULL;
	for (int i = 0; i < 2; i++) {
		os_source_free(server->sources[i]);
		os_close(server->fds[i]);
	}
	if (server->path && server->fds[1] >= 0)
		os_unix_remove(server->path);
	free(server);
	return NULL;
}
