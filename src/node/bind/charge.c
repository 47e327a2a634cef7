/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/charge.h"

#include <assert.h>
#include <stdint.h>

#include "node/ask/request.h"
#include "node/bind/binding.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/descriptors.h"
#include "os/lock.h"

static uint32_t owner_of(const struct request *request, int dcid)
{
	assert(dcid >= 0 && dcid < SHM_DCS);
	return request->requests->order->directory.dc[dcid].owner.uid;
}

/* A task of a DC that was removed belongs to no owner, and is about to end. */
static bool is_owners(const struct request *request, int dcid, uint32_t uid)
{
	return request->requests->order->directory.dc[dcid].running &&
	       owner_of(request, dcid) == uid;
}

bool charge_process(struct request *request)
{
	uint32_t uid = owner_of(request, request->head.dcid);
	unsigned have = 0;

	assert(os_lock_protects());
	if (uid == 0)
		return true;
	for (const struct task *task = request->requests->tasks->all; task; task = task->next)
		have += task->managed && is_owners(request, task->dcid, uid);
	if (have < CHARGE_PROCESSES_MAX)
		return true;
	request_fail(request, EDVSUSERFULL,
		     "the DCs of uid %u have %u processes on node %d, as many as one user's may: "
		     "stop some of them first (dvs ps)",
		     uid, have, request->requests->order->self);
	return false;
}

bool charge_channel(struct request *request, int dcid)
{
	uint32_t uid = owner_of(request, dcid);
	unsigned have = 0;

	assert(os_lock_protects());
	if (uid == 0)
		return true;
	for (int i = 0; i < SHM_DCS; i++)
		if (is_owners(request, i, uid))
			have += exchange_channels(binding_part(request)->exchange, i);
	if (have < os_descriptors_part())
		return true;
	request_fail(request, EDVSUSERFULL,
		     "the DCs of uid %u have %u channels on node %d, as many as one user's may: "
		     "end endpoints that talk first (dvs ps)",
		     uid, have, request->requests->order->self);
	return false;
}
