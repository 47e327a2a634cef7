/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "core/assert.h"
#include "core/link.h"

/* Rules that hold between all events. */
static void assert_sound(const struct link *link)
{
	CORE_ASSERT(link->node >= 0 && link->node < NR_NODES);
	CORE_ASSERT(link->peer >= 0 && link->peer < NR_NODES);
	CORE_ASSERT(link->node != link->peer);
	CORE_ASSERT(link->state <= LINK_UP);
	CORE_ASSERT(link->retry_us >= LINK_RETRY_MIN_US);
	CORE_ASSERT(link->retry_us <= LINK_RETRY_MAX_US);
	CORE_ASSERT(!link->cluster[FRAME_CLUSTER_BYTES - 1]);
}

void link_init(struct link *link, int node, int peer, const char *cluster)
{
	CORE_ASSERT(node != peer);
	*link = (struct link){
		.node = node,
		.peer = peer,
		.state = LINK_DOWN,
		.retry_us = LINK_RETRY_MIN_US,
	};
	for (size_t i = 0; i < FRAME_CLUSTER_BYTES - 1 && cluster[i]; i++)
		link->cluster[i] = cluster[i];
	assert_sound(link);
}

void link_set_lives(struct link *link, const struct link_life *own, const struct link_life *peer)
{
	CORE_ASSERT(link->state <= LINK_UP);
	link->own_life = *own;
	link->peer_life = *peer;
}

bool link_connects(const struct link *link)
{
	CORE_ASSERT(link->node != link->peer);
	return link->node < link->peer;
}

static void enter(struct link *link, enum link_state state, int64_t now_ns)
{
	link->state = state;
	link->since_ns = now_ns;
	link->heard_ns = now_ns;
	link->pinged_ns = now_ns - LINK_MEASURE_NS;
	assert_sound(link);
}

void link_greet(struct link *link, int64_t now_ns)
{
	enter(link, LINK_GREETING, now_ns);
}

void link_hello(const struct link *link, struct frame_hello *hello)
{
	assert_sound(link);
	memset(hello, 0, sizeof(*hello));
	hello->kind = FRAME_KIND_LINK;
	hello->node = link->node;
	hello->incarnation = link->own_life.incarnation;
	hello->secret = link->own_life.secret;
	hello->peer = link->peer;
	hello->peer_incarnation = link->peer_life.incarnation;
	/* The node that answers is up by now and says the agreed epoch; the node that asks proposes one. */
	hello->epoch = link->state == LINK_UP ? link->epoch : link->epoch + 1;
	memcpy(hello->cluster, link->cluster, FRAME_CLUSTER_BYTES);
	hello->speaker = protocol_own;
}

int link_check_call(const struct link *link, enum frame_kind kind, const struct frame_hello *hello)
{
	if (hello->kind != kind)
		return LINK_E_KIND;
	if (memcmp(hello->cluster, link->cluster, FRAME_CLUSTER_BYTES))
		return LINK_E_CLUSTER;
	if (hello->node != link->peer || hello->peer != link->node)
		return LINK_E_STRANGER;
	if (!protocol_common(&hello->speaker, &protocol_own))
		return LINK_E_VERSION;
	if (!link_life_known(&link->own_life) || !link_life_known(&link->peer_life))
		return LINK_E_EARLY;
	if (hello->incarnation != link->peer_life.incarnation)
		return hello->incarnation < link->peer_life.incarnation ? LINK_E_STALE
									: LINK_E_EARLY;
	if (hello->peer_incarnation != link->own_life.incarnation)
		return LINK_E_EARLY;
	return hello->secret == link->peer_life.secret ? 0 : LINK_E_SECRET;
}

int link_on_hello(struct link *link, const struct frame_hello *hello, int64_t now_ns)
{
	int refusal = link->state == LINK_GREETING ? link_check_call(link, FRAME_KIND_LINK, hello)
						   : LINK_E_STATE;

	if (refusal)
		return refusal;
	if (hello->epoch > LINK_EPOCH_MAX)
		return LINK_E_EPOCH;
	CORE_ASSERT(link_life_known(&link->own_life));
	CORE_ASSERT(link->epoch < UINT32_MAX);
	link->epoch = hello->epoch > link->epoch ? hello->epoch : link->epoch + 1;
	link->protocol = protocol_common(&hello->speaker, &protocol_own);
	CORE_ASSERT(link->protocol);
	link->retry_us = LINK_RETRY_MIN_US;
	enter(link, LINK_UP, now_ns);
	return 0;
}

void link_call_hello(const struct link *link, enum frame_kind kind, struct frame_hello *hello)
{
	link_hello(link, hello);
	hello->kind = (uint16_t)kind;
}

struct identity link_identity(const struct link *link, enum frame_kind kind)
{
	CORE_ASSERT(link->node != link->peer);
	return (struct identity){ .purpose = (uint16_t)kind,
				  .from = (uint16_t)link->node,
				  .to = (uint16_t)link->peer,
				  .from_life = link->own_life.incarnation,
				  .to_life = link->peer_life.incarnation };
}

uint32_t link_on_lost(struct link *link, int64_t now_ns)
{
	uint32_t wait_us = link->retry_us;

	CORE_ASSERT(wait_us >= LINK_RETRY_MIN_US && wait_us <= LINK_RETRY_MAX_US);
	link->retry_us = wait_us > LINK_RETRY_MAX_US / 2 ? LINK_RETRY_MAX_US : wait_us * 2;
	CORE_ASSERT(link->retry_us >= wait_us);
	enter(link, LINK_DOWN, now_ns);
	return wait_us;
}

void link_on_heard(struct link *link, int64_t now_ns)
{
	link->heard_ns = now_ns;
}

enum link_action link_on_tick(struct link *link, int64_t now_ns)
{
	assert_sound(link);
	if (link->state == LINK_GREETING)
		return now_ns - link->since_ns >= LINK_GREETING_NS ? LINK_DEAD : LINK_NOTHING;
	if (link->state != LINK_UP)
		return LINK_NOTHING;
	if (now_ns - link->heard_ns >= LINK_SILENT_NS)
		return LINK_DEAD;
	if (now_ns - link->pinged_ns < LINK_MEASURE_NS &&
	    (now_ns - link->heard_ns < LINK_IDLE_NS || now_ns - link->pinged_ns < LINK_IDLE_NS))
		return LINK_NOTHING;
	link->pinged_ns = now_ns;
	return LINK_PING;
}
