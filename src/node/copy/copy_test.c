/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The wishes of a page, and their answers. The workers are not there: each copy for them is noted, and the test ends it
 * in their place.
 */

#include "node/copy/copy.h"

#include <stdlib.h>

#include "base/result.h"
#include "node/copy/copies_rig_test.h"
#include "node/copy/copy_task.h"
#include "node/copy/stream.h"
#include "os/clock.h"

#define ASKER  5
#define SOURCE 6
#define TARGET 7
#define OTHER  8

static struct copies copies;
static struct binding *asker;
static struct copy_task *started; /* the last one */
static unsigned starts, stops, shakes;

/* In place of stream.c. */
void stream_start(struct copy_task *task)
{
	CHECK(!task->streaming);
	task->streaming = true;
	started = task;
	starts++;
}

void stream_stop(struct copy_task *task, int code)
{
	if (!task->verdict)
		task->verdict = code;
	stops++;
}

void stream_shake(struct copy_task *task, int peer)
{
	(void)task;
	(void)peer;
	shakes++;
}

static void set_up(void)
{
	rig_begin();
	copies = rig_copies();
	asker = rig_bind(ASKER, rig_task(os_process_id()));
	rig_bound(SOURCE, RIG_FAR);
	rig_bound(TARGET, RIG_FAR);
	starts = stops = shakes = 0;
	started = NULL;
}

static void tear_down(void)
{
	CHECK(!copies.tasks);
	rig_end();
}

static struct copy_ask *page(void)
{
	return &asker->status->page->copy;
}

static void ask(uint32_t number, int source, int target, int bytes)
{
	page()->slot[0] = source;
	page()->slot[1] = target;
	page()->bytes = bytes;
	page()->number = number;
	copy_on_ring(&copies, asker);
}

static bool is_answered(uint32_t number, int code)
{
	return page()->answer == shm_copy_answer(number, code);
}

/* As a worker that lets go of it. */
static void let_go(int code)
{
	struct copy_task *task = started;

	CHECK_OR_RETURN(task && task->streaming);
	task->streaming = false;
	started = NULL;
	copy_finish(task, task->verdict ? task->verdict : code);
}

static unsigned tasks(void)
{
	unsigned count = 0;

	for (const struct copy_task *task = copies.tasks; task; task = task->next)
		count++;
	return count;
}

static void test_a_copy(void)
{
	set_up();
	ask(1, SOURCE, TARGET, 100);
	CHECK_EQ(starts, 1);
	CHECK_OR_RETURN(started);
	CHECK_EQ(started->endpoint[0], SOURCE);
	CHECK_EQ(started->endpoint[1], TARGET);
	CHECK_EQ(started->bytes, 100);
	CHECK(started->deadline_ns > os_now_ns());
	copy_on_ring(&copies, asker); /* the same one */
	copy_look(&copies);
	CHECK_EQ(starts, 1);
	CHECK_EQ(tasks(), 1);
	CHECK_EQ(page()->answer, 0);
	let_go(0);
	CHECK(is_answered(1, 0));
	CHECK_EQ(rig.life.counters.copies, 1);
	copy_on_ring(&copies, asker); /* it is answered */
	CHECK_EQ(starts, 1);
	tear_down();
}

/* The page is the asker's: it may say anything. A refusal is the answer, and nobody is given the copy. */
static void test_what_is_refused(void)
{
	uint32_t number = 0;

	set_up();
	ask(++number, SOURCE, TARGET, MAXCOPYLEN + 1);
	CHECK(is_answered(number, EDVSRANGE));
	ask(++number, SOURCE, TARGET, -2);
	CHECK(is_answered(number, EDVSRANGE));
	ask(++number, SOURCE, SOURCE, 1);
	CHECK(is_answered(number, EDVSENDPOINT));
	ask(++number, HARDWARE, TARGET, 1);
	CHECK(is_answered(number, EDVSBADDEST));
	ask(++number, SOURCE, 1000000, 1);
	CHECK(is_answered(number, EDVSRANGE));
	ask(++number, SOURCE, INT32_MIN, 1);
	CHECK(is_answered(number, EDVSRANGE));
	CHECK_EQ(starts, 0);
	CHECK_EQ(rig.proposals, 0);
	CHECK_EQ(rig.life.counters.copies, 0);
	tear_down();
}

