/* SPDX-License-Identifier: Apache-2.0 */
#include "node/departure.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "dvk.h"
#include "migrate/migrate.h"
#include "node/bulk.h"
#include "node/carry.h"
#include "node/fault.h"
#include "node/foreign.h"
#include "node/log.h"
#include "node/mailbox.h"
#include "node/node.h"
#include "node/order.h"
#include "node/process.h"
#include "node/request.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/self.h"
#include "os/socket.h"
#include "os/thread.h"
#include "proxy/proxy.h"

/*
 * The source side: one worker thread a migration, which feeds the plan (core/plan.h) the events of its
 * mailbox and carries out the effects one after another. All decisions are the plan's; here is only
 * how each effect is done.
 */

#define COPIES_TIMEOUT_NS 1000000000
#define LOAD_TIMEOUT_MS	  30000
#define CHECK_TRIES	  50
#define QUIET_TIMEOUT_NS  200000000
#define QUIET_LOOK_NS	  20000

struct departure {
	struct departure *next;
	struct node *node;
	struct request *request;
	int dcid, p_nr, endpoint, target;
	uint32_t generation, move;
	pid_t lpid;
	int vpid;
	struct proc_log *log; /* of the process; kept until the copy has gone */
	struct migrate_source *source;
	int fd;
	bool dry_run;
	struct plan_source plan;
	struct mailbox mailbox;
	uint64_t begin_ns;
	unsigned proposals; /* not answered yet */
	struct ctl_move report;
	struct refusal refusal;
};

static struct process *process_of(struct departure *d)
{
	struct process *process = process_find(d->node, d->dcid, d->p_nr);

	return process && process->generation == d->generation ? process : NULL;
}

static struct departure *departure_of(struct node *node, const struct directory_effect *effect)
{
	struct departure *d = node->departures;

	while (d && (d->dcid != effect->dcid || d->p_nr != effect->p_nr ||
		     d->generation != effect->generation))
		d = d->next;
	return d;
}

int departure_count(const struct node *node)
{
	int count = 0;

	for (const struct departure *d = node->departures; d; d = d->next)
		count++;
	return count;
}

/* ---- what the engine asks of its host ---- */

static bool identify(void *ctx, uint64_t device, uint64_t inode, struct foreign_name *name)
{
	struct departure *d = ctx;
	struct foreign foreign = { 0 };
	struct process *process;
	bool found;

	node_lock(d->node);
	process = process_of(d);
	if (process && process->log && proc_log_is(process->log, device, inode)) {
		foreign.kind = FOREIGN_LOG;
		found = true;
	} else {
		found = exchange_identify(d->node->exchange, device, inode, &foreign.page);
		foreign.kind = foreign.page.kind;
	}
	node_unlock(d->node);
	if (found)
		foreign_encode(&foreign, name);
	return found;
}

static bool busy(void *ctx)
{
	struct departure *d = ctx;
	struct process *process;
	bool busy;

	node_lock(d->node);
	process = process_of(d);
	busy = process && process->status && process->status->page->in_control;
	node_unlock(d->node);
	return busy;
}

/* ---- the steps; each returns 0 or has filled d->refusal ---- */

/* Counts the exchanges with us, which show as a socket; UINT32_MAX while one is under way. */
static uint32_t exchanges(struct departure *d)
{
	const struct process *process;
	uint32_t count = 0;

	node_lock(d->node);
	process = process_of(d);
	if (process && process->status)
		count = process->status->page->in_control ? UINT32_MAX
							  : process->status->page->exchanges;
	node_unlock(d->node);
	return count;
}

/*
 * Lets the process begin no exchange with us, and waits for the one under way: it would be seen as a
 * socket, and the process cannot be stopped in it.
 */
static void quieten(struct departure *d)
{
	int64_t deadline = os_now_ns() + QUIET_TIMEOUT_NS;
	struct process *process;

	node_lock(d->node);
	process = process_of(d);
	if (process && process->status)
		atomic_store(&process->status->page->quiet, 1);
	node_unlock(d->node);
	while (busy(d) && os_now_ns() < deadline)
		os_thread_sleep_ns(QUIET_LOOK_NS);
}

static void let_talk(struct departure *d)
{
	struct exchange_bell *bell;
	struct process *process;

	node_lock(d->node);
	process = process_of(d);
	if (process && process->status) {
		atomic_store(&process->status->page->quiet, 0);
		if (exchange_bell(d->node->exchange, d->dcid, d->p_nr, &bell) == 0)
			exchange_poke(bell);
	}
	node_unlock(d->node);
}

