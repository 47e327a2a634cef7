/* SPDX-License-Identifier: Apache-2.0 */

/* Nodes, DCs, bind and unbind. Migrations: directory_move_test.c. */

#include "base/test.h"
#include "core/directory_fixture.h"

static void test_create(void)
{
	begin();
	CHECK_EQ(effects.count, 1);
	CHECK_EQ(effects.item[0].kind, EFFECT_DC_CREATED);
	CHECK_EQ(effects.item[0].node, -1);
	CHECK_EQ(dir.dc[0].nodes, 7);
	CHECK_EQ(dir.dc[0].nr_procs, NR_PROCS);
	CHECK_EQ(dir.dc[0].nr_tasks, NR_TASKS);
	CHECK(strcmp(dir.dc[0].name, "DC0") == 0);
	CHECK_EQ(create(31, 5), 0);
	CHECK_EQ(dir.dc[31].nodes, 5);
	CHECK(strcmp(dir.dc[31].name, "DC31") == 0);
}

static void test_create_refused(void)
{
	struct command cmd = { .kind = COMMAND_DC_CREATE, .dcid = 1, .name = "DC0" };

	begin();
	CHECK_EQ(create(0, 0), EDVSRSCBUSY);
	CHECK_EQ(create(32, 0), EDVSBADDCID);
	CHECK_EQ(create(-1, 0), EDVSBADDCID);
	CHECK_EQ(create(1, 8), EDVSBADNODEID);
	CHECK_EQ(apply(cmd), EDVSRSCBUSY);
	cmd.name[0] = 'X';
	cmd.nr_procs = NR_PROCS + 1;
	CHECK_EQ(apply(cmd), EDVSBADRANGE);
	cmd.nr_procs = -1;
	CHECK_EQ(apply(cmd), EDVSBADRANGE);
	cmd.nr_procs = 0;
	cmd.nr_tasks = 40;
	CHECK_EQ(apply(cmd), EDVSBADRANGE);
	cmd.nr_tasks = 34;
	cmd.nr_sysprocs = 34;
	CHECK_EQ(apply(cmd), EDVSBADRANGE);
	cmd.nr_sysprocs = 64;
	cmd.nr_nodes = 2;
	CHECK_EQ(apply(cmd), EDVSRSCBUSY);
	cmd.nr_nodes = 3;
	CHECK_EQ(apply(cmd), 0);
	CHECK_EQ(dir.dc[1].nr_tasks, 34);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_DC_REMOVE, .dcid = 1 }), 0);
	cmd.nr_tasks = 0;
	cmd.flags = COMMAND_FLAG_EXACT;
	CHECK_EQ(apply(cmd), 0);
	CHECK_EQ(dir.dc[1].nr_tasks, 0);
}

static void test_remove(void)
{
	begin();
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_DC_REMOVE, .dcid = 1 }), EDVSDCNOTRUN);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_DC_REMOVE, .dcid = 99 }), EDVSBADDCID);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_DC_REMOVE }), 0);
	CHECK_EQ(effects.count, 2);
	CHECK(effect_is(0, EFFECT_ENDPOINT_DEAD, 10));
	CHECK_EQ(effects.item[1].kind, EFFECT_DC_REMOVED);
	CHECK_EQ(bind_at(10, 1), EDVSDCNOTRUN);
	CHECK_EQ(create(0, 0), 0);
	CHECK_EQ(dir.dc[0].generation, 2);
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(result.value, 10);
}

static void test_members(void)
{
	struct command add = { .kind = COMMAND_ADD_NODE, .dcid = 1, .node = 2 };
	struct command del = { .kind = COMMAND_DEL_NODE, .dcid = 1, .node = 2 };

	begin();
	CHECK_EQ(apply(add), EDVSDCNOTRUN);
	CHECK_EQ(apply((struct command){
			 .kind = COMMAND_DC_CREATE, .dcid = 1, .nodes = 1, .nr_nodes = 2 }),
		 0);
	CHECK_EQ(apply(add), 0);
	CHECK_EQ(effects.item[0].kind, EFFECT_DC_CREATED);
	CHECK_EQ(effects.item[0].node, 2);
	CHECK_EQ(apply(add), 0);
	CHECK_EQ(effects.count, 0);
	add.node = 1;
	CHECK_EQ(apply(add), EDVSRSCBUSY);
	add.node = 3;
	CHECK_EQ(apply(add), EDVSNODEFREE);
	add.node = 32;
	CHECK_EQ(apply(add), EDVSBADNODEID);
	add.node = 1;
	add.dcid = 32;
	CHECK_EQ(apply(add), EDVSBADDCID);
	CHECK_EQ(apply(del), 0);
	CHECK_EQ(dir.dc[1].nodes, 1);
	CHECK_EQ(apply(del), 0);
	del.node = -1;
	CHECK_EQ(apply(del), EDVSBADNODEID);
}

