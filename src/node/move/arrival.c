/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/arrival.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "dvk.h"
#include "migrate/migrate.h"
#include "node/bind/backup.h"
#include "node/move/bulk.h"
#include "node/move/carry.h"
#include "node/state/fault.h"
#include "node/move/foreign.h"
#include "node/task/log.h"
#include "node/move/mailbox.h"
#include "node/node.h"
#include "node/state/order.h"
#include "node/task/process.h"
#include "node/move/shell.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/pid.h"
#include "os/socket.h"
#include "os/tcp.h"
#include "os/thread.h"
#include "os/threads.h"

/*
 * The target side: one worker thread a migration, which feeds the plan (core/plan.h) and carries out
 * its effects. Until the order has delivered the commit nothing of the arriving process runs here.
 * The conversations are merged on the main thread at the very moment the commit is applied, before any
 * later command; only letting the process run is left to the worker, because ptrace belongs to it.
 */

#define ARRIVALS_MAX 256 /* at once; each has a thread */
#define BEHIND_MS    2000
#define LOOK_NS	     1000000 /* between two looks at something that is over in a moment */

struct arrival {
	struct arrival *next;
	struct node *node;
	int from, fd;
	struct move_offer offer;
	struct migrate_target *target;
	struct process *process;      /* made before the load, bound by the commit */
	char cgroup[CGROUP_NAME_MAX]; /* of the shell, the same */
	int shell_pidfd;	      /* until the process entry owns it; then pidfd is ours */
	int pidfd;
	uint8_t *state; /* struct move_state and what follows it */
	bool committed; /* the process is this node's: it ends like any other from now on */
	struct plan_target plan;
	struct mailbox mailbox;
	struct refusal refusal;
};

static struct arrival *arrival_of(struct node *node, const struct directory_effect *effect)
{
	struct arrival *a = node->arrivals;

	while (a && (a->offer.dcid != effect->dcid || a->offer.p_nr != effect->p_nr ||
		     a->offer.generation != effect->generation || a->offer.dry_run))
		a = a->next;
	return a;
}

int arrival_count(const struct node *node)
{
	int count = 0;

	/* A connection that has offered nothing yet holds up nobody: its source may ask again. */
	for (const struct arrival *a = node->arrivals; a; a = a->next)
		count += a->offer.dcid >= 0;
	return count;
}

/* ---- what the engine asks of its host ---- */

static int open_page(struct arrival *a, const struct foreign *foreign)
{
	struct exchange *exchange = a->node->exchange;
	const struct page_name *page = &foreign->page;
	struct exchange_channel *channel;
	struct exchange_bell *bell;
	int r;

	switch (foreign->kind) {
	case PAGE_NODE_BELL:
		return exchange_node_bell_fd(exchange);
	case PAGE_BELL:
		r = exchange_bell(exchange, page->dcid, page->p_nr, &bell);
		return r < 0 ? r : bell->fd;
	case PAGE_CHANNEL:
		r = exchange_channel(exchange, page->dcid, page->endpoint[0], page->endpoint[1],
				     &channel);
		return r < 0 ? r : channel->fd;
	case PAGE_STATUS:
		return a->process->status ? a->process->status->fd : -ENOENT;
	case FOREIGN_LOG:
		return a->process->log ? proc_log_fd(a->process->log) : -ENOENT;
	}
	return -ENOENT;
}

static int open_foreign(void *ctx, const struct foreign_name *name)
{
	struct arrival *a = ctx;
	struct foreign foreign;
	int fd;

	foreign_decode(name, &foreign);
	node_lock(a->node);
	fd = foreign.kind == PAGE_CHANNEL && foreign.page.over ? -ESTALE : open_page(a, &foreign);
	if (fd == -ESTALE)
		fd = exchange_remnant(a->node->exchange, &foreign.page);
	else if (fd >= 0)
		fd = os_dup(fd);
	node_unlock(a->node);
	return fd;
}

