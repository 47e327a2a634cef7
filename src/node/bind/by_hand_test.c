/* SPDX-License-Identifier: Apache-2.0 */

/* The three steps by hand: the command for the order, and the effect of its decision on the processes here. */

#include "node/bind/by_hand.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "node/bind/backup.h"
#include "node/bind/bind_rig_test.h"
#include "node/calls.h"
#include "os/sleeper_test.h"

#define SLOT 6
#define FREE 7

static pid_t child;

/* The endpoint is another node's, and this process knows its pid. */
static void set_up(void)
{
	rig_begin();
	child = sleeper();
	rig_bound(SLOT, RIG_FAR)->generation = 3;
}

static void tear_down(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	rig_end();
}

static int step(int cmd, int p_nr, int nodeid, int pid, unsigned flags)
{
	struct request *request = rig_ask_as_client(CTL_MIGRATE, p_nr);

	request->head.cmd = cmd;
	request->head.nodeid = nodeid;
	request->head.pid = pid;
	request->head.flags = flags;
	return rig_run(handle_migrate, request);
}

static void test_what_is_refused(void)
{
	set_up();
	CHECK_EQ(step(MIGR_ROLLBACK + 1, SLOT, 0, 0, 0), EDVSNOSYS);
	CHECK_EQ(step(MIGR_START - 1, SLOT, 0, 0, 0), EDVSNOSYS);
	CHECK_EQ(step(MIGR_START, 20, 0, 0, 0), EDVSRANGE);
	CHECK_EQ(step(MIGR_COMMIT, SLOT, RIG_SELF, INT32_MAX, 0), EDVSBADPID);
	CHECK_EQ(rig.proposals, 0);
	rig.order.directory.dc[RIG_DC].running = 0;
	CHECK_EQ(step(MIGR_START, SLOT, 0, 0, 0), EDVSDCNOTRUN);
	tear_down();
}

/* A refusal of the order says what to do; the same number means different things at different steps. */
static void test_sentences(void)
{
	set_up();
	CHECK_EQ(step(MIGR_START, SLOT, 0, 0, 0), 1);
	rig_decide(EDVSMIGRATE);
	CHECK_EQ(rig.answer.error, EDVSMIGRATE);
	CHECK(strstr(rig.answer.sentence, "another migration of it is under way"));
	CHECK_EQ(step(MIGR_ROLLBACK, SLOT, 0, 0, 0), 1);
	rig_decide(EDVSMIGRATE);
	CHECK(strstr(rig.answer.sentence, "nothing is left to roll back"));
	CHECK_EQ(step(MIGR_COMMIT, SLOT, RIG_FAR, 0, 0), 1);
	rig_decide(EDVSPROCSTS);
	CHECK(strstr(rig.answer.sentence, "begin with dvs_migrate -s"));
	tear_down();
}

static void test_commands(void)
{
	set_up();
	CHECK_EQ(step(MIGR_START, SLOT, 0, 0, 0), 1);
	CHECK_EQ(rig.sent.kind, COMMAND_MOVE_START);
	CHECK_EQ(rig.sent.generation, 3);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_BY_HAND);
	CHECK_EQ(rig.sent.target, -1);
	rig_decide(0);
	CHECK_EQ(rig.answer.error, 0);
	CHECK_EQ(step(MIGR_ROLLBACK, SLOT, 0, 0, 0), 1);
	CHECK_EQ(rig.sent.kind, COMMAND_MOVE_ROLLBACK);
	rig_decide(0);
	/* A commit is of the move that is under way now, if that is one by hand. */
	rig_slot(SLOT)->move = 12;
	CHECK_EQ(step(MIGR_COMMIT, SLOT, RIG_FAR, 0, 0), 1);
	CHECK_EQ(rig.sent.kind, COMMAND_MOVE_COMMIT);
	CHECK_EQ(rig.sent.target, RIG_FAR);
	CHECK_EQ(rig.sent.move, 0);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_BY_HAND);
	rig_decide(0);
	rig_slot(SLOT)->moving = 1;
	CHECK_EQ(step(MIGR_COMMIT, SLOT, RIG_FAR, 0, 0), 1);
	CHECK_EQ(rig.sent.move, 0);
	rig_decide(0);
	rig_slot(SLOT)->by_hand = 1;
	CHECK_EQ(step(MIGR_COMMIT, SLOT, RIG_FAR, 0, 0), 1);
	CHECK_EQ(rig.sent.move, 12);
	rig_decide(0);
	tear_down();
}

