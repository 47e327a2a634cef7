/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a process that stands. */
#include "migrate/source_process.h"

#include <assert.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/descriptors_source.h"
#include "migrate/fault.h"
#include "migrate/kind.h"
#include "migrate/memory.h"
#include "migrate/state.h"
#include "migrate/stream.h"
#include "os/affinity.h"
#include "os/kernel.h"

#define PENDING_BATCH 16

/* One that is its container's is that of the target's there. */
static void send_login(const struct inventory *inventory, struct writer *writer)
{
	uint32_t login = inventory_login(inventory->dir);
	const struct image_string_head head = { IMAGE_STRING_LOGIN, sizeof(login) };

	if (login != INVENTORY_NO_LOGIN && login != inventory->login_of_init)
		writer_put_two(writer, IMAGE_STRING, &head, sizeof(head), &login, sizeof(login));
}

static void send_tables(const struct inventory *inventory, struct writer *writer)
{
	for (uint32_t i = 0; i < inventory->table_count; i++) {
		const struct inventory_table *table = &inventory->table[i];
		const struct image_table head = {
			.tid = inventory_thread(inventory, table->tid)->vtid,
			.fd_count = table->descriptors.count,
		};

		writer_put(writer, IMAGE_TABLE, &head, sizeof(head));
		descriptors_send_numbers(&table->descriptors, writer);
	}
}

static void send_head(struct source_process *process, struct writer *writer)
{
	struct inventory *inventory = &process->inventory;
	struct image_string_head cwd = { IMAGE_STRING_CWD, (uint32_t)strlen(inventory->cwd) };
	struct image_string_head auxv = { IMAGE_STRING_AUXV, inventory->auxv_bytes };

	inventory->process.thread_count = process->threads.count + (inventory->stand_in != 0);
	inventory->process.stop_signal = process->stop_signal;
	inventory->process.news = process->news;
	inventory->process.map_count = inventory->maps.count;
	inventory->process.special_count = inventory->maps.special_count;
	memcpy(inventory->process.special, inventory->maps.special,
	       sizeof(inventory->process.special));
	writer_put(writer, IMAGE_PROCESS, &inventory->process, sizeof(inventory->process));
	writer_put_two(writer, IMAGE_STRING, &cwd, sizeof(cwd), inventory->cwd, cwd.length);
	writer_put_two(writer, IMAGE_STRING, &auxv, sizeof(auxv), inventory->auxv, auxv.length);
	send_login(inventory, writer);
	for (uint32_t i = 0; i < inventory->maps.count; i++)
		writer_put(writer, IMAGE_MAP, &inventory->maps.map[i], sizeof(struct image_map));
	descriptors_send_numbers(&inventory->descriptors, writer);
	send_tables(inventory, writer);
	writer_put(writer, IMAGE_LAYOUT, NULL, 0);
	writer_flush(writer);
}

static uint64_t signal_bit(const void *info)
{
	int signal = ((const siginfo_t *)info)->si_signo;

	return signal >= 1 && signal <= 64 ? 1ull << (signal - 1) : 0;
}

static int send_pending(struct source_process *process, struct writer *writer, pid_t tid,
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
			process->pending_sent |= signal_bit(&infos[i]);
			writer_put(writer, IMAGE_SIGINFO, &record, sizeof(record));
		}
		first += (uint64_t)count;
	}
}

static int send_process_state(struct source_process *process, struct writer *writer,
			      struct refusal *refusal)
{
	const struct inventory *inventory = &process->inventory;

	writer_put(writer, IMAGE_SIGACTIONS, process->actions, sizeof(process->actions));
	int r = send_pending(process, writer, process->threads.tracee[0].tid, true, refusal);

	for (uint32_t i = 0; i < inventory->timer_count; i++)
		writer_put(writer, IMAGE_TIMER, &inventory->timer[i], sizeof(inventory->timer[i]));
	return r;
}

/* *length: of the xsave area, which has room for IMAGE_XSTATE_MAX. The caller frees filters, also after a refusal. */
static int read_thread(struct source_process *process, uint32_t index, struct image_thread *thread,
		       uint8_t *xstate, size_t *length, struct seccomp *filters,
		       struct refusal *refusal)
{
	int32_t vtid = process->threads.vtid[index];

	assert(index < process->threads.count);
	*length = IMAGE_XSTATE_MAX;
	calls_begin(&process->calls, &process->foothold, &process->threads.tracee[index]);
	int r = state_read_thread(&process->calls, &process->inventory, vtid, thread, xstate,
				  length, refusal);

	if (r == 0)
		r = seccomp_read(filters, process->threads.tracee[index].tid, vtid,
				 thread->seccomp_mode, refusal);
	thread->seccomp_count = filters->count;
	if (r == 0 && thread->parent_death_signal)
		process->by_ends |= OS_SIGNAL_BIT(thread->parent_death_signal);
	return r;
}

/* The leader's are kept for the threads that come after it. */
static void send_filters(struct source_process *process, uint32_t index, struct seccomp *filters,
			 uint32_t common, struct writer *writer)
{
	seccomp_send(filters, common, writer);
	if (index == 0 && !process->inventory.stand_in) {
		process->leader_filters = *filters;
		*filters = (struct seccomp){ 0 };
	}
}

