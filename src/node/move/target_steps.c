/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/target_part.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "node/bind/backup.h"
#include "node/state/order.h"
#include "node/move/dialogue.h"
#include "node/move/conversations.h"
#include "node/move/foreign.h"
#include "node/move/shell.h"
#include "node/task/output.h"
#include "node/bind/binding.h"
#include "node/task/following.h"
#include "node/task/task.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/secure.h"
#include "os/socket.h"
#include "os/thread.h"

/* The work at the target until it holds the process: the offer, the shell, the image. */

#define LOOK_NS 1000000 /* between two looks at something that is over in a moment */

/* ---- what the engine asks of its host ---- */

static int open_page(struct target *a, const struct foreign *foreign)
{
	struct exchange *exchange = a->moves->exchange;
	const struct page_name *page = &foreign->page;
	struct exchange_channel *channel;
	struct exchange_bell *bell;
	int r;

	switch (foreign->kind) {
	case PAGE_NODE_BELL:
		return exchange_node_bell_fd(exchange);
	case PAGE_BELL:
		/* One that comes as another endpoint has the bell of that one. */
		r = exchange_bell(exchange, page->dcid,
				  a->anew && page->p_nr == a->was_nr ? a->offer.p_nr : page->p_nr,
				  &bell);
		return r < 0 ? r : bell->fd;
	case PAGE_CHANNEL:
		r = exchange_channel(exchange, page->dcid, page->endpoint[0], page->endpoint[1],
				     &channel);
		return r < 0 ? r : channel->fd;
	case PAGE_STATUS:
		return a->binding->status->fd;
	case FOREIGN_LOG:
		return a->binding->task->output ? output_fd(a->binding->task->output) : -ENOENT;
	}
	return -ENOENT;
}

static int open_foreign(void *ctx, const struct foreign_name *name)
{
	struct target *a = ctx;
	struct foreign foreign;
	int fd;

	foreign_decode(name, &foreign);
	os_lock_take(a->moves->lock);
	fd = foreign.kind == PAGE_CHANNEL && (foreign.page.over || a->anew)
		     ? -ESTALE
		     : open_page(a, &foreign);
	if (fd == -ESTALE)
		fd = exchange_remnant(a->moves->exchange, &foreign.page);
	else if (fd >= 0)
		fd = os_dup(fd);
	os_lock_release(a->moves->lock);
	return fd;
}

static int spawn_shell(void *ctx, int vpid, pid_t *lpid, int *sock)
{
	struct target *a = ctx;
	int cgroup, r;

	assert(!os_lock_is_held());
	if (vpid != a->offer.vpid)
		return -EBADMSG;
	os_lock_take(a->moves->lock);
	cgroup = cgroup_make(a->moves->tasks, a->offer.dcid, a->offer.p_nr, a->offer.generation,
			     a->cgroup);
	os_lock_release(a->moves->lock);
	r = shell_start(a->moves->tasks, a->offer.dcid, vpid, cgroup, lpid, &a->shell_pidfd, sock,
			&a->refusal);
	os_close(cgroup);
	return r;
}

/* ---- the steps ---- */

/*
 * The source may have heard of something that this node has not: a move that has just ended is told at
 * once, and the next one may come here.
 */
static void catch_up(struct target *a)
{
	int64_t deadline = os_now_ns() + (int64_t)PLAN_CATCH_UP_NS;
	bool behind = true;

	while (behind && os_now_ns() < deadline && !worker_told(&a->worker)) {
		os_lock_take(a->moves->lock);
		behind = a->moves->order->directory.order < a->offer.order;
		os_lock_release(a->moves->lock);
		if (behind)
			os_thread_sleep_ns(LOOK_NS);
	}
}

/* Whether it is of the very process that the order knows, and says so of both nodes. */
static bool is_as_ordered(const struct target *a, const struct directory_endpoint *ep)
{
	const struct order *order = a->moves->order;
	const struct move_offer *offer = &a->offer;

	return ep->bound && ep->node == a->from && ep->generation == offer->generation &&
	       directory_endpoint_number(ep, offer->p_nr) == offer->endpoint &&
	       ep->vpid == offer->vpid && !memcmp(ep->name, offer->name, sizeof(ep->name)) &&
	       offer->source == a->from && offer->target == order->self &&
	       offer->dc_generation == order->directory.dc[offer->dcid].generation;
}

