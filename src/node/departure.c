/* SPDX-License-Identifier: Apache-2.0 */
#include "node/departure.h"

#include <errno.h>
#include <pthread.h>
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
#include "node/node.h"
#include "node/order.h"
#include "node/process.h"
#include "node/request.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/self.h"
#include "os/socket.h"
#include "proxy/proxy.h"

/*
 * The source side: one worker thread a migration. What it has done so far is undone from the bottom:
 *
 *	check          read-only
 *	offer          target has looked, its shell waits
 *	start          ordered: everyone holds what goes to the endpoint
 *	freeze         all threads stopped, the far ends are the daemon's
 *	send           target has it loaded and held
 *	commit         ordered. Until it is delivered the source's copy is the process (I5); once it was
 *	               handed to the order, the order alone decides: without an answer the process stays
 *	               frozen, because the other copy may be running.
 *	release        copy killed
 */

#define COPIES_TIMEOUT_NS 1000000000

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
	bool committed;
	bool dry_run;
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

static int check(struct departure *d)
{
	struct migrate_host host = { .identify = identify, .busy = busy, .ctx = d };

	d->source = migrate_source_new(d->lpid, &host);
	if (!d->source)
		return refusal_set(&d->refusal, EDVSALLOCMEM, "no memory to look at the process");
	return migrate_source_check(d->source, &d->refusal);
}

static int offer(struct departure *d)
{
	struct move_offer offer = { .dcid = d->dcid, .p_nr = d->p_nr, .endpoint = d->endpoint,
				    .vpid = d->vpid, .generation = d->generation,
				    .dry_run = d->dry_run };
	struct move_verdict verdict;
	uint32_t address;
	int r;

	node_lock(d->node);
	address = d->node->directory.node[d->target].address;
	offer.dc_generation = d->node->directory.dc[d->dcid].generation;
	memcpy(offer.name, node_endpoint(d->node, d->dcid, d->p_nr)->name, sizeof(offer.name));
	node_unlock(d->node);
	d->fd = proxy_bulk_connect(address, d->node->options.port, d->node->options.id, 2000);
	if (d->fd < 0)
		return refusal_set(&d->refusal, EDVSNOTCONN,
				   "node %d cannot be reached (%s); try again when the link is up",
				   d->target, strerror(-d->fd));
	r = bulk_send(d->fd, MOVE_OFFER, &offer, sizeof(offer), &d->refusal);
	if (r == 0)
		r = migrate_source_offer(d->source, d->fd, &d->refusal);
	if (r == 0)
		r = bulk_await(d->fd, &verdict, BULK_TIMEOUT_MS, &d->refusal);
	if (r == 0)
		d->report.pid = verdict.pid;
	return r;
}

static int refuse_code(struct departure *d, int code, const char *step)
{
	return refusal_set(&d->refusal, code, "the cluster did not accept the %s: %s", step,
			   result_text(code));
}

