/* SPDX-License-Identifier: Apache-2.0 */

/* dvs kill and dvs stop: which process a signal may reach, and when the answer comes. */

#include <signal.h>
#include <sys/wait.h>

#include "node/bind/bind_rig_test.h"
#include "node/bind/warning.h"
#include "node/calls.h"
#include "os/sleeper_test.h"

#define SLOT 6
#define FREE 7
#define FAR  8

static struct binding *binding;
static pid_t child;

static void set_up(void)
{
	rig_begin();
	child = sleeper();
	binding = rig_bind(SLOT, rig_task(child));
	rig_bound(FAR, RIG_FAR);
}

static void tear_down(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	rig_end();
}

static int send_to(int p_nr, int signo, unsigned flags, uint64_t life)
{
	struct request *request = rig_ask(CTL_SIGNAL, p_nr);

	request->head.cmd = signo;
	request->head.flags = flags;
	request->head.addr[0] = life;
	return rig_run(handle_signal, request);
}

static bool has_ended(void)
{
	return os_poll(binding->task->pidfd, OS_READ, 5000) == 0;
}

static void test_what_is_refused(void)
{
	set_up();
	CHECK_EQ(send_to(SLOT, -1, 0, 0), EDVSINVAL);
	CHECK_EQ(send_to(FAR, 65, 0, 0), EDVSINVAL);
	CHECK_EQ(rig.passed_to, -1);
	CHECK_EQ(send_to(FREE, 0, 0, 0), EDVSNOTBIND);
	CHECK_EQ(rig.sent.kind, COMMAND_SYNC); /* it had asked before it said so */
	CHECK_EQ(send_to(100000, 0, 0, 0), EDVSNOTBIND);
	rig_slot(SLOT)->generation = binding->generation = 3;
	CHECK_EQ(send_to(SLOT, 0, 0, 1 + 2), EDVSNOTBIND); /* an earlier life */
	CHECK_EQ(send_to(SLOT, 0, 0, 1 + 3), 0);
	rig_slot(SLOT)->generation = binding->generation = 0;
	rig_slot(SLOT)->moving = 1;
	CHECK_EQ(send_to(SLOT, 0, 0, 0), EDVSMIGRATE);
	rig_slot(SLOT)->moving = 0;
	binding->state = BINDING_LEAVING;
	CHECK_EQ(send_to(SLOT, 0, 0, 0), EDVSMIGRATE);
	binding->state = BINDING_BOUND;
	rig_bound(FREE, RIG_SELF); /* by hand, without a process so far */
	CHECK_EQ(send_to(FREE, 0, 0, 0), EDVSNOTBIND);
	rig.order.directory.dc[RIG_DC].running = 0;
	CHECK_EQ(send_to(SLOT, 0, 0, 0), EDVSDCNOTRUN);
	tear_down();
}

static void test_another_node(void)
{
	set_up();
	send_to(FAR, SIGTERM, 0, 0);
	CHECK_EQ(rig.passed_to, RIG_FAR);
	CHECK_EQ(rig.passed.cmd, SIGTERM);
	tear_down();
}

/* 0 asks whether it is there. */
static void test_a_signal(void)
{
	const struct ctl_signal_row *row = (const struct ctl_signal_row *)rig.answer.row;

	set_up();
	CHECK_EQ(send_to(SLOT, 0, 0, 0), 0);
	CHECK_EQ(rig.answer.rows, 1);
	CHECK_EQ(row->lpid, child);
	CHECK_EQ(row->endpoint, SLOT);
	CHECK_EQ(binding->task->signalled, 0);
	CHECK_EQ(send_to(SLOT, SIGKILL, 0, 0), 0);
	CHECK(has_ended());
	CHECK_EQ(binding->task->signalled, SIGKILL);
	CHECK_EQ(send_to(SLOT, SIGKILL, 0, 0), 0); /* it is not known to have ended yet */
	binding->task->ended = true;
	CHECK_EQ(send_to(SLOT, SIGKILL, 0, 0), EDVSNOTBIND);
	tear_down();
}

/* dvs stop: the answer comes with the end, also of a process that is stopped; and says why it ended. */
static void test_until_it_is_gone(void)
{
	set_up();
	kill(child, SIGSTOP);
	CHECK_EQ(send_to(SLOT, SIGTERM, CTL_FLAG_UNTIL_GONE, 0), 1);
	CHECK_EQ(rig.answer.rows, 1);
	CHECK(has_ended());
	CHECK_EQ(binding->task->end_reason, CTL_ENDED_STOP);
	CHECK_EQ(binding->task->signalled, 0);
	CHECK_EQ(rig.answer.ends, 0);
	binding->task->ended = true;
	binding->task->wait_status = SIGTERM;
	binding_detach(binding);
	CHECK_EQ(rig.answer.ends, 1);
	CHECK_EQ(rig.answer.value, SIGTERM);
	tear_down();
}

/* It has ended, and its slot is held for the warn process: nothing more is waited for. */
static void test_a_warned_one(void)
{
	set_up();
	rig_bound(FAR, RIG_FAR);
	rig.order.directory.dc[RIG_DC].warn2proc = FAR;
	binding->task->ended = true;
	binding->task->wait_status = 7 << 8;
	binding->state = BINDING_ENDING;
	CHECK(warning_begin(binding));
	CHECK_EQ(send_to(SLOT, SIGTERM, CTL_FLAG_UNTIL_GONE, 0), 0);
	CHECK_EQ(rig.answer.value, 7 << 8);
	CHECK_EQ(binding->task->end_reason, 0);
	warning_cancel(binding);
	tear_down();
}

int main(void)
{
	TEST(test_what_is_refused);
	TEST(test_another_node);
	TEST(test_a_signal);
	TEST(test_until_it_is_gone);
	TEST(test_a_warned_one);
	return test_end();
}
