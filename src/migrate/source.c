/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source's side. Frozen means: the process is held, and what could be asked of it is known. The undo ladder is
 * source_tree_release().
 */
#include "migrate/migrate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/carry.h"
#include "migrate/cpu_time.h"
#include "migrate/descriptors_source.h"
#include "migrate/fault.h"
#include "migrate/offer.h"
#include "migrate/source_tree.h"
#include "migrate/stream.h"
#include "os/affinity.h"
#include "os/clock.h"
#include "os/pid.h"
#include "os/signals.h"
#include "os/socket.h"
#include "os/thread.h"

#define BUSY_PAUSE_NS 200000
#define BUSY_TRIES    5000

struct migrate_source {
	struct source_tree tree;
	struct migrate_host host;
	bool checked, frozen;
	bool pinned;
	struct os_affinity own_affinity; /* of the engine's thread, before it was pinned */
	struct migrate_stats stats;
};

struct migrate_source *migrate_source_new(pid_t pid, const struct migrate_host *host)
{
	struct migrate_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->host = *host;
	if (source_tree_init(&source->tree, pid) < 0) {
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
	assert(!source->frozen && !source->pinned);
	source_tree_deinit(&source->tree);
	free(source);
}

const struct migrate_stats *migrate_source_stats(const struct migrate_source *source)
{
	return &source->stats;
}

/* A limit or a timer may be any process's. */
static uint32_t cpu_counted(const struct migrate_source *source,
			    uint32_t (*counted)(const struct inventory *))
{
	uint32_t all = 0;

	for (uint32_t i = 0; i < source->tree.count; i++)
		all |= counted(source->tree.inventory[i]);
	return all;
}

bool migrate_source_has(const struct migrate_source *source, pid_t pid)
{
	return source_tree_has(&source->tree, pid);
}

bool migrate_source_excludes(const struct migrate_source *source)
{
	bool excludes = false;

	assert(source->frozen);
	for (uint32_t i = 0; i < source->tree.count && !excludes; i++)
		excludes = locks_exclude(&source->tree.inventory[i]->descriptors.locks);
	return excludes;
}

bool migrate_source_has_its_files(const struct migrate_source *source)
{
	assert(source->checked);
	return files_are_in_place(&source->tree.tables.files, source->tree.inventory[0]->dir);
}

bool migrate_source_is_whole(const struct migrate_source *source)
{
	assert(source->frozen);
	return source_tree_is_whole(&source->tree);
}

/* The talk of a process that is stopped by a signal does not end before somebody lets it go on. */
static int refuse_standing(struct refusal *refusal)
{
	return refusal_set(refusal, EDVSBUSY,
			   "the process is stopped by a signal in the middle of a talk with its "
			   "daemon; let it go on (SIGCONT), and try again");
}

int migrate_source_check(struct migrate_source *source, struct refusal *refusal)
{
	struct refusal own = REFUSAL_NONE;

	refusal = refusal ? refusal : &own;
	int r = fault_here(FAULT_SOURCE_CHECK, refusal);

	if (r == 0)
		r = source_tree_check(&source->tree, &source->host, refusal);
	if (r == 0 && source->host.busy && source->host.busy(source->host.ctx) &&
	    os_is_stopped(source->tree.process[0]->pid))
		r = refuse_standing(refusal);
	source->checked = r == 0;
	if (r)
		return r;
	source->stats.cpu_counted = cpu_counted(source, cpu_time_counted);
	source->stats.cpu_used_ns = cpu_time_used_ns(source->tree.inventory[0]);
	return 0;
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
	const struct inventories all = source_tree_inventories(&source->tree);

	r = offer_write(&all, &writer, refusal);
	source->stats.offer_bytes = writer.bytes;
	writer_deinit(&writer);
	return r;
}

int migrate_source_carry(struct migrate_source *source, struct secure *with,
			 struct refusal *refusal)
{
	struct refusal own = REFUSAL_NONE;

