/* SPDX-License-Identifier: Apache-2.0 */

/* Binding: its refusals, in the contract's order; the command for the order; and the effect of each decision. */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/bind/backup.h"
#include "node/bind/bind_rig_test.h"
#include "node/calls.h"
#include "os/sleeper_test.h"

#define SLOT 6
#define USED 7
#define FAR  8
#define USER 16 /* no system process */

static pid_t child;

static void set_up(void)
{
	rig_begin();
	child = sleeper();
	rig_bound(USED, RIG_SELF);
	rig_bound(FAR, RIG_FAR);
}

static void tear_down(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	rig_end();
}

/* Of this process by itself, or by root of that one. */
static struct request *asked(int cmd, int p_nr, int pid, int nodeid)
{
	struct request *request = rig_ask_as_client(CTL_BIND, p_nr);

	request->head.cmd = cmd;
	request->head.pid = pid;
	request->head.nodeid = nodeid;
	return request;
}

static int bind(int cmd, int p_nr, int pid, int nodeid)
{
	return rig_run(handle_bind, asked(cmd, p_nr, pid, nodeid));
}

/* Each has all that the ones below it are refused for, as well. */
static void test_the_order_of_refusals(void)
{
	struct directory_dc *dc = &rig.order.directory.dc[RIG_DC];
	struct request *request;

	set_up();
	request = asked(99, USED, INT32_MAX, 5);
	request->head.dcid = SHM_DCS;
	request->uid = 1000;
	CHECK_EQ(rig_run(handle_bind, request), EDVSPRIVILEGES);
	request = asked(99, USED, INT32_MAX, 5);
	request->head.dcid = SHM_DCS;
	CHECK_EQ(rig_run(handle_bind, request), EDVSBADNODEID);
	request = asked(99, USED, INT32_MAX, LOCALNODE);
	request->head.dcid = SHM_DCS;
	CHECK_EQ(rig_run(handle_bind, request), EDVSBINDTYPE);
	request = asked(LCL_BIND, USED, INT32_MAX, LOCALNODE);
	request->head.dcid = SHM_DCS;
	CHECK_EQ(rig_run(handle_bind, request), EDVSBADDCID);
	request = asked(LCL_BIND, USED, INT32_MAX, LOCALNODE);
	request->head.dcid = RIG_DC + 1;
	CHECK_EQ(rig_run(handle_bind, request), EDVSDCNOTRUN);
	dc->nodes = 1 << RIG_FAR;
	CHECK_EQ(bind(LCL_BIND, 20, INT32_MAX, LOCALNODE), EDVSBADDCID);
	rig.sent.kind = COMMAND_NONE;
	CHECK_EQ(bind(LCL_BIND, USED, INT32_MAX, LOCALNODE), EDVSNODCNODE);
	CHECK_EQ(rig.sent.kind, COMMAND_SYNC); /* it may have been added by now */
	dc->nodes |= 1 << RIG_SELF;
	CHECK_EQ(bind(LCL_BIND, USED, INT32_MAX, LOCALNODE), EDVSSLOTUSED);
	CHECK_EQ(bind(LCL_BIND, SLOT, INT32_MAX, LOCALNODE), EDVSBADPID);
	CHECK(!rig.tasks.all);
	tear_down();
}

static void test_nodes(void)
{
	set_up();
	CHECK_EQ(bind(RMT_BIND, SLOT, 0, RIG_SELF), EDVSBADNODEID);
	CHECK_EQ(bind(RMT_BIND, SLOT, 0, -1), EDVSBADNODEID);
	CHECK_EQ(bind(RMT_BIND, SLOT, 0, NR_NODES), EDVSBADNODEID);
	rig.sent.kind = COMMAND_NONE;
	CHECK_EQ(bind(RMT_BIND, SLOT, 0, 5), EDVSNODCNODE);
	CHECK_EQ(rig.sent.kind, COMMAND_SYNC);
	CHECK_EQ(bind(SELF_BIND, SLOT, 0, RIG_FAR), EDVSBADNODEID);
	tear_down();
}

