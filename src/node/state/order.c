/* SPDX-License-Identifier: Apache-2.0 */
#include "node/state/order.h"

#include <assert.h>
#include <stdlib.h>

#include "base/result.h"
#include "core/proposal.h"
#include "dvk.h"
#include "group/group.h"
#include "os/lock.h"
#include "wire/handover.h"

/*
 * A proposal lives from order_propose() until its command comes back in the order, found by the
 * request number that the command carries. One that is not sent waits for a quorum, for room in the
 * connection to the group, or for the own NODE_JOIN.
 */

struct proposal {
	struct proposal *next; /* older */
	struct command command;
	bool sent;
	proposal_fn *done;
	void *ctx;
};

/* done may propose again. */
static void tell(struct order *order, struct proposal *proposal,
		 const struct directory_result *result)
{
	struct proposal told = *proposal;

	free(proposal);
	if (told.done)
		told.done(order, told.ctx, result);
}

static bool send(struct order *order, struct proposal *proposal)
{
	assert(!proposal->sent);
	proposal->sent = order->quorum && group_send(order->group, &proposal->command) == 0;
	return proposal->sent;
}

/* The user, and the group by which it counts in the DC as it is now. */
static void name_user(const struct order *order, struct command *cmd, const struct right_user *by)
{
	bool is_slot = cmd->dcid >= 0 && cmd->dcid < SHM_DCS;

	cmd->by_uid = by->uid;
	cmd->by_gid = is_slot ? right_group(&order->directory.dc[cmd->dcid].owner, by) : by->gid;
}

void order_propose(struct order *order, const struct command *cmd, const struct right_user *by,
		   proposal_fn *done, void *ctx)
{
	bool waits = proposal_waits(cmd) && !order_is_lost(order);
	struct proposal *proposal = calloc(1, sizeof(*proposal));
	struct directory_result result = { .code = proposal ? EDVSNOCONN : EDVSNOMEM };

	assert(os_lock_protects());
	/* No group: this node is leaving, and the others end what it has. */
	if (!proposal || !order->group || (!order->quorum && !waits)) {
		free(proposal);
		if (done)
			done(order, ctx, &result);
		return;
	}
	*proposal = (struct proposal){ order->proposals, *cmd, false, done, ctx };
	order->proposals = proposal;
	proposal->command.version = COMMAND_VERSION;
	proposal->command.origin = order->self;
	proposal->command.request = ++order->last_request;
	name_user(order, &proposal->command, by);
	if (!send(order, proposal) && !waits) {
		assert(order->proposals == proposal);
		order->proposals = proposal->next;
		tell(order, proposal, &result);
	}
}

bool order_is_lost(const struct order *order)
{
	return !order->quorum && !order->source;
}

const char *order_why(const struct order *order, int code)
{
	assert(code < 0);
	if (code == EDVSINPROGRESS)
		return "the group was lost before this was decided: look whether it is so";
	if (code != EDVSNOCONN)
		return result_text(code);
	if (order->quorum)
		return "the order takes no more commands just now: many wait to be decided, or this node's own "
		       "NODE_JOIN does; try again";
	return order_is_lost(order)
		       ? "this node has no group any more: either its sequencer has ended, and the shared "
			 "state stays as it is until the daemons are started anew (a lab: dvs lab down, "
			 "dvs lab up), or the group goes on without this node, and its daemon begins anew "
			 "by itself"
		       : "the cluster has no quorum just now; try again when it is back";
}

/* Those that wait are sent in the order in which they were proposed. */
static void send_waiting(struct order *order)
{
	struct proposal *oldest;

	assert(order->quorum);
	do {
		oldest = NULL;
		for (struct proposal *p = order->proposals; p; p = p->next)
			oldest = p->sent ? oldest : p;
	} while (oldest && send(order, oldest));
}

void order_decided(struct order *order, uint64_t request, const struct directory_result *result)
{
	struct proposal **link = &order->proposals, *proposal;

	assert(os_lock_protects());
	while (*link && (*link)->command.request != request)
		link = &(*link)->next;
	proposal = *link;
	if (proposal) {
		*link = proposal->next;
		tell(order, proposal, result);
	}
	if (order->quorum)
		send_waiting(order);
}

void order_note_directory(struct order *order)
{
	if (order->in_state.number)
		os_kept_note(&order->in_state);
	else
		os_kept_begin(&order->in_state, HANDOVER_DIRECTORY);
}

void order_note_applied(struct order *order, uint64_t number, const struct command *cmd)
{
	assert(order->applied_count <= ORDER_APPLIED_MAX);
	os_kept_note_other();
	if (order->applied_count == ORDER_APPLIED_MAX)
		order_note_directory(order);
	else
		order->applied[order->applied_count++] = (struct order_applied){ number, *cmd };
}

void order_settle(struct order *order)
{
	assert(os_lock_protects());
	order->applied_count = 0;
}

size_t order_snapshot(const struct order *order, uint8_t *buf, size_t size)
{
	assert(os_lock_protects());
	return directory_encode(&order->directory, buf, size);
}

/* Undecided commands may still have been ordered: their proposers may not undo anything. */
static void give_up(struct order *order, bool all)
{
	struct directory_result result = { .code = EDVSINPROGRESS };
	struct proposal **link = &order->proposals;

	while (*link) {
		struct proposal *proposal = *link;

		if (!all && proposal_stays(&proposal->command)) {
			link = &proposal->next;
			continue;
		}
		*link = proposal->next;
		tell(order, proposal, &result);
		link = &order->proposals; /* which may have changed */
	}
}

void order_quorum(struct order *order, bool have)
{
	assert(os_lock_protects());
	order->quorum = have;
	os_kept_note_other(); /* the group's place, and whether there is a quorum */
	if (have)
		send_waiting(order);
	else
		give_up(order, false);
}

void order_lost(struct order *order)
{
	assert(os_lock_protects());
	assert(order_is_lost(order));
	give_up(order, true);
	assert(!order->proposals);
}