/* This node may be behind: it says so only when it has heard of all that was ordered before. */
static void test_a_party_that_is_not_there(void)
{
	set_up();
	ask(1, SOURCE, OTHER, 1);
	CHECK_EQ(rig.sent.kind, COMMAND_SYNC);
	CHECK_EQ(page()->answer, 0);
	rig_decide(0);
	CHECK(is_answered(1, EDVSDSTDIED));
	ask(2, OTHER, TARGET, 1);
	rig_bound(OTHER, RIG_FAR);
	rig_decide(0);
	CHECK_EQ(starts, 1);
	let_go(0);
	CHECK(is_answered(2, 0));
	/* It ends, or gives up, in between. */
	rig_slot(OTHER)->bound = 0;
	ask(3, SOURCE, OTHER, 1);
	ask(4, SOURCE, TARGET, SHM_COPY_NONE);
	CHECK_EQ(tasks(), 1);
	rig_decide(0);
	CHECK_EQ(shm_copy_answered(page()->answer),
		 4); /* of the one that is none, and not of the third */
	CHECK_EQ(starts, 1);
	tear_down();
}

/* While a worker has a copy, its page asks for another one: that begins when the worker has let go. */
static void test_a_number_that_changes(void)
{
	set_up();
	ask(1, SOURCE, TARGET, 1);
	ask(2, SOURCE, TARGET, 2);
	CHECK_EQ(stops, 1);
	CHECK_EQ(starts, 1);
	CHECK_EQ(tasks(), 1);
	let_go(0);
	CHECK(is_answered(1, EDVSINTR)); /* until the next one is answered */
	CHECK_EQ(starts, 2);
	CHECK_OR_RETURN(started);
	CHECK_EQ(started->number, 2);
	CHECK_EQ(started->bytes, 2);
	let_go(0);
	CHECK(is_answered(2, 0));
	tear_down();
}

/* Between two looks it says another number, and then the first one again: that copy has been given up, and ends. */
static void test_a_number_that_comes_back(void)
{
	set_up();
	ask(1, SOURCE, TARGET, 1);
	ask(9, SOURCE, TARGET, 1);
	ask(1, SOURCE, TARGET, 1);
	CHECK_EQ(tasks(), 1);
	let_go(0);
	CHECK(is_answered(1, EDVSINTR));
	CHECK_EQ(starts, 1);
	tear_down();
}

/* It changes without a ring, so nobody has looked: the copy ends as it would, and a later look finds the next one. */
static void test_a_number_that_nobody_saw(void)
{
	set_up();
	ask(1, SOURCE, TARGET, 1);
	page()->number = 7;
	let_go(0);
	CHECK(is_answered(1, 0));
	CHECK_EQ(starts, 1);
	copy_look(&copies);
	CHECK_EQ(starts, 2);
	page()->number = 1; /* which is answered: but the copy is of number 7 */
	copy_look(&copies);
	let_go(0);
	CHECK(is_answered(7, 0));
	CHECK_EQ(starts, 2);
	copy_look(&copies); /* 1 is a wish again */
	CHECK_EQ(starts, 3);
	let_go(0);
	tear_down();
}

/* However often the number changes, one copy of an asker is under way. */
static void test_numbers_without_end(void)
{
	set_up();
	for (uint32_t number = 1; number < 200; number++) {
		ask(number * 0x9e3779b9u, SOURCE, TARGET, 1);
		CHECK_EQ(tasks(), 1);
	}
	CHECK_EQ(starts, 1);
	let_go(0);
	CHECK_EQ(starts, 2); /* the last one */
	CHECK_OR_RETURN(started);
	CHECK_EQ(started->number, 199 * 0x9e3779b9u);
	let_go(0);
	CHECK_EQ(tasks(), 0);
	/* And the answers that it writes itself make no second copy of one that is under way. */
	ask(5, SOURCE, TARGET, 1);
	page()->answer = shm_copy_answer(5, 0);
	copy_look(&copies);
	page()->answer = 0;
	copy_look(&copies);
	CHECK_EQ(tasks(), 1);
	let_go(0);
	CHECK(is_answered(5, 0));
	tear_down();
}

