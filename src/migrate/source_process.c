/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/source_process.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/aio.h"
#include "migrate/cut_short.h"
#include "migrate/migrate.h"
#include "migrate/state.h"
#include "migrate/sysv_undo.h"
#include "migrate/thread_timers.h"
#include "os/affinity.h"
#include "os/kernel.h"

struct source_process *source_process_new(pid_t pid)
{
	struct source_process *process = malloc(sizeof(*process));

	if (!process)
		return NULL;
	*process = (struct source_process){ .pid = pid, .inventory.dir = -1 };
	if (calls_init(&process->calls) == 0)
		return process;
	free(process);
	return NULL;
}

struct source_process *source_process_free(struct source_process *process)
{
	if (!process)
		return NULL;
	source_process_release(process);
	assert(!process->affinity);
	if (process->is_open)
		inventory_close(&process->inventory);
	threads_free(&process->threads);
	interrupted_free(&process->interrupted);
	seccomp_free(&process->leader_filters);
	calls_deinit(&process->calls);
	free(process);
	return NULL;
}

int source_process_open(struct source_process *process, struct tables *tables,
			struct refusal *refusal)
{
	int r = 0;

	if (!process->is_open) {
		r = inventory_open(&process->inventory, process->pid, tables, refusal);
		process->is_open = r == 0;
	}
	return r;
}

static int borrow_all(struct source_process *process, struct refusal *refusal)
{
	for (uint32_t i = 0; i < process->threads.count; i++) {
		int r = tracee_borrow(&process->threads.tracee[i]);

		if (r)
			return refusal_set(refusal, EDVSSRCH, "the process %s",
					   tracee_result_text(r));
		r = seccomp_suspend(&process->threads.tracee[i], &process->inventory, refusal);
		if (r)
			return r;
		/* A stop by a signal ends more calls than a stop by a tracer. */
		if (!process->stop_signal)
			interrupted_mend(&process->threads.tracee[i]);
	}
	return 0;
}

/* Before positions are read, which the rest of a transfer moves on. Receives that wait for all, or all others. */
static int finish_transfers(struct source_process *process, bool receives, struct refusal *refusal)
{
	const struct image_special *vdso =
		maps_special(inventory_maps(&process->inventory), "vdso");
	struct remote_ptr at;

	/* A transfer that a signal has cut short is short. */
	if (process->stop_signal || !vdso ||
	    foothold_find_syscall(process->threads.tracee[0].tid, vdso->start, vdso->length, &at))
		return 0;
	for (uint32_t i = 0; i < process->threads.count; i++) {
		struct tracee *tracee = &process->threads.tracee[i];
		int r = receives ? cut_short_receive(tracee, at)
				 : cut_short_finish(tracee, at, &process->inventory);

		if (r)
			return refusal_set_number(refusal,
						  r == TRACEE_E_GONE ? EDVSSRCH : EDVSPROCSTS,
						  "the process %s", tracee_result_text(r));
	}
	return 0;
}

int source_process_stop(struct source_process *process, uint64_t *first_stop_ns,
			struct refusal *refusal)
{
	assert(process->is_open && process->threads.count == 0);
	interrupted_note(&process->interrupted, &process->inventory);
	int r = threads_freeze(&process->threads, &process->inventory, first_stop_ns, refusal);

	process->inventory.is_held = r == 0;
	process->stop_signal = process->news = 0;
	for (uint32_t i = 0; i < process->threads.count && !process->stop_signal; i++)
		process->stop_signal = (uint32_t)process->threads.tracee[i].halted;
	return r;
}

int source_process_borrow(struct source_process *process, struct refusal *refusal)
{
	assert(process->threads.count);
	int r = borrow_all(process, refusal);

	return r ? r : finish_transfers(process, false, refusal);
}

int source_process_receive(struct source_process *process, struct refusal *refusal)
{
	assert(process->threads.count);
	return finish_transfers(process, true, refusal);
}

