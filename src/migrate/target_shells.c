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

/*
 * How the shell of a process is made: by `maker`, as its child, or (orphan) as a child of the maker's own parent, which
 * is the init then.
 */
struct birth {
	struct restore *maker;
	bool orphan;
	int32_t vpid; /* 0: any number */
	uint32_t exit_signal;
	uint32_t shares; /* enum image_shares */
};

static uint32_t add_clone(struct calls *calls, const struct birth *birth)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
		uint64_t set_tid, set_tid_size, cgroup;
	} args = {
		.flags = CLONE_PTRACE | (birth->orphan ? CLONE_PARENT : 0) |
			 (birth->shares & IMAGE_SHARES_FILES ? CLONE_FILES : 0) |
			 (birth->shares & IMAGE_SHARES_FS ? CLONE_FS : 0) |
			 (birth->shares & IMAGE_SHARES_MEMORY ? CLONE_VM : 0) |
			 (birth->shares & IMAGE_SHARES_HANDLERS ? CLONE_SIGHAND : 0),
		.exit_signal = birth->orphan ? 0 : birth->exit_signal,
		.set_tid_size = birth->vpid ? 1 : 0,
	};

	calls_room(calls, 1, sizeof(args) + sizeof(birth->vpid));
	if (birth->vpid)
		args.set_tid = calls_put(calls, &birth->vpid, sizeof(birth->vpid)).at;
	struct remote_ptr address = calls_put(calls, &args, sizeof(args));

	if (!birth->vpid)
		return calls_add(calls, "create a process", CALL_OK, SYS_clone3, address.at,
				 sizeof(args));
	return calls_expect(calls, "create a process with its number", birth->vpid, SYS_clone3,
			    address.at, sizeof(args));
}

/* Its number, or a refusal. */
static int32_t clone_child(const struct birth *birth, struct refusal *refusal)
{
	struct restore *maker = birth->maker;
	int64_t deadline_ns = os_now_ns() + TAKEN_NS;

	for (;;) {
		calls_begin(&maker->calls, &maker->foothold, &maker->threads.tracee[0]);
		uint32_t call = add_clone(&maker->calls, birth);
		int r = calls_run(&maker->calls);

		if (r == 0)
			return (int32_t)calls_result(&maker->calls, call);
		if (r != CALLS_E_FAILED || maker->calls.failed_result != -EEXIST)
			return calls_refuse(&maker->calls, r, "the process shell on the target",
					    refusal);
		if (os_now_ns() > deadline_ns)
			return refusal_set(refusal, EDVSBADPID,
					   "process number %d is taken on the target", birth->vpid);
		os_thread_sleep_ns(TAKEN_NAP_NS);
	}
}

/* The number here of the child that has this one in its pid namespace, or 0. dir: of the parent. */
static pid_t find_child(int dir, int32_t vpid)
{
	struct inventory lister = { .dir = dir };
	struct source_children children = { 0 };
	pid_t found = 0;

	assert(vpid > 0);
	if (dir >= 0)
		source_children_list(&children, &lister);
	for (uint32_t i = children.count; i-- > 0 && !found;)
		if (os_pid_innermost(children.child[i].pid) == vpid)
			found = children.child[i].pid;
	source_children_free(&children);
	procdir_text_free(&lister.text);
	return found;
}