static int start(struct departure *d)
{
	struct command cmd = { .kind = COMMAND_MOVE_START, .dcid = d->dcid, .p_nr = d->p_nr,
			       .generation = d->generation, .target = d->target };
	struct directory_result result;

	node_lock(d->node);
	order_propose_wait(d->node, &cmd, &result);
	d->move = result.move;
	node_unlock(d->node);
	return result.code < 0 ? refuse_code(d, result.code, "start of the migration") : 0;
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

static int freeze(struct departure *d)
{
	int r = migrate_source_freeze(d->source, &d->refusal);

	if (r == 0)
		fault_point("source-frozen");
	return r == 0 ? take_far_ends(d) : r;
}

static int send_all(struct departure *d)
{
	struct move_verdict verdict;
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
	d->report.transfer_ns = (uint64_t)os_now_ns();
	r = bulk_send(d->fd, MOVE_STATE, bytes, len, &d->refusal);
	free(bytes);
	if (r == 0)
		r = migrate_source_send(d->source, d->fd, &d->refusal);
	fault_point("source-sent");
	if (r == 0)
		r = bulk_await(d->fd, &verdict, 30000, &d->refusal);
	d->report.transfer_ns = (uint64_t)os_now_ns() - d->report.transfer_ns;
	d->report.sent_bytes = migrate_source_stats(d->source)->image_bytes + len;
	d->report.image_bytes = migrate_source_stats(d->source)->image_bytes;
	return r;
}

/* 0 committed; refusal: refused by the order; never returns without knowing which. */
static int commit(struct departure *d)
{
	struct command cmd = { .kind = COMMAND_MOVE_COMMIT, .dcid = d->dcid, .p_nr = d->p_nr,
			       .generation = d->generation, .target = d->target,
			       .move = d->move };
	struct directory_result result;

	fault_point("source-commit");
	node_lock(d->node);
	order_propose_wait(d->node, &cmd, &result);
	while (result.code == EDVSNOCONN && !d->node->stopping) {
		node_unlock(d->node);
		os_self_sleep_ms(100);
		node_lock(d->node);
		if (d->committed)
			result.code = 0;
	}
	node_unlock(d->node);
	return result.code < 0 ? refuse_code(d, result.code, "commit of the migration") : 0;
}

static void release(struct departure *d)
{
	struct refusal ignored = REFUSAL_NONE;
	struct move_verdict verdict;

	if (bulk_await(d->fd, &verdict, BULK_TIMEOUT_MS, &ignored) == 0)
		d->report.pid = verdict.pid;
	d->report.downtime_ns =
		(uint64_t)os_now_ns() - migrate_source_stats(d->source)->freeze_ns;
	migrate_source_kill(d->source, NULL, &ignored);
}

/* Frozen or not, started or not: back to where it was. */
static void roll_back(struct departure *d, bool started)
{
	struct command cmd = { .kind = COMMAND_MOVE_ROLLBACK, .dcid = d->dcid, .p_nr = d->p_nr,
			       .generation = d->generation, .move = d->move };
	struct refusal ignored = REFUSAL_NONE;
	struct directory_result result;
	struct process *process;

	if (d->fd >= 0)
		d->fd = os_close(d->fd); /* the target discards what it has */
	node_lock(d->node);
	process = process_of(d);
	if (process && process->state == PROCESS_LEAVING) {
		process->state = PROCESS_BOUND;
		exchange_unhold(d->node->exchange, d->dcid, d->p_nr, 0);
		process_refresh_channels(process);
	}
	node_unlock(d->node);
	migrate_source_thaw(d->source, &ignored);
	if (!started)
		return;
	node_lock(d->node);
	order_propose_wait(d->node, &cmd, &result);
	node_unlock(d->node);
}

static int run(struct departure *d)
{
	int64_t begin = os_now_ns();
	bool started = false;
	int r = check(d);

	if (r == 0)
		r = offer(d);
	if (r == 0 && d->dry_run)
		return 0;
	if (r == 0)
		r = start(d);
	if (r == 0) {
		started = true;
		r = freeze(d);
	}
	if (r == 0)
		r = send_all(d);
	if (r == 0)
		r = commit(d);
	if (r == 0) {
		release(d);
		d->report.total_ns = (uint64_t)(os_now_ns() - begin);
		d->report.rounds = 1;
		return 0;
	}
	roll_back(d, started);
	d->report.total_ns = (uint64_t)(os_now_ns() - begin);
	d->report.result = started ? CTL_MOVE_ROLLED_BACK : CTL_MOVE_REFUSED;
	return r;
}

static void answer(struct departure *d)
{
	struct request *request = d->request;

	if (d->refusal.error) {
		d->report.error = d->refusal.error;
		if (d->report.result == CTL_MOVE_COMMITTED)
			d->report.result = CTL_MOVE_REFUSED;
		snprintf(d->report.reason, sizeof(d->report.reason), "%s", d->refusal.reason);
	}
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

static void *worker(void *arg)
{
	struct departure *d = arg;

	run(d);
	d->source = (migrate_source_free(d->source), NULL);
	os_close(d->fd);
	node_lock(d->node);
	for (struct departure **link = &d->node->departures; *link; link = &(*link)->next) {
		if (*link == d) {
			*link = d->next;
			break;
		}
	}
	proc_log_free(d->log);
	answer(d);
	node_unlock(d->node);
	free(d);
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
				   "dvs_migrate -c", d->endpoint);
	if (moving || process->state != PROCESS_BOUND)
		return refusal_set(&d->refusal, EDVSMIGRATE,
				   "endpoint %d is migrating already; wait for its end or roll it "
				   "back with dvs_migrate -r", d->endpoint);
	if (!process->managed || process->lpid != process->tgid)
		return refusal_set(&d->refusal, EDVSBADPID,
				   "process %d was not started by dvs run, so its pid may be taken "
				   "elsewhere; start it with dvs run", process->lpid);
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
	*d = (struct departure){ .node = node, .request = request, .dcid = request->head.dcid,
				 .p_nr = p_nr, .endpoint = directory_endpoint_number(ep, p_nr),
				 .target = request->head.nodeid, .generation = ep->generation,
				 .fd = -1, .dry_run = request->head.flags & CTL_FLAG_DRY_RUN,
				 .lpid = process ? process->lpid : 0,
				 .vpid = process ? process->vpid : 0 };
	d->report = (struct ctl_move){ .dcid = d->dcid, .endpoint = d->endpoint,
				       .from = node->options.id, .to = d->target,
				       .vpid = d->vpid, .dry_run = d->dry_run };
	memcpy(d->report.name, ep->name, sizeof(d->report.name));
	if (refuse_early(d, process, ep->moving) < 0) {
		answer(d);
		free(d);
		return;
	}
	d->next = node->departures;
	node->departures = d;
	if (pthread_create(&thread, NULL, worker, d) == 0) {
		pthread_detach(thread);
		return;
	}
	node->departures = d->next;
	refusal_set(&d->refusal, EDVSALLOCMEM, "no thread for the migration could be made");
	answer(d);
	free(d);
}

void departure_on_committed(struct node *node, const struct directory_effect *effect)
{
	struct departure *d = departure_of(node, effect);
	struct process *process = process_find(node, effect->dcid, effect->p_nr);

	if (d && process) {
		d->committed = true;
		d->log = process->log;
		if (d->log)
			proc_log_listen(d->log, NULL, NULL);
		process->log = NULL;
		process_move_followers(process, effect->target);
		process_free(process); /* the worker kills the frozen copy */
	}
	process_drop_far_channels(node, effect->dcid, effect->p_nr);
}

/* By somebody else than the worker: the target has left, or a rollback by hand. */
void departure_on_rolled_back(struct node *node, const struct directory_effect *effect)
{
	struct departure *d = departure_of(node, effect);

	if (d)
		os_shutdown(d->fd); /* wakes the worker, which finds its commit refused */
}

void departure_on_dead(struct node *node, const struct directory_effect *effect)
{
	departure_on_rolled_back(node, effect);
}
