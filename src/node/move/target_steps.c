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

struct move_fellow target_mover(const struct target *a, int i)
{
	struct move_fellow first = { .endpoint = a->offer.endpoint,
				     .vpid = a->offer.vpid,
				     .generation = a->offer.generation };

	assert(i >= 0 && i < target_arrivals(a));
	if (i > 0)
		return a->offer.fellow[i - 1];
	memcpy(first.name, a->offer.name, sizeof(first.name));
	return first;
}

/*
 * The status page of that endpoint here. The only one that arrives may come as another endpoint than it was, and of one
 * that is over nobody knows which it was.
 */
static int status_fd(const struct target *a, const struct page_name *page)
{
	int at = 0;

	while (a->offer.fellows && !page->over && at < target_arrivals(a) &&
	       a->arrival[at].binding->p_nr != page->p_nr)
		at++;
	return at < target_arrivals(a) ? a->arrival[at].binding->status->fd : -ESTALE;
}

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
		return status_fd(a, page);
	case FOREIGN_LOG:
		return a->root->output ? output_fd(a->root->output) : -ENOENT;
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
	if (vpid != a->offer.root)
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

/* Whether it is the very life that the order knows, of the same process. */
static bool is_as_ordered(const struct target *a, const struct move_fellow *mover)
{
	const struct directory_endpoint *ep =
		order_endpoint(a->moves->order, a->offer.dcid, _ENDPOINT_P(mover->endpoint));

	return ep && ep->bound && ep->node == a->from && ep->generation == mover->generation &&
	       directory_endpoint_number(ep, _ENDPOINT_P(mover->endpoint)) == mover->endpoint &&
	       ep->vpid == mover->vpid && !memcmp(ep->name, mover->name, sizeof(ep->name));
}

/* It says of both nodes, and of the DC, what is so. */
static bool is_of_this_move(const struct target *a)
{
	const struct order *order = a->moves->order;
	const struct move_offer *offer = &a->offer;

	return offer->source == a->from && offer->target == order->self &&
	       offer->dc_generation == order->directory.dc[offer->dcid].generation &&
	       _ENDPOINT_P(offer->endpoint) == offer->p_nr;
}

static int refuse_otherwise(struct target *a, int p_nr)
{
	return refusal_set(
		&a->refusal, EDVSMIGRATE,
		"what node %d offers is not what the order says of endpoint %d; try again", a->from,
		p_nr);
}

/* Lock held. */
static int check_mover(struct target *a, int i)
{
	struct move_fellow mover = target_mover(a, i);
	int p_nr = _ENDPOINT_P(mover.endpoint);

	if (!is_as_ordered(a, &mover))
		return refuse_otherwise(a, p_nr);
	if (backup_find(a->moves->bindings, a->offer.dcid, p_nr))
		return refusal_set(
			&a->refusal, EDVSSLOTUSED,
			"a backup of endpoint %d stands by on node %d: make it the process "
			"with dvs_migrate, or end it",
			p_nr, a->moves->order->self);
	return 0;
}

int target_check_offer(struct target *a)
{
	const struct move_offer *offer = &a->offer;
	const struct directory_dc *dc;
	int r = 0;

	catch_up(a);
	os_lock_take(a->moves->lock);
	dc = &a->moves->order->directory.dc[offer->dcid];
	if (a->moves->bindings->emptied)
		r = refusal_set(&a->refusal, EDVSRSCBUSY,
				"node %d is being emptied (dvs drain) and takes nothing meanwhile",
				a->moves->order->self);
	else if (!order_endpoint(a->moves->order, offer->dcid, offer->p_nr) || !dc->running)
		r = refusal_set(&a->refusal, EDVSDCNOTRUN, "DC %d does not run on node %d",
				offer->dcid, a->moves->order->self);
	else if (!(dc->nodes >> a->moves->order->self & 1))
		r = refusal_set(&a->refusal, EDVSDCNODE, "node %d does not belong to DC %d",
				a->moves->order->self, offer->dcid);
	else if (!is_of_this_move(a))
		r = refuse_otherwise(a, offer->p_nr);
	for (int i = 0; i < target_arrivals(a) && r == 0; i++)
		r = check_mover(a, i);
	os_lock_release(a->moves->lock);
	return r;
}

