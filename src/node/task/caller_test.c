/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/caller.h"

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/state/order.h"
#include "node/task/task.h"

#define DC 1

static struct order order;
static struct tasks tasks;
static struct requests requests;
static struct ctl_counters counters;
static struct answer answer;
static unsigned again;

static void set_up(void)
{
	struct directory_dc *dc = &order.directory.dc[DC];

	order = (struct order){ .self = 2 };
	tasks = (struct tasks){ .order = &order };
	requests = (struct requests){ .order = &order, .tasks = &tasks, .counters = &counters };
	dc->running = 1;
	dc->owner = (struct right_owner){ .uid = 1000, .mode = RIGHT_MODE_DEFAULT };
	dc->nr_tasks = 4;
	dc->nr_procs = 20;
	again = 0;
}

static struct request *request_of(uid_t uid)
{
	struct request *request = asker_request(&requests, CTL_BIND, &answer);

	request->uid = uid;
	request->head.dcid = DC;
	return request;
}

static void handler(struct request *request)
{
	again++;
	request_end(request, 0, NULL, 0, NULL, 0);
}

/* The order is asked once; without a quorum the handler is called at once and judges by the directory here. */
static void test_catching_up(void)
{
	struct request *request;

	set_up();
	CHECK(caller_catch_up(request_of(0), handler));
	CHECK_EQ(again, 1);
	request = request_of(0);
	request->again = handler; /* the second call */
	CHECK(!caller_catch_up(request, handler));
	CHECK_EQ(again, 1);
	request_end(request, 0, NULL, 0, NULL, 0);
}

/* A client that went away meanwhile: its number may be another process's by now. */
static void test_a_client_that_is_gone(void)
{
	struct request *request;

	set_up();
	request = request_of(0);
	request->pid = 70;
	CHECK(caller_catch_up(request, handler));
	CHECK_EQ(again, 0);
	CHECK_EQ(answer.error, EDVSBADPID);
}

/* A number that another node has passed on means no task of this one. */
static void test_a_number_from_afar(void)
{
	struct task task = { .tasks = &tasks, .lpid = 70, .tgid = 70 };
	struct request *request;

	set_up();
	tasks.all = &task;
	request = request_of(0);
	request->pid = 70;
	CHECK(!caller_task(request));
	request->fd = 99;
	CHECK(caller_task(request) == &task);
	request->fd = -1;
	request_end(request, 0, NULL, 0, NULL, 0);
}

/* Strangers make no command for all nodes. */
static void test_who_may_ask_the_order(void)
{
	struct task task = { .tasks = &tasks, .lpid = 70, .tgid = 70 };
	struct request *request;

	set_up();
	request = request_of(1001);
	CHECK(!caller_catch_up(request, handler));
	request->uid = 1000;
	order.directory.dc[DC + 1].owner =
		(struct right_owner){ .uid = 1000, .mode = RIGHT_MODE_DEFAULT };
	request->head.dcid = DC + 1; /* it does not run, so it has no owner */
	CHECK(!caller_catch_up(request, handler));
	request->head.dcid = SHM_DCS;
	CHECK(!caller_catch_up(request, handler));
	request->head.dcid = INT32_MAX;
	CHECK(!caller_catch_up(request, handler));
	request->head.dcid = INT32_MIN;
	CHECK(!caller_catch_up(request, handler));
	request->head.dcid = DC;
	CHECK(caller_catch_up(request, handler));
	CHECK_EQ(again, 1);
	request = request_of(1001);
	request->fd = 99;
	request->pid = 70;
	tasks.all = &task;
	CHECK(!caller_catch_up(request, handler)); /* known, and not bound */
	task.bindings = (struct binding *)&task;
	request->pid = 0;
	CHECK(!caller_catch_up(request, handler)); /* another one */
	request->fd = -1;
	request_end(request, 0, NULL, 0, NULL, 0);
}

static int check_dc(int dcid, void (*fn)(struct request *))
{
	struct request *request = request_of(0);
	int r = caller_check_dc(request, dcid, fn);

	if (r == 0)
		request_end(request, 0, NULL, 0, NULL, 0);
	return answer.error;
}

static void test_a_dc(void)
{
	set_up();
	CHECK_EQ(check_dc(DC, NULL), 0);
	CHECK_EQ(check_dc(-1, NULL), EDVSBADDCID);
	CHECK_EQ(check_dc(SHM_DCS, handler), EDVSBADDCID);
	CHECK_EQ(check_dc(DC + 1, NULL), EDVSDCNOTRUN);
	CHECK_EQ(again, 0);
	CHECK_EQ(check_dc(DC + 1, handler), 0); /* by its second call */
	CHECK_EQ(again, 1);
}

static int check_slot(int p_nr)
{
	struct request *request = request_of(0);

	if (caller_check_slot(request, DC, p_nr, EDVSBADPROC) == 0)
		request_end(request, 0, NULL, 0, NULL, 0);
	return answer.error;
}

/* A number of a later life of a slot is given to nobody. */
static void test_a_slot(void)
{
	set_up();
	CHECK_EQ(check_slot(-4), 0);
	CHECK_EQ(check_slot(19), 0);
	CHECK_EQ(check_slot(-5), EDVSBADPROC);
	CHECK_EQ(check_slot(20), EDVSBADPROC);
	CHECK_EQ(check_slot(_ENDPOINT_GENERATION_SIZE + 7), EDVSENDPOINT);
	CHECK_EQ(check_slot(_ENDPOINT_GENERATION_SIZE + 20), EDVSBADPROC);
	CHECK_EQ(check_slot(INT32_MAX), EDVSBADPROC);
	CHECK_EQ(check_slot(INT32_MIN), EDVSBADPROC);
}

int main(void)
{
	TEST(test_catching_up);
	TEST(test_a_client_that_is_gone);
	TEST(test_a_number_from_afar);
	TEST(test_who_may_ask_the_order);
	TEST(test_a_dc);
	TEST(test_a_slot);
	return test_end();
}
