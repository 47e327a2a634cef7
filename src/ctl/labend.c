/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/labcorosync.h"
#include "ctl/labend.h"
#include "ctl/labnet.h"
#include "ctl/labnode.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/self.h"
#include "os/signals.h"

#define ORDERLY_MS  1500
#define KILL_MS	    5000
#define GO_ON_MS    5
#define NETS_MAX    (LAB_NODES_MAX + 1)
#define REMAINS_MS  3000
#define REMAINS_MAX 1024
#define COROSYNC_MAX \
	(2 * LAB_NODES_MAX) /* one for each node, and some that tests start beside them */

struct sweep {
	struct netns_id net[NETS_MAX];
	int nets;
	int alive; /* found by the last look */
	pid_t last;
	struct task_id *found; /* REMAINS_MAX of them, or NULL: the tasks that we have seen */
	int count;
	pid_t corosync[COROSYNC_MAX]; /* those that we ended */
	int corosyncs;
};

/* An inode number may be somebody else's by now; the cookie may not. */
static bool lives_in(const struct sweep *sweep, pid_t pid)
{
	struct netns_id id;

	assert(sweep->nets >= 0 && sweep->nets <= NETS_MAX);
	if (os_netns_inode(pid, &id.inode) < 0)
		return false;
	for (int i = 0; i < sweep->nets; i++) {
		if (sweep->net[i].inode == id.inode)
			return os_netns_of(pid, &id) == 0 && sweep->net[i].cookie == id.cookie;
	}
	return false;
}

static int note_one(void *ctx, pid_t pid)
{
	struct sweep *sweep = ctx;
	struct task_id task;

	assert(sweep->found && sweep->count <= REMAINS_MAX);
	if (pid != os_self_pid() && sweep->count < REMAINS_MAX && lives_in(sweep, pid) &&
	    os_task_of(pid, &task) == 0)
		sweep->found[sweep->count++] = task;
	return 0;
}

static void note_corosync(struct sweep *sweep, pid_t pid)
{
	static const char name[] = "corosync\n";
	char words[1024];

	assert(sweep->corosyncs >= 0 && sweep->corosyncs <= COROSYNC_MAX);
	if (os_task_words(pid, words, sizeof(words)) <= 0 || strncmp(words, name, strlen(name)))
		return;
	for (int i = 0; i < sweep->corosyncs; i++)
		if (sweep->corosync[i] == pid)
			return;
	if (sweep->corosyncs < COROSYNC_MAX)
		sweep->corosync[sweep->corosyncs++] = pid;
}

static int sweep_one(void *ctx, pid_t pid)
{
	struct sweep *sweep = ctx;
	struct task_id task;

	if (pid == os_self_pid() || os_task_of(pid, &task) < 0 || !lives_in(sweep, pid))
		return 0;
	sweep->alive++;
	sweep->last = pid;
	note_corosync(sweep, pid);
	os_task_kill(&task, OS_SIGKILL);
	return 0;
}

/* Ends everything in the namespaces, waits until it has gone, and removes what Corosyncs leave. */
static int sweep_all(struct sweep *sweep, struct refusal *refusal)
{
	int64_t deadline_ns = os_deadline_ns(KILL_MS);

	for (;;) {
		sweep->alive = 0;
		os_task_each(sweep_one, sweep);
		if (!sweep->alive)
			break;
		if (os_now_ns() > deadline_ns)
			return refusal_set(
				refusal, EDVSBUSY,
				"process %d does not end though it was killed: it hangs in "
				"the kernel, look at /proc/%d/stack",
				sweep->last, sweep->last);
		os_self_sleep_ms(GO_ON_MS);
	}
	for (int i = 0; i < sweep->corosyncs; i++)
		labcorosync_forget(sweep->corosync[i]);
	return 0;
}

static void sweep_add(struct sweep *sweep, const struct lab_task *task)
{
	assert(sweep->nets < NETS_MAX);
	if (task->used)
		sweep->net[sweep->nets++] = task->net;
}

/* Kills the process itself, which may not have reached its namespace yet. */
static int end_task(const struct lab_task *task, struct refusal *refusal)
{
	int r;

	if (!task->used || !task->task.pid)
		return 0;
	r = os_task_kill(&task->task, OS_SIGKILL);
	if (!r)
		r = os_task_wait_gone(&task->task, KILL_MS);
	if (r < 0)
		return refusal_set(refusal, EDVSBUSY, "process %d does not end: %s", task->task.pid,
				   strerror(-r));
	return 0;
}

int labend_kill(struct lab *lab, unsigned nodes, struct refusal *refusal)
{
	struct sweep sweep = { .nets = 0 };
	int r = 0;

	assert(lab->lock >= 0);
	assert(!(nodes >> LAB_NODES_MAX));
	for (int id = 0; !r && id < LAB_NODES_MAX; id++) {
		if (!(nodes >> id & 1))
			continue;
		r = end_task(&lab->node[id], refusal);
		sweep_add(&sweep, &lab->node[id]);
	}
	if (!r)
		r = sweep_all(&sweep, refusal);
	for (int id = 0; !r && id < LAB_NODES_MAX; id++) {
		if (!(nodes >> id & 1))
			continue;
		lab->node[id].task = (struct task_id){ 0, 0 };
		labnet_unplug(lab, id);
	}
	return r;
}

