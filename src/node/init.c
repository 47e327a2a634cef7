/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side of a DC's init: requests over one socket, exits over the other. */
#include "node/init.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/result.h"
#include "node/init_wire.h"
#include "os/descriptors.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/pid.h"
#include "os/reap.h"
#include "os/socket.h"
#include "os/spawn.h"

struct dc_init {
	int dcid;
	pid_t pid;
	int pidfd;
	int request_fd, event_fd;
};

/* The text of argv, envp and cwd as they go over the socket. */
struct strings {
	char *bytes;
	size_t len, room;
};

static int strings_add(struct strings *s, const char *text)
{
	size_t n = strlen(text) + 1;

	if (s->len + n > s->room)
		return -E2BIG;
	memcpy(s->bytes + s->len, text, n);
	s->len += n;
	return 0;
}

static int strings_add_all(struct strings *s, char *const *list, uint32_t *count)
{
	int r = 0;

	for (; *list && r >= 0; list++, (*count)++)
		r = strings_add(s, *list);
	return r;
}

/* Whatever it is doing: it does not answer, so it has to go, and all in it. */
static int init_give_up(struct dc_init *init, int why)
{
	os_log(OS_LOG_ERROR, "the init of DC %d does not answer (%s): ended", init->dcid,
	       strerror(-why));
	os_pidfd_signal(init->pidfd, 9);
	return why;
}

/* Waits for a reply; *pidfd is -1 or the caller's. */
static int init_receive(struct dc_init *init, struct init_reply *reply, int *pidfd)
{
	int fds[OS_FDS_MAX], count = 0;
	int r = os_poll(init->request_fd, OS_READ, DC_INIT_TIMEOUT_MS);
	ssize_t n;

	*pidfd = -1;
	if (r < 0)
		return init_give_up(init, r);
	n = os_packet_recv(init->request_fd, reply, sizeof(*reply), fds, &count);
	if (n == sizeof(*reply) && count <= 1) {
		*pidfd = count ? fds[0] : -1;
		return 0;
	}
	while (count > 0)
		os_close(fds[--count]);
	return !n ? -ECONNRESET : n < 0 ? (int)n : init_give_up(init, -EPROTO);
}

/* One request and its reply. The result is the reply's. */
static int init_ask(struct dc_init *init, const struct init_request *request, const char *strings,
		    const int *fds, int fd_count, struct init_reply *reply, int *pidfd)
{
	struct iovec parts[2] = {
		{ (void *)(uintptr_t)request, sizeof(*request) },
		{ (void *)(uintptr_t)strings, request->string_bytes },
	};
	int r = os_packet_sendv(init->request_fd, parts, request->string_bytes ? 2 : 1, fds,
				fd_count);

	*reply = (struct init_reply){ 0 };
	*pidfd = -1;
	if (r == -EAGAIN)
		return init_give_up(init, -ETIMEDOUT);
	if (r < 0)
		return r == -EPIPE ? -ECONNRESET : r;
	r = init_receive(init, reply, pidfd);
	return r < 0 ? r : reply->error;
}

static int init_ask_simple(struct dc_init *init, enum init_call call, int vpid,
			   struct init_reply *reply)
{
	struct init_request request = { .call = call, .vpid = vpid };
	int pidfd, r = init_ask(init, &request, NULL, NULL, 0, reply, &pidfd);

	os_close(pidfd);
	return r;
}

/* Both ends of both sockets: [0] stays, [1] goes to the init. */
static int init_sockets(int requests[2], int events[2])
{
	int r = os_unix_pair(OS_PACKET, requests);

	if (r < 0)
		return r;
	r = os_unix_pair(OS_PACKET, events);
	if (!r)
		r = os_set_nonblock(requests[0], 1);
	if (!r)
		r = os_set_nonblock(events[0], 1);
	return r;
}

static int init_launch(struct dc_init *init, int nodeid)
{
	int requests[2] = { -1, -1 }, events[2] = { -1, -1 }, r;
	char dc[16], node[16];
	char name[] = "dvs-init", argument[] = DC_INIT_ARGUMENT;
	char *argv[] = { name, argument, dc, node, NULL };

	snprintf(dc, sizeof(dc), "%d", init->dcid);
	snprintf(node, sizeof(node), "%d", nodeid);
	r = init_sockets(requests, events);
	init->request_fd = requests[0];
	init->event_fd = events[0];
	if (!r)
		r = os_spawn_self(argv, (int[]){ requests[1], events[1] }, 2, &init->pid,
				  &init->pidfd);
	os_close(requests[1]);
	os_close(events[1]);
	return r;
}

int dc_init_start(struct dc_init **initp, int dcid, int nodeid)
{
	struct dc_init *init = malloc(sizeof(*init));
	struct init_reply reply;
	int r, none;

	if (!init)
		return -ENOMEM;
	*init = (struct dc_init){ .dcid = dcid, .pidfd = -1, .request_fd = -1, .event_fd = -1 };
	r = init_launch(init, nodeid);
	if (!r)
		r = init_receive(init, &reply, &none);
	if (!r)
		r = reply.error;
	/*
	 * The daemon's own limit is for its own pages: programs have what they would have without. Not
	 * before the init stands, because it begins with all that the daemon has open.
	 */
	if (!r)
		r = os_descriptors_restore(init->pid);
	if (r < 0) {
		dc_init_free(init);
		return r;
	}
	*initp = init;
	return 0;
}

