/* SPDX-License-Identifier: Apache-2.0 */

/* The source of a move without its thread: early refusals, the events for the plan, and the report's words. */

#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/ask/share.h"
#include "node/bind/binding.h"
#include "node/move/source_part.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/lock.h"

#define OWN  2
#define FAR  4
#define DC   1
#define P_NR 7
#define LIFE 3

static pthread_mutex_t lock;
static struct order order;
static struct bindings bindings;
static struct tasks tasks;
static struct moves moves;
static struct requests requests;
static struct ctl_counters counters;
static struct task task;
static struct binding binding;
static struct answer answer;

static struct directory_endpoint *endpoint(void)
{
	return &order.directory.dc[DC].slot[shm_index(P_NR)];
}

/* A process of this node that may move. */
static void set_up(void)
{
	order = (struct order){ .self = OWN };
	bindings = (struct bindings){ .order = &order };
	tasks = (struct tasks){ .order = &order, .bindings = &bindings };
	counters = (struct ctl_counters){ 0 };
	requests = (struct requests){
		.order = &order, .tasks = &tasks, .moves = &moves, .counters = &counters
	};
	moves = (struct moves){ .lock = &lock,
				.order = &order,
				.requests = &requests,
				.tasks = &tasks,
				.bindings = &bindings };
	*endpoint() = (struct directory_endpoint){ .bound = 1, .node = OWN, .generation = LIFE };
	task = (struct task){
		.tasks = &tasks, .lpid = 70, .tgid = 70, .managed = true, .dcid = DC
	};
	tasks.all = &task;
	binding = (struct binding){ .task = &task, .dcid = DC, .p_nr = P_NR, .generation = LIFE };
	bindings.all = &binding;
	bindings.at[DC][shm_index(P_NR)] = &binding;
}

static int start(int target)
{
	struct request *request = asker_request(&requests, CTL_MOVE, &answer);

	request->head.dcid = DC;
	request->head.endpoint = P_NR;
	request->head.nodeid = target;
	source_start(&moves, request);
	CHECK_EQ(answer.ends, 1);
	CHECK(!moves.sources);
	return answer.error;
}

static void test_early_refusals(void)
{
	set_up();
	CHECK_EQ(start(OWN), EDVSLCLPROC);
	CHECK_EQ(answer.rows, 1);
	CHECK_EQ(((const struct ctl_move *)answer.row)->result, CTL_MOVE_REFUSED);
	CHECK_EQ(((const struct ctl_move *)answer.row)->error, EDVSLCLPROC);
	endpoint()->moving = 1;
	CHECK_EQ(start(FAR), EDVSMIGRATE);
	endpoint()->moving = 0;
	binding.state = BINDING_LEAVING;
	CHECK_EQ(start(FAR), EDVSMIGRATE);
	binding.state = BINDING_BOUND;
	task.managed = false;
	CHECK_EQ(start(FAR), EDVSBADPID);
	task.managed = true;
	task.lpid = 71; /* a thread */
	CHECK_EQ(start(FAR), EDVSBADPID);
	bindings.at[DC][shm_index(P_NR)] = NULL;
	CHECK_EQ(start(FAR), EDVSNOTBIND);
}

/* One move at a time, whichever endpoint of its processes it was asked for. */
static void test_a_move_of_the_same_processes(void)
{
	struct source other = { .moves = &moves, .dcid = DC, .p_nr = 11, .lpid = 70 };
	struct source d = { .moves = &moves, .dcid = DC, .p_nr = P_NR, .target = FAR };

	set_up();
	source_begin(&d, &binding);
	CHECK_EQ(d.lpid, 70);
	moves.sources = &other;
	CHECK_EQ(source_may_leave(&d, &binding, false), EDVSMIGRATE);
	CHECK(strstr(d.refusal.reason, "endpoint 11"));
	other.lpid = 71;
	refusal_clear(&d.refusal);
	CHECK_EQ(source_may_leave(&d, &binding, false), 0);
	moves.sources = NULL;
}

static void test_a_users_share(void)
{
	struct request *request;

	set_up();
	for (unsigned i = 0; i < share_most(SHARE_MOVES); i++)
		CHECK(share_take(&requests.shares, 1000, SHARE_MOVES));
	request = asker_request(&requests, CTL_MOVE, &answer);
	request->uid = 1000;
	request->head.dcid = DC;
	request->head.endpoint = P_NR;
	request->head.nodeid = OWN;
	source_start(&moves, request);
	CHECK_EQ(answer.error, EDVSUSERFULL);
	share_give(&requests.shares, 1000, SHARE_MOVES);
	request = asker_request(&requests, CTL_MOVE, &answer);
	request->uid = 1000;
	request->head.dcid = DC;
	request->head.endpoint = P_NR;
	request->head.nodeid = OWN;
	source_start(&moves, request); /* refused, and its part is given back */
	CHECK_EQ(answer.error, EDVSLCLPROC);
	CHECK(share_take(&requests.shares, 1000, SHARE_MOVES));
	for (unsigned i = 0; i < share_most(SHARE_MOVES); i++)
		share_give(&requests.shares, 1000, SHARE_MOVES);
}

