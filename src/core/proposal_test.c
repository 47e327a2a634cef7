/* SPDX-License-Identifier: Apache-2.0 */
#include "core/proposal.h"

#include "base/test.h"
#include "dvk.h"

static bool waits(enum command_kind kind, uint32_t flags)
{
	struct command cmd = { .kind = (uint16_t)kind, .flags = flags };

	return proposal_waits(&cmd);
}

static bool stays(enum command_kind kind, uint32_t flags)
{
	struct command cmd = { .kind = (uint16_t)kind, .flags = flags };

	return proposal_stays(&cmd);
}

static void test_facts_wait(void)
{
	CHECK(waits(COMMAND_UNBIND, COMMAND_FLAG_DIED));
	CHECK(waits(COMMAND_MOVE_ROLLBACK, 0));
	for (int kind = 1; kind <= COMMAND_LAST; kind++)
		CHECK(kind == COMMAND_MOVE_ROLLBACK || !waits((enum command_kind)kind, 0));
}

static void test_steps_of_a_move_stay(void)
{
	CHECK(stays(COMMAND_UNBIND, COMMAND_FLAG_DIED));
	for (int kind = 1; kind <= COMMAND_LAST; kind++)
		CHECK_EQ(stays((enum command_kind)kind, 0),
			 (kind >= COMMAND_MOVE_START && kind <= COMMAND_MOVE_ROLLBACK) ||
				 kind == COMMAND_BIND);
}

static void test_a_process_waits_for_its_endpoint(void)
{
	const struct command there = { .kind = COMMAND_BIND, .bind_kind = RMT_BIND };
	const struct command here = { .kind = COMMAND_BIND, .bind_kind = LCL_BIND };

	CHECK(proposal_stays(&here) && !proposal_waits(&here));
	CHECK(!proposal_stays(&there));
	CHECK(stays(COMMAND_MOVE_COMMIT, COMMAND_FLAG_BY_HAND | COMMAND_FLAG_ATTACH));
}

/* A person is told that nobody knows, and says it again. */
static void test_by_hand_it_is_said_again(void)
{
	for (int kind = 1; kind <= COMMAND_LAST; kind++)
		CHECK(kind == COMMAND_BIND ||
		      !stays((enum command_kind)kind, COMMAND_FLAG_BY_HAND));
	CHECK(!waits(COMMAND_MOVE_ROLLBACK, COMMAND_FLAG_BY_HAND));
}

int main(void)
{
	TEST(test_facts_wait);
	TEST(test_steps_of_a_move_stay);
	TEST(test_a_process_waits_for_its_endpoint);
	TEST(test_by_hand_it_is_said_again);
	return test_end();
}
