/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a process that /proc does not show. One list of system calls, executed by the leader
 * in one stop, asks for everything that belongs to the process; a short one per thread for the rest.
 */
#include "migrate/state.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/ended.h"
#include "migrate/landlock.h"
#include "migrate/peculiar.h"
#include "os/kernel.h"
#include "os/scheduling.h"

#define XCOMP_PERM_QUERY      0x1022 /* ARCH_GET_XCOMP_PERM */
#define XCOMP_TILES	      (1ull << 18)
#define MEMBARRIER_QUERY_REGS (1 << 9) /* MEMBARRIER_CMD_GET_REGISTRATIONS */
#define SIGNAL_SET_BYTES      8
#define SEGMENT_BYTES	      8

struct questions {
	struct remote_ptr action[IMAGE_SIGNALS];
	struct remote_ptr itimer[3];
	struct remote_ptr limit[IMAGE_RLIMITS];
	struct remote_ptr subreaper, xcomp, segments;
	uint32_t brk, dumpable, thp, merge, membarrier, segments_call, exec_gain;
};

static void ask(struct calls *calls, struct questions *q)
{
	calls_room(calls, IMAGE_SIGNALS + 64, 8192);
	for (unsigned i = 0; i < IMAGE_SIGNALS; i++) {
		q->action[i] = calls_space(calls, sizeof(struct image_sigaction));
		calls_add(calls, "read its signal handlers", CALL_OK, SYS_rt_sigaction, i + 1, 0,
			  q->action[i].at, SIGNAL_SET_BYTES);
	}
	for (unsigned i = 0; i < 3; i++) {
		q->itimer[i] = calls_space(calls, sizeof(struct image_itimer));
		calls_add(calls, "read its interval timers", CALL_OK, SYS_getitimer, i,
			  q->itimer[i].at);
	}
	for (unsigned i = 0; i < IMAGE_RLIMITS; i++) {
		q->limit[i] = calls_space(calls, sizeof(struct image_rlimit));
		calls_add(calls, "read its limits", CALL_OK, SYS_prlimit64, 0, i, 0,
			  q->limit[i].at);
	}
	q->exec_gain = calls_add(calls, "read its settings", CALL_ANY, SYS_prctl, PR_GET_MDWE);
	q->subreaper = calls_space(calls, 8);
	calls_add(calls, "read its settings", CALL_OK, SYS_prctl, PR_GET_CHILD_SUBREAPER,
		  q->subreaper.at);
	q->xcomp = calls_space(calls, 8);
	calls_add(calls, "read its CPU permissions", CALL_ANY, SYS_arch_prctl, XCOMP_PERM_QUERY,
		  q->xcomp.at);
	q->segments = calls_space(calls, SEGMENT_BYTES);
	q->segments_call = calls_add(calls, "read its segments", CALL_ANY, SYS_modify_ldt, 0,
				     q->segments.at, SEGMENT_BYTES);
	q->brk = calls_add(calls, "read the end of its heap", CALL_OK, SYS_brk, 0);
	q->dumpable = calls_add(calls, "read its settings", CALL_OK, SYS_prctl, PR_GET_DUMPABLE);
	q->thp = calls_add(calls, "read its settings", CALL_ANY, SYS_prctl, PR_GET_THP_DISABLE);
	q->merge = calls_add(calls, "read its settings", CALL_ANY, SYS_prctl, PR_GET_MEMORY_MERGE);
	q->membarrier = calls_add(calls, "read its barriers", CALL_ANY, SYS_membarrier,
				  MEMBARRIER_QUERY_REGS);
}

static uint32_t not_negative(int64_t value)
{
	return value > 0 ? (uint32_t)value : 0;
}

static int check_answers(struct calls *calls, const struct questions *q, struct refusal *refusal)
{
	uint64_t xcomp;

	memcpy(&xcomp, calls_at(calls, q->xcomp), sizeof(xcomp));
	if (xcomp & XCOMP_TILES)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses AMX tile registers, which are not carried");
	/* The kernel says how much of the table it gave: nothing, if the process has none. */
	if (calls_result(calls, q->segments_call) > 0)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has a local descriptor table (modify_ldt), which is "
			"not carried");
	return 0;
}

