/* SPDX-License-Identifier: Apache-2.0 */

/* When a task may stand by for an endpoint, and the effects of the order's decisions on it. */

#include "node/bind/backup.h"

#include "base/refusal.h"
#include "node/bind/bind_rig_test.h"

#define SLOT 6

static struct binding *backup;

static int check(int primary)
{
	struct refusal why = REFUSAL_NONE;
	int r = backup_check(&rig.bindings, RIG_DC, SLOT, primary, &why);

	CHECK_EQ(r < 0, why.error != 0);
	return why.error;
}

static void set_up(void)
{
	rig_begin();
	rig_bound(SLOT, RIG_FAR);
	backup = NULL;
	CHECK_EQ(backup_begin(rig_task(os_process_id()), RIG_DC, SLOT, &backup), 0);
}

static void test_what_is_refused(void)
{
	rig_begin();
	CHECK_EQ(check(RIG_FAR), EDVSNOTBIND);
	rig_bound(SLOT, RIG_SELF);
	CHECK_EQ(check(RIG_FAR), EDVSSLOTUSED);
	rig_bound(SLOT, RIG_FAR);
	CHECK_EQ(check(RIG_FAR + 1), EDVSNONODE);
	CHECK_EQ(check(RIG_FAR), 0);
	CHECK_EQ(backup_begin(rig_task(os_process_id()), RIG_DC, SLOT, &backup), 0);
	CHECK_EQ(check(RIG_FAR), EDVSSLOTUSED);
	backup_end(backup);
	CHECK_EQ(check(RIG_FAR), 0);
	rig_end();
}

static void test_it_stands_by(void)
{
	proc_usr_t row = { 0 };

	set_up();
	CHECK(backup_find(&rig.bindings, RIG_DC, SLOT) == backup);
	CHECK(!binding_find(&rig.bindings, RIG_DC, SLOT));
	CHECK_EQ(backup->status->page->hold, 1);
	CHECK_EQ(rig.proposals, 0);
	backup_row(backup, &row);
	CHECK_EQ(row.p_rts_flags, REMOTE);
	CHECK_EQ(row.p_misc_flags, MIS_RMTBACKUP | MIS_GRPLEADER);
	backup->status->page->rts_flags = MIGRATING;
	backup_row(backup, &row);
	CHECK_EQ(row.p_rts_flags, REMOTE | WAITMIGR);
	CHECK_EQ(row.p_waitmigr, SLOT);
	rig_end();
}

static struct directory_effect effect(bool by_hand)
{
	return (struct directory_effect){ .kind = EFFECT_MOVE_COMMITTED,
					  .by_hand = by_hand,
					  .dcid = RIG_DC,
					  .p_nr = SLOT,
					  .node = RIG_FAR,
					  .target = RIG_SELF };
}

/* A commit by hand that named no process: the order hears of the one that has taken over. */
static void test_a_commit_by_hand(void)
{
	struct directory_effect committed = effect(true);

	set_up();
	rig_bound(SLOT, RIG_SELF);
	backup_on_committed(&rig.bindings, &committed);
	CHECK(binding_find(&rig.bindings, RIG_DC, SLOT) == backup);
	CHECK_EQ(backup->status->page->hold, 0);
	CHECK_EQ(rig.proposals, 1);
	CHECK_EQ(rig.sent.kind, COMMAND_MOVE_COMMIT);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_BY_HAND | COMMAND_FLAG_ATTACH);
	CHECK_EQ(rig.sent.lpid, os_process_id());
	rig_end();
}

static void test_a_commit_that_names_it(void)
{
	struct directory_effect committed = effect(true);

	set_up();
	rig_bound(SLOT, RIG_SELF)->attached = 1;
	rig_slot(SLOT)->lpid = os_process_id();
	backup_on_committed(&rig.bindings, &committed);
	CHECK(binding_find(&rig.bindings, RIG_DC, SLOT) == backup);
	CHECK_EQ(rig.proposals, 0);
	rig_end();
}

/* Another process has come: by dvs migrate, or by its name. */
static void test_a_commit_of_another(void)
{
	for (int i = 0; i < 2; i++) {
		struct directory_effect committed = effect(i);

		set_up();
		rig_bound(SLOT, RIG_SELF)->attached = (uint8_t)i;
		rig_slot(SLOT)->lpid = os_process_id() + 1;
		backup_on_committed(&rig.bindings, &committed);
		CHECK(!rig.bindings.all);
		CHECK_EQ(rig.proposals, 0);
		rig_end();
	}
}

/* The end of a life ends the backup of that life. */
static void test_the_end(void)
{
	struct directory_effect dead = {
		.kind = EFFECT_ENDPOINT_DEAD, .dcid = RIG_DC, .p_nr = SLOT, .generation = 1
	};

	set_up();
	backup_on_dead(&rig.bindings, &dead);
	CHECK(rig.bindings.all == backup);
	dead.generation = 0;
	backup_on_dead(&rig.bindings, &dead);
	CHECK(!rig.bindings.all);
	rig_end();
}

int main(void)
{
	TEST(test_what_is_refused);
	TEST(test_it_stands_by);
	TEST(test_a_commit_by_hand);
	TEST(test_a_commit_that_names_it);
	TEST(test_a_commit_of_another);
	TEST(test_the_end);
	return test_end();
}
