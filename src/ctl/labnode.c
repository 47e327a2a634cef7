/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/labcorosync.h"
#include "ctl/labnet.h"
#include "ctl/labnode.h"
#include "os/pid.h"
#include "os/child.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/self.h"
#include "os/socket.h"

#define SWITCH_MS 5000
#define GO_ON_MS  5

unsigned labnode_all(const struct lab *lab)
{
	unsigned set = 0;

	for (int id = 0; id < LAB_NODES_MAX; id++)
		set |= (unsigned)lab->node[id].used << id;
	return set;
}

unsigned labnode_running(const struct lab *lab)
{
	unsigned set = 0;

	for (int id = 0; id < LAB_NODES_MAX; id++) {
		const struct lab_task *node = &lab->node[id];

		if (node->used && node->task.pid && os_task_alive(&node->task))
			set |= 1u << id;
	}
	return set;
}

/*
 * First step of a program beside this one, in the network of a process, or one of its own (0). argv[0]
 * is its name, `ready` where its ready-fd goes.
 */
static int hold(struct lab_task *task, pid_t netns_pid, char **argv, char *ready_text,
		const char *log, struct labnode_start *start, struct refusal *refusal)
{
	char path[512];
	struct child_plan plan = { .argv = argv, .log = log, .netns_pid = netns_pid };
	int ready[2], r;
	pid_t pid;

	assert(!task->used || !task->task.pid);
	r = os_self_beside(argv[0], path, sizeof(path));
	if (r < 0)
		return refusal_set(refusal, EDVSNOENT, "%s is not beside this program: %s", argv[0],
				   strerror(-r));
	argv[0] = path;
	r = os_self_pipe(ready);
	if (r < 0)
		return refusal_set(refusal, EDVSMFILE, "no pipe: %s", strerror(-r));
	plan.ready_fd = ready[1];
	snprintf(ready_text, 12, "%d", ready[1]);
	r = os_child_hold(&plan, &pid, &start->go);
	os_close(ready[1]);
	start->ready = ready[0];
	if (!r) {
		*task = (struct lab_task){ .used = true };
		r = os_task_of(pid, &task->task);
	}
	if (!r)
		r = os_netns_of(pid, &task->net);
	if (r < 0)
		return refusal_set(refusal, EDVSGENERIC, "no network namespace for %s: %s", argv[0],
				   strerror(-r));
	return 0;
}

/* The last line a program wrote before it gave up. */
static void last_words(const char *log, char *text, size_t size)
{
	char all[8192], *end, *line;
	int len = os_file_read(log, all, sizeof(all));

	snprintf(text, size, "see %s", log);
	if (len <= 0)
		return;
	end = all + len;
	while (end > all && end[-1] == '\n')
		*--end = '\0';
	line = strrchr(all, '\n');
	snprintf(text, size, "%.*s", (int)size - 1, line ? line + 1 : all);
}

static int await_ready(const char *name, const char *log, struct labnode_start *start,
		       int timeout_ms, struct refusal *refusal)
{
	char byte, words[160];
	int r = os_read_full(start->ready, &byte, 1, timeout_ms);

	assert(start->ready >= 0);
	start->ready = os_close(start->ready);
	if (!r)
		return 0;
	last_words(log, words, sizeof(words));
	if (r == -ETIMEDOUT)
		return refusal_set(refusal, EDVSTIMEDOUT, "%s was not ready within %d ms: %s", name,
				   timeout_ms, words);
	return refusal_set(refusal, EDVSDVSINIT, "%s ended at its start: %s", name, words);
}

static int let_go(const char *name, struct labnode_start *start, struct refusal *refusal)
{
	int r = os_child_go(start->go);

	assert(start->go >= 0);
	start->go = -1;
	if (r < 0)
		return refusal_set(refusal, EDVSNOEXEC, "%s cannot be executed: %s", name,
				   strerror(-r));
	return 0;
}

/* Last steps of a start that has come to r: the program goes on, and is ready. */
static int finish_start(int r, const char *name, const char *log, struct labnode_start *start,
			struct refusal *refusal)
{
	if (!r)
		r = let_go(name, start, refusal);
	if (!r)
		r = await_ready(name, log, start, SWITCH_MS, refusal);
	os_close(start->go);
	os_close(start->ready);
	return r;
}

/* Starts a program of the switch's network. The first of them has the network made. */
static int start_beside(struct lab *lab, struct lab_task *task, const char *name, char **argv,
			char *ready, struct refusal *refusal)
{
	struct labnode_start start = { -1, -1 };
	const char *log = LAB_FOLDER "/switch.log";
	pid_t netns_pid = lab_network(lab);
	int r;

	assert(lab->lock >= 0);
	r = hold(task, netns_pid, argv, ready, log, &start, refusal);
	if (!r)
		r = lab_save(lab, refusal);
	if (!r && !netns_pid)
		r = labnet_switch(lab, refusal);
	return finish_start(r, name, log, &start, refusal);
}

int labnode_start_in(pid_t netns_pid, const char *name, char **argv, char *ready, const char *log,
		     struct refusal *refusal)
{
	struct labnode_start start = { -1, -1 };
	struct lab_task task = { 0 };
	int r;

	assert(netns_pid > 0);
	r = hold(&task, netns_pid, argv, ready, log, &start, refusal);
	return finish_start(r, name, log, &start, refusal);
}

