/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/restart.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/refusal.h"
#include "dvk.h"
#include "node/move/target.h"
#include "node/move/source.h"
#include "node/calls.h"
#include "node/copy/copy.h"
#include "node/restart/handover.h"
#include "node/task/init.h"
#include "node/node.h"
#include "node/state/message.h"
#include "node/bind/binding.h"
#include "node/ask/reattach.h"
#include "node/ask/request.h"
#include "node/ask/door.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/socket.h"
#include "os/successor.h"

/*
 *	ask     what the node knows now is written down, and the program file is run beside the daemon
 *	        to say whether it could take that over; meanwhile everything goes on
 *	quiet   nobody new is let in, until all requests are answered and all proposals are decided: a
 *	        moment, or the restart is refused
 *	become  the bell thread ends, the state is written for good, its descriptors stay open, execve
 *
 * Threads that serve copies of other nodes end with execve, between two parts or in the middle of one; the asker
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

static struct restart *restart_of(struct node *node)
{
	return node->restarts.restart;
}

/* The end of it, unless exec succeeded. */
static void give_up(struct node *node, const struct refusal *why)
{
	struct restart *restart = restart_of(node);

	assert(restart);
	os_log(OS_LOG_WARN, "the daemon is not restarted: %s", why->reason);
	os_source_free(restart->said_source);
	os_source_free(restart->timer);
	if (restart->quiet) {
		door_pause(node->requests.door, false);
		copy_pause(&node->copies, false);
	}
	node->restarts.restart = NULL;
	request_refuse(restart->request, why);
	free(restart);
}

/* A move takes longer than an asker wants to wait. */
static int refuse_move(const struct node *node, struct refusal *why)
{
	if (!source_count(&node->moves) && !target_count(&node->moves))
		return 0;
	return refusal_set(
		why, EDVSMIGRATE,
		"a process is on its way from or to node %d: ask again when it has arrived "
		"(dvs ps)",
		node->options.id);
}

static int busy_request(const struct node *node, const struct request *asker, struct refusal *why)
{
	int number;

	for (const struct request *r = node->requests.clients; r; r = r->next_client)
		if (!handover_kind_of(r, asker, &number))
			return refusal_set(
				why, EDVSRSCBUSY,
				"call %u of process %d is still being answered: ask again "
				"later",
				r->head.call, r->pid);
	for (const struct request *r = node->requests.forwarded; r; r = r->next_forwarded)
		if (!reattach_without(r))
			return refusal_set(
				why, EDVSRSCBUSY,
				"node %d has not answered yet what it was asked: see whether "
				"its link is up (dvs nodes)",
				r->to);
	return 0;
}

/* Names a thing that has to come to its end first. 0: the point is quiet. */
static int obstacle(const struct node *node, const struct request *asker, struct refusal *why)
{
	int r = refuse_move(node, why);

	if (r == 0 && node->order.proposals)
		r = refusal_set(why, EDVSRSCBUSY,
				"a command of node %d is not decided yet: see whether the group's "
				"sequencer answers",
				node->options.id);
	if (r == 0 && node->moves.draining)
		r = refusal_set(why, EDVSMIGRATE,
				"node %d is being emptied (dvs drain): ask again when that is over",
				node->options.id);
	if (r == 0 && node->copies.tasks)
		r = refusal_set(why, EDVSRSCBUSY,
				"a data copy is still under way between nodes: ask again later");
	for (int dcid = 0; dcid < SHM_DCS && r == 0; dcid++)
		if (node->tasks.init[dcid] && dc_init_is_asked(node->tasks.init[dcid]))
			r = refusal_set(
				why, EDVSRSCBUSY,
				"process %d, the init of DC %d, has not answered yet: if it is "
				"stopped, let it go on (kill -CONT %d), or ask again later",
				dc_init_pid(node->tasks.init[dcid]), dcid,
				dc_init_pid(node->tasks.init[dcid]));
	for (const struct binding *p = node->bindings.all; p && r == 0; p = p->next)
		if (p->warning)
			r = refusal_set(
				why, EDVSRSCBUSY,
				"the end of endpoint %d is still being told to the process that its "
				"container names: ask again later",
				p->p_nr);
	return r ? r : busy_request(node, asker, why);
}

