/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At the end every thread must stand where the kernel, when it is let go, looks at signals and at
 * an interrupted system call (orig_rax and -ERESTART* in rax): then the call is restarted, or ends
 * with EINTR for a pending handler, by the same rules as if it had been interrupted here. A stop at a
 * breakpoint is such a place. The leader's last stop is at the exit of munmap, which is not, so it
 * is interrupted once more.
 */
#include "migrate/restore.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/kernel.h"
#include "os/procdir.h"

#define SIGNAL_CALL_BYTES 192
#define NO_SETUID_FIXUP	  (1u << 2)
#define CAPABILITY_MAX	  63
#define XSTATE_XSTATE_BV  512

/* A signal is put back by the thread that is to have it: only it may send itself any siginfo. */
static void add_signals(struct restore *restore, const struct picture_thread *thread)
{
	const struct picture *picture = &restore->picture;
	uint64_t process = (uint64_t)picture->process.vpid;
	bool leader = thread == picture->thread;
	uint32_t first = leader ? 0 : thread->signal_first;
	uint32_t end = thread->signal_first + thread->signal_count;

	assert(first <= end && end <= picture->signal_count);
	for (uint32_t i = first; i < end; i++) {
		const struct image_siginfo *signal = &picture->signal[i];
		int number = ((const siginfo_t *)signal->info)->si_signo;

		calls_room(&restore->calls, 1, SIGNAL_CALL_BYTES);
		struct remote_ptr info =
			calls_put(&restore->calls, signal->info, sizeof(signal->info));

		if (signal->shared)
			calls_add(&restore->calls, "queue its pending signals", CALL_OK,
				  SYS_rt_sigqueueinfo, process, (uint64_t)number, info.at);
		else
			calls_add(&restore->calls, "queue its pending signals", CALL_OK,
				  SYS_rt_tgsigqueueinfo, process, (uint64_t)thread->image.tid,
				  (uint64_t)number, info.at);
	}
}

static void add_setting(struct restore *restore, const struct image_thread *thread)
{
	struct calls *calls = &restore->calls;

	assert(!(thread->settings & ~(uint32_t)IMAGE_THREAD_SETTINGS_ALL)); /* image_thread_ok() */
	calls_room(calls, 4, 0);
	if (thread->settings & (IMAGE_THREAD_MCE_EARLY | IMAGE_THREAD_MCE_LATE))
		calls_add(calls, "set its memory failure policy (PR_MCE_KILL)", CALL_OK, SYS_prctl,
			  PR_MCE_KILL, PR_MCE_KILL_SET,
			  thread->settings & IMAGE_THREAD_MCE_EARLY ? PR_MCE_KILL_EARLY
								    : PR_MCE_KILL_LATE);
	if (thread->settings & IMAGE_THREAD_IO_FLUSHER)
		calls_add(calls, "mark it as part of the I/O path (PR_SET_IO_FLUSHER)", CALL_OK,
			  SYS_prctl, PR_SET_IO_FLUSHER, 1);
	if (thread->settings & IMAGE_THREAD_NO_CPUID)
		calls_add(calls, "switch off its CPUID instruction", CALL_OK, SYS_arch_prctl,
			  ARCH_SET_CPUID, 0);
	if (thread->settings & IMAGE_THREAD_NO_TSC)
		calls_add(calls, "switch off its time-stamp counter", CALL_OK, SYS_prctl,
			  PR_SET_TSC, PR_TSC_SIGSEGV);
}

void restore_add_thread(struct restore *restore, const struct picture_thread *thread)
{
	const struct image_thread *image = &thread->image;
	struct calls *calls = &restore->calls;
	stack_t stack = { .ss_sp = (void *)image->altstack_sp,
			  .ss_size = image->altstack_size,
			  /* being on it follows from the stack pointer and cannot be set */
			  .ss_flags = (int)(image->altstack_flags & ~(uint32_t)SS_ONSTACK) };

	calls_room(calls, 8, 256);
	struct remote_ptr name = calls_put(calls, image->comm, sizeof(image->comm));
	struct remote_ptr altstack = calls_put(calls, &stack, sizeof(stack));

	calls_add(calls, "set its name", CALL_OK, SYS_prctl, PR_SET_NAME, name.at);
	calls_add(calls, "set its signal stack", CALL_OK, SYS_sigaltstack, altstack.at, 0);
	calls_add(calls, "set its thread id address", CALL_OK, SYS_set_tid_address,
		  image->clear_child_tid);
	if (image->robust_length)
		calls_add(calls, "set its list of locks", CALL_OK, SYS_set_robust_list,
			  image->robust_list, image->robust_length);
	if (image->rseq_address)
		calls_add(calls, "register its restartable sequences", CALL_OK, SYS_rseq,
			  image->rseq_address, image->rseq_size, image->rseq_flags,
			  image->rseq_signature);
	add_signals(restore, thread);
	if (image->settings)
		add_setting(restore, image);
}

