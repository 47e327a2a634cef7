/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source's side. Frozen means: all threads held and borrowed, the foothold open in the process.
 * The undo ladder is the reverse: close the foothold, give registers and signal masks back, let go.
 */
#include "migrate/migrate.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/calls.h"
#include "migrate/cpu_time.h"
#include "migrate/cut_short.h"
#include "migrate/descriptors_source.h"
#include "migrate/ended.h"
#include "migrate/fault.h"
#include "migrate/interrupted.h"
#include "migrate/inventory.h"
#include "migrate/memory.h"
#include "migrate/object_records.h"
#include "migrate/offer.h"
#include "migrate/state.h"
#include "migrate/stream.h"
#include "migrate/threads.h"
#include "os/affinity.h"
#include "os/clock.h"
#include "os/kernel.h"
#include "os/socket.h"
#include "os/thread.h"

#define BUSY_PAUSE_NS 200000
#define BUSY_TRIES    5000
#define PENDING_BATCH 16

struct migrate_source {
	pid_t pid;
	struct migrate_host host;
	struct inventory inventory;
	bool opened, checked, frozen;
	bool ignores_breakpoint;
	struct interrupted interrupted;
	struct threads threads;
	struct foothold foothold;
	struct calls calls;
	struct image_sigaction actions[IMAGE_SIGNALS];
	struct os_affinity *affinity; /* of each thread, while pinned */
	struct os_affinity own_affinity;
	uint64_t pending_sent; /* signals that were pending and are in the image */
	struct migrate_stats stats;
};

struct migrate_source *migrate_source_new(pid_t pid, const struct migrate_host *host)
{
	struct migrate_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->pid = pid;
	source->host = *host;
	source->inventory.dir = -1;
	if (calls_init(&source->calls) < 0) {
		free(source);
		return NULL;
	}
	return source;
}

void migrate_source_free(struct migrate_source *source)
{
	struct refusal ignored = REFUSAL_NONE;

	if (!source)
		return;
	migrate_source_thaw(source, &ignored);
	assert(!source->frozen);
	assert(!source->affinity);
	if (source->opened)
		inventory_close(&source->inventory);
	threads_free(&source->threads);
	interrupted_free(&source->interrupted);
	calls_deinit(&source->calls);
	free(source);
}

const struct migrate_stats *migrate_source_stats(const struct migrate_source *source)
{
	return &source->stats;
}

int migrate_source_check(struct migrate_source *source, struct refusal *refusal)
{
	struct refusal own = REFUSAL_NONE;

	refusal = refusal ? refusal : &own;
	int r = fault_here(FAULT_SOURCE_CHECK, refusal);

	if (r == 0 && !source->opened) {
		r = inventory_open(&source->inventory, source->pid, refusal);
		source->opened = r == 0;
	}
	if (r == 0)
		r = inventory_read(&source->inventory, &source->host, true, NULL, refusal);
	if (r == 0) {
		source->stats.cpu_counted = cpu_time_counted(&source->inventory);
		source->stats.cpu_used_ns = cpu_time_used_ns(&source->inventory);
	}
	source->checked = r == 0;
	return r;
}

