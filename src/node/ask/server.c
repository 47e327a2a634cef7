/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "dvk.h"
#include "node/copy/copy.h"
#include "node/handlers.h"
#include "node/node.h"
#include "node/ask/request.h"
#include "os/file.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/socket.h"

#define OVERDUE_US 2000000 /* between two looks for connections that have said nothing */

struct server {
	struct node *node;
	const char *path;
	int fds[2];
	struct os_source *sources[2];
	struct os_source *overdue; /* runs while there are connections that have said nothing */
	bool overdue_runs;
	int spare; /* given up for a moment to turn somebody away when descriptors run out */
};

/*
 * LOCAL: acts for the task that asks or hands out descriptors, and is never passed on. OWNER: for the
 * DC's owner and root; who asks on another node was known there by his credentials.
 */
enum call_flag {
	LOCAL = 1,
	OWNER = 2
};

struct call {
	void (*handle)(struct request *request);
	unsigned flags;
};

static const struct call calls[] = {
	[CTL_HELLO] = { handle_hello, LOCAL },
	[CTL_BIND] = { handle_bind, LOCAL | OWNER },
	[CTL_UNBIND] = { handle_unbind, LOCAL | OWNER },
	[CTL_CHANNEL] = { handle_channel, LOCAL },
	[CTL_GETEP] = { handle_getep, LOCAL },
	[CTL_WAIT4BIND] = { handle_wait4bind, LOCAL },
	[CTL_PROCINFO] = { handle_procinfo, 0 },
	[CTL_DCINFO] = { handle_dcinfo, 0 },
	[CTL_NODEINFO] = { handle_nodeinfo, 0 },
	[CTL_DVSINFO] = { handle_dvsinfo, 0 },
	[CTL_PRIV] = { handle_priv, LOCAL | OWNER },
	[CTL_VCOPY] = { copy_start, LOCAL },
	[CTL_WAKEUP] = { handle_wakeup, LOCAL | OWNER },
	[CTL_NOTIFY] = { handle_notify, LOCAL | OWNER },
	[CTL_MIGRATE] = { handle_migrate, OWNER },
	[CTL_DCINIT] = { handle_dcinit, 0 },
	[CTL_DCEND] = { handle_dcend, 0 },
	[CTL_ADDNODE] = { handle_addnode, 0 },
	[CTL_DELNODE] = { handle_delnode, 0 },
	[CTL_WAITS] = { handle_waits, 0 },
	[CTL_PS] = { handle_ps, 0 },
	[CTL_NODES] = { handle_nodes, 0 },
	[CTL_DCS] = { handle_dcs, 0 },
	[CTL_PROCTABLE] = { handle_proctable, 0 },
	[CTL_RUN] = { handle_run, OWNER },
	[CTL_LOGS] = { handle_logs, OWNER },
	[CTL_MOVE] = { handle_move, OWNER },
	[CTL_DRAIN] = { handle_drain, 0 },
	[CTL_SHUTDOWN] = { handle_shutdown, 0 },
	[CTL_SIGNAL] = { handle_signal, OWNER },
	[CTL_ENDED] = { handle_ended, 0 },
	[CTL_STATUS] = { handle_status, 0 },
	[CTL_RESTART] = { handle_restart, LOCAL },
};

