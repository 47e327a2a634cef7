/* SPDX-License-Identifier: Apache-2.0 */
#include "core/again.h"

#include "core/assert.h"

enum again again_of(const struct again_request *request, enum again_fate fate, bool is_bound)
{
	CORE_ASSERT(fate >= AGAIN_UNSENT && fate <= AGAIN_UNKNOWN);
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