int migrate_source_offer(struct migrate_source *source, struct secure *to, struct refusal *refusal)
{
	struct refusal own = REFUSAL_NONE;
	struct writer writer;

	refusal = refusal ? refusal : &own;
	assert(source->checked);
	int r = fault_here(FAULT_SOURCE_OFFER, refusal);

	if (r)
		return r;
	if (writer_init(&writer, to) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	r = offer_write(&source->inventory, &writer, refusal);
	source->stats.offer_bytes = writer.bytes;
	writer_deinit(&writer);
	return r;
}

/*
 * A stop is cheap only if nobody has to be woken on another CPU: the threads that will execute
 * something for us come to this CPU meanwhile.
 */
static void pin(struct migrate_source *source)
{
	struct os_affinity here;

	assert(!source->affinity);
	if (!os_affinity_here(&here) || os_affinity(0, &source->own_affinity) < 0)
		return;
	source->affinity = calloc(source->threads.count, sizeof(*source->affinity));
	if (!source->affinity)
		return;
	for (uint32_t i = 0; i < source->threads.count; i++)
		os_affinity(source->threads.tracee[i].tid, &source->affinity[i]);
	os_affinity_set(0, &here);
	for (uint32_t i = 0; i < source->threads.count; i++)
		os_affinity_set(source->threads.tracee[i].tid, &here);
}

static void unpin(struct migrate_source *source)
{
	if (!source->affinity)
		return;
	for (uint32_t i = 0; i < source->threads.count; i++)
		os_affinity_set(source->threads.tracee[i].tid, &source->affinity[i]);
	os_affinity_set(0, &source->own_affinity);
	free(source->affinity);
	source->affinity = NULL;
}

/*
 * A breakpoint whose signal is ignored resets that to the default, so what the process had is set
 * again, by a call that needs no breakpoint.
 */
static void ignore_breakpoint_again(struct migrate_source *source)
{
	struct tracee *leader = &source->threads.tracee[0];
	struct image_sigaction *action = &source->actions[SIGTRAP - 1];
	uint64_t address = source->foothold.base.at + FOOTHOLD_CODE_BYTES;
	const uint64_t args[6] = { SIGTRAP, address, 0, 8 };
	int64_t done;

	if (!source->ignores_breakpoint || !source->foothold.base.at || !leader->borrowed)
		return;
	if (trace_write(leader->tid, address, action, sizeof(*action)) == 0)
		tracee_syscall(leader, foothold_syscall(&source->foothold), SYS_rt_sigaction, args,
			       &done);
}

/* The undo ladder of a freeze; steps that were not reached find nothing to do. */
static void melt(struct migrate_source *source)
{
	assert(source->frozen);
	if (source->threads.count)
		ignore_breakpoint_again(source);
	if (source->threads.count)
		foothold_close(&source->foothold, &source->threads.tracee[0]);
	unpin(source);
	threads_thaw(&source->threads);
	source->foothold.base.at = 0;
	assert(!source->affinity);
	source->frozen = false;
}

static int borrow_all(struct migrate_source *source, struct refusal *refusal)
{
	for (uint32_t i = 0; i < source->threads.count; i++) {
		int r = tracee_borrow(&source->threads.tracee[i]);

		if (r)
			return refusal_set(refusal, EDVSSRCH, "the process %s",
					   tracee_result_text(r));
		interrupted_mend(&source->threads.tracee[i]);
	}
	return 0;
}

/* Before positions are read, which the rest of a transfer moves on. */
static int finish_transfers(struct migrate_source *source, struct refusal *refusal)
{
	const struct image_special *vdso = maps_special(&source->inventory.maps, "vdso");
	struct remote_ptr at;

	if (!vdso || foothold_find_syscall(source->pid, vdso->start, vdso->length, &at))
		return 0;
	for (uint32_t i = 0; i < source->threads.count; i++) {
		int r = cut_short_finish(&source->threads.tracee[i], at, &source->inventory);

		if (r)
			return refusal_set_number(refusal,
						  r == TRACEE_E_GONE ? EDVSSRCH : EDVSPROCSTS,
						  "the process %s", tracee_result_text(r));
	}
	return 0;
}

static int stop_when_idle(struct migrate_source *source, struct refusal *refusal)
{
	assert(source->threads.count == 0);
	for (int try = 0; try < BUSY_TRIES; try++) {
		interrupted_note(&source->interrupted, &source->inventory);
		int r = threads_freeze(&source->threads, &source->inventory,
				       &source->stats.freeze_ns, refusal);

		if (r)
			return r;
		r = borrow_all(source, refusal);
		if (r == 0)
			r = finish_transfers(source, refusal);
		if (r) {
			threads_thaw(&source->threads);
			return r;
		}
		if (!source->host.busy || !source->host.busy(source->host.ctx))
			return 0;
		threads_thaw(&source->threads);
		os_thread_sleep_ns(BUSY_PAUSE_NS);
	}
	return refusal_set(
		refusal, EDVSBUSY,
		"the process has been busy with its daemon for a whole second; try again");
}

static int enter(struct migrate_source *source, struct refusal *refusal)
{
	const struct image_special *vdso = maps_special(&source->inventory.maps, "vdso");
	uint64_t gap = maps_find_gap(&source->inventory.maps, NULL, FOOTHOLD_BYTES);
	struct tracee *leader = &source->threads.tracee[0];

	assert(leader->borrowed);
	if (!vdso || !gap)
		return refusal_set(refusal, EDVSPROCSTS, "the process has %s",
				   vdso ? "no room in its address space" : "no vdso");
	int r = foothold_find_syscall(source->pid, vdso->start, vdso->length,
				      &source->foothold.vdso_syscall);
	if (r == 0)
		r = foothold_open(&source->foothold, leader, gap);
	if (r == -ENOMEM)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has no room for the %u KiB that the move needs for a moment: "
			"its limit of address space (RLIMIT_AS), of data (RLIMIT_DATA) or of "
			"mappings is reached; raise it with prlimit",
			FOOTHOLD_BYTES / 1024);
	if (r == -EAGAIN)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has no room for locked memory that the move needs for "
			"a moment: its limit (RLIMIT_MEMLOCK) is reached; raise it with "
			"prlimit");
	if (r == -EACCES || r == -EPERM)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process may not have writable code (PR_SET_MDWE or a security "
			"policy), which the move needs for a moment");
	if (r)
		return refusal_set(refusal, EDVSPROCSTS, "the process cannot be entered: it %s",
				   tracee_result_text(r));
	return 0;
}