static int count_pages(void)
{
	char path[64], name[32];
	int count = 0;

	for (int fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		count +=
			readlink(path, name, sizeof(name)) > 12 && !memcmp(name, "/memfd:dvs-", 11);
	}
	return count;
}

/* The pages are made while the bind is on its way through the order. */
static void test_a_bind(void)
{
	struct binding *binding;
	int pages;

	set_up();
	CHECK_EQ(bind(SELF_BIND, SLOT, 0, LOCALNODE), 1);
	CHECK_EQ(rig.sent.kind, COMMAND_BIND);
	CHECK_EQ(rig.sent.p_nr, SLOT);
	CHECK_EQ(rig.sent.node, RIG_SELF);
	CHECK_EQ(rig.sent.lpid, os_process_id());
	CHECK_EQ(rig.sent.misc, MIS_GRPLEADER);
	CHECK(!binding_find(&rig.bindings, RIG_DC, SLOT)); /* before it is ordered */
	pages = count_pages();
	CHECK_EQ(rig_apply(), 0);
	CHECK_EQ(count_pages(), pages);
	CHECK_EQ(rig.answer.ends, 1);
	CHECK_EQ(rig.answer.error, 0);
	CHECK_EQ(rig.answer.value, SLOT);
	binding = binding_find(&rig.bindings, RIG_DC, SLOT);
	CHECK_OR_RETURN(binding);
	CHECK_EQ(binding->task->lpid, os_process_id());
	CHECK_EQ(binding->task->kept, 0);
	tear_down();
}

static void test_kinds(void)
{
	set_up();
	CHECK_EQ(bind(LCL_BIND, SLOT, child, LOCALNODE), 1);
	CHECK_EQ(rig.sent.lpid, child);
	CHECK_EQ(rig_apply(), 0);
	CHECK_EQ(rig.answer.value, SLOT);
	/* The slot may be used: that is for the order to decide. */
	CHECK_EQ(bind(REPLICA_BIND, USED, child, LOCALNODE), 1);
	CHECK_EQ(rig.sent.misc, MIS_GRPLEADER | MIS_REPLICATED);
	rig_decide(EDVSSLOTUSED);
	CHECK_EQ(rig.answer.error, EDVSSLOTUSED);
	CHECK_EQ(bind(USERMODE_BIND, SLOT + 3, child, LOCALNODE), 1);
	CHECK_EQ(rig.sent.misc, MIS_GRPLEADER | MIS_USERMODE);
	rig_decide(EDVSNODCNODE);
	CHECK_EQ(rig.answer.error, EDVSNODCNODE);
	tear_down();
}

/* Refused by the order: nothing of it is left. */
static void test_a_bind_that_is_refused(void)
{
	set_up();
	CHECK_EQ(bind(LCL_BIND, SLOT, child, LOCALNODE), 1);
	CHECK(rig.tasks.all);
	rig_decide(EDVSSLOTUSED);
	CHECK_EQ(rig.answer.error, EDVSSLOTUSED);
	CHECK(!rig.tasks.all);
	CHECK(!rig.bindings.all);
	tear_down();
}

/* It ended while the order decided: the binding is nobody's, so the order is asked to end it. */
static void test_a_process_that_ends_meanwhile(void)
{
	set_up();
	CHECK_EQ(bind(LCL_BIND, SLOT, child, LOCALNODE), 1);
	CHECK_OR_RETURN(rig.tasks.all);
	rig.tasks.all->ended = true;
	rig_slot(SLOT)->generation = 3;
	CHECK_EQ(rig_apply(), 0);
	CHECK_EQ(rig.answer.error, EDVSBADPID);
	CHECK_EQ(rig.sent.kind, COMMAND_UNBIND);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_DIED);
	CHECK_EQ(rig.sent.generation, rig_slot(SLOT)->generation);
	CHECK(!rig.tasks.all);
	tear_down();
}

