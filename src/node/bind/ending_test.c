/* SPDX-License-Identifier: Apache-2.0 */

/* The end of a task, by the role and the state of its bindings. */

#include "node/bind/ending.h"

#include "node/bind/bind_rig_test.h"
#include "node/bind/warning.h"

#define SLOT 6
#define WARN 7

static struct binding *binding;

static void set_up(void)
{
	rig_begin();
	binding = rig_bind(SLOT, rig_task(os_process_id()));
}

static void test_the_order_is_asked(void)
{
	set_up();
	rig_slot(SLOT)->generation = binding->generation = 4;
	ending_begin(binding);
	CHECK_EQ(binding->state, BINDING_ENDING);
	CHECK_EQ(rig.sent.kind, COMMAND_UNBIND);
	CHECK_EQ(rig.sent.p_nr, SLOT);
	CHECK_EQ(rig.sent.generation, 4);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_DIED);
	CHECK(binding_find(&rig.bindings, RIG_DC, SLOT) == binding); /* until that is ordered */
	rig_end();
}

/* The warn process is told first. */
static void test_a_warning_comes_before(void)
{
	set_up();
	rig_bound(WARN, RIG_FAR);
	rig.order.directory.dc[RIG_DC].warn2proc = WARN;
	ending_begin(binding);
	CHECK_EQ(binding->state, BINDING_ENDING);
	CHECK(binding->warning);
	CHECK_EQ(rig.proposals, 0);
	warning_end(binding);
	CHECK_EQ(rig.sent.kind, COMMAND_UNBIND);
	rig_end();
}

static void test_roles(void)
{
	struct binding *other = NULL;

	set_up();
	CHECK_EQ(binding_new(binding->task, BINDING_ARRIVING, RIG_DC, WARN, WARN, 0, &other), 0);
	ending_begin(other); /* its arrival sees to that */
	CHECK(rig.bindings.all == other);
	CHECK_EQ(other->state, BINDING_BOUND);
	binding_move_away(other);
	CHECK_EQ(binding_new(binding->task, BINDING_BACKUP, RIG_DC, WARN, WARN, 0, &other), 0);
	ending_begin(other);
	CHECK(rig.bindings.all == binding);
	CHECK_EQ(rig.proposals, 0); /* the order knows neither */
	rig_end();
}

/* A thread that ends is told of where its process lives on; the end of a process is seen by its descriptor. */
static void test_threads(void)
{
	set_up();
	rig_bound(WARN, RIG_FAR);
	CHECK(!ending_of_thread(binding));
	rig.order.directory.dc[RIG_DC].warn2proc = WARN;
	CHECK(!ending_of_thread(binding));
	CHECK(!binding->warning);
	binding->task->tgid++;
	CHECK(ending_of_thread(binding));
	CHECK(binding->warning);
	CHECK(binding->task->ended);
	CHECK_EQ(binding->state, BINDING_ENDING);
	warning_cancel(binding);
	rig_end();
}

/* Its task ended while it was to move, and that life is still the one that is bound. */
static void test_after_a_move(void)
{
	set_up();
	ending_on_source_over(&rig.bindings, RIG_DC, SLOT, 0);
	CHECK_EQ(rig.ends, 0);
	binding->task->ended = true;
	ending_on_source_over(&rig.bindings, RIG_DC, SLOT, 1);
	ending_on_source_over(&rig.bindings, RIG_DC, WARN, 0);
	CHECK_EQ(rig.ends, 0);
	ending_on_source_over(&rig.bindings, RIG_DC, SLOT, 0);
	CHECK_EQ(rig.ends, 1);
	binding->state = BINDING_ENDING;
	ending_on_source_over(&rig.bindings, RIG_DC, SLOT, 0);
	CHECK_EQ(rig.ends, 1);
	rig_end();
}

int main(void)
{
	TEST(test_the_order_is_asked);
	TEST(test_a_warning_comes_before);
	TEST(test_roles);
	TEST(test_threads);
	TEST(test_after_a_move);
	return test_end();
}
