/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's side of a DC's init: questions over one socket, exits over the other.
 *
 *	asks    first in, first out; only the first is on its way, so that an init which does not answer
 *	        has at most one thing to do when it goes on, and that is undone (`owes`)
 *	timer   runs while an answer is due; each answer sets it back
 *	ends    an init that was freed is a struct dc_init until its process has been collected
 */
#include "node/task/init.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/result.h"
#include "node/task/init_ask.h"
#include "wire/init.h"
#include "os/clock.h"
#include "os/descriptors.h"
#include "os/kept.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/pid.h"
#include "os/reap.h"
#include "os/socket.h"
#include "os/spawn.h"
#include "wire/handover.h"

#define ASKS_MAX   1024 /* at one time: as many runs and targets */
#define TIMEOUT_US (DC_INIT_TIMEOUT_MS * INT64_C(1000))

struct dc_init {
	struct os_kept in_state; /* HANDOVER_INIT, of one that is ready and has not been freed */
	struct dc_init *next;
	int dcid;
	pid_t pid;
	int pidfd;
	int request_fd, event_fd;
	struct os_loop *loop;
	struct os_source *requests, *exits, *timer;
	struct os_source *end; /* of one that was freed */
	struct dc_init_events events;
	struct init_ask *asks; /* the first one is on its way if `sent` */
	bool ready;	       /* has come up */
	bool sent;
	bool owes;    /* an answer that nobody waits for any more */
	bool follows; /* `owes` ends with the answer to INIT_NOTHING */
	bool lost;    /* no more questions */
	bool freed;   /* its owner has let go of it */
	bool old;     /* and has waited for its end long enough */
	int holds;    /* callbacks that it may have been freed in */
};

static struct dc_init *inits; /* of this process, also those that are ending */

/* ---- the end of one ---- */

static void init_bury(struct dc_init *init)
{
	struct dc_init **link = &inits;

	if (init->holds)
		return;
	while (*link != init)
		link = &(*link)->next;
	*link = init->next;
	os_close(init->pidfd);
	free(init);
}

static void let_go(struct dc_init *init)
{
	init->holds--;
	if (init->freed && init->pidfd < 0)
		init_bury(init);
}

static void pump(struct dc_init *init);

/* A new init of the same DC may have waited for this one. */
static void pump_successor(int dcid)
{
	for (struct dc_init *init = inits; init; init = init->next) {
		if (init->dcid == dcid && !init->freed) {
			pump(init);
			return;
		}
	}
}

/* Whether one that was freed is still about to end, and may have what its successor needs. */
static bool is_preceded(const struct dc_init *init)
{
	for (const struct dc_init *i = inits; i; i = i->next)
		if (i->dcid == init->dcid && i->freed && !i->old)
			return true;
	return false;
}

static void on_end(void *ctx, int fd, int events)
{
	struct dc_init *init = ctx;
	int dcid = init->dcid;

	(void)fd;
	(void)events;
	os_reap_pidfd(init->pidfd, 0);
	init->end = os_source_free(init->end);
	init->timer = os_source_free(init->timer);
	init_bury(init);
	pump_successor(dcid);
}

/* ---- answers ---- */

/* Takes the first question out and tells what came of it; reply may be NULL. Takes pidfd. */
static void answer(struct dc_init *init, int error, const struct init_reply *reply, int pidfd)
{
	struct dc_init_answer a = { .error = error, .pidfd = pidfd };
	struct init_ask *ask = init->asks;

	init->asks = ask->next;
	ask->next = NULL;
	if (reply)
		a.vpid = reply->vpid;
	if (!error && ask->request.call != INIT_GO) {
		a.lpid = pidfd < 0 ? -EPROTO : os_pidfd_pid(pidfd);
		a.error = a.lpid < 0 ? a.lpid : 0;
	}
	if (a.error) {
		a.pidfd = os_close(a.pidfd);
		init_ask_explain(ask, init->pid, init->dcid, a.error, reply, &a.why);
	}
	ask->done(ask->ctx, &a);
	init_ask_free(ask);
}

/* All that was asked by now; further questions go to another one, or later. */
static void refuse_all(struct dc_init *init, int error)
{
	struct init_ask *last = init->asks;

	init->owes = init->owes || init->sent;
	init->sent = false;
	while (last && last->next)
		last = last->next;
	while (last && init->asks) {
		bool is_last = init->asks == last;

		answer(init, error, NULL, -1);
		if (is_last)
			break;
	}
}