static void on_quiet_timer(void *ctx)
{
	struct node *node = ctx;
	struct restart *restart = restart_of(node);
	struct refusal why = REFUSAL_NONE;
	int r = obstacle(node, restart->request, &why);

	assert(restart->quiet);
	if (r == EDVSMIGRATE || (r && os_now_ns() > restart->deadline_ns)) {
		give_up(node, &why);
	} else if (r) {
		os_timer_set(restart->timer, QUIET_LOOK_US);
	} else {
		restart->due = true;
		os_loop_stop(node->loop);
	}
}

/* The program is the right one: nobody is let in any more. */
static void become_quiet(struct node *node)
{
	struct restart *restart = restart_of(node);
	struct refusal why = REFUSAL_NONE;

	assert(!restart->quiet);
	os_source_free(restart->timer);
	restart->timer = NULL;
	restart->deadline_ns = os_now_ns() + QUIET_LIMIT_NS;
	restart->quiet = true;
	door_pause(node->requests.door, true);
	copy_pause(&node->copies, true);
	if (os_source_timer(node->loop, 0, on_quiet_timer, node, &restart->timer) < 0) {
		refusal_set(&why, EDVSNOMEM, "no memory for a timer");
		give_up(node, &why);
	}
}

/* One line, without its end. */
static void trim(struct restart *restart)
{
	restart->said[restart->said_len] = '\0';
	restart->said[strcspn(restart->said, "\n")] = '\0';
}

static void asked(struct node *node, int status)
{
	struct restart *restart = restart_of(node);
	struct refusal why = REFUSAL_NONE;

	trim(restart);
	if (status == 0) {
		become_quiet(node);
		return;
	}
	refusal_set(&why, EDVSPROTONOSUPPORT,
		    "%.100s would not take over from this daemon: %s: install the one that belongs "
		    "to it, or stop the node and start it anew",
		    node->options.program,
		    restart->said[0] ? restart->said : "it ended without a word");
	give_up(node, &why);
}

static void on_inquiry_end(void *ctx, int fd, int events)
{
	struct node *node = ctx;
	struct restart *restart = restart_of(node);
	int status;

	(void)fd;
	(void)events;
	restart->said_source = os_source_free(restart->said_source);
	status = os_inquiry_end(&restart->inquiry);
	asked(node, restart->late ? -ETIMEDOUT : status);
}

/* All is said, or it has been killed: only its end is left. */
static void await_inquiry_end(struct node *node)
{
	struct restart *restart = restart_of(node);

	restart->said_source = os_source_free(restart->said_source);
	if (os_source_io(node->loop, restart->inquiry.pidfd, OS_READ, on_inquiry_end, node,
			 &restart->said_source) < 0)
		os_timer_set(restart->timer, 0);
}

static void on_said(void *ctx, int fd, int events)
{
	struct node *node = ctx;
	struct restart *restart = restart_of(node);
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
		await_inquiry_end(node);
}

static void on_ask_timer(void *ctx)
{
	struct node *node = ctx;
	struct restart *restart = restart_of(node);

	if (restart->late) { /* it does not even end */
		restart->said_source = os_source_free(restart->said_source);
		os_inquiry_end(&restart->inquiry);
		asked(node, -ETIMEDOUT);
		return;
	}
	restart->late = true;
	restart->said_len = 0;
	snprintf(restart->said, sizeof(restart->said), "it does not answer");
	restart->said_len = strlen(restart->said);
	os_inquiry_kill(&restart->inquiry);
	os_timer_set(restart->timer, ASK_LIMIT_US);
	await_inquiry_end(node);
}

/* Asks the program file whether it could be the successor. */
static int ask(struct node *node, struct refusal *why)
{
	struct restart *restart = restart_of(node);
	char name[] = "dvsd", option[] = "--check-state", number[] = "3";
	char *argv[] = { name, option, number, NULL };
	struct handover_file file;
	int r = os_successor_check(node->options.program);

	if (r < 0)
		return refusal_set(why, EDVSNOEXEC, "%.120s cannot be executed: %s: put it back",
				   node->options.program, strerror(-r));
	r = handover_write(node, NULL, (uint64_t)restart->asked_ns, 0, &file);
	if (r == 0) {
		r = os_inquiry_start(&restart->inquiry, node->options.program, argv, file.fd);
		handover_file_deinit(&file);
	}
	if (r == 0)
		r = os_source_io(node->loop, restart->inquiry.out_fd, OS_READ, on_said, node,
				 &restart->said_source);
	if (r == 0)
		r = os_source_timer(node->loop, ASK_LIMIT_US, on_ask_timer, node, &restart->timer);
	if (r < 0)
		return refusal_set(why, EDVSGENERIC, "the program file could not be asked: %s",
				   strerror(-r));
	return 0;
}

