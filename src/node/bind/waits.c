/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/waits.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/waits.h"
#include "dvk.h"
#include "node/calls.h"
#include "node/bind/binding.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"
#include "os/lock.h"

/* More ask again later. */
#define CHASES_MAX 64

struct ring_chase {
	struct ring_chase *next;
	struct bindings *bindings;
	int dcid;
	int asker; /* slot */
	struct wait_chase chase;
};

/* How the sender of this line waits for its receiver, as the replica here has it. */
static enum wait_kind kind_of(struct binding *binding, int sender_nr, int receiver_nr)
{
	const struct exchange_channel *channel =
		exchange_find(binding->bindings->exchange, binding->dcid, sender_nr, receiver_nr);
	uint64_t word;

	if (!channel)
		return WAIT_NOBODY;
	word = channel->page->line[exchange_side(channel, sender_nr)].word;
	if (line_word_is_waiting(word))
		return WAIT_TAKE;
	return line_word_is_owed(word) ? WAIT_ANSWER : WAIT_NOBODY;
}

/*
 * The peer that a process of this node waits for, if from_nr really waits for the process (from_nr may be the process
 * itself). A process that receives from a single peer is in no ring: a notification of anybody may end its wait.
 */
static struct wait_edge edge_of(struct binding *binding, int from_nr)
{
	const struct status_page *page = binding->status->page;
	struct wait_edge edge = { .p_nr = binding->p_nr };
	uint32_t flags;

	/* Acquire, and again at the end: all of it belongs to one wait. */
	edge.nr = atomic_load_explicit(&page->waits, memory_order_acquire);
	flags = page->rts_flags;
	if (flags & SENDING)
		edge.target = _ENDPOINT_P(page->sendto);
	else if (flags & RECEIVING && page->misc_flags & MIS_ATOMIC)
		edge.target = _ENDPOINT_P(page->getfrom);
	else
		return edge;
	edge.kind = kind_of(binding, binding->p_nr, edge.target);
	if (from_nr != binding->p_nr && !kind_of(binding, from_nr, binding->p_nr))
		edge.kind = WAIT_NOBODY;
	atomic_thread_fence(memory_order_acquire);
	if (page->waits != edge.nr)
		edge.kind = WAIT_NOBODY;
	return edge;
}

static struct binding *waiter(struct bindings *bindings, int dcid, int p_nr)
{
	struct binding *binding = binding_find(bindings, dcid, p_nr);

	return binding && !binding->task->ended ? binding : NULL;
}

static void lock_here(struct bindings *bindings, int dcid, int p_nr, uint64_t nr)
{
	struct binding *binding = waiter(bindings, dcid, p_nr);
	struct exchange_bell *bell;

	if (!binding)
		return;
	atomic_store(&binding->status->page->locked, nr);
	if (exchange_bell(bindings->exchange, dcid, p_nr, &bell) == 0)
		exchange_poke(bell);
}

/* A question to the daemon of another node. It is always answered, if only by the loss of the link. */
static void ask(struct bindings *bindings, int to, const struct ctl_request *head,
		void (*told)(void *, int, const struct ctl_reply *, const void *), void *asker)
{
	struct ctl_reply failed = { .packet = CTL_END, .error = EDVSNOMEM };
	struct request *request = request_new(bindings->requests);

	if (!request) {
		told(asker, to, &failed, NULL);
		return;
	}
	request->head = *head;
	request->head.magic = CTL_MAGIC;
	request->head.version = CTL_VERSION;
	request->head.call = CTL_WAITS;
	request->told = told;
	request->asker = asker;
	forward_start(request, to);
}

static void lock_told(void *asker, int node, const struct ctl_reply *reply, const void *payload)
{
	(void)asker;
	(void)node;
	(void)reply;
	(void)payload; /* a process that has moved meanwhile asks again */
}