/* What is seen of a process that talks to us meanwhile may be our own socket: look again. */
static int check(struct departure *d)
{
	struct migrate_host host = { .identify = identify, .busy = busy, .ctx = d };

	for (int i = 0;; i++) {
		uint32_t before;
		int r;

		quieten(d);
		before = exchanges(d);

		d->source = migrate_source_new(d->lpid, &host);
		r = d->source ? migrate_source_check(d->source, &d->refusal)
			      : refusal_set(&d->refusal, EDVSALLOCMEM,
					    "no memory to look at the process");
		let_talk(d);
		if (!d->source)
			return r;
		if (r == 0 || i == CHECK_TRIES || (before != UINT32_MAX && before == exchanges(d)))
			return r;
		migrate_source_free(d->source);
		refusal_clear(&d->refusal);
	}
}

static int offer(struct departure *d)
{
	struct move_offer offer = { .dcid = d->dcid,
				    .p_nr = d->p_nr,
				    .endpoint = d->endpoint,
				    .vpid = d->vpid,
				    .generation = d->generation,
				    .dry_run = d->dry_run };
	struct move_verdict verdict;
	uint32_t address;
	int r;

	node_lock(d->node);
	address = d->node->directory.node[d->target].address;
	offer.dc_generation = d->node->directory.dc[d->dcid].generation;
	memcpy(offer.name, node_endpoint(d->node, d->dcid, d->p_nr)->name, sizeof(offer.name));
	node_unlock(d->node);
	r = proxy_bulk_connect(address, d->node->options.port, d->node->options.id, 2000);
	if (r < 0)
		return refusal_set(&d->refusal, EDVSNOTCONN,
				   "node %d cannot be reached (%s); try again when the link is up",
				   d->target, strerror(-r));
	d->fd = r;
	r = bulk_send(d->fd, MOVE_OFFER, &offer, sizeof(offer), &d->refusal);
	if (r == 0)
		r = migrate_source_offer(d->source, d->fd, &d->refusal);
	if (r == 0)
		r = bulk_await(d->fd, &verdict, BULK_TIMEOUT_MS, &d->refusal);
	if (r == 0)
		d->report.pid = verdict.pid;
	return r;
}

static void post(struct departure *d, enum plan_event_kind kind, int code)
{
	node_lock(d->node);
	mailbox_post(&d->mailbox, kind, code, d->move);
	node_unlock(d->node);
}

/* ---- proposals: their outcome is an event ---- */

struct asked {
	struct departure *departure;
	enum plan_event_kind outcome;
};

static void decided(struct node *node, void *ctx, const struct directory_result *result)
{
	struct asked asked = *(struct asked *)ctx;
	struct departure *d = asked.departure;

	(void)node;
	free(ctx);
	d->proposals--;
	/* Handed to the order and not heard of again: only the order knows, and it is lost. */
	if (result->code == EDVSINPROGRESS && asked.outcome != PLAN_START_APPLIED) {
		mailbox_post(&d->mailbox, PLAN_TICK, 0, 0);
		return;
	}
	if (asked.outcome == PLAN_START_APPLIED && result->code == 0)
		d->move = result->move;
	if (result->code < 0)
		refusal_set(&d->refusal, result->code, "the cluster refused a step: %s",
			    result_text(result->code));
	mailbox_post(&d->mailbox, asked.outcome, result->code, d->move);
}

static void propose(struct departure *d, enum command_kind kind, enum plan_event_kind outcome)
{
	struct command cmd = { .kind = (uint16_t)kind,
			       .dcid = d->dcid,
			       .p_nr = d->p_nr,
			       .generation = d->generation,
			       .target = d->target,
			       .move = d->move };
	struct asked *asked = malloc(sizeof(*asked));

	if (kind == COMMAND_UNBIND)
		cmd.flags = COMMAND_FLAG_DIED;
	node_lock(d->node);
	if (asked) {
		*asked = (struct asked){ d, outcome };
		d->proposals++;
		order_propose(d->node, &cmd, decided, asked);
	} else {
		mailbox_post(&d->mailbox, outcome, EDVSALLOCMEM, d->move);
	}
	node_unlock(d->node);
}

