/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/judge.h"

#include <assert.h>

#include "base/right.h"
#include "node/ask/request.h"
#include "node/bind/binding.h"
#include "node/state/order.h"
#include "os/lock.h"

static bool belongs_to(const struct request *request, int dcid)
{
	const struct binding *binding = binding_of_caller_any(request);

	return binding && binding->dcid == dcid;
}

bool judge_may(const struct request *request, int dcid, unsigned rights)
{
	const struct directory_dc *dc;

	assert(os_lock_protects());
	assert(rights);
	if (dcid < 0 || dcid >= SHM_DCS)
		return true;
	dc = &request->requests->order->directory.dc[dcid];
	if (!dc->running || right_may(&dc->owner, &request->user, rights))
		return true;
	return !(rights & RIGHT_CHANGE) && belongs_to(request, dcid);
}
