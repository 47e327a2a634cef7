/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/named.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "dvk.h"
#include "node/state/fault.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "node/ask/request.h"
#include "node/ask/share.h"
#include "os/lock.h"
#include "os/pid.h"
#include "os/threads.h"

/* The request stays as it is meanwhile: this thread is its keeper. */
struct search {
	struct request *request;
	void (*again)(struct request *);
	pid_t asker, number;
	uid_t uid;
	bool thread; /* among those of the asker only */
};

static void *search_main(void *arg)
{
	struct search *search = arg;
	struct request *request = search->request;
	struct tasks *tasks = request->requests->tasks;
	pid_t found = search->thread ? os_tid_search(search->asker, search->number)
				     : os_pid_search(search->asker, search->number);

	os_lock_take(tasks->lock);
	assert(tasks->searches > 0);
	tasks->searches--;
	share_give(&request->requests->shares, search->uid, SHARE_SEARCHES);
	request->named = found > 0 ? found : -ESRCH;
	search->again(request);
	os_lock_release(tasks->lock);
	free(search);
	return NULL;
}

static int search_start(struct request *request, bool thread, void (*again)(struct request *))
{
	struct tasks *tasks = request->requests->tasks;
	struct search *search;

	if (!share_take(&request->requests->shares, request->uid, SHARE_SEARCHES)) {
		request_fail_share(request, SHARE_SEARCHES);
		return NAMED_E_LATER;
	}
	search = tasks->searches < TASK_SEARCHES_MAX ? malloc(sizeof(*search)) : NULL;
	if (search) {
		*search = (struct search){ .request = request,
					   .again = again,
					   .asker = request->pid,
					   .uid = request->uid,
					   .number = thread ? request->head.tid : request->head.pid,
					   .thread = thread };
		tasks->searches++;
		if (os_thread_start(search_main, search) == 0)
			return NAMED_E_LATER;
		tasks->searches--;
		free(search);
	}
	share_give(&request->requests->shares, request->uid, SHARE_SEARCHES);
	request_fail(request, EDVSRSCBUSY,
		     "node %d looks for too many processes at one time: try again in a moment",
		     tasks->order->self);
	return NAMED_E_LATER;
}

static pid_t at_once(const struct request *request, bool thread)
{
	if (fault_is("search"))
		return -ENOSYS;
	return thread ? os_tid_here(request->pid, request->head.tid)
		      : os_pid_here(request->pid, request->head.pid);
}

pid_t named_caller(const struct request *request)
{
	const struct task *task = request->requests->tasks->all;
	pid_t tid;

	assert(os_lock_protects());
	if (!request->head.tid)
		return request->pid;
	tid = at_once(request, true);
	if (tid != -ENOSYS)
		return tid > 0 ? tid : request->pid;
	while (task && (task->tgid != request->pid || task->vpid != request->head.tid))
		task = task->next;
	return task ? task->lpid : 0;
}

static int named(struct request *request, bool thread, pid_t *tid, void (*again)(struct request *))
{
	pid_t found = request->named ? request->named : at_once(request, thread);

	if (found == -ENOSYS)
		return search_start(request, thread, again);
	*tid = found;
	return found > 0 ? 0 : -ESRCH;
}

int named_thread(struct request *request, pid_t *tid, void (*again)(struct request *))
{
	int r = request->head.tid ? named(request, true, tid, again) : -ESRCH;

	assert(os_lock_protects());
	if (r == -ESRCH)
		*tid = request->pid;
	return r == NAMED_E_LATER ? r : 0;
}

int named_task(struct request *request, pid_t *tid, void (*again)(struct request *))
{
	assert(os_lock_protects());
	return named(request, false, tid, again);
}
