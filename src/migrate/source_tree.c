/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/source_tree.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/descriptors_source.h"
#include "migrate/object_records.h"
#include "migrate/source_members.h"
#include "os/clock.h"
#include "os/pid.h"
#include "os/thread.h"

#define CHECK_NS      1000000000
#define HOLD_NS	      1000000000
#define OFFSPRING_MAX (2 * IMAGE_MEMBERS_MAX) /* some of them may be found to have ended */
#define AGAIN_NS      20000000
#define ENDS_NS	      1000000

/* The processes of a tree, found anew: those that were known before are taken over. */
struct finder {
	struct source_tree *tree;
	const struct migrate_host *host;
	struct source_process **known; /* owned; NULL: taken over */
	uint32_t known_count;
	uint32_t new_count;
	uint32_t walked;     /* of so many, the first, the children are known */
	int64_t deadline_ns; /* 0: they are not stopped */
	uint64_t *first_stop_ns;
	struct refusal *refusal;
};

static int append(struct source_tree *tree, struct source_process *process)
{
	if (tree->count == IMAGE_MEMBERS_MAX)
		return -E2BIG;
	if (tree->count == tree->capacity) {
		uint32_t capacity = tree->capacity ? tree->capacity * 2 : 4;
		struct source_process **bigger = realloc(tree->process, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		tree->process = bigger;
		struct inventory **inventories =
			realloc(tree->inventory, capacity * sizeof(*inventories));

		if (!inventories)
			return -ENOMEM;
		tree->inventory = inventories;
		tree->capacity = capacity;
	}
	assert(tree->count < tree->capacity);
	tree->inventory[tree->count] = &process->inventory;
	tree->process[tree->count++] = process;
	return 0;
}

static bool is_noted(const struct source_tree *tree, pid_t pid)
{
	for (uint32_t i = 0; i < tree->ended_count; i++)
		if (tree->ended[i].pid == pid)
			return true;
	return false;
}

static int note_ended(struct source_tree *tree, pid_t pid, uint32_t parent)
{
	/* The init takes note of an orphan. */
	if (parent == SOURCE_ORPHAN || is_noted(tree, pid))
		return 0;
	if (tree->ended_count == tree->ended_capacity) {
		uint32_t capacity = tree->ended_capacity ? tree->ended_capacity * 2 : 4;
		struct source_ended *bigger = realloc(tree->ended, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		tree->ended = bigger;
		tree->ended_capacity = capacity;
	}
	assert(pid > 0);
	tree->ended[tree->ended_count++] = (struct source_ended){ pid, parent };
	return 0;
}

/* One that is known, if that is not another process that had its number, or NULL. */
static struct source_process *take_known(struct finder *finder, pid_t pid)
{
	for (uint32_t i = 0; i < finder->known_count; i++) {
		struct source_process *process = finder->known[i];

		if (!process || process->pid != pid)
			continue;
		finder->known[i] = NULL;
		return procdir_ended(process->inventory.dir) ? source_process_free(process)
							     : process;
	}
	return NULL;
}

/* 0, 1: it is gone, or a refusal. */
static int open_new(struct finder *finder, pid_t pid, struct source_process **processp)
{
	struct refusal why = REFUSAL_NONE;
	struct source_process *process = source_process_new(pid);

	if (!process)
		return refusal_set(finder->refusal, EDVSNOMEM, "out of memory");
	int r = source_process_open(process, &finder->tree->tables, &why);

	if (r == 0)
		r = inventory_threads(&process->inventory) < 0;
	if (r) {
		source_process_free(process);
		if (r < 0 && why.error != EDVSSRCH)
			return refusal_set_number(finder->refusal, why.error, "%s", why.reason);
		return 1;
	}
	process->inventory.is_child = true;
	finder->new_count++;
	*processp = process;
	return 0;
}

static int add_child(struct finder *finder, uint32_t parent, const struct source_child *child)
{
	struct source_process *process = NULL;
	pid_t pid = child->pid;

	if (source_members_has_ended(pid))
		return note_ended(finder->tree, pid, parent) < 0
			       ? refusal_set(finder->refusal, EDVSNOMEM, "out of memory")
			       : 0;
	process = take_known(finder, pid);
	int r = process ? 0 : open_new(finder, pid, &process);

	if (r)
		return r < 0 ? r : 0;
	process->parent = parent;
	process->inventory.parent =
		parent == SOURCE_ORPHAN ? NULL : finder->tree->inventory[parent];
	process->inventory.is_of_thread = child->is_of_thread;
	r = append(finder->tree, process);
	if (r < 0) {
		source_process_free(process);
		return r == -ENOMEM
			       ? refusal_set(finder->refusal, EDVSNOMEM, "out of memory")
			       : refusal_set(finder->refusal, EDVSPROCSTS,
					     "the process has more than %u descendants, which is "
					     "the most that can move with it",
					     IMAGE_MEMBERS_MAX - 1);
	}
	return 0;
}

static int add_children(struct finder *finder, uint32_t parent)
{
	struct source_children children = { 0 };
	int r = source_children_list(&children, finder->tree->inventory[parent]);

	if (r < 0 && r != -ENOMEM)
		r = 0; /* it has ended, which is found later */
	if (r < 0)
		r = refusal_set(finder->refusal, EDVSNOMEM, "out of memory");
	for (uint32_t i = 0; i < children.count && r == 0; i++)
		if (parent >= finder->walked ||
		    !source_tree_has(finder->tree, children.child[i].pid))
			r = add_child(finder, parent, &children.child[i]);
	source_children_free(&children);
	return r;
}

static int index_of(const struct source_tree *tree, pid_t pid)
{
	for (uint32_t i = 0; i < tree->count; i++)
		if (tree->process[i]->pid == pid)
			return (int)i;
	return -1;
}

/*
 * One that no walk has found: an orphan, or the child of a process which became its parent when its own one ended
 * (PR_SET_CHILD_SUBREAPER). Others are children that were born since, whose parents do not stand.
 */
static int add_stray(struct finder *finder, pid_t pid)
{
	struct source_tree *tree = finder->tree;
	pid_t parent = os_parent_of(pid);

	if (parent <= 0)
		return 0;
	if (parent == os_parent_of(tree->process[0]->pid))
		return add_child(finder, SOURCE_ORPHAN, &(struct source_child){ pid, false });
	int index = index_of(tree, parent);

	/* The children of one that is to be walked are found then. */
	return index < 0 || (uint32_t)index >= finder->walked
		       ? 0
		       : add_children(finder, (uint32_t)index);
}

/* Those that the host knows besides. */
static int add_strays(struct finder *finder)
{
	const struct migrate_host *host = finder->host;
	pid_t *pid = host->offspring ? calloc(OFFSPRING_MAX, sizeof(*pid)) : NULL;
	int r = 0;

	if (host->offspring && !pid)
		return refusal_set(finder->refusal, EDVSNOMEM, "out of memory");
	int count = pid ? host->offspring(host->ctx, pid, OFFSPRING_MAX) : 0;

	for (int i = 0; i < count && i < (int)OFFSPRING_MAX && r == 0; i++)
		if (!source_tree_has(finder->tree, pid[i]))
			r = add_stray(finder, pid[i]);
	free(pid);
	return r;
}

/* One that ends before it stands is a child that has ended, or nothing. */
static void leave_out(struct finder *finder, uint32_t index)
{
	struct source_tree *tree = finder->tree;
	struct source_process *process = tree->process[index];

	if (source_members_has_ended(process->pid))
		note_ended(tree, process->pid, process->parent);
	source_process_free(process);
	tree->count--;
	for (uint32_t i = index; i < tree->count; i++) {
		tree->process[i] = tree->process[i + 1];
		tree->inventory[i] = tree->inventory[i + 1];
	}
}

/* Whether it has ended, or is about to: that is waited for. */
static bool ends(const struct finder *finder, const struct source_process *process, int error)
{
	for (;;) {
		if (source_members_has_ended(process->pid) || procdir_ended(process->inventory.dir))
			return true;
		if (error != EDVSSRCH || os_now_ns() > finder->deadline_ns)
			return false;
		os_thread_sleep_ns(ENDS_NS);
	}
}

/* 0, 1: it is left out, or a refusal. */
static int stop(struct finder *finder, uint32_t index)
{
	struct source_process *process = finder->tree->process[index];
	struct refusal why = REFUSAL_NONE;
	uint64_t later;

	if (!finder->deadline_ns)
		return 0;
	if (os_now_ns() > finder->deadline_ns)
		return refusal_set(finder->refusal, EDVSBUSY,
				   "the process and its descendants start processes faster than "
				   "they can be stopped; try again");
	int r = source_process_stop(process, index ? &later : finder->first_stop_ns, &why);

	if (r == 0)
		return 0;
	if (index && ends(finder, process, why.error)) {
		leave_out(finder, index);
		return 1;
	}
	const struct inventories all = source_tree_inventories(finder->tree);

	inventories_name(&all, index, r, &why);
	return refusal_set_number(finder->refusal, why.error, "%s", why.reason);
}

/* Each is stopped before its children are listed. 0 or a refusal. */
static int walk(struct finder *finder)
{
	int r = 0;

	while (finder->walked < finder->tree->count && r >= 0) {
		r = stop(finder, finder->walked);
		if (r == 0)
			r = add_children(finder, finder->walked);
		if (r == 0)
			finder->walked++;
	}
	return r < 0 ? r : 0;
}

static int find(struct finder *finder)
{
	struct source_tree *tree = finder->tree;
	int r = 0;

	finder->known = tree->process;
	finder->known_count = tree->count;
	struct source_process *first = finder->known[0];

	tree->process = NULL;
	tree->count = tree->capacity = tree->ended_count = 0;
	if (append(tree, first) < 0) {
		tree->process = finder->known;
		tree->count = finder->known_count;
		return refusal_set(finder->refusal, EDVSNOMEM, "out of memory");
	}
	finder->known[0] = NULL;
	do {
		r = walk(finder);
		if (r == 0)
			r = add_strays(finder);
	} while (r == 0 && finder->walked < tree->count);
	for (uint32_t i = 0; i < finder->known_count; i++)
		source_process_free(finder->known[i]);
	free(finder->known);
	return r < 0 ? r : 0;
}

static int append_member(struct source_tree *tree, const struct image_member *member,
			 struct refusal *refusal)
{
	int r = image_member_ok(member) ? members_append(&tree->tables.members, member) : -EBADMSG;

	if (r == 0)
		return 0;
	if (r == -ENOMEM)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	return refusal_set(refusal, EDVSPROCSTS,
			   "process %d of the container, which descends from the process, cannot "
			   "be made again on the target: its parent, its number or what it told "
			   "its parent is not what is expected",
			   member->vpid);
}

/* The records of them; whether their sessions and groups can be made again. */
static int describe(struct source_tree *tree, struct refusal *refusal)
{
	int r = 0;

	members_clear(&tree->tables.members);
	for (uint32_t i = 0; i < tree->count && r == 0; i++) {
		struct image_member member = tree->inventory[i]->member;

		if (i && tree->process[i]->parent != SOURCE_ORPHAN)
			member.parent = tree->inventory[tree->process[i]->parent]->process.vpid;
		r = append_member(tree, &member, refusal);
	}
	for (uint32_t i = 0; i < tree->ended_count && r == 0; i++) {
		struct image_member member;

		r = source_members_read_ended(tree->ended[i].pid, &member, refusal);
		if (r == 0 && member.status & 0x80)
			r = refusal_set(
				refusal, EDVSPROCSTS,
				"child process %d has ended with a core dump, and its parent "
				"has not taken note of that, which is not carried",
				(int)tree->ended[i].pid);
		member.parent = tree->inventory[tree->ended[i].parent]->process.vpid;
		if (r == 0)
			r = append_member(tree, &member, refusal);
	}
	const struct image_member *misplaced = r ? NULL : members_misplaced(&tree->tables.members);

	if (misplaced)
		r = refusal_set(refusal, EDVSPROCSTS,
				"process %d of the container, which descends from the process, is "
				"in a session or process group whose leader is not in it any more, "
				"so that it cannot be made again on the target",
				misplaced->vpid);
	return r;
}

int source_tree_init(struct source_tree *tree, pid_t pid)
{
	*tree = (struct source_tree){ 0 };
	struct source_process *process = source_process_new(pid);

	if (process && append(tree, process) == 0)
		return 0;
	source_process_free(process);
	source_tree_deinit(tree);
	return -ENOMEM;
}

void source_tree_deinit(struct source_tree *tree)
{
	source_tree_release(tree);
	while (tree->count)
		source_process_free(tree->process[--tree->count]);
	free(tree->process);
	free(tree->ended);
	free(tree->inventory);
	tables_free(&tree->tables);
	*tree = (struct source_tree){ 0 };
}

struct inventories source_tree_inventories(struct source_tree *tree)
{
	assert(tree->count);
	return (struct inventories){ tree->inventory, tree->count, &tree->tables };
}

/* *samep: whether they are those that were known before. */
static int check_once(struct source_tree *tree, const struct migrate_host *host, bool *samep,
		      struct refusal *refusal)
{
	struct finder finder = { .tree = tree, .host = host, .refusal = refusal };
	int r = find(&finder);

	*samep = r == 0 && finder.new_count == 0 && tree->count == finder.known_count;
	if (r)
		return r;
	const struct inventories all = source_tree_inventories(tree);

	r = inventories_read(&all, host, true, refusal);
	return r ? r : describe(tree, refusal);
}

static bool is_said_again(const struct refusal *before, const struct refusal *now)
{
	assert(now->error);
	return strcmp(before->reason, now->reason) == 0;
}

/*
 * They run meanwhile. A process that starts or ends another one shows things that are over a moment later: an end of a
 * pipe that its child has not closed yet, one memory of both. So a refusal stands if it is found again, with the same
 * processes, AGAIN_NS later.
 */
int source_tree_check(struct source_tree *tree, const struct migrate_host *host,
		      struct refusal *refusal)
{
	int64_t deadline_ns = os_now_ns() + CHECK_NS;
	struct refusal before = REFUSAL_NONE; /* of the same processes, AGAIN_NS ago */
	int r = source_process_open(tree->process[0], &tree->tables, refusal);

	if (r)
		return r;
	for (;;) {
		bool same;

		r = check_once(tree, host, &same, refusal);
		if (r == 0 || (same && is_said_again(&before, refusal)) ||
		    procdir_ended(tree->inventory[0]->dir))
			return r;
		if (os_now_ns() > deadline_ns)
			break;
		before = same ? *refusal : REFUSAL_NONE;
		refusal_clear(refusal);
		if (same)
			os_thread_sleep_ns(AGAIN_NS);
	}
	if (source_tree_is_whole(tree))
		return r;
	refusal_clear(refusal);
	return refusal_set(refusal, EDVSBUSY,
			   "the process and its descendants start and end processes faster than "
			   "they can be looked at; try again");
}

int source_tree_hold(struct source_tree *tree, const struct migrate_host *host,
		     uint64_t *first_stop_ns, struct refusal *refusal)
{
	struct finder finder = { .tree = tree,
				 .host = host,
				 .deadline_ns = os_now_ns() + HOLD_NS,
				 .first_stop_ns = first_stop_ns,
				 .refusal = refusal };
	int r = find(&finder);

	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = source_process_borrow(tree->process[i], refusal);
	if (finder.new_count)
		tree->inventory[0]->others = 0;
	if (r)
		source_tree_release(tree);
	return r;
}

void source_tree_gather(struct source_tree *tree, const struct os_affinity *here)
{
	for (uint32_t i = 0; i < tree->count; i++)
		source_process_gather(tree->process[i], here);
}

static int named(struct source_tree *tree, uint32_t index, int r, struct refusal *refusal)
{
	const struct inventories all = source_tree_inventories(tree);

	return inventories_name(&all, index, r, refusal);
}

int source_tree_enter(struct source_tree *tree, const struct migrate_host *host,
		      struct refusal *refusal)
{
	const struct inventories all = source_tree_inventories(tree);
	int r = inventories_read(&all, host, false, refusal);

	if (r == 0)
		r = describe(tree, refusal);
	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = named(tree, i, source_process_enter(tree->process[i], host, refusal), refusal);
	return r;
}

/* The news of its children that this process has not asked for yet: as a rule there are none. */
static int ask_news(struct source_tree *tree, uint32_t index, struct refusal *refusal)
{
	struct source_process *parent = tree->process[index];
	enum image_news news = IMAGE_NEWS_NONE;
	int r = source_process_news(parent, 0, &news, refusal);
	bool any = news != IMAGE_NEWS_NONE;

	for (uint32_t i = index + 1; i < tree->count && any && r == 0; i++) {
		if (tree->process[i]->parent != index)
			continue;
		r = source_process_news(parent, tree->inventory[i]->process.vpid, &news, refusal);
		tree->process[i]->news = news;
	}
	return r;
}

int source_tree_ask(struct source_tree *tree, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = named(tree, i, source_process_ask(tree->process[i], refusal), refusal);
	for (uint32_t i = 0; i < tree->count && tree->count > 1 && r == 0; i++)
		r = named(tree, i, ask_news(tree, i, refusal), refusal);
	return r;
}

static int complete(struct source_tree *tree, struct refusal *refusal)
{
	int r = sysv_take(&tree->tables.sysv, refusal);

	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = named(tree, i, source_process_take_undo(tree->process[i], refusal), refusal);
	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = named(tree, i, source_process_complete(tree->process[i], false, refusal),
			  refusal);
	if (r == 0)
		r = descriptors_complete_passed(&tree->tables, refusal);
	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = named(tree, i, source_process_complete(tree->process[i], true, refusal),
			  refusal);
	return r;
}

int source_tree_send(struct source_tree *tree, const struct os_affinity *every_cpu,
		     struct writer *writer, uint64_t *page_count, struct refusal *refusal)
{
	int r = complete(tree, refusal);

	if (r)
		return r;
	const struct inventories all = source_tree_inventories(tree);

	*page_count = 0;
	object_records_send(&tree->tables, false, writer);
	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = named(tree, i,
			  source_process_send(tree->process[i], &all, i, every_cpu, writer,
					      page_count, refusal),
			  refusal);
	return r;
}

int source_tree_try(struct source_tree *tree, struct refusal *refusal)
{
	int r = complete(tree, refusal);

	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = named(tree, i, source_process_try(tree->process[i], refusal), refusal);
	return r;
}

void source_tree_release(struct source_tree *tree)
{
	for (uint32_t i = tree->count; i-- > 0;)
		source_process_release(tree->process[i]);
}

bool source_tree_has(const struct source_tree *tree, pid_t pid)
{
	for (uint32_t i = 0; i < tree->count; i++)
		if (tree->process[i]->pid == pid)
			return true;
	return false;
}

bool source_tree_is_whole(const struct source_tree *tree)
{
	for (uint32_t i = 0; i < tree->count; i++)
		if (source_members_has_ended(tree->process[i]->pid) ||
		    procdir_ended(tree->inventory[i]->dir))
			return false;
	return true;
}

uint64_t source_tree_kill(struct source_tree *tree)
{
	uint64_t late = 0;

	assert(tree->count);
	for (uint32_t i = tree->count; i-- > 0;)
		late = source_process_kill(tree->process[i]);
	return late;
}
