/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target's side. From the moment the shell is seized it dies with this program (EXITKILL), and
 * after any failure it is killed: there is nothing to undo inside it.
 */
#include "migrate/migrate.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/clocks.h"
#include "migrate/fault.h"
#include "migrate/offer.h"
#include "migrate/object_records.h"
#include "migrate/stream.h"
#include "migrate/target_stops.h"
#include "migrate/target_tables.h"
#include "migrate/target_tree.h"
#include "os/affinity.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/signals.h"
#include "os/socket.h"

#define STOP_TIMEOUT_US 2000000
#define LOCKS_NS	10000000000 /* the source ends meanwhile, and gives its locks up */

struct migrate_target {
	struct migrate_host host;
	struct offer offer;
	struct target_tree tree;
	struct carried carried;
	bool checked, cleared, loaded;
	int clear_error; /* 0, or why the shell could not be cleared */
	bool pinned;
	struct os_affinity own_affinity;
	struct migrate_stats stats;
};

struct migrate_target *migrate_target_new(const struct migrate_host *host)
{
	struct migrate_target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	target->host = *host;
	carried_init(&target->carried, host);
	if (target_tree_init(&target->tree, &target->host) < 0) {
		carried_free(&target->carried);
		free(target);
		return NULL;
	}
	return target;
}

/* The process from which the others descend. */
static struct restore *first(const struct migrate_target *target)
{
	return target->tree.process[0];
}

static void close_one(int *fd)
{
	*fd = os_close(*fd);
}

/* A stop is cheap only if nobody has to be woken on another CPU. */
static void pin(struct migrate_target *target)
{
	struct os_affinity here;

	assert(!target->pinned);
	if (!os_affinity_here(&here))
		return;
	os_affinity(0, &target->own_affinity);
	os_affinity_set(0, &here);
	os_affinity_set(first(target)->pid, &here);
	target->pinned = true;
}

/* Those of the processes are given back when their own are known. */
static void unpin(struct migrate_target *target)
{
	if (!target->pinned)
		return;
	os_affinity_set(0, &target->own_affinity);
	target->pinned = false;
}

void migrate_target_discard(struct migrate_target *target)
{
	unpin(target);
	target_tree_kill(&target->tree);
	sysv_unmake(&target->tree.tables.sysv);
	target_tree_decided(&target->tree, false);
	close_one(&first(target)->sock);
	close_one(&first(target)->root);
	assert(first(target)->threads.count == 0 && !target->pinned);
	target->checked = target->cleared = target->loaded = false;
}

void migrate_target_free(struct migrate_target *target)
{
	if (!target)
		return;
	migrate_target_discard(target);
	target_tree_deinit(&target->tree);
	carried_free(&target->carried);
	offer_free(&target->offer);
	free(target);
}

pid_t migrate_target_pid(const struct migrate_target *target)
{
	return first(target)->pid;
}

const struct migrate_stats *migrate_target_stats(const struct migrate_target *target)
{
	return &target->stats;
}

/* The shell says one byte when it runs; before that it is still the init's program. */
static int await_shell(int sock)
{
	char byte;
	int r = os_poll(sock, OS_READ, STOP_TIMEOUT_US / 1000);

	if (r < 0)
		return r;
	return os_read_some(sock, &byte, 1) == 1 ? 0 : -ESRCH;
}

static int seize_shell(struct restore *restore, struct refusal *refusal)
{
	assert(restore->threads.count == 0);
	struct tracee *shell = threads_append(&restore->threads, restore->pid, 0);

	if (!shell)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	int r = tracee_result(await_shell(restore->sock));

	if (r < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process shell on the target does not begin: %s",
				   strerror(-r));
	if (r == 0)
		r = tracee_seize(shell, restore->pid, true);
	if (r == 0)
		r = tracee_interrupt(shell);
	if (r == 0)
		r = tracee_await_stop(shell, STOP_TIMEOUT_US);
	if (r == 0)
		r = tracee_borrow(shell);
	if (r)
		return refusal_set(refusal, EDVSPROCSTS, "the process shell on the target %s",
				   tracee_result_text(r));
	restore->dir = procdir_open(restore->pid);
	r = restore->dir < 0 ? restore->dir : 0;
	if (r == 0)
		r = restore->mem = os_open_at(restore->dir, "mem", OS_OPEN_BOTH);
	if (r >= 0)
		r = restore->root = os_open_at(restore->dir, "root", OS_OPEN_PATH | OS_OPEN_FOLDER);
	if (r < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process shell on the target cannot be looked at: %s",
				   strerror(-r));
	return 0;
}