/* A DC that does not run has no owner: the handler says what is wrong with it. */
static bool may_call(const struct request *request, const struct call *call)
{
	int dcid = request->head.dcid;
	const struct directory_dc *dc;

	if (!(call->flags & OWNER) || request->uid == 0 || dcid < 0 || dcid >= SHM_DCS)
		return true;
	dc = &request->node->directory.dc[dcid];
	return !dc->running || dc->owner_uid == request->uid;
}

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
	if (call->flags & LOCAL && request->from < 0 && request->pid > 0 &&
	    !request_caller_is_there(request)) {
		request_fail_gone(request);
		return;
	}
	if (!may_call(request, call)) {
		request_fail(request, EDVSPRIVILEGES,
			     "uid %u may not do this in DC %d; its owner and root may (sudo)",
			     request->uid, request->head.dcid);
		return;
	}
	if (to < 0 || to == node->options.id || call->flags & LOCAL || request->from >= 0) {
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

static void on_overdue(void *ctx)
{
	struct server *server = ctx;

	server->overdue_runs = request_drop_overdue(server->node);
	if (server->overdue_runs)
		os_timer_set(server->overdue, OVERDUE_US);
}

/* A connection that cannot be taken would wake the loop for ever: it is taken, and closed. */
static void turn_away(struct server *server, int fd)
{
	server->spare = os_close(server->spare);
	os_close(os_unix_accept(fd));
	server->spare = os_dup(server->fds[0]);
	os_log(OS_LOG_WARN, "a connection was turned away: all descriptors are in use");
}

static int accept_next(struct server *server, int fd)
{
	int client = os_unix_accept(fd);

	if (client != -EMFILE && client != -ENFILE)
		return client;
	if (request_evict_silent(server->node))
		return os_unix_accept(fd);
	turn_away(server, fd);
	return -EAGAIN;
}

static void on_connection(void *ctx, int fd, int events)
{
	struct server *server = ctx;
	struct os_peer peer;
	int client;

	(void)events;
	while ((client = accept_next(server, fd)) >= 0) {
		if (os_unix_peer(client, &peer) < 0)
			os_close(client);
		else
			request_accept(server->node, client, &peer);
	}
	if (!server->overdue_runs) {
		server->overdue_runs = true;
		os_timer_set(server->overdue, OVERDUE_US);
	}
}

int server_adopt(struct node *node, const char *path, const int fds[2], struct server **serverp)
{
	struct server *server = calloc(1, sizeof(*server));
	int r = 0;

	if (!server)
		return -ENOMEM;
	*server = (struct server){ .node = node,
				   .path = path ? path : CTL_SOCKET_PATH,
				   .fds = { fds[0], fds[1] } };
	server->spare = os_dup(fds[0]);
	r = os_source_timer(node->loop, -1, on_overdue, server, &server->overdue);
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

/* Where nobody has named a path: for programs, which any user may run. A daemon does without if it must. */
static int listen_by_default(void)
{
	int fd, r = os_folder_make(CTL_SOCKET_FOLDER);

	fd = r < 0 && r != -EEXIST ? r : os_unix_listen(CTL_SOCKET_PATH, OS_PACKET);
	if (fd >= 0)
		os_unix_open_to_all(CTL_SOCKET_PATH);
	else
		os_log(OS_LOG_WARN,
		       "no socket " CTL_SOCKET_PATH
		       " (%s): programs of other network namespaces do not reach this daemon",
		       strerror(-fd));
	return fd;
}

int server_new(struct node *node, const char *path, struct server **serverp)
{
	int fds[2] = { os_unix_listen("@" CTL_ABSTRACT_NAME, OS_PACKET), -1 };

	if (fds[0] < 0)
		return fds[0];
	fds[1] = path ? os_unix_listen(path, OS_PACKET) : listen_by_default();
	if (path && fds[1] < 0) {
		os_close(fds[0]);
		return fds[1];
	}
	return server_adopt(node, path, fds, serverp);
}

const char *server_path(const struct server *server)
{
	return server->fds[1] < 0 ? "" : server->path;
}

void server_fds(const struct server *server, int fds[2])
{
	fds[0] = server->fds[0];
	fds[1] = server->fds[1];
}

void server_pause(struct server *server, bool pause)
{
	for (int i = 0; i < 2; i++)
		if (server->sources[i])
			os_source_set(server->sources[i], pause ? 0 : OS_READ);
}

struct server *server_free(struct server *server)
{
	if (!server)
		return NULL;
	os_source_free(server->overdue);
	os_close(server->spare);
	for (int i = 0; i < 2; i++) {
		os_source_free(server->sources[i]);
		os_close(server->fds[i]);
	}
	if (server->fds[1] >= 0)
		os_unix_remove(server->path);
	free(server);
	return NULL;
}