static int spawn_shell(void *ctx, int vpid, pid_t *lpid, int *sock)
{
	struct arrival *a = ctx;
	int cgroup, r;

	if (vpid != a->offer.vpid)
		return -EBADMSG;
	node_lock(a->node);
	cgroup = cgroup_make(a->node, a->offer.dcid, a->offer.p_nr, a->offer.generation, a->cgroup);
	node_unlock(a->node);
	r = shell_start(a->node, a->offer.dcid, vpid, cgroup, lpid, &a->shell_pidfd, sock,
			&a->refusal);
	os_close(cgroup);
	return r;
}

/* ---- the steps ---- */

/*
 * The source may have heard of something that this node has not: a move that has just ended is told at
 * once, and the next one may come here.
 */
static void catch_up(struct arrival *a)
{
	int64_t deadline = os_deadline_ns(BEHIND_MS);
	bool behind = true;

	while (behind && os_now_ns() < deadline) {
		node_lock(a->node);
		behind = a->node->directory.order < a->offer.order;
		node_unlock(a->node);
		if (behind)
			os_thread_sleep_ns(LOOK_NS);
	}
}

/* Whether it is of the very process that the order knows, and says so of both nodes. */
static bool is_as_ordered(const struct arrival *a, const struct directory_endpoint *ep)
{
	const struct node *node = a->node;
	const struct move_offer *offer = &a->offer;

	return ep->bound && ep->node == a->from && ep->generation == offer->generation &&
	       directory_endpoint_number(ep, offer->p_nr) == offer->endpoint &&
	       ep->vpid == offer->vpid && !memcmp(ep->name, offer->name, sizeof(ep->name)) &&
	       offer->source == a->from && offer->target == node->options.id &&
	       offer->dc_generation == node->directory.dc[offer->dcid].generation;
}

static int check_offer(struct arrival *a)
{
	const struct move_offer *offer = &a->offer;
	const struct directory_endpoint *ep;
	int r = 0;

	catch_up(a);
	node_lock(a->node);
	ep = node_endpoint(a->node, offer->dcid, offer->p_nr);
	if (!ep || !a->node->directory.dc[offer->dcid].running)
		r = refusal_set(&a->refusal, EDVSDCNOTRUN, "DC %d does not run on node %d",
				offer->dcid, a->node->options.id);
	else if (!(a->node->directory.dc[offer->dcid].nodes >> a->node->options.id & 1))
		r = refusal_set(&a->refusal, EDVSDCNODE, "node %d does not belong to DC %d",
				a->node->options.id, offer->dcid);
	else if (!is_as_ordered(a, ep))
		r = refusal_set(
			&a->refusal, EDVSMIGRATE,
			"what node %d offers is not what the order says of endpoint %d; try "
			"again",
			a->from, offer->p_nr);
	else if (backup_find(a->node, offer->dcid, offer->p_nr))
		r = refusal_set(&a->refusal, EDVSSLOTUSED,
				"a backup of endpoint %d stands by on node %d: make it the process "
				"with dvs_migrate, or end it",
				offer->p_nr, a->node->options.id);
	node_unlock(a->node);
	return r;
}

static int receive_offer(struct arrival *a)
{
	struct move_offer offer;
	int r = bulk_receive(a->fd, MOVE_OFFER, &offer, sizeof(offer), &a->refusal);

	if (r < 0)
		return r;
	offer.name[sizeof(offer.name) - 1] = 0;
	if (offer.dcid < 0 || offer.dcid >= SHM_DCS || offer.p_nr < -SHM_TASKS ||
	    offer.p_nr >= SHM_SLOTS - SHM_TASKS)
		return refusal_set(&a->refusal, EDVSBADREQUEST, "the offer is malformed");
	node_lock(a->node); /* from now on the order's effects find this arrival */
	a->offer = offer;
	node_unlock(a->node);
	return 0;
}

static int check(struct arrival *a)
{
	struct migrate_host host = { .open = open_foreign, .spawn_shell = spawn_shell, .ctx = a };
	int r;

	a->target = migrate_target_new(&host);
	if (!a->target)
		return refusal_set(&a->refusal, EDVSALLOCMEM, "no memory on the target");
	r = check_offer(a);
	if (r == 0)
		r = migrate_target_check(a->target, a->fd, &a->refusal);
	fault_point("target-checked");
	return r;
}

