/* SPDX-License-Identifier: Apache-2.0 */

/* Migrations in the order: the owner of the endpoint after each command. */

#include <string.h>

#include "base/test.h"
#include "core/directory_fixture.h"

#define BY_HAND COMMAND_FLAG_BY_HAND
#define ATTACH	COMMAND_FLAG_ATTACH

/* Endpoint 10 at node 0. */
static void begin_bound(void)
{
	begin();
	CHECK_EQ(bind_at(10, 0), 0);
}

static void test_move(void)
{
	uint32_t move;

	begin_bound();
	CHECK_EQ(start(10, 2, 0), 0);
	move = result.move;
	CHECK(move);
	CHECK(effect_is(0, EFFECT_MOVE_STARTED, 10));
	CHECK_EQ(effects.item[0].node, 0);
	CHECK_EQ(effects.item[0].target, 2);
	CHECK_EQ(effects.item[0].move, move);
	CHECK_EQ(slot(10)->node, 0);
	CHECK(slot(10)->moving);
	CHECK_EQ(commit(10, 2, move, 0, 777), 0);
	CHECK_EQ(effects.count, 1);
	CHECK(effect_is(0, EFFECT_MOVE_COMMITTED, 10));
	CHECK_EQ(effects.item[0].node, 0);
	CHECK_EQ(effects.item[0].target, 2);
	CHECK_EQ(slot(10)->node, 2);
	CHECK_EQ(slot(10)->target, -1);
	CHECK_EQ(slot(10)->nodemap, 5);
	CHECK_EQ(slot(10)->lpid, 777);
	CHECK_EQ(slot(10)->vpid, 1000);
	CHECK_EQ(slot(10)->generation, 0);
	CHECK(slot(10)->attached && !slot(10)->moving);
	CHECK_EQ(commit(10, 2, move, 0, 777), EDVSPROCSTS);
	CHECK_EQ(start(10, 0, 0), 0);
	CHECK(result.move != move);
}

static void test_start_refused(void)
{
	begin_bound();
	CHECK_EQ(start(11, 1, 0), EDVSBADPROC);
	CHECK_EQ(start(300, 1, 0), EDVSBADPROC);
	CHECK_EQ(start(10, 3, 0), EDVSNOPROXY);
	CHECK_EQ(start(10, 32, 0), EDVSNOPROXY);
	CHECK_EQ(start(10, -1, 0), EDVSNOPROXY);
	CHECK_EQ(start(10, -2, BY_HAND), EDVSNOPROXY);
	CHECK_EQ(start(10, 0, 0), EDVSLCLPROC);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_DEL_NODE, .node = 2 }), 0);
	CHECK_EQ(start(10, 2, 0), EDVSDCNODE);
	CHECK_EQ(apply((struct command){
			 .kind = COMMAND_MOVE_START, .p_nr = 10, .generation = 1, .target = 1 }),
		 EDVSENDPOINT);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_MOVE_START, .dcid = 5 }), EDVSDCNOTRUN);
	CHECK_EQ(start(10, 1, 0), 0);
	CHECK_EQ(start(10, 1, 0), EDVSMIGRATE);
}

static void test_rollback(void)
{
	uint32_t move;

	begin_bound();
	/* By hand it may be said again: it is not moving, and nothing changes. */
	CHECK_EQ(roll_back(10, 0), 0);
	CHECK_EQ(effects.count, 0);
	CHECK_EQ(start(10, 2, 0), 0);
	move = result.move;
	CHECK_EQ(roll_back(10, move + 1), EDVSMIGRATE);
	CHECK_EQ(roll_back(10, move), 0);
	CHECK(effect_is(0, EFFECT_MOVE_ROLLED_BACK, 10));
	CHECK_EQ(effects.item[0].target, 2);
	CHECK_EQ(slot(10)->node, 0);
	CHECK(!slot(10)->moving);
	/* The decision of the order is final for this move. */
	CHECK_EQ(commit(10, 2, move, 0, 777), EDVSPROCSTS);
	CHECK_EQ(start(10, 1, 0), 0);
	CHECK_EQ(commit(10, 2, move, 0, 777), EDVSMIGRATE);
	CHECK_EQ(commit(10, 2, result.move, 0, 777), EDVSMIGRATE);
	CHECK_EQ(roll_back(10, move), EDVSMIGRATE);
	/* By hand one may stop any move. */
	CHECK_EQ(roll_back(10, 0), 0);
}