/* It has ended, or has to: nothing can be asked any more. The end of the event socket tells the owner. */
static void lose(struct dc_init *init)
{
	init->lost = true;
	os_pidfd_signal(init->pidfd, 9);
	init->requests = os_source_free(init->requests);
	os_timer_set(init->timer, TIMEOUT_US);
	refuse_all(init, -ECONNRESET);
}

static bool may_send(const struct dc_init *init)
{
	return init->ready && !init->sent && !init->owes && !init->lost && !is_preceded(init);
}

static int send_first(struct dc_init *init)
{
	struct init_ask *ask = init->asks;
	struct iovec parts[2] = {
		{ &ask->request, sizeof(ask->request) },
		{ ask->strings, ask->request.string_bytes },
	};
	int r = os_packet_sendv(init->request_fd, parts, ask->request.string_bytes ? 2 : 1,
				ask->fds, ask->fd_count);

	init->sent = r == 0;
	return r == -EPIPE ? -ECONNRESET : r;
}

/* Lets the next question go, if there is one and the init is free. */
static void pump(struct dc_init *init)
{
	init->holds++;
	while (init->asks && may_send(init)) {
		int r = send_first(init);

		if (r < 0)
			answer(init, r, NULL, -1);
	}
	if (!init->lost)
		os_timer_set(init->timer, !init->ready || init->asks ? TIMEOUT_US : -1);
	let_go(init);
}

/* Asked for before it was silent for too long: its process is not wanted any more. */
static void undo(struct dc_init *init, const struct init_reply *reply, int pidfd)
{
	init->owes = init->follows && reply->error != INIT_NOTHING_DONE;
	if (!init->follows)
		os_log(OS_LOG_INFO, "the init of DC %d answers again", init->dcid);
	init->follows = init->owes;
	if (pidfd >= 0)
		os_pidfd_signal(pidfd, 9);
	os_close(pidfd);
}

static void come_up(struct dc_init *init, const struct init_reply *reply)
{
	int r = reply->error;

	/*
	 * The daemon's own limit is for its own pages: programs have what they would have without. Not
	 * before the init stands, because it begins with all that the daemon has open.
	 */
	if (!r)
		r = os_descriptors_restore(init->pid);
	init->ready = true;
	os_kept_note(&init->in_state);
	if (!r)
		return;
	os_log(OS_LOG_ERROR, "the init of DC %d does not come up: %s", init->dcid, strerror(-r));
	lose(init);
}

/* One reply, if there is one. 0, or -EAGAIN. */
static int read_reply(struct dc_init *init)
{
	struct init_reply reply;
	int fds[OS_FDS_MAX], count = 0;
	ssize_t n = os_packet_recv(init->request_fd, &reply, sizeof(reply), fds, &count);
	bool due = !init->ready || init->sent || init->owes;

	if (n == -EAGAIN)
		return -EAGAIN;
	if (n != sizeof(reply) || count > 1 || !due) {
		while (count > 0)
			os_close(fds[--count]);
		lose(init);
		return -EAGAIN;
	}
	if (!init->ready) {
		come_up(init, &reply);
	} else if (init->owes) {
		undo(init, &reply, count ? fds[0] : -1);
	} else {
		init->sent = false;
		answer(init, reply.error, &reply, count ? fds[0] : -1);
	}
	return 0;
}

/* All that is there. Afterwards the init may be freed, but not buried: the caller holds it. */
static void read_replies(struct dc_init *init)
{
	while (!init->lost && !init->freed && read_reply(init) == 0)
		pump(init);
}

static void on_reply(void *ctx, int fd, int events)
{
	struct dc_init *init = ctx;

	(void)fd;
	(void)events;
	init->holds++;
	read_replies(init);
	let_go(init);
}

/*
 * One exit for each turn of the loop. An answer that the init gave before it is in the other socket by
 * now, and has to be known first: it may be of the process that has ended.
 */