static void take_answers(struct calls *calls, const struct questions *q,
			 struct image_process *process, struct image_sigaction *actions)
{
	for (unsigned i = 0; i < IMAGE_SIGNALS; i++)
		memcpy(&actions[i], calls_at(calls, q->action[i]), sizeof(actions[i]));
	for (unsigned i = 0; i < 3; i++)
		memcpy(&process->itimer[i], calls_at(calls, q->itimer[i]),
		       sizeof(process->itimer[i]));
	for (unsigned i = 0; i < IMAGE_RLIMITS; i++)
		memcpy(&process->rlimit[i], calls_at(calls, q->limit[i]),
		       sizeof(process->rlimit[i]));
	memcpy(&process->subreaper, calls_at(calls, q->subreaper), sizeof(process->subreaper));
	process->bounds.brk = (uint64_t)calls_result(calls, q->brk);
	process->refuse_exec_gain = not_negative(calls_result(calls, q->exec_gain));
	process->dumpable = not_negative(calls_result(calls, q->dumpable));
	process->thp_disable = not_negative(calls_result(calls, q->thp));
	process->memory_merge = not_negative(calls_result(calls, q->merge));
	process->membarrier = not_negative(calls_result(calls, q->membarrier));
}

static int read_timers(struct calls *calls, struct inventory *inventory, struct refusal *refusal)
{
	for (uint32_t i = 0; i < inventory->timer_count; i++) {
		struct image_timer *timer = &inventory->timer[i];

		calls_room(calls, 2, sizeof(struct itimerspec));
		struct remote_ptr when = calls_space(calls, sizeof(struct itimerspec));
		uint32_t overrun = calls_add(calls, "read its POSIX timers", CALL_ANY,
					     SYS_timer_getoverrun, (uint64_t)timer->id);

		calls_add(calls, "read its POSIX timers", CALL_OK, SYS_timer_gettime,
			  (uint64_t)timer->id, when.at);
		int r = calls_run(calls);

		if (r)
			return calls_refuse(calls, r, "the process", refusal);
		const struct itimerspec *value = calls_at(calls, when);

		timer->interval_s = value->it_interval.tv_sec;
		timer->interval_ns = value->it_interval.tv_nsec;
		timer->remaining_s = value->it_value.tv_sec;
		timer->remaining_ns = value->it_value.tv_nsec;
		timer->overrun = (int32_t)not_negative(calls_result(calls, overrun));
	}
	return 0;
}

/*
 * The interval of ITIMER_REAL is begun again by the kernel when its signal is taken; while that is
 * pending the timer shows nothing left. On the target it is due at once, which changes nothing but
 * that: a second signal of the same number is not kept.
 */
static void keep_interval(struct inventory *inventory)
{
	struct image_itimer *timer = &inventory->process.itimer[ITIMER_REAL];

	if (timer->value_s || timer->value_us || (!timer->interval_s && !timer->interval_us))
		return;
	if (procdir_read(inventory->dir, "status", &inventory->text) == 0 &&
	    procdir_number(inventory->text.text, "ShdPnd", 16, 0) >> (SIGALRM - 1) & 1)
		timer->value_us = 1;
}

int state_read_process(struct calls *calls, struct inventory *inventory,
		       struct image_sigaction actions[IMAGE_SIGNALS], struct refusal *refusal)
{
	struct questions questions;

	ask(calls, &questions);
	int r = calls_run(calls);

	if (r)
		return calls_refuse(calls, r, "the process", refusal);
	r = check_answers(calls, &questions, refusal);
	if (r)
		return r;
	take_answers(calls, &questions, &inventory->process, actions);
	keep_interval(inventory);
	return read_timers(calls, inventory, refusal);
}

/* ---- threads ---- */

static void read_four(const char *value, uint32_t out[4])
{
	char *at = (char *)value;

	for (unsigned i = 0; value && i < 4; i++)
		out[i] = (uint32_t)strtoul(at, &at, 10);
}

static int read_credentials(struct inventory *inventory, pid_t tid, struct image_thread *thread,
			    struct refusal *refusal)
{
	struct image_credentials *credentials = &thread->credentials;
	char name[48];

