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
#include "migrate/restore.h"
#include "migrate/stream.h"
#include "os/affinity.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/signals.h"
#include "os/socket.h"

#define STOP_TIMEOUT_US 2000000

struct migrate_target {
	struct migrate_host host;
	struct offer offer;
	struct tables tables; /* of the picture */
	struct restore restore;
	bool checked, loaded;
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
	target->restore.host = &target->host;
	target->restore.picture.tables = &target->tables;
	target->restore.dir = target->restore.sock = target->restore.mem = target->restore.root =
		-1;
	if (calls_init(&target->restore.calls) < 0) {
		free(target);
		return NULL;
	}
	return target;
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
	os_affinity_set(target->restore.pid, &here);
	target->pinned = true;
}

static void unpin(struct migrate_target *target)
{
	if (!target->pinned)
		return;
	os_affinity_set(0, &target->own_affinity);
	for (uint32_t i = 0; i < target->restore.threads.count; i++)
		os_affinity_set(target->restore.threads.tracee[i].tid, &target->own_affinity);
	target->pinned = false;
}

void migrate_target_discard(struct migrate_target *target)
{
	struct restore *restore = &target->restore;

	unpin(target);
	threads_kill(&restore->threads);
	close_one(&restore->sock);
	close_one(&restore->mem);
	close_one(&restore->root);
	close_one(&restore->dir);
	assert(restore->threads.count == 0 && !target->pinned);
	target->checked = target->loaded = false;
}

void migrate_target_free(struct migrate_target *target)
{
	if (!target)
		return;
	migrate_target_discard(target);
	threads_free(&target->restore.threads);
	calls_deinit(&target->restore.calls);
	restore_deinit(&target->restore);
	picture_free(&target->restore.picture);
	tables_free(&target->tables);
	maps_free(&target->restore.own);
	offer_free(&target->offer);
	free(target);
}