static bool same_credentials(const struct image_credentials *a, const struct image_credentials *b)
{
	return memcmp(a->uid, b->uid, sizeof(a->uid)) == 0 &&
	       memcmp(a->gid, b->gid, sizeof(a->gid)) == 0 && a->inheritable == b->inheritable &&
	       a->permitted == b->permitted && a->effective == b->effective &&
	       a->bounding == b->bounding && a->ambient == b->ambient &&
	       a->securebits == b->securebits && a->no_new_privs == b->no_new_privs &&
	       a->group_count == b->group_count &&
	       memcmp(a->group, b->group, a->group_count * sizeof(a->group[0])) == 0;
}

static void add_ids(struct calls *calls, const struct image_credentials *wanted)
{
	struct remote_ptr groups = calls_put(calls, wanted->group, sizeof(wanted->group));

	calls_add(calls, "set its groups", CALL_OK, SYS_setgroups, wanted->group_count, groups.at);
	/* Until the end, changing user ids must not take the capabilities away. */
	calls_add(calls, "set its security bits", CALL_OK, SYS_prctl, PR_SET_SECUREBITS,
		  NO_SETUID_FIXUP);
	calls_add(calls, "set its group ids", CALL_OK, SYS_setresgid, wanted->gid[0],
		  wanted->gid[1], wanted->gid[2]);
	calls_add(calls, "set its group ids", CALL_ANY, SYS_setfsgid, wanted->gid[3]);
	calls_add(calls, "set its user ids", CALL_OK, SYS_setresuid, wanted->uid[0], wanted->uid[1],
		  wanted->uid[2]);
	calls_add(calls, "set its user ids", CALL_ANY, SYS_setfsuid, wanted->uid[3]);
}

static void add_capabilities(struct calls *calls, const struct image_credentials *wanted)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (unsigned i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			.effective = (uint32_t)(wanted->effective >> 32 * i),
			.permitted = (uint32_t)(wanted->permitted >> 32 * i),
			.inheritable = (uint32_t)(wanted->inheritable >> 32 * i),
		};
	struct remote_ptr head_at = calls_put(calls, &head, sizeof(head));
	struct remote_ptr data_at = calls_put(calls, data, sizeof(data));

	calls_add(calls, "set its security bits", CALL_OK, SYS_prctl, PR_SET_SECUREBITS,
		  wanted->securebits);
	calls_add(calls, "set its capabilities", CALL_OK, SYS_capset, head_at.at, data_at.at);
	for (uint64_t cap = 0; cap <= CAPABILITY_MAX; cap++) {
		if (wanted->ambient >> cap & 1)
			calls_add(calls, "set its capabilities", CALL_OK, SYS_prctl, PR_CAP_AMBIENT,
				  PR_CAP_AMBIENT_RAISE, cap);
	}
	if (wanted->no_new_privs)
		calls_add(calls, "give up new privileges", CALL_OK, SYS_prctl, PR_SET_NO_NEW_PRIVS,
			  1);
}

/* The credentials of the shell, which every thread starts with. */
static void shell_credentials(struct restore *restore, struct image_credentials *own)
{
	struct procdir_text text = { 0 };

	memset(own, 0, sizeof(*own));
	if (procdir_read(restore->dir, "status", &text) == 0) {
		const char *status = text.text, *groups = procdir_field(status, "Groups");
		char *at = (char *)procdir_field(status, "Uid");

		for (unsigned i = 0; at && i < 4; i++)
			own->uid[i] = (uint32_t)strtoul(at, &at, 10);
		at = (char *)procdir_field(status, "Gid");
		for (unsigned i = 0; at && i < 4; i++)
			own->gid[i] = (uint32_t)strtoul(at, &at, 10);
		own->inheritable = procdir_number(status, "CapInh", 16, 0);
		own->permitted = procdir_number(status, "CapPrm", 16, 0);
		own->effective = procdir_number(status, "CapEff", 16, 0);
		own->bounding = procdir_number(status, "CapBnd", 16, 0);
		own->ambient = procdir_number(status, "CapAmb", 16, 0);
		own->no_new_privs = (uint32_t)procdir_number(status, "NoNewPrivs", 10, 0);
		/* Any group at all makes it differ from a process without groups. */
		own->group_count = groups && *groups >= '0' && *groups <= '9' ? UINT32_MAX : 0;
	}
	procdir_text_free(&text);
}