static bool may_restart(struct request *request)
{
	struct node *node = request->node;
	struct refusal why = REFUSAL_NONE;
	int to = request->head.node;

	if (to >= 0 && to != node->options.id)
		refusal_set(
			&why, EDVSBADNODEID,
			"this is node %d, and a daemon is restarted where it runs: run dvs restart "
			"on node %d",
			node->options.id, to);
	else if (request->uid)
		refusal_set(&why, EDVSPRIVILEGES,
			    "uid %u may not restart a daemon; root may (sudo)", request->uid);
	else if (node->restarts.restart)
		refusal_set(&why, EDVSRSCBUSY, "a restart is under way already");
	else if (!node->order.directory.node[node->options.id].up)
		refusal_set(&why, EDVSNOTREADY, "node %d is no member yet: ask again later",
			    node->options.id);
	else
		refuse_move(node, &why);
	if (why.error)
		request_refuse(request, &why);
	return !why.error;
}

void handle_restart(struct request *request)
{
	struct node *node = request->node;
	struct refusal why = REFUSAL_NONE;

	if (!may_restart(request))
		return;
	assert(!node->restarts.restart);
	node->restarts.restart = calloc(1, sizeof(*node->restarts.restart));
	if (!node->restarts.restart) {
		request_fail(request, EDVSNOMEM, "no memory");
		return;
	}
	*node->restarts.restart = (struct restart){ .request = request,
						    .inquiry = { .out_fd = -1, .pidfd = -1 },
						    .asked_ns = os_now_ns() };
	if (ask(node, &why) < 0)
		give_up(node, &why);
}

bool restart_is_due(const struct node *node)
{
	return node->restarts.restart && node->restarts.restart->due;
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
static int become(struct node *node, const struct handover_file *file)
{
	const struct node_options *options = &node->options;
	char option[] = "--adopt", number[12];
	char *argv[64];
	int count = 0;

	while (options->argv[count])
		count++;
	if (count + 3 > (int)(sizeof(argv) / sizeof(*argv)))
		return -E2BIG;
	memcpy(argv, options->argv, (size_t)count * sizeof(*argv));
	snprintf(number, sizeof(number), "%d", file->fd);
	argv[count] = option;
	argv[count + 1] = number;
	argv[count + 2] = NULL;
	return os_successor_become(options->program, argv);
}

static void fail(struct node *node, int r)
{
	struct refusal why = REFUSAL_NONE;

	refusal_set(&why, EDVSNOEXEC, "%.120s could not be executed: %s: node %d goes on as before",
		    node->options.program, strerror(-r), node->options.id);
	give_up(node, &why);
}

void restart_on_message(struct node *node, int from, const uint8_t *bytes, uint32_t len)
{
	assert(os_lock_protects());
	if (len != 1)
		return;
	node->requests.restarting &= ~(1u << from);
	if (bytes[0])
		node->requests.restarting |= 1u << from;
}

/* A node that cannot be told believes that the link broke. */
static void tell_peers(struct node *node, uint8_t going)
{
	for (int peer = 0; peer < NR_NODES; peer++)
		proxy_message(node->proxy, peer, NODE_MESSAGE_RESTART, &going, sizeof(going), NULL,
			      0);
}

void restart_execute(struct node *node)
{
	struct restart *restart = restart_of(node);
	struct refusal unused = REFUSAL_NONE;
	struct handover_file file;
	uint64_t now = (uint64_t)os_now_ns();
	int r;

	assert(restart->due);
	assert(!os_lock_is_held());
	node_lock(node);
	restart->due = false;
	proxy_drain(node->proxy, -1);
	if (obstacle(node, restart->request, &unused)) { /* between the look and the loop's end */
		os_timer_set(restart->timer, QUIET_LOOK_US);
		node_unlock(node);
		return;
	}
	r = handover_write(node, restart->request, (uint64_t)restart->asked_ns, now, &file);
	if (r == 0) {
		os_log(OS_LOG_INFO, "node %d executes %s", node->options.id, node->options.program);
		r = keep_open(&file, true);
		if (r == 0) {
			tell_peers(node, 1);
			r = become(node, &file);
			tell_peers(node, 0);
		}
		keep_open(&file, false);
		handover_file_deinit(&file);
	}
	fail(node, r);
	node_unlock(node);
}