/* A process that stands by, or is loaded, asks for nothing. */
static void test_only_a_primary_asks(void)
{
	struct binding *binding = NULL;

	set_up();
	CHECK_EQ(binding_new(asker->task, BINDING_BACKUP, RIG_DC, SOURCE, SOURCE, 0, &binding), 0);
	binding->status->page->copy.number = 1;
	copy_on_ring(&copies, binding);
	copy_look(&copies);
	CHECK_EQ(tasks(), 0);
	CHECK_EQ(binding->status->page->copy.answer, 0);
	tear_down();
}

static void test_a_pause(void)
{
	set_up();
	ask(1, SOURCE, TARGET, 1);
	copy_pause(&copies, true);
	ask(2, SOURCE, TARGET, 1);
	let_go(0);
	CHECK(is_answered(1, EDVSINTR));
	CHECK_EQ(tasks(), 0); /* it waits in its page */
	copy_pause(&copies, false);
	CHECK_EQ(starts, 2);
	let_go(0);
	CHECK(is_answered(2, 0));
	tear_down();
}

/* Each end has its name, and a worker that has the copy ends it. */
static void test_a_party_that_dies(void)
{
	static const int endpoint[] = { SOURCE, TARGET, ASKER };
	static const int code[] = { EDVSSRCDIED, EDVSDSTDIED, EDVSINTR };

	for (int i = 0; i < 3; i++) {
		set_up();
		ask(1, SOURCE, TARGET, 1);
		copy_on_dead(&copies, RIG_DC + 1, endpoint[i]);
		copy_on_dead(&copies, RIG_DC, OTHER);
		CHECK_EQ(stops, 0);
		copy_on_dead(&copies, RIG_DC, endpoint[i]);
		CHECK_EQ(stops, 1);
		CHECK_EQ(page()->answer, 0);
		let_go(0);
		CHECK(is_answered(1, code[i]));
		tear_down();
	}
}

/* One that is parked is nobody's: it ends at once. */
static void test_a_party_that_dies_meanwhile(void)
{
	set_up();
	ask(1, SOURCE, TARGET, 1);
	CHECK_OR_RETURN(started);
	started->streaming = false;
	copy_park(started);
	CHECK_EQ(page()->answer, 0);
	copy_on_dead(&copies, RIG_DC, TARGET);
	CHECK_EQ(stops, 0);
	CHECK(is_answered(1, EDVSDSTDIED));
	tear_down();
}

/* Less and less often, and not for ever. */
static void test_parking(void)
{
	int64_t last_us = 0;

	set_up();
	ask(1, SOURCE, TARGET, 1);
	CHECK_OR_RETURN(started);
	started->streaming = false;
	for (int i = 0; i < 20; i++) {
		copy_park(started);
		CHECK(started->park_us >= last_us);
		last_us = started->park_us;
	}
	CHECK_EQ(last_us, 32000);
	CHECK_EQ(page()->answer, 0);
	started->deadline_ns = os_now_ns() - 1;
	copy_park(started);
	CHECK(is_answered(1, EDVSTIMEDOUT));
	tear_down();
}

static void test_a_link(void)
{
	set_up();
	ask(1, SOURCE, TARGET, 1);
	copy_on_link(&copies, RIG_FAR);
	CHECK_EQ(shakes, 1);
	CHECK_EQ(stops, 0);
	let_go(0);
	tear_down();
}

int main(void)
{
	TEST(test_a_copy);
	TEST(test_what_is_refused);
	TEST(test_a_party_that_is_not_there);
	TEST(test_a_number_that_changes);
	TEST(test_a_number_that_comes_back);
	TEST(test_a_number_that_nobody_saw);
	TEST(test_numbers_without_end);
	TEST(test_only_a_primary_asks);
	TEST(test_a_pause);
	TEST(test_a_party_that_dies);
	TEST(test_a_party_that_dies_meanwhile);
	TEST(test_parking);
	TEST(test_a_link);
	return test_end();
}