/* mlockall(MCL_FUTURE) cannot be asked for; but our own new mapping is locked by it. */
static int look_for_lock_future(struct migrate_source *source, struct refusal *refusal)
{
	struct inventory *inventory = &source->inventory;
	struct maps_skip skip = { .start = source->foothold.base.at, .bytes = FOOTHOLD_BYTES };
	bool any = false;

	for (uint32_t i = 0; i < inventory->maps.count; i++)
		any = any || inventory->maps.map[i].flags & IMAGE_MAP_LOCKED;
	if (!any)
		return 0;
	int r = maps_read(&inventory->maps, inventory->dir, &inventory->files, &source->host, &skip,
			  &inventory->text, refusal);

	inventory->process.lock_future = skip.locked;
	if (r == 0 && maps_add_files(&inventory->maps, &inventory->files) < 0)
		r = refusal_set(refusal, EDVSNOMEM, "out of memory");
	return r;
}

int migrate_source_freeze(struct migrate_source *source, struct refusal *refusal)
{
	struct refusal own = REFUSAL_NONE;

	refusal = refusal ? refusal : &own;
	assert(source->checked && !source->frozen);
	int r = stop_when_idle(source, refusal);

	if (r)
		return r;
	assert(source->threads.count);
	source->frozen = true;
	source->stats.frozen_ns = (uint64_t)os_now_ns() - source->stats.freeze_ns;
	pin(source);
	r = fault_here(FAULT_SOURCE_SEIZED, refusal);
	if (r == 0)
		r = inventory_read(&source->inventory, &source->host, false, NULL, refusal);
	if (r == 0)
		r = threads_name(&source->threads, &source->inventory, refusal);
	source->stats.thread_count = source->threads.count;
	source->stats.map_count = source->inventory.maps.count;
	source->stats.fd_count = source->inventory.descriptors.count;
	if (r == 0)
		r = enter(source, refusal);
	if (r == 0)
		r = look_for_lock_future(source, refusal);
	if (r == 0)
		r = fault_here(FAULT_SOURCE_FOOTHOLD, refusal);
	if (r == 0) {
		source->ignores_breakpoint = source->inventory.ignored >> (SIGTRAP - 1) & 1;
		source->actions[SIGTRAP - 1] =
			(struct image_sigaction){ .handler = (uint64_t)SIG_IGN };
		calls_begin(&source->calls, &source->foothold, &source->threads.tracee[0]);
		r = state_read_process(&source->calls, &source->inventory, source->actions,
				       refusal);
		source->stats.cpu_counted = cpu_time_counted_frozen(&source->inventory);
		source->stats.cpu_used_ns = cpu_time_used_ns(&source->inventory);
		cpu_time_lower(&source->inventory.process, source->stats.cpu_used_ns,
			       source->host.cpu_owed_ns);
	}
	if (r)
		melt(source);
	return r;
}