	assert(source->checked && !source->frozen);
	return carry_serve(&source->tree.tables.files, source->tree.inventory[0]->dir, with,
			   refusal ? refusal : &own);
}

/*
 * A stop is cheap only if nobody has to be woken on another CPU: the threads that will execute
 * something for us come to this CPU meanwhile.
 */
static void pin(struct migrate_source *source)
{
	struct os_affinity here;

	assert(!source->pinned);
	if (!os_affinity_here(&here) || os_affinity(0, &source->own_affinity) < 0)
		return;
	os_affinity_set(0, &here);
	source->pinned = true;
	source_tree_gather(&source->tree, &here);
}

static void unpin(struct migrate_source *source)
{
	if (source->pinned)
		os_affinity_set(0, &source->own_affinity);
	source->pinned = false;
}

static void melt(struct migrate_source *source)
{
	assert(source->frozen);
	source_tree_release(&source->tree);
	unpin(source);
	source->frozen = false;
}

static int hold_when_idle(struct migrate_source *source, struct refusal *refusal)
{
	const struct migrate_host *host = &source->host;

	for (int try = 0; try < BUSY_TRIES; try++) {
		int r = source_tree_hold(&source->tree, host, &source->stats.freeze_ns, refusal);

		if (r || !host->busy || !host->busy(host->ctx))
			return r;
		bool stands = source->tree.process[0]->stop_signal;

		source_tree_release(&source->tree);
		if (stands)
			return refuse_standing(refusal);
		os_thread_sleep_ns(BUSY_PAUSE_NS);
	}
	return refusal_set(
		refusal, EDVSBUSY,
		"the process has been busy with its daemon for a whole second; try again");
}

static void count(struct migrate_source *source)
{
	struct migrate_stats *stats = &source->stats;

	assert(source->frozen);
	stats->thread_count = stats->map_count = stats->fd_count = 0;
	stats->process_count = source->tree.count;
	stats->cpu_counted = cpu_counted(source, cpu_time_counted_frozen);
	for (uint32_t i = 0; i < source->tree.count; i++) {
		struct inventory *inventory = source->tree.inventory[i];
		uint64_t used_ns = cpu_time_used_ns(inventory);

		if (!i)
			stats->cpu_used_ns = used_ns;
		stats->thread_count += source->tree.process[i]->threads.count;
		stats->map_count += inventory->maps.count;
		stats->fd_count += inventory->descriptors.count;
		inventory->process.frozen_ns = stats->freeze_ns;
		cpu_time_lower(&inventory->process, used_ns, i ? 0 : source->host.cpu_owed_ns);
	}
}

int migrate_source_freeze(struct migrate_source *source, struct refusal *refusal)
{
	struct refusal own = REFUSAL_NONE;

	refusal = refusal ? refusal : &own;
	assert(source->checked && !source->frozen);
	int r = hold_when_idle(source, refusal);

	if (r)
		return r;
	source->frozen = true;
	source->stats.frozen_ns = (uint64_t)os_now_ns() - source->stats.freeze_ns;
	pin(source);
	r = fault_here(FAULT_SOURCE_SEIZED, refusal);
	if (r == 0)
		r = source_tree_enter(&source->tree, &source->host, refusal);
	if (r == 0)
		r = fault_here(FAULT_SOURCE_FOOTHOLD, refusal);
	if (r == 0)
		r = source_tree_ask(&source->tree, refusal);
	if (r == 0)
		count(source);
	else
		melt(source);
	return r;
}

static int send_all(struct migrate_source *source, struct writer *writer, struct refusal *refusal)
{
	int r = fault_here(FAULT_SOURCE_STATE, refusal);

	if (r == 0)
		r = source_tree_send(&source->tree, &source->own_affinity, writer,
				     &source->stats.page_count, refusal);
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
	int r = send_all(source, &writer, refusal);

	/* Half a stream is of no use: the target learns at once that there is no more. */
	if (r)
		os_shutdown_writing(secure_fd(to));
	source->stats.image_bytes = writer.bytes;
	source->stats.send_ns = (uint64_t)os_now_ns() - started;
	writer_deinit(&writer);
	return r;
}

void migrate_source_stop(struct migrate_source *source)
{
	assert(source->frozen);
	for (uint32_t i = 0; i < source->tree.count; i++)
		os_pidfd_signal(source->tree.inventory[i]->dir, OS_SIGSTOP);
}

int migrate_source_try(struct migrate_source *source, struct refusal *refusal)
{
	assert(source->frozen);
	return source_tree_try(&source->tree, refusal);
}

int migrate_source_thaw(struct migrate_source *source, struct refusal *refusal)
{
	(void)refusal;
	if (source->frozen)
		melt(source);
	return 0;
}

bool migrate_source_late(const struct migrate_source *source, uint32_t index, int32_t *vpid,
			 uint64_t *signals)
{
	assert(!source->frozen);
	if (index >= source->tree.count)
		return false;
	*vpid = source->tree.inventory[index]->process.vpid;
	*signals = source->tree.process[index]->late;
	return true;
}

int migrate_source_kill(struct migrate_source *source, uint64_t *late, struct refusal *refusal)
{
	(void)refusal;
	assert(source->frozen);
	unpin(source);
	descriptors_abandon(&source->tree.tables.descriptions);
	uint64_t signals = source_tree_kill(&source->tree);

	sysv_remove(&source->tree.tables.sysv);

	if (late)
		*late = signals;
	source->frozen = false;
	source->checked = false;
	return 0;
}