int target_check_addresses(struct target *a)
{
	bool come = false;

	os_lock_take(a->moves->lock);
	for (int i = 0; i < target_arrivals(a) && !come; i++)
		come = directory_services_follow(&a->moves->order->directory, a->offer.dcid,
						 _ENDPOINT_P(target_mover(a, i).endpoint));
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
	if (move_offer_check(&offer) < 0)
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

/* Whether the order has started that move of it, and whether the word of that cannot come any more. Lock held. */
static bool is_known(const struct target *a, int i, bool *over)
{
	const struct move_state *state = (const struct move_state *)a->arrival[i].state;
	const struct directory_endpoint *ep =
		order_endpoint(a->moves->order, a->offer.dcid, _ENDPOINT_P(state->endpoint));

	*over = *over || (int32_t)(ep->generation - state->generation) > 0;
	return ep->moving && ep->move == state->move && ep->target == a->moves->order->self &&
	       ep->generation == state->generation && ep->node == a->from;
}

/* The states are those of the offer, of the move that the order has started; its word may come a moment later. */
int target_check_state(struct target *a)
{
	const struct move_state *first = (const struct move_state *)a->arrival[0].state;
	int64_t deadline = os_now_ns() + (int64_t)PLAN_CATCH_UP_NS;
	bool known = false, over = false;

	for (int i = 0; i < target_arrivals(a); i++) {
		const struct move_state *state = (const struct move_state *)a->arrival[i].state;
		struct move_fellow mover = target_mover(a, i);

		if (state->dcid != a->offer.dcid || state->endpoint != mover.endpoint ||
		    state->generation != mover.generation || state->vpid != mover.vpid ||
		    state->move != first->move)
			return refusal_set(&a->refusal, EDVSBADREQUEST,
					   "the state is of another process");
	}
	while (!known && !over && os_now_ns() < deadline && !worker_told(&a->worker)) {
		os_lock_take(a->moves->lock);
		/* The source, or this life of the endpoint, has ended: the word will not come. */
		over = !a->moves->order->directory.node[a->from].up;
		known = true;
		for (int i = 0; i < target_arrivals(a); i++)
			known = is_known(a, i, &over) && known;
		os_lock_release(a->moves->lock);
		if (!known && !over)
			os_thread_sleep_ns(LOOK_NS / 10);
	}
	return known ? 0
		     : refusal_set(&a->refusal, EDVSMIGRATE,
				   "the order has not started the move that the state is of");
}

/* ---- the entries; lock held ---- */

static int enter_root(struct target *a)
{
	pid_t lpid = migrate_target_pid(a->target);
	struct task *task;
	int r = task_new(a->moves->tasks, lpid, lpid, a->offer.root, a->shell_pidfd, &task);

	if (r < 0)
		return r;
	a->pidfd = os_dup(a->shell_pidfd);
	a->shell_pidfd = -1;
	task->managed = true;
	task->starting = false;
	task->loading = true;
	task->dcid = a->offer.dcid;
	memcpy(task->cgroup, a->cgroup, sizeof(a->cgroup));
	a->cgroup[0] = 0;
	os_kept_note(&task->in_state);
	a->root = task;
	return 0;
}

/* The log of all is in the first state. */
static int enter_output(struct target *a)
{
	const struct move_state *state = (const struct move_state *)a->arrival[0].state;
	const uint8_t *log_bytes = a->arrival[0].state + sizeof(*state) +
				   state->channel_count * sizeof(struct move_channel);
	struct output *output;
	int r = output_new(a->moves->tasks->loop, state->log_limit, &output);

	if (r < 0)
		return r;
	output_import(output, log_bytes, state->log_bytes);
	following_take_output(a->root, output, state->log_start);
	return 0;
}

/* One task may have several endpoints. */
static int enter_task(struct target *a, int i, struct task **taskp)
{
	int vpid = target_mover(a, i).vpid;

	*taskp = vpid == a->offer.root ? a->root : NULL;
	for (int k = 0; k < i && !*taskp; k++)
		if (target_mover(a, k).vpid == vpid)
			*taskp = a->arrival[k].binding->task;
	return *taskp ? 0 : task_expect(a->moves->tasks, vpid, taskp);
}

static int enter_mover(struct target *a, int i)
{
	struct move_fellow mover = target_mover(a, i);
	struct task *task;
	int r = enter_task(a, i, &task);

	if (r < 0)
		return r;
	r = binding_new(task, BINDING_ARRIVING, a->offer.dcid, _ENDPOINT_P(mover.endpoint),
			mover.endpoint, mover.generation, &a->arrival[i].binding);
	if (r == 0)
		conversations_unpack_status(a->arrival[i].binding, a->arrival[i].state);
	else if (task != a->root && !task->bindings)
		task_free(task);
	return r;
}

/* The entries with their pages and the output, so that the engine can map them; unbound so far. */
int target_prepare_process(struct target *a)
{
	int r;

	assert(!a->root);
	os_lock_take(a->moves->lock);
	r = enter_root(a);
	for (int i = 0; i < target_arrivals(a) && r == 0; i++)
		r = enter_mover(a, i);
	if (r == 0)
		r = enter_output(a);
	os_lock_release(a->moves->lock);
	return r < 0 ? refusal_set(&a->refusal, EDVSALLOCMEM, "no memory on the target") : 0;
}

void target_forget(struct target *a)
{
	struct task *root = a->root;

	assert(os_lock_protects());
	a->root = NULL;
	if (root && !root->bindings)
		task_free(root);
	for (int i = 0; i < target_arrivals(a); i++) {
		struct binding *binding = a->arrival[i].binding;

		a->arrival[i].binding = NULL;
		if (binding)
			binding_move_away(binding);
	}
}

/* Loaded: those that are not the first process have numbers here now. */
static int arrive(struct target *a, int i)
{
	struct task *task = a->arrival[i].binding->task;
	pid_t lpid, tgid = 0;
	int r = 0;

	lpid = migrate_target_task(a->target, task->vpid, &tgid);
	if (!lpid)
		return refusal_set(
			&a->refusal, EDVSBADREQUEST,
			"no process or thread of the image has the number %d of endpoint %d",
			task->vpid, a->arrival[i].binding->p_nr);
	if (i == 0)
		a->lpid = lpid;
	os_lock_take(a->moves->lock);
	if (!task->lpid)
		r = task_arrive(task, lpid, tgid);
	os_lock_release(a->moves->lock);
	return r < 0 ? refusal_set_errno(&a->refusal, r,
					 "the end of process %d cannot be waited for: %s",
					 (int)lpid, strerror(-r))
		     : 0;
}

static int receive_state(struct target *a, int i)
{
	uint32_t len;
	int r = dialogue_receive_any(a->secure, MOVE_STATE, &a->arrival[i].state, &len,
				     &a->refusal);

	if (r == 0 && conversations_check(a->arrival[i].state, len) < 0)
		r = refusal_set(&a->refusal, EDVSBADREQUEST,
				"the process's channels are malformed");
	return r;
}

int target_load(struct target *a)
{
	int r = 0;

	assert(!a->arrival[0].state);
	assert(!os_lock_is_held());
	worker_fault(&a->worker, "target-load");
	migrate_target_clear(a->target, &a->refusal); /* the load tells of a failure */
	for (int i = 0; i < target_arrivals(a) && r == 0; i++)
		r = receive_state(a, i);
	if (r == 0)
		r = target_prepare_process(a);
	if (r == 0)
		r = migrate_target_load(a->target, a->secure, &a->refusal);
	for (int i = 0; i < target_arrivals(a) && r == 0; i++)
		r = arrive(a, i);
	if (r == 0)
		r = target_check_state(a);
	if (r == 0)
		a->root->cpu_owed_ns = migrate_target_stats(a->target)->cpu_owed_ns;
	worker_fault(&a->worker, "target-loaded");
	return r;
}