static void test_bind(void)
{
	begin();
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(result.value, 10);
	CHECK(effect_is(0, EFFECT_ENDPOINT_BOUND, 10));
	CHECK_EQ(effects.item[0].node, 1);
	CHECK_EQ(slot(10)->node, 1);
	CHECK_EQ(slot(10)->lpid, 101);
	CHECK_EQ(slot(10)->nodemap, 2);
	CHECK(slot(10)->attached);
	CHECK_EQ(bind_at(-35, 0), 0);
	CHECK_EQ(result.value, -35);
	CHECK_EQ(bind_at(220, 2), 0);
	CHECK(!directory_endpoint(&dir, 0, 221));
	CHECK(!directory_endpoint(&dir, 0, -36));
	CHECK(!directory_endpoint(&dir, 32, 0));
}

static void test_bind_refused(void)
{
	struct command cmd = { .kind = COMMAND_BIND, .p_nr = 5 };

	begin();
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(bind_at(10, 1), EDVSSLOTUSED);
	CHECK_EQ(bind_at(221, 1), EDVSBADDCID);
	CHECK_EQ(bind_at(-36, 1), EDVSBADDCID);
	CHECK_EQ(bind_at(11, 32), EDVSBADNODEID);
	CHECK_EQ(bind_at(11, 3), EDVSNODCNODE);
	cmd.bind_kind = MAX_BIND_TYPE + 1;
	CHECK_EQ(apply(cmd), EDVSBINDTYPE);
	cmd.bind_kind = -1;
	CHECK_EQ(apply(cmd), EDVSBINDTYPE);
	cmd.bind_kind = LCL_BIND;
	cmd.dcid = 3;
	CHECK_EQ(apply(cmd), EDVSDCNOTRUN);
	cmd.dcid = 0;
	cmd.node = 2;
	CHECK_EQ(leave(2), 0);
	CHECK_EQ(apply(cmd), EDVSNOPROXY);
}

/* A remote bind says where an endpoint is; the truth is known without it. */
static void test_remote_bind(void)
{
	struct command cmd = { .kind = COMMAND_BIND, .p_nr = 10, .node = 1, .bind_kind = RMT_BIND };

	begin();
	CHECK_EQ(apply(cmd), 0);
	CHECK_EQ(result.value, 10);
	CHECK(!slot(10)->bound);
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK(!slot(10)->stated);
	CHECK_EQ(apply(cmd), 0);
	CHECK_EQ(effects.count, 0);
	cmd.node = 2;
	CHECK_EQ(apply(cmd), EDVSSLOTUSED);
}

static int state(int p_nr, int node)
{
	return apply((struct command){ .kind = COMMAND_BIND,
				       .p_nr = p_nr,
				       .node = node,
				       .bind_kind = RMT_BIND,
				       .name = "later" });
}

static int take_back(int p_nr)
{
	return apply((struct command){
		.kind = COMMAND_UNBIND, .p_nr = p_nr, .flags = COMMAND_FLAG_STATED });
}

