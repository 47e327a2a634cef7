/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/refusal.h"
#include "node/ask/request.h"
#include "node/bind/roster.h"
#include "node/calls.h"
#include "node/state/order.h"
#include "os/lock.h"
#include "os/loop.h"
#include "os/membership.h"
#include "os/threads.h"
#include "proxy/proxy.h"

/*
 * Another list of the cluster's machines, which `dvs invite` and `dvs leave` give to every node. The nodes learn of
 * each other from the order, with one address each; the list is for Corosync, for the next machine that joins, and for
 * further addresses.
 */

void roster_tell(struct proxy *proxy, const struct roster *roster)
{
	assert(os_lock_protects());
	for (int id = 0; id < NR_NODES; id++)
		proxy_node_ways(proxy, id, roster->node[id].address, roster->node[id].count);
}

bool roster_of_node(const char *path, int id, const char *name, struct address address,
		    struct roster *roster)
{
	assert(id >= 0 && id < NR_NODES);
	return !membership_roster(path, roster, NULL) && roster_find(roster, name) == id &&
	       roster_has_address(&roster->node[id], address);
}

struct change {
	struct request *request;
	struct os_loop *loop;
	struct proxy *proxy;
	struct roster roster;
};

/* One at a time: they are rare, and each waits for the disk. By the node lock. */
static bool busy;

/* Without the lock: the disk may take its time. */
static void *write_main(void *ctx)
{
	struct change *change = ctx;
	struct refusal refusal = REFUSAL_NONE;
	int r = membership_change("", &change->roster, &refusal);

	os_loop_lock(change->loop);
	if (r)
		request_refuse(change->request, &refusal);
	else
		request_end(change->request, 0, NULL, 0, NULL, 0);
	if (!r)
		roster_tell(change->proxy, &change->roster);
	busy = false;
	os_loop_unlock(change->loop);
	free(change);
	return NULL;
}

/* The list that came, if it is one for this node. False: the request has ended. */
static bool read_list(struct request *request, struct roster *roster)
{
	const struct order *order = request->requests->order;
	const char *name = order->directory.node[order->self].name, *why;
	int line;

	why = roster_parse(roster, (const char *)request->payload, request->head.payload_bytes,
			   &line);
	if (why)
		request_fail(request, EDVSINVAL, "line %d of the list of machines: %s", line, why);
	else if (roster_find(roster, name) != order->self)
		request_fail(
			request, EDVSINVAL,
			"the list of machines has no node %d of the name %s, which this node is",
			order->self, name);
	else
		return true;
	return false;
}

void handle_roster(struct request *request)
{
	struct change *change;

	assert(os_lock_protects());
	change = malloc(sizeof(*change));
	if (!change) {
		request_fail(request, EDVSNOMEM, "the node has no memory for a list of machines");
		return;
	}
	*change = (struct change){ .request = request,
				   .loop = request->requests->loop,
				   .proxy = request->requests->proxy };
	if (!read_list(request, &change->roster)) {
		free(change);
	} else if (busy) {
		request_fail(request, EDVSAGAIN,
			     "another change of the list of machines is under way: try again");
		free(change);
	} else if (os_thread_start(write_main, change) < 0) {
		request_fail(request, EDVSAGAIN, "the node has no thread for this: try again");
		free(change);
	} else {
		busy = true;
	}
}
