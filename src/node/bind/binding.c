/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/binding.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "node/ask/request.h"
#include "node/bind/warning.h"
#include "node/state/order.h"
#include "node/task/caller.h"
#include "node/task/ended.h"
#include "node/task/following.h"
#include "node/task/rights.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "proxy/proxy.h"
#include "wire/handover.h"

struct bindings *binding_part(const struct request *request)
{
	return request->requests->tasks->bindings;
}

struct binding *binding_find_as(const struct bindings *bindings, int dcid, int p_nr,
				enum binding_role role)
{
	struct binding *binding;

	assert(os_lock_protects());
	if (dcid < 0 || dcid >= SHM_DCS || p_nr < -SHM_TASKS || p_nr >= SHM_SLOTS - SHM_TASKS)
		return NULL;
	binding = bindings->at[dcid][shm_index(p_nr)];
	while (binding && binding->role != role)
		binding = binding->next_at;
	return binding;
}

struct binding *binding_find(const struct bindings *bindings, int dcid, int p_nr)
{
	return binding_find_as(bindings, dcid, p_nr, BINDING_PRIMARY);
}

static struct binding *newest_of(const struct task *task)
{
	struct binding *binding = task ? task->bindings : NULL;

	while (binding && (binding->role == BINDING_ARRIVING || binding->state == BINDING_ENDING))
		binding = binding->next_of_task;
	return binding;
}

struct binding *binding_of_caller_any(const struct request *request)
{
	assert(os_lock_protects());
	return newest_of(caller_task(request));
}

struct binding *binding_of_caller(const struct request *request)
{
	struct binding *binding = binding_of_caller_any(request);

	return binding && binding->role == BINDING_PRIMARY ? binding : NULL;
}

struct binding *binding_of_pid(const struct tasks *tasks, int tgid, int tid)
{
	assert(os_lock_protects());
	return newest_of(task_find_or_leader(tasks, tgid, tid));
}

int binding_locate(const struct bindings *bindings, int dcid, int endpoint)
{
	int p_nr = _ENDPOINT_P(endpoint);
	const struct directory_endpoint *ep = order_endpoint(bindings->order, dcid, p_nr);
	const struct binding *binding;

	if (!ep || !ep->bound || directory_endpoint_number(ep, p_nr) != endpoint)
		return PROXY_GONE;
	if (ep->node != bindings->order->self)
		return ep->moving ? PROXY_HELD : ep->node;
	binding = binding_find(bindings, dcid, p_nr);
	return binding && binding->state != BINDING_LEAVING ? PROXY_HERE : PROXY_HELD;
}

static void fill(struct binding *binding, int endpoint, uint32_t generation)
{
	struct status_page *page = binding->status->page;

	binding->endpoint = endpoint;
	binding->generation = generation;
	page->dcid = binding->dcid;
	page->p_nr = binding->p_nr;
	page->endpoint = endpoint;
	page->nodeid = binding->bindings->order->self;
	page->vpid = binding->task->vpid;
	rights_fill(&binding->bindings->tasks->rights, binding->dcid, binding->p_nr, page);
}

static struct binding **slot_of(const struct binding *binding)
{
	return &binding->bindings->at[binding->dcid][shm_index(binding->p_nr)];
}

static void link_binding(struct binding *binding)
{
	binding->next = binding->bindings->all;
	binding->bindings->all = binding;
	binding->next_of_task = binding->task->bindings;
	binding->task->bindings = binding;
	binding->next_at = *slot_of(binding);
	*slot_of(binding) = binding;
	os_kept_begin(&binding->in_state, HANDOVER_BINDING);
}

int binding_new(struct task *task, enum binding_role role, int dcid, int p_nr, int endpoint,
		uint32_t generation, struct binding **bindingp)
{
	struct binding *binding = calloc(1, sizeof(*binding));
	int r;

	assert(!task->gone);
	assert(os_lock_protects());
	if (!binding)
		return -ENOMEM;
	*binding = (struct binding){ .task = task,
				     .bindings = task->tasks->bindings,
				     .role = role,
				     .dcid = dcid,
				     .p_nr = p_nr };
	r = exchange_status_new(binding->bindings->exchange, dcid, p_nr, &binding->status);
	if (r < 0) {
		free(binding);
		return r;
	}
	fill(binding, endpoint, generation);
	link_binding(binding);
	task->starting = false;
	os_kept_note(&task->in_state);
	*bindingp = binding;
	return 0;
}