/* The last decision may be said again by hand; its opposite may not. */
static void test_said_again(void)
{
	begin_bound();
	CHECK_EQ(start(10, 2, BY_HAND), 0);
	CHECK_EQ(roll_back(10, 0), 0);
	CHECK_EQ(roll_back(10, 0), 0);
	CHECK_EQ(commit(10, 0, 0, BY_HAND, 0), EDVSPROCSTS);
	CHECK_EQ(start(10, 2, BY_HAND), 0);
	CHECK_EQ(commit(10, 2, 0, BY_HAND, 0), 0);
	CHECK_EQ(roll_back(10, 0), EDVSMIGRATE);
	CHECK_EQ(commit(10, 2, 0, BY_HAND, 0), 0);
	CHECK_EQ(slot(10)->node, 2);
	CHECK_EQ(start(10, 0, 0), 0);
	CHECK_EQ(roll_back(10, 0), 0);
	CHECK_EQ(roll_back(10, 0), 0);
	CHECK_EQ(start(10, 0, 0), 0);
	CHECK_EQ(commit(10, 0, result.move, 0, 9), 0);
	CHECK_EQ(roll_back(10, 0), EDVSMIGRATE);
}

static void test_by_hand(void)
{
	begin_bound();
	CHECK_EQ(commit(10, 0, 0, BY_HAND, 0), EDVSPROCSTS);
	CHECK_EQ(start(10, -1, BY_HAND), 0);
	CHECK_EQ(effects.item[0].by_hand, 1);
	CHECK_EQ(start(10, -1, BY_HAND), 0);
	CHECK_EQ(effects.count, 0);
	CHECK_EQ(start(10, 2, 0), EDVSMIGRATE);
	CHECK_EQ(commit(10, 32, 0, BY_HAND, 0), EDVSNOPROXY);
	CHECK_EQ(commit(10, 3, 0, BY_HAND, 0), EDVSNOPROXY);
	CHECK_EQ(commit(10, 0, 0, BY_HAND, 0), EDVSLCLPROC);
	CHECK_EQ(commit(11, 1, 0, BY_HAND, 0), EDVSBADPROC);
	CHECK_EQ(commit(10, 1, 0, BY_HAND, 0), 0);
	CHECK_EQ(effects.count, 1);
	CHECK_EQ(effects.item[0].by_hand, 1);
	CHECK(!slot(10)->attached);
	CHECK_EQ(slot(10)->lpid, PROC_NO_PID);
	CHECK_EQ(slot(10)->node, 1);
	/* Said again on another node, and then the process is brought. */
	CHECK_EQ(commit(10, 1, 0, BY_HAND, 0), 0);
	CHECK_EQ(effects.count, 0);
	CHECK_EQ(commit(10, 2, 0, BY_HAND, 0), EDVSPROCSTS);
	CHECK_EQ(commit(10, 1, 0, BY_HAND | ATTACH, 55), 0);
	CHECK(effect_is(0, EFFECT_ENDPOINT_ATTACHED, 10));
	CHECK_EQ(slot(10)->lpid, 55);
	CHECK_EQ(commit(10, 1, 0, BY_HAND | ATTACH, 55), 0);
	CHECK_EQ(effects.count, 0);
	CHECK_EQ(commit(10, 1, 0, BY_HAND | ATTACH, 56), EDVSPROCSTS);
	CHECK_EQ(slot(10)->lpid, 55);
}

static void test_by_hand_attached_at_once(void)
{
	begin_bound();
	CHECK_EQ(start(10, -1, BY_HAND), 0);
	CHECK_EQ(commit(10, 2, 0, BY_HAND | ATTACH, 55), 0);
	CHECK_EQ(effects.count, 2);
	CHECK(effect_is(0, EFFECT_MOVE_COMMITTED, 10));
	CHECK(effect_is(1, EFFECT_ENDPOINT_ATTACHED, 10));
	CHECK_EQ(effects.item[1].node, 2);
	CHECK(slot(10)->attached);
}

/* Committed without a process, and begun to move once more: rolled back, it still waits for its process. */
static void test_by_hand_attached_after_a_rollback(void)
{
	begin_bound();
	CHECK_EQ(start(10, -1, BY_HAND), 0);
	CHECK_EQ(commit(10, 2, 0, BY_HAND, 0), 0);
	CHECK_EQ(start(10, -1, BY_HAND), 0);
	CHECK_EQ(roll_back(10, 0), 0);
	CHECK_EQ(commit(10, 2, 0, BY_HAND, 0), EDVSPROCSTS);
	CHECK_EQ(commit(10, 2, 0, BY_HAND | ATTACH, 55), 0);
	CHECK(slot(10)->attached);
	CHECK_EQ(commit(10, 2, 0, BY_HAND | ATTACH, 55), 0);
	CHECK_EQ(effects.count, 0);
	CHECK_EQ(commit(10, 2, 0, BY_HAND | ATTACH, 56), EDVSPROCSTS);
}

