/* SPDX-License-Identifier: Apache-2.0 */

/* The target of a move without its thread: callers that are let in, events for the plan, words of a refusal. */

#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "node/move/dialogue.h"
#include "node/move/target_part.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "os/plain_test.h"

#define DC   1
#define P_NR 7
#define LIFE 3
#define MOST 256

static pthread_mutex_t lock;
static struct tasks tasks;
static struct moves moves;
static struct target targets[MOST];
static struct secure *pair[2];

static void set_up(void)
{
	moves = (struct moves){ .lock = &lock, .tasks = &tasks };
	plain_pair(pair);
}

static void tear_down(void)
{
	pair[0] = secure_free(pair[0]);
	pair[1] = secure_free(pair[1]);
}

static uint64_t moved(void *ctx)
{
	(void)ctx;
	return 0;
}

static void enter(struct target *a, uint32_t generation)
{
	*a = (struct target){
		.next = moves.targets,
		.moves = &moves,
		.from = 4,
		.offer = { .dcid = DC, .p_nr = P_NR, .endpoint = P_NR, .generation = generation },
		.shell_pidfd = -1,
		.pidfd = -1
	};
	worker_init(&a->worker, &lock, NULL, &target_side, a);
	a->worker.moved = moved;
	moves.targets = a;
	worker_tell(&a->worker, PLAN_CALLED, 0, 0);
}

static struct plan_event run(struct target *a, struct plan_effect effect)
{
	for (uint32_t i = 0; i < target_side.rows; i++)
		if (target_side.row[i].effect == effect.kind)
			return target_side.row[i].run(a, &effect);
	CHECK(false);
	return (struct plan_event){ 0 };
}

static bool is_told(const struct target *a, const struct plan_target *before)
{
	return memcmp(&a->worker.driver.target, before, sizeof(*before)) != 0;
}

/* A connection that has offered nothing holds up nobody, but has its place. */
static void test_a_count(void)
{
	set_up();
	enter(&targets[0], LIFE);
	CHECK_EQ(target_count(&moves), 1);
	targets[0].offer.dcid = -1;
	CHECK_EQ(target_count(&moves), 0);
	worker_deinit(&targets[0].worker);
	tear_down();
}

/* Each has a thread: there is an end to them. */
static void test_one_too_many(void)
{
	char byte;

	set_up();
	for (int i = 0; i < MOST; i++) {
		targets[i] = (struct target){ .next = moves.targets, .offer = { .dcid = -1 } };
		moves.targets = &targets[i];
	}
	target_start(&moves, 4, pair[0]);
	CHECK(moves.targets == &targets[MOST - 1]);
	CHECK(secure_read_full(pair[1], &byte, 1, 1000) < 0); /* it is closed */
	pair[0] = NULL;
	tear_down();
}

static void test_an_effect_is_of_one_life(void)
{
	const struct directory_effect effects[] = {
		{ .kind = EFFECT_ENDPOINT_DEAD, .dcid = DC, .p_nr = P_NR, .generation = LIFE + 1 },
		{ .kind = EFFECT_ENDPOINT_DEAD, .dcid = DC, .p_nr = P_NR + 1, .generation = LIFE },
		{ .kind = EFFECT_ENDPOINT_DEAD, .dcid = DC + 1, .p_nr = P_NR, .generation = LIFE },
		{ .kind = EFFECT_ENDPOINT_DEAD, .dcid = DC, .p_nr = P_NR, .generation = LIFE },
	};
	struct plan_target before;

	set_up();
	enter(&targets[0], LIFE);
	before = targets[0].worker.driver.target;
	for (int i = 0; i < 3; i++)
		target_on_effect(&moves, &effects[i]);
	CHECK(!is_told(&targets[0], &before));
	target_on_effect(&moves, &effects[3]);
	CHECK(is_told(&targets[0], &before));
	worker_deinit(&targets[0].worker);
	tear_down();
}

