/* SPDX-License-Identifier: Apache-2.0 */
#include "node/effects.h"

#include <assert.h>
#include <string.h>

#include "core/duty.h"
#include "dvk.h"
#include "group/group.h"
#include "node/ask/forward.h"
#include "node/ask/reattach.h"
#include "node/bind/backup.h"
#include "node/bind/by_hand.h"
#include "node/copy/copy.h"
#include "node/move/target.h"
#include "node/move/source.h"
#include "node/node.h"
#include "node/restart/recovery.h"
#include "node/service.h"
#include "node/state/life.h"
#include "node/state/message.h"
#include "node/state/order.h"
#include "node/task/ended.h"
#include "node/bind/binding.h"
#include "node/bind/ending.h"
#include "node/task/following.h"
#include "node/task/task.h"
#include "node/task/inits.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/pid.h"
#include "os/signals.h"
#include "os/socket.h"

/*
 * The directory says what a command has changed, as effects; they are carried out first, in their
 * order, and then the proposer is told: when it looks, the node already agrees with the directory.
 */

void effects_task_ended(struct node *node, struct task *task)
{
	struct binding *binding = task->bindings;

	assert(os_lock_protects());
	while (binding) {
		struct binding *next = binding->next_of_task;

		if (binding->role != BINDING_PRIMARY ||
		    !source_on_process_died(&node->moves, binding->dcid, binding->p_nr))
			ending_begin(binding);
		binding = next;
	}
}

/* Every bound task of the DC that waits for a bind or unbind looks again. */
static void poke_bind_waiters(struct node *node, int dcid)
{
	for (const struct binding *b = node->bindings.all; b; b = b->next)
		if (b->dcid == dcid && b->status->page->waitbind)
			binding_poke(b);
}

static void endpoint_dead(struct node *node, const struct directory_effect *effect)
{
	struct directory_endpoint ended = { .generation = effect->generation };
	int endpoint = directory_endpoint_number(&ended, effect->p_nr);
	struct binding *binding = binding_find(&node->bindings, effect->dcid, effect->p_nr);

	/* Its DC was removed: a process not of our init, which goes with the DC, is asked to end. */
	if (binding && !binding->task->managed && !node->order.directory.dc[effect->dcid].running)
		os_pidfd_signal(binding->task->pidfd, OS_SIGTERM);
	source_on_effect(&node->moves, effect);
	target_on_effect(&node->moves, effect);
	exchange_endpoint_dead(node->exchange, effect->dcid, effect->p_nr, endpoint);
	copy_on_dead(&node->copies, effect->dcid, endpoint);
	if (binding && binding->generation == effect->generation)
		binding_detach(binding);
	backup_on_dead(&node->bindings, effect);
	poke_bind_waiters(node, effect->dcid);
}

/* The owner's node holds the process by hand at its next call, or lets it go on. */
static void hold_by_hand(struct node *node, const struct directory_effect *effect, uint32_t hold)
{
	struct binding *binding = binding_find(&node->bindings, effect->dcid, effect->p_nr);

	if (!binding)
		return;
	binding->status->page->hold = hold;
	if (!hold)
		by_hand_go_on(binding);
	binding_poke(binding);
}

/* Every node asks for, and offers, what concerns an endpoint that has a new place in the order. */
static void offer(struct node *node, const struct directory_effect *effect)
{
	const struct directory_endpoint *ep =
		order_endpoint(&node->order, effect->dcid, effect->p_nr);
	int endpoint = ep ? directory_endpoint_number(ep, effect->p_nr) : 0;

	if (!ep || !ep->bound)
		return;
	if (effect->kind == EFFECT_ENDPOINT_BOUND)
		proxy_offer_new(node->proxy, effect->dcid, effect->p_nr, endpoint);
	else
		proxy_offer(node->proxy, effect->dcid, effect->p_nr, endpoint);
}

static void do_duty(struct node *node, const struct directory_effect *effect, enum duty duty)
{
	switch (duty) {
	case DUTY_HOLD:
	case DUTY_LET_GO:
		hold_by_hand(node, effect, duty == DUTY_HOLD);
		break;
	case DUTY_HAND_OVER:
		by_hand_on_committed(&node->bindings, effect);
		break;
	case DUTY_TELL_SOURCE:
		source_on_effect(&node->moves, effect);
		break;
	case DUTY_TELL_TARGET:
		target_on_effect(&node->moves, effect);
		break;
	case DUTY_PROMOTE:
		backup_on_committed(&node->bindings, effect);
		break;
	case DUTY_OFFER:
		offer(node, effect);
		break;
	}
}

static void move_step(struct node *node, const struct directory_effect *effect)
{
	enum duty duty[DUTIES_MAX];
	uint32_t count = duty_of_move(effect, node->options.id, duty);

	for (uint32_t i = 0; i < count; i++)
		do_duty(node, effect, duty[i]);
	if (effect->kind == EFFECT_MOVE_STARTED)
		return;
	copy_retry(&node->copies);
	if (effect->kind == EFFECT_MOVE_COMMITTED)
		poke_bind_waiters(node, effect->dcid);
}

void effects_node_down(struct node *node, int down, bool left)
{
	assert(os_lock_protects());
	following_drop(&node->tasks, down);
	if (left)
		reattach_on_left(&node->requests, down);
	forward_on_node_down(&node->requests, down, left);
}

static void node_changed(struct node *node, const struct directory_effect *effect)
{
	if (effect->kind == EFFECT_NODE_UP) {
		life_link_up(&node->order, node->proxy, effect->node);
		return;
	}
	if (effect->node == node->options.id)
		return;
	source_on_node_left(&node->moves, effect->node);
	target_on_node_left(&node->moves, effect->node);
	proxy_node_down(node->proxy, effect->node);
	effects_node_down(node, effect->node, true);
	copy_on_link(&node->copies, effect->node);
}