void source_process_gather(struct source_process *process, const struct os_affinity *here)
{
	assert(!process->affinity);
	process->affinity = calloc(process->threads.count, sizeof(*process->affinity));
	if (!process->affinity)
		return;
	for (uint32_t i = 0; i < process->threads.count; i++) {
		os_affinity(process->threads.tracee[i].tid, &process->affinity[i]);
		os_affinity_set(process->threads.tracee[i].tid, here);
	}
}

static void let_go(struct source_process *process)
{
	free(process->affinity);
	process->affinity = NULL;
}

static void scatter(struct source_process *process)
{
	for (uint32_t i = 0; process->affinity && i < process->threads.count; i++)
		os_affinity_set(process->threads.tracee[i].tid, &process->affinity[i]);
	let_go(process);
}

static int open_foothold(struct source_process *process, struct refusal *refusal)
{
	const struct image_special *vdso = maps_special(&process->inventory.maps, "vdso");
	uint64_t gap = maps_find_gap(&process->inventory.maps, NULL, FOOTHOLD_BYTES);
	struct tracee *leader = &process->threads.tracee[0];

	assert(leader->borrowed);
	if (!vdso || !gap)
		return refusal_set(refusal, EDVSPROCSTS, "the process has %s",
				   vdso ? "no room in its address space" : "no vdso");
	int r = foothold_find_syscall(leader->tid, vdso->start, vdso->length,
				      &process->foothold.vdso_syscall);
	if (r == 0)
		r = foothold_open(&process->foothold, leader, gap);
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
static int look_for_lock_future(struct source_process *process, const struct migrate_host *host,
				struct refusal *refusal)
{
	struct inventory *inventory = &process->inventory;
	struct maps_skip skip = { .start = process->foothold.base.at, .bytes = FOOTHOLD_BYTES };
	bool any = false;

	for (uint32_t i = 0; i < inventory->maps.count; i++)
		any = any || inventory->maps.map[i].flags & IMAGE_MAP_LOCKED;
	if (!any)
		return 0;
	int r = inventory_read_maps(inventory, host, &skip, refusal);

	inventory->process.lock_future = skip.locked;
	if (r == 0 &&
	    memories_add_files(&inventory->tables->memories, &inventory->tables->files) < 0)
		r = refusal_set(refusal, EDVSNOMEM, "out of memory");
	return r;
}

int source_process_enter(struct source_process *process, const struct source_process *holder,
			 const struct migrate_host *host, struct refusal *refusal)
{
	assert(process->threads.count);
	int r = threads_name(&process->threads, &process->inventory, refusal);

	process->is_guest = r == 0 && holder != process;
	if (process->is_guest) {
		assert(holder->foothold.base.at);
		process->foothold = holder->foothold;
		process->inventory.process.lock_future = holder->inventory.process.lock_future;
		return 0;
	}
	if (r == 0)
		r = open_foothold(process, refusal);
	return r ? r : look_for_lock_future(process, host, refusal);
}

/* A stop that had begun is over when each thread has taken part in it; then the parent is told. */
static int finish_stop(struct source_process *process, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 0; process->stop_signal && i < process->threads.count && r == 0; i++) {
		calls_begin(&process->calls, &process->foothold, &process->threads.tracee[i]);
		calls_add(&process->calls, "take part in the stop", CALL_OK, SYS_getpid);
		r = calls_run(&process->calls);
	}
	return r ? calls_refuse(&process->calls, r, "the process", refusal) : 0;
}

int source_process_news(struct source_process *process, int32_t child, enum image_news *news,
			struct refusal *refusal)
{
	struct calls *calls = &process->calls;

	calls_begin(calls, &process->foothold, &process->threads.tracee[0]);
	struct remote_ptr at = calls_space(calls, sizeof(siginfo_t));

	/* One without children is told so. */
	calls_add(calls, "ask for the stops of its children", CALL_ANY, SYS_waitid,
		  child ? P_PID : P_ALL, (uint64_t)child, at.at,
		  WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT | __WALL, 0);
	int r = calls_run(calls);

	if (r)
		return calls_refuse(calls, r, "the process", refusal);
	const siginfo_t *info = calls_at(calls, at);

	*news = !info->si_pid			 ? IMAGE_NEWS_NONE
		: info->si_code == CLD_CONTINUED ? IMAGE_NEWS_CONTINUED
						 : IMAGE_NEWS_STOPPED;
	return 0;
}

