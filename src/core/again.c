/* SPDX-License-Identifier: Apache-2.0 */
#include "core/again.h"

#include "core/assert.h"
#include "wire/ctl.h"

bool again_is_harmless(unsigned call)
{
	switch (call) {
	case CTL_HELLO:
	case CTL_CHANNEL:
	case CTL_GETEP:
	case CTL_PROCINFO:
	case CTL_DCINFO:
	case CTL_NODEINFO:
	case CTL_DVSINFO:
	case CTL_PRIV:
	case CTL_PS:
	case CTL_ENDED:
	case CTL_NODES:
	case CTL_DCS:
	case CTL_PROCTABLE:
	case CTL_LOGS:
	case CTL_STATUS:
	case CTL_COUNTERS:
	case CTL_KEYS:
		return true;
	}
	return false;
}

enum again again_of(const struct again_request *request, enum again_fate fate, bool is_bound)
{
	CORE_ASSERT(fate >= AGAIN_UNSENT && fate <= AGAIN_UNKNOWN);
	if (request->is_inside)
		return request->is_harmless && !request->is_answered ? AGAIN_ASK : AGAIN_NOT;
	if (!request->has_asker)
		return AGAIN_NOT;
	if (fate != AGAIN_UNSENT && request->is_follower && is_bound)
		return AGAIN_ATTACH;
	if (fate != AGAIN_UNKNOWN)
		return AGAIN_ASK;
	return request->is_harmless && !request->is_follower && !request->is_answered ? AGAIN_ASK
										      : AGAIN_NOT;
}

bool again_without(const struct again_request *request)
{
	CORE_ASSERT(!request->is_inside || !request->is_passed_on);
	if (request->is_passed_on)
		return request->is_harmless;
	return request->is_inside || request->is_follower;
}
