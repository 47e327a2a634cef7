/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shell that is entered is a foothold and the kernel's own mappings, so that its copy is the shell of a
 * child: CLONE_PTRACE makes it start stopped and traced, with the foothold of its parent. Where the layout of
 * a child has no gap there, the foothold moves before the layout is restored.
 */
#include "migrate/target_tree.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/inventory.h"
#include "migrate/source_members.h"
#include "os/affinity.h"
#include "os/clock.h"
#include "os/kernel.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"
#include "os/thread.h"

#define CORE_LIMIT	 4 /* RLIMIT_CORE */
#define SIGNAL_SET_BYTES 8
#define TAKEN_NS \
	1000000000 /* remains of the process itself, which has just left, may have the number */
#define TAKEN_NAP_NS 1000000

static struct restore *restore_free(struct restore *restore)
{
	if (!restore)
		return NULL;
	assert(restore->threads.count == 0);
	threads_free(&restore->threads);
	calls_deinit(&restore->calls);
	restore_deinit(restore);
	picture_free(&restore->picture);
	maps_free(&restore->own);
	os_close(restore->mem);
	os_close(restore->dir);
	free(restore);
	return NULL;
}

static struct restore *member_of(void *tree, int32_t vpid)
{
	return target_tree_of(tree, vpid);
}

static struct restore *add(struct target_tree *tree)
{
	if (tree->count == tree->capacity) {
		uint32_t capacity = tree->capacity ? tree->capacity * 2 : 4;
		struct restore **bigger = realloc(tree->process, capacity * sizeof(*bigger));

		if (!bigger)
			return NULL;
		tree->process = bigger;
		tree->capacity = capacity;
	}
	struct restore *restore = calloc(1, sizeof(*restore));

	if (!restore)
		return NULL;
	restore->host = tree->host;
	restore->member = member_of;
	restore->tree = tree;
	restore->picture.tables = &tree->tables;
	restore->dir = restore->sock = restore->mem = restore->root = -1;
	if (calls_init(&restore->calls) < 0) {
		free(restore);
		return NULL;
	}
	assert(tree->count < tree->capacity);
	tree->process[tree->count++] = restore;
	return restore;
}

int target_tree_init(struct target_tree *tree, const struct migrate_host *host)
{
	*tree = (struct target_tree){ .host = host };
	if (add(tree))
		return 0;
	free(tree->process);
	return -ENOMEM;
}

void target_tree_deinit(struct target_tree *tree)
{
	target_tree_kill(tree);
	while (tree->count)
		restore_free(tree->process[--tree->count]);
	free(tree->process);
	tables_free(&tree->tables);
	*tree = (struct target_tree){ 0 };
}

/* ---- the shells of children ---- */

struct restore *target_tree_of(const struct target_tree *tree, int32_t vpid)
{
	for (uint32_t i = 0; i < tree->count; i++)
		if (tree->process[i]->threads.count && tree->process[i]->threads.vtid[0] == vpid)
			return tree->process[i];
	return NULL;
}

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
	struct restore *child = add(tree);
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

static int make(struct target_tree *tree, const struct members *members, struct refusal *refusal)
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
static void add_forgetting(struct calls *calls)
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
	add_forgetting(&parent->calls);
	return restore_run(parent, refusal);
}

static int unmake(struct target_tree *tree, struct refusal *refusal)
{
	int r = 0;

	while (tree->count > 1 && r == 0) {
		struct restore *last = tree->process[tree->count - 1];

		r = unmake_one(tree, last, refusal);
		restore_free(last);
		tree->count--;
	}
	tree->offered = NULL;
	return r;
}

int target_tree_make_offered(struct target_tree *tree, const struct members *offered,
			     struct refusal *refusal)
{
	assert(!tree->offered);
	/* Another signal could not be forgotten, should they be made in vain. */
	for (uint32_t i = 1; i < offered->count; i++)
		if (offered->member[i].exit_signal && offered->member[i].exit_signal != SIGCHLD)
			return 0;
	tree->offered = offered;
	return make(tree, offered, refusal);
}

int target_tree_make(struct target_tree *tree, struct refusal *refusal)
{
	const struct members *members = &tree->tables.members;
	int r = 0;

	if (tree->offered && members_are_same(tree->offered, members))
		return 0;
	if (tree->offered)
		r = unmake(tree, refusal);
	return r ? r : make(tree, members, refusal);
}