/* Said in advance: the slot is kept for that node until the bind, or until it is taken back. */
static void test_stated(void)
{
	begin();
	CHECK_EQ(take_back(10), EDVSNOTBIND);
	CHECK_EQ(state(10, 1), 0);
	CHECK(effects.count == 1 && effect_is(0, EFFECT_ENDPOINT_STATED, 10));
	CHECK(slot(10)->stated && !slot(10)->bound && slot(10)->node == 1);
	CHECK(strcmp(slot(10)->name, "later") == 0);
	CHECK_EQ(state(10, 1), 0);
	CHECK_EQ(effects.count, 0);
	CHECK_EQ(state(10, 2), EDVSSLOTUSED);
	CHECK_EQ(bind_at(10, 2), EDVSSLOTUSED);
	/* A death that is told late, and any other unbind of an endpoint, are not about the statement. */
	CHECK_EQ(unbind(10, ANY_GENERATION), EDVSNOTBIND);
	CHECK_EQ(take_back(10), 0);
	CHECK(effects.count == 1 && effect_is(0, EFFECT_ENDPOINT_STATED, 10));
	CHECK(!slot(10)->stated && !slot(10)->name[0]);
	CHECK_EQ(bind_at(10, 2), 0);
	CHECK_EQ(take_back(10), EDVSSLOTUSED);
	CHECK(slot(10)->bound);
}

static void test_stated_ends_with_its_node(void)
{
	begin();
	CHECK_EQ(state(10, 1), 0);
	CHECK_EQ(state(11, 2), 0);
	CHECK_EQ(leave(1), 0);
	CHECK(effects.count == 2 && effect_is(0, EFFECT_ENDPOINT_STATED, 10));
	CHECK(!slot(10)->stated && slot(11)->stated);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_DEL_NODE, .node = 2 }), 0);
	CHECK(effects.count == 1 && effect_is(0, EFFECT_ENDPOINT_STATED, 11));
	CHECK(!slot(11)->stated);
	CHECK_EQ(state(12, 0), 0);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_DC_REMOVE }), 0);
	CHECK(effects.count == 2 && effect_is(0, EFFECT_ENDPOINT_STATED, 12));
	CHECK(!slot(12)->stated);
}

static void test_kinds(void)
{
	struct command cmd = { .kind = COMMAND_BIND, .node = 1 };
	static const struct {
		int bind_kind;
		enum endpoint_kind kind;
	} rows[] = {
		{ SELF_BIND, ENDPOINT_NORMAL },	    { LCL_BIND, ENDPOINT_NORMAL },
		{ BKUP_BIND, ENDPOINT_BACKUP },	    { REPLICA_BIND, ENDPOINT_REPLICA },
		{ USERMODE_BIND, ENDPOINT_NORMAL },
	};

	begin();
	for (int i = 0; i < (int)(sizeof(rows) / sizeof(rows[0])); i++) {
		cmd.p_nr = i;
		cmd.bind_kind = rows[i].bind_kind;
		CHECK_EQ(apply(cmd), 0);
		CHECK_EQ(slot(i)->kind, rows[i].kind);
	}
}

/* A program may ask the contract's macros about any number. */
static void test_numbers_at_the_ends(void)
{
	volatile int32_t most = INT32_MAX, least = INT32_MIN;

	CHECK(_ENDPOINT_P(most) >= -NR_TASKS && _ENDPOINT_P(most) <= _MAX_MAGIC_PROC);
	CHECK(_ENDPOINT_G(most) > _ENDPOINT_MAX_GENERATION);
	CHECK(_ENDPOINT_P(least) < -NR_TASKS);
	CHECK(_ENDPOINT_G(least) < 0);
	CHECK_EQ(_ENDPOINT_P(-NR_TASKS), -NR_TASKS);
	CHECK_EQ(_ENDPOINT_G(_ENDPOINT(3, 10)), 3);
}

static void test_generations(void)
{
	begin();
	CHECK_EQ(unbind(10, ANY_GENERATION), EDVSNOTBIND);
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(unbind(10, 1), EDVSENDPOINT);
	CHECK_EQ(unbind(10, 0), 0);
	CHECK(effect_is(0, EFFECT_ENDPOINT_DEAD, 10));
	CHECK_EQ(effects.item[0].generation, 0);
	CHECK_EQ(effects.item[0].node, 1);
	CHECK_EQ(bind_at(10, 2), 0);
	CHECK_EQ(result.value, _ENDPOINT(1, 10));
	CHECK_EQ(_ENDPOINT_P(result.value), 10);
	CHECK_EQ(unbind(10, 0), EDVSENDPOINT);
	CHECK_EQ(unbind(10, ANY_GENERATION), 0);
	CHECK_EQ(unbind(300, 0), EDVSENDPOINT);
	dir.dc[0].slot[shm_index(10)].generation = _ENDPOINT_MAX_GENERATION;
	CHECK_EQ(bind_at(10, 2), 0);
	CHECK(result.value > 0);
	CHECK_EQ(unbind(10, ANY_GENERATION), 0);
	CHECK_EQ(bind_at(10, 2), 0);
	CHECK_EQ(result.value, 10);
}