/* The daemon takes the far ends; who was copying to or from the process finishes first. */
static int take_far_ends(struct departure *d)
{
	int64_t deadline = os_now_ns() + COPIES_TIMEOUT_NS;
	struct process *process;
	int copies = 1;

	while (copies) {
		node_lock(d->node);
		process = process_of(d);
		if (!process) {
			node_unlock(d->node);
			return refusal_set(&d->refusal, EDVSSRCDIED, "the process ended");
		}
		process->state = PROCESS_LEAVING;
		copies = exchange_hold(d->node->exchange, d->dcid, d->p_nr);
		node_unlock(d->node);
		if (copies && os_now_ns() > deadline)
			return refusal_set(&d->refusal, EDVSBUSY,
					   "somebody copies to or from the process without end");
	}
	return 0;
}

static void thaw(struct departure *d)
{
	struct refusal ignored = REFUSAL_NONE;
	struct process *process;

	node_lock(d->node);
	process = process_of(d);
	if (process && process->state == PROCESS_LEAVING) {
		process->state = PROCESS_BOUND;
		exchange_unhold(d->node->exchange, d->dcid, d->p_nr, 0);
		process_refresh_channels(process);
		proxy_offer(d->node->proxy, d->dcid, d->p_nr, d->endpoint);
	}
	node_unlock(d->node);
	migrate_source_thaw(d->source, &ignored);
}

/* Refused: runs on as if nothing had been. */
static int freeze(struct departure *d)
{
	int r;

	quieten(d);
	r = migrate_source_freeze(d->source, &d->refusal);
	let_talk(d); /* now it cannot, and when it runs again it may */
	fault_point("source-frozen");
	if (r == 0)
		r = take_far_ends(d);
	if (r < 0)
		thaw(d);
	return r;
}

static int send_all(struct departure *d)
{
	struct process *process;
	uint8_t *bytes = NULL;
	uint32_t len = 0;
	int r = -ESRCH;

	node_lock(d->node);
	process = process_of(d);
	if (process) {
		if (process->log)
			proc_log_drain(process->log);
		r = carry_pack(process, d->move, &bytes, &len);
	}
	node_unlock(d->node);
	if (r < 0)
		return refusal_set(&d->refusal, EDVSSRCDIED, "the process ended");
	r = bulk_send(d->fd, MOVE_STATE, bytes, len, &d->refusal);
	free(bytes);
	if (r == 0)
		r = migrate_source_send(d->source, d->fd, &d->refusal);
	d->report.image_bytes = migrate_source_stats(d->source)->image_bytes;
	d->report.sent_bytes = d->report.image_bytes + len;
	fault_point("source-sent");
	return r;
}

static void do_send(struct departure *d)
{
	int64_t begin = os_now_ns();
	struct move_verdict verdict;
	int r = send_all(d);

	post(d, r < 0 ? PLAN_SEND_FAILED : PLAN_SENT, d->refusal.error);
	if (r == 0) {
		r = bulk_await(d->fd, &verdict, LOAD_TIMEOUT_MS, &d->refusal);
		d->report.transfer_ns = (uint64_t)(os_now_ns() - begin);
		post(d, r < 0 ? PLAN_TARGET_FAILED : PLAN_TARGET_LOADED, d->refusal.error);
	}
}

/* The target's word that it runs ends the downtime; without it the order's word is enough to kill. */
static void kill_source(struct departure *d)
{
	struct refusal ignored = REFUSAL_NONE;
	struct move_signals late = { 0 };
	struct move_verdict verdict;

	if (bulk_await(d->fd, &verdict, BULK_TIMEOUT_MS, &ignored) == 0)
		d->report.pid = verdict.pid;
	d->report.downtime_ns = (uint64_t)os_now_ns() - migrate_source_stats(d->source)->freeze_ns;
	migrate_source_kill(d->source, &late.bits, &ignored);
	bulk_send(d->fd, MOVE_SIGNALS, &late, sizeof(late), &ignored);
}

static void answer(struct departure *d)
{
	struct request *request = d->request;

	d->request = NULL;
	if (!request)
		return;
	d->report.error = d->refusal.error;
	snprintf(d->report.reason, sizeof(d->report.reason), "%s", d->refusal.reason);
	if (request->moved) {
		request->moved(request, &d->report);
		request_end(request, 0, NULL, 0, NULL, 0);
		return;
	}
	request_row(request, &d->report, sizeof(d->report));
	if (d->refusal.error)
		request_refuse(request, &d->refusal);
	else
		request_end(request, 0, NULL, 0, NULL, 0);
}

