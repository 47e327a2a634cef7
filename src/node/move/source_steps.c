/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/source_part.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "node/move/dialogue.h"
#include "node/move/conversations.h"
#include "node/move/foreign.h"
#include "node/task/output.h"
#include "node/bind/binding.h"
#include "node/state/order.h"
#include "node/task/following.h"
#include "node/task/task.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/pid.h"
#include "os/loop.h"
#include "os/secure.h"
#include "os/socket.h"
#include "os/tcp.h"
#include "os/thread.h"
#include "proxy/proxy.h"

/* The work on a process that leaves: on the process, on its pages and on the connection to the target. */

#define CONNECT_LOOK_NS 20000000
#define QUIET_LOOK_NS	20000

/* ---- what the engine asks of its host ---- */

static bool identify(void *ctx, uint64_t device, uint64_t inode, struct foreign_name *name)
{
	struct source *d = ctx;
	struct foreign foreign = { 0 };
	const struct task *root;
	bool found;

	os_lock_take(d->moves->lock);
	root = source_root(d);
	if (root && root->output && output_is(root->output, device, inode)) {
		foreign.kind = FOREIGN_LOG;
		found = true;
	} else {
		found = exchange_identify(d->moves->exchange, device, inode, &foreign.page);
		foreign.kind = foreign.page.kind;
	}
	os_lock_release(d->moves->lock);
	if (found)
		foreign_encode(&foreign, name);
	return found;
}

static bool recall(void *ctx, int fd, struct foreign_name *name)
{
	struct foreign foreign = { 0 };

	(void)ctx;
	if (!exchange_recall(fd, &foreign.page))
		return false;
	foreign.kind = foreign.page.kind;
	foreign_encode(&foreign, name);
	return true;
}

/* One that has no page yet counts no exchanges: its connection itself is looked for. */
static bool connects(const pid_t *pids, int count)
{
	bool found = false;

	for (int i = 0; i < count && !found; i++)
		found = os_pid_connects_here(pids[i]);
	return found;
}

/* One of them is in the middle of an exchange with us. *countp: how many there were. */
static bool is_asking(struct source *d, uint32_t *countp)
{
	pid_t silent[1 + COMMAND_FELLOWS_MAX];
	bool asking = false;
	int count = 0;

	*countp = 0;
	os_lock_take(d->moves->lock);
	for (int i = 0; i <= d->fellows; i++) {
		const struct binding *binding = source_binding_of(d, i);
		const struct status_page *page = binding ? binding->status->page : NULL;

		if (!page)
			continue;
		asking = asking || page->in_control;
		if (!page->attached)
			silent[count++] = binding->task->tgid;
		*countp += page->exchanges + page->attached; /* the first one attached it */
	}
	os_lock_release(d->moves->lock);
	return asking || connects(silent, count);
}

static bool busy(void *ctx)
{
	uint32_t count;

	return is_asking(ctx, &count);
}

/* ---- the steps; each returns 0 or has filled d->refusal ---- */

/* Counts the exchanges with us, which show as a socket; UINT32_MAX while one is under way. */
static uint32_t exchanges(struct source *d)
{
	uint32_t count;

	return is_asking(d, &count) ? UINT32_MAX : count;
}

/*
 * Lets the processes begin no exchange with us, and waits for the one under way: it would be seen as a
 * socket, and a process cannot be stopped in it.
 */
static void quieten(struct source *d)
{
	int64_t deadline = os_now_ns() + (int64_t)PLAN_QUIET_NS;

	os_lock_take(d->moves->lock);
	for (int i = 0; i <= d->fellows; i++) {
		struct binding *binding = source_binding_of(d, i);

		if (binding)
			atomic_store(&binding->status->page->quiet, 1);
	}
	os_lock_release(d->moves->lock);
	while (busy(d) && os_now_ns() < deadline && !worker_told(&d->worker))
		os_thread_sleep_ns(QUIET_LOOK_NS);
}

static void let_talk(struct source *d)
{
	os_lock_take(d->moves->lock);
	for (int i = 0; i <= d->fellows; i++) {
		struct binding *binding = source_binding_of(d, i);

		if (!binding)
			continue;
		atomic_store(&binding->status->page->quiet, 0);
		binding_poke(binding);
	}
	os_lock_release(d->moves->lock);
}

static uint64_t cpu_owed(struct source *d)
{
	const struct task *root;
	uint64_t owed_ns;

	os_lock_take(d->moves->lock);
	root = source_root(d);
	owed_ns = root ? root->cpu_owed_ns : 0;
	os_lock_release(d->moves->lock);
	return owed_ns;
}

