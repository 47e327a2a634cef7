/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "node/move/departure.h"
#include "node/task/ended.h"
#include "node/task/init.h"
#include "node/task/log.h"
#include "node/node.h"
#include "node/state/order.h"
#include "node/ask/request.h"
#include "node/task/rights.h"
#include "node/bind/warning.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/pid.h"
#include "os/socket.h"

struct process *process_find(struct node *node, int dcid, int p_nr)
{
	struct process *p = node->processes;

	while (p && (p->dcid != dcid || p->p_nr != p_nr || !p->status || p->arriving || p->backup))
		p = p->next;
	return p;
}

/* The task itself, else the binding of its leader that it borrows. */
struct process *process_find_pid(struct node *node, pid_t tgid, pid_t tid)
{
	struct process *leader = NULL;

	for (struct process *p = node->processes; p; p = p->next) {
		if (p->tgid != tgid || p->state == PROCESS_ENDING || p->arriving)
			continue;
		if (p->lpid == tid)
			return p;
		if (p->lpid == p->tgid)
			leader = p;
	}
	return leader;
}

struct process *process_find_vpid(struct node *node, int dcid, int vpid)
{
	struct process *p = node->processes;

	while (p && (!p->managed || p->dcid != dcid || p->vpid != vpid))
		p = p->next;
	return p;
}

struct process *process_next(struct process *process)
{
	return process->next;
}

int process_new(struct node *node, pid_t lpid, pid_t tgid, int vpid, int pidfd,
		struct process **processp)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	if (pidfd < 0)
		pidfd = os_pidfd_open(lpid, lpid != tgid);
	if (pidfd < 0) {
		free(p);
		return pidfd;
	}
	*p = (struct process){ .next = node->processes,
			       .node = node,
			       .dcid = -1,
			       .lpid = lpid,
			       .tgid = tgid,
			       .vpid = vpid,
			       .pidfd = pidfd,
			       .pidns = os_pidns_of(lpid) };
	node->processes = p;
	*processp = p;
	return 0;
}

int process_adopt(struct node *node, const struct process *image, struct process **processp)
{
	struct process **place = &node->processes;
	struct process *p = malloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	*p = *image;
	p->node = node;
	p->next = NULL;
	while (*place)
		place = &(*place)->next;
	*place = p;
	*processp = p;
	return p->status && !p->ended ? process_watch(p) : 0;
}

int process_wait_status(const struct process *process)
{
	return process->ended ? process->wait_status : -1;
}

/* The requests that wait for its end: for that of its binding, or for its own. */
enum {
	FOR_UNBIND = 1,
	FOR_END = 2
};

/* One that goes without having ended or been unbound has moved away. */
static void end_waiters(struct process *process, int which)
{
	struct request **link = &process->waiters;

	while (*link) {
		struct request *request = *link;
		bool unbinds = request->head.call == CTL_UNBIND;

		if (!(which & (unbinds ? FOR_UNBIND : FOR_END))) {
			link = &request->next_kept;
			continue;
		}
		*link = request->next_kept;
		if (process->status && !process->ended)
			request_fail(request, EDVSMIGRATE,
				     "endpoint %d of DC %d has moved to another node meanwhile: "
				     "ask again",
				     process->p_nr, process->dcid);
		else
			request_end(request, unbinds ? 0 : process_wait_status(process), NULL, 0,
				    NULL, 0);
	}
}

void process_free(struct process *process)
{
	struct node *node = process->node;

	for (struct process **link = &node->processes; *link; link = &(*link)->next) {
		if (*link == process) {
			*link = process->next;
			break;
		}
	}
	if (process->starter)
		*process->starter = NULL;
	warning_cancel(process);
	end_waiters(process, FOR_UNBIND | FOR_END);
	/* Of one that has moved: as soon as its frozen copy is gone. */
	cgroup_end(node, process->cgroup, process->ended || process->arriving);
	os_source_free(process->exit_source);
	if (process->ended && !process->arriving && !process->backup &&
	    process->state != PROCESS_STARTING && process->state != PROCESS_UNBOUND)
		ended_keep(process);
	if (process->status) {
		rights_hide(process);
		exchange_status_free(node->exchange, process->status);
	}
	proc_log_free(process->log);
	os_close(process->pidfd);
	free(process);
}

int process_pid_for(const struct process *process, uint64_t pidns)
{
	if (pidns == process->pidns)
		return process->vpid;
	return pidns == os_pidns_of(0) ? process->lpid : 0;
}

void process_refresh_channels(struct process *process)
{
	struct node *node = process->node;
	struct exchange_channel *channel = NULL;

	while ((channel = exchange_next(node->exchange, process->dcid, process->p_nr, channel))) {
		int side = exchange_side(channel, process->p_nr);
		struct process *peer = process_find(node, process->dcid, channel->p_nr[1 - side]);
		const struct directory_endpoint *far =
			node_endpoint(node, process->dcid, channel->p_nr[1 - side]);
		bool held = process->state != PROCESS_BOUND;

		channel->page->node[side] = node->options.id;
		channel->page->node[1 - side] = far && far->bound ? far->node : -1;
		if (peer && peer->state == PROCESS_BOUND && !held) {
			channel->page->copy_pid[side] = process_pid_for(process, peer->pidns);
			channel->page->copy_pid[1 - side] = process_pid_for(peer, process->pidns);
		} else {
			channel->page->copy_pid[side] = 0;
			channel->page->copy_pid[1 - side] = 0;
		}
	}
}

