/* SPDX-License-Identifier: Apache-2.0 */

/* The end of a binding by request: the processes that it may be of, and those that are asked first; and questions. */

#include <signal.h>
#include <sys/wait.h>

#include "node/bind/backup.h"
#include "node/bind/bind_rig_test.h"
#include "node/bind/ending.h"
#include "node/bind/warning.h"
#include "node/calls.h"
#include "os/sleeper_test.h"

#define OWN  5
#define SLOT 6
#define FREE 7
#define FAR  8

static struct binding *own, *binding;
static pid_t child;

/* This process is bound, and a child of it. */
static void set_up(void)
{
	rig_begin();
	child = sleeper();
	own = rig_bind(OWN, rig_task(os_process_id()));
	binding = rig_bind(SLOT, rig_task(child));
	rig_bound(FAR, RIG_FAR);
}

static void tear_down(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	rig_end();
}

static int unbind(int p_nr)
{
	return rig_run(handle_unbind, rig_ask(CTL_UNBIND, p_nr));
}

static int unbind_as_client(int p_nr, int64_t timeout_ms)
{
	struct request *request = rig_ask_as_client(CTL_UNBIND, p_nr);

	request->head.timeout_ms = timeout_ms;
	return rig_run(handle_unbind, request);
}

static void test_what_is_refused(void)
{
	struct request *request;

	set_up();
	CHECK_EQ(unbind(20), EDVSENDPOINT);
	CHECK_EQ(unbind(FREE), EDVSNOTBIND);
	CHECK_EQ(rig.sent.kind, COMMAND_SYNC); /* it had asked before it said so */
	rig_slot(SLOT)->moving = 1;
	CHECK_EQ(unbind(SLOT), EDVSMIGRATE);
	binding->copying = 1;
	CHECK_EQ(unbind(SLOT), EDVSONCOPY);
	binding->copying = 0;
	binding->status->page->rts_flags = ONCOPY;
	CHECK_EQ(unbind(SLOT), EDVSONCOPY);
	rig.order.directory.dc[RIG_DC + 1] = rig.order.directory.dc[RIG_DC];
	request = rig_ask_as_client(CTL_UNBIND, SLOT);
	request->head.dcid = RIG_DC + 1;
	CHECK_EQ(rig_run(handle_unbind, request), EDVSBADDCID);
	tear_down();
}

/* The order ends it: of the caller itself, and of one that has ended. */
static void test_by_the_order(void)
{
	set_up();
	rig_slot(OWN)->generation = 4;
	CHECK_EQ(unbind_as_client(OWN, -1), 1);
	CHECK_EQ(rig.sent.kind, COMMAND_UNBIND);
	CHECK_EQ(rig.sent.p_nr, OWN);
	CHECK_EQ(rig.sent.generation, 4);
	CHECK_EQ(rig.sent.flags, 0);
	rig_decide(EDVSMIGRATE);
	CHECK_EQ(rig.answer.error, EDVSMIGRATE);
	binding->task->ended = true;
	CHECK_EQ(unbind(SLOT), 1);
	CHECK_EQ(rig.sent.p_nr, SLOT);
	rig_decide(0);
	CHECK_EQ(rig.answer.error, 0);
	tear_down();
}

/* Nobody is unbound while it runs: it is told, by a signal and in its wait; a bound caller waits for its end. */
static void test_another_process(void)
{
	set_up();
	CHECK_EQ(unbind(SLOT), EDVSAGAIN);
	CHECK_EQ(rig.proposals, 0);
	CHECK_EQ(binding->status->page->latch, 0); /* it waits for nothing */
	CHECK_EQ(os_poll(binding->task->pidfd, OS_READ, 5000), 0);
	binding->status->page->rts_flags = RECEIVING;
	CHECK_EQ(unbind_as_client(SLOT, 0), EDVSAGAIN);
	CHECK_EQ(binding->status->page->latch, EDVSSHUTDOWN);
	CHECK_EQ(unbind_as_client(SLOT, -1), 1);
	binding_detach(binding);
	CHECK_EQ(rig.answer.ends, 1);
	CHECK_EQ(rig.answer.error, 0);
	tear_down();
}

/* A statement that a slot is elsewhere is taken back, unless a process is bound by then: that was its aim. */
static void test_a_statement(void)
{
	set_up();
	rig_slot(FREE)->stated = 1;
	rig_slot(FREE)->node = RIG_SELF;
	CHECK_EQ(unbind(FREE), EDVSNOTBIND);
	rig_slot(FREE)->node = RIG_FAR;
	CHECK_EQ(unbind(FREE), 1);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_STATED);
	rig_decide(EDVSSLOTUSED);
	CHECK_EQ(rig.answer.error, 0);
	CHECK_EQ(unbind(FREE), 1);
	rig_decide(EDVSNOCONN);
	CHECK_EQ(rig.answer.error, EDVSNOCONN);
	tear_down();
}