static void report(struct departure *d, const struct plan_effect *effect)
{
	d->report.total_ns = (uint64_t)os_now_ns() - d->begin_ns;
	d->report.rounds = 1;
	if (effect->result == PLAN_COMMITTED || effect->result == PLAN_POSSIBLE) {
		refusal_clear(&d->refusal);
		d->report.result = CTL_MOVE_COMMITTED;
	} else {
		d->report.result =
			effect->result == PLAN_REFUSED ? CTL_MOVE_REFUSED : CTL_MOVE_ROLLED_BACK;
		refusal_set(&d->refusal, effect->code ? effect->code : EDVSGENERIC,
			    "the migration was given up: %s; the process goes on where it was",
			    result_text(effect->code));
	}
	node_lock(d->node);
	answer(d);
	node_unlock(d->node);
}

/* Under the lock, because departure_on_process_died() may shut it down. */
static void close_connection(struct departure *d)
{
	node_lock(d->node);
	d->fd = os_close(d->fd);
	node_unlock(d->node);
}

static void carry_out(struct departure *d, const struct plan_effect *effect)
{
	switch (effect->kind) {
	case PLAN_DO_CHECK:
		post(d, PLAN_CHECKED, check(d) < 0 ? d->refusal.error : 0);
		break;
	case PLAN_DO_CONNECT_AND_OFFER:
		if (offer(d) < 0)
			post(d, PLAN_TARGET_REFUSED, d->refusal.error);
		else
			post(d, PLAN_TARGET_READY, 0);
		break;
	case PLAN_DO_PROPOSE_START:
		propose(d, COMMAND_MOVE_START, PLAN_START_APPLIED);
		break;
	case PLAN_DO_FREEZE:
		if (freeze(d) < 0)
			post(d, PLAN_FREEZE_REFUSED, d->refusal.error);
		else
			post(d, PLAN_FROZEN, 0);
		break;
	case PLAN_DO_SEND:
		do_send(d);
		break;
	case PLAN_DO_PROPOSE_COMMIT:
		fault_point("source-commit");
		propose(d, COMMAND_MOVE_COMMIT, PLAN_COMMIT_APPLIED);
		break;
	case PLAN_DO_PROPOSE_ROLLBACK:
		propose(d, COMMAND_MOVE_ROLLBACK, PLAN_ROLLED_BACK_APPLIED);
		break;
	case PLAN_DO_PROPOSE_UNBIND:
		propose(d, COMMAND_UNBIND, PLAN_TICK);
		break;
	case PLAN_DO_THAW:
		thaw(d);
		break;
	case PLAN_DO_KILL_SOURCE:
		kill_source(d);
		break;
	case PLAN_DO_CLOSE:
		close_connection(d);
		break;
	case PLAN_DO_REPORT:
		report(d, effect);
		break;
	case PLAN_DO_RELEASE: /* done when the order was applied: departure_on_committed() */
	default:
		break;
	}
}

static void finish(struct departure *d)
{
	for (struct departure **link = &d->node->departures; *link; link = &(*link)->next) {
		if (*link == d) {
			*link = d->next;
			break;
		}
	}
	proc_log_free(d->log);
	mailbox_deinit(&d->mailbox);
	free(d);
}

static void *worker(void *arg)
{
	struct departure *d = arg;
	struct node *node = d->node;
	struct plan_effects effects;
	struct plan_event event;

	while (!plan_source_is_ended(&d->plan)) {
		node_lock(node);
		mailbox_take(&d->mailbox, &node->lock, d->plan.deadline_ns, &event);
		node_unlock(node);
		event.dry_run = d->dry_run;
		os_log(OS_LOG_DEBUG, "endpoint %d leaves: %s after %llu us", d->endpoint,
		       plan_event_name(event.kind),
		       (unsigned long long)(event.now_ns - d->begin_ns) / 1000);
		plan_source_step(&d->plan, &event, &effects);
		for (uint32_t i = 0; i < effects.count; i++)
			carry_out(d, &effects.item[i]);
	}
	migrate_source_free(d->source);
	close_connection(d);
	node_lock(node);
	while (d->proposals) /* their answers name this departure */
		mailbox_take(&d->mailbox, &node->lock, 0, &event);
	finish(d);
	node_unlock(node);
	return NULL;
}