int target_check_offer(struct target *a)
{
	const struct move_offer *offer = &a->offer;
	const struct directory_endpoint *ep;
	int r = 0;

	catch_up(a);
	os_lock_take(a->moves->lock);
	ep = order_endpoint(a->moves->order, offer->dcid, offer->p_nr);
	if (a->moves->bindings->emptied)
		r = refusal_set(&a->refusal, EDVSRSCBUSY,
				"node %d is being emptied (dvs drain) and takes nothing meanwhile",
				a->moves->order->self);
	else if (!ep || !a->moves->order->directory.dc[offer->dcid].running)
		r = refusal_set(&a->refusal, EDVSDCNOTRUN, "DC %d does not run on node %d",
				offer->dcid, a->moves->order->self);
	else if (!(a->moves->order->directory.dc[offer->dcid].nodes >> a->moves->order->self & 1))
		r = refusal_set(&a->refusal, EDVSDCNODE, "node %d does not belong to DC %d",
				a->moves->order->self, offer->dcid);
	else if (!is_as_ordered(a, ep))
		r = refusal_set(
			&a->refusal, EDVSMIGRATE,
			"what node %d offers is not what the order says of endpoint %d; try "
			"again",
			a->from, offer->p_nr);
	else if (backup_find(a->moves->bindings, offer->dcid, offer->p_nr))
		r = refusal_set(&a->refusal, EDVSSLOTUSED,
				"a backup of endpoint %d stands by on node %d: make it the process "
				"with dvs_migrate, or end it",
				offer->p_nr, a->moves->order->self);
	os_lock_release(a->moves->lock);
	return r;
}

int target_check_addresses(struct target *a)
{
	bool come;

	os_lock_take(a->moves->lock);
	come = directory_services_follow(&a->moves->order->directory, a->offer.dcid, a->offer.p_nr);
	os_lock_release(a->moves->lock);
	return come ? addresses_check(&a->moves->bindings->addresses, a->offer.dcid, &a->refusal)
		    : 0;
}

/* The order has given them to this node, or has them elsewhere. */
void target_take_addresses(struct target *a)
{
	struct addresses *addresses = &a->moves->bindings->addresses;
	struct refusal refusal = REFUSAL_NONE;
	bool come;

	assert(!os_lock_is_held());
	os_lock_take(a->moves->lock);
	come = addresses_serve(addresses, a->offer.dcid);
	os_lock_release(a->moves->lock);
	if (come && addresses_settle(addresses, a->offer.dcid, &refusal) < 0)
		os_log(OS_LOG_ERROR, "%s", refusal.reason);
}

int target_receive_offer(struct target *a)
{
	struct move_offer offer;
	int r = dialogue_receive(a->secure, MOVE_OFFER, &offer, sizeof(offer), DIALOGUE_STEP,
				 &a->refusal);

	assert(!os_lock_is_held());
	if (r < 0)
		return r;
	offer.name[sizeof(offer.name) - 1] = 0;
	if (offer.dcid < 0 || offer.dcid >= SHM_DCS || offer.p_nr < -SHM_TASKS ||
	    offer.p_nr >= SHM_SLOTS - SHM_TASKS)
		return refusal_set(&a->refusal, EDVSBADREQUEST, "the offer is malformed");
	os_lock_take(a->moves->lock); /* from now on the order's effects find this move */
	a->offer = offer;
	a->worker.endpoint = offer.p_nr;
	os_lock_release(a->moves->lock);
	return 0;
}

struct migrate_host target_host(struct target *a)
{
	return (struct migrate_host){ .open = open_foreign,
				      .spawn_shell = spawn_shell,
				      .store = a->moves->store,
				      .store_bytes = a->moves->store_bytes,
				      .carry_files = a->offer.carries,
				      .own_rights = a->own_rights,
				      .ctx = a };
}

int target_check(struct target *a)
{
	struct migrate_host host = target_host(a);
	int r;

	assert(!a->target);
	assert(!os_lock_is_held());
	a->target = migrate_target_new(&host);
	if (!a->target)
		return refusal_set(&a->refusal, EDVSALLOCMEM, "no memory on the target");
	worker_fault(&a->worker, "target-check");
	r = target_check_offer(a);
	if (r == 0)
		r = target_check_addresses(a);
	if (r == 0)
		r = migrate_target_check(a->target, a->secure, &a->refusal);
	if (r == 0 && !a->offer.dry_run && migrate_target_wants(a->target)) {
		r = dialogue_want(a->secure, &a->refusal);
		if (r == 0)
			r = migrate_target_carry(a->target, a->secure, &a->refusal);
	}
	/* In a move the shell is cleared while the source waits for its START. */
	if (r == 0 && a->offer.dry_run)
		r = migrate_target_clear(a->target, &a->refusal);
	worker_fault(&a->worker, "target-checked");
	return r;
}

