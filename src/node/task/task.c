/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/task.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "node/state/order.h"
#include "node/task/ended.h"
#include "node/task/following.h"
#include "node/task/output.h"
#include "os/lock.h"
#include "os/loop.h"
#include "os/pid.h"
#include "os/socket.h"
#include "wire/handover.h"

struct task *task_find(const struct tasks *tasks, pid_t lpid)
{
	struct task *task = tasks->all;

	assert(os_lock_protects());
	while (task && (task->lpid != lpid || task->ended || task->loading))
		task = task->next;
	return task;
}

struct task *task_find_or_leader(const struct tasks *tasks, pid_t tgid, pid_t tid)
{
	struct task *task = task_find(tasks, tid);

	return task && task->tgid == tgid ? task : task_find(tasks, tgid);
}

static struct task *find_vpid(const struct tasks *tasks, int dcid, int vpid)
{
	struct task *task = tasks->all;

	while (task && (!task->managed || task->dcid != dcid || task->vpid != vpid))
		task = task->next;
	return task;
}

int task_expect(struct tasks *tasks, int vpid, struct task **taskp)
{
	struct task *task = calloc(1, sizeof(*task));

	assert(os_lock_protects());
	if (!task)
		return -ENOMEM;
	*task = (struct task){ .next = tasks->all,
			       .tasks = tasks,
			       .dcid = -1,
			       .starting = true,
			       .loading = true,
			       .vpid = vpid,
			       .pidfd = -1 };
	tasks->all = task;
	os_kept_begin(&task->in_state, HANDOVER_TASK);
	*taskp = task;
	return 0;
}

static void give_numbers(struct task *task, pid_t lpid, pid_t tgid, int pidfd)
{
	task->lpid = lpid;
	task->tgid = tgid;
	task->pidfd = pidfd;
	task->pidns = os_pidns_of(lpid);
}

int task_arrive(struct task *task, pid_t lpid, pid_t tgid)
{
	int pidfd = os_pidfd_open(lpid, lpid != tgid);

	assert(task->loading && task->pidfd < 0);
	assert(os_lock_protects());
	if (pidfd < 0)
		return pidfd;
	give_numbers(task, lpid, tgid, pidfd);
	return task_watch(task);
}

int task_new(struct tasks *tasks, pid_t lpid, pid_t tgid, int vpid, int pidfd, struct task **taskp)
{
	int own = pidfd < 0 ? os_pidfd_open(lpid, lpid != tgid) : pidfd;
	int r = own < 0 ? own : task_expect(tasks, vpid, taskp);

	assert(os_lock_protects());
	if (r == 0) {
		(*taskp)->loading = false;
		give_numbers(*taskp, lpid, tgid, own);
	} else if (pidfd < 0) {
		os_close(own);
	}
	return r;
}

int task_adopt(struct tasks *tasks, const struct task *image, struct task **taskp)
{
	struct task **place = &tasks->all;
	struct task *task = malloc(sizeof(*task));

	assert(os_lock_protects());
	if (!task)
		return -ENOMEM;
	*task = *image;
	task->tasks = tasks;
	task->next = NULL;
	task->in_state = (struct os_kept){ 0 };
	os_kept_adopt(&task->in_state, HANDOVER_TASK, image->in_state.number);
	while (*place)
		place = &(*place)->next;
	*place = task;
	*taskp = task;
	return 0;
}

static void unlink_task(const struct task *task)
{
	struct task **link = &task->tasks->all;

	while (*link && *link != task)
		link = &(*link)->next;
	assert(*link);
	*link = task->next;
}

void task_free(struct task *task)
{
	assert(os_lock_protects());
	assert(!task->bindings);
	assert(!task->gone);
	os_kept_end(&task->in_state);
	unlink_task(task);
	following_end(task);
	assert(!task->followers);
	assert(!task->waiters);
	/* Of one that has moved: as soon as its frozen copy is gone. */
	cgroup_end(task->tasks, task->cgroup, task->ended || task->loading);
	task->exit_source = os_source_free(task->exit_source);
	if (task->ended && task->last.bound)
		ended_keep(task);
	output_free(task->output);
	os_close(task->pidfd);
	task->gone = true;
	if (!task->kept)
		free(task);
}

void task_drop(struct task *task)
{
	assert(os_lock_protects());
	if (!task->gone && !task->bindings && (task->ended || (!task->managed && !task->kept)))
		task_free(task);
}

void task_keep(struct task *task)
{
	assert(!task->gone);
	assert(os_lock_protects());
	task->kept++;
}

int task_keep_for(struct tasks *tasks, pid_t tgid, pid_t tid, int vpid, int pidfd,
		  struct task **taskp)
{
	struct task *task = task_find(tasks, tid);
	int own, r;

	if (!task) {
		own = pidfd < 0 ? -1 : os_dup(pidfd);
		r = task_new(tasks, tid, tgid, vpid, own, &task);
		if (r < 0) {
			os_close(own);
			return r;
		}
	}
	task_keep(task);
	*taskp = task;
	return 0;
}

void task_let(struct task *task)
{
	assert(os_lock_protects());
	assert(task->kept > 0);
	task->kept--;
	if (!task->gone)
		task_drop(task);
	else if (!task->kept)
		free(task);
}

/* A task that no init of ours reaps: its pidfd tells. */
static void on_pidfd(void *ctx, int fd, int events)
{
	(void)fd;
	(void)events;
	task_end(ctx);
}

int task_watch(struct task *task)
{
	assert(!task->gone);
	assert(os_lock_protects());
	if (task->managed || task->exit_source)
		return 0;
	return os_source_io(task->tasks->loop, task->pidfd, OS_READ, on_pidfd, task,
			    &task->exit_source);
}

void task_end(struct task *task)
{
	assert(!task->gone);
	assert(os_lock_protects());
	task->ended = true;
	os_kept_note(&task->in_state);
	task->exit_source = os_source_free(task->exit_source);
	cgroup_kill(task->tasks, task->cgroup);
	if (!task->managed) /* at once, before its parent takes note of it */
		task->wait_status = os_exit_status_of(task->lpid);
	if (task->output)
		output_drain(task->output);
	if (task->bindings)
		task->tasks->on_end(task->tasks->node, task);
	else
		task_free(task);
}

static void managed_ended(struct task *task, int wait_status)
{
	assert(task->managed);
	os_kept_note(&task->in_state);
	task->wait_status = wait_status;
	if (task->loading) /* the commit, or the discard, of its arrival sees to it */
		task->ended = true;
	else
		task_end(task);
}

void task_on_init_exit(struct tasks *tasks, int dcid, int vpid, int wait_status)
{
	struct task *task = find_vpid(tasks, dcid, vpid);

	assert(os_lock_protects());
	/* Of a process that had this number in an earlier stay here: the one that has it now lives. */
	if (!task || os_poll(task->pidfd, OS_READ, 0) < 0)
		return;
	managed_ended(task, wait_status);
}

void task_on_init_killed(struct tasks *tasks, int dcid)
{
	struct task *task = tasks->all;

	assert(os_lock_protects());
	while (task) {
		struct task *next = task->next;

		if (task->managed && task->dcid == dcid && !task->ended) {
			task->end_reason = CTL_ENDED_INIT;
			managed_ended(task, 9);
		}
		task = next;
	}
}

int task_pid_for(const struct task *task, uint64_t pidns)
{
	if (pidns == task->pidns)
		return task->vpid;
	return pidns == os_pidns_of(0) ? task->lpid : 0;
}

int task_wait_status(const struct task *task)
{
	return task->ended ? task->wait_status : -1;
}
