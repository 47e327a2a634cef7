/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/binding.h"

#include "dvk.h"
#include "node/node.h"
#include "node/task/process.h"

int binding_locate(const struct node *node, int dcid, int endpoint)
{
	int p_nr = _ENDPOINT_P(endpoint);
	const struct directory_endpoint *ep = node_endpoint(node, dcid, p_nr);
	struct process *process;

	if (!ep || !ep->bound || directory_endpoint_number(ep, p_nr) != endpoint)
		return PROXY_GONE;
	if (ep->node != node->options.id)
		return ep->moving ? PROXY_HELD : ep->node;
	process = process_find((struct node *)node, dcid, p_nr);
	return process && process->state != PROCESS_LEAVING ? PROXY_HERE : PROXY_HELD;
}