void process_fill(struct process *process, int dcid, int p_nr, int endpoint, uint32_t generation)
{
	struct status_page *page = process->status->page;

	process->dcid = dcid;
	process->p_nr = p_nr;
	process->endpoint = endpoint;
	process->generation = generation;
	page->dcid = dcid;
	page->p_nr = p_nr;
	page->endpoint = endpoint;
	page->nodeid = process->node->options.id;
	page->vpid = process->vpid;
	node_fill_rights(process->node, dcid, p_nr, page);
}

int process_attach(struct process *process, int dcid, int p_nr, int endpoint, uint32_t generation)
{
	struct node *node = process->node;
	struct exchange_bell *bell;
	int r;

	if (!process->status) {
		r = exchange_status_new(node->exchange, dcid, p_nr, &process->status);
		if (r < 0)
			return r;
	}
	r = exchange_bell(node->exchange, dcid, p_nr, &bell);
	if (r < 0)
		return r;
	ended_forget_log(node, dcid, p_nr);
	process->state = PROCESS_BOUND;
	memcpy(process->name, node_endpoint(node, dcid, p_nr)->name, sizeof(process->name));
	process_fill(process, dcid, p_nr, endpoint, generation);
	rights_show(process);
	exchange_bell_hold(bell, BELL_PROCESS);
	process_refresh_channels(process);
	exchange_poke(bell);
	return 0;
}

/* The order has ended the binding; the entry stays while its log or its exit is of interest. */
void process_detach(struct process *process)
{
	struct node *node = process->node;
	struct exchange_bell *bell;

	if (!process->status)
		return;
	warning_cancel(process);
	rights_hide(process);
	process->status->page->unbound = 1;
	if (exchange_bell(node->exchange, process->dcid, process->p_nr, &bell) == 0) {
		exchange_poke(bell);
		if (!process->backup)
			exchange_bell_hold(bell, BELL_DAEMON);
	}
	process->status = exchange_status_free(node->exchange, process->status);
	end_waiters(process, FOR_UNBIND);
	if (process->ended || !process->managed) {
		process_end_followers(process, process->wait_status);
		process_free(process);
	}
}

static void unbound(struct node *node, void *ctx, const struct directory_result *result)
{
	(void)node;
	(void)ctx;
	(void)result; /* a second UNBIND of the same generation is refused: it is gone either way */
}

void process_propose_unbind(struct process *process)
{
	struct command cmd = { .kind = COMMAND_UNBIND,
			       .dcid = process->dcid,
			       .p_nr = process->p_nr,
			       .generation = process->generation,
			       .flags = COMMAND_FLAG_DIED };

	/* An answer that it posted in its last moment must leave before the news of its end. */
	proxy_resend(process->node->proxy, process->dcid, process->p_nr);
	order_propose(process->node, &cmd, unbound, NULL);
}

static void process_ended(struct process *process)
{
	process->ended = true;
	process->exit_source = os_source_free(process->exit_source);
	cgroup_kill(process->node, process->cgroup);
	if (!process->managed) /* at once, before its parent takes note of it */
		process->wait_status = os_exit_status_of(process->lpid);
	if (process->log)
		proc_log_drain(process->log);
	if (process->state == PROCESS_STARTING || !process->status) {
		process_end_followers(process, process->wait_status);
		process_free(process);
		return;
	}
	if (process->backup) {
		process_detach(process);
		return;
	}
	if (departure_on_process_died(process->node, process->dcid, process->p_nr))
		return;
	process->state = PROCESS_ENDING;
	if (warning_begin(process)) { /* the slot is held for that; the process is gone */
		process_end_followers(process, process->wait_status);
		end_waiters(process, FOR_END);
	} else {
		process_propose_unbind(process);
	}
}

bool process_thread_ends(struct process *process)
{
	if (process->lpid == process->tgid || !warning_begin(process))
		return false;
	process->ended = true;
	process->wait_status = -1;
	process->state = PROCESS_ENDING;
	process->exit_source = os_source_free(process->exit_source);
	return true;
}

/* A task that no init of ours reaps: its pidfd tells. */
static void on_pidfd(void *ctx, int fd, int events)
{
	(void)fd;
	(void)events;
	process_ended(ctx);
}

int process_watch(struct process *process)
{
	if (process->managed || process->exit_source)
		return 0;
	return os_source_io(process->node->loop, process->pidfd, OS_READ, on_pidfd, process,
			    &process->exit_source);
}

void process_on_departure_over(struct node *node, int dcid, int p_nr, uint32_t generation)
{
	struct process *process = process_find(node, dcid, p_nr);

	if (process && process->generation == generation && process->ended &&
	    process->state != PROCESS_ENDING)
		process_ended(process);
}

