/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/children.h"

#include <assert.h>
#include <stdlib.h>

#include "node/task/cgroup.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "node/ask/request.h"
#include "node/ask/share.h"
#include "os/lock.h"
#include "os/session.h"
#include "os/task.h"
#include "os/threads.h"

struct member {
	pid_t session, pid;
};

/* All processes of the machine by session, looked at once for all rows. */
struct look {
	struct request *request;
	void (*again)(struct request *);
	struct member *members;
	size_t count, room;
};

static int note(void *ctx, pid_t pid)
{
	struct look *look = ctx;
	struct member *more;
	struct task_id id;

	if (look->count == look->room) {
		look->room = look->room ? 2 * look->room : 256;
		more = realloc(look->members, look->room * sizeof(*more));
		if (!more)
			return -1;
		look->members = more;
	}
	if (os_task_of(pid, &id) == 0) /* no remains */
		look->members[look->count++] = (struct member){ os_session_of(pid), pid };
	return 0;
}

void children_end(struct request *request)
{
	assert(os_lock_protects());
	if (request->children)
		free(request->children->members);
	free(request->children);
	request->children = NULL;
}

static void *look_main(void *arg)
{
	struct look *look = arg;
	struct tasks *tasks = look->request->requests->tasks;

	os_task_each(note, look);
	os_lock_take(tasks->lock);
	assert(tasks->searches > 0);
	assert(!look->request->children);
	tasks->searches--;
	share_give(&look->request->requests->shares, look->request->uid, SHARE_SEARCHES);
	look->request->children = look;
	look->request->freed = children_end;
	look->again(look->request);
	os_lock_release(tasks->lock);
	return NULL;
}

bool children_look(struct request *request, void (*again)(struct request *))
{
	struct tasks *tasks = request->requests->tasks;
	struct look *look;

	assert(os_lock_protects());
	if (request->children || cgroup_folder(tasks) >= 0 || !tasks->all ||
	    tasks->searches >= TASK_SEARCHES_MAX ||
	    !share_take(&request->requests->shares, request->uid, SHARE_SEARCHES))
		return false;
	look = calloc(1, sizeof(*look));
	if (!look) {
		share_give(&request->requests->shares, request->uid, SHARE_SEARCHES);
		return false;
	}
	look->request = request;
	look->again = again;
	tasks->searches++;
	if (os_thread_start(look_main, look) < 0) {
		tasks->searches--;
		share_give(&request->requests->shares, request->uid, SHARE_SEARCHES);
		free(look);
		return false;
	}
	return true;
}

/* Every process that is started here leads a session. */
static int of_session(const struct look *look, const struct task *task, pid_t *pids, int max)
{
	int count = 0;

	for (size_t i = 0; look && i < look->count; i++) {
		const struct member *member = &look->members[i];

		if (member->session != task->lpid || member->pid == task->lpid)
			continue;
		if (count < max)
			pids[count] = member->pid;
		count++;
	}
	return look ? count : -1;
}

void children_fill(const struct request *request, const struct task *task, struct ctl_proc_row *row)
{
	assert(os_lock_protects());
	row->children = -1;
	if (!task || !task->managed || task->ended)
		return;
	row->children = cgroup_folder(task->tasks) < 0
				? of_session(request->children, task, row->child, CTL_CHILDREN_MAX)
				: cgroup_others(task, row->child, CTL_CHILDREN_MAX);
}