static int send_thread(struct source_process *process, const struct os_affinity *every_cpu,
		       struct writer *writer, uint32_t index, struct refusal *refusal)
{
	struct tracee *tracee = &process->threads.tracee[index];
	struct image_thread thread;
	uint8_t xstate[IMAGE_XSTATE_MAX] __attribute__((aligned(64)));
	struct seccomp filters = { 0 };
	size_t length;
	int r = read_thread(process, index, &thread, xstate, &length, &filters, refusal);

	if (r) {
		seccomp_free(&filters);
		return r;
	}
	thread.seccomp_common = index ? seccomp_common(&process->leader_filters, &filters) : 0;
	interrupted_translate(&process->interrupted, tracee->tid, &thread.registers);
	thread.affinity_bytes = sizeof(thread.affinity);
	if (!process->affinity ||
	    memcmp(&process->affinity[index], every_cpu, sizeof(*every_cpu)) == 0)
		thread.affinity_bytes = 0;
	else
		memcpy(thread.affinity, &process->affinity[index], sizeof(thread.affinity));
	writer_put(writer, IMAGE_THREAD, &thread, sizeof(thread));
	writer_put(writer, IMAGE_XSTATE, xstate, length);
	send_filters(process, index, &filters, thread.seccomp_common, writer);
	seccomp_free(&filters);
	return send_pending(process, writer, tracee->tid, false, refusal);
}

/* The main thread is first, also one that has ended. */
static int send_threads(struct source_process *process, const struct os_affinity *every_cpu,
			struct writer *writer, struct refusal *refusal)
{
	struct image_thread thread;
	int r = 0;

	assert(process->threads.count);
	if (process->inventory.stand_in) {
		r = state_read_ended(&process->inventory, &thread, refusal);
		if (r == 0)
			writer_put(writer, IMAGE_THREAD, &thread, sizeof(thread));
	}
	for (uint32_t i = 0; i < process->threads.count && r == 0; i++)
		r = send_thread(process, every_cpu, writer, i, refusal);
	return r;
}

/* One table; the thread has it. */
static int complete_table(struct source_process *process, struct tracee *tracee, int dir,
			  const struct descriptors *descriptors, bool last, struct refusal *refusal)
{
	struct tables *tables = process->inventory.tables;
	const struct kind_frozen frozen = {
		.pid = tracee->tid,
		.dir = dir,
		.descriptions = &tables->descriptions,
		.descriptors = descriptors,
		.files = &tables->files,
		.calls = &process->calls,
	};
	int r = last ? 0 : locks_check(&descriptors->locks, refusal);

	if (r)
		return r;
	calls_begin(&process->calls, &process->foothold, tracee);
	return descriptors_complete(&frozen, &tables->descriptions, last, refusal);
}

int source_process_complete(struct source_process *process, bool last, struct refusal *refusal)
{
	struct inventory *inventory = &process->inventory;
	struct threads *threads = &process->threads;

	assert(threads->count && threads->tracee[0].tid == inventory_task(inventory));
	int r = complete_table(process, &threads->tracee[0], inventory->dir,
			       &inventory->descriptors, last, refusal);

	for (uint32_t i = 0; i < inventory->table_count && r == 0; i++) {
		const struct inventory_table *table = &inventory->table[i];
		struct tracee *tracee = threads_find(threads, table->tid);

		assert(tracee); /* all stand, and have been listed */
		r = complete_table(process, tracee, table->dir, &table->descriptors, last, refusal);
	}
	return r;
}

int source_process_send(struct source_process *process, const struct inventories *all,
			uint32_t index, const struct os_affinity *every_cpu, struct writer *writer,
			uint64_t *page_count, struct refusal *refusal)
{
	const struct memory_view view = {
		.maps = &process->inventory.maps,
		.memories = &process->inventory.tables->memories,
		.files = index ? NULL : &process->inventory.tables->files,
		.sysv = &process->inventory.tables->sysv,
		.all = all,
		.index = index,
	};

	process->pending_sent = 0;
	/* Of a child, and of the other end of a terminal. */
	process->by_ends = OS_SIGNAL_BIT(SIGCHLD) | OS_SIGNAL_BIT(SIGHUP) | OS_SIGNAL_BIT(SIGCONT);
	seccomp_free(&process->leader_filters);
	send_head(process, writer);
	int r = memory_send(inventory_task(&process->inventory), process->inventory.dir, &view,
			    writer, page_count, refusal);
	if (r == 0)
		r = fault_here(FAULT_SOURCE_MEMORY, refusal);
	if (r == 0)
		r = send_process_state(process, writer, refusal);
	if (r == 0)
		r = send_threads(process, every_cpu, writer, refusal);
	return r ? r : inventory_check_lack(&process->inventory, refusal);
}

int source_process_try(struct source_process *process, struct refusal *refusal)
{
	uint8_t xstate[IMAGE_XSTATE_MAX] __attribute__((aligned(64)));
	struct image_thread thread;
	int r = 0;

	for (uint32_t i = 0; i < process->threads.count && r == 0; i++) {
		struct seccomp filters = { 0 };
		size_t length;

		r = read_thread(process, i, &thread, xstate, &length, &filters, refusal);
		seccomp_free(&filters);
	}
	return r ? r : inventory_check_lack(&process->inventory, refusal);
}
