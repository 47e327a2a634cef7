/* SPDX-License-Identifier: Apache-2.0 */

/* A daemon that follows one that died, and an endpoint of its node: the steps of core/recover.h are carried out. */

#include "node/restart/recovery.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/bind/bind_rig_test.h"

#define SLOT 6

static struct binding *binding;

/* A process that sleeps: one of the steps kills it. */
static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static void set_up(pid_t pid)
{
	rig_begin();
	binding = rig_bind(SLOT, rig_task(pid));
	rig_slot(SLOT)->attached = 1;
}

static void test_all_is_as_it_was(void)
{
	set_up(os_process_id());
	atomic_store(&binding->status->page->quiet,
		     1); /* the predecessor was about to look at it */
	recovery_look(&rig.bindings, RIG_DC, SLOT);
	CHECK_EQ(binding->state, BINDING_BOUND);
	CHECK_EQ(atomic_load(&binding->status->page->quiet), 0);
	CHECK_EQ(rig.proposals, 0);
	rig_end();
}

static void test_a_move_is_rolled_back(void)
{
	set_up(os_process_id());
	binding->state = BINDING_LEAVING;
	rig_slot(SLOT)->moving = 1;
	rig_slot(SLOT)->move = 9;
	recovery_look(&rig.bindings, RIG_DC, SLOT);
	CHECK_EQ(binding->state, BINDING_BOUND); /* its far ends are its own again */
	CHECK_EQ(rig.sent.kind, COMMAND_MOVE_ROLLBACK);
	CHECK_EQ(rig.sent.move, 9);
	rig_end();
}

static void test_its_unbind_is_asked_for_again(void)
{
	set_up(os_process_id());
	binding->state = BINDING_ENDING;
	recovery_look(&rig.bindings, RIG_DC, SLOT);
	CHECK_EQ(rig.sent.kind, COMMAND_UNBIND);
	CHECK_EQ(rig.sent.p_nr, SLOT);
	CHECK(binding_find(&rig.bindings, RIG_DC, SLOT) == binding);
	rig_end();
}

/* Of an endpoint for which the predecessor left no process, because that was killed with it. */
static void test_nobody_is_there(void)
{
	rig_begin();
	rig_bound(SLOT, rig.order.self)->attached = 1;
	rig_slot(SLOT)->generation = 4;
	recovery_look(&rig.bindings, RIG_DC, SLOT);
	CHECK_EQ(rig.sent.kind, COMMAND_UNBIND);
	CHECK_EQ(rig.sent.generation, 4);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_DIED);
	rig_end();
}

/* The commit was ordered: the process here is what is left of one that lives elsewhere. */
static void test_it_is_another_nodes(void)
{
	pid_t pid = sleeper();
	int status = 0;

	set_up(pid);
	binding->state = BINDING_LEAVING;
	rig_slot(SLOT)->node = RIG_FAR;
	recovery_look(&rig.bindings, RIG_DC, SLOT);
	CHECK(!binding_find(&rig.bindings, RIG_DC, SLOT));
	CHECK_EQ(rig.proposals, 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	rig_end();
}

static void test_free_slots_are_left_alone(void)
{
	rig_begin();
	recovery_look(&rig.bindings, RIG_DC, SLOT);
	recovery_look(&rig.bindings, RIG_DC, -1000);
	rig_bound(SLOT, RIG_FAR);
	recovery_look(&rig.bindings, RIG_DC, SLOT);
	CHECK_EQ(rig.proposals, 0);
	rig_end();
}

int main(void)
{
	TEST(test_all_is_as_it_was);
	TEST(test_a_move_is_rolled_back);
	TEST(test_its_unbind_is_asked_for_again);
	TEST(test_nobody_is_there);
	TEST(test_it_is_another_nodes);
	TEST(test_free_slots_are_left_alone);
	return test_end();
}