/* The state is that of the offer, of the move that the order has started; its word may come a moment later. */
static int check_state(struct arrival *a)
{
	const struct move_state *state = (const struct move_state *)a->state;
	int64_t deadline = os_deadline_ns(BEHIND_MS);
	bool known = false, over = false;

	if (state->dcid != a->offer.dcid || state->endpoint != a->offer.endpoint ||
	    state->generation != a->offer.generation || state->vpid != a->offer.vpid)
		return refusal_set(&a->refusal, EDVSBADREQUEST, "the state is of another process");
	while (!known && !over && os_now_ns() < deadline) {
		const struct directory_endpoint *ep;

		node_lock(a->node);
		ep = node_endpoint(a->node, a->offer.dcid, a->offer.p_nr);
		known = ep->moving && ep->move == state->move &&
			ep->target == a->node->options.id && ep->generation == state->generation &&
			ep->node == a->from;
		/* The source, or this life of the endpoint, has ended: the word will not come. */
		over = !a->node->directory.node[a->from].up ||
		       (int32_t)(ep->generation - state->generation) > 0;
		node_unlock(a->node);
		if (!known && !over)
			os_thread_sleep_ns(LOOK_NS / 10);
	}
	return known ? 0
		     : refusal_set(&a->refusal, EDVSMIGRATE,
				   "the order has not started the move that the state is of");
}

/* The entry with its pages and its log, so that the engine can map them; unbound so far. */
static int prepare_process(struct arrival *a)
{
	const struct move_state *state = (const struct move_state *)a->state;
	const uint8_t *log_bytes =
		a->state + sizeof(*state) + state->channel_count * sizeof(struct move_channel);
	pid_t lpid = migrate_target_pid(a->target);
	struct proc_log *log;
	int r;

	node_lock(a->node);
	r = process_new(a->node, lpid, lpid, a->offer.vpid, a->shell_pidfd, &a->process);
	if (r == 0) {
		a->pidfd = os_dup(a->shell_pidfd);
		a->shell_pidfd = -1;
		a->process->managed = true;
		a->process->arriving = true;
		a->process->dcid = a->offer.dcid;
		a->process->p_nr = a->offer.p_nr;
		a->process->generation = a->offer.generation;
		memcpy(a->process->cgroup, a->cgroup, sizeof(a->cgroup));
		a->cgroup[0] = 0;
		r = exchange_status_new(a->node->exchange, a->offer.dcid, a->offer.p_nr,
					&a->process->status);
	}
	if (r == 0)
		r = proc_log_new(a->node->loop, state->log_limit, &log);
	if (r == 0) {
		proc_log_import(log, log_bytes, state->log_bytes);
		process_take_log(a->process, log, state->log_start);
		a->process->status->page->dcid = a->offer.dcid;
		a->process->status->page->p_nr = a->offer.p_nr;
		a->process->status->page->endpoint = a->offer.endpoint;
		a->process->status->page->vpid = a->offer.vpid;
		a->process->status->page->nodeid = a->node->options.id;
		carry_unpack_status(a->process, a->state);
	}
	node_unlock(a->node);
	return r < 0 ? refusal_set(&a->refusal, EDVSALLOCMEM, "no memory on the target") : 0;
}

static int load(struct arrival *a)
{
	uint32_t len;
	int r = bulk_receive_any(a->fd, MOVE_STATE, &a->state, &len, &a->refusal);

	if (r == 0 && carry_check(a->state, len) < 0)
		r = refusal_set(&a->refusal, EDVSBADREQUEST,
				"the process's channels are malformed");
	if (r == 0)
		r = prepare_process(a);
	if (r == 0)
		r = migrate_target_load(a->target, a->fd, &a->refusal);
	if (r == 0)
		r = check_state(a);
	if (r == 0)
		a->process->cpu_owed_ns = migrate_target_stats(a->target)->cpu_owed_ns;
	fault_point("target-loaded");
	return r;
}

