/* SPDX-License-Identifier: Apache-2.0 */

/* Which process may be poked, by which name it is refused, and how its page looks afterwards. */

#include "node/bind/bind_rig_test.h"
#include "node/calls.h"

#define SLOT 6
#define FREE 7
#define FAR  8
#define USER 16 /* no system process */

static struct binding *binding;

static void set_up(void)
{
	rig_begin();
	binding = rig_bind(SLOT, rig_task(os_process_id()));
	rig_bind(USER, rig_task(os_process_id()));
	rig_bound(FAR, RIG_FAR);
}

static int wake(int p_nr)
{
	return rig_run(handle_wakeup, rig_ask(CTL_WAKEUP, p_nr));
}

static int notify(int p_nr)
{
	return rig_run(handle_notify, rig_ask(CTL_NOTIFY, p_nr));
}

static void test_what_is_refused(void)
{
	set_up();
	CHECK_EQ(wake(HARDWARE), EDVSDSTDIED);
	CHECK_EQ(notify(HARDWARE), EDVSBADDEST);
	CHECK_EQ(rig.proposals, 0);
	CHECK_EQ(wake(FREE), EDVSDSTDIED);
	CHECK_EQ(rig.sent.kind, COMMAND_SYNC); /* this node may be behind */
	CHECK_EQ(rig.proposals, 1);
	CHECK_EQ(notify(FREE), EDVSDSTDIED);
	CHECK_EQ(rig.proposals, 2);
	CHECK_EQ(wake(FAR), EDVSRMTPROC);
	CHECK_EQ(notify(FAR), EDVSRMTPROC);
	CHECK_EQ(wake(20), EDVSRANGE);
	CHECK_EQ(notify(USER), EDVSPRIVILEGES);
	rig_slot(SLOT)->moving = 1;
	CHECK_EQ(wake(SLOT), EDVSMIGRATE);
	CHECK_EQ(notify(SLOT), EDVSMIGRATE);
	CHECK_EQ(binding->status->page->latch, 0);
	CHECK_EQ(binding->status->page->hardware, 0);
	rig.order.directory.dc[RIG_DC].running = 0;
	CHECK_EQ(wake(SLOT), EDVSDCNOTRUN);
	rig_end();
}

/* The caller is the newest binding of its process. */
static void test_the_caller_itself(void)
{
	set_up();
	CHECK_EQ(rig_run(handle_wakeup, rig_ask_as_client(CTL_WAKEUP, USER)), EDVSBADPROC);
	CHECK_EQ(rig_run(handle_notify, rig_ask_as_client(CTL_NOTIFY, SLOT)), 0);
	rig_end();
}

/* One that does not wait hears of it at its next receive, and the caller hears of that. */
static void test_a_wakeup(void)
{
	set_up();
	CHECK_EQ(wake(SLOT), EDVSPROCRUN);
	CHECK_EQ(binding->status->page->latch, EDVSWOKENUP);
	binding->status->page->rts_flags = RECEIVING;
	binding->status->page->getfrom = FAR;
	CHECK_EQ(wake(SLOT), EDVSPROCRUN);
	binding->status->page->getfrom = ANY;
	CHECK_EQ(wake(SLOT), 0);
	CHECK_EQ(wake(USER), EDVSPROCRUN); /* needs no system process */
	rig_end();
}

static void test_a_notification(void)
{
	set_up();
	CHECK_EQ(notify(SLOT), 0);
	CHECK_EQ(binding->status->page->hardware, 1);
	CHECK_EQ(notify(SLOT), EDVSOVERRUN);
	binding->status->page->hardware = 0;
	CHECK_EQ(notify(SLOT), 0);
	rig_end();
}

int main(void)
{
	TEST(test_what_is_refused);
	TEST(test_the_caller_itself);
	TEST(test_a_wakeup);
	TEST(test_a_notification);
	return test_end();
}