	snprintf(name, sizeof(name), "task/%d/status", (int)tid);
	int read = procdir_read(inventory->dir, name, &inventory->text);

	if (read < 0)
		return ended_refuse(inventory->dir, read, "status of a thread", refusal);
	const char *status = inventory->text.text;
	const char *groups = procdir_field(status, "Groups");

	read_four(procdir_field(status, "Uid"), credentials->uid);
	read_four(procdir_field(status, "Gid"), credentials->gid);
	credentials->inheritable = procdir_number(status, "CapInh", 16, 0);
	credentials->permitted = procdir_number(status, "CapPrm", 16, 0);
	credentials->effective = procdir_number(status, "CapEff", 16, 0);
	credentials->bounding = procdir_number(status, "CapBnd", 16, 0);
	credentials->ambient = procdir_number(status, "CapAmb", 16, 0);
	credentials->no_new_privs = (uint32_t)procdir_number(status, "NoNewPrivs", 10, 0);
	thread->seccomp_mode = (uint32_t)procdir_number(status, "Seccomp", 10, 0);
	for (char *end; groups && *groups && *groups != '\n'; groups = end + strspn(end, " ")) {
		uint32_t group = (uint32_t)strtoul(groups, &end, 10);

		if (end == groups)
			break;
		if (credentials->group_count == 64)
			return refusal_set(refusal, EDVSPROCSTS,
					   "the process has more than 64 supplementary groups");
		credentials->group[credentials->group_count++] = group;
	}
	snprintf(name, sizeof(name), "task/%d/comm", (int)tid);
	if (procdir_read(inventory->dir, name, &inventory->text) == 0) {
		size_t length = strcspn(inventory->text.text, "\n");

		memcpy(thread->comm, inventory->text.text, length < 15 ? length : 15);
	}
	snprintf(name, sizeof(name), "/proc/%d/timerslack_ns", (int)tid);
	if (procdir_read(inventory->dir, name, &inventory->text) == 0)
		thread->timer_slack_ns = strtoull(inventory->text.text, NULL, 10);
	return 0;
}

int state_read_ended(struct inventory *inventory, struct image_thread *thread,
		     struct refusal *refusal)
{
	assert(inventory->stand_in && !(inventory->leader_status & 0x7f));
	*thread = (struct image_thread){
		.tid = inventory->process.vpid,
		.altstack_flags = SS_DISABLE,
		.ended = 1,
		.exit_code = inventory->leader_status >> 8 & 0xff,
	};
	int r = read_credentials(inventory, inventory->pid, thread, refusal);

	thread->seccomp_mode = 0;
	return r;
}

static int read_scheduling(int dir, pid_t tid, struct image_thread *thread, struct refusal *refusal)
{
	struct os_scheduling attr;
	int r = os_scheduling(tid, &attr);

	if (r < 0)
		return ended_refuse(dir, r, "scheduling", refusal);
	thread->policy = attr.policy;
	thread->nice = attr.nice;
	thread->priority = attr.priority;
	thread->sched_flags = (uint32_t)attr.flags & 3; /* reset on fork, reclaim */
	thread->runtime = attr.runtime;
	thread->deadline = attr.deadline;
	thread->period = attr.period;
	if (attr.policy == OS_SCHEDULING_DEADLINE)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has deadline scheduling, which is not carried");
	thread->ioprio = os_io_priority(tid);
	return 0;
}

