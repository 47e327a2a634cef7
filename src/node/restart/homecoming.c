/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/homecoming.h"

#include <assert.h>
#include <stdlib.h>

#include "node/ask/request.h"
#include "node/restart/restart.h"
#include "node/state/order.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/loop.h"
#include "proxy/proxy.h"

#define HOME_LIMIT_US 1000000

struct homecoming {
	struct request *request;
	struct os_source *timer;
	uint64_t paused_ns;
	struct ctl_restart answer;
};

static unsigned links_down(const struct requests *requests)
{
	unsigned down = 0;

	for (int peer = 0; peer < NR_NODES; peer++) {
		struct proxy_link_stats stats;

		if (peer == requests->order->self || !requests->order->directory.node[peer].up)
			continue;
		proxy_link_stats(requests->proxy, peer, &stats);
		down += !stats.up;
	}
	return down;
}

static void be_home(void *ctx)
{
	struct restarts *restarts = ctx;
	struct homecoming *home = restarts->homecoming;

	assert(home);
	home->answer.links_down = links_down(home->request->requests);
	home->answer.linked_ns = (uint64_t)os_now_ns() - home->paused_ns;
	os_source_free(home->timer);
	restarts->homecoming = NULL;
	request_end(home->request, 0, &home->answer, sizeof(home->answer), NULL, 0);
	free(home);
}

void homecoming_on_link(struct restarts *restarts)
{
	assert(os_lock_protects());
	if (restarts->homecoming && !links_down(restarts->homecoming->request->requests))
		be_home(restarts);
}

void homecoming_begin(struct restarts *restarts, struct request *request, uint64_t paused_ns,
		      const struct ctl_restart *answer)
{
	struct homecoming *home = malloc(sizeof(*home));

	assert(os_lock_protects());
	assert(!restarts->homecoming); /* a daemon has one predecessor */
	if (!home) {
		request_end(request, 0, answer, sizeof(*answer), NULL, 0);
		return;
	}
	*home = (struct homecoming){ request, NULL, paused_ns, *answer };
	restarts->homecoming = home;
	if (os_source_timer(request->requests->loop, HOME_LIMIT_US, be_home, restarts,
			    &home->timer) < 0)
		be_home(restarts);
	else
		homecoming_on_link(restarts);
}
