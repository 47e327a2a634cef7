/* SPDX-License-Identifier: Apache-2.0 */
#include "node/state/life.h"

#include <assert.h>

#include "node/state/order.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "proxy/proxy.h"

void life_link_up(const struct order *order, struct proxy *proxy, int id)
{
	const struct directory_node *entry = &order->directory.node[id];
	const struct link_life life = { entry->incarnation, entry->secret };

	assert(os_lock_protects());
	assert(entry->up);
	proxy_node_up(proxy, id, entry->address, &life);
}

void life_fail(struct life *life)
{
	assert(os_lock_protects());
	os_log(OS_LOG_ERROR, "the node cannot go on");
	life->failed = true;
	life_stop(life);
}

void life_stop(struct life *life)
{
	assert(os_lock_protects());
	life->stopping = true;
	os_loop_stop(life->loop);
}
