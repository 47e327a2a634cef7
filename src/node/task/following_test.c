/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/following.h"

#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/state/order.h"
#include "node/task/output.h"
#include "node/task/task.h"
#include "os/kept.h"
#include "os/loop.h"
#include "wire/handover.h"

#define OWN 2

static struct os_loop *loop;
static struct order order;
static struct tasks tasks;
static struct requests requests;
static struct ctl_counters counters;
static struct task task;
static struct request *dispatched;

static void dispatch(struct request *request)
{
	dispatched = request;
}

static void set_up(void)
{
	CHECK_EQ(os_loop_new(&loop, NULL), 0);
	order = (struct order){ .self = OWN };
	tasks = (struct tasks){ .order = &order, .all = &task };
	requests = (struct requests){
		.order = &order, .tasks = &tasks, .dispatch = dispatch, .counters = &counters
	};
	task = (struct task){ .tasks = &tasks, .wait_status = 256 };
	dispatched = NULL;
}

static void tear_down(void)
{
	task.output = output_free(task.output);
	loop = os_loop_free(loop);
}

static struct request *follower(struct answer *answer, int from, uint64_t id)
{
	struct request *request = asker_request(&requests, CTL_LOGS, answer);

	request->from = from;
	request->remote_id = id;
	following_add(&task, request);
	return request;
}

static struct request *waiter(struct answer *answer, int from, uint64_t id)
{
	struct request *request = asker_request(&requests, CTL_SIGNAL, answer);

	request->from = from;
	request->remote_id = id;
	following_await_end(&task, request);
	return request;
}

/* Its task may be freed then, and nothing is noted of that any more. */
static void test_an_output_that_is_given_away(void)
{
	struct output *output;

	set_up();
	CHECK(!following_give_output(&task));
	os_kept_watch(true);
	os_kept_begin(&task.in_state, HANDOVER_TASK);
	CHECK_EQ(output_new(loop, OUTPUT_BYTES, &output), 0);
	following_take_output(&task, output, 0);
	CHECK(following_give_output(&task) == output);
	CHECK(!task.output);
	CHECK(os_kept_changed() == &task.in_state);
	os_kept_settle();
	output_free(output);
	CHECK(!os_kept_changed());
	os_kept_end(&task.in_state);
	os_kept_watch(false);
	tear_down();
}

static void test_the_end(void)
{
	struct answer a, b;

	set_up();
	follower(&a, -1, 0);
	waiter(&b, -1, 0);
	task.ended = true;
	following_end(&task);
	CHECK_EQ(a.ends, 1);
	CHECK_EQ(a.value, 256);
	CHECK_EQ(b.ends, 1);
	CHECK_EQ(b.value, 256);
	CHECK(!task.followers && !task.waiters);
	tear_down();
}

static void test_a_cancel_from_afar(void)
{
	struct answer a, b, c;

	set_up();
	follower(&a, 5, 77);
	waiter(&b, 5, 78);
	follower(&c, 6, 78);
	following_cancel(&tasks, 5, 78);
	CHECK_EQ(a.ends, 0);
	CHECK_EQ(b.ends, 1);
	CHECK_EQ(c.ends, 0);
	following_drop(&tasks, 5);
	CHECK_EQ(a.ends, 1);
	CHECK_EQ(c.ends, 0);
	following_end(&task);
	CHECK_EQ(c.ends, 1);
	tear_down();
}

static void test_a_client_goes_away(void)
{
	struct answer a;
	struct request *request;

	set_up();
	request = follower(&a, -1, 0);
	request->cancelled(request);
	CHECK_EQ(a.ends, 1);
	CHECK(!task.followers);
	tear_down();
}

/* A task that is forgotten while it runs has no wait status to wait for. */
static void test_forgotten(void)
{
	struct answer a;

	set_up();
	waiter(&a, -1, 0);
	following_end(&task);
	CHECK_EQ(a.ends, 1);
	CHECK_EQ(a.value, -1);
	tear_down();
}

/* Each follower hears of new bytes; a request that waits for the end does not. */
static void test_new_bytes(void)
{
	struct output *output = NULL;
	struct answer a, b, c;

	set_up();
	CHECK_EQ(output_new(loop, OUTPUT_LEAST, &output), 0);
	following_take_output(&task, output, 500);
	follower(&a, -1, 0);
	follower(&b, 5, 77);
	waiter(&c, -1, 0);
	CHECK_EQ(write(output_fd(output), "new", 3), 3);
	output_drain(output);
	CHECK_EQ(a.data, 3);
	CHECK_EQ(b.data, 3);
	CHECK_EQ(c.data, 0);
	following_end(&task);
	tear_down();
}

/* A follower goes on at the new owner (here: this node once more); an asker that waits is told to ask again. */
static void test_a_move(void)
{
	struct request *request;
	struct answer a, b, c;

	set_up();
	follower(&c, 5, 77);
	request = follower(&a, -1, 0);
	request->data_sent = 1000;
	waiter(&b, -1, 0);
	following_move(&task, OWN);
	CHECK(dispatched == request);
	CHECK_EQ(request->head.call, CTL_LOGS);
	CHECK(request->head.flags & CTL_FLAG_FOLLOW);
	CHECK_EQ(request->head.bytes, 1000);
	CHECK_EQ(a.ends, 0);
	CHECK_EQ(b.error, EDVSMIGRATE);
	CHECK_EQ(c.error, EDVSMIGRATE); /* its own node goes on there */
	CHECK_EQ(c.value, OWN);
	request_end(request, 0, NULL, 0, NULL, 0);
	tear_down();
}

/* How many bytes. */
static uint64_t sent_from(uint64_t from)
{
	struct answer answer;
	struct request *request = asker_request(&requests, CTL_LOGS, &answer);

	following_send(&task, request, from);
	CHECK_EQ(request->data_sent, 510);
	request_end(request, 0, NULL, 0, NULL, 0);
	return answer.data;
}

/* Byte numbers go on over moves; a byte that is not kept any more, or not written yet, is none. */
static void test_where_it_begins(void)
{
	struct output *output = NULL;

	set_up();
	CHECK_EQ(output_new(loop, OUTPUT_LEAST, &output), 0);
	output_import(output, (const uint8_t *)"0123456789", 10);
	following_take_output(&task, output, 500);
	CHECK_EQ(sent_from(0), 10);
	CHECK_EQ(sent_from(504), 6);
	CHECK_EQ(sent_from(510), 0);
	CHECK_EQ(sent_from(9999), 0);
	tear_down();
}

int main(void)
{
	TEST(test_an_output_that_is_given_away);
	TEST(test_the_end);
	TEST(test_a_cancel_from_afar);
	TEST(test_a_client_goes_away);
	TEST(test_forgotten);
	TEST(test_new_bytes);
	TEST(test_a_move);
	TEST(test_where_it_begins);
	return test_end();
}
