/* SPDX-License-Identifier: Apache-2.0 */
#include "core/recover.h"

#include "core/assert.h"

struct recover_steps recover_of(const struct recover_view *view)
{
	bool is_ours = view->is_bound && view->is_here;
	bool is_there = view->has_binding && !view->is_ending;
	struct recover_steps steps = { .stop = false };

	CORE_ASSERT(view->has_binding || (!view->is_leaving && !view->is_ending));
	steps.stop = view->has_binding && !is_ours;
	steps.take_back = is_there && is_ours && view->is_leaving;
	steps.end = is_ours && !is_there && (view->has_binding || view->is_attached);
	steps.roll_back = is_ours && is_there && view->is_moving && !view->is_by_hand;
	CORE_ASSERT(!steps.stop || !steps.end);
	CORE_ASSERT(!steps.end || !steps.roll_back);
	return steps;
}
