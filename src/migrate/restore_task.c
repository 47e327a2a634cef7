/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/restore.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/sysv_undo.h"
#include "os/affinity.h"
#include "os/kernel.h"
#include "os/machine.h"
#include "os/procdir.h"
#include "os/scheduling.h"

#define SIGNAL_SET_BYTES 8
#define HANDLER_IGNORE	 1

static void add_settings(struct restore *restore)
{
	const struct image_process *process = &restore->picture.process;
	struct calls *calls = &restore->calls;

	calls_room(calls, 64, 0);
	if (process->personality)
		calls_add(calls, "set its personality", CALL_OK, SYS_personality,
			  process->personality);
	if (process->memory_merge)
		calls_add(calls, "merge its memory", CALL_OK, SYS_prctl, PR_SET_MEMORY_MERGE, 1);
	if (process->subreaper)
		calls_add(calls, "make it a subreaper", CALL_OK, SYS_prctl, PR_SET_CHILD_SUBREAPER,
			  1);
}

/* One that shares it with its parent (CLONE_FS) has it from there, which comes before. */
static bool has_root_of_parent(const struct restore *restore)
{
	const struct members *members = &restore->picture.tables->members;

	for (uint32_t i = 0; i < members->count; i++)
		if (members->member[i].vpid == restore->picture.process.vpid)
			return members->member[i].shares & IMAGE_SHARES_FS;
	return false;
}

/* Nothing is opened by its path in the process from here on. */
static void add_root(struct restore *restore)
{
	const struct file *root =
		files_find(&restore->picture.tables->files, restore->picture.process.root_file);
	struct calls *calls = &restore->calls;

	if (!root || has_root_of_parent(restore))
		return;
	calls_room(calls, 1, IMAGE_PATH_MAX);
	const struct remote_ptr path = calls_put(calls, root->path, strlen(root->path) + 1);

	calls_add(calls, "change its root directory", CALL_OK, SYS_chroot, path.at);
}

/* After everything that takes memory or descriptors, before the right to raise them is given up. */
static void add_limits(struct restore *restore)
{
	struct calls *calls = &restore->calls;

	for (unsigned i = 0; i < IMAGE_RLIMITS; i++) {
		calls_room(calls, 1, sizeof(struct image_rlimit));
		struct remote_ptr limit = calls_put(calls, &restore->picture.process.rlimit[i],
						    sizeof(struct image_rlimit));

		calls_add(calls, "set its resource limits", CALL_OK, SYS_prlimit64, 0, i, limit.at,
			  0);
	}
}

/* The breakpoint of a process that comes later would undo it to ignore the breakpoint's signal. */
static bool sets_handlers(struct restore *restore)
{
	struct restore *holder = restore->handlers ? restore->handlers : restore;

	if (!holder->handler_guests)
		return true;
	holder->handler_guests--;
	return false;
}

static void add_signal_handlers(struct restore *restore)
{
	struct calls *calls = &restore->calls;

	for (unsigned i = 0; i < IMAGE_SIGNALS; i++) {
		const struct image_sigaction *action = &restore->picture.action[i];
		int number = (int)i + 1;

		if (number == SIGKILL || number == SIGSTOP)
			continue;
		/* The shell has none; ignoring the breakpoint would undo itself at the next one. */
		if (!action->handler && !action->flags && !action->mask)
			continue;
		if (number == SIGTRAP && action->handler == HANDLER_IGNORE)
			continue;
		calls_room(calls, 1, sizeof(*action));
		struct remote_ptr address = calls_put(calls, action, sizeof(*action));

		calls_add(calls, "set its signal handlers", CALL_OK, SYS_rt_sigaction,
			  (uint64_t)number, address.at, 0, SIGNAL_SET_BYTES);
	}
}

/* An ignored breakpoint signal is set without a breakpoint. */
static int ignore_breakpoint(struct restore *restore, struct refusal *refusal)
{
	const struct image_sigaction *action = &restore->picture.action[SIGTRAP - 1];
	struct tracee *leader = &restore->threads.tracee[0];
	uint64_t address = restore->foothold.base.at + FOOTHOLD_CODE_BYTES;
	const uint64_t args[6] = { SIGTRAP, address, 0, SIGNAL_SET_BYTES };
	int64_t done = 0;

	assert(leader->borrowed);
	if (action->handler != HANDLER_IGNORE)
		return 0;
	int r = trace_write(leader->tid, address, action, sizeof(*action));

	if (r == 0)
		r = tracee_syscall(leader, foothold_syscall(&restore->foothold), SYS_rt_sigaction,
				   args, &done);
	if (r == 0 && done == 0)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS, "the process shell on the target %s",
			   tracee_result_text(r ? r : (int)done));
}

