/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shell that is entered is a foothold and the kernel's own mappings, so that its copy is the shell of a
 * child: CLONE_PTRACE makes it start stopped and traced, with the foothold of its parent.
 */
#include "migrate/target_shells.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/inventory.h"
#include "migrate/source_members.h"
#include "os/clock.h"
#include "os/kernel.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/thread.h"

#define SIGNAL_SET_BYTES 8
#define TAKEN_NS \
	1000000000 /* remains of the process itself, which has just left, may have the number */
#define TAKEN_NAP_NS 1000000

static void add_clone(struct calls *calls, const struct image_member *member)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
		uint64_t set_tid, set_tid_size, cgroup;
	} args = {
		.flags = CLONE_PTRACE,
		.exit_signal = member->exit_signal,
		.set_tid_size = 1,
	};

	calls_room(calls, 1, sizeof(args) + sizeof(member->vpid));
	args.set_tid = calls_put(calls, &member->vpid, sizeof(member->vpid)).at;
	struct remote_ptr address = calls_put(calls, &args, sizeof(args));

	calls_expect(calls, "create a process with its number", member->vpid, SYS_clone3,
		     address.at, sizeof(args));
}

static int clone_child(struct restore *parent, const struct image_member *member,
		       struct refusal *refusal)
{
	int64_t deadline_ns = os_now_ns() + TAKEN_NS;

	for (;;) {
		calls_begin(&parent->calls, &parent->foothold, &parent->threads.tracee[0]);
		add_clone(&parent->calls, member);
		int r = calls_run(&parent->calls);

		if (r == 0)
			return 0;
		if (r != CALLS_E_FAILED || parent->calls.failed_result != -EEXIST)
			return calls_refuse(&parent->calls, r, "the process shell on the target",
					    refusal);
		if (os_now_ns() > deadline_ns)
			return refusal_set(refusal, EDVSBADPID,
					   "process number %d is taken on the target",
					   member->vpid);
		os_thread_sleep_ns(TAKEN_NAP_NS);
	}
}

/* The number here of the child that has this one in its pid namespace, or 0. */
static pid_t find_child(struct restore *parent, int32_t vpid)
{
	struct inventory lister = { .dir = parent->dir };
	struct source_children children = { 0 };
	pid_t found = 0;

	source_children_list(&children, &lister);
	for (uint32_t i = children.count; i-- > 0 && !found;)
		if (os_pid_innermost(children.child[i].pid) == vpid)
			found = children.child[i].pid;
	source_children_free(&children);
	procdir_text_free(&lister.text);
	return found;
}

static int open_child(struct restore *child)
{
	struct tracee *tracee = &child->threads.tracee[0];

	tracee->held = true;
	int r = tracee_await_stop(tracee, 0);

	if (r == 0)
		r = tracee_borrow(tracee);
	if (r)
		return r;
	child->dir = procdir_open(child->pid);
	if (child->dir < 0)
		return child->dir;
	child->mem = os_open_at(child->dir, "mem", OS_OPEN_BOTH);
	return child->mem < 0 ? child->mem : 0;
}

static int make_child(struct target_tree *tree, struct restore *parent,
		      const struct image_member *member, struct refusal *refusal)
{
	int r = clone_child(parent, member, refusal);

	if (r)
		return r;
	struct restore *child = target_tree_add(tree);
	pid_t pid = find_child(parent, member->vpid);

	if (!child || (pid && !threads_append(&child->threads, pid, member->vpid)))
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	child->pid = pid;
	child->foothold = parent->foothold;
	child->own.special_count = parent->own.special_count;
	memcpy(child->own.special, parent->own.special, sizeof(child->own.special));
	child->root = parent->root;
	child->sock = parent->sock;
	child->same_machine = parent->same_machine;
	child->lent = true;
	r = pid ? open_child(child) : -ESRCH;
	if (r)
		return refusal_set(refusal, EDVSPROCSTS, "the shell of process %d on the target %s",
				   member->vpid, tracee_result_text(tracee_result(r)));
	return 0;
}

/* One call in a shell that is nothing but a foothold. */
static int call(struct restore *restore, const char *what, long number, uint64_t first,
		uint64_t second, struct refusal *refusal)
{
	calls_begin(&restore->calls, &restore->foothold, &restore->threads.tracee[0]);
	calls_add(&restore->calls, what, CALL_OK, number, first, second);
	return restore_run(restore, refusal);
}

static int make_children(struct target_tree *tree, const struct members *members,
			 const struct image_member *parent, bool early, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 1; i < members->count && r == 0; i++) {
		const struct image_member *member = &members->member[i];
		bool older = members_birth_session(members, member) != parent->session;

		if (member->parent == parent->vpid && older == early)
			r = make_child(tree, target_tree_of(tree, parent->vpid), member, refusal);
	}
	return r;
}

/* Leaders of groups first. Until then the group of each shell has the number of its session. */
static int set_groups(struct target_tree *tree, const struct members *members, bool leaders,
		      struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 1; i < members->count && r == 0; i++) {
		const struct image_member *member = &members->member[i];
		bool leads = member->group == member->vpid;

		if (member->group == member->session || leads != leaders)
			continue;
		r = call(target_tree_of(tree, member->vpid), "join its process group", SYS_setpgid,
			 0, (uint64_t)member->group, refusal);
	}
	return r;
}

int target_shells_make(struct target_tree *tree, const struct members *members,
		       struct refusal *refusal)
{
	int r = 0;

	assert(tree->count == 1 && members->count);
	tree->process[0]->threads.vtid[0] = members->member[0].vpid;
	for (uint32_t i = 0; i < members->count && r == 0; i++) {
		const struct image_member *member = &members->member[i];

		r = make_children(tree, members, member, true, refusal);
		if (r == 0 && i && member->session == member->vpid)
			r = call(target_tree_of(tree, member->vpid), "make its session", SYS_setsid,
				 0, 0, refusal);
		if (r == 0)
			r = make_children(tree, members, member, false, refusal);
	}
	if (r == 0)
		r = set_groups(tree, members, true, refusal);
	return r ? r : set_groups(tree, members, false, refusal);
}

/* The default of this signal is to be ignored, and setting it forgets one that is pending. */
void target_shells_add_forgetting(struct calls *calls)
{
	const struct image_sigaction none = { 0 };

	calls_room(calls, 1, sizeof(none));
	struct remote_ptr address = calls_put(calls, &none, sizeof(none));

	calls_add(calls, "forget the news of a child", CALL_OK, SYS_rt_sigaction, SIGCHLD,
		  address.at, 0, SIGNAL_SET_BYTES);
}

/* The end of a shell, which its parent takes note of and forgets. */
static int unmake_one(struct target_tree *tree, struct restore *restore, struct refusal *refusal)
{
	int32_t vpid = restore->threads.vtid[0];
	const struct image_member *member = members_find(tree->offered, vpid);

	assert(member && restore->threads.count);
	struct restore *parent = target_tree_of(tree, member->parent);

	threads_kill(&restore->threads);
	calls_begin(&parent->calls, &parent->foothold, &parent->threads.tracee[0]);
	calls_expect(&parent->calls, "take note of an end", vpid, SYS_wait4, (uint64_t)vpid, 0,
		     __WALL, 0);
	target_shells_add_forgetting(&parent->calls);
	return restore_run(parent, refusal);
}

int target_shells_unmake(struct target_tree *tree, struct refusal *refusal)
{
	int r = 0;

	while (tree->count > 1 && r == 0) {
		r = unmake_one(tree, tree->process[tree->count - 1], refusal);
		target_tree_forget_last(tree);
	}
	tree->offered = NULL;
	return r;
}