/* The process on the new node: a pid, the caller, or none so far. */
static void test_targets(void)
{
	set_up();
	CHECK_EQ(step(MIGR_COMMIT, SLOT, RIG_SELF, child, 0), 1);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_BY_HAND | COMMAND_FLAG_ATTACH);
	CHECK_EQ(rig.sent.lpid, child);
	rig_decide(EDVSMIGRATE);
	CHECK(!rig.tasks.all);
	CHECK_EQ(step(MIGR_COMMIT, SLOT, RIG_SELF, 0, 0), 1);
	CHECK_EQ(rig.sent.lpid, os_process_id());
	rig_decide(EDVSMIGRATE);
	CHECK_EQ(step(MIGR_COMMIT, SLOT, RIG_SELF, 0, CTL_FLAG_HAND_COMMIT), 1);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_BY_HAND);
	CHECK_EQ(rig.sent.lpid, 0);
	rig_decide(EDVSMIGRATE);
	tear_down();
}

/* A backup stands by: it is the process, and no other may be named. */
static void test_a_backup(void)
{
	struct binding *backup = NULL;

	set_up();
	CHECK_EQ(backup_begin(rig_task(child), RIG_DC, SLOT, &backup), 0);
	CHECK_EQ(step(MIGR_COMMIT, SLOT, RIG_SELF, os_process_id(), 0), EDVSBADPID);
	CHECK_EQ(rig.proposals, 0);
	CHECK_EQ(step(MIGR_COMMIT, SLOT, RIG_SELF, child, 0), 1);
	CHECK_EQ(rig.sent.lpid, child);
	rig_decide(0);
	CHECK_EQ(step(MIGR_COMMIT, SLOT, RIG_SELF, 0, CTL_FLAG_HAND_COMMIT), 1);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_BY_HAND | COMMAND_FLAG_ATTACH);
	CHECK_EQ(rig.sent.lpid, child);
	rig_decide(0);
	tear_down();
}

static void commit(void)
{
	CHECK_EQ(step(MIGR_COMMIT, SLOT, RIG_SELF, child, 0), 1);
	rig_bound(SLOT, RIG_SELF);
}

/* The order has given it the endpoint: its lines to others elsewhere are busy until their nodes have answered. */
static void test_it_takes_over(void)
{
	struct exchange_channel *channel;
	struct binding *binding;

	set_up();
	rig_bound(FREE, RIG_FAR);
	commit();
	rig_decide(0);
	CHECK_EQ(rig.answer.error, 0);
	binding = binding_find(&rig.bindings, RIG_DC, SLOT);
	CHECK_OR_RETURN(binding);
	CHECK_EQ(binding->task->lpid, child);
	CHECK_EQ(binding->generation, 3);
	CHECK_EQ(binding->status->page->hold, 0);
	CHECK_EQ(binding->task->kept, 0);
	channel = exchange_find(rig.bindings.exchange, RIG_DC, SLOT, FREE);
	CHECK_OR_RETURN(channel);
	CHECK(!line_word_is_free(channel->page->line[exchange_side(channel, SLOT)].word));
	tear_down();
}

/* It ended while the order decided: so does the endpoint. */
static void test_it_ends_meanwhile(void)
{
	set_up();
	commit();
	CHECK_OR_RETURN(rig.tasks.all);
	task_end(rig.tasks.all);
	rig_decide(0);
	CHECK(!rig.bindings.all);
	CHECK_EQ(rig.sent.kind, COMMAND_UNBIND);
	CHECK_EQ(rig.sent.generation, 3);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_DIED);
	tear_down();
}

/* The owner is another node: the process here ends as one that has moved. */
static void test_it_is_handed_over(void)
{
	struct directory_effect effect = { .kind = EFFECT_MOVE_COMMITTED,
					   .dcid = RIG_DC,
					   .p_nr = SLOT,
					   .node = RIG_SELF,
					   .target = RIG_FAR,
					   .by_hand = 1 };
	struct task *task;

	set_up();
	task = rig_task(child);
	rig_bind(SLOT, task);
	task_keep(task);
	rig_bound(SLOT, RIG_FAR);
	by_hand_on_committed(&rig.bindings, &effect);
	CHECK_EQ(os_poll(task->pidfd, OS_READ, 5000), 0);
	CHECK_EQ(task->end_reason, CTL_ENDED_MOVED);
	CHECK(!rig.bindings.all);
	CHECK_EQ(rig.proposals, 0); /* the endpoint stays */
	task_let(task);
	by_hand_on_committed(&rig.bindings, &effect); /* there was no process */
	tear_down();
}

int main(void)
{
	TEST(test_what_is_refused);
	TEST(test_sentences);
	TEST(test_commands);
	TEST(test_targets);
	TEST(test_a_backup);
	TEST(test_it_takes_over);
	TEST(test_it_ends_meanwhile);
	TEST(test_it_is_handed_over);
	return test_end();
}
