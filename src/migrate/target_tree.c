/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/target_shells.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "dvk/errors.h"
#include "os/affinity.h"
#include "os/kernel.h"
#include "os/pid.h"
#include "os/socket.h"

#define CORE_LIMIT 4 /* RLIMIT_CORE */

static struct restore *restore_free(struct restore *restore)
{
	if (!restore)
		return NULL;
	assert(restore->threads.count == 0);
	for (uint32_t i = 0; i < restore->table_count; i++) {
		restore->table[i]->threads = (struct threads){ 0 }; /* they are this one's */
		restore_free(restore->table[i]);
	}
	free(restore->table);
	threads_free(&restore->threads);
	calls_deinit(&restore->calls);
	restore_deinit(restore);
	free(restore->lock_lacks);
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

struct restore *target_tree_new(struct target_tree *tree)
{
	struct restore *restore = calloc(1, sizeof(*restore));

	if (!restore)
		return NULL;
	restore->host = tree->host;
	restore->member = member_of;
	restore->task = target_tree_task;
	restore->tree = tree;
	restore->terminals = &tree->terminals;
	restore->picture.tables = &tree->tables;
	restore->dir = restore->sock = restore->mem = restore->root = -1;
	if (calls_init(&restore->calls) < 0) {
		free(restore);
		return NULL;
	}
	return restore;
}

struct restore *target_tree_add(struct target_tree *tree)
{
	if (tree->count == tree->capacity) {
		uint32_t capacity = tree->capacity ? tree->capacity * 2 : 4;
		struct restore **bigger = realloc(tree->process, capacity * sizeof(*bigger));

		if (!bigger)
			return NULL;
		tree->process = bigger;
		tree->capacity = capacity;
	}
	struct restore *restore = target_tree_new(tree);

	if (!restore)
		return NULL;
	assert(tree->count < tree->capacity);
	tree->process[tree->count++] = restore;
	return restore;
}

void target_tree_share(struct restore *child, struct restore *parent, uint32_t shares)
{
	assert(!child->memory && !child->handlers);
	child->shares = shares;
	if (shares & IMAGE_SHARES_MEMORY) {
		child->memory = parent->memory ? parent->memory : parent;
		child->memory->memory_guests++;
	}
	if (shares & IMAGE_SHARES_HANDLERS) {
		child->handlers = parent->handlers ? parent->handlers : parent;
		child->handlers->handler_guests++;
	}
}

static void part(const struct restore *child)
{
	if (child->memory)
		child->memory->memory_guests--;
	if (child->handlers)
		child->handlers->handler_guests--;
}

void target_tree_forget(struct target_tree *tree, uint32_t index)
{
	assert(index > 0 && index < tree->count);
	part(tree->process[index]);
	restore_free(tree->process[index]);
	tree->count--;
	for (uint32_t i = index; i < tree->count; i++)
		tree->process[i] = tree->process[i + 1];
}

int target_tree_init(struct target_tree *tree, const struct migrate_host *host)
{
	*tree = (struct target_tree){ .host = host, .init = -1 };
	if (target_tree_add(tree))
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
	restore_terminals_close(&tree->terminals);
	tables_free(&tree->tables);
	os_close(tree->init);
	*tree = (struct target_tree){ .init = -1 };
}

struct restore *target_tree_of(const struct target_tree *tree, int32_t vpid)
{
	for (uint32_t i = 0; i < tree->count; i++)
		if (tree->process[i]->threads.count && tree->process[i]->threads.vtid[0] == vpid)
			return tree->process[i];
	return NULL;
}

pid_t target_tree_task(const void *ctx, int32_t vtid)
{
	const struct target_tree *tree = ctx;

	for (uint32_t i = 0; i < tree->count; i++) {
		const struct tracee *tracee = restore_tracee_of(tree->process[i], vtid);

		if (tracee)
			return tracee->tid;
	}
	return 0;
}

int target_tree_make_offered(struct target_tree *tree, const struct tables *offered,
			     struct refusal *refusal)
{
	const struct members *members = &offered->members;

	assert(!tree->offered);
	/* Another signal could not be forgotten, should they be made in vain; nor could the first one's terminal. */
	for (uint32_t i = 1; i < members->count; i++)
		if (members->member[i].exit_signal && members->member[i].exit_signal != SIGCHLD)
			return 0;
	if (terminals_of_session(&offered->descriptions, members->member[0].vpid))
		return 0;
	tree->offered = offered;
	return target_shells_make(tree, offered, refusal);
}

static int set_foregrounds(struct target_tree *tree, struct refusal *refusal)
{
	const struct tables *tables = &tree->tables;
	int r = 0;

	for (uint32_t i = 0; i < tables->members.count && r == 0; i++) {
		int32_t vpid = tables->members.member[i].vpid;
		const struct description *description =
			terminals_of_session(&tables->descriptions, vpid);

		if (!description)
			continue;
		const struct terminal_master master = terminals_read_master(&description->image);

		r = restore_terminal_foreground(target_tree_of(tree, vpid), &master, refusal);
	}
	return r;
}

int target_tree_make(struct target_tree *tree, struct refusal *refusal)
{
	const struct tables *tables = &tree->tables;
	bool is_made = tree->offered &&
		       members_are_same(&tree->offered->members, &tables->members) &&
		       terminals_are_same(&tree->offered->descriptions, &tables->descriptions);
	int r = 0;

	if (tree->offered && !is_made)
		r = target_shells_unmake(tree, refusal);
	if (r == 0 && !is_made)
		r = target_shells_make(tree, tables, refusal);
	return r ? r : set_foregrounds(tree, refusal);
}

void target_tree_let_go(struct target_tree *tree)
{
	descriptions_let_go(&tree->tables.descriptions);
	restore_terminals_close(&tree->terminals);
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

/* That which has the memory is built already, and has its foothold where it stays. */
static int enter_as_guest(struct restore *restore, struct refusal *refusal)
{
	if (restore->picture.maps.count)
		return refusal_set(refusal, EDVSIO,
				   "the image is damaged: one memory has the mappings of two "
				   "processes");
	assert(restore->memory->foothold.base.at);
	restore->foothold = restore->memory->foothold;
	return 0;
}

int target_tree_enter(struct target_tree *tree, struct restore *restore, struct refusal *refusal)
{
	assert(restore->lent == (restore != tree->process[0]));
	if (!restore->lent)
		return 0;
	restore->memfd = tree->process[0]->memfd;
	if (restore->memory)
		return enter_as_guest(restore, refusal);
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
			r = target_shells_forget_news(parent, refusal);
	}
	return r;
}

void target_tree_decided(struct target_tree *tree, bool arrive)
{
	assert(tree->count);
	for (uint32_t i = 0; i < tree->count; i++) {
		struct restore *process = tree->process[i];

		restore_files_decided(process, arrive);
		for (uint32_t k = 0; k < process->table_count; k++)
			restore_files_decided(process->table[k], arrive);
	}
}

int target_tree_resume(struct target_tree *tree, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = tree->count; i-- > 0;) {
		struct threads *threads = &tree->process[i]->threads;

		for (uint32_t j = 0; j < threads->count; j++) {
			if (tracee_must_stop(&threads->tracee[j]))
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