static void lock(struct bindings *bindings, int dcid, const struct wait_edge *victim)
{
	const struct directory_endpoint *ep = order_endpoint(bindings->order, dcid, victim->p_nr);
	struct ctl_request head = { .cmd = CTL_WAITS_LOCK,
				    .dcid = dcid,
				    .endpoint = victim->p_nr,
				    .addr = { victim->nr } };

	if (ep->node == bindings->order->self)
		lock_here(bindings, dcid, victim->p_nr, victim->nr);
	else
		ask(bindings, ep->node, &head, lock_told, NULL);
}

static void chase_free(struct ring_chase *chase)
{
	struct ring_chase **link = &chase->bindings->chases;

	while (*link && *link != chase)
		link = &(*link)->next;
	assert(*link);
	*link = chase->next;
	free(chase);
}

static void on_edge(void *asker, int node, const struct ctl_reply *reply, const void *payload);

/* Goes on from a verdict until another node has to be asked, or to the end. */
static void run(struct ring_chase *ring, enum wait_verdict verdict)
{
	struct bindings *bindings = ring->bindings;

	while (verdict == WAIT_ASK) {
		const struct directory_endpoint *ep =
			order_endpoint(bindings->order, ring->dcid, ring->chase.at);
		struct ctl_request head = { .cmd = CTL_WAITS_EDGE,
					    .dcid = ring->dcid,
					    .endpoint = ring->chase.at,
					    .pid = ring->chase.from };
		struct wait_edge edge = { .kind = WAIT_NOBODY };
		struct binding *binding = waiter(bindings, ring->dcid, ring->chase.at);

		if (ep && ep->bound && ep->node != bindings->order->self) {
			ask(bindings, ep->node, &head, on_edge, ring); /* may end it at once */
			return;
		}
		if (binding)
			edge = edge_of(binding, ring->chase.from);
		verdict = wait_chase_on_edge(&ring->chase, &edge);
	}
	if (verdict == WAIT_LOCKED)
		lock(bindings, ring->dcid, &ring->chase.victim);
	chase_free(ring);
}

static void on_edge(void *asker, int node, const struct ctl_reply *reply, const void *payload)
{
	struct wait_edge edge = { .kind = WAIT_NOBODY };
	struct ring_chase *ring = asker;

	(void)node;
	if (reply->packet != CTL_END)
		return;
	if (!reply->error && reply->payload_bytes == sizeof(edge))
		memcpy(&edge, payload, sizeof(edge)); /* which lies anywhere in a frame */
	run(ring, wait_chase_on_edge(&ring->chase, &edge));
}

void waits_on_ring(struct binding *binding)
{
	struct bindings *bindings = binding->bindings;
	int dcid = binding->dcid, p_nr = binding->p_nr;
	struct ring_chase *ring;
	unsigned count = 0;

	assert(os_lock_protects());
	if (!atomic_exchange(&binding->status->page->asks, 0))
		return;
	for (ring = bindings->chases; ring; ring = ring->next) {
		if (++count == CHASES_MAX || (ring->dcid == dcid && ring->asker == p_nr))
			return;
	}
	ring = calloc(1, sizeof(*ring));
	if (!ring)
		return;
	*ring = (struct ring_chase){
		.next = bindings->chases, .bindings = bindings, .dcid = dcid, .asker = p_nr
	};
	bindings->chases = ring;
	wait_chase_begin(&ring->chase, p_nr);
	run(ring, WAIT_ASK);
}

void handle_waits(struct request *request)
{
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	struct binding *binding;
	struct wait_edge edge;

	binding = waiter(binding_part(request), dcid, p_nr);
	if (!binding) {
		request_fail(request, EDVSRMTPROC, "endpoint %d of DC %d is not here", p_nr, dcid);
		return;
	}
	if (request->head.cmd == CTL_WAITS_LOCK) {
		lock_here(binding_part(request), dcid, p_nr, request->head.addr[0]);
		request_end(request, 0, NULL, 0, NULL, 0);
		return;
	}
	edge = edge_of(binding, request->head.pid);
	request_end(request, 0, &edge, sizeof(edge), NULL, 0);
}