static int start_shell(struct migrate_target *target, struct refusal *refusal)
{
	struct restore *restore = first(target);
	int vpid = target->offer.task.vpid;

	if (!target->host.spawn_shell)
		return refusal_set(refusal, EDVSNOSYS, "the target cannot start processes");
	int r = target->host.spawn_shell(target->host.ctx, vpid, &restore->pid, &restore->sock);

	if (r == -EEXIST)
		return refusal_set(refusal, EDVSBADPID, "process number %d is taken on the target",
				   vpid);
	if (r < 0)
		return refusal_set_errno(refusal, r,
					 "the target cannot start a process with number %d: %s",
					 vpid, strerror(-r));
	return seize_shell(restore, refusal);
}

static int clear(struct migrate_target *target, struct refusal *refusal)
{
	struct restore *restore = first(target);

	assert(restore->threads.count == 1);
	assert(!target->cleared);
	int r = restore_enter(restore, &target->offer.maps, refusal);

	if (r == 0)
		r = clocks_restore(restore, &target->offer.machine, offer_is_local(&target->offer),
				   refusal);
	if (r == 0)
		r = target_tree_make_offered(&target->tree, &target->offer.tables, refusal);
	return r ? r : fault_here(FAULT_TARGET_CLEARED, refusal);
}

int migrate_target_clear(struct migrate_target *target, struct refusal *refusal)
{
	if (!target->cleared && !target->clear_error) {
		target->clear_error = clear(target, refusal);
		target->cleared = !target->clear_error;
	}
	return target->clear_error;
}

/* That the numbers of the others are free is known when they are made, and they are made by a shell that is cleared. */
static int prepare(struct migrate_target *target, struct refusal *refusal)
{
	struct restore *restore = first(target);
	static const struct migrate_host nothing;
	struct procdir_text text = { 0 };
	int r = start_shell(target, refusal);

	restore->same_machine = offer_is_local(&target->offer);
	restore->held = !target->host.own_rights;
	restore->carried = &target->carried;
	restore->offered = &target->offer.tables.files;
	if (r == 0)
		pin(target);
	if (r == 0)
		r = fault_here(FAULT_TARGET_SHELL, refusal);
	if (r == 0)
		r = maps_read(&restore->own, restore->dir, NULL, &nothing, NULL, &text, refusal);
	procdir_text_free(&text);
	if (r == 0)
		r = offer_compare(&target->offer, restore->pid, restore->root, &restore->own,
				  &target->carried, refusal);
	if (r == 0 && target->offer.tables.members.count > 1)
		r = migrate_target_clear(target, refusal);
	return r;
}

int migrate_target_check(struct migrate_target *target, struct secure *from,
			 struct refusal *refusal)
{
	struct refusal own = REFUSAL_NONE;
	struct reader reader;

	refusal = refusal ? refusal : &own;
	assert(!target->checked);
	int r = fault_here(FAULT_TARGET_CHECK, refusal);

	if (r)
		return r;
	if (reader_init(&reader, from) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	r = offer_read(&target->offer, &reader, refusal);
	target->stats.offer_bytes = reader.bytes;
	reader_deinit(&reader);
	if (r == 0)
		r = prepare(target, refusal);
	if (r == 0 && !carried_lacks(&target->carried))
		carried_settle(&target->carried);
	if (r)
		migrate_target_discard(target);
	target->checked = r == 0;
	return r;
}

bool migrate_target_wants(const struct migrate_target *target)
{
	return target->checked && carried_lacks(&target->carried);
}

int migrate_target_carry(struct migrate_target *target, struct secure *with,
			 struct refusal *refusal)
{
	struct refusal own = REFUSAL_NONE;

	refusal = refusal ? refusal : &own;
	assert(migrate_target_wants(target));
	int r = carried_fetch(&target->carried, with, refusal);

	if (r)
		migrate_target_discard(target);
	else
		carried_settle(&target->carried);
	return r;
}

static int take_pages(struct migrate_target *target, struct restore *restore,
		      const struct reader *reader, const void *payload, struct refusal *refusal)
{
	const struct image_pages *pages = payload;

	if (!image_pages_ok(pages, reader->length))
		return refusal_set(refusal, EDVSIO, "the image is damaged: its pages");
	target->stats.page_count += pages->count;
	return restore_pages(restore, pages, refusal);
}

static int take_shared_pages(struct migrate_target *target, struct restore *restore,
			     const struct reader *reader, const void *payload,
			     struct refusal *refusal)
{
	const struct image_shared_pages *pages = payload;