static int refuse_early(struct departure *d, struct process *process, bool moving)
{
	if (d->target == d->node->options.id)
		return refusal_set(&d->refusal, EDVSLCLPROC,
				   "endpoint %d is on node %d already; name another node",
				   d->endpoint, d->target);
	if (!process)
		return refusal_set(&d->refusal, EDVSNOTBIND,
				   "endpoint %d has no process on this node; attach one with "
				   "dvs_migrate -c",
				   d->endpoint);
	if (moving || process->state != PROCESS_BOUND)
		return refusal_set(&d->refusal, EDVSMIGRATE,
				   "endpoint %d is migrating already; wait for its end or roll it "
				   "back with dvs_migrate -r",
				   d->endpoint);
	if (!process->managed || process->lpid != process->tgid)
		return refusal_set(&d->refusal, EDVSBADPID,
				   "process %d was not started by dvs run, so its pid may be taken "
				   "elsewhere; start it with dvs run",
				   process->lpid);
	return 0;
}

void departure_start(struct request *request)
{
	struct node *node = request->node;
	int p_nr = _ENDPOINT_P(request->head.endpoint);
	const struct directory_endpoint *ep = node_endpoint(node, request->head.dcid, p_nr);
	struct process *process = process_find(node, request->head.dcid, p_nr);
	struct departure *d = calloc(1, sizeof(*d));
	pthread_t thread;

	if (!d) {
		request_fail(request, EDVSALLOCMEM, "no memory");
		return;
	}
	*d = (struct departure){ .node = node,
				 .request = request,
				 .dcid = request->head.dcid,
				 .p_nr = p_nr,
				 .endpoint = directory_endpoint_number(ep, p_nr),
				 .target = request->head.nodeid,
				 .generation = ep->generation,
				 .fd = -1,
				 .dry_run = request->head.flags & CTL_FLAG_DRY_RUN,
				 .lpid = process ? process->lpid : 0,
				 .vpid = process ? process->vpid : 0 };
	d->report = (struct ctl_move){ .dcid = d->dcid,
				       .endpoint = d->endpoint,
				       .from = node->options.id,
				       .to = d->target,
				       .vpid = d->vpid,
				       .dry_run = d->dry_run };
	memcpy(d->report.name, ep->name, sizeof(d->report.name));
	d->begin_ns = (uint64_t)os_now_ns();
	plan_source_init(&d->plan, &PLAN_LIMITS_DEFAULT);
	mailbox_init(&d->mailbox);
	d->next = node->departures;
	node->departures = d;
	mailbox_post(&d->mailbox, PLAN_REQUESTED, 0, 0);
	if (refuse_early(d, process, ep->moving) == 0) {
		if (pthread_create(&thread, NULL, worker, d) == 0) {
			pthread_detach(thread);
			return;
		}
		refusal_set(&d->refusal, EDVSALLOCMEM, "no thread for the migration could be made");
	}
	d->report.result = CTL_MOVE_REFUSED;
	answer(d);
	finish(d);
}

void departure_on_committed(struct node *node, const struct directory_effect *effect)
{
	struct departure *d = departure_of(node, effect);
	struct process *process = process_find(node, effect->dcid, effect->p_nr);

	if (d && process) {
		d->log = process->log;
		if (d->log)
			proc_log_listen(d->log, NULL, NULL);
		process->log = NULL;
		process_move_followers(process, effect->target);
		process_free(process); /* the worker kills the frozen copy */
	}
	process_drop_far_channels(node, effect->dcid, effect->p_nr);
}

void departure_on_rolled_back(struct node *node, const struct directory_effect *effect)
{
	struct departure *d = departure_of(node, effect);

	if (d)
		mailbox_post(&d->mailbox, PLAN_ROLLED_BACK_APPLIED, 0, effect->move);
}

void departure_on_dead(struct node *node, const struct directory_effect *effect)
{
	struct departure *d = departure_of(node, effect);

	if (d)
		mailbox_post(&d->mailbox, PLAN_ENDPOINT_DEAD, 0, effect->move);
}

bool departure_on_process_died(struct node *node, int dcid, int p_nr)
{
	for (struct departure *d = node->departures; d; d = d->next) {
		if (d->dcid != dcid || d->p_nr != p_nr)
			continue;
		mailbox_post(&d->mailbox, PLAN_PROCESS_DIED, EDVSSRCDIED, d->move);
		os_shutdown(d->fd); /* a step that waits for the target need not go on */
		return d->move != 0;
	}
	return false;
}
