/* SPDX-License-Identifier: Apache-2.0 */
#include "node/state/order.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "dvk.h"
#include "node/move/arrival.h"
#include "node/bind/backup.h"
#include "node/copy/copy.h"
#include "node/move/departure.h"
#include "node/task/ended.h"
#include "node/bind/hand.h"
#include "node/handlers.h"
#include "node/node.h"
#include "node/task/process.h"
#include "node/ask/request.h"
#include "os/log.h"
#include "os/pid.h"

/*
 * A proposal lives from order_propose() until its command comes back in the order, found by the
 * request number that the command carries. The directory says what changed, as effects; they are
 * carried out first, in their order, and then the proposer is told: when it looks, the node already
 * agrees with the directory.
 */

struct proposal {
	struct proposal *next;
	uint64_t request;
	proposal_fn *done;
	void *ctx;
};

void order_propose(struct node *node, const struct command *cmd, proposal_fn *done, void *ctx)
{
	struct command copy = *cmd;
	struct proposal *proposal = calloc(1, sizeof(*proposal));
	struct directory_result result = { .code = EDVSNOCONN };

	/* No group: this node is leaving, and the others end what it has. */
	if (!proposal || !node->quorum || !node->group) {
		result.code = proposal ? EDVSNOCONN : EDVSNOMEM;
		free(proposal);
		done(node, ctx, &result);
		return;
	}
	*proposal = (struct proposal){ node->proposals, ++node->next_request, done, ctx };
	node->proposals = proposal;
	copy.version = COMMAND_VERSION;
	copy.origin = node->options.id;
	copy.request = proposal->request;
	if (group_send(node->group, &copy) < 0) {
		node->proposals = proposal->next;
		free(proposal);
		done(node, ctx, &result);
	}
}

bool order_is_lost(const struct node *node)
{
	return !node->quorum && !node->group_source;
}

const char *order_why(const struct node *node, int code)
{
	if (code == EDVSINPROGRESS)
		return "the group was lost before this was decided: look whether it is so";
	if (code != EDVSNOCONN)
		return result_text(code);
	return order_is_lost(node)
		       ? "the group is lost, because its sequencer has ended: what is shared stays as "
			 "it is until the daemons are started anew (a lab: dvs lab down, dvs lab up)"
		       : "the cluster has no quorum just now; try again when it is back";
}

static void caught_up(struct node *node, void *ctx, const struct directory_result *result)
{
	struct request *request = ctx;

	(void)node;
	(void)result; /* without quorum: what is known here has to do */
	if (request->pid > 0 && !request_caller_is_there(request))
		request_fail_gone(request);
	else
		request->again(request);
}

/*
 * Root, a task that is bound, and the owner of a DC that runs: every node follows what they ask. What
 * anybody else asks is judged by what this node knows.
 */
static bool may_use_order(struct request *request)
{
	int dcid = request->head.dcid;
	const struct directory_dc *dc;

	if (request->uid == 0 || caller_binding(request))
		return true;
	dc = dcid < 0 || dcid >= SHM_DCS ? NULL : &request->node->directory.dc[dcid];
	return dc && dc->running && dc->owner_uid == request->uid;
}

bool order_catch_up(struct request *request, void (*handler)(struct request *))
{
	struct command cmd = { .kind = COMMAND_SYNC };

	if (request->again || !may_use_order(request))
		return false;
	request->again = handler;
	order_propose(request->node, &cmd, caught_up, request);
	return true;
}

static void tell_proposer(struct node *node, uint64_t request,
			  const struct directory_result *result)
{
	for (struct proposal **link = &node->proposals; *link; link = &(*link)->next) {
		struct proposal *proposal = *link;

		if (proposal->request != request)
			continue;
		*link = proposal->next;
		proposal->done(node, proposal->ctx, result);
		free(proposal);
		return;
	}
}

/* Every bound task of the DC that waits for a bind or unbind looks again. */
static void poke_bind_waiters(struct node *node, int dcid)
{
	for (struct process *p = node->processes; p; p = p->next) {
		struct exchange_bell *bell;

		if (p->dcid != dcid || !p->status || !p->status->page->waitbind)
			continue;
		if (exchange_bell(node->exchange, dcid, p->p_nr, &bell) == 0)
			exchange_poke(bell);
	}
}

static void endpoint_dead(struct node *node, const struct directory_effect *effect)
{
	struct directory_endpoint ended = { .generation = effect->generation };
	int endpoint = directory_endpoint_number(&ended, effect->p_nr);
	struct process *process = process_find(node, effect->dcid, effect->p_nr);

	/* Its DC was removed: a process not of our init, which goes with the DC, is asked to end. */
	if (process && !process->managed && !node->directory.dc[effect->dcid].running)
		os_pidfd_signal(process->pidfd, SIGTERM);
	departure_on_dead(node, effect);
	arrival_on_dead(node, effect);
	exchange_endpoint_dead(node->exchange, effect->dcid, effect->p_nr, endpoint);
	copy_on_dead(node, effect->dcid, endpoint);
	if (process && process->generation == effect->generation)
		process_detach(process);
	backup_on_dead(node, effect);
	poke_bind_waiters(node, effect->dcid);
}

