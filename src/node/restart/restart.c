/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/restart.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/refusal.h"
#include "dvk.h"
#include "node/calls.h"
#include "node/copy/copy.h"
#include "node/restart/handover.h"
#include "node/restart/obstacle.h"
#include "node/state/order.h"
#include "node/state/message.h"
#include "node/ask/request.h"
#include "node/ask/door.h"
#include "os/clock.h"
#include "os/keeper.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/socket.h"
#include "os/successor.h"
#include "proxy/proxy.h"

/*
 *	ask     what the node knows now is written down, and the program file is run beside the daemon
 *	        to say whether it could take that over; meanwhile everything goes on
 *	quiet   nobody new is let in, until all requests are answered and all proposals are decided: a
 *	        moment, or the restart is refused
 *	become  the bell thread ends, the state is written for good, its descriptors stay open, and the keeper
 *	        (os/keeper.h) executes the program, ends this daemon and makes the next one
 *
 * Threads that serve copies of other nodes end with this daemon, between two parts or in the middle of one; the asker
 * finds its lane broken and asks again, and writing the same bytes again is harmless. If any step fails, the node
 * goes on as if nothing had been asked.
 */

#define ASK_LIMIT_US   3000000
#define QUIET_LIMIT_NS OS_SECOND_NS
#define QUIET_LOOK_US  1000

struct restart {
	struct request *request;
	struct os_inquiry inquiry;
	struct os_source *said_source, *timer;
	char said[CTL_SENTENCE / 2]; /* by the program that was asked */
	size_t said_len;
	int64_t asked_ns, deadline_ns;
	bool late;  /* the program that was asked has not answered in time */
	bool quiet; /* nobody is let in */
	bool due;
};

/* The end of it, unless exec succeeded. */
static void give_up(struct restarts *restarts, const struct refusal *why)
{
	struct restart *restart = restarts->restart;

	assert(restart);
	os_log(OS_LOG_WARN, "the daemon is not restarted: %s", why->reason);
	os_source_free(restart->said_source);
	os_source_free(restart->timer);
	if (restart->quiet) {
		door_pause(restarts->requests->door, false);
		copy_pause(restarts->copies, false);
	}
	restarts->restart = NULL;
	request_refuse(restart->request, why);
	free(restart);
}

static enum quiet_obstacle find_obstacle(const struct restarts *restarts, struct refusal *why)
{
	return obstacle_find(restarts->requests, restarts->moves, restarts->copies,
			     restarts->restart->request, why);
}

static void on_quiet_timer(void *ctx)
{
	struct restarts *restarts = ctx;
	struct restart *restart = restarts->restart;
	struct refusal why = REFUSAL_NONE;
	enum quiet_obstacle obstacle = find_obstacle(restarts, &why);

	assert(restart->quiet);
	switch (quiet_next(obstacle, os_now_ns() > restart->deadline_ns)) {
	case QUIET_GIVE_UP:
		give_up(restarts, &why);
		break;
	case QUIET_LOOK_AGAIN:
		os_timer_set(restart->timer, QUIET_LOOK_US);
		break;
	case QUIET_GO:
		restart->due = true;
		os_loop_stop(restarts->requests->loop);
		break;
	}
}

/* The program is the right one: nobody is let in any more. */
static void become_quiet(struct restarts *restarts)
{
	struct restart *restart = restarts->restart;
	struct refusal why = REFUSAL_NONE;

	assert(!restart->quiet);
	os_source_free(restart->timer);
	restart->timer = NULL;
	restart->deadline_ns = os_now_ns() + QUIET_LIMIT_NS;
	restart->quiet = true;
	door_pause(restarts->requests->door, true);
	copy_pause(restarts->copies, true);
	if (os_source_timer(restarts->requests->loop, 0, on_quiet_timer, restarts,
			    &restart->timer) < 0) {
		refusal_set(&why, EDVSNOMEM, "no memory for a timer");
		give_up(restarts, &why);
	}
}

/* One line, without its end. */
static void trim(struct restart *restart)
{
	restart->said[restart->said_len] = '\0';
	restart->said[strcspn(restart->said, "\n")] = '\0';
}