/* The state is that of the offer, of the move that the order has started; its word may come a moment later. */
int target_check_state(struct target *a)
{
	const struct move_state *state = (const struct move_state *)a->state;
	int64_t deadline = os_now_ns() + (int64_t)PLAN_CATCH_UP_NS;
	bool known = false, over = false;

	if (state->dcid != a->offer.dcid || state->endpoint != a->offer.endpoint ||
	    state->generation != a->offer.generation || state->vpid != a->offer.vpid)
		return refusal_set(&a->refusal, EDVSBADREQUEST, "the state is of another process");
	while (!known && !over && os_now_ns() < deadline && !worker_told(&a->worker)) {
		const struct directory_endpoint *ep;

		os_lock_take(a->moves->lock);
		ep = order_endpoint(a->moves->order, a->offer.dcid, a->offer.p_nr);
		known = ep->moving && ep->move == state->move &&
			ep->target == a->moves->order->self &&
			ep->generation == state->generation && ep->node == a->from;
		/* The source, or this life of the endpoint, has ended: the word will not come. */
		over = !a->moves->order->directory.node[a->from].up ||
		       (int32_t)(ep->generation - state->generation) > 0;
		os_lock_release(a->moves->lock);
		if (!known && !over)
			os_thread_sleep_ns(LOOK_NS / 10);
	}
	return known ? 0
		     : refusal_set(&a->refusal, EDVSMIGRATE,
				   "the order has not started the move that the state is of");
}

/* The entry with its pages and its output, so that the engine can map them; unbound so far. */
int target_prepare_process(struct target *a)
{
	const struct move_state *state = (const struct move_state *)a->state;
	const uint8_t *log_bytes =
		a->state + sizeof(*state) + state->channel_count * sizeof(struct move_channel);
	pid_t lpid = migrate_target_pid(a->target);
	struct output *output;
	struct task *task;
	int r;

	assert(!a->binding);
	os_lock_take(a->moves->lock);
	r = task_new(a->moves->tasks, lpid, lpid, a->offer.vpid, a->shell_pidfd, &task);
	if (r == 0) {
		a->pidfd = os_dup(a->shell_pidfd);
		a->shell_pidfd = -1;
		task->managed = true;
		task->loading = true;
		task->dcid = a->offer.dcid;
		memcpy(task->cgroup, a->cgroup, sizeof(a->cgroup));
		a->cgroup[0] = 0;
		os_kept_note(&task->in_state);
		r = binding_new(task, BINDING_ARRIVING, a->offer.dcid, a->offer.p_nr,
				a->offer.endpoint, a->offer.generation, &a->binding);
		if (r < 0)
			task_free(task);
	}
	if (r == 0)
		r = output_new(a->moves->tasks->loop, state->log_limit, &output);
	if (r == 0) {
		output_import(output, log_bytes, state->log_bytes);
		following_take_output(task, output, state->log_start);
		conversations_unpack_status(a->binding, a->state);
	}
	os_lock_release(a->moves->lock);
	return r < 0 ? refusal_set(&a->refusal, EDVSALLOCMEM, "no memory on the target") : 0;
}

int target_load(struct target *a)
{
	uint32_t len;
	int r;

	assert(!a->state);
	assert(!os_lock_is_held());
	worker_fault(&a->worker, "target-load");
	migrate_target_clear(a->target, &a->refusal); /* the load tells of a failure */
	r = dialogue_receive_any(a->secure, MOVE_STATE, &a->state, &len, &a->refusal);

	if (r == 0 && conversations_check(a->state, len) < 0)
		r = refusal_set(&a->refusal, EDVSBADREQUEST,
				"the process's channels are malformed");
	if (r == 0)
		r = target_prepare_process(a);
	if (r == 0)
		r = migrate_target_load(a->target, a->secure, &a->refusal);
	if (r == 0)
		r = target_check_state(a);
	if (r == 0)
		a->binding->task->cpu_owed_ns = migrate_target_stats(a->target)->cpu_owed_ns;
	worker_fault(&a->worker, "target-loaded");
	return r;
}