/* Asks all daemons to end, then waits for all of them together. A daemon that does not end is killed later. */
static void end_in_order(const struct lab *lab)
{
	unsigned running = labnode_running(lab);
	int64_t deadline_ns;
	struct client client[LAB_NODES_MAX];

	for (int id = 0; id < LAB_NODES_MAX; id++) {
		struct ctl_request request = client_request(CTL_SHUTDOWN);
		struct refusal unused = REFUSAL_NONE;

		client[id].packet = NULL;
		client[id].fd = -1;
		if (!(running >> id & 1))
			continue;
		if (client_open(&client[id], id, &unused) < 0 ||
		    client_send(&client[id], &request, NULL, 0, &unused) < 0)
			running &= ~(1u << id);
	}
	deadline_ns = os_deadline_ns(ORDERLY_MS);
	for (int id = 0; id < LAB_NODES_MAX; id++) {
		int64_t left_ms = (deadline_ns - os_now_ns()) / OS_MS_NS;

		if (running >> id & 1)
			os_task_wait_gone(&lab->node[id].task, left_ms > 0 ? (int)left_ms : 0);
		client_close(&client[id]);
	}
}

/*
 * The dead stay listed until their parent collects them, which is init's business and not always done
 * at once. People who look right after us shall see nothing; but nothing depends on it.
 */
static void await_remains(struct sweep *sweep)
{
	int64_t deadline_ns = os_deadline_ns(REMAINS_MS);

	assert(sweep->count >= 0);
	while (sweep->count && os_now_ns() < deadline_ns) {
		if (os_task_remains(&sweep->found[sweep->count - 1]))
			os_self_sleep_ms(GO_ON_MS);
		else
			sweep->count--;
	}
}

static int end_all(struct lab *lab, struct sweep *sweep, struct refusal *refusal)
{
	int r;

	assert(sweep->found && !sweep->nets);
	sweep_add(sweep, &lab->hub);
	for (int id = 0; id < LAB_NODES_MAX; id++)
		sweep_add(sweep, &lab->node[id]);
	os_task_each(note_one, sweep);
	end_in_order(lab);
	r = end_task(&lab->hub, refusal);
	if (!r)
		r = end_task(&lab->sequencer, refusal);
	for (int id = 0; !r && id < LAB_NODES_MAX; id++)
		r = end_task(&lab->node[id], refusal);
	if (!r)
		r = sweep_all(sweep, refusal);
	if (!r)
		await_remains(sweep);
	return r;
}

/*
 * Whether it is a daemon, sequencer or switch of this machine's lab: root's, seeing the same files, in a network
 * namespace of its own, and told of
 * the lab's group. Its namespace is noted.
 */
static int note_daemon(void *ctx, pid_t pid)
{
	struct sweep *sweep = ctx;
	struct netns_id own, net;
	char words[1024], *end;

	assert(sweep->nets <= NETS_MAX);
	if (sweep->nets == NETS_MAX || pid == os_self_pid() || !os_task_is_of_root_here(pid) ||
	    os_task_words(pid, words, sizeof(words)) <= 0 || !strstr(words, LAB_GROUP))
		return 0;
	end = strchr(words, '\n');
	if (end) /* not in a title that a process gave itself */
		*end = '\0';
	end = strrchr(words, '/') ? strrchr(words, '/') + 1 : words;
	if ((strcmp(end, "dvsd") && strcmp(end, "dvs-sequencer") && strcmp(end, "dvs-corosync") &&
	     strcmp(end, "dvs")) ||
	    os_netns_of(pid, &net) < 0 || os_netns_of(os_self_pid(), &own) < 0 ||
	    net.inode == own.inode)
		return 0;
	for (int i = 0; i < sweep->nets; i++)
		if (sweep->net[i].cookie == net.cookie)
			return 0; /* switch and sequencer share one */
	sweep->net[sweep->nets++] = net;
	return 0;
}

int labend_clear(bool *had, struct refusal *refusal)
{
	struct sweep sweep = { .nets = 0 };
	struct lab none = { .lock = -1 };
	int r = 0;

	os_task_each(note_daemon, &sweep);
	*had = sweep.nets || os_folder_exists(LAB_FOLDER);
	if (sweep.nets)
		r = sweep_all(&sweep, refusal);
	/* Also where the folder is gone already: the one around it may be left. */
	return r < 0 ? r : lab_forget(&none, refusal);
}

int labend_remove(struct lab *lab, struct refusal *refusal)
{
	struct sweep sweep = { .nets = 0 };
	int r = 0;

	assert(lab->lock >= 0);
	if (!lab->other_boot) {
		sweep.found = calloc(REMAINS_MAX, sizeof(*sweep.found));
		r = sweep.found ? end_all(lab, &sweep, refusal)
				: refusal_set(refusal, EDVSNOMEM, "out of memory");
		free(sweep.found);
	}
	if (r < 0) {
		lab_unlock(lab);
		return r;
	}
	return lab_forget(lab, refusal);
}
