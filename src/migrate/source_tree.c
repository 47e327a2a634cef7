/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/source_tree.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/descriptors_source.h"
#include "migrate/object_records.h"
#include "migrate/source_finder.h"
#include "migrate/source_members.h"
#include "migrate/write_back.h"
#include "os/clock.h"
#include "os/thread.h"

#define CHECK_NS 1000000000
#define HOLD_NS	 1000000000
#define AGAIN_NS 20000000

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
	int r = source_finder_begin(tree, pid);

	if (r < 0)
		source_tree_deinit(tree);
	return r;
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
	struct source_finder finder = { .tree = tree, .host = host, .refusal = refusal };
	int r = source_finder_find(&finder);

	*samep = r == 0 && finder.new_count == 0 && tree->count == finder.known_count;
	if (r)
		return r;
	const struct inventories all = source_tree_inventories(tree);

	r = inventories_read(&all, host, true, refusal);
	if (r == 0)
		r = write_back_mapped(&tree->tables.files, tree->inventory[0]->dir, false, refusal);
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
	struct source_finder finder = { .tree = tree,
					.host = host,
					.deadline_ns = os_now_ns() + HOLD_NS,
					.first_stop_ns = first_stop_ns,
					.refusal = refusal };
	int r = source_finder_find(&finder);

	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = source_process_borrow(tree->process[i], refusal);
	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = source_process_receive(tree->process[i], refusal);
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

/* The process that has the memory of this one first. */
static const struct source_process *holder_of(const struct source_tree *tree, uint32_t index)
{
	while (tree->inventory[index]->member.shares & IMAGE_SHARES_MEMORY)
		index = tree->process[index]->parent;
	assert(index < tree->count);
	return tree->process[index];
}

int source_tree_enter(struct source_tree *tree, const struct migrate_host *host,
		      struct refusal *refusal)
{
	const struct inventories all = source_tree_inventories(tree);
	int r = inventories_read(&all, host, false, refusal);

	if (r == 0)
		r = describe(tree, refusal);
	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = named(tree, i,
			  source_process_enter(tree->process[i], holder_of(tree, i), host, refusal),
			  refusal);
	return r;
}

static bool has_child(const struct source_tree *tree, uint32_t index)
{
	bool has = false;

	for (uint32_t i = index + 1; i < tree->count && !has; i++)
		has = tree->process[i]->parent == index;
	return has;
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
	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		if (has_child(tree, i))
			r = named(tree, i, ask_news(tree, i, refusal), refusal);
	return r;
}

static int complete(struct source_tree *tree, struct refusal *refusal)
{
	int r = sysv_take(&tree->tables.sysv, refusal);

	if (r == 0)
		r = write_back_mapped(&tree->tables.files, tree->inventory[0]->dir, true, refusal);
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
	return source_finder_index(tree, pid) >= 0;
}

bool source_tree_is_whole(const struct source_tree *tree)
{
	for (uint32_t i = 0; i < tree->count; i++)
		if (procdir_ended(tree->inventory[i]->dir))
			return false;
	return true;
}

uint64_t source_tree_kill(struct source_tree *tree)
{
	uint64_t late = 0;

	assert(tree->count);
	/* Before the first one ends: some are told of the ends of others. */
	for (uint32_t i = 0; i < tree->count; i++)
		source_process_look_late(tree->process[i]);
	for (uint32_t i = tree->count; i-- > 0;)
		late = source_process_kill(tree->process[i]);
	return late;
}