static void on_exit_packet(void *ctx, int fd, int events)
{
	struct dc_init *init = ctx;
	struct dc_exit ended;
	ssize_t n = os_packet_recv(fd, &ended, sizeof(ended), NULL, NULL);

	(void)events;
	if (n == -EAGAIN)
		return;
	init->holds++;
	read_replies(init);
	if (!init->freed && n == sizeof(ended)) {
		init->events.exited(init->events.ctx, init->dcid, &ended);
	} else if (!init->freed) {
		init->exits = os_source_free(init->exits);
		if (!init->lost)
			lose(init);
		if (!init->freed)
			init->events.gone(init->events.ctx, init->dcid);
	}
	let_go(init);
}

static void on_silence(void *ctx)
{
	struct dc_init *init = ctx;

	if (init->freed || init->lost)
		os_log(OS_LOG_ERROR, "the init of DC %d has not ended yet", init->dcid);
	else
		os_log(OS_LOG_ERROR, "the init of DC %d (process %d) does not %s", init->dcid,
		       init->pid, init->ready ? "answer" : "come up");
	if (init->freed) {
		init->old = true;
		pump_successor(init->dcid);
		return;
	}
	init->holds++;
	if (init->lost) {
		init->events.gone(init->events.ctx, init->dcid);
	} else if (!init->ready) {
		lose(init);
	} else {
		refuse_all(init, -ETIMEDOUT);
		if (!init->freed)
			pump(init);
	}
	let_go(init);
}

/* ---- start and end ---- */

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

static struct dc_init *init_new(struct os_loop *loop, int dcid, const struct dc_init_events *events)
{
	struct dc_init *init = malloc(sizeof(*init));

	if (!init)
		return NULL;
	*init = (struct dc_init){ .next = inits,
				  .dcid = dcid,
				  .pidfd = -1,
				  .request_fd = -1,
				  .event_fd = -1,
				  .loop = loop,
				  .events = *events };
	inits = init;
	os_kept_begin(&init->in_state, HANDOVER_INIT);
	return init;
}

static int init_listen(struct dc_init *init)
{
	int r = os_source_io(init->loop, init->request_fd, OS_READ, on_reply, init,
			     &init->requests);

	if (!r)
		r = os_source_io(init->loop, init->event_fd, OS_READ, on_exit_packet, init,
				 &init->exits);
	if (!r)
		r = os_source_timer(init->loop, init->ready ? -1 : TIMEOUT_US, on_silence, init,
				    &init->timer);
	return r;
}

int dc_init_start(struct dc_init **initp, struct os_loop *loop, int dcid, int nodeid,
		  const struct dc_init_events *events)
{
	struct dc_init *init = init_new(loop, dcid, events);
	int r = init ? init_launch(init, nodeid) : -ENOMEM;

	assert(os_lock_protects());
	if (!r)
		r = init_listen(init);
	if (r < 0) {
		dc_init_free(init);
		return r;
	}
	*initp = init;
	return 0;
}

struct dc_init *dc_init_free(struct dc_init *init)
{
	assert(os_lock_protects());
	if (!init)
		return NULL;
	os_kept_end(&init->in_state);
	init->holds++;
	init->lost = init->freed = true;
	init->requests = os_source_free(init->requests);
	init->exits = os_source_free(init->exits);
	init->request_fd = os_close(init->request_fd);
	init->event_fd = os_close(init->event_fd);
	if (init->pidfd >= 0) {
		os_pidfd_signal(init->pidfd, 9);
		/* It ends after all in its namespace; one that is being traced may hold that up. */
		if (os_source_io(init->loop, init->pidfd, OS_READ, on_end, init, &init->end) < 0 ||
		    !init->timer || os_timer_set(init->timer, TIMEOUT_US) < 0)
			init->old = true; /* nobody is told of its end, or waits for it */
	} else {
		init->timer = os_source_free(init->timer);
	}
	refuse_all(init, -ECONNRESET);
	let_go(init);
	return NULL;
}

void dc_init_settle(int timeout_ms)
{
	int64_t deadline = os_deadline_ns(timeout_ms);

	for (struct dc_init *init = inits, *next; init; init = next) {
		int64_t left = deadline - os_now_ns();

		next = init->next;
		if (!init->freed)
			continue;
		if (os_reap_pidfd(init->pidfd, left > 0 ? (int)(left / OS_MS_NS) : 0) < 0)
			os_log(OS_LOG_ERROR, "the init of DC %d has not ended yet", init->dcid);
		os_source_free(init->end);
		os_source_free(init->timer);
		init_bury(init);
	}
}