int labnode_start_switch(struct lab *lab, struct refusal *refusal)
{
	char dvs[] = "dvs", sequencer[] = "dvs-sequencer", path[] = LAB_GROUP, ready[12] = "";
	char what[] = LAB_SWITCH_ARGUMENT;
	char *hub_argv[] = { dvs, what, path, ready, NULL };
	char *argv[] = { sequencer, "--socket", path, "--ready-fd", ready, NULL };
	int r = start_beside(lab, &lab->hub, "the lab's switch", hub_argv, ready, refusal);

	if (r < 0 || lab->corosync)
		return r;
	return start_beside(lab, &lab->sequencer, sequencer, argv, ready, refusal);
}

static int hold_node(struct lab *lab, int id, struct labnode_start *start, struct refusal *refusal)
{
	char program[] = "dvsd", number[12], address[ADDRESS_TEXT], port[12], ready[12] = "",
	     name[16], carried[] = "--carried", carried_path[64];
	char path[64], log[64], group[80] = "local:" LAB_GROUP, kept[12];
	char option[] = "--log-bytes", *log_bytes = lab->log_bytes ? option : NULL;
	char key[] = "--key", key_path[] = LAB_KEY, links[] = "--links", plain[] = "plain";
	char *argv[] = { program,
			 "--id",
			 number,
			 "--name",
			 name,
			 "--address",
			 address,
			 "--port",
			 port,
			 "--socket",
			 path,
			 "--group",
			 group,
			 lab->plain ? links : key,
			 lab->plain ? plain : key_path,
			 carried,
			 carried_path,
			 "--ready-fd",
			 ready,
			 log_bytes,
			 kept,
			 NULL };

	assert(id >= 0 && id < LAB_NODES_MAX);
	snprintf(number, sizeof(number), "%d", id);
	snprintf(kept, sizeof(kept), "%d", lab->log_bytes);
	snprintf(name, sizeof(name), "node%d", id);
	snprintf(carried_path, sizeof(carried_path), LAB_CARRIED,
		 (unsigned long long)os_pidns_of(0), id);
	labnet_address(lab, id, address);
	snprintf(port, sizeof(port), "%d", LABNET_PORT);
	snprintf(path, sizeof(path), LAB_FOLDER "/node%d.sock", id);
	snprintf(log, sizeof(log), LAB_FOLDER "/node%d.log", id);
	if (lab->corosync)
		snprintf(group, sizeof(group), "corosync:" LABCOROSYNC_SOCKET, id);
	return hold(&lab->node[id], 0, argv, ready, log, start, refusal);
}

/* Are all running nodes members, and linked with each other? Asks one node. */
static int look_round(int id, int running, bool *complete, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_STATUS);
	struct ctl_node_status status;
	int r = client_call(id, &request, NULL, 0, &status, sizeof(status), refusal);

	*complete = r >= 0 && status.nodes_up >= running && status.links_up >= running - 1;
	return r;
}

static int await_links(const struct lab *lab, int64_t deadline_ns, struct refusal *refusal)
{
	unsigned running = labnode_running(lab);
	int count = __builtin_popcount(running), r;

	for (int id = 0; id < LAB_NODES_MAX; id++) {
		bool complete = !(running >> id & 1);

		while (!complete) {
			r = look_round(id, count, &complete, refusal);
			if (r < 0)
				return r;
			if (!complete && os_now_ns() > deadline_ns)
				return refusal_set(
					refusal, EDVSTIMEDOUT,
					"node %d does not see all %d nodes: see " LAB_FOLDER
					"/node%d.log",
					id, count, id);
			if (!complete)
				os_self_sleep_ms(GO_ON_MS);
		}
	}
	return 0;
}

static int start_all(struct lab *lab, unsigned nodes, struct labnode_start *start,
		     int64_t deadline_ns, struct refusal *refusal)
{
	char name[32], log[64];
	int r = 0;

	assert(!(nodes >> LAB_NODES_MAX));
	for (int id = 0; !r && id < LAB_NODES_MAX; id++) {
		if (nodes >> id & 1)
			r = hold_node(lab, id, &start[id], refusal);
	}
	if (!r)
		r = lab_save(lab, refusal);
	if (!r)
		r = labnet_plug(lab, nodes, refusal);
	for (int id = 0; !r && lab->corosync && id < LAB_NODES_MAX; id++)
		if (nodes >> id & 1)
			r = labcorosync_start(lab, id, refusal);
	for (int id = 0; !r && id < LAB_NODES_MAX; id++) {
		snprintf(name, sizeof(name), "the daemon of node %d", id);
		if (nodes >> id & 1)
			r = let_go(name, &start[id], refusal);
	}
	for (int id = 0; !r && id < LAB_NODES_MAX; id++) {
		int64_t left_ms = (deadline_ns - os_now_ns()) / OS_MS_NS;

		snprintf(name, sizeof(name), "the daemon of node %d", id);
		snprintf(log, sizeof(log), LAB_FOLDER "/node%d.log", id);
		if (nodes >> id & 1)
			r = await_ready(name, log, &start[id], left_ms > 0 ? (int)left_ms : 0,
					refusal);
	}
	return r ? r : await_links(lab, deadline_ns, refusal);
}

int labnode_start(struct lab *lab, unsigned nodes, int timeout_ms, struct refusal *refusal)
{
	int64_t deadline_ns = os_deadline_ns(timeout_ms);
	struct labnode_start start[LAB_NODES_MAX];
	int r;

	assert(lab->lock >= 0);
	for (int id = 0; id < LAB_NODES_MAX; id++)
		start[id] = (struct labnode_start){ -1, -1 };
	r = start_all(lab, nodes, start, deadline_ns, refusal);
	for (int id = 0; id < LAB_NODES_MAX; id++) {
		os_close(start[id].go);
		os_close(start[id].ready);
	}
	return r;
}