	if (!image_shared_pages_ok(pages, reader->length))
		return refusal_set(refusal, EDVSIO, "the image is damaged: its shared pages");
	target->stats.page_count += pages->count;
	return restore_shared_pages(restore, pages, refusal);
}

/* Up to the next process or the end, whose record is left in the reader and in *payload. */
static int read_contents(struct migrate_target *target, struct restore *restore,
			 struct reader *reader, const void **payload, struct refusal *refusal)
{
	for (;;) {
		int r = reader_next(reader, payload, refusal);

		if (r)
			return r;
		if (reader->type == IMAGE_END || reader->type == IMAGE_PROCESS)
			return picture_complete(&restore->picture, refusal);
		if (reader->type == IMAGE_PAGES)
			r = take_pages(target, restore, reader, *payload, refusal);
		else if (reader->type == IMAGE_SHARED_PAGES)
			r = take_shared_pages(target, restore, reader, *payload, refusal);
		else
			r = picture_take(&restore->picture, reader, *payload, refusal);
		if (r)
			return r;
	}
}

/* Until it has its memory. */
static int build_one(struct migrate_target *target, const struct image_member *member,
		     struct reader *reader, const void **payload, struct refusal *refusal)
{
	struct restore *restore = target_tree_of(&target->tree, member->vpid);
	int r = picture_read_layout(&restore->picture, reader, *payload, refusal);

	if (r == 0 && restore->picture.process.vpid != member->vpid)
		r = refusal_set(refusal, EDVSIO, "the image is of another process");
	if (r == 0)
		r = target_tree_enter(&target->tree, restore, refusal);
	if (r == 0 && !restore->memory)
		r = restore_layout(restore, refusal);
	if (r == 0)
		r = fault_here(FAULT_TARGET_MAPPED, refusal);
	if (r == 0)
		r = read_contents(target, restore, reader, payload, refusal);
	if (r == 0)
		r = fault_here(FAULT_TARGET_FILLED, refusal);
	return r || restore->memory ? r : restore_settle(restore, refusal);
}

static int build_all(struct migrate_target *target, struct reader *reader, struct refusal *refusal)
{
	struct tables *tables = &target->tree.tables;
	const struct members *members = &tables->members;
	uint32_t living = 0;
	const void *payload;
	int r = object_records_read(tables, false, reader, IMAGE_PROCESS, &payload, refusal);

	if (r == 0 && members->member[0].vpid != target->offer.task.vpid)
		r = refusal_set(refusal, EDVSIO, "the image is of another process");
	if (r == 0)
		r = target_tree_make(&target->tree, refusal);
	if (r == 0)
		r = sysv_make(&tables->sysv, first(target)->dir, refusal);
	if (r == 0)
		living = members_living(members);
	for (uint32_t i = 0; i < living && r == 0; i++)
		r = build_one(target, &members->member[i], reader, &payload, refusal);
	if (r == 0 && reader->type != IMAGE_END)
		r = refusal_set(refusal, EDVSIO, "the image has more processes than members");
	if (r == 0)
		r = target_tables_make(&target->tree, refusal);
	return r ? r : target_tables_restore(&target->tree, refusal);
}

static int join_first(struct restore *table, struct refusal *refusal)
{
	return restore_join(table, false, refusal);
}

static int join_last(struct restore *table, struct refusal *refusal)
{
	return restore_join(table, true, refusal);
}

/* All have their descriptors and their threads. */
static int finish_one(struct migrate_target *target, struct restore *restore,
		      struct refusal *refusal)
{
	int r = restore_task(restore, refusal);

