/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/cgroup.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/state/order.h"
#include "node/task/task.h"
#include "os/cgroup.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/socket.h"

#define LOOK_US 10000 /* until killed processes have ended */
#define SUFFIX_MAX \
	10 /* of one life: it comes, goes, and comes back before its first group is gone */

/* A group that is removed when nothing runs in it any more. */
struct doomed {
	struct doomed *next;
	char name[CGROUP_NAME_MAX];
	bool kill;
};

struct cgroups {
	int folder;
	struct doomed *doomed;
	struct os_source *timer;
};

static struct cgroups *new_cgroups(int folder)
{
	struct cgroups *cgroups = malloc(sizeof(*cgroups));

	if (cgroups)
		*cgroups = (struct cgroups){ .folder = folder };
	else
		os_close(folder);
	return cgroups;
}

void cgroup_open(struct tasks *tasks)
{
	int folder = os_cgroup_claim(tasks->order->self);

	if (folder >= 0)
		tasks->cgroups = new_cgroups(folder);
	else
		os_log(OS_LOG_WARN,
		       "no control groups may be made here (%s): what a program leaves behind in a "
		       "session of its own is not seen",
		       strerror(-folder));
}

int cgroup_folder(const struct tasks *tasks)
{
	return tasks->cgroups ? tasks->cgroups->folder : -1;
}

/* One that the predecessor had still to remove. */
static void end_unknown(void *ctx, const char *found)
{
	struct tasks *tasks = ctx;
	char name[CGROUP_NAME_MAX];

	for (const struct task *task = tasks->all; task; task = task->next)
		if (!strcmp(task->cgroup, found))
			return;
	if (snprintf(name, sizeof(name), "%s", found) < (int)sizeof(name))
		cgroup_end(tasks, name, true);
}

void cgroup_adopt(struct tasks *tasks, int folder)
{
	assert(os_lock_protects());
	if (folder < 0)
		return;
	tasks->cgroups = new_cgroups(folder);
	if (tasks->cgroups)
		os_cgroup_each(folder, end_unknown, tasks);
}

static void forget(struct doomed **link)
{
	struct doomed *doomed = *link;

	*link = doomed->next;
	free(doomed);
}

void cgroup_close(struct tasks *tasks)
{
	struct cgroups *cgroups = tasks->cgroups;

	if (!cgroups)
		return;
	tasks->cgroups = NULL;
	while (cgroups->doomed)
		forget(&cgroups->doomed);
	os_source_free(cgroups->timer);
	if (!os_cgroup_release(cgroups->folder))
		os_log(OS_LOG_WARN, "processes of this node have not ended yet: their control "
				    "group stays until the next daemon or `dvs lab down`");
	free(cgroups);
}

int cgroup_make(struct tasks *tasks, int dcid, int p_nr, uint32_t generation,
		char name[CGROUP_NAME_MAX])
{
	int r = tasks->cgroups ? -EEXIST : -ENOENT;

	assert(os_lock_protects());
	for (int i = 0; i < SUFFIX_MAX && r == -EEXIST; i++) {
		int n = snprintf(name, CGROUP_NAME_MAX, "%d.%d.%u", dcid, p_nr, generation);

		if (i)
			snprintf(name + n, CGROUP_NAME_MAX - (size_t)n, "-%d", i);
		r = os_cgroup_make(tasks->cgroups->folder, name);
	}
	if (r < 0)
		name[0] = 0;
	return r < 0 ? -1 : r;
}

void cgroup_kill(struct tasks *tasks, const char *name)
{
	assert(os_lock_protects());
	if (tasks->cgroups && name[0])
		os_cgroup_kill(tasks->cgroups->folder, name);
}

static void on_timer(void *ctx)
{
	struct tasks *tasks = ctx;
	struct cgroups *cgroups = tasks->cgroups;
	struct doomed **link = &cgroups->doomed;

	while (*link) {
		if ((*link)->kill)
			os_cgroup_kill(cgroups->folder, (*link)->name);
		if (os_cgroup_remove(cgroups->folder, (*link)->name) == -EBUSY)
			link = &(*link)->next;
		else
			forget(link);
	}
	if (cgroups->doomed)
		os_timer_set(cgroups->timer, LOOK_US);
}

void cgroup_end(struct tasks *tasks, char name[CGROUP_NAME_MAX], bool kill)
{
	struct cgroups *cgroups = tasks->cgroups;
	struct doomed *doomed;

	assert(os_lock_protects());
	if (!cgroups || !name[0])
		return;
	if (kill)
		os_cgroup_kill(cgroups->folder, name);
	doomed = os_cgroup_remove(cgroups->folder, name) == -EBUSY ? calloc(1, sizeof(*doomed))
								   : NULL;
	if (doomed) {
		*doomed = (struct doomed){ .next = cgroups->doomed, .kill = kill };
		memcpy(doomed->name, name, sizeof(doomed->name));
		cgroups->doomed = doomed;
		if (!cgroups->timer)
			os_source_timer(tasks->loop, -1, on_timer, tasks, &cgroups->timer);
		os_timer_set(cgroups->timer, LOOK_US);
	}
	name[0] = 0;
}

int cgroup_others(const struct task *task, pid_t *pids, int max)
{
	const struct cgroups *cgroups = task->tasks->cgroups;
	pid_t all[CGROUP_OTHERS_MAX];
	int count, others = 0;
	bool itself = false;

	assert(os_lock_protects());
	if (!cgroups || !task->cgroup[0])
		return -1;
	count = os_cgroup_pids(cgroups->folder, task->cgroup, all, CGROUP_OTHERS_MAX);
	for (int i = 0; i < count && i < CGROUP_OTHERS_MAX; i++) {
		if (all[i] == task->lpid)
			itself = true;
		else if (others < max)
			pids[others++] = all[i];
	}
	/* Elsewhere: the kernel did not let it be born there. */
	return itself ? count - 1 : -1;
}
