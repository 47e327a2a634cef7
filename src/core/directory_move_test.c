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

/* Endpoints 10, 11, 12 and -3 (its second life) at node 0, 13 at node 1; a START of 10 names its fellows. */
static void begin_tree(void)
{
	begin_bound();
	CHECK_EQ(bind_at(11, 0), 0);
	CHECK_EQ(bind_at(-3, 0), 0);
	CHECK_EQ(unbind(-3, 0), 0);
	CHECK_EQ(bind_at(-3, 0), 0);
	CHECK_EQ(bind_at(12, 0), 0);
	CHECK_EQ(bind_at(13, 1), 0);
}

static int start_with(int target, uint32_t flags, int fellow, int other)
{
	return apply((struct command){ .kind = COMMAND_MOVE_START,
				       .p_nr = 10,
				       .generation = ANY_GENERATION,
				       .target = target,
				       .flags = flags,
				       .fellows = 2,
				       .fellow = { fellow, other } });
}

static int start_tree(void)
{
	return start_with(2, 0, 11, _ENDPOINT(1, -3));
}

static int owners_are(int first, int second, int third)
{
	return slot(10)->node == first && slot(11)->node == second && slot(-3)->node == third;
}

static int effects_are(enum directory_effect_kind kind)
{
	return effects.count == 3 && effects.item[0].kind == kind && effects.item[1].kind == kind &&
	       effects.item[2].kind == kind;
}

static void test_fellows_move_along(void)
{
	uint32_t move;

	begin_tree();
	CHECK_EQ(start_tree(), 0);
	move = result.move;
	CHECK(effects_are(EFFECT_MOVE_STARTED));
	CHECK(effect_is(0, EFFECT_MOVE_STARTED, 10));
	CHECK(slot(11)->moving && slot(11)->move == move && slot(11)->target == 2);
	CHECK(slot(-3)->moving && slot(-3)->move == move && !slot(12)->moving);
	/* Another move has a number of its own. */
	CHECK_EQ(start(12, 2, 0), 0);
	CHECK(result.move != move);
	CHECK_EQ(start(11, 1, 0), EDVSMIGRATE);
	CHECK_EQ(commit(11, 2, result.move, 0, 0), EDVSMIGRATE);
	CHECK_EQ(commit(10, 2, move, 0, 0), 0);
	CHECK(effects_are(EFFECT_MOVE_COMMITTED));
	CHECK_EQ(effects.item[1].node, 0);
	CHECK_EQ(effects.item[1].target, 2);
	CHECK(owners_are(2, 2, 2));
	CHECK(!slot(11)->moving && slot(11)->attached && slot(12)->moving);
	CHECK_EQ(commit(11, 2, move, 0, 0), EDVSPROCSTS);
}

/* Any of them stands for all. */
static void test_fellow_decides_for_all(void)
{
	begin_tree();
	CHECK_EQ(start_tree(), 0);
	CHECK_EQ(roll_back(11, result.move), 0);
	CHECK(effects_are(EFFECT_MOVE_ROLLED_BACK));
	CHECK(owners_are(0, 0, 0) && !slot(10)->moving && !slot(-3)->moving);
	CHECK_EQ(start_tree(), 0);
	CHECK_EQ(roll_back(-3, 0), 0);
	CHECK(effects_are(EFFECT_MOVE_ROLLED_BACK));
	CHECK_EQ(start_tree(), 0);
	CHECK_EQ(commit(-3, 2, result.move, 0, 0), 0);
	CHECK(owners_are(2, 2, 2));
}

static void test_fellows_refused(void)
{
	begin_tree();
	CHECK_EQ(start_with(2, BY_HAND, 11, _ENDPOINT(1, -3)), EDVSINVAL);
	CHECK_EQ(start_with(2, 0, 11, 11), EDVSBADPROC);
	CHECK_EQ(start_with(2, 0, 11, 10), EDVSBADPROC);
	CHECK_EQ(start_with(2, 0, 11, 300), EDVSBADPROC);
	CHECK_EQ(start_with(2, 0, INT32_MIN, INT32_MAX), EDVSBADPROC);
	CHECK_EQ(start_with(2, 0, 11, 14), EDVSENDPOINT);
	CHECK_EQ(start_with(2, 0, 11, -3), EDVSENDPOINT); /* an earlier life */
	CHECK_EQ(start_with(2, 0, 11, 13), EDVSRMTPROC);
	CHECK_EQ(start(11, -1, BY_HAND), 0);
	CHECK_EQ(start_tree(), EDVSMIGRATE);
	CHECK_EQ(commit(11, 1, 0, BY_HAND, 0), 0);
	CHECK_EQ(start_tree(), EDVSMIGRATE);
	CHECK(!slot(10)->moving && !slot(-3)->moving);
}

/* They move together or not at all: the end of one ends the move of the others. */
static void test_death_of_one_of_several(void)
{
	uint32_t move;

	begin_tree();
	CHECK_EQ(start_tree(), 0);
	move = result.move;
	CHECK_EQ(unbind(11, 0), 0);
	CHECK_EQ(effects.count, 3);
	CHECK(effect_is(0, EFFECT_ENDPOINT_DEAD, 11));
	CHECK_EQ(effects.item[1].kind, EFFECT_MOVE_ROLLED_BACK);
	CHECK_EQ(effects.item[2].move, move);
	CHECK(!slot(10)->moving && !slot(-3)->moving);
	CHECK_EQ(commit(10, 2, move, 0, 0), EDVSPROCSTS);
	CHECK(slot(10)->node == 0 && slot(-3)->node == 0);
	CHECK_EQ(bind_at(11, 0), 0);
	CHECK_EQ(start_with(2, 0, _ENDPOINT(1, 11), _ENDPOINT(1, -3)), 0);
	CHECK_EQ(unbind(10, 0), 0);
	CHECK_EQ(effects.count, 3);
	CHECK(!slot(11)->moving && slot(11)->node == 0);
}

static void test_nodes_of_several_leave(void)
{
	begin_tree();
	CHECK_EQ(start_tree(), 0);
	CHECK_EQ(leave(2), 0);
	CHECK_EQ(effects.count, 4);
	CHECK(owners_are(0, 0, 0) && !slot(10)->moving && !slot(11)->moving);
	CHECK_EQ(start_with(1, 0, 11, _ENDPOINT(1, -3)), 0);
	CHECK_EQ(leave(0), 0);
	CHECK_EQ(effects.count, 5); /* each of its endpoints, once, and the node */
	CHECK(!slot(10)->bound && !slot(11)->bound && !slot(-3)->bound && slot(13)->bound);
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
	TEST(test_fellows_move_along);
	TEST(test_fellow_decides_for_all);
	TEST(test_fellows_refused);
	TEST(test_death_of_one_of_several);
	TEST(test_nodes_of_several_leave);
	return test_end();
}