static void asked(struct restarts *restarts, int status)
{
	struct restart *restart = restarts->restart;
	struct refusal why = REFUSAL_NONE;

	trim(restart);
	if (status == 0) {
		become_quiet(restarts);
		return;
	}
	refusal_set(&why, EDVSPROTONOSUPPORT,
		    "%.100s would not take over from this daemon: %s: install the one that belongs "
		    "to it, or stop the node and start it anew",
		    restarts->program,
		    restart->said[0] ? restart->said : "it ended without a word");
	give_up(restarts, &why);
}

static void on_inquiry_end(void *ctx, int fd, int events)
{
	struct restarts *restarts = ctx;
	struct restart *restart = restarts->restart;
	int status;

	(void)fd;
	(void)events;
	restart->said_source = os_source_free(restart->said_source);
	status = os_inquiry_end(&restart->inquiry);
	asked(restarts, restart->late ? -ETIMEDOUT : status);
}

/* All is said, or it has been killed: only its end is left. */
static void await_inquiry_end(struct restarts *restarts)
{
	struct restart *restart = restarts->restart;

	restart->said_source = os_source_free(restart->said_source);
	if (os_source_io(restarts->requests->loop, restart->inquiry.pidfd, OS_READ, on_inquiry_end,
			 restarts, &restart->said_source) < 0)
		os_timer_set(restart->timer, 0);
}

static void on_said(void *ctx, int fd, int events)
{
	struct restarts *restarts = ctx;
	struct restart *restart = restarts->restart;
	char rest[256];
	size_t room = sizeof(restart->said) - 1 - restart->said_len;
	ssize_t n = room ? os_read_some(fd, restart->said + restart->said_len, room)
			 : os_read_some(fd, rest, sizeof(rest));

	(void)events;
	if (n == -EAGAIN)
		return;
	if (n > 0)
		restart->said_len += room ? (size_t)n : 0;
	else
		await_inquiry_end(restarts);
}

static void on_ask_timer(void *ctx)
{
	struct restarts *restarts = ctx;
	struct restart *restart = restarts->restart;

	if (restart->late) { /* it does not even end */
		restart->said_source = os_source_free(restart->said_source);
		os_inquiry_end(&restart->inquiry);
		asked(restarts, -ETIMEDOUT);
		return;
	}
	restart->late = true;
	restart->said_len = 0;
	snprintf(restart->said, sizeof(restart->said), "it does not answer");
	restart->said_len = strlen(restart->said);
	os_inquiry_kill(&restart->inquiry);
	os_timer_set(restart->timer, ASK_LIMIT_US);
	await_inquiry_end(restarts);
}

/* Asks the program file whether it could be the successor. */
static int ask(struct restarts *restarts, struct refusal *why)
{
	struct restart *restart = restarts->restart;
	struct os_loop *loop = restarts->requests->loop;
	char name[] = "dvsd", option[] = "--check-state", number[] = "3", key[256] = "";
	char *argv[] = { name, option, number, NULL, NULL };
	struct handover_file file;
	int r = os_successor_check(restarts->program);

	/* It could not go on with a key file that is wrong, as this one does. */
	if (restarts->key_path && restarts->key_path[0]) {
		snprintf(key, sizeof(key), "%s", restarts->key_path);
		argv[3] = key;
	}
	if (r < 0)
		return refusal_set(why, EDVSNOEXEC, "%.120s cannot be executed: %s: put it back",
				   restarts->program, strerror(-r));
	r = restarts->write(restarts->node, NULL, restart->asked_ns, 0, &file);
	if (r == 0) {
		r = os_inquiry_start(&restart->inquiry, restarts->program, argv, file.fd);
		handover_file_deinit(&file);
	}
	if (r == 0)
		r = os_source_io(loop, restart->inquiry.out_fd, OS_READ, on_said, restarts,
				 &restart->said_source);
	if (r == 0)
		r = os_source_timer(loop, ASK_LIMIT_US, on_ask_timer, restarts, &restart->timer);
	if (r < 0)
		return refusal_set(why, EDVSGENERIC, "the program file could not be asked: %s",
				   strerror(-r));
	return 0;
}