static int read_traced(struct tracee *tracee, struct image_thread *thread, void *xstate,
		       size_t *xstate_bytes, struct refusal *refusal)
{
	const struct trace_rseq *rseq = &tracee->rseq;
	ssize_t length = trace_xstate(tracee->tid, xstate, *xstate_bytes);

	assert(tracee->borrowed);
	if (length < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the CPU state of the process cannot be "
				   "read: %s",
				   strerror((int)-length));
	*xstate_bytes = (size_t)length;
	if (trace_syscall_dispatch(tracee->tid) > 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process dispatches its system calls to itself "
				   "(PR_SET_SYSCALL_USER_DISPATCH), which is not carried");
	if (trace_io_bitmap(tracee->tid) > 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has access to I/O ports, which is not carried");
	if (trace_tls_entries(tracee->tid) > 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has 32-bit thread-local segments, which are not "
				   "carried");
	thread->rseq_address = rseq->address;
	thread->rseq_size = rseq->size;
	thread->rseq_signature = rseq->signature;
	thread->rseq_flags = rseq->flags;
	int r = peculiar_check_segments(&tracee->registers, refusal);

	if (r)
		return r;
	memcpy(&thread->registers, &tracee->registers, sizeof(thread->registers));
	thread->blocked = tracee->mask;
	return 0;
}

_Static_assert(sizeof(struct user_regs_struct) == sizeof(struct image_registers), "same order");

static int32_t number_of(const struct inventory *inventory, pid_t tid)
{
	const struct inventory_thread *thread = tid ? inventory_thread(inventory, tid) : NULL;

	assert(!tid || thread);
	return thread ? thread->vtid : 0;
}

static void read_apart(const struct inventory *inventory, pid_t tid, struct image_thread *thread)
{
	const struct inventory_thread *seen = inventory_thread(inventory, tid);

	if (!seen)
		return;
	thread->table = number_of(inventory, seen->table);
	thread->place = number_of(inventory, seen->place);
	if (!seen->place || seen->place != tid)
		return;
	thread->cwd_file = seen->cwd_file;
	thread->root_file = seen->root_file;
	thread->umask = seen->umask;
}

int state_read_thread(struct calls *calls, struct inventory *inventory, int32_t vtid,
		      struct image_thread *thread, void *xstate, size_t *xstate_bytes,
		      struct refusal *refusal)
{
	struct tracee *tracee = calls->tracee;
	pid_t tid = tracee->tid;

	memset(thread, 0, sizeof(*thread));
	thread->tid = vtid;
	read_apart(inventory, tid, thread);
	/* First: one with deadline scheduling may make no thread that proves anything of it. */
	int r = read_scheduling(inventory->dir, tid, thread, refusal);
	struct peculiar_questions peculiar;

	if (r)
		return r;
	calls_room(calls, 8 + PECULIAR_CALLS, 256 + PECULIAR_BYTES);
	struct remote_ptr stack = calls_space(calls, sizeof(stack_t));
	struct remote_ptr clear = calls_space(calls, 8), death = calls_space(calls, 8);

	calls_add(calls, "read its signal stack", CALL_OK, SYS_sigaltstack, 0, stack.at);
	calls_add(calls, "read its thread id address", CALL_OK, SYS_prctl, PR_GET_TID_ADDRESS,
		  clear.at);
	calls_add(calls, "read its settings", CALL_OK, SYS_prctl, PR_GET_PDEATHSIG, death.at);
	uint32_t bits =
		calls_add(calls, "read its security bits", CALL_OK, SYS_prctl, PR_GET_SECUREBITS);
	peculiar_ask(calls, &peculiar);
	r = calls_run(calls);

	if (r)
		return calls_refuse(calls, r, "the process", refusal);
	const stack_t *altstack = calls_at(calls, stack);

	thread->altstack_sp = (uint64_t)altstack->ss_sp;
	thread->altstack_size = altstack->ss_size;
	thread->altstack_flags = (uint32_t)altstack->ss_flags;
	memcpy(&thread->clear_child_tid, calls_at(calls, clear), 8);
	memcpy(&thread->parent_death_signal, calls_at(calls, death), 4);
	if (thread->parent_death_signal && inventory->is_of_thread)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has a parent-death signal (PR_SET_PDEATHSIG) and was made by "
			"a thread of its parent that is not the main one, whose end would not be "
			"told to it on the target");
	thread->credentials.securebits = (uint32_t)calls_result(calls, bits);
	r = read_credentials(inventory, tid, thread, refusal);
	if (r == 0)
		r = peculiar_check(calls, &peculiar, vtid,
				   thread->seccomp_mode == SECCOMP_MODE_STRICT, &thread->settings,
				   refusal);
	if (r == 0 && !peculiar_free_of_landlock(calls, &peculiar))
		r = landlock_prove_none(calls, inventory, refusal);
	if (r)
		return r;
	r = read_traced(tracee, thread, xstate, xstate_bytes, refusal);
	if (r)
		return r;
	trace_robust_list(tid, &thread->robust_list, &thread->robust_length);
	return 0;
}