static void report_cpu_time(struct source *d)
{
	const struct migrate_stats *stats = migrate_source_stats(d->tracee);

	d->report.cpu_used_ns = stats->cpu_used_ns;
	d->report.cpu_limited = (stats->cpu_counted & MIGRATE_CPU_LIMIT) != 0;
	d->report.cpu_timed = (stats->cpu_counted & MIGRATE_CPU_TIMERS) != 0;
}

static int offspring(void *ctx, pid_t *pids, int max)
{
	struct source *d = ctx;
	const struct task *root;
	int count;

	os_lock_take(d->moves->lock);
	root = source_root(d);
	count = root ? cgroup_others(root, pids, max) : -1;
	os_lock_release(d->moves->lock);
	return count;
}

/* Processes of its control group that are neither descendants nor orphans: somebody put them there. */
static int check_left_behind(struct source *d)
{
	pid_t pids[CGROUP_OTHERS_MAX];
	int others = offspring(d, pids, CGROUP_OTHERS_MAX);

	for (int i = 0; i < others && i < CGROUP_OTHERS_MAX; i++)
		if (!migrate_source_has(d->tracee, pids[i]) && os_tgid_of(pids[i]) > 0)
			return refusal_set(
				&d->refusal, EDVSPROCSTS,
				"process %d is in the control group of the process and does not "
				"descend from it, so that it cannot move with it; let it end first",
				(int)pids[i]);
	return 0;
}

/* Frozen: while they run they start new ones at any time. */
static int check_kin(struct source *d)
{
	int r = check_left_behind(d);

	return r ? r : source_check_fellows(d);
}

/* A process that talks to us during the check may show our own socket: look again. */
int source_check(struct source *d)
{
	struct migrate_host host = { .identify = identify,
				     .recall = recall,
				     .moves = source_address_moves,
				     .busy = busy,
				     .offspring = offspring,
				     .cpu_owed_ns = cpu_owed(d),
				     .ctx = d };
	/* For all tries together: a process that is stopped in an exchange with us never ends it. */
	int64_t deadline = os_now_ns() + (int64_t)PLAN_LOOK_AGAIN_NS;

	assert(!os_lock_is_held());
	worker_fault(&d->worker, "source-check");
	for (;;) {
		uint32_t before;
		int r = source_find_fellows(d);

		if (r < 0)
			return r;
		quieten(d);
		before = exchanges(d);

		d->tracee = migrate_source_new(d->lpid, &host);
		r = d->tracee ? migrate_source_check(d->tracee, &d->refusal)
			      : refusal_set(&d->refusal, EDVSALLOCMEM,
					    "no memory to look at the process");
		let_talk(d);
		if (!d->tracee)
			return r;
		if (r == 0)
			r = source_check_fellows(d);
		if (r == 0)
			report_cpu_time(d);
		if (r == 0 || os_now_ns() >= deadline || worker_told(&d->worker) ||
		    os_is_stopped(d->lpid) || (before != UINT32_MAX && before == exchanges(d)))
			return r;
		migrate_source_free(d->tracee);
		refusal_clear(&d->refusal);
	}
}

/*
 * The link may be on its way to being there again, after a restart for instance, or the target may be
 * about to hear of this node's life from the order: a while for that.
 */
static int connect_to_target(struct source *d, struct secure **securep)
{
	int64_t deadline = os_now_ns() + (int64_t)PLAN_CONNECT_NS;

	for (;;) {
		struct proxy_call call;
		int r;

		os_lock_take(d->moves->lock);
		r = proxy_call_prepare(d->moves->proxy, d->target, FRAME_KIND_BULK, &call);
		os_lock_release(d->moves->lock);
		if (r == 0)
			r = proxy_call_connect(&call, (int)(PLAN_CONNECT_NS / OS_MS_NS), securep);
		if ((r != -ENOTCONN && r != -EACCES) || os_now_ns() > deadline ||
		    worker_told(&d->worker))
			return r;
		os_thread_sleep_ns(CONNECT_LOOK_NS);
	}
}

/* Lock held. */
static void name_fellows(const struct source *d, struct move_offer *offer)
{
	offer->fellows = (uint32_t)d->fellows;
	for (int i = 0; i < d->fellows; i++) {
		const struct mover *mover = &d->fellow[i];

		offer->fellow[i] = (struct move_fellow){ .endpoint = mover->endpoint,
							 .vpid = mover->vpid,
							 .generation = mover->generation };
		memcpy(offer->fellow[i].name,
		       order_endpoint(d->moves->order, d->dcid, mover->p_nr)->name,
		       sizeof(offer->fellow[i].name));
	}
}