/* The owner's node holds the process by hand at its next call, or lets it go on. */
static void hold_by_hand(struct node *node, const struct directory_effect *effect, uint32_t hold)
{
	struct process *process = process_find(node, effect->dcid, effect->p_nr);
	struct exchange_bell *bell;

	if (!process || !process->status)
		return;
	process->status->page->hold = hold;
	if (exchange_bell(node->exchange, effect->dcid, effect->p_nr, &bell) == 0)
		exchange_poke(bell);
}

/* Every node asks for, and offers, what concerns an endpoint that has a new place in the order. */
static void offer(struct node *node, const struct directory_effect *effect)
{
	const struct directory_endpoint *ep = node_endpoint(node, effect->dcid, effect->p_nr);

	if (ep && ep->bound)
		proxy_offer(node->proxy, effect->dcid, effect->p_nr,
			    directory_endpoint_number(ep, effect->p_nr));
}

static void move_committed(struct node *node, const struct directory_effect *effect)
{
	int self = node->options.id;

	if (effect->node == self && effect->by_hand)
		hand_on_committed(node, effect);
	else if (effect->node == self)
		departure_on_committed(node, effect);
	if (effect->target == self)
		arrival_on_committed(node, effect);
	backup_on_committed(node, effect);
	offer(node, effect);
	copy_retry(node);
	poke_bind_waiters(node, effect->dcid);
}

static void move_rolled_back(struct node *node, const struct directory_effect *effect)
{
	int self = node->options.id;

	if (effect->by_hand && effect->node == self)
		hold_by_hand(node, effect, 0);
	if (effect->node == self)
		departure_on_rolled_back(node, effect);
	if (effect->target == self)
		arrival_on_rolled_back(node, effect);
	offer(node, effect);
	copy_retry(node);
}

static void node_changed(struct node *node, const struct directory_effect *effect)
{
	if (effect->kind == EFFECT_NODE_UP) {
		node_link_up(node, effect->node);
		return;
	}
	if (effect->node == node->options.id)
		return;
	proxy_node_down(node->proxy, effect->node);
	request_on_node_down(node, effect->node, true);
	copy_on_link(node, effect->node);
}

/* Its pid namespace here is made now: the first process to arrive shall not have to wait for it. */
static void dc_created(struct node *node, const struct directory_effect *effect)
{
	int self = node->options.id;

	if ((effect->node == self || effect->node < 0) &&
	    node->directory.dc[effect->dcid].nodes >> self & 1 &&
	    node_start_init(node, effect->dcid) < 0)
		os_log(OS_LOG_WARN, "the pid namespace of DC %d is tried again when it is needed",
		       effect->dcid);
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
		node_dc_removed(node, effect->dcid);
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
		if (effect->by_hand && effect->node == node->options.id)
			hold_by_hand(node, effect, 1);
		if (effect->target == node->options.id)
			arrival_on_started(node, effect);
		break;
	case EFFECT_MOVE_COMMITTED:
		move_committed(node, effect);
		break;
	case EFFECT_MOVE_ROLLED_BACK:
		move_rolled_back(node, effect);
		break;
	}
}

/* What the one that ends had still sent must not be overtaken by the news of its end. */
static void drain_links(struct node *node, const struct command *cmd)
{
	const struct directory_endpoint *ep;

	if (cmd->kind == COMMAND_NODE_LEAVE)
		proxy_drain(node->proxy, cmd->node);
	if (cmd->kind != COMMAND_UNBIND)
		return;
	ep = node_endpoint(node, cmd->dcid, cmd->p_nr);
	if (ep && ep->bound && ep->node != node->options.id)
		proxy_drain(node->proxy, ep->node);
}

void order_deliver(void *ctx, uint64_t order, const struct command *cmd)
{
	struct node *node = ctx;
	struct directory_result result = { 0 };

	drain_links(node, cmd);
	if (cmd->kind == COMMAND_NODE_LEAVE && directory_check(&node->directory, cmd) == 0)
		ended_with_node(node, cmd->node);
	directory_apply(&node->directory, order, cmd, &node->effects, &result);
	for (uint32_t i = 0; i < node->effects.count; i++)
		carry_out(node, &node->effects.item[i]);
	if (cmd->origin == node->options.id && cmd->request)
		tell_proposer(node, cmd->request, &result);
	if (cmd->kind == COMMAND_NODE_JOIN && cmd->node == node->options.id)
		node_joined(node);
}

void order_restore(void *ctx, uint64_t order, const uint8_t *state, size_t len)
{
	struct node *node = ctx;

	if (directory_decode(&node->directory, state, len) < 0) {
		os_log(OS_LOG_ERROR, "the state from the group as of %llu is damaged",
		       (unsigned long long)order);
		node_fail(node);
		return;
	}
	for (int i = 0; i < NR_NODES; i++) {
		if (node->directory.node[i].up && i != node->options.id)
			node_link_up(node, i);
	}
}

size_t order_snapshot(void *ctx, uint8_t *buf, size_t size)
{
	struct node *node = ctx;

	return directory_encode(&node->directory, buf, size);
}

void order_quorum(void *ctx, bool have)
{
	struct node *node = ctx;
	struct directory_result result = { .code = EDVSINPROGRESS };

	node->quorum = have;
	if (have)
		return;
	/* Undecided commands may still have been ordered: their proposers may not undo anything. */
	while (node->proposals) {
		struct proposal *proposal = node->proposals;

		node->proposals = proposal->next;
		proposal->done(node, proposal->ctx, &result);
		free(proposal);
	}
}