static void test_leave(void)
{
	begin();
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(bind_at(11, 2), 0);
	CHECK_EQ(bind_at(12, 1), 0);
	CHECK_EQ(leave(1), 0);
	CHECK_EQ(effects.count, 3);
	CHECK(effect_is(0, EFFECT_ENDPOINT_DEAD, 10));
	CHECK(effect_is(1, EFFECT_ENDPOINT_DEAD, 12));
	CHECK_EQ(effects.item[2].kind, EFFECT_NODE_DOWN);
	CHECK_EQ(effects.item[2].node, 1);
	CHECK(!slot(10)->bound && slot(11)->bound);
	CHECK_EQ(leave(1), EDVSNODEFREE);
	CHECK_EQ(leave(32), EDVSBADNODEID);
	CHECK_EQ(join(-1), EDVSBADNODEID);
}

static void test_join_again(void)
{
	begin();
	CHECK_EQ(dir.node[1].incarnation, 1);
	CHECK_EQ(leave(1), 0);
	CHECK_EQ(join(1), 0);
	CHECK_EQ(result.value, 2);
	CHECK_EQ(effects.count, 2);
	CHECK_EQ(effects.item[0].kind, EFFECT_NODE_UP);
	CHECK_EQ(effects.item[1].kind, EFFECT_DC_CREATED);
	CHECK_EQ(effects.item[1].node, 1);
	/* The leaving of the first life comes late. */
	CHECK_EQ(apply((struct command){ .kind = COMMAND_NODE_LEAVE, .node = 1, .value = 1 }),
		 EDVSNODEFREE);
	CHECK(dir.node[1].up);
	/* A second life begins before the first was seen to end. */
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(join(1), 0);
	CHECK(effect_is(0, EFFECT_ENDPOINT_DEAD, 10));
	CHECK_EQ(effects.item[1].kind, EFFECT_NODE_DOWN);
	CHECK_EQ(effects.item[2].kind, EFFECT_NODE_UP);
	CHECK_EQ(dir.node[1].incarnation, 3);
}

static void test_unknown_kind(void)
{
	begin();
	CHECK_EQ(apply((struct command){ .kind = COMMAND_NONE }), EDVSNOSYS);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_LAST + 1 }), EDVSNOSYS);
}

/* The last node of a full DC leaves: every slot ends, and the effects have room. */
static void test_full_dcs(void)
{
	struct command cmd = { .kind = COMMAND_BIND, .node = 1 };

	begin();
	for (cmd.dcid = 0; cmd.dcid < SHM_DCS; cmd.dcid++) {
		if (cmd.dcid)
			CHECK_EQ(create(cmd.dcid, 0), 0);
		for (cmd.p_nr = -NR_TASKS; cmd.p_nr < NR_PROCS; cmd.p_nr++)
			CHECK_EQ(apply(cmd), 0);
	}
	CHECK_EQ(join(1), 0);
	CHECK_EQ(effects.count, SHM_DCS * SHM_SLOTS + 2 + SHM_DCS);
}

static void test_create_said_again(void)
{
	struct command cmd = { .kind = COMMAND_DC_CREATE, .dcid = 1, .flags = COMMAND_FLAG_STATED };
	uint32_t generation;

	begin();
	CHECK_EQ(apply(cmd), 0);
	generation = dir.dc[1].generation;
	CHECK_EQ(apply(cmd), 0);
	CHECK_EQ(effects.count, 0);
	CHECK_EQ(dir.dc[1].generation, generation);
	CHECK_EQ(dir.dc[1].serve, 0);
	cmd.nr_procs = 100;
	CHECK_EQ(apply(cmd), EDVSRSCBUSY);
}