void restore_add_credentials(struct restore *restore, const struct image_thread *thread)
{
	const struct image_credentials *wanted = &thread->credentials;
	struct calls *calls = &restore->calls;
	struct image_credentials own;

	shell_credentials(restore, &own);
	calls_room(calls, 2 * CAPABILITY_MAX + 16, 1024);
	if (own.group_count == UINT32_MAX || !same_credentials(&own, wanted)) {
		for (uint64_t cap = 0; cap <= CAPABILITY_MAX; cap++) {
			if ((own.bounding & ~wanted->bounding) >> cap & 1)
				calls_add(calls, "drop its capabilities", CALL_OK, SYS_prctl,
					  PR_CAPBSET_DROP, cap);
		}
		add_ids(calls, wanted);
		add_capabilities(calls, wanted);
	}
	/* A change of credentials clears it, so it comes after them. */
	if (thread->parent_death_signal)
		calls_add(calls, "set its parent-death signal", CALL_OK, SYS_prctl,
			  PR_SET_PDEATHSIG, (uint64_t)thread->parent_death_signal);
}

int restore_threads(struct restore *restore, struct refusal *refusal)
{
	const struct picture *picture = &restore->picture;

	assert(restore->threads.count == picture->thread_count);
	int r = restore_seccomp(restore, refusal);

	for (uint32_t i = 1; i < picture->thread_count && r == 0; i++) {
		const struct picture_thread *thread = &picture->thread[i];
		struct tracee *tracee = restore_tracee_of(restore, thread->image.tid);

		if (!tracee)
			return refusal_set(refusal, EDVSPROCSTS,
					   "a thread got another number on the target");
		calls_begin(&restore->calls, &restore->foothold, tracee);
		restore_add_thread(restore, thread);
		restore_add_seccomp(restore, thread);
		restore_add_credentials(restore, &thread->image);
		r = restore_run(restore, refusal);
	}
	return r;
}

static int set_xstate(pid_t tid, const struct picture_thread *thread)
{
	uint8_t own[IMAGE_XSTATE_MAX] __attribute__((aligned(64)));
	assert(thread->xstate); /* picture_complete() saw to it */
	assert(thread->xstate_bytes <= IMAGE_XSTATE_MAX);
	ssize_t length = trace_xstate(tid, own, sizeof(own));

	if (length < 0)
		return (int)length;
	/* This kernel wants its own length; components it has beyond the source's stay unused. */
	if ((uint32_t)length > thread->xstate_bytes)
		memset(thread->xstate + thread->xstate_bytes, 0,
		       (size_t)length - thread->xstate_bytes);
	return trace_set_xstate(tid, thread->xstate, (size_t)length);
}

/* It ends as soon as it is let go, by the only code that is left, with no signal that it could take. */
static int finish_ended(const struct restore *restore, struct tracee *tracee,
			const struct image_thread *image)
{
	struct user_regs_struct registers = tracee->working;

	assert(restore->foothold.vdso_syscall.at && tracee->held);
	registers.rip = restore->foothold.vdso_syscall.at;
	registers.rax = SYS_exit;
	registers.orig_rax = ~0ull;
	registers.rdi = image->exit_code;
	int r = trace_set_registers(tracee->tid, &registers);

	return r ? r : trace_set_signal_mask(tracee->tid, ~0ull);
}

static int finish_thread(struct tracee *tracee, const struct picture_thread *thread)
{
	struct user_regs_struct registers;

	assert(tracee->held);
	assert(tracee->borrowed);
	memcpy(&registers, &thread->image.registers, sizeof(registers));
	int r = set_xstate(tracee->tid, thread);

	if (r == 0)
		r = trace_set_registers(tracee->tid, &registers);
	if (r == 0)
		r = trace_set_signal_mask(tracee->tid, thread->image.blocked);
	return r;
}

/*
 * Unmaps the foothold, if no other process that has the memory needs it any more, and brings the leader to a stop from
 * which calls are restarted.
 */
static int clear_foothold(struct restore *restore)
{
	struct restore *holder = restore->memory ? restore->memory : restore;
	struct tracee *leader = &restore->threads.tracee[0];
	int r = 0;

	assert(restore->foothold.base.at);
	if (holder->memory_guests)
		holder->memory_guests--;
	else
		r = foothold_close(&restore->foothold, leader);

	if (r == 0)
		r = tracee_interrupt(leader);
	if (r == 0)
		r = trace_continue(leader->tid, 0);
	return r ? r : tracee_await_stop(leader, 0);
}

int restore_leave(struct restore *restore, struct refusal *refusal)
{
	const struct picture *picture = &restore->picture;
	int r = clear_foothold(restore);

	for (uint32_t i = 0; i < picture->thread_count && r == 0; i++) {
		const struct picture_thread *thread = &picture->thread[i];

		struct tracee *tracee = restore_tracee_of(restore, thread->image.tid);

		r = thread->image.ended ? finish_ended(restore, tracee, &thread->image)
					: finish_thread(tracee, thread);
	}
	if (r == 0)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process cannot be completed on the target: %s",
			   tracee_result_text(tracee_result(r)));
}