void dc_init_place(const struct dc_init *init, struct dc_init_place *place)
{
	*place = (struct dc_init_place){ init->pid, init->pidfd, init->request_fd, init->event_fd };
}

/*
 * The predecessor has died, and may have asked for something. The init answers in order: all answers before that to
 * this question are the predecessor's.
 */
static int settle_with(struct dc_init *init)
{
	struct init_request nothing = { .call = INIT_NOTHING };
	struct iovec part = { &nothing, sizeof(nothing) };
	int r = os_packet_sendv(init->request_fd, &part, 1, NULL, 0);

	init->owes = init->follows = r == 0;
	return r;
}

struct dc_init *dc_init_adopt(struct os_loop *loop, int dcid, const struct dc_init_place *place,
			      const struct dc_init_events *events, bool after_death)
{
	struct dc_init *init = init_new(loop, dcid, events);

	assert(os_lock_protects());
	if (!init)
		return NULL;
	init->pid = place->pid;
	init->pidfd = place->pidfd;
	init->request_fd = place->request_fd;
	init->event_fd = place->event_fd;
	init->ready = true;
	if (init_listen(init) < 0 || (after_death && settle_with(init) < 0))
		return dc_init_free(init);
	return init;
}

pid_t dc_init_pid(const struct dc_init *init)
{
	return init->pid;
}

const struct os_kept *dc_init_in_state(const struct dc_init *init)
{
	return &init->in_state;
}

bool dc_init_is_ready(const struct dc_init *init)
{
	return init->ready;
}

bool dc_init_is_asked(const struct dc_init *init)
{
	return !init->ready || init->asks || init->owes;
}

/* ---- questions ---- */

/* Takes ask and its strings; the descriptors are still the caller's. */
static int submit(struct dc_init *init, struct init_ask *ask, const int *fds, int fd_count,
		  int cgroup, dc_init_done *done, void *ctx)
{
	struct init_ask **link = &init->asks;
	int count = 0, r = init->lost ? -ECONNRESET : 0;

	ask->done = done;
	ask->ctx = ctx;
	for (; *link; link = &(*link)->next)
		if (++count == ASKS_MAX)
			r = -EBUSY;
	ask->request.cgroup = cgroup > 0;
	while (!r && ask->fd_count < fd_count + (cgroup > 0)) {
		int fd = os_dup(ask->fd_count < fd_count ? fds[ask->fd_count] : cgroup);

		if (fd < 0)
			r = fd;
		else
			ask->fds[ask->fd_count++] = fd;
	}
	if (!r) {
		*link = ask;
		if (init->asks == ask && may_send(init))
			r = send_first(init);
		if (!r && init->asks == ask)
			os_timer_set(init->timer, TIMEOUT_US);
	}
	if (r < 0) {
		if (*link == ask)
			*link = NULL;
		init_ask_free(ask);
	}
	return r;
}

int dc_init_spawn(struct dc_init *init, const struct dc_spawn *spawn, dc_init_done *done, void *ctx)
{
	int fds[3], count = 0;
	struct init_ask *ask;
	int r = init_ask_spawn(&ask, spawn);

	assert(os_lock_protects());
	if (r < 0)
		return r;
	for (int i = 0; i < 3; i++)
		if (spawn->fds[i] >= 0)
			fds[count++] = spawn->fds[i];
	return submit(init, ask, fds, count, spawn->cgroup, done, ctx);
}

int dc_init_go(struct dc_init *init, int vpid, dc_init_done *done, void *ctx)
{
	struct init_ask *ask = init_ask_go(vpid);

	assert(os_lock_protects());
	return ask ? submit(init, ask, NULL, 0, -1, done, ctx) : -ENOMEM;
}

int dc_init_shell(struct dc_init *init, int vpid, const char *path, const int *fds, int fd_count,
		  int cgroup, dc_init_done *done, void *ctx)
{
	struct init_ask *ask;

	assert(os_lock_protects());
	if (vpid <= 1 || fd_count < 0 || fd_count > DC_INIT_SHELL_FDS)
		return -EINVAL;
	ask = init_ask_shell(vpid, path);
	return ask ? submit(init, ask, fds, fd_count, cgroup, done, ctx) : -ENOMEM;
}