static void send_head(struct migrate_source *source, struct writer *writer)
{
	struct inventory *inventory = &source->inventory;
	const struct object_tables tables = { &inventory->files, &inventory->maps,
					      &inventory->descriptors, false };
	struct image_string_head cwd = { IMAGE_STRING_CWD, (uint32_t)strlen(inventory->cwd) };
	struct image_string_head auxv = { IMAGE_STRING_AUXV, inventory->auxv_bytes };

	inventory->process.frozen_ns = source->stats.freeze_ns;
	inventory->process.thread_count = source->threads.count;
	inventory->process.map_count = inventory->maps.count;
	object_records_send(&tables, writer);
	writer_put(writer, IMAGE_PROCESS, &inventory->process, sizeof(inventory->process));
	writer_put_two(writer, IMAGE_STRING, &cwd, sizeof(cwd), inventory->cwd, cwd.length);
	writer_put_two(writer, IMAGE_STRING, &auxv, sizeof(auxv), inventory->auxv, auxv.length);
	for (uint32_t i = 0; i < inventory->maps.count; i++)
		writer_put(writer, IMAGE_MAP, &inventory->maps.map[i], sizeof(struct image_map));
	descriptors_send_numbers(&inventory->descriptors, writer);
	writer_put(writer, IMAGE_LAYOUT, NULL, 0);
	writer_flush(writer);
}

static uint64_t signal_bit(const void *info)
{
	int signal = ((const siginfo_t *)info)->si_signo;

	return signal >= 1 && signal <= 64 ? 1ull << (signal - 1) : 0;
}

static int send_pending(struct migrate_source *source, struct writer *writer, pid_t tid,
			bool shared, struct refusal *refusal)
{
	siginfo_t infos[PENDING_BATCH];
	uint64_t first = 0;

	for (;;) {
		int count = trace_pending(tid, shared, first, infos, PENDING_BATCH);

		if (count == 0)
			return 0;
		if (count < 0)
			return refusal_set(refusal, EDVSSRCH,
					   "the pending signals of the process cannot be read: %s",
					   strerror(-count));
		for (int i = 0; i < count; i++) {
			struct image_siginfo record = { .shared = shared };

			memcpy(record.info, &infos[i], sizeof(record.info));
			source->pending_sent |= signal_bit(&infos[i]);
			writer_put(writer, IMAGE_SIGINFO, &record, sizeof(record));
		}
		first += (uint64_t)count;
	}
}

static int send_process_state(struct migrate_source *source, struct writer *writer,
			      struct refusal *refusal)
{
	const struct inventory *inventory = &source->inventory;

	writer_put(writer, IMAGE_SIGACTIONS, source->actions, sizeof(source->actions));
	int r = send_pending(source, writer, source->pid, true, refusal);

	for (uint32_t i = 0; i < inventory->timer_count; i++)
		writer_put(writer, IMAGE_TIMER, &inventory->timer[i], sizeof(inventory->timer[i]));
	return r;
}

/* *length: of the xsave area, which has room for IMAGE_XSTATE_MAX. */
static int read_thread(struct migrate_source *source, uint32_t index, struct image_thread *thread,
		       uint8_t *xstate, size_t *length, struct refusal *refusal)
{
	assert(index < source->threads.count);
	*length = IMAGE_XSTATE_MAX;
	calls_begin(&source->calls, &source->foothold, &source->threads.tracee[index]);
	return state_read_thread(&source->calls, &source->inventory, source->threads.vtid[index],
				 thread, xstate, length, refusal);
}

static int send_thread(struct migrate_source *source, struct writer *writer, uint32_t index,
		       struct refusal *refusal)
{
	struct tracee *tracee = &source->threads.tracee[index];
	struct image_thread thread;
	uint8_t xstate[IMAGE_XSTATE_MAX] __attribute__((aligned(64)));
	size_t length;
	int r = read_thread(source, index, &thread, xstate, &length, refusal);

	if (r)
		return r;
	interrupted_translate(&source->interrupted, tracee->tid, &thread.registers);
	/* All CPUs this program may use are all there are: no choice of the process's. */
	thread.affinity_bytes = sizeof(thread.affinity);
	if (!source->affinity || memcmp(&source->affinity[index], &source->own_affinity,
					sizeof(source->own_affinity)) == 0)
		thread.affinity_bytes = 0;
	else
		memcpy(thread.affinity, &source->affinity[index], sizeof(thread.affinity));
	writer_put(writer, IMAGE_THREAD, &thread, sizeof(thread));
	writer_put(writer, IMAGE_XSTATE, xstate, length);
	return send_pending(source, writer, tracee->tid, false, refusal);
}

