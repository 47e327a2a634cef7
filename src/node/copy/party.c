/* SPDX-License-Identifier: Apache-2.0 */
#include "node/copy/party.h"

#include <assert.h>
#include <errno.h>

#include "base/result.h"
#include "node/bind/binding.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/credentials.h"
#include "os/lock.h"
#include "os/loop.h"
#include "os/socket.h"
#include "os/thread.h"

/* Blocked in a call, and therefore in no state to be surprised: toward the requester or by its own word. */
static bool is_blocked(const struct binding *binding, int requester)
{
	struct exchange_channel *channel = exchange_find(binding->bindings->exchange, binding->dcid,
							 binding->p_nr, _ENDPOINT_P(requester));
	uint64_t word;

	/* A request that waits or is being served says so before the status page does. */
	if (channel) {
		word = channel->page->line[exchange_side(channel, binding->p_nr)].word;
		if (line_word_is_request(word))
			return true;
	}
	/* A plain sender is none: it is not waiting for anything that the copy could be part of. */
	return binding->status->page->rts_flags & RECEIVING;
}

static struct binding *binding_of(const struct bindings *bindings, const struct party *party)
{
	struct binding *binding = binding_find(bindings, party->dcid, _ENDPOINT_P(party->endpoint));

	return binding && binding->endpoint == party->endpoint ? binding : NULL;
}

bool party_may_ask(const struct order *order, int from, int dcid, uint32_t dc_generation,
		   int requester)
{
	int p_nr = _ENDPOINT_P(requester);
	const struct directory_endpoint *ep = order_endpoint(order, dcid, p_nr);

	assert(os_lock_protects());
	return ep && order->directory.dc[dcid].generation == dc_generation && ep->bound &&
	       ep->node == from && directory_endpoint_number(ep, p_nr) == requester;
}

int party_asker(const struct bindings *bindings, int dcid, int requester, struct asker *asker)
{
	const struct binding *binding = binding_find(bindings, dcid, _ENDPOINT_P(requester));

	assert(os_lock_protects());
	if (!binding || binding->endpoint != requester ||
	    os_asker_of(binding->task->lpid, asker) < 0)
		return EDVSNOTBIND;
	/* It has not ended until now, so the number was its own. */
	return os_poll(binding->task->pidfd, OS_READ, 0) == 0 ? EDVSNOTBIND : 0;
}

/* Threads of one process share the memory anyway. */
static bool is_own(const struct binding *binding, int requester)
{
	const struct binding *asker =
		binding_find(binding->bindings, binding->dcid, _ENDPOINT_P(requester));

	return asker && asker->endpoint == requester && asker->task->tgid == binding->task->tgid;
}

int party_take(const struct bindings *bindings, struct party *party)
{
	struct binding *binding = binding_of(bindings, party);

	assert(os_lock_protects());
	if (!binding || binding->state != BINDING_BOUND)
		return EDVSMIGRATE;
	if (party->endpoint != party->requester && !is_blocked(binding, party->requester))
		return EDVSPROCSTS;
	binding->copying++;
	party->pid = binding->task->lpid;
	party->own = is_own(binding, party->requester);
	return 0;
}

void party_leave(const struct bindings *bindings, const struct party *party)
{
	struct binding *binding = binding_of(bindings, party);

	assert(os_lock_protects());
	/* It may have ended meanwhile, and nobody waits for the copy then. */
	if (!binding || binding->task->lpid != party->pid)
		return;
	assert(binding->copying > 0);
	binding->copying--;
}

/*
 * The daemon could copy from and to anybody. The other is looked at anew before each part: it may have
 * executed a program that has more rights.
 */
static bool may_touch(const struct party *party)
{
	struct credentials credentials;

	if (party->own || asker_may_all(&party->asker))
		return true;
	return os_credentials_of(party->pid, &credentials) == 0 &&
	       asker_may_access(&party->asker, &credentials);
}

int party_copy(const struct party *party, enum lane_op op, uint64_t addr, uint8_t *buf,
	       uint32_t bytes)
{
	int r = may_touch(party) ? os_process_copy(party->pid, buf, addr, bytes, op == LANE_READ)
				 : -EPERM;

	assert(!os_lock_is_held());
	if (r == -ESRCH)
		return op == LANE_READ ? EDVSSRCDIED : EDVSDSTDIED;
	if (r == -EPERM)
		return EDVSPERM;
	return r < 0 ? EDVSFAULT : 0;
}