int source_offer(struct source *d)
{
	struct move_offer offer = { .dcid = d->dcid,
				    .p_nr = d->p_nr,
				    .endpoint = d->endpoint,
				    .vpid = d->vpid,
				    .generation = d->generation,
				    .dry_run = d->dry_run,
				    .carries = d->carries,
				    .source = d->moves->order->self,
				    .target = d->target,
				    .root = d->root };
	struct secure *secure;
	struct move_verdict verdict;
	int r;

	assert(!os_lock_is_held());
	os_lock_take(d->moves->lock);
	offer.order = d->moves->order->directory.order;
	offer.dc_generation = d->moves->order->directory.dc[d->dcid].generation;
	memcpy(offer.name, order_endpoint(d->moves->order, d->dcid, d->p_nr)->name,
	       sizeof(offer.name));
	name_fellows(d, &offer);
	os_lock_release(d->moves->lock);
	worker_fault(&d->worker, "source-offer");
	r = connect_to_target(d, &secure);
	if (r < 0)
		return refusal_set(&d->refusal, EDVSNOTCONN,
				   "node %d cannot be reached (%s); try again when the link is up",
				   d->target,
				   r == -EACCES ? "it does not know this node yet" : strerror(-r));
	os_lock_take(d->moves->lock);
	d->secure = secure;
	if (worker_told(&d->worker)) /* before there was something to shut down */
		os_shutdown(secure_fd(d->secure));
	os_lock_release(d->moves->lock);
	os_tcp_notice_loss(secure_fd(d->secure), DIALOGUE_LOSS_MS);
	r = dialogue_send(d->secure, MOVE_OFFER, &offer, sizeof(offer), DIALOGUE_STEP, &d->refusal);
	if (r == 0)
		r = migrate_source_offer(d->tracee, d->secure, &d->refusal);
	if (r == 0)
		r = dialogue_await(d->secure, &verdict, DIALOGUE_STEP, &d->refusal);
	if (r == 0 && d->carries && verdict.wants) {
		r = migrate_source_carry(d->tracee, d->secure, &d->refusal);
		if (r == 0)
			r = dialogue_await(d->secure, &verdict, DIALOGUE_STEP, &d->refusal);
	}
	if (r == 0)
		d->report.pid = verdict.pid;
	if (r < 0 && !migrate_source_has_its_files(d->tracee)) {
		refusal_clear(&d->refusal);
		r = refusal_set(&d->refusal, EDVSBUSY,
				"a file of the process was replaced or deleted while the target "
				"looked at it; try again");
	}
	return r;
}

void source_thaw(struct source *d)
{
	struct refusal ignored = REFUSAL_NONE;

	assert(!os_lock_is_held());
	source_give_far_ends(d);
	source_end_silence(d);
	migrate_source_thaw(d->tracee, &ignored);
}

int source_try(struct source *d)
{
	struct refusal ignored = REFUSAL_NONE;
	int r;

	assert(!os_lock_is_held());
	quieten(d);
	r = migrate_source_freeze(d->tracee, &d->refusal);
	if (r == 0) {
		r = check_kin(d);
		if (r == 0)
			r = migrate_source_try(d->tracee, &d->refusal);
		report_cpu_time(d);
		migrate_source_thaw(d->tracee, &ignored);
	}
	let_talk(d);
	return r;
}

/* Refused: runs on as if nothing had been. */
int source_freeze(struct source *d)
{
	int r;

	assert(d->tracee);
	assert(!os_lock_is_held());
	quieten(d);
	r = migrate_source_freeze(d->tracee, &d->refusal);
	let_talk(d); /* now it cannot, and when it runs again it may */
	worker_fault(&d->worker, "source-frozen");
	if (r == 0)
		r = check_kin(d);
	if (r == 0)
		r = source_take_far_ends(d);
	if (r == 0)
		r = source_silence(d);
	if (r < 0)
		source_thaw(d);
	return r;
}

