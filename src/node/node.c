/* SPDX-License-Identifier: Apache-2.0 */
#include "node/node.h"
#include "node/state/message.h"
#include "node/effects.h"
#include "node/state/life.h"
#include "node/bind/binding.h"
#include "node/bind/roster.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "base/refusal.h"
#include "node/restart/adopt.h"
#include "node/succession.h"
#include "node/restart/homecoming.h"
#include "node/restart/recovery.h"
#include "node/move/target.h"
#include "node/copy/copy.h"
#include "node/task/ended.h"
#include "node/state/fault.h"
#include "node/task/init.h"
#include "node/state/order.h"
#include "node/task/inits.h"
#include "node/ask/reattach.h"
#include "node/ask/forward.h"
#include "node/restart/restart.h"
#include "node/ask/door.h"
#include "node/task/following.h"
#include "node/copy/stream.h"
#include "node/bind/waits.h"
#include "node/calls.h"
#include "node/move/source.h"
#include "node/service.h"
#include "node/watch.h"
#include "os/clock.h"
#include "os/keeper.h"
#include "os/kept.h"
#include "os/lock.h"
#include "os/membership.h"
#include "os/log.h"
#include "os/pid.h"
#include "os/secure.h"
#include "os/signals.h"
#include "os/socket.h"
#include "os/spawn.h"

#define ORDER_LATE_US 50000

void node_wire(struct node *node)
{
	struct requests *requests = &node->requests;
	struct tasks *tasks = &node->tasks;
	struct bindings *bindings = &node->bindings;
	struct copies *copies = &node->copies;
	struct moves *moves = &node->moves;
	struct restarts *restarts = &node->restarts;

	node->order.self = node->options.id;
	node->life.loop = node->loop;
	requests->tasks = tasks;
	requests->order = &node->order;
	requests->loop = node->loop;
	requests->proxy = node->proxy;
	requests->counters = &node->life.counters;
	requests->keys = &node->keys;
	requests->users = node->options.settings.users;
	node->keys.lock = &node->lock;
	tasks->node = node;
	tasks->bindings = bindings;
	tasks->lock = &node->lock;
	tasks->loop = node->loop;
	tasks->order = &node->order;
	tasks->rights.order = &node->order;
	tasks->rights.exchange = node->exchange;
	moves->lock = &node->lock;
	moves->order = &node->order;
	moves->exchange = node->exchange;
	moves->proxy = node->proxy;
	moves->requests = requests;
	moves->tasks = tasks;
	moves->bindings = bindings;
	moves->store = node->options.settings.carried;
	moves->store_bytes = (uint64_t)node->options.settings.carried_mbytes << 20;
	requests->moves = moves;
	requests->restarts = restarts;
	restarts->requests = requests;
	restarts->moves = moves;
	restarts->copies = copies;
	restarts->node = node;
	restarts->program = node->options.program;
	restarts->argv = node->options.argv;
	restarts->key_path = node->options.key_path;
	bindings->order = &node->order;
	bindings->exchange = node->exchange;
	bindings->proxy = node->proxy;
	bindings->loop = node->loop;
	bindings->life = &node->life;
	bindings->tasks = tasks;
	bindings->requests = requests;
	bindings->log_bytes = node->options.log_bytes;
	addresses_init(&bindings->addresses, &node->lock, node->loop, &node->order);
	copies->lock = &node->lock;
	copies->loop = node->loop;
	copies->order = &node->order;
	copies->life = &node->life;
	copies->exchange = node->exchange;
	copies->proxy = node->proxy;
	copies->bindings = bindings;
	copies->rights = &tasks->rights;
	copies->shares = &requests->shares;
}

static int locate(void *ctx, int dcid, int endpoint)
{
	const struct node *node = ctx;

	return binding_locate(&node->bindings, dcid, endpoint);
}

static uint32_t dc_generation(void *ctx, int dcid)
{
	const struct node *node = ctx;

	return node->order.directory.dc[dcid].generation;
}

static void on_message(void *ctx, int from, uint16_t kind, const uint8_t *bytes, uint32_t len)
{
	struct node *node = ctx;

	if (kind == NODE_MESSAGE_RESTART)
		restart_on_message(&node->requests, from, bytes, len);
	else if (kind == NODE_MESSAGE_GROUP)
		effects_hear_aside(node, from, bytes, len);
	else
		forward_on_message(&node->requests, from, kind, bytes, len);
}

static void on_cancel(struct requests *requests, int from, uint64_t id)
{
	following_cancel(requests->tasks, from, id);
	source_cancel_remote(requests->moves, from, id);
}

static void on_link(void *ctx, int peer, int up)
{
	struct node *node = ctx;

	os_log(OS_LOG_INFO, "link to node %d is %s", peer, up ? "up" : "down");
	os_kept_note_other(); /* the numbers of the link */
	if (up)
		reattach_on_link(&node->requests, peer);
	else
		effects_node_down(node, peer, false);
	copy_on_link(&node->copies, peer);
	if (up)
		homecoming_on_link(&node->restarts);
}