static void test_a_statement(void)
{
	set_up();
	CHECK_EQ(bind(RMT_BIND, SLOT, 0, RIG_FAR), 1);
	CHECK_EQ(rig.sent.bind_kind, RMT_BIND);
	CHECK_EQ(rig.sent.node, RIG_FAR);
	rig_decide(0);
	CHECK_EQ(rig.answer.value, SLOT);
	CHECK_EQ(bind(RMT_BIND, FAR, 0, RIG_FAR), 1); /* the directory compares them */
	rig_decide(EDVSNONODE);
	CHECK_EQ(rig.answer.error, EDVSNONODE);
	tear_down();
}

static void test_a_backup(void)
{
	set_up();
	CHECK_EQ(bind(BKUP_BIND, SLOT, child, RIG_FAR), EDVSNOTBIND);
	CHECK_EQ(rig.sent.kind, COMMAND_SYNC); /* it had asked before it said so */
	CHECK(!rig.tasks.all);
	CHECK_EQ(bind(BKUP_BIND, FAR, child, RIG_FAR), 0);
	CHECK_EQ(rig.answer.value, FAR);
	CHECK_EQ(rig.proposals, 1); /* no command of the order */
	CHECK(backup_find(&rig.bindings, RIG_DC, FAR));
	tear_down();
}

static void test_hello(void)
{
	set_up();
	CHECK_EQ(rig_run(handle_hello, rig_ask_as_client(CTL_HELLO, 0)), 0);
	CHECK_EQ(rig.answer.value, RIG_SELF);
	tear_down();
}

static int channel(int p_nr, int cmd)
{
	struct request *request = rig_ask_as_client(CTL_CHANNEL, p_nr);

	request->head.cmd = cmd;
	return rig_run(handle_channel, request);
}

/* cmd 1: only to hear from it, which needs no right, and may wait for a bind to come. */
static void test_a_channel(void)
{
	set_up();
	CHECK_EQ(channel(FAR, 0), EDVSNOTBIND);
	rig_bind(SLOT, rig_task(os_process_id()));
	CHECK_EQ(channel(20, 0), EDVSRANGE);
	CHECK_EQ(channel(SLOT, 0), EDVSENDPOINT);
	rig_slot(FAR)->generation = 2;
	CHECK_EQ(channel(FAR, 0), 0);
	CHECK_EQ(rig.answer.value, _ENDPOINT(2, FAR)); /* the present life */
	CHECK(exchange_find(rig.bindings.exchange, RIG_DC, SLOT, FAR));
	CHECK_EQ(channel(SLOT + 3, 0), EDVSDSTDIED);
	rig_slot(SLOT + 3)->stated = 1;
	CHECK_EQ(channel(SLOT + 3, 0), EDVSDSTDIED);
	CHECK_EQ(channel(SLOT + 3, 1), EDVSAGAIN);
	tear_down();
}

static void test_a_channel_without_the_right(void)
{
	set_up();
	rig_bind(USER, rig_task(os_process_id()));
	memset(&rig.tasks.rights.of[RIG_DC][shm_index(USER)].priv_ipc_to, 0,
	       sizeof(rig.tasks.rights.of[RIG_DC][0].priv_ipc_to));
	CHECK_EQ(channel(FAR, 0), EDVSTRAPDENIED);
	CHECK(!exchange_find(rig.bindings.exchange, RIG_DC, USER, FAR));
	CHECK_EQ(channel(FAR, 1), 0);
	tear_down();
}

int main(void)
{
	TEST(test_a_bind);
	TEST(test_hello);
	TEST(test_a_channel);
	TEST(test_a_channel_without_the_right);
	if (geteuid()) {
		test_skip("only root binds others");
		return test_end();
	}
	TEST(test_the_order_of_refusals);
	TEST(test_nodes);
	TEST(test_kinds);
	TEST(test_a_bind_that_is_refused);
	TEST(test_a_process_that_ends_meanwhile);
	TEST(test_a_statement);
	TEST(test_a_backup);
	return test_end();
}