/* The end of a fellow is not that of the plan's endpoint; a decision on a fellow is one on all. */
static void test_an_effect_on_a_fellow(void)
{
	struct directory_effect effect = {
		.kind = EFFECT_ENDPOINT_DEAD, .dcid = DC, .p_nr = P_NR + 1, .generation = LIFE
	};
	struct plan_target before;

	set_up();
	enter(&targets[0], LIFE);
	targets[0].offer.fellows = 1;
	targets[0].offer.fellow[0] =
		(struct move_fellow){ .endpoint = P_NR + 1, .generation = LIFE };
	before = targets[0].worker.driver.target;
	target_on_effect(&moves, &effect);
	CHECK(!is_told(&targets[0], &before));
	targets[0].worker.driver.target.state = PLAN_TARGET_LOADING;
	before = targets[0].worker.driver.target;
	effect.kind = EFFECT_MOVE_STARTED;
	effect.move = 9;
	target_on_effect(&moves, &effect);
	CHECK(is_told(&targets[0], &before));
	worker_deinit(&targets[0].worker);
	tear_down();
}

static void test_the_source_leaves(void)
{
	struct plan_target before;

	set_up();
	enter(&targets[0], LIFE);
	before = targets[0].worker.driver.target;
	target_on_node_left(&moves, 5);
	CHECK(!is_told(&targets[0], &before));
	target_on_node_left(&moves, 4);
	CHECK(is_told(&targets[0], &before));
	worker_deinit(&targets[0].worker);
	tear_down();
}

static int refuse(int code, struct refusal *heard)
{
	struct move_verdict verdict;

	targets[0].secure = pair[0];
	*heard = (struct refusal)REFUSAL_NONE;
	CHECK_EQ(run(&targets[0], (struct plan_effect){ .kind = PLAN_DO_SAY_REFUSED, .code = code })
			 .kind,
		 0);
	CHECK_EQ(dialogue_await(pair[1], &verdict, 1000, heard), -ECANCELED);
	targets[0].secure = NULL;
	return heard->error;
}

/* A step's own words go before; the plan's reason may be another one, such as a limit. */
static void test_words_of_a_refusal(void)
{
	struct refusal heard;

	set_up();
	enter(&targets[0], LIFE);
	refusal_set(&targets[0].refusal, EDVSSLOTUSED, "a backup stands by");
	CHECK_EQ(refuse(EDVSSLOTUSED, &heard), EDVSSLOTUSED);
	CHECK(!strcmp(heard.reason, "a backup stands by"));
	CHECK_EQ(refuse(EDVSTIMEDOUT, &heard), EDVSTIMEDOUT);
	CHECK(strstr(heard.reason, "the target gave up"));
	worker_deinit(&targets[0].worker);
	tear_down();
}

/* The offer's refusal is the plan's business; a connection that is lost is another event. */
static void test_an_offer(void)
{
	struct move_offer offer = { .dcid = SHM_DCS, .dry_run = 1 };
	struct refusal ignored = REFUSAL_NONE;
	struct plan_event event;

	set_up();
	enter(&targets[0], LIFE);
	targets[0].secure = pair[0];
	CHECK_EQ(dialogue_send(pair[1], MOVE_OFFER, &offer, sizeof(offer), 1000, &ignored), 0);
	event = run(&targets[0], (struct plan_effect){ .kind = PLAN_DO_RECEIVE_OFFER });
	CHECK_EQ(event.kind, PLAN_OFFERED);
	CHECK_EQ(event.code, EDVSBADREQUEST);
	pair[1] = secure_free(pair[1]);
	refusal_clear(&targets[0].refusal);
	event = run(&targets[0], (struct plan_effect){ .kind = PLAN_DO_RECEIVE_OFFER });
	CHECK_EQ(event.kind, PLAN_CONNECTION_LOST);
	worker_deinit(&targets[0].worker);
	tear_down();
}

int main(void)
{
	os_lock_init(&lock);
	TEST(test_a_count);
	TEST(test_one_too_many);
	TEST(test_an_effect_is_of_one_life);
	TEST(test_an_effect_on_a_fellow);
	TEST(test_the_source_leaves);
	TEST(test_words_of_a_refusal);
	TEST(test_an_offer);
	return test_end();
}
