/* SPDX-License-Identifier: Apache-2.0 */
#include "core/duty.h"

#include "core/assert.h"

struct list {
	enum duty *duty;
	uint32_t count;
};

static void add(struct list *list, bool wanted, enum duty duty)
{
	CORE_ASSERT(list->count <= DUTIES_MAX);
	if (!wanted)
		return;
	CORE_ASSERT(list->count < DUTIES_MAX);
	CORE_ASSERT(duty <= DUTY_LAST);
	list->duty[list->count++] = duty;
}

uint32_t duty_of_move(const struct directory_effect *effect, int self, enum duty duty[DUTIES_MAX])
{
	struct list list = { .duty = duty };
	bool is_source = effect->node == self, is_target = effect->target == self;
	bool is_start = effect->kind == EFFECT_MOVE_STARTED;
	bool is_commit = effect->kind == EFFECT_MOVE_COMMITTED;
	bool is_rollback = effect->kind == EFFECT_MOVE_ROLLED_BACK;
	bool by_hand = is_source && effect->by_hand;

	CORE_ASSERT(is_start + is_commit + is_rollback == 1);
	CORE_ASSERT(!is_source || !is_target);
	add(&list, is_start && by_hand, DUTY_HOLD);
	add(&list, is_rollback && by_hand, DUTY_LET_GO);
	add(&list, is_commit && by_hand, DUTY_HAND_OVER);
	/* That of a START is told by the result of its proposal, which it waits for in any case. */
	add(&list, !is_start && is_source && !(is_commit && by_hand), DUTY_TELL_SOURCE);
	add(&list, is_target, DUTY_TELL_TARGET);
	add(&list, is_commit && is_target, DUTY_PROMOTE);
	add(&list, !is_start, DUTY_OFFER);
	return list.count;
}

enum duty_attach duty_of_attach(bool has_endpoint, bool is_gone)
{
	if (has_endpoint)
		return DUTY_ATTACH_NOTHING;
	return is_gone ? DUTY_ATTACH_UNBIND : DUTY_ATTACH_TAKE_OVER;
}

enum plan_event_kind duty_tells(uint8_t effect_kind, bool is_fellow)
{
	switch ((enum directory_effect_kind)effect_kind) {
	case EFFECT_MOVE_STARTED:
		return PLAN_START_APPLIED;
	case EFFECT_MOVE_COMMITTED:
		return PLAN_COMMIT_APPLIED;
	case EFFECT_MOVE_ROLLED_BACK:
		return PLAN_ROLLED_BACK_APPLIED;
	case EFFECT_ENDPOINT_DEAD:
		return is_fellow ? (enum plan_event_kind)0 : PLAN_ENDPOINT_DEAD;
	default:
		return (enum plan_event_kind)0;
	}
}

enum plan_event_kind duty_tells_of_end(bool is_fellow)
{
	return is_fellow ? PLAN_CANCELLED : PLAN_PROCESS_DIED;
}