struct dc_init *dc_init_free(struct dc_init *init)
{
	if (!init)
		return NULL;
	os_close(init->request_fd);
	os_close(init->event_fd);
	if (init->pidfd >= 0) {
		os_pidfd_signal(init->pidfd, 9);
		/* It ends after all in its namespace; one that is being traced may hold that up. */
		if (os_reap_pidfd(init->pidfd, DC_INIT_TIMEOUT_MS) < 0)
			os_log(OS_LOG_ERROR, "the init of DC %d has not ended yet", init->dcid);
	}
	os_close(init->pidfd);
	free(init);
	return NULL;
}

void dc_init_place(const struct dc_init *init, struct dc_init_place *place)
{
	*place = (struct dc_init_place){ init->pid, init->pidfd, init->request_fd, init->event_fd };
}

struct dc_init *dc_init_adopt(int dcid, const struct dc_init_place *place)
{
	struct dc_init *init = malloc(sizeof(*init));

	if (init)
		*init = (struct dc_init){ dcid, place->pid, place->pidfd, place->request_fd,
					  place->event_fd };
	return init;
}

pid_t dc_init_pid(const struct dc_init *init)
{
	return init->pid;
}

int dc_init_fd(const struct dc_init *init)
{
	return init->event_fd;
}

int dc_init_read(struct dc_init *init, struct dc_exit *ended)
{
	ssize_t n = os_packet_recv(init->event_fd, ended, sizeof(*ended), NULL, NULL);

	if (n == sizeof(*ended))
		return 0;
	return n == -EAGAIN ? -EAGAIN : -ECONNRESET;
}

/* The fields of a SPAWN and its strings, for which the caller gives the room. */
static int fill_spawn(struct init_request *request, const struct dc_spawn *spawn,
		      struct strings *strings)
{
	int r;

	if (!spawn->argv[0] || spawn->group_count < 0 || spawn->group_count > DC_INIT_GROUPS_MAX)
		return -EINVAL;
	*request = (struct init_request){ .call = INIT_SPAWN,
					  .umask = spawn->umask,
					  .uid = spawn->uid,
					  .gid = spawn->gid,
					  .group_count = (uint32_t)spawn->group_count };
	if (spawn->group_count)
		memcpy(request->groups, spawn->groups, sizeof(gid_t) * (size_t)spawn->group_count);
	if (spawn->taken)
		memcpy(request->taken, spawn->taken, sizeof(request->taken));
	r = strings_add_all(strings, spawn->argv, &request->argc);
	if (!r)
		r = strings_add_all(strings, spawn->envp, &request->envc);
	if (!r)
		r = strings_add(strings, spawn->cwd);
	request->string_bytes = (uint32_t)strings->len;
	return r;
}

static int ask_spawn(struct dc_init *init, const struct dc_spawn *spawn, struct init_reply *reply,
		     int *pidfd)
{
	struct strings strings = { .bytes = malloc(CTL_PACKET_MAX), .room = CTL_PACKET_MAX };
	struct init_request request;
	int fds[3], count = 0, r;

	*reply = (struct init_reply){ 0 };
	*pidfd = -1;
	if (!strings.bytes)
		return -ENOMEM;
	r = fill_spawn(&request, spawn, &strings);
	for (int i = 0; !r && i < 3; i++) {
		if (spawn->fds[i] < 0)
			continue;
		request.streams |= 1u << i;
		fds[count++] = spawn->fds[i];
	}
	if (!r)
		r = init_ask(init, &request, strings.bytes, fds, count, reply, pidfd);
	free(strings.bytes);
	return r;
}

/* What SPAWN and SHELL come back with. Takes pidfd. */
static int started(int pidfd, pid_t *lpidp, int *pidfdp)
{
	pid_t lpid = pidfd < 0 ? -EPROTO : os_pidfd_pid(pidfd);

	if (lpid < 0) {
		os_close(pidfd);
		return lpid;
	}
	*lpidp = lpid;
	*pidfdp = pidfd;
	return 0;
}

int dc_init_spawn(struct dc_init *init, const struct dc_spawn *spawn, int *vpidp, pid_t *lpidp,
		  int *pidfdp, struct refusal *why)
{
	struct init_reply reply;
	int pidfd, r = ask_spawn(init, spawn, &reply, &pidfd);

	if (!r)
		r = started(pidfd, lpidp, pidfdp);
	if (r < 0)
		return refusal_set(why, result_of_errno(r), "cannot start %s: could not %s: %s",
				   spawn->argv[0] ? spawn->argv[0] : "nothing",
				   os_spawn_step_text((enum os_spawn_step)reply.step),
				   strerror(-r));
	*vpidp = reply.vpid;
	return 0;
}

int dc_init_go(struct dc_init *init, int vpid, struct refusal *why)
{
	struct init_reply reply;
	int r = init_ask_simple(init, INIT_GO, vpid, &reply);

	if (r < 0)
		return refusal_set(why, result_of_errno(r),
				   "could not %s: %s: check the command's name and rights",
				   os_spawn_step_text(OS_SPAWN_EXECUTE), strerror(-r));
	return 0;
}

int dc_init_cancel(struct dc_init *init, int vpid)
{
	struct init_reply reply;

	return init_ask_simple(init, INIT_CANCEL, vpid, &reply);
}

int dc_init_shell(struct dc_init *init, int vpid, const char *path, const int *fds, int fd_count,
		  pid_t *lpidp, int *pidfdp)
{
	struct init_request request = { .call = INIT_SHELL,
					.vpid = vpid,
					.string_bytes = (uint32_t)strlen(path) + 1 };
	struct init_reply reply;
	int pidfd, r;

	if (vpid <= 1 || fd_count < 0 || fd_count > DC_INIT_SHELL_FDS)
		return -EINVAL;
	r = init_ask(init, &request, path, fds, fd_count, &reply, &pidfd);
	return r < 0 ? r : started(pidfd, lpidp, pidfdp);
}