	if (r == 0)
		r = restore_owners(restore, refusal);
	for (uint32_t i = 0; i < restore->table_count && r == 0; i++)
		r = restore_owners(restore->table[i], refusal);
	if (r == 0 && target->pinned)
		target_tree_scatter(restore, &target->own_affinity);
	if (r == 0)
		r = restore_outside(restore, refusal);
	return r || target_tables_lack_locks(restore) ? r : restore_leave(restore, refusal);
}

static int build(struct migrate_target *target, struct reader *reader, struct refusal *refusal)
{
	struct target_tree *tree = &target->tree;
	assert(first(target)->threads.count == 1);
	int r = build_all(target, reader, refusal);

	if (r == 0)
		r = sysv_settle(&tree->tables.sysv, refusal);
	if (r == 0)
		r = target_tables_each(tree, join_first, refusal);
	target_tree_let_go(tree);
	if (r == 0)
		r = target_tables_each(tree, join_last, refusal);
	if (r == 0)
		r = target_tables_each(tree, restore_locks, refusal);
	if (r == 0)
		r = restore_seal_memory_files(first(target), refusal);
	if (r == 0)
		r = target_stops_make(tree, refusal);
	if (r == 0)
		r = target_tree_end_ended(tree, refusal);
	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		if (tree->process[i]->threads.count) /* else it has ended */
			r = restore_threads(tree->process[i], refusal);
	if (r == 0)
		r = fault_here(FAULT_TARGET_THREADS, refusal);
	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		if (tree->process[i]->threads.count)
			r = finish_one(target, tree->process[i], refusal);
	unpin(target);
	return r ? r : fault_here(FAULT_TARGET_LOADED, refusal);
}

static void count(struct migrate_target *target)
{
	struct migrate_stats *stats = &target->stats;

	stats->cpu_owed_ns = first(target)->picture.process.cpu_owed_ns;
	stats->thread_count = stats->map_count = stats->fd_count = 0;
	for (uint32_t i = 0; i < target->tree.count; i++) {
		const struct picture *picture = &target->tree.process[i]->picture;

		stats->thread_count += picture->thread_count;
		stats->map_count += picture->maps.count;
		stats->fd_count += picture->descriptors.count;
		for (uint32_t k = 0; k < target->tree.process[i]->table_count; k++)
			stats->fd_count +=
				target->tree.process[i]->table[k]->picture.descriptors.count;
	}
}

int migrate_target_load(struct migrate_target *target, struct secure *from, struct refusal *refusal)
{
	struct refusal own = REFUSAL_NONE;
	uint64_t started = (uint64_t)os_now_ns();
	struct reader reader;

	refusal = refusal ? refusal : &own;
	assert(target->checked && !target->loaded && !carried_lacks(&target->carried));
	if (reader_init(&reader, from) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	int r = migrate_target_clear(target, refusal);

	if (r == 0)
		r = build(target, &reader, refusal);
	target->stats.image_bytes = reader.bytes;
	target->stats.load_ns = (uint64_t)os_now_ns() - started;
	if (r)
		reader_drain(&reader);
	count(target);
	reader_deinit(&reader);
	close_one(&first(target)->sock);
	target->loaded = r == 0;
	if (r)
		migrate_target_discard(target);
	return r;
}

void migrate_target_signal(struct migrate_target *target, int32_t vpid, int signo)
{
	assert(signo > 0);
	for (uint32_t i = 0; i < target->tree.count; i++)
		if (target->tree.process[i]->picture.process.vpid == vpid)
			os_pidfd_signal(target->tree.process[i]->dir, signo);
}

pid_t migrate_target_task(const struct migrate_target *target, int32_t vpid, pid_t *tgid)
{
	assert(target->loaded);
	for (uint32_t i = 0; i < target->tree.count; i++) {
		const struct threads *threads = &target->tree.process[i]->threads;

		for (uint32_t k = 0; k < threads->count; k++) {
			if (threads->vtid[k] != vpid)
				continue;
			*tgid = target->tree.process[i]->pid;
			return threads->tracee[k].tid;
		}
	}
	return 0;
}

/* None runs before all have their locks. */
static int take_late_locks(struct target_tree *tree, struct refusal *refusal)
{
	int64_t deadline_ns = os_now_ns() + LOCKS_NS;
	int r = 0;

	for (uint32_t i = 0; i < tree->count && r == 0; i++) {
		struct restore *restore = tree->process[i];

		if (!target_tables_lack_locks(restore))
			continue;
		r = target_tables_lock_late(restore, deadline_ns, refusal);
		if (r == 0)
			r = restore_leave(restore, refusal);
	}
	return r;
}

int migrate_target_resume(struct migrate_target *target, uint64_t *resumed_ns,
			  struct refusal *refusal)
{
	assert(target->loaded);
	assert(!target->pinned);
	int r = take_late_locks(&target->tree, refusal);

	if (r)
		return r;
	for (uint32_t i = 0; i < target->tree.count; i++) {
		const struct restore *process = target->tree.process[i];

		restore_owners_late(process, target_tree_task, &target->tree);
		for (uint32_t k = 0; k < process->table_count; k++)
			restore_owners_late(process->table[k], target_tree_task, &target->tree);
	}
	restore_resume(&target->tree.tables.descriptions);
	target->stats.resume_ns = (uint64_t)os_now_ns();
	if (resumed_ns)
		*resumed_ns = target->stats.resume_ns;
	sysv_decided(&target->tree.tables.sysv);
	target_tree_decided(&target->tree, true);
	r = target_tree_resume(&target->tree, refusal);

	close_one(&first(target)->root);
	target->loaded = target->checked = false;
	return r;
}