/* Elsewhere: the backup here goes; and a caller that owes an answer to one that ended is done with the warning. */
static void test_another_node(void)
{
	struct exchange_channel *channel = NULL;
	struct binding *backup = NULL;
	struct line_image taken;
	message m = { 0 };

	set_up();
	CHECK_EQ(unbind(FAR), 0);
	CHECK_EQ(backup_begin(rig_task(os_process_id()), RIG_DC, FAR, &backup), 0);
	CHECK_EQ(unbind(FAR), 0);
	CHECK(!backup_find(&rig.bindings, RIG_DC, FAR));
	CHECK_EQ(exchange_channel(rig.bindings.exchange, RIG_DC, OWN, FAR, &channel), 0);
	line_post(&channel->page->line[exchange_side(channel, FAR)], LINE_OP_SENDREC, &m, 0);
	CHECK_EQ(unbind_as_client(FAR, -1), 0);
	CHECK_EQ(rig.passed_to, -1); /* not taken yet */
	CHECK(line_take(&channel->page->line[exchange_side(channel, FAR)], &taken));
	CHECK_EQ(unbind_as_client(FAR, -1), 0);
	CHECK_EQ(rig.passed_to, RIG_FAR);
	CHECK_EQ(rig.passed.call, CTL_UNBIND);
	CHECK_EQ(rig.proposals, 0);
	tear_down();
}

/* The same, on the node of the one that ended. Nothing else is ended for another node. */
static void test_for_another_node(void)
{
	struct request *request;

	set_up();
	request = rig_ask(CTL_UNBIND, SLOT);
	request->from = RIG_FAR;
	CHECK_EQ(rig_run(handle_unbind, request), 0);
	CHECK_EQ(rig.proposals, 0);
	rig.order.directory.dc[RIG_DC].warn2proc = FAR;
	ending_begin(binding);
	CHECK(binding->warning);
	request = rig_ask(CTL_UNBIND, SLOT);
	request->from = RIG_FAR;
	CHECK_EQ(rig_run(handle_unbind, request), 0);
	CHECK(!binding->warning);
	CHECK_EQ(rig.sent.kind, COMMAND_UNBIND);
	tear_down();
}

static int getep(int pid, bool client)
{
	struct request *request = client ? rig_ask_as_client(CTL_GETEP, 0) : rig_ask(CTL_GETEP, 0);

	request->head.pid = pid;
	if (!client)
		request->pid = child; /* one that is no bound client */
	return rig_run(handle_getep, request);
}

/* A process that is not bound hears of itself only. */
static void test_getep(void)
{
	set_up();
	CHECK_EQ(getep(0, true), 0);
	CHECK_EQ(rig.answer.value, OWN);
	CHECK_EQ(getep(0, false), 0);
	CHECK_EQ(rig.answer.value, SLOT);
	CHECK_EQ(getep(child, true), 0);
	CHECK_EQ(rig.answer.value, SLOT);
	CHECK_EQ(getep(INT32_MAX, true), EDVSBADPID);
	binding_detach(binding);
	CHECK_EQ(getep(child, true), EDVSNOTBIND);
	tear_down();
}

static int64_t wait_at_most(int p_nr, int cmd, uint64_t life, int64_t timeout_ms)
{
	struct request *request = rig_ask_as_client(CTL_WAIT4BIND, p_nr);
	int r;

	request->head.timeout_ms = timeout_ms;
	request->head.cmd = cmd;
	request->head.addr[0] = life;
	r = rig_run(handle_wait4bind, request);
	return r ? r : rig.answer.value;
}

static int64_t wait_for(int p_nr, int cmd, uint64_t life)
{
	return wait_at_most(p_nr, cmd, life, -1);
}

static void test_waits(void)
{
	unsigned proposals;

	set_up();
	CHECK_EQ(wait_for(FREE, WAIT_BIND, 0), EDVSAGAIN);
	CHECK_EQ(rig.sent.kind, COMMAND_SYNC);
	proposals = rig.proposals;
	CHECK_EQ(wait_at_most(FREE, WAIT_BIND, 0, 0), EDVSAGAIN); /* at once */
	CHECK_EQ(wait_at_most(FREE, WAIT_UNBIND, 0, 0), 0);
	CHECK_EQ(rig.proposals, proposals);
	CHECK_EQ(wait_for(20, WAIT_BIND, 0), EDVSRANGE);
	CHECK_EQ(wait_for(FAR, WAIT_BIND, 0), FAR);
	CHECK_EQ(wait_for(FREE, WAIT_UNBIND, 0), 0);
	rig_slot(FAR)->generation = 5;
	CHECK_EQ(wait_for(FAR, WAIT_UNBIND, 0), 6);
	CHECK_EQ(wait_for(FAR, WAIT_UNBIND, 6), 6);
	CHECK_EQ(wait_for(FAR, WAIT_UNBIND, 5), 0); /* that life is over */
	rig_slot(FREE)->stated = 1;
	rig_slot(FREE)->node = RIG_FAR;
	CHECK_EQ(wait_for(FREE, WAIT_BIND, 0), FREE); /* as in the original */
	CHECK_EQ(wait_for(SELF, WAIT_BIND, 0), OWN);
	binding_detach(own);
	CHECK_EQ(wait_for(SELF, WAIT_BIND, 0), EDVSAGAIN);
	CHECK_EQ(wait_for(FAR, WAIT_BIND, 0), EDVSNOTBIND);
	tear_down();
}

int main(void)
{
	TEST(test_what_is_refused);
	TEST(test_by_the_order);
	TEST(test_another_process);
	TEST(test_a_statement);
	TEST(test_another_node);
	TEST(test_for_another_node);
	TEST(test_getep);
	TEST(test_waits);
	return test_end();
}