static void test_sync(void)
{
	uint64_t before;

	begin();
	before = dir.order;
	CHECK_EQ(apply((struct command){ .kind = COMMAND_SYNC }), 0);
	CHECK_EQ(effects.count, 0);
	CHECK_EQ(dir.order, before + 1);
}

/* The commands of a user in DC 0, by kind; the group is the one that counts. */
static int by(uint16_t kind, uint32_t uid, uint32_t gid)
{
	return apply((struct command){ .kind = kind,
				       .p_nr = 10,
				       .node = 1,
				       .target = 2,
				       .lpid = 7,
				       .generation = ANY_GENERATION,
				       .flags = COMMAND_FLAG_BY_HAND,
				       .by_uid = uid,
				       .by_gid = gid });
}

static void test_the_user_of_a_command(void)
{
	static const uint16_t dc[] = { COMMAND_BIND,	      COMMAND_MOVE_START,
				       COMMAND_MOVE_ROLLBACK, COMMAND_MOVE_START,
				       COMMAND_MOVE_COMMIT,   COMMAND_UNBIND };
	static const uint16_t cluster[] = { COMMAND_ADD_NODE, COMMAND_DEL_NODE, COMMAND_DC_REMOVE };
	struct command make = { .kind = COMMAND_DC_CREATE, .uid = 1000, .gid = 50, .mode = 0720 };

	begin();
	CHECK_EQ(apply((struct command){ .kind = COMMAND_DC_REMOVE }), 0);
	/* No DC runs: the check says so. */
	CHECK_EQ(by(COMMAND_BIND, 1001, 60), EDVSDCNOTRUN);
	make.by_uid = 1000;
	CHECK_EQ(apply(make), EDVSPRIVILEGES);
	make.by_uid = 0;
	CHECK_EQ(apply(make), 0);
	CHECK_EQ(dir.dc[0].owner.uid, 1000);
	CHECK_EQ(dir.dc[0].owner.gid, 50);
	CHECK_EQ(dir.dc[0].owner.mode, 0720);
	for (unsigned i = 0; i < sizeof(dc) / sizeof(*dc); i++) {
		CHECK_EQ(by(dc[i], 1001, 60), EDVSPRIVILEGES);
		CHECK_EQ(by(dc[i], i % 2 ? 1000 : 1001, i % 2 ? 60 : 50), 0);
	}
	for (unsigned i = 0; i < sizeof(cluster) / sizeof(*cluster); i++) {
		CHECK_EQ(by(cluster[i], 1000, 50), EDVSPRIVILEGES);
		CHECK_EQ(by(cluster[i], 0, 0), 0);
	}
	CHECK_EQ(apply((struct command){ .kind = COMMAND_SYNC, .by_uid = 1001 }), 0);
	/* Its next life has another owner: a command of the old one is refused. */
	make.uid = 1002;
	make.mode = 0700;
	CHECK_EQ(apply(make), 0);
	CHECK_EQ(by(COMMAND_BIND, 1000, 50), EDVSPRIVILEGES);
	CHECK_EQ(by(COMMAND_BIND, 1002, 60), 0);
}

static void test_a_mode_out_of_range(void)
{
	begin();
	CHECK_EQ(apply((struct command){ .kind = COMMAND_DC_CREATE, .dcid = 1, .mode = 01000 }),
		 EDVSBADVALUE);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_DC_CREATE, .dcid = 1, .mode = 0777 }), 0);
}

int main(void)
{
	TEST(test_the_user_of_a_command);
	TEST(test_a_mode_out_of_range);
	TEST(test_create);
	TEST(test_create_refused);
	TEST(test_remove);
	TEST(test_members);
	TEST(test_bind);
	TEST(test_bind_refused);
	TEST(test_remote_bind);
	TEST(test_stated);
	TEST(test_stated_ends_with_its_node);
	TEST(test_kinds);
	TEST(test_generations);
	TEST(test_numbers_at_the_ends);
	TEST(test_leave);
	TEST(test_join_again);
	TEST(test_unknown_kind);
	TEST(test_full_dcs);
	TEST(test_create_said_again);
	TEST(test_sync);
	return test_end();
}
