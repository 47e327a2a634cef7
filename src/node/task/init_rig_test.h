/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_INIT_RIG_TEST_H
#define DVS_NODE_TASK_INIT_RIG_TEST_H

/*
 * The ground of the tests of the inits. Such a test program is its own init: started with DC_INIT_ARGUMENT it serves,
 * as the daemon does.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"
#include "node/task/init.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/pid.h"
#include "os/socket.h"

#define NODE	3
#define WAIT_MS 5000

static char self_path[4096];
static struct dc_init *dc;
static struct os_loop *loop;
static char *no_env[] = { NULL };

/* News of the init that no test has looked at yet. */
static struct dc_exit exits[2048];
static unsigned exit_count, exit_next;
static bool gone;

struct child {
	int vpid;
	pid_t lpid;
	int pidfd;
};

static struct dc_spawn spawn_of(char *const *argv)
{
	return (struct dc_spawn){
		.argv = argv, .envp = no_env, .cwd = "/", .umask = 022, .fds = { -1, -1, -1 }
	};
}

static void on_exited(void *ctx, int dcid, const struct dc_exit *ended)
{
	(void)ctx;
	(void)dcid;
	if (exit_count < sizeof(exits) / sizeof(*exits))
		exits[exit_count++] = *ended;
	os_loop_stop(loop);
}

static void on_gone(void *ctx, int dcid)
{
	(void)ctx;
	(void)dcid;
	gone = true;
	os_loop_stop(loop);
}

static void on_time(void *ctx)
{
	*(bool *)ctx = true;
	os_loop_stop(loop);
}

/* One thing that happens, or the time; then each waiter looks whether it waited for that. */
static void wait_for(const bool *happened, unsigned exits_wanted, int timeout_ms)
{
	struct os_source *timer;
	bool over = false;

	CHECK(!os_source_timer(loop, timeout_ms * INT64_C(1000), on_time, &over, &timer));
	while (!over && !(happened && *happened) && !(exits_wanted && exit_count >= exits_wanted))
		os_loop_run(loop);
	os_source_free(timer);
}

struct question {
	struct dc_init_answer answer;
	bool answered;
};

static void on_answer(void *ctx, const struct dc_init_answer *answer)
{
	struct question *question = ctx;

	CHECK(!question->answered);
	*question = (struct question){ *answer, true };
	os_loop_stop(loop);
}

/* The end of a question whose result was r: the EDVS number and the sentence. */
static int ended_question(int r, struct question *question, struct child *c, struct refusal *why)
{
	if (r < 0)
		return r;
	wait_for(&question->answered, 0, 4 * WAIT_MS);
	CHECK(question->answered);
	CHECK_EQ(!question->answer.error, !question->answer.why.error);
	if (why)
		*why = question->answer.why;
	if (c)
		*c = (struct child){ question->answer.vpid, question->answer.lpid,
				     question->answer.pidfd };
	return question->answer.error ? question->answer.why.error : 0;
}

static int rig_spawn(const struct dc_spawn *spawn, struct child *c, struct refusal *why)
{
	struct question question = { 0 };

	return ended_question(dc_init_spawn(dc, spawn, on_answer, &question), &question, c, why);
}

static int rig_go(int vpid, struct refusal *why)
{
	struct question question = { 0 };

	return ended_question(dc_init_go(dc, vpid, on_answer, &question), &question, NULL, why);
}

/* Starts and lets go; the vpid is 0 if that failed. */
static struct child start(const struct dc_spawn *spawn)
{
	struct child c = { .pidfd = -1 };
	struct refusal why = REFUSAL_NONE;
	int r = rig_spawn(spawn, &c, &why);

	CHECK_EQ(r, 0);
	if (!r)
		r = rig_go(c.vpid, &why);
	CHECK_EQ(r, 0);
	if (r < 0) {
		printf("%s\n", why.reason);
		c.vpid = 0;
	}
	return c;
}

static int fds_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void rig_loop(void)
{
	if (!loop)
		CHECK(!os_loop_new(&loop, NULL));
}

static int rig_init(int dcid)
{
	static const struct dc_init_events events = { on_exited, on_gone, NULL };

	rig_loop();
	exit_count = exit_next = 0;
	gone = false;
	return dc_init_start(&dc, loop, dcid, NODE, &events);
}

static void rig_up(void)
{
	for (int i = 0; i < WAIT_MS && dc_init_is_asked(dc); i++)
		wait_for(NULL, 0, 1);
}

/* One that has come up. */
static void setup(void)
{
	CHECK(!rig_init(7));
	rig_up();
}

/* Ends it, and all in it. */
static void drop(void)
{
	dc = dc_init_free(dc);
	dc_init_settle(WAIT_MS);
}

/* Ends a process that is not the test itself, with the result of its function. */
static _Noreturn void end_as(int result)
{
	/* Not exit(): the end of a sanitizer does not work in another pid namespace. */
	fflush(stdout);
	_exit(result);
}

/* Before the first test; false: it cannot run here. */
static bool rig_start(void)
{
	if (geteuid() != 0) {
		test_skip("pid namespaces need root");
		return false;
	}
	alarm(60);
	rig_loop();
	return readlink("/proc/self/exe", self_path, sizeof(self_path) - 1) > 0;
}

#endif