static uint64_t moved(void *ctx)
{
	(void)ctx;
	return 0;
}

/* A move under way whose thread is not there. */
static void enter(struct source *d, uint32_t generation, struct request *request)
{
	*d = (struct source){ .next = moves.sources,
			      .moves = &moves,
			      .request = request,
			      .dcid = DC,
			      .p_nr = P_NR,
			      .target = FAR,
			      .generation = generation };
	worker_init(&d->worker, &lock, NULL, &source_side, d);
	d->worker.moved = moved;
	moves.sources = d;
	worker_tell(&d->worker, PLAN_REQUESTED, 0, 0);
}

static struct plan_event run(struct source *d, struct plan_effect effect)
{
	for (uint32_t i = 0; i < source_side.rows; i++)
		if (source_side.row[i].effect == effect.kind)
			return source_side.row[i].run(d, &effect);
	CHECK(false);
	return (struct plan_event){ 0 };
}

static bool is_told(const struct source *d, const struct plan_source *before)
{
	return memcmp(&d->worker.driver.source, before, sizeof(*before)) != 0;
}

static void test_an_effect_is_of_one_life(void)
{
	const struct directory_effect effects[] = {
		{ .kind = EFFECT_ENDPOINT_DEAD, .dcid = DC, .p_nr = P_NR, .generation = LIFE + 1 },
		{ .kind = EFFECT_ENDPOINT_DEAD, .dcid = DC, .p_nr = P_NR + 1, .generation = LIFE },
		{ .kind = EFFECT_ENDPOINT_DEAD, .dcid = DC + 1, .p_nr = P_NR, .generation = LIFE },
		{ .kind = EFFECT_ENDPOINT_DEAD, .dcid = DC, .p_nr = P_NR, .generation = LIFE },
	};
	struct plan_source before;
	struct source d;

	set_up();
	enter(&d, LIFE, NULL);
	before = d.worker.driver.source;
	for (int i = 0; i < 3; i++)
		source_on_effect(&moves, &effects[i]);
	CHECK(!is_told(&d, &before));
	source_on_effect(&moves, &effects[3]);
	CHECK(is_told(&d, &before));
	CHECK(source_find(&moves, DC, P_NR));
	CHECK(!source_find(&moves, DC, P_NR + 1));
	CHECK_EQ(source_count(&moves), 1);
	worker_deinit(&d.worker);
}

static void test_the_target_leaves(void)
{
	struct plan_source before;
	struct source d;

	set_up();
	enter(&d, LIFE, NULL);
	before = d.worker.driver.source;
	source_on_node_left(&moves, FAR + 1);
	CHECK(!is_told(&d, &before));
	source_on_node_left(&moves, FAR);
	CHECK(is_told(&d, &before));
	worker_deinit(&d.worker);
}

/* The move sees to the end of the endpoint once the order knows of it. */
static void test_the_process_dies(void)
{
	struct source d;

	set_up();
	CHECK(!source_on_process_died(&moves, DC, P_NR));
	enter(&d, LIFE, NULL);
	CHECK(!source_on_process_died(&moves, DC, P_NR));
	worker_deinit(&d.worker);
	moves.sources = NULL;
	enter(&d, LIFE, NULL);
	d.worker.driver.source.move = 12;
	CHECK(source_on_process_died(&moves, DC, P_NR));
	CHECK(!source_on_process_died(&moves, DC, P_NR + 1));
	worker_deinit(&d.worker);
}

static struct request *canceller_of(struct answer *its)
{
	struct request *request = asker_request(&requests, CTL_MOVE, its);

	request->head.dcid = DC;
	request->head.endpoint = P_NR;
	return request;
}

