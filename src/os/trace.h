/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_TRACE_H
#define DVS_OS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>

/*
 * ptrace and what belongs to holding another task: waiting for it, its memory, its signals. Thin:
 * each call is one system call, results are 0 or a count, or a negative errno. -ESRCH always means
 * that the task is gone (or, for a ptrace request, not stopped any more, which only a kill does to
 * a task that nobody continued). ptrace belongs to the calling thread.
 */
enum trace_stop_kind {
	TRACE_EXITED = 1, /* exited or killed: code has the wait status */
	TRACE_STOP,	  /* of trace_interrupt(), or by job control */
	TRACE_EVENT,	  /* PTRACE_EVENT_*: code has the event */
	TRACE_SYSCALL,	  /* entry to or exit from a system call */
	TRACE_SIGNAL,	  /* about to be given signal */
};

struct trace_stop {
	bool by_job_control; /* of TRACE_STOP: SIGSTOP and its like, in place of a trace_interrupt() */
	enum trace_stop_kind kind;
	int code;
	int signal;
};

/* Begins to trace without stopping; with exit_kill the task dies when the caller does. */
int trace_seize(pid_t tid, bool exit_kill);
int trace_interrupt(pid_t tid);
int trace_detach(pid_t tid, int signal);
int trace_continue(pid_t tid, int signal);
int trace_continue_to_syscall(pid_t tid);
int trace_registers(pid_t tid, struct user_regs_struct *registers);
int trace_set_registers(pid_t tid, const struct user_regs_struct *registers);

/* The xsave area in its standard form. Returns its length; -ENOSPC if bytes is too small. */
ssize_t trace_xstate(pid_t tid, void *area, size_t bytes);
int trace_set_xstate(pid_t tid, const void *area, size_t bytes);
int trace_signal_mask(pid_t tid, uint64_t *mask);
int trace_set_signal_mask(pid_t tid, uint64_t mask);

/* Pending signals number first and on, at most count, into siginfo_t[count]; returns how many. */
int trace_pending(pid_t tid, bool shared, uint64_t first, void *infos, int count);

/* Whether this signal is pending for the task alone or for its process. */
bool trace_is_pending(pid_t tid, int signal);

/*
 * Whether a signal that an instruction of the task caused (SIGSEGV and its like) waits for its handler: it is
 * pending and not blocked.
 */
bool trace_awaits_handler(pid_t tid);

struct trace_rseq {
	uint64_t address;
	uint32_t size, signature, flags, pad;
};

int trace_rseq(pid_t tid, struct trace_rseq *rseq);

/* The list of locks that the kernel marks when the task ends; both 0: there is none, or it cannot be seen. */
void trace_robust_list(pid_t tid, uint64_t *head, uint64_t *length);

/* A stopped task dies from now on when the caller does, as with trace_seize(exit_kill). */
int trace_exit_kill(pid_t tid);

/*
 * The same; and its system calls pass by its seccomp filters until it is let go. -EINVAL: this kernel cannot; -EPERM:
 * the caller may not, or is under seccomp itself.
 */
int trace_suspend_seccomp(pid_t tid);

/*
 * The seccomp filter with this number, the oldest is 0, of a stopped task: returns how many instructions it has, of
 * eight bytes each, and copies them if `code` is not NULL. -ENOENT: there is none; -EMEDIUMTYPE: the kernel has not
 * kept it.
 */
int trace_seccomp_filter(pid_t tid, uint64_t number, void *code);

/* The flags (SECCOMP_FILTER_FLAG_*) that it was installed with, as far as the kernel tells. */
int trace_seccomp_flags(pid_t tid, uint64_t number, uint64_t *flags);

/* 1 if system calls of the task are dispatched to user space (PR_SET_SYSCALL_USER_DISPATCH). */
int trace_syscall_dispatch(pid_t tid);

/* 1 if the task has an I/O permission bitmap, or entries in its thread-local descriptor table. */
int trace_io_bitmap(pid_t tid);
int trace_tls_entries(pid_t tid);

/* Waits for the next stop of tid. With block false returns -EAGAIN if there is none yet. */
int trace_wait(pid_t tid, bool block, struct trace_stop *stop);

/* Memory of a stopped or running task. All bytes or an error: -EFAULT for an unmapped part. */
int trace_read(pid_t pid, uint64_t address, void *to, size_t bytes);
int trace_write(pid_t pid, uint64_t address, const void *from, size_t bytes);

/* The same of a stopped task, also into private memory that it may not write itself. */
int trace_force(pid_t tid, uint64_t address, const void *from, size_t bytes);

#endif