/* The process that takes it over brings its name; without one the old name stays. */
static void test_by_hand_names_the_process(void)
{
	struct command cmd = { .kind = COMMAND_MOVE_COMMIT,
			       .p_nr = 10,
			       .target = 1,
			       .generation = COMMAND_GENERATION_ANY,
			       .flags = BY_HAND | ATTACH,
			       .lpid = 55,
			       .name = "restored" };

	begin_bound();
	CHECK_EQ(start(10, -1, BY_HAND), 0);
	CHECK_EQ(apply(cmd), 0);
	CHECK(!strcmp(slot(10)->name, "restored"));
	CHECK_EQ(start(10, -1, BY_HAND), 0);
	cmd.target = 2;
	cmd.name[0] = 0;
	CHECK_EQ(apply(cmd), 0);
	CHECK(!strcmp(slot(10)->name, "restored"));
}

/* A commit by hand may not end a move whose copy only its plan knows, nor the other way round. */
static void test_hand_and_plan_apart(void)
{
	uint32_t move;

	begin_bound();
	CHECK_EQ(start(10, 2, 0), 0);
	move = result.move;
	CHECK_EQ(start(10, -1, BY_HAND), 0);
	CHECK_EQ(result.move, move);
	CHECK_EQ(commit(10, 2, 0, BY_HAND, 0), EDVSMIGRATE);
	CHECK_EQ(commit(10, 2, 0, 0, 0), EDVSMIGRATE);
	CHECK_EQ(commit(10, 2, move, 0, 9), 0);
	CHECK_EQ(start(10, 1, BY_HAND), 0);
	CHECK_EQ(commit(10, 1, result.move, 0, 9), EDVSMIGRATE);
}

static void test_death_ends_the_move(void)
{
	begin_bound();
	CHECK_EQ(start(10, 2, 0), 0);
	CHECK_EQ(unbind(10, 0), 0);
	CHECK_EQ(effects.count, 1);
	CHECK(effect_is(0, EFFECT_ENDPOINT_DEAD, 10));
	CHECK_EQ(effects.item[0].target, 2);
	CHECK(effects.item[0].move);
	CHECK(!slot(10)->moving);
	CHECK_EQ(commit(10, 2, 0, BY_HAND, 0), EDVSBADPROC);
}

/* The source's copy ends after the commit: the endpoint lives on at the target. */
static void test_death_of_a_replaced_copy(void)
{
	struct command died = {
		.kind = COMMAND_UNBIND, .p_nr = 10, .flags = COMMAND_FLAG_DIED, .origin = 0
	};

	begin_bound();
	CHECK_EQ(start(10, 2, 0), 0);
	CHECK_EQ(commit(10, 2, result.move, 0, 9), 0);
	CHECK_EQ(apply(died), EDVSRMTPROC);
	CHECK(slot(10)->bound);
	died.origin = 2;
	CHECK_EQ(apply(died), 0);
}

static void test_nodes_leave(void)
{
	begin_bound();
	CHECK_EQ(bind_at(11, 1), 0);
	CHECK_EQ(bind_at(12, 0), 0);
	CHECK_EQ(start(10, 2, 0), 0);
	CHECK_EQ(start(11, 2, 0), 0);
	CHECK_EQ(start(12, -1, BY_HAND), 0);
	/* The target leaves: back to the owners; a move without a target goes on. */
	CHECK_EQ(leave(2), 0);
	CHECK_EQ(effects.count, 3);
	CHECK(effect_is(0, EFFECT_MOVE_ROLLED_BACK, 10));
	CHECK(effect_is(1, EFFECT_MOVE_ROLLED_BACK, 11));
	CHECK_EQ(effects.item[2].kind, EFFECT_NODE_DOWN);
	CHECK_EQ(slot(10)->node, 0);
	CHECK(slot(12)->moving);
	/* The owner leaves before the commit: the endpoint is gone. */
	CHECK_EQ(start(10, 1, 0), 0);
	CHECK_EQ(leave(0), 0);
	CHECK(!slot(10)->bound && !slot(12)->bound && slot(11)->bound);
}

int main(void)
{
	TEST(test_move);
	TEST(test_start_refused);
	TEST(test_rollback);
	TEST(test_said_again);
	TEST(test_by_hand);
	TEST(test_by_hand_attached_at_once);
	TEST(test_by_hand_attached_after_a_rollback);
	TEST(test_by_hand_names_the_process);
	TEST(test_hand_and_plan_apart);
	TEST(test_death_ends_the_move);
	TEST(test_death_of_a_replaced_copy);
	TEST(test_nodes_leave);
	return test_end();
}