static void managed_ended(struct process *process, int wait_status)
{
	process->wait_status = wait_status;
	if (process->arriving) /* the commit, or the discard, of its arrival sees to it */
		process->ended = true;
	else
		process_ended(process);
}

void process_on_init_exit(struct node *node, int dcid, int vpid, int wait_status)
{
	struct process *process = process_find_vpid(node, dcid, vpid);

	/* Of a process that had this number in an earlier stay here: the one that has it now lives. */
	if (!process || os_poll(process->pidfd, OS_READ, 0) < 0)
		return;
	managed_ended(process, wait_status);
}

void process_on_init_killed(struct node *node, int dcid)
{
	struct process *p = node->processes;

	while (p) {
		struct process *next = p->next;

		if (p->managed && p->dcid == dcid && !p->ended) {
			p->end_reason = CTL_ENDED_INIT;
			managed_ended(p, 9);
		}
		p = next;
	}
}

/* A line sent by the log: new bytes for everyone attached. */
static void on_log(void *ctx, const uint8_t *bytes, size_t len)
{
	struct process *process = ctx;

	for (struct request *r = process->followers; r; r = r->next_kept)
		request_data(r, bytes, (uint32_t)len);
}

void process_take_log(struct process *process, struct proc_log *log, uint64_t start)
{
	process->log = log;
	process->log_start = start;
	proc_log_listen(log, on_log, process);
}

void process_send_log(struct process *process, struct request *request, uint64_t from)
{
	size_t kept = proc_log_size(process->log);
	uint64_t total = process->log_start + proc_log_total(process->log);
	uint64_t wanted = from < total ? total - from : 0;
	uint8_t *bytes;

	if (wanted > kept)
		wanted = kept;
	request->data_sent = total - wanted;
	if (!wanted)
		return;
	bytes = malloc(wanted);
	if (!bytes)
		return;
	request_data(request, bytes, (uint32_t)proc_log_export(process->log, bytes, wanted));
	free(bytes);
}

/* Takes it out of a list; false: it is not in that one. */
static bool unlink_kept(struct request **link, const struct request *request)
{
	for (; *link; link = &(*link)->next_kept) {
		if (*link == request) {
			*link = request->next_kept;
			return true;
		}
	}
	return false;
}

static void kept_cancelled(struct request *request)
{
	struct process *process = request->keeper;

	if (unlink_kept(&process->followers, request) || unlink_kept(&process->waiters, request))
		request_end(request, 0, NULL, 0, NULL, 0);
}

static void keep(struct process *process, struct request **list, struct request *request)
{
	request->keeper = process;
	request->cancelled = kept_cancelled;
	request->next_kept = *list;
	*list = request;
}

void process_await_end(struct process *process, struct request *request)
{
	keep(process, &process->waiters, request);
}

void process_follow(struct process *process, struct request *request)
{
	keep(process, &process->followers, request);
}

void process_cancel_request(struct process *process, int from, uint64_t id)
{
	struct request *lists[] = { process->followers, process->waiters };

	for (int i = 0; i < 2; i++) {
		for (struct request *r = lists[i]; r; r = r->next_kept) {
			if (r->from == from && r->remote_id == id) {
				kept_cancelled(r);
				return;
			}
		}
	}
}

void process_drop_followers(struct process *process, int from)
{
	struct request *lists[] = { process->followers, process->waiters };

	for (int i = 0; i < 2; i++) {
		for (struct request *r = lists[i], *next; r; r = next) {
			next = r->next_kept;
			if (r->from == from)
				kept_cancelled(r);
		}
	}
}

void process_end_followers(struct process *process, int wait_status)
{
	while (process->followers) {
		struct request *request = process->followers;

		process->followers = request->next_kept;
		request_end(request, wait_status, NULL, 0, NULL, 0);
	}
}

void process_move_followers(struct process *process, int to)
{
	while (process->followers) {
		struct request *request = process->followers;

		process->followers = request->next_kept;
		request_move(request, to);
	}
}

/* On its way here and loaded: its memory maps our pages already, so they must be the ones it gets. */
static bool is_arriving(const struct node *node, int dcid, int p_nr)
{
	const struct process *p = node->processes;

	while (p && (p->dcid != dcid || p->p_nr != p_nr || !p->arriving))
		p = p->next;
	return p;
}

void process_drop_far_channels(struct node *node, int dcid, int p_nr)
{
	struct exchange_channel *channel = exchange_next(node->exchange, dcid, p_nr, NULL);

	while (channel) {
		struct exchange_channel *next = exchange_next(node->exchange, dcid, p_nr, channel);
		int side = exchange_side(channel, p_nr);
		int peer_nr = channel->p_nr[1 - side];
		const struct directory_endpoint *self = node_endpoint(node, dcid, p_nr);
		const struct directory_endpoint *peer = node_endpoint(node, dcid, peer_nr);

		if (peer && peer->bound && peer->node == node->options.id)
			channel->page->node[side] = self->node;
		else if (!is_arriving(node, dcid, peer_nr))
			exchange_channel_drop(node->exchange, channel);
		channel = next;
	}
}