static int init_of(struct target_tree *tree)
{
	if (tree->init < 0)
		tree->init = procdir_open(os_parent_of(tree->process[0]->pid));
	return tree->init;
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

/* *childp may be NULL. */
static int make_child(struct target_tree *tree, const struct birth *birth, struct restore **childp,
		      struct refusal *refusal)
{
	struct restore *maker = birth->maker;
	int32_t vpid = clone_child(birth, refusal);

	if (vpid < 0)
		return vpid;
	struct restore *child = target_tree_add(tree);
	pid_t pid = find_child(birth->orphan ? init_of(tree) : maker->dir, vpid);

	if (!child || (pid && !threads_append(&child->threads, pid, vpid)))
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	child->pid = pid;
	child->reaper = birth->orphan ? 0 : maker->threads.vtid[0];
	child->foothold = maker->foothold;
	child->own.special_count = maker->own.special_count;
	memcpy(child->own.special, maker->own.special, sizeof(child->own.special));
	child->root = maker->root;
	child->sock = maker->sock;
	child->same_machine = maker->same_machine;
	child->held = maker->held;
	child->carried = maker->carried;
	child->offered = maker->offered;
	child->lent = true;
	target_tree_share(child, maker, birth->shares);
	int r = pid ? open_child(child) : -ESRCH;

	if (r)
		return refusal_set(refusal, EDVSPROCSTS, "the shell of process %d on the target %s",
				   vpid, tracee_result_text(tracee_result(r)));
	if (childp)
		*childp = child;
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

/* The default of this signal is to be ignored, and setting it forgets one that is pending. */
static void add_forgetting(struct calls *calls)
{
	const struct image_sigaction none = { 0 };

	calls_room(calls, 1, sizeof(none));
	struct remote_ptr address = calls_put(calls, &none, sizeof(none));

	calls_add(calls, "forget the news of a child", CALL_OK, SYS_rt_sigaction, SIGCHLD,
		  address.at, 0, SIGNAL_SET_BYTES);
}

int target_shells_forget_news(struct restore *parent, struct refusal *refusal)
{
	calls_begin(&parent->calls, &parent->foothold, &parent->threads.tracee[0]);
	add_forgetting(&parent->calls);
	return restore_run(parent, refusal);
}

/* The end of a shell, of which its parent takes note, and forgets that it was told. */
static int end_shell(struct target_tree *tree, uint32_t index, struct refusal *refusal)
{
	struct restore *restore = tree->process[index];
	struct restore *reaper = target_tree_of(tree, restore->reaper);
	int32_t vpid = restore->threads.vtid[0];
	int r = 0;

	assert(restore->threads.count && (reaper || !restore->reaper));
	threads_kill(&restore->threads);
	if (reaper) {
		calls_begin(&reaper->calls, &reaper->foothold, &reaper->threads.tracee[0]);
		calls_expect(&reaper->calls, "take note of an end", vpid, SYS_wait4, (uint64_t)vpid,
			     0, __WALL, 0);
		add_forgetting(&reaper->calls);
		r = restore_run(reaper, refusal);
	}
	target_tree_forget(tree, index);
	return r;
}

/* All that make each other. */
struct family {
	struct target_tree *tree;
	const struct tables *tables;
	const struct members *members;
	int32_t birth[IMAGE_MEMBERS_MAX]; /* as members_births() */
	struct members gone; /* leaders that have gone: their shells end when the others are made */
	bool *had_turn;	     /* owned; of members, then of those that have gone */
	struct refusal *refusal;
};

static uint32_t family_count(const struct family *family)
{
	return family->members->count + family->gone.count;
}

static const struct image_member *family_at(const struct family *family, uint32_t index)
{
	const struct members *members = family->members;

	assert(index < family_count(family));
	return index < members->count ? &members->member[index]
				      : &family->gone.member[index - members->count];
}

static int make_children(struct family *family, const struct image_member *parent, bool early)
{
	const struct members *members = family->members;
	int r = 0;

	for (uint32_t i = 1; i < members->count && r == 0; i++) {
		const struct image_member *member = &members->member[i];

		if (member->parent != parent->vpid)
			continue;
		const struct birth birth = { target_tree_of(family->tree, parent->vpid), false,
					     member->vpid, member->exit_signal, member->shares };
		bool older = family->birth[i] != parent->session;

		if (older == early)
			r = make_child(family->tree, &birth, NULL, family->refusal);
	}
	return r;
}

static int make_passing(struct family *family, const struct birth *birth, struct restore **madep)
{
	int r = make_child(family->tree, birth, madep, family->refusal);

	if (r == 0)
		(*madep)->passing = true;
	return r;
}

/* One with a number that nobody is to have. */
static int make_between(struct family *family, struct restore *maker, struct restore **madep)
{
	const struct birth birth = { .maker = maker };
	int r = make_passing(family, &birth, madep);

	while (r == 0 && (members_find(family->members, (*madep)->threads.vtid[0]) ||
			  members_find(&family->gone, (*madep)->threads.vtid[0]))) {
		r = end_shell(family->tree, family->tree->count - 1, family->refusal);
		if (r == 0)
			r = make_passing(family, &birth, madep);
	}
	return r;
}

/*
 * An orphan that is born in the session of this leader. One that is not the init's child has another one make it, which
 * ends: then it is.
 */
static int make_orphan(struct family *family, const struct image_member *leader, int32_t vpid,
		       bool passing)
{
	struct birth birth = { .maker = target_tree_of(family->tree, leader->vpid),
			       .orphan = !leader->parent,
			       .vpid = vpid };
	struct restore *made = NULL;
	int r = 0;

	assert(vpid > 0);
	if (leader->parent)
		r = make_between(family, birth.maker, &birth.maker);
	if (r == 0)
		r = make_child(family->tree, &birth, &made, family->refusal);
	if (r)
		return r;
	made->passing = passing;
	made->reaper = 0; /* when its maker has ended */
	return 0;
}

/* Of a leader that has gone it is not known, and that of the first does. */
static int32_t birth_of(const struct family *family, uint32_t index)
{
	const struct image_member *member = family_at(family, index);

	if (index < family->members->count)
		return family->birth[index];
	return member->session == member->vpid ? family->members->member[0].session
					       : member->session;
}

/* The leader of a session makes the orphans that are born in it. */
static int make_orphans(struct family *family, const struct image_member *maker)
{
	int r = 0;

	assert(family->members->count);
	for (uint32_t i = 1; i < family_count(family) && r == 0; i++) {
		const struct image_member *member = family_at(family, i);
		bool passing = i >= family->members->count;

		if (!passing && member->parent)
			continue;
		if (birth_of(family, i) == maker->vpid)
			r = make_orphan(family, maker, member->vpid, passing);
	}
	return r;
}

/* Leaders of groups first. Until then the group of each shell has the number of its session. */
static int set_groups(struct family *family, bool leaders)
{
	int r = 0;

	for (uint32_t i = 1; i < family_count(family) && r == 0; i++) {
		const struct image_member *member = family_at(family, i);
		bool leads = member->group == member->vpid;

		if (member->group == member->session || leads != leaders)
			continue;
		r = call(target_tree_of(family->tree, member->vpid), "join its process group",
			 SYS_setpgid, 0, (uint64_t)member->group, family->refusal);
	}
	return r;
}

/* Those that are born later inherit it. */
static int take_terminal(const struct family *family, const struct image_member *leader)
{
	const struct description *description =
		terminals_of_session(&family->tables->descriptions, leader->vpid);

	assert(leader->session == leader->vpid);
	if (!description)
		return 0;
	const struct terminal_master master = terminals_read_master(&description->image);

	return restore_terminal_take(target_tree_of(family->tree, leader->vpid), &master,
				     family->refusal);
}

/* A process that is there makes all that it is to make. */
static int take_turn(struct family *family, const struct image_member *member)
{
	bool leads = member->session == member->vpid;
	int r = make_children(family, member, true);

	if (r == 0 && leads && member != &family->members->member[0])
		r = call(target_tree_of(family->tree, member->vpid), "make its session", SYS_setsid,
			 0, 0, family->refusal);
	if (r == 0 && leads)
		r = take_terminal(family, member);
	if (r == 0)
		r = make_children(family, member, false);
	return r == 0 && leads ? make_orphans(family, member) : r;
}

/* The leader of an orphan's session may come after the orphan in the list. */
static int take_turns(struct family *family)
{
	uint32_t turns = 1;
	int r = 0;

	while (turns && r == 0) {
		turns = 0;
		for (uint32_t i = 0; i < family_count(family) && r == 0; i++) {
			const struct image_member *member = family_at(family, i);

			if (family->had_turn[i] || !target_tree_of(family->tree, member->vpid))
				continue;
			family->had_turn[i] = true;
			turns++;
			r = take_turn(family, member);
		}
	}
	for (uint32_t i = 0; i < family_count(family) && r == 0; i++)
		if (!family->had_turn[i])
			r = refusal_set(family->refusal, EDVSIO,
					"the image is damaged: no process makes process %d",
					family_at(family, i)->vpid);
	return r;
}

static int end_passing(struct target_tree *tree, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = tree->count; i-- > 1 && r == 0;)
		if (tree->process[i]->passing)
			r = end_shell(tree, i, refusal);
	return r;
}

int target_shells_make(struct target_tree *tree, const struct tables *tables,
		       struct refusal *refusal)
{
	const struct members *members = &tables->members;
	struct family family = {
		.tree = tree, .tables = tables, .members = members, .refusal = refusal
	};
	int r = members_find_gone(members, &family.gone);

	assert(tree->count == 1 && members->count);
	members_births(members, family.birth);
	tree->process[0]->threads.vtid[0] = members->member[0].vpid;
	family.had_turn = calloc(family_count(&family), sizeof(*family.had_turn));
	if (r < 0 || !family.had_turn)
		r = refusal_set(refusal, EDVSNOMEM, "out of memory");
	if (r == 0)
		r = take_turns(&family);
	if (r == 0)
		r = set_groups(&family, true);
	if (r == 0)
		r = set_groups(&family, false);
	members_free(&family.gone);
	free(family.had_turn);
	return r ? r : end_passing(tree, refusal);
}

int target_shells_unmake(struct target_tree *tree, struct refusal *refusal)
{
	int r = 0;

	while (tree->count > 1 && r == 0)
		r = end_shell(tree, tree->count - 1, refusal);
	tree->offered = NULL;
	return r;
}