pid_t migrate_target_pid(const struct migrate_target *target)
{
	return target->restore.pid;
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
	struct restore *restore = &target->restore;
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

static int prepare(struct migrate_target *target, struct refusal *refusal)
{
	struct restore *restore = &target->restore;
	static const struct migrate_host nothing;
	struct procdir_text text = { 0 };
	int r = start_shell(target, refusal);

	restore->same_machine = offer_is_local(&target->offer);
	if (r == 0)
		pin(target);
	if (r == 0)
		r = fault_here(FAULT_TARGET_SHELL, refusal);
	if (r == 0)
		r = maps_read(&restore->own, restore->dir, NULL, &nothing, NULL, &text, refusal);
	procdir_text_free(&text);
	if (r == 0)
		r = offer_compare(&target->offer, restore->pid, restore->root, &restore->own,
				  refusal);
	if (r == 0)
		r = restore_enter(restore, &target->offer.maps, refusal);
	if (r == 0)
		r = clocks_restore(restore, &target->offer.machine, offer_is_local(&target->offer),
				   refusal);
	return r ? r : fault_here(FAULT_TARGET_CLEARED, refusal);
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
	if (r)
		migrate_target_discard(target);
	target->checked = r == 0;
	return r;
}

static int take_pages(struct migrate_target *target, const struct reader *reader,
		      const void *payload, struct refusal *refusal)
{
	const struct image_pages *pages = payload;

	if (!image_pages_ok(pages, reader->length))
		return refusal_set(refusal, EDVSIO, "the image is damaged: its pages");
	target->stats.page_count += pages->count;
	return restore_pages(&target->restore, pages, refusal);
}

static int take_shared_pages(struct migrate_target *target, const struct reader *reader,
			     const void *payload, struct refusal *refusal)
{
	const struct image_shared_pages *pages = payload;

	if (!image_shared_pages_ok(pages, reader->length))
		return refusal_set(refusal, EDVSIO, "the image is damaged: its shared pages");
	target->stats.page_count += pages->count;
	return restore_shared_pages(&target->restore, pages, refusal);
}

static int read_contents(struct migrate_target *target, struct reader *reader,
			 struct refusal *refusal)
{
	struct restore *restore = &target->restore;

	for (;;) {
		const void *payload;
		int r = reader_next(reader, &payload, refusal);

		if (r)
			return r;
		if (reader->type == IMAGE_END)
			return picture_complete(&restore->picture, refusal);
		if (reader->type == IMAGE_PAGES)
			r = take_pages(target, reader, payload, refusal);
		else if (reader->type == IMAGE_SHARED_PAGES)
			r = take_shared_pages(target, reader, payload, refusal);
		else
			r = picture_take(&restore->picture, reader, payload, refusal);
		if (r)
			return r;
	}
}

static int build(struct migrate_target *target, struct reader *reader, struct refusal *refusal)
{
	struct restore *restore = &target->restore;
	assert(restore->threads.count == 1);
	int r = picture_read_layout(&restore->picture, reader, refusal);

	if (r == 0 && restore->picture.process.vpid != target->offer.task.vpid)
		r = refusal_set(refusal, EDVSIO, "the image is of another process");
	if (r == 0)
		r = restore_layout(restore, refusal);
	if (r == 0)
		r = fault_here(FAULT_TARGET_MAPPED, refusal);
	if (r == 0)
		r = read_contents(target, reader, refusal);
	if (r == 0)
		r = fault_here(FAULT_TARGET_FILLED, refusal);
	if (r == 0)
		r = restore_settle(restore, refusal);
	if (r == 0)
		r = restore_files(restore, refusal);
	descriptions_let_go(&target->tables.descriptions);
	if (r == 0)
		r = restore_join(restore, refusal);
	if (r == 0)
		r = restore_seal_memory_files(restore, refusal);
	if (r == 0)
		r = restore_threads(restore, refusal);
	if (r == 0)
		r = fault_here(FAULT_TARGET_THREADS, refusal);
	if (r == 0)
		r = restore_task(restore, refusal);
	unpin(target);
	if (r == 0)
		r = restore_outside(restore, refusal);
	if (r == 0)
		r = restore_leave(restore, refusal);
	return r ? r : fault_here(FAULT_TARGET_LOADED, refusal);
}

int migrate_target_load(struct migrate_target *target, struct secure *from, struct refusal *refusal)
{
	struct refusal own = REFUSAL_NONE;
	uint64_t started = (uint64_t)os_now_ns();
	struct reader reader;

	refusal = refusal ? refusal : &own;
	assert(target->checked && !target->loaded);
	if (reader_init(&reader, from) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	int r = build(target, &reader, refusal);

	target->stats.image_bytes = reader.bytes;
	target->stats.load_ns = (uint64_t)os_now_ns() - started;
	if (r)
		reader_drain(&reader);
	target->stats.cpu_owed_ns = target->restore.picture.process.cpu_owed_ns;
	target->stats.thread_count = target->restore.picture.thread_count;
	target->stats.map_count = target->restore.picture.maps.count;
	target->stats.fd_count = target->restore.picture.descriptors.count;
	reader_deinit(&reader);
	close_one(&target->restore.sock);
	target->loaded = r == 0;
	if (r)
		migrate_target_discard(target);
	return r;
}

int migrate_target_resume(struct migrate_target *target, uint64_t *resumed_ns,
			  struct refusal *refusal)
{
	struct threads *threads = &target->restore.threads;
	int r = 0;

	assert(target->loaded);
	assert(threads->count && !target->pinned);
	target->stats.resume_ns = (uint64_t)os_now_ns();
	if (resumed_ns)
		*resumed_ns = target->stats.resume_ns;
	for (uint32_t i = 0; i < threads->count; i++) {
		if (threads->tracee[i].stop_again)
			os_pid_signal(threads->tracee[i].tid, OS_SIGSTOP);
		threads->tracee[i].borrowed = false; /* its registers are the process's now */
		if (trace_detach(threads->tracee[i].tid, 0) < 0)
			r = refusal_set(refusal, EDVSSRCH,
					"the process was killed before it could run on");
		threads->tracee[i].held = false;
	}
	threads->count = 0;
	close_one(&target->restore.mem);
	close_one(&target->restore.root);
	close_one(&target->restore.dir);
	target->loaded = target->checked = false;
	return r;
}