int restore_task(struct restore *restore, struct refusal *refusal)
{
	const struct picture *picture = &restore->picture;
	struct calls *calls = &restore->calls;
	bool sets = sets_handlers(restore);

	assert(picture->thread_count == restore->threads.count);
	calls_begin(calls, &restore->foothold, &restore->threads.tracee[0]);
	add_settings(restore);
	add_root(restore);
	sysv_undo_add(&picture->tables->sysv, calls, picture->process.vpid);
	add_limits(restore);
	if (sets)
		add_signal_handlers(restore);
	restore_add_thread(restore, &picture->thread[0]);
	restore_add_seccomp(restore, &picture->thread[0]);
	restore_add_credentials(restore, &picture->thread[0].image);
	calls_room(calls, 1, 0);
	/* 2 (only the superuser may dump) cannot be asked for; 0 is what comes nearest. */
	calls_add(calls, "set who may read it", CALL_OK, SYS_prctl, PR_SET_DUMPABLE,
		  picture->process.dumpable == 1);
	/* Memory that is both written and executed can stay, as ours, and nothing of that kind is made any more. */
	if (picture->process.refuse_exec_gain) {
		calls_room(calls, 1, 0);
		calls_add(calls, "forbid itself writable code (PR_SET_MDWE)", CALL_OK, SYS_prctl,
			  PR_SET_MDWE, picture->process.refuse_exec_gain);
	}
	int r = restore_add_timers(restore, os_timer_ids_can_be_chosen(), refusal);

	if (r == 0)
		r = restore_run(restore, refusal);

	return r || !sets ? r : ignore_breakpoint(restore, refusal);
}

static int set_scheduling(struct restore *restore, pid_t tid, const struct image_thread *thread,
			  struct refusal *refusal)
{
	const struct os_scheduling wanted = {
		.policy = thread->policy,
		.flags = thread->sched_flags,
		.nice = thread->nice,
		.priority = thread->priority,
	};
	struct os_affinity affinity = { 0 };
	char name[48], value[24];

	int r = os_scheduling_set(tid, &wanted);

	if (r < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the scheduling of the process cannot be set on the target: %s",
				   strerror(-r));
	assert(thread->affinity_bytes <= sizeof(affinity.cpu)); /* image_thread_ok() saw to it */
	memcpy(affinity.cpu, thread->affinity, thread->affinity_bytes);
	if (thread->affinity_bytes && os_affinity_set(tid, &affinity) < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process is bound to CPUs the target does not have");
	r = thread->ioprio ? os_io_priority_set(tid, thread->ioprio) : 0;
	if (r < 0)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the I/O priority of the process cannot be set on the target: %s",
			strerror(-r));
	snprintf(name, sizeof(name), "/proc/%d/timerslack_ns", (int)tid);
	snprintf(value, sizeof(value), "%llu", (unsigned long long)thread->timer_slack_ns);
	r = thread->timer_slack_ns ? procdir_write(restore->dir, name, value) : 0;

	if (r < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the timer slack of the process cannot be set on the target: %s",
				   strerror(-r));
	return 0;
}

/* Writing needs rights even if nothing changes, so what is so already is left alone. */
static int write_setting(struct restore *restore, const char *name, const char *format, int base,
			 long long value, struct refusal *refusal)
{
	struct procdir_text now = { 0 };
	char text[24];
	bool same = procdir_read(restore->dir, name, &now) == 0 &&
		    strtoll(now.text, NULL, base) == value;

	procdir_text_free(&now);
	if (same)
		return 0;
	snprintf(text, sizeof(text), format, value);
	int r = procdir_write(restore->dir, name, text);

	if (r == 0)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "%s of the process cannot be set on the target: %s", name, strerror(-r));
}

int restore_outside(struct restore *restore, struct refusal *refusal)
{
	const struct picture *picture = &restore->picture;
	int r = write_setting(restore, "oom_score_adj", "%lld", 10, picture->process.oom_score_adj,
			      refusal);

	if (r == 0)
		r = write_setting(restore, "coredump_filter", "%#llx", 16,
				  picture->process.coredump_filter, refusal);
	for (uint32_t i = 0; i < picture->thread_count && r == 0; i++) {
		const struct image_thread *image = &picture->thread[i].image;

		const struct tracee *tracee = restore_tracee_of(restore, image->tid);

		assert(tracee); /* restore_threads() has found all */
		r = set_scheduling(restore, tracee->tid, image, refusal);
	}
	return r;
}
