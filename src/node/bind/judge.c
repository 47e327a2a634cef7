/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/judge.h"

#include <assert.h>

#include "base/right.h"
#include "node/ask/request.h"
#include "node/bind/binding.h"
#include "node/state/order.h"
#include "os/lock.h"

/* The DC that the asking process is bound in, or -1. Looks through the tasks. */
static int own_dc(const struct request *request)
{
	const struct binding *binding = binding_of_caller_any(request);

	return binding ? binding->dcid : -1;
}

/* To the user, whatever its process is bound in. */
static bool is_open(const struct request *request, int dcid, unsigned rights)
{
	const struct directory_dc *dc = &request->requests->order->directory.dc[dcid];

	assert(rights);
	return !dc->running || right_may(&dc->owner, &request->user, rights);
}

bool judge_may(const struct request *request, int dcid, unsigned rights)
{
	assert(os_lock_protects());
	if (dcid < 0 || dcid >= SHM_DCS || is_open(request, dcid, rights))
		return true;
	return !(rights & RIGHT_CHANGE) && own_dc(request) == dcid;
}

bool judge_may_ask(const struct request *request)
{
	const struct right_owner door = { .uid = 0, .gid = request->requests->users, .mode = 0770 };

	assert(os_lock_protects());
	assert(request->from < 0);
	return door.gid == RIGHT_NO_GROUP || right_may(&door, &request->user, RIGHT_USE) ||
	       own_dc(request) >= 0;
}

uint32_t judge_visible(const struct request *request)
{
	int own = own_dc(request);
	uint32_t visible = 0;

	_Static_assert(SHM_DCS <= 32, "a bit for each DC");
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		if (dcid == own || is_open(request, dcid, RIGHT_SEE))
			visible |= 1u << dcid;
	return visible;
}
