/* SPDX-License-Identifier: Apache-2.0 */
#include "node/children.h"

#include <stdlib.h>

#include "node/cgroup.h"
#include "node/node.h"
#include "node/process.h"
#include "os/session.h"
#include "os/task.h"

struct member {
	pid_t session, pid;
};

/* All processes of the machine by session, looked at once for all rows. Under the node lock. */
static struct {
	struct member *members;
	size_t count, room;
} look;

static int note(void *ctx, pid_t pid)
{
	struct member *more;
	struct task_id id;

	(void)ctx;
	if (look.count == look.room) {
		look.room = look.room ? 2 * look.room : 256;
		more = realloc(look.members, look.room * sizeof(*more));
		if (!more)
			return -1;
		look.members = more;
	}
	if (os_task_of(pid, &id) == 0) /* no remains */
		look.members[look.count++] = (struct member){ os_session_of(pid), pid };
	return 0;
}

void children_begin(const struct node *node)
{
	if (cgroup_folder(node) < 0 && node->processes)
		os_task_each(note, NULL);
}

void children_end(void)
{
	free(look.members);
	look.members = NULL;
	look.count = look.room = 0;
}

/* Every process that is started here leads a session. */
static int of_session(const struct process *process, pid_t *pids, int max)
{
	int count = 0;

	for (size_t i = 0; i < look.count; i++) {
		if (look.members[i].session != process->lpid ||
		    look.members[i].pid == process->lpid)
			continue;
		if (count < max)
			pids[count] = look.members[i].pid;
		count++;
	}
	return count;
}

void children_fill(const struct node *node, int dcid, int p_nr, struct ctl_proc_row *row)
{
	const struct process *process = process_find((struct node *)node, dcid, p_nr);

	row->children = -1;
	if (!process || !process->managed || process->ended)
		return;
	row->children = cgroup_folder(node) < 0
				? of_session(process, row->child, CTL_CHILDREN_MAX)
				: cgroup_others(process, row->child, CTL_CHILDREN_MAX);
}