/* What the source's copy was sent when its state had left already. */
static void deliver_late_signals(struct arrival *a)
{
	struct refusal ignored = REFUSAL_NONE;
	struct move_signals late;

	if (bulk_receive(a->fd, MOVE_SIGNALS, &late, sizeof(late), &ignored) < 0)
		return;
	for (int signo = 1; signo <= 64; signo++)
		if (late.bits >> (signo - 1) & 1)
			os_pidfd_signal(a->pidfd, signo);
}

static void resume(struct arrival *a)
{
	struct exchange_bell *bell;
	struct refusal refusal = REFUSAL_NONE;
	int r = migrate_target_resume(a->target, NULL, &refusal);

	bulk_verdict(a->fd, &refusal, migrate_target_pid(a->target), 0);
	if (r < 0) {
		os_log(OS_LOG_ERROR, "endpoint %d cannot go on here: %s", a->offer.endpoint,
		       refusal.reason);
		migrate_target_discard(a->target); /* its exit unbinds it */
		return;
	}
	node_lock(a->node);
	if (exchange_bell(a->node->exchange, a->offer.dcid, a->offer.p_nr, &bell) == 0)
		exchange_poke(bell);
	node_unlock(a->node);
	deliver_late_signals(a);
}

static void discard(struct arrival *a)
{
	if (a->target)
		migrate_target_discard(a->target);
	node_lock(a->node);
	if (a->process) {
		process_free(a->process);
		a->process = NULL;
		process_drop_far_channels(a->node, a->offer.dcid, a->offer.p_nr);
	}
	node_unlock(a->node);
}

static void post(struct arrival *a, enum plan_event_kind kind, int code, uint32_t move)
{
	node_lock(a->node);
	mailbox_post(&a->mailbox, kind, code, move);
	node_unlock(a->node);
}

static void say(struct arrival *a)
{
	pid_t pid = a->refusal.error ? 0 : migrate_target_pid(a->target);

	if (bulk_verdict(a->fd, &a->refusal, pid, 0) < 0)
		post(a, PLAN_CONNECTION_LOST, 0, 0);
}

static void unbound(struct node *node, void *ctx, const struct directory_result *result)
{
	(void)node;
	(void)ctx;
	(void)result;
}

/* Committed to us, and there is nothing that could run: the endpoint ends. */
static void propose_unbind(struct arrival *a)
{
	struct command cmd = { .kind = COMMAND_UNBIND,
			       .dcid = a->offer.dcid,
			       .p_nr = a->offer.p_nr,
			       .generation = a->offer.generation,
			       .flags = COMMAND_FLAG_DIED };

	node_lock(a->node);
	order_propose(a->node, &cmd, unbound, NULL);
	node_unlock(a->node);
}

static void do_load(struct arrival *a)
{
	int r = load(a);
	uint32_t move = a->state ? ((const struct move_state *)a->state)->move : 0;

	post(a, r < 0 ? PLAN_LOAD_FAILED : PLAN_LOAD_DONE, a->refusal.error, move);
}

static void carry_out(struct arrival *a, const struct plan_effect *effect)
{
	switch (effect->kind) {
	case PLAN_DO_CHECK:
		post(a, PLAN_CHECKED, check(a) < 0 ? a->refusal.error : 0, 0);
		break;
	case PLAN_DO_SPAWN_AND_LOAD:
		do_load(a);
		break;
	case PLAN_DO_SAY_REFUSED:
		refusal_set_number(&a->refusal, effect->code, "the target gave up: %s",
				   result_text(effect->code));
		say(a);
		break;
	case PLAN_DO_SAY_READY:
	case PLAN_DO_SAY_LOADED:
		say(a);
		break;
	case PLAN_DO_RESUME:
		fault_point("target-commit");
		resume(a);
		break;
	case PLAN_DO_DISCARD:
		discard(a);
		break;
	case PLAN_DO_PROPOSE_UNBIND:
		propose_unbind(a);
		break;
	default: /* PLAN_DO_CLOSE: the worker closes when it ends */
		break;
	}
}

static void finish(struct arrival *a)
{
	for (struct arrival **link = &a->node->arrivals; *link; link = &(*link)->next) {
		if (*link == a) {
			*link = a->next;
			break;
		}
	}
	cgroup_end(a->node, a->cgroup, true);
	os_close(a->shell_pidfd);
	os_close(a->pidfd);
	os_close(a->fd);
	mailbox_deinit(&a->mailbox);
	free(a->state);
	free(a);
}

