/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/shell.h"

#include <assert.h>
#include <errno.h>

#include "core/plan.h"
#include "node/task/init.h"
#include "node/task/inits.h"
#include "node/task/task.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/self.h"
#include "os/socket.h"
#include "os/thread.h"

#define LOOK_NS 1000000

/* A question to the init, whose answer the worker waits for without the lock. */
struct question {
	struct dc_init_answer answer;
	bool answered;
	pthread_cond_t cond;
};

static void on_answer(void *ctx, const struct dc_init_answer *answer)
{
	struct question *question = ctx;

	question->answer = *answer;
	question->answered = true;
	os_condition_signal(&question->cond);
}

static int ask(struct tasks *tasks, int dcid, int vpid, const char *path, int sock, int cgroup,
	       struct dc_init_answer *answer)
{
	struct question question = { .answered = false };
	int r;

	os_condition_init(&question.cond);
	os_lock_take(tasks->lock);
	r = inits_start(tasks, dcid);
	if (r == 0)
		r = dc_init_shell(tasks->init[dcid], vpid, path, &sock, 1, cgroup, on_answer,
				  &question);
	while (r == 0 && !question.answered) /* the loop sees to it, whatever the init does */
		os_condition_wait(&question.cond, tasks->lock, 0);
	os_lock_release(tasks->lock);
	os_condition_deinit(&question.cond);
	*answer = question.answer;
	return r < 0 ? r : answer->error;
}

int shell_start(struct tasks *tasks, int dcid, int vpid, int cgroup, pid_t *lpid, int *pidfd,
		int *sock, struct refusal *why)
{
	int64_t deadline = os_now_ns() + (int64_t)PLAN_SHELL_NS;
	struct dc_init_answer answer;
	char path[512];
	int pair[2];
	int r = os_self_beside("dvs-shell", path, sizeof(path));

	assert(!os_lock_is_held());
	if (r == 0)
		r = os_unix_pair(OS_STREAM, pair);
	if (r < 0)
		return r;
	r = ask(tasks, dcid, vpid, path, pair[1], cgroup, &answer);
	/* The process itself may have been here a moment ago, and its end there be under way still. */
	while (r == -EBUSY && os_now_ns() < deadline) {
		os_thread_sleep_ns(LOOK_NS);
		r = ask(tasks, dcid, vpid, path, pair[1], cgroup, &answer);
	}
	os_close(pair[1]);
	if (r < 0) {
		/* An init that is silent, or has ended, has its own sentence. */
		if (r == -ETIMEDOUT || r == -ECONNRESET)
			*why = answer.why;
		os_close(pair[0]);
		return r;
	}
	*lpid = answer.lpid;
	*pidfd = answer.pidfd;
	*sock = pair[0];
	return 0;
}