/*
 * Whether all could be read; and a stop that was held back is due here when the process is thawed, and
 * would be lost in a move.
 */
static int check_last(const struct migrate_source *source, struct refusal *refusal)
{
	assert(source->frozen);
	for (uint32_t i = 0; i < source->threads.count; i++) {
		if (source->threads.tracee[i].stop_again)
			return refusal_set(
				refusal, EDVSPROCSTS,
				"the process was stopped by a signal (SIGSTOP) during the "
				"move; continue it first");
	}
	return inventory_check_lack(&source->inventory, refusal);
}

static int complete_descriptors(struct migrate_source *source, struct refusal *refusal)
{
	assert(source->frozen);
	calls_begin(&source->calls, &source->foothold, &source->threads.tracee[0]);
	return descriptors_complete(&source->inventory.descriptors, source->pid, &source->calls,
				    refusal);
}

static int send_all(struct migrate_source *source, struct writer *writer, struct refusal *refusal)
{
	int r = fault_here(FAULT_SOURCE_STATE, refusal);

	if (r == 0)
		r = complete_descriptors(source, refusal);
	if (r)
		return r;
	send_head(source, writer);
	r = memory_send(source->pid, source->inventory.dir, &source->inventory.maps,
			&source->inventory.files, writer, &source->stats.page_count, refusal);
	if (r == 0)
		r = fault_here(FAULT_SOURCE_MEMORY, refusal);
	if (r == 0)
		r = send_process_state(source, writer, refusal);
	for (uint32_t i = 0; i < source->threads.count && r == 0; i++)
		r = send_thread(source, writer, i, refusal);
	if (r == 0)
		r = check_last(source, refusal);
	if (r == 0)
		r = fault_here(FAULT_SOURCE_THREADS, refusal);
	if (r)
		return r;
	r = writer_end(writer);
	if (r < 0)
		return refusal_set(refusal, EDVSIO, "the process cannot be sent to the target: %s",
				   strerror(-r));
	return 0;
}

int migrate_source_send(struct migrate_source *source, struct secure *to, struct refusal *refusal)
{
	struct refusal own = REFUSAL_NONE;
	uint64_t started = (uint64_t)os_now_ns();
	struct writer writer;

	refusal = refusal ? refusal : &own;
	assert(source->frozen);
	if (writer_init(&writer, to) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	source->pending_sent = 0;
	int r = send_all(source, &writer, refusal);

	/* Half a stream is of no use: the target learns at once that there is no more. */
	if (r)
		os_shutdown_writing(secure_fd(to));
	source->stats.image_bytes = writer.bytes;
	source->stats.send_ns = (uint64_t)os_now_ns() - started;
	writer_deinit(&writer);
	return r;
}

int migrate_source_try(struct migrate_source *source, struct refusal *refusal)
{
	uint8_t xstate[IMAGE_XSTATE_MAX] __attribute__((aligned(64)));
	struct image_thread thread;

	assert(source->frozen);
	int r = complete_descriptors(source, refusal);

	for (uint32_t i = 0; i < source->threads.count && r == 0; i++) {
		size_t length;

		r = read_thread(source, i, &thread, xstate, &length, refusal);
	}
	return r ? r : check_last(source, refusal);
}

int migrate_source_thaw(struct migrate_source *source, struct refusal *refusal)
{
	(void)refusal;
	if (source->frozen)
		melt(source);
	return 0;
}

/* Signals that came in after the image was made; those on their way to one thread count, too. */
static uint64_t late_signals(struct migrate_source *source)
{
	uint64_t pending = 0;

	if (procdir_read(source->inventory.dir, "status", &source->inventory.text) < 0)
		return 0;
	pending |= procdir_number(source->inventory.text.text, "ShdPnd", 16, 0);
	pending |= procdir_number(source->inventory.text.text, "SigPnd", 16, 0);
	return pending & ~source->pending_sent;
}

int migrate_source_kill(struct migrate_source *source, uint64_t *late, struct refusal *refusal)
{
	(void)refusal;
	assert(source->frozen);
	if (late)
		*late = late_signals(source);
	if (source->affinity)
		os_affinity_set(0, &source->own_affinity);
	free(source->affinity);
	source->affinity = NULL;
	threads_kill(&source->threads);
	assert(source->threads.count == 0);
	source->frozen = false;
	source->checked = false;
	return 0;
}