int source_process_ask(struct source_process *process, struct refusal *refusal)
{
	assert(process->foothold.base.at);
	process->ignores_breakpoint = process->inventory.ignored >> (SIGTRAP - 1) & 1;
	process->actions[SIGTRAP - 1] = (struct image_sigaction){ .handler = (uint64_t)SIG_IGN };
	calls_begin(&process->calls, &process->foothold, &process->threads.tracee[0]);
	int r = state_read_process(&process->calls, &process->inventory, process->actions, refusal);

	if (r == 0)
		r = thread_timers_find(&process->calls, &process->foothold, &process->threads,
				       &process->inventory, refusal);
	if (r)
		return r;
	calls_begin(&process->calls, &process->foothold, &process->threads.tracee[0]);
	r = aio_take(&process->calls, &process->inventory.maps, refusal);
	/* Another process may have it in common, and have come to a breakpoint before. */
	if (process->ignores_breakpoint)
		process->actions[SIGTRAP - 1].handler = (uint64_t)SIG_IGN;
	return r ? r : finish_stop(process, refusal);
}

int source_process_take_undo(struct source_process *process, struct refusal *refusal)
{
	struct sysv *sysv = &process->inventory.tables->sysv;
	int r = process->inventory.may_undo ? sysv_undo_check(process->pid, sysv, refusal) : 0;

	if (r || !process->inventory.may_undo)
		return r;
	assert(process->threads.count == 1); /* the list is that of one thread */
	calls_begin(&process->calls, &process->foothold, &process->threads.tracee[0]);
	return sysv_undo_take(sysv, &process->calls, process->inventory.process.vpid, refusal);
}

/*
 * A breakpoint whose signal is ignored resets that to the default, so what the process had is set
 * again, by a call that needs no breakpoint.
 */
static void ignore_breakpoint_again(struct source_process *process)
{
	struct tracee *leader = &process->threads.tracee[0];
	struct image_sigaction *action = &process->actions[SIGTRAP - 1];
	uint64_t address = process->foothold.base.at + FOOTHOLD_CODE_BYTES;
	const uint64_t args[6] = { SIGTRAP, address, 0, 8 };
	int64_t done;

	if (!process->ignores_breakpoint || !process->foothold.base.at || !leader->borrowed)
		return;
	if (trace_write(leader->tid, address, action, sizeof(*action)) == 0)
		tracee_syscall(leader, foothold_syscall(&process->foothold), SYS_rt_sigaction, args,
			       &done);
}

void source_process_release(struct source_process *process)
{
	if (!process->threads.count)
		return;
	ignore_breakpoint_again(process);
	if (!process->is_guest)
		foothold_close(&process->foothold, &process->threads.tracee[0]);
	scatter(process);
	threads_thaw(&process->threads);
	process->inventory.is_held = false;
	process->foothold.base.at = 0;
}

/* Those on their way to one thread count, too. */
static uint64_t late_signals(struct source_process *process)
{
	uint64_t pending = 0;

	if (procdir_read(process->inventory.dir, "status", &process->inventory.text) < 0)
		return 0;
	pending |= procdir_number(process->inventory.text.text, "ShdPnd", 16, 0);
	pending |= procdir_number(process->inventory.text.text, "SigPnd", 16, 0);
	return pending & ~process->pending_sent;
}

/* A stop that was held back dies with it, too. */
static uint64_t held_back(const struct source_process *process)
{
	for (uint32_t i = 0; i < process->threads.count; i++)
		if (tracee_must_stop(&process->threads.tracee[i]))
			return 1ull << (SIGSTOP - 1);
	return 0;
}

void source_process_look_late(struct source_process *process)
{
	assert(process->threads.count);
	process->late = late_signals(process) | held_back(process);
}

uint64_t source_process_kill(struct source_process *process)
{
	process->late |= (late_signals(process) & ~process->by_ends) | held_back(process);
	let_go(process);
	threads_kill(&process->threads);
	assert(process->threads.count == 0);
	return process->late;
}