/* Its pid namespace here is made now: the first process to arrive shall not have to wait for it. */
static void dc_created(struct node *node, const struct directory_effect *effect)
{
	int self = node->options.id;

	if ((effect->node == self || effect->node < 0) &&
	    node->order.directory.dc[effect->dcid].nodes >> self & 1 &&
	    inits_start(&node->tasks, effect->dcid) < 0)
		os_log(OS_LOG_WARN, "the pid namespace of DC %d is tried again when it is needed",
		       effect->dcid);
}

static void dc_removed(struct node *node, int dcid)
{
	ended_forget_dc(&node->tasks, dcid);
	inits_drop(&node->tasks, dcid);
}

static void carry_out(struct node *node, const struct directory_effect *effect)
{
	switch ((enum directory_effect_kind)effect->kind) {
	case EFFECT_NODE_UP:
	case EFFECT_NODE_DOWN:
		node_changed(node, effect);
		break;
	case EFFECT_DC_CREATED:
		dc_created(node, effect);
		break;
	case EFFECT_DC_REMOVED:
		dc_removed(node, effect->dcid);
		break;
	case EFFECT_ENDPOINT_BOUND:
	case EFFECT_ENDPOINT_ATTACHED:
		offer(node, effect);
		poke_bind_waiters(node, effect->dcid);
		break;
	case EFFECT_ENDPOINT_STATED:
		poke_bind_waiters(node, effect->dcid);
		break;
	case EFFECT_ENDPOINT_DEAD:
		endpoint_dead(node, effect);
		break;
	case EFFECT_MOVE_STARTED:
	case EFFECT_MOVE_COMMITTED:
	case EFFECT_MOVE_ROLLED_BACK:
		move_step(node, effect);
		break;
	}
}

/* The news of an end must not overtake the last messages of the one that ends. */
static void drain_links(struct node *node, const struct command *cmd)
{
	const struct directory_endpoint *ep;

	if (cmd->kind == COMMAND_NODE_LEAVE)
		proxy_drain(node->proxy, cmd->node);
	if (cmd->kind != COMMAND_UNBIND)
		return;
	ep = order_endpoint(&node->order, cmd->dcid, cmd->p_nr);
	if (ep && ep->bound && ep->node != node->options.id)
		proxy_drain(node->proxy, ep->node);
}

/* This node's own join was delivered: open for business. */
static void joined(struct node *node)
{
	uint8_t ready = 1;

	os_log(OS_LOG_INFO, "node %d is a member", node->options.id);
	service_ready(node);
	if (node->options.ready_fd < 0 || node->life.ready_told)
		return;
	node->life.ready_told = true;
	if (os_write_full(node->options.ready_fd, &ready, sizeof(ready), 0) < 0)
		os_log(OS_LOG_WARN, "nobody waits for the daemon to be ready");
	node->options.ready_fd = os_close(node->options.ready_fd);
}

void effects_deliver(void *ctx, uint64_t order, const struct command *cmd)
{
	struct node *node = ctx;
	struct directory_result result = { 0 };

	assert(os_lock_protects());
	drain_links(node, cmd);
	if (cmd->kind == COMMAND_NODE_LEAVE && directory_check(&node->order.directory, cmd) == 0)
		ended_with_node(&node->tasks, cmd->node);
	directory_apply(&node->order.directory, order, cmd, &node->order.effects, &result);
	order_note_applied(&node->order, order, cmd);
	for (uint32_t i = 0; i < node->order.effects.count; i++)
		carry_out(node, &node->order.effects.item[i]);
	addresses_on_order(&node->bindings.addresses);
	/* Others of this node are of an earlier life, whose requests have the same numbers. */
	if (cmd->origin != node->options.id || !group_is_member(node->order.group))
		return;
	order_decided(&node->order, cmd->request, &result);
	if (cmd->request && cmd->request <= node->order.inherited)
		recovery_look(&node->bindings, cmd->dcid, cmd->p_nr);
	if (cmd->kind == COMMAND_NODE_JOIN)
		joined(node);
}

/* One to a node whose link is down is lost, as it may be. */
void effects_aside(void *ctx, uint32_t nodes, const uint8_t *bytes, size_t len)
{
	struct node *node = ctx;

	assert(os_lock_protects());
	assert(len <= PROXY_MESSAGE_MAX);
	for (int to = 0; to < NR_NODES; to++)
		if (nodes >> to & 1 && to != node->options.id)
			proxy_message(node->proxy, to, NODE_MESSAGE_GROUP, bytes, (uint32_t)len,
				      NULL, 0);
}

void effects_hear_aside(struct node *node, int from, const uint8_t *bytes, size_t len)
{
	assert(os_lock_protects());
	if (node->order.group)
		group_aside(node->order.group, from, bytes, len);
}

void effects_restore(void *ctx, uint64_t order, const uint8_t *state, size_t len)
{
	struct node *node = ctx;

	assert(os_lock_protects());
	order_note_directory(&node->order);
	if (directory_decode(&node->order.directory, state, len) < 0) {
		os_log(OS_LOG_ERROR, "the state from the group as of %llu is damaged",
		       (unsigned long long)order);
		life_fail(&node->life);
		return;
	}
	for (int i = 0; i < NR_NODES; i++) {
		if (node->order.directory.node[i].up && i != node->options.id)
			life_link_up(&node->order, node->proxy, i);
	}
	addresses_on_order(&node->bindings.addresses);
}