static bool may_restart(const struct restarts *restarts, struct request *request)
{
	const struct order *order = request->requests->order;
	struct refusal why = REFUSAL_NONE;
	int to = request->head.node;

	if (to >= 0 && to != order->self)
		refusal_set(
			&why, EDVSBADNODEID,
			"this is node %d, and a daemon is restarted where it runs: run dvs restart "
			"on node %d",
			order->self, to);
	else if (restarts->restart)
		refusal_set(&why, EDVSRSCBUSY, "a restart is under way already");
	else if (!order->directory.node[order->self].up)
		refusal_set(&why, EDVSNOTREADY, "node %d is no member yet: ask again later",
			    order->self);
	else
		obstacle_move(restarts->requests, restarts->moves, &why);
	if (why.error)
		request_refuse(request, &why);
	return !why.error;
}

void handle_restart(struct request *request)
{
	struct restarts *restarts = request->requests->restarts;
	struct refusal why = REFUSAL_NONE;

	if (!may_restart(restarts, request))
		return;
	assert(!restarts->restart);
	restarts->restart = calloc(1, sizeof(*restarts->restart));
	if (!restarts->restart) {
		request_fail(request, EDVSNOMEM, "no memory");
		return;
	}
	*restarts->restart = (struct restart){ .request = request,
					       .inquiry = { .out_fd = -1, .pidfd = -1 },
					       .asked_ns = os_now_ns() };
	if (ask(restarts, &why) < 0)
		give_up(restarts, &why);
}

bool restart_is_due(const struct restarts *restarts)
{
	return restarts->restart && restarts->restart->due;
}

/* Of all, or of those that came before the one that failed. */
static int keep_open(const struct handover_file *file, bool keep)
{
	int r = os_successor_keep(file->fd, keep);

	for (unsigned i = 0; i < file->fd_count && (r == 0 || !keep); i++)
		r = os_successor_keep(file->fds[i], keep);
	return r;
}

/* The settings that it lives with, and where the state is. */
static int become(const struct restarts *restarts, const struct handover_file *file)
{
	char *const *old = restarts->argv;
	char option[] = "--adopt", number[12];
	char *argv[64];
	int count = 0;

	while (old[count])
		count++;
	if (count + 3 > (int)(sizeof(argv) / sizeof(*argv)))
		return -E2BIG;
	memcpy(argv, old, (size_t)count * sizeof(*argv));
	snprintf(number, sizeof(number), "%d", file->fd);
	argv[count] = option;
	argv[count + 1] = number;
	argv[count + 2] = NULL;
	return os_keeper_become(restarts->program, argv);
}

static void fail(struct restarts *restarts, int r)
{
	struct refusal why = REFUSAL_NONE;

	refusal_set(&why, EDVSNOEXEC, "%.120s could not be executed: %s: node %d goes on as before",
		    restarts->program, strerror(-r), restarts->requests->order->self);
	give_up(restarts, &why);
}

void restart_on_message(struct requests *requests, int from, const uint8_t *bytes, uint32_t len)
{
	assert(os_lock_protects());
	if (len != 1)
		return;
	requests->restarting &= ~(1u << from);
	if (bytes[0])
		requests->restarting |= 1u << from;
}

/* A node that cannot be told believes that the link broke. */
static void tell_peers(struct proxy *proxy, uint8_t going)
{
	for (int peer = 0; peer < NR_NODES; peer++)
		proxy_message(proxy, peer, NODE_MESSAGE_RESTART, &going, sizeof(going), NULL, 0);
}

void restart_execute(struct restarts *restarts)
{
	struct restart *restart = restarts->restart;
	struct proxy *proxy = restarts->requests->proxy;
	struct refusal unused = REFUSAL_NONE;
	struct handover_file file;
	int64_t now = os_now_ns();
	int r;

	assert(restart->due);
	assert(os_lock_protects());
	restart->due = false;
	proxy_drain(proxy, -1);
	/* Something may have begun between the look and the loop's end. */
	if (find_obstacle(restarts, &unused) != QUIET_NONE) {
		os_timer_set(restart->timer, QUIET_LOOK_US);
		return;
	}
	r = restarts->write(restarts->node, restart->request, restart->asked_ns, now, &file);
	if (r == 0) {
		os_log(OS_LOG_INFO, "node %d executes %s", restarts->requests->order->self,
		       restarts->program);
		r = keep_open(&file, true);
		if (r == 0) {
			tell_peers(proxy, 1);
			r = become(restarts, &file);
			tell_peers(proxy, 0);
		}
		keep_open(&file, false);
		handover_file_deinit(&file);
	}
	fail(restarts, r);
}