static void on_bulk(void *ctx, int from, struct secure *secure)
{
	struct node *node = ctx;

	target_start(&node->moves, from, secure);
}

static void on_rung(void *ctx, int dcid, int p_nr)
{
	struct node *node = ctx;
	struct binding *binding = binding_find(&node->bindings, dcid, p_nr);

	if (!binding)
		return;
	waits_on_ring(binding);
	copy_on_ring(&node->copies, binding);
}

static void on_lane(void *ctx, int from, struct secure *secure)
{
	struct node *node = ctx;

	stream_serve(&node->copies, from, secure);
}

static size_t snapshot(void *ctx, uint8_t *buf, size_t size)
{
	const struct node *node = ctx;

	return order_snapshot(&node->order, buf, size);
}

static void on_quorum(void *ctx, bool have)
{
	struct node *node = ctx;

	order_quorum(&node->order, have);
}

/* The others go on without this node (I5): for them its processes have ended. */
static void begin_anew(struct node *node)
{
	os_log(OS_LOG_ERROR, "the group goes on without this node: what it has is ended");
	node->life.begins_anew = true;
	life_stop(&node->life);
}

static void hear_group(void *ctx)
{
	struct node *node = ctx;
	int r = group_dispatch(node->order.group);

	if (node->order.late)
		os_source_set(node->order.source, OS_READ);
	if (r >= 0 || node->life.stopping)
		return;
	node->order.source = os_source_free(node->order.source);
	order_lost(&node->order);
	if (r == -ESTALE) {
		begin_anew(node);
		return;
	}
	os_log(OS_LOG_ERROR, "the group is lost: nothing can be bound or moved any more");
}

static void on_group(void *ctx, int fd, int events)
{
	struct node *node = ctx;

	(void)fd;
	(void)events;
	if (node->order.late) {
		os_source_set(node->order.source, 0);
		os_timer_set(node->order.late, ORDER_LATE_US);
	} else {
		hear_group(node);
	}
}

static void stop_signal(void *ctx)
{
	life_stop(ctx);
}

/* The parts that a successor has from its predecessor, and others make. */
static int start_group(struct node *node, struct adoption *from)
{
	const struct node_options *options = &node->options;
	struct group_callbacks callbacks = { .restore = effects_restore,
					     .deliver = effects_deliver,
					     .snapshot = snapshot,
					     .quorum = on_quorum,
					     .aside = effects_aside,
					     .ctx = node };
	int r;

	if (from)
		r = adoption_group(from, &node->order, options->group_spec, &callbacks);
	else
		r = group_new(&node->order.group, options->group_spec, options->id,
			      options->address, options->name, &callbacks);
	if (from && from->died && r == -ESTALE)
		begin_anew(node);
	/* A daemon that follows a death goes on without a group that is lost, as the one before would have. */
	if (from && from->died && r < 0) {
		node->order.quorum = false;
		return 0;
	}
	if (r < 0 || !node->order.group)
		return r;
	if (fault_is("order-late"))
		os_source_timer(node->loop, -1, hear_group, node, &node->order.late);
	return os_source_io(node->loop, group_fd(node->order.group), OS_READ, on_group, node,
			    &node->order.source);
}

static int start_doors(struct node *node, struct adoption *from)
{
	const struct node_options *options = &node->options;
	struct proxy_callbacks callbacks = { .locate = locate,
					     .dc_generation = dc_generation,
					     .message = on_message,
					     .link_changed = on_link,
					     .bulk = on_bulk,
					     .rung = on_rung,
					     .lane = on_lane,
					     .ctx = node };
	struct gate_place place = { .node = options->id,
				    .address = options->address,
				    .port = options->port,
				    .listen_fd = from ? from->head.link_fd : -1 };
	int r = keys_start(&node->keys, options), fds[2];
	struct roster roster;
	bool listed = roster_of_node(MEMBERSHIP_ROSTER, options->id, options->name,
				     options->address, &roster);

	place.keys = node->keys.secure;
	node->moves.keys = keys_have_file(&node->keys) ? node->keys.secure : NULL;
	place.every = listed && roster.node[options->id].count > 1;
	if (!r)
		r = proxy_new(&node->proxy, node->loop, node->exchange, &place, &callbacks);
	node_wire(node);
	if (!r && listed) {
		os_lock_take(&node->lock);
		roster_tell(node->proxy, &roster);
		os_lock_release(&node->lock);
	}
	if (r < 0 || !from)
		return r < 0 ? r
			     : door_new(&node->requests, options->socket_path,
					&node->requests.door);
	fds[0] = from->head.control_fd;
	fds[1] = from->head.path_fd;
	return door_adopt(&node->requests, options->socket_path, fds, &node->requests.door);
}

/* The later decisions of the order are honoured before anybody is let in. */
static void follow_death(struct node *node)
{
	int r = node->life.begins_anew ? 0 : recovery_catch_up(&node->order);

	if (r == -ESTALE)
		begin_anew(node);
	if (!node->life.begins_anew)
		recovery_run(&node->bindings, &node->tasks);
}

