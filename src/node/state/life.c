/* SPDX-License-Identifier: Apache-2.0 */
#include "node/state/life.h"

#include "node/node.h"
#include "os/log.h"
#include "os/loop.h"

void life_link_up(struct node *node, int id)
{
	const struct directory_node *entry = &node->order.directory.node[id];
	const struct link_life life = { entry->incarnation, entry->secret };

	proxy_node_up(node->proxy, id, entry->address, &life);
}

void life_fail(struct node *node)
{
	os_log(OS_LOG_ERROR, "node %d cannot go on", node->options.id);
	node->life.failed = true;
	life_stop(node);
}

void life_stop(struct node *node)
{
	node->life.stopping = true;
	os_loop_stop(node->loop);
}