static bool has_specials(const struct maps *maps, const struct maps *wanted)
{
	bool has = maps->special_count == wanted->special_count;

	for (uint32_t i = 0; has && i < maps->special_count; i++) {
		const struct image_special *there = maps_special(wanted, maps->special[i].name);

		has = there && there->length == maps->special[i].length;
	}
	return has;
}

int target_tree_enter(struct target_tree *tree, struct restore *restore, struct refusal *refusal)
{
	assert(restore->lent == (restore != tree->process[0]));
	if (!restore->lent)
		return 0;
	restore->memfd = tree->process[0]->memfd;
	if (!has_specials(&restore->own, &restore->picture.maps))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the kernel on the target has other vdso mappings: both nodes "
				   "need the same kernel");
	return restore_enter_copy(restore, &restore->picture.maps, refusal);
}

void target_tree_scatter(struct restore *restore, const struct os_affinity *affinity)
{
	for (uint32_t i = 0; i < restore->threads.count; i++)
		os_affinity_set(restore->threads.tracee[i].tid, affinity);
}

/* ---- those that have ended ---- */

/* By a signal: at a breakpoint any signal can take the place of the breakpoint's. */
static int end_one(struct restore *restore, uint32_t status, struct refusal *refusal)
{
	struct tracee *tracee = &restore->threads.tracee[0];
	int signal = (int)(status & 0x7f);
	int r = 0;

	if (signal) {
		calls_begin(&restore->calls, &restore->foothold, tracee);
		const struct image_rlimit none = { 0, 0 };
		struct remote_ptr limit = calls_put(&restore->calls, &none, sizeof(none));

		calls_add(&restore->calls, "end as it did", CALL_OK, SYS_prlimit64, 0, CORE_LIMIT,
			  limit.at, 0);
		r = calls_run(&restore->calls);
		if (r == 0 && (trace_set_signal_mask(tracee->tid, 0) < 0 ||
			       trace_continue(tracee->tid, signal) < 0))
			r = -ESRCH;
		tracee->stopped = false;
	} else {
		calls_begin(&restore->calls, &restore->foothold, tracee);
		calls_add(&restore->calls, "end as it did", CALL_OK, SYS_exit_group,
			  status >> 8 & 0xff);
		r = calls_run(&restore->calls);
		if (r == TRACEE_E_GONE)
			r = 0;
	}
	if (r == 0 && tracee->held)
		tracee_await_end(tracee);
	restore->threads.count = 0;
	return r == 0 ? 0
		      : refusal_set(refusal, EDVSPROCSTS,
				    "a child process that has ended cannot be made on the target");
}

static int forget_news(struct restore *parent, struct refusal *refusal)
{
	calls_begin(&parent->calls, &parent->foothold, &parent->threads.tracee[0]);
	add_forgetting(&parent->calls);
	return restore_run(parent, refusal);
}

int target_tree_end_ended(struct target_tree *tree, struct refusal *refusal)
{
	const struct members *members = &tree->tables.members;
	int r = 0;

	for (uint32_t i = 0; i < members->count && r == 0; i++) {
		const struct image_member *member = &members->member[i];
		struct restore *parent = target_tree_of(tree, member->parent);

		if (!member->ended)
			continue;
		assert(parent);
		r = end_one(target_tree_of(tree, member->vpid), member->status, refusal);
		/* The news of it has been told already, or is among the pending signals of the parent. */
		if (r == 0 && member->exit_signal == SIGCHLD)
			r = forget_news(parent, refusal);
	}
	return r;
}

void target_tree_decided(struct target_tree *tree, bool arrive)
{
	assert(tree->count);
	for (uint32_t i = 0; i < tree->count; i++)
		restore_files_decided(tree->process[i], arrive);
}

int target_tree_resume(struct target_tree *tree, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = tree->count; i-- > 0;) {
		struct threads *threads = &tree->process[i]->threads;

		for (uint32_t j = 0; j < threads->count; j++) {
			if (threads->tracee[j].stop_again)
				os_pid_signal(threads->tracee[j].tid, SIGSTOP);
			threads->tracee[j].borrowed =
				false; /* its registers are the process's now */
			if (trace_detach(threads->tracee[j].tid, 0) < 0)
				r = refusal_set(refusal, EDVSSRCH,
						"the process was killed before it could run on");
			threads->tracee[j].held = false;
		}
		threads->count = 0;
	}
	return r;
}

/* Children first: they are the init's then, which takes note of their ends when their parents have ended. */
void target_tree_kill(struct target_tree *tree)
{
	for (uint32_t i = tree->count; i-- > 0;)
		threads_kill(&tree->process[i]->threads);
}