int binding_adopt(struct task *task, const struct binding *image, struct binding **bindingp)
{
	struct bindings *bindings = task->tasks->bindings;
	struct binding **place = &bindings->all, **of_task = &task->bindings, **at;
	struct binding *binding = malloc(sizeof(*binding));

	assert(os_lock_protects());
	if (!binding)
		return -ENOMEM;
	*binding = *image;
	binding->in_state = (struct os_kept){ 0 };
	os_kept_adopt(&binding->in_state, HANDOVER_BINDING, image->in_state.number);
	binding->task = task;
	binding->bindings = bindings;
	binding->next = binding->next_of_task = binding->next_at = NULL;
	while (*place)
		place = &(*place)->next;
	*place = binding;
	while (*of_task)
		of_task = &(*of_task)->next_of_task;
	*of_task = binding;
	for (at = slot_of(binding); *at; at = &(*at)->next_at)
		continue;
	*at = binding;
	*bindingp = binding;
	return 0;
}

int binding_take(struct binding *binding, int endpoint, uint32_t generation)
{
	struct bindings *bindings = binding->bindings;
	struct task *task = binding->task;
	int dcid = binding->dcid, p_nr = binding->p_nr;
	struct exchange_bell *bell;
	int r;

	assert(!binding->warning);
	assert(binding->state == BINDING_BOUND);
	assert(os_lock_protects());
	os_kept_note(&binding->in_state);
	os_kept_note(&task->in_state);
	binding->role = BINDING_PRIMARY;
	binding->state = BINDING_BOUND;
	memcpy(binding->name, order_endpoint(bindings->order, dcid, p_nr)->name,
	       sizeof(binding->name));
	fill(binding, endpoint, generation);
	task->loading = false;
	task->last.bound = true;
	task->last.dcid = dcid;
	task->last.p_nr = p_nr;
	task->last.generation = generation;
	memcpy(task->last.name, binding->name, sizeof(task->last.name));
	r = exchange_bell(bindings->exchange, dcid, p_nr, &bell);
	if (r < 0)
		return r;
	ended_forget_output(bindings->tasks, dcid, p_nr);
	rights_show(&bindings->tasks->rights, dcid, p_nr);
	exchange_bell_hold(bell, BELL_PROCESS);
	binding_refresh_channels(binding);
	exchange_poke(bell);
	return 0;
}

static void unlink_binding(struct binding *binding)
{
	struct binding **link = &binding->bindings->all;

	os_kept_end(&binding->in_state);
	while (*link && *link != binding)
		link = &(*link)->next;
	assert(*link);
	*link = binding->next;
	link = &binding->task->bindings;
	while (*link && *link != binding)
		link = &(*link)->next_of_task;
	assert(*link);
	*link = binding->next_of_task;
	link = slot_of(binding);
	while (*link && *link != binding)
		link = &(*link)->next_at;
	assert(*link);
	*link = binding->next_at;
}

static void binding_free(struct binding *binding)
{
	assert(!binding->unbinders);
	unlink_binding(binding);
	warning_cancel(binding);
	assert(!binding->warning);
	if (binding->role != BINDING_BACKUP)
		rights_hide(&binding->bindings->tasks->rights, binding->dcid, binding->p_nr);
	exchange_status_free(binding->bindings->exchange, binding->status);
	free(binding);
}

int binding_make(struct task *task, int dcid, int p_nr, int endpoint, uint32_t generation,
		 struct binding **bindingp)
{
	int r = binding_new(task, BINDING_PRIMARY, dcid, p_nr, endpoint, generation, bindingp);

	assert(os_lock_protects());
	if (r < 0)
		return r;
	r = binding_take(*bindingp, endpoint, generation);
	if (r < 0)
		binding_free(*bindingp);
	return r;
}

static struct request *take_first(struct request **list)
{
	struct request *request = *list;

	if (request)
		*list = request->next_kept;
	return request;
}

/* Its next look at its status page says so. */
static void tell_end(struct binding *binding, struct exchange_bell **bellp)
{
	binding->status->page->unbound = 1;
	if (exchange_bell(binding->bindings->exchange, binding->dcid, binding->p_nr, bellp))
		*bellp = NULL;
	else
		exchange_poke(*bellp);
}

void binding_tell_end(struct bindings *bindings)
{
	struct exchange_bell *bell;

	assert(os_lock_protects());
	for (struct binding *binding = bindings->all; binding; binding = binding->next)
		tell_end(binding, &bell);
}