/* The conversations of one that moves. The first has the log of all with it. */
static int send_state(struct source *d, int i)
{
	struct binding *binding;
	struct task *root;
	uint8_t *bytes = NULL;
	uint32_t len = 0;
	int r = -ESRCH;

	os_lock_take(d->moves->lock);
	binding = source_binding_of(d, i);
	root = i == 0 ? source_root(d) : NULL;
	if (root && root->output)
		output_drain(root->output);
	if (binding)
		r = conversations_pack(binding, root, d->worker.driver.source.move, &bytes, &len);
	os_lock_release(d->moves->lock);
	if (r < 0)
		return r == -ENOMEM ? refusal_set(&d->refusal, EDVSALLOCMEM,
						  "no memory for the state of the process")
				    : source_refuse_gone(d, i);
	r = dialogue_send(d->secure, MOVE_STATE, bytes, len, DIALOGUE_STEP, &d->refusal);
	free(bytes);
	d->report.sent_bytes += len;
	return r;
}

int source_send(struct source *d)
{
	int64_t begin = os_now_ns();
	int r = 0;

	assert(d->tracee);
	assert(!os_lock_is_held());
	for (int i = 0; i <= d->fellows && r == 0; i++)
		r = send_state(d, i);
	if (r < 0)
		return r;
	r = migrate_source_send(d->tracee, d->secure, &d->refusal);
	d->report.image_bytes = migrate_source_stats(d->tracee)->image_bytes;
	report_cpu_time(d);
	d->report.sent_bytes += d->report.image_bytes;
	d->report.transfer_ns = (uint64_t)(os_now_ns() - begin);
	worker_fault(&d->worker, "source-sent");
	return r;
}

bool source_has_died(struct source *d)
{
	struct binding *binding;
	bool died;

	assert(!os_lock_is_held());
	os_lock_take(d->moves->lock);
	binding = source_binding(d);
	died = !binding || binding->task->ended || os_poll(binding->task->pidfd, OS_READ, 0) == 0;
	os_lock_release(d->moves->lock);
	return died;
}

int source_await_loaded(struct source *d)
{
	int64_t begin = os_now_ns();
	struct move_verdict verdict;
	int r = dialogue_await(d->secure, &verdict, DIALOGUE_STEP, &d->refusal);

	assert(!os_lock_is_held());
	d->report.transfer_ns += (uint64_t)(os_now_ns() - begin);
	if (r == 0 && !migrate_source_is_whole(d->tracee))
		r = refusal_set(&d->refusal, EDVSSRCDIED,
				"a process that descends from the process was killed during the "
				"move");
	return r;
}

/* Its log and those that follow it go with it; the worker kills the frozen copies. */
static void release_root(struct source *d, struct task *root)
{
	d->output = following_give_output(root);
	following_move(root, d->target);
	if (!root->bindings)
		task_free(root);
}

void source_release(struct source *d)
{
	struct task *root = source_root(d);

	assert(!d->output);
	assert(os_lock_protects());
	if (root && source_binding(d))
		release_root(d, root);
	for (int i = 0; i <= d->fellows; i++) {
		struct binding *binding = source_binding_of(d, i);

		if (binding)
			binding_move_away(binding);
	}
	/* Only now: those between two of them are nobody's here. */
	for (int i = 0; i <= d->fellows; i++)
		binding_drop_far_channels(d->moves->bindings, d->dcid, source_mover(d, i).p_nr);
}

/*
 * The target's word that it runs ends the downtime; without it the order's word is enough to kill. A target that waits
 * for file locks of the process says nothing before that has ended here.
 */
void source_kill(struct source *d)
{
	struct refusal ignored = REFUSAL_NONE;
	struct move_signals late = { 0 };
	struct move_verdict verdict;

	assert(!os_lock_is_held());
	bool excludes = migrate_source_excludes(d->tracee);

	if (excludes)
		migrate_source_kill(d->tracee, NULL, &ignored);
	if (dialogue_await(d->secure, &verdict, DIALOGUE_LAST_WORDS, &ignored) == 0)
		d->report.pid = verdict.pid;
	d->report.downtime_ns = (uint64_t)os_now_ns() - migrate_source_stats(d->tracee)->freeze_ns;
	if (!excludes)
		migrate_source_kill(d->tracee, NULL, &ignored);
	source_end_silence(d);
	for (uint32_t i = 0; migrate_source_late(d->tracee, i, &late.vpid, &late.bits); i++) {
		int32_t vpid;
		uint64_t bits;

		late.more = migrate_source_late(d->tracee, i + 1, &vpid, &bits);
		dialogue_send(d->secure, MOVE_SIGNALS, &late, sizeof(late), DIALOGUE_LAST_WORDS,
			      &ignored);
	}
}