static void *worker(void *arg)
{
	struct arrival *a = arg;
	struct node *node = a->node;
	struct plan_effects effects;
	struct plan_event event;

	if (receive_offer(a) < 0)
		say(a);
	else
		post(a, PLAN_OFFERED, 0, 0);
	while (!a->refusal.error || a->plan.state != PLAN_TARGET_IDLE) {
		node_lock(node);
		mailbox_take(&a->mailbox, &node->lock, a->plan.deadline_ns, &event);
		event.dry_run = a->offer.dry_run;
		os_log(OS_LOG_DEBUG, "endpoint %d arrives: %s", a->offer.endpoint,
		       plan_event_name(event.kind));
		plan_target_step(&a->plan, &event, &effects);
		node_unlock(node);
		for (uint32_t i = 0; i < effects.count; i++)
			carry_out(a, &effects.item[i]);
		if (plan_target_is_ended(&a->plan) || a->plan.state == PLAN_TARGET_PROMISED)
			break;
	}
	if (!a->committed)
		discard(a);
	migrate_target_free(a->target);
	node_lock(node);
	finish(a);
	node_unlock(node);
	return NULL;
}

static bool has_room(const struct node *node)
{
	int count = 0;

	for (const struct arrival *a = node->arrivals; a; a = a->next)
		count++;
	return count < ARRIVALS_MAX;
}

void arrival_start(struct node *node, int from, int fd)
{
	struct arrival *a = has_room(node) ? calloc(1, sizeof(*a)) : NULL;

	if (!a) {
		os_close(fd);
		return;
	}
	*a = (struct arrival){ .next = node->arrivals,
			       .node = node,
			       .from = from,
			       .fd = fd,
			       .shell_pidfd = -1,
			       .pidfd = -1,
			       .offer = { .dcid = -1 } };
	plan_target_init(&a->plan, &PLAN_LIMITS_DEFAULT);
	mailbox_init(&a->mailbox);
	node->arrivals = a;
	os_set_nonblock(fd, 0);
	os_tcp_notice_loss(fd, BULK_LOSS_MS);
	if (os_thread_start(worker, a) < 0)
		finish(a);
}

/* The target owns it from this command on: its conversations are merged and its far ends swapped. */
void arrival_on_committed(struct node *node, const struct directory_effect *effect)
{
	struct arrival *a = arrival_of(node, effect);
	struct process *process = a ? a->process : NULL;

	if (!a)
		return; /* by hand: nothing of it is here */
	mailbox_post(&a->mailbox, PLAN_COMMIT_APPLIED, 0, effect->move);
	if (!process || a->plan.state != PLAN_TARGET_HOLDING)
		return; /* the plan ends the endpoint */
	a->committed = true;
	process->arriving = false;
	if (process_attach(process, effect->dcid, effect->p_nr, a->offer.endpoint,
			   effect->generation) < 0)
		os_log(OS_LOG_ERROR, "endpoint %d has no bell here", a->offer.endpoint);
	carry_unpack(process, a->state);
	exchange_unhold(node->exchange, effect->dcid, effect->p_nr, 0);
	process_refresh_channels(process);
	if (process->ended) /* while it was held */
		process_on_init_exit(node, effect->dcid, process->vpid, process->wait_status);
}

void arrival_on_rolled_back(struct node *node, const struct directory_effect *effect)
{
	struct arrival *a = arrival_of(node, effect);

	if (a)
		mailbox_post(&a->mailbox, PLAN_ROLLED_BACK_APPLIED, 0, effect->move);
}

void arrival_on_started(struct node *node, const struct directory_effect *effect)
{
	struct arrival *a = arrival_of(node, effect);

	if (a)
		mailbox_post(&a->mailbox, PLAN_START_APPLIED, 0, effect->move);
}

void arrival_on_dead(struct node *node, const struct directory_effect *effect)
{
	struct arrival *a = arrival_of(node, effect);

	if (a)
		mailbox_post(&a->mailbox, PLAN_ENDPOINT_DEAD, 0, effect->move);
}