static void test_cancelling(void)
{
	struct answer first, second;
	struct plan_source before;
	struct source d;

	set_up();
	source_cancel(&moves, canceller_of(&first));
	CHECK_EQ(first.error, EDVSNOENT);
	enter(&d, LIFE, asker_request(&requests, CTL_MOVE, &answer));
	before = d.worker.driver.source;
	source_cancel(&moves, canceller_of(&first));
	CHECK_EQ(first.ends, 0);
	CHECK(is_told(&d, &before));
	CHECK(d.canceller);
	source_cancel(&moves, canceller_of(&second));
	CHECK_EQ(second.error, EDVSNOENT); /* the plan is over: nothing to cancel */
	d.worker.driver.source.state = before.state;
	source_cancel(&moves, canceller_of(&second));
	CHECK_EQ(second.error, EDVSRSCBUSY);
	/* Both are told the outcome, the canceller without an error. */
	run(&d, (struct plan_effect){
			.kind = PLAN_DO_REPORT, .result = PLAN_ROLLED_BACK, .code = EDVSINTR });
	CHECK_EQ(first.ends, 1);
	CHECK_EQ(first.error, 0);
	CHECK_EQ(first.rows, 1);
	CHECK_EQ(answer.error, EDVSINTR);
	CHECK(strstr(answer.sentence, "was cancelled"));
	/* The outcome comes once. */
	d.worker.driver.source.state = before.state;
	source_cancel(&moves, canceller_of(&second));
	CHECK_EQ(second.error, EDVSRSCBUSY);
	CHECK(strstr(second.sentence, "reported already"));
	worker_deinit(&d.worker);
}

/* Of the asker at another node. */
static void test_cancelling_from_afar(void)
{
	struct plan_source before;
	struct request *request;
	struct source d;

	set_up();
	request = asker_request(&requests, CTL_MOVE, &answer);
	request->from = 3;
	request->remote_id = 99;
	enter(&d, LIFE, request);
	before = d.worker.driver.source;
	source_cancel_remote(&moves, 3, 98);
	source_cancel_remote(&moves, 1, 99);
	CHECK(!is_told(&d, &before));
	source_cancel_remote(&moves, 3, 99);
	CHECK(is_told(&d, &before));
	request_end(request, 0, NULL, 0, NULL, 0);
	worker_deinit(&d.worker);
}

static const struct ctl_move *report(enum plan_result result, int code, int step_error,
				     enum plan_source_state overdue)
{
	struct source d;

	set_up();
	enter(&d, LIFE, asker_request(&requests, CTL_MOVE, &answer));
	if (step_error)
		refusal_set_number(&d.refusal, step_error, "a step said so");
	d.worker.driver.source.overdue = overdue;
	run(&d, (struct plan_effect){ .kind = PLAN_DO_REPORT, .result = result, .code = code });
	CHECK_EQ(answer.ends, 1);
	worker_deinit(&d.worker);
	return (const struct ctl_move *)answer.row;
}

/* A move that is committed has no error, whatever a step has said before. */
static void test_a_report_of_success(void)
{
	CHECK_EQ(report(PLAN_COMMITTED, 0, EDVSNOTCONN, 0)->result, CTL_MOVE_COMMITTED);
	CHECK_EQ(answer.error, 0);
	CHECK_EQ(report(PLAN_POSSIBLE, 0, 0, 0)->result, CTL_MOVE_COMMITTED);
}

/* The step that named the plan's reason knows most of it; another reason is the plan's own. */
static void test_reports_of_failure(void)
{
	CHECK_EQ(report(PLAN_REFUSED, EDVSPROCSTS, EDVSPROCSTS, 0)->result, CTL_MOVE_REFUSED);
	CHECK(!strcmp(answer.sentence, "a step said so"));
	CHECK_EQ(report(PLAN_ROLLED_BACK, EDVSTIMEDOUT, EDVSNOTCONN, 0)->result,
		 CTL_MOVE_ROLLED_BACK);
	CHECK_EQ(answer.error, EDVSTIMEDOUT);
	CHECK(strstr(answer.sentence, "goes on where it was"));
	report(PLAN_LOST, EDVSTIMEDOUT, 0, 0);
	CHECK(strstr(answer.sentence, "not bound any more"));
	report(PLAN_ROLLED_BACK, EDVSTIMEDOUT, 0, PLAN_SOURCE_FREEZING);
	CHECK(strstr(answer.sentence, "nothing came of it"));
	CHECK_EQ(counters.moves_rolled_back, 1);
}

int main(void)
{
	os_lock_init(&lock);
	TEST(test_early_refusals);
	TEST(test_a_move_of_the_same_processes);
	TEST(test_a_users_share);
	TEST(test_an_effect_is_of_one_life);
	TEST(test_the_target_leaves);
	TEST(test_the_process_dies);
	TEST(test_cancelling);
	TEST(test_cancelling_from_afar);
	TEST(test_a_report_of_success);
	TEST(test_reports_of_failure);
	return test_end();
}
