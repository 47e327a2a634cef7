// SPDX-License-Identifier: Apache-2.0
#include "os/listener.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/test.h"

#define PATH	"listener_test.sock"
#define WAIT_US 10000000

static struct {
	struct os_loop *loop;
	struct os_listener *listener;
	struct os_source *end;
	int taken[4], count, turns, wanted;
} rig;

static void on_connection(void *ctx, int fd)
{
	CHECK(ctx == &rig);
	rig.taken[rig.count++ % 4] = fd;
	if (rig.count == rig.wanted)
		os_loop_stop(rig.loop);
}

static void on_end(void *ctx)
{
	os_loop_stop(ctx);
}

static bool count_turn(void *ctx)
{
	(void)ctx;
	rig.turns++;
	return false;
}

/* Until that many were taken, or for us at most. */
static void run(int wanted, int64_t us)
{
	rig.wanted = wanted;
	rig.turns = 0;
	CHECK_EQ(os_timer_set(rig.end, us), 0);
	CHECK_EQ(os_loop_run(rig.loop), 0);
}

static void set_up(void)
{
	CHECK_EQ(os_loop_new(&rig.loop, NULL), 0);
	CHECK_EQ(os_source_timer(rig.loop, -1, on_end, rig.loop, &rig.end), 0);
	CHECK_EQ(os_loop_between(rig.loop, count_turn, &rig), 0);
	CHECK_EQ(os_listener_new(rig.loop, PATH, OS_STREAM, on_connection, &rig, &rig.listener), 0);
}

static void tear_down(void)
{
	for (int i = 0; i < rig.count; i++)
		os_close(rig.taken[i]);
	rig.count = 0;
	rig.listener = os_listener_free(rig.listener);
	rig.end = os_source_free(rig.end);
	os_loop_between_end(rig.loop, count_turn, &rig);
	os_loop_free(rig.loop);
	unlink(PATH);
}

static void test_connections_are_taken(void)
{
	int client[2];

	set_up();
	for (int i = 0; i < 2; i++)
		client[i] = os_unix_connect(PATH, OS_STREAM, 1000);
	run(2, WAIT_US);
	CHECK_EQ(rig.count, 2);
	for (int i = 0; i < 2; i++)
		os_close(client[i]);
	tear_down();
}

/* Without a descriptor a connection waits, the loop sleeps, and with one again it is taken. */
static void test_descriptors_run_out(void)
{
	struct rlimit limit = { 0 }, now;
	int client, next;

	set_up();
	client = os_unix_connect(PATH, OS_STREAM, 1000);
	next = dup(client);
	close(next);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	now = limit;
	now.rlim_cur = (rlim_t)next;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &now), 0);
	run(1, 4 * OS_LISTENER_PAUSE_MS * 1000);
	CHECK_EQ(rig.count, 0);
	/* Two for each pause. A loop that is kept busy turns many thousand times. */
	CHECK(rig.turns < 40);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	run(1, WAIT_US);
	CHECK_EQ(rig.count, 1);
	os_close(client);
	tear_down();
}

static void test_name_that_is_in_use(void)
{
	struct os_listener *second = NULL;

	set_up();
	CHECK(os_listener_new(rig.loop, PATH, OS_STREAM, on_connection, &rig, &second) < 0);
	CHECK(!second);
	tear_down();
}

int main(void)
{
	TEST(test_connections_are_taken);
	TEST(test_descriptors_run_out);
	TEST(test_name_that_is_in_use);
	return test_end();
}