void binding_detach(struct binding *binding)
{
	struct task *task = binding->task;
	struct request *unbinders = binding->unbinders, *request;
	struct exchange_bell *bell;

	assert(os_lock_protects());
	binding->unbinders = NULL;
	tell_end(binding, &bell);
	if (bell && binding->role != BINDING_BACKUP)
		exchange_bell_hold(bell, BELL_DAEMON);
	binding_free(binding);
	while ((request = take_first(&unbinders)))
		request_end(request, 0, NULL, 0, NULL, 0);
	task_drop(task);
}

void binding_move_away(struct binding *binding)
{
	struct task *task = binding->task;
	struct request *request;

	assert(os_lock_protects());
	while ((request = take_first(&binding->unbinders)))
		request_fail(request, EDVSMIGRATE,
			     "endpoint %d of DC %d has moved to another node meanwhile: ask again",
			     binding->p_nr, binding->dcid);
	binding_free(binding);
	if (!task->bindings)
		task_free(task);
}

static void cancelled(struct request *request)
{
	struct binding *binding = request->keeper;

	if (request_unkeep(&binding->unbinders, request))
		request_end(request, 0, NULL, 0, NULL, 0);
}

void binding_await_end(struct binding *binding, struct request *request)
{
	assert(os_lock_protects());
	request_keep(&binding->unbinders, request, binding, cancelled);
}

void binding_poke(const struct binding *binding)
{
	struct exchange_bell *bell;

	assert(os_lock_protects());
	if (exchange_bell(binding->bindings->exchange, binding->dcid, binding->p_nr, &bell) == 0)
		exchange_poke(bell);
}

void binding_end_with_pages(struct request *request, int64_t value, const struct binding *binding)
{
	const struct bindings *bindings = binding_part(request);
	struct exchange_bell *bell;
	int fds[3] = { exchange_node_bell_fd(bindings->exchange) };
	int count = 1;

	assert(os_lock_protects());
	if (binding &&
	    exchange_bell(bindings->exchange, binding->dcid, binding->p_nr, &bell) == 0) {
		fds[count++] = bell->fd;
		fds[count++] = binding->status->fd;
	}
	request_end(request, value, NULL, 0, fds, count);
}

void binding_refresh_channels(struct binding *binding)
{
	struct bindings *bindings = binding->bindings;
	struct exchange_channel *channel = NULL;

	assert(os_lock_protects());
	while ((channel =
			exchange_next(bindings->exchange, binding->dcid, binding->p_nr, channel))) {
		int side = exchange_side(channel, binding->p_nr);
		int peer_nr = channel->p_nr[1 - side];
		const struct binding *peer = binding_find(bindings, binding->dcid, peer_nr);
		const struct directory_endpoint *far =
			order_endpoint(bindings->order, binding->dcid, peer_nr);
		bool held = binding->state != BINDING_BOUND;

		channel->page->node[side] = bindings->order->self;
		channel->page->node[1 - side] = far && far->bound ? far->node : -1;
		if (peer && peer->state == BINDING_BOUND && !held) {
			channel->page->copy_pid[side] =
				task_pid_for(binding->task, peer->task->pidns);
			channel->page->copy_pid[1 - side] =
				task_pid_for(peer->task, binding->task->pidns);
		} else {
			channel->page->copy_pid[side] = 0;
			channel->page->copy_pid[1 - side] = 0;
		}
	}
}

void binding_drop_far_channels(struct bindings *bindings, int dcid, int p_nr)
{
	struct exchange_channel *channel = exchange_next(bindings->exchange, dcid, p_nr, NULL);

	assert(os_lock_protects());
	while (channel) {
		struct exchange_channel *next =
			exchange_next(bindings->exchange, dcid, p_nr, channel);
		int side = exchange_side(channel, p_nr);
		int peer_nr = channel->p_nr[1 - side];
		const struct directory_endpoint *self = order_endpoint(bindings->order, dcid, p_nr);
		const struct directory_endpoint *peer =
			order_endpoint(bindings->order, dcid, peer_nr);

		if (peer && peer->bound && peer->node == bindings->order->self)
			channel->page->node[side] = self->node;
		/*
		 * One that arrives and is loaded maps our pages already, and so may one that stands by: they
		 * must be those that it gets.
		 */
		else if (!binding_find_as(bindings, dcid, peer_nr, BINDING_ARRIVING) &&
			 !binding_find_as(bindings, dcid, peer_nr, BINDING_BACKUP))
			exchange_channel_drop(bindings->exchange, channel);
		channel = next;
	}
}