static int start_parts(struct node *node, struct adoption *from)
{
	struct os_source *ignored;
	int r = os_loop_new(&node->loop, &node->lock);

	node_wire(node);
	if (r == 0)
		r = from ? adoption_pages(from, node->options.id, &node->exchange)
			 : exchange_new(&node->exchange, node->options.id);
	node_wire(node);
	/* A successor goes on with the costs that stand in the page which it has taken over. */
	if (r == 0 && !from)
		exchange_set_costs(node->exchange, node->options.costs);
	if (r == 0)
		r = start_doors(node, from);
	if (r == 0)
		r = os_source_signal(node->loop, OS_SIGTERM, stop_signal, &node->life, &ignored);
	if (r == 0)
		r = service_start(node);
	if (r == 0)
		r = start_group(node, from);
	if (r == 0 && !from)
		cgroup_open(&node->tasks);
	if (r == 0 && from)
		r = succession_take(node, from);
	if (r == 0 && from && from->died)
		follow_death(node);
	return r;
}

static int start(struct node *node, struct adoption *from)
{
	int r;

	os_lock_init(&node->lock);
	directory_init(&node->order.directory);
	node->order.effects.item = calloc(DIRECTORY_EFFECTS_MAX, sizeof(*node->order.effects.item));
	if (!node->order.effects.item)
		return -ENOMEM;
	/* Without the lock: there is no other thread yet, and the group may keep us waiting. */
	r = start_parts(node, from);
	node_lock(node);
	/* Signals that a predecessor had blocked have waited for its successor. */
	os_unblock_signals();
	if (r == 0)
		r = proxy_open(node->proxy);
	if (r == 0 && from)
		adoption_answer(from, &node->restarts);
	if (r == 0 && !node->life.stopping)
		keeping_begin(&node->restarts);
	node_unlock(node);
	return r;
}

static int start_as_successor(struct node *node)
{
	struct refusal why = REFUSAL_NONE;
	struct adoption adoption;
	int r = adoption_open(&adoption, node->options.adopt_fd, node->options.died, &why);

	if (r < 0)
		os_log(OS_LOG_ERROR, "%s", why.reason);
	if (r == 0 && adoption.died)
		recovery_close_others(&adoption);
	r = r < 0 ? -EPROTONOSUPPORT : start(node, &adoption);
	adoption_close(&adoption);
	return r;
}

int node_start(struct node *node, const struct node_options *options)
{
	assert(!os_lock_is_held());
	node->options = *options;
	node->life.counters.since_ns =
		os_realtime_ns(); /* a successor takes over what was counted */
	node->tasks.on_end = effects_task_ended;
	node->restarts.write = succession_write;
	node->restarts.keep = succession_keep;
	node->requests.dispatch = calls_dispatch;
	node->requests.on_cancel = on_cancel;
	node->requests.on_lost = reattach_keep;
	node_wire(node);
	return options->adopt_fd >= 0 ? start_as_successor(node) : start(node, NULL);
}

/* With a bell thread beside it. 0, or the errno for which it ends. */
static int run_loop(struct node *node)
{
	struct watch watch = { .lock = &node->lock,
			       .exchange = node->exchange,
			       .proxy = node->proxy,
			       .copies = &node->copies };
	int r = watch_start(&watch);

	if (r < 0) {
		os_log(OS_LOG_ERROR, "cannot watch the node bell: %s", strerror(-r));
		return r;
	}
	r = addresses_start(&node->bindings.addresses);
	if (r == 0)
		r = os_loop_run(node->loop);
	else
		os_log(OS_LOG_ERROR, "cannot look after service addresses: %s", strerror(-r));
	addresses_stop(&node->bindings.addresses);
	watch_stop(&watch);
	return r;
}

/*
 * In good order: first the cluster is told (leaving ends the endpoints everywhere), then the processes end with their
 * inits. Workers of migrations under way are not waited for: everything that they hold ends with this process.
 */
int node_run(struct node *node)
{
	int r = node->life.stopping ? 0 : run_loop(node);

	assert(!os_lock_is_held());
	while (r == 0 && !node->life.stopping && restart_is_due(&node->restarts)) {
		node_lock(node);
		restart_execute(&node->restarts);
		node_unlock(node);
		r = run_loop(node);
	}
	node_lock(node);
	service_stopping(node);
	keeping_end(&node->restarts);
	node->order.source = os_source_free(node->order.source);
	node->order.late = os_source_free(node->order.late);
	node->order.group = group_free(node->order.group);
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		if (node->tasks.init[dcid])
			inits_drop(&node->tasks, dcid);
	binding_tell_end(&node->bindings);
	node->requests.door = door_free(node->requests.door);
	node_unlock(node);
	dc_init_settle(DC_INIT_TIMEOUT_MS);
	addresses_end(&node->bindings.addresses);
	cgroup_close(&node->tasks);
	return r < 0 || node->life.failed ? 1 : 0;
}
