/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_TRACEE_H
#define DVS_MIGRATE_TRACEE_H

#include "os/signals.h"
#include "os/trace.h"

/*
 * A tracee is one thread of another process, held through ptrace by the calling thread. Results:
 * 0, a negative errno, or
 */
enum tracee_result {
	TRACEE_E_GONE = 1,   /* the task has ended or is being killed: an ordinary outcome */
	TRACEE_E_GROUP_STOP, /* it is stopped by a job-control signal on the way to a handler */
	TRACEE_E_STUCK,	     /* it did not stop in time: it waits in the kernel, uninterruptibly */
	TRACEE_E_STRAYED,    /* it did something else than it was sent to do */
};

/* Of signals, while it is borrowed: all but the breakpoint's are blocked. */
#define TRACEE_MASK (~OS_SIGNAL_BIT(OS_SIGTRAP))

/* An address in the other process. Never to be dereferenced here. */
struct remote_ptr {
	uint64_t at;
};

struct tracee {
	pid_t tid;	 /* as this process sees it */
	bool held;	 /* traced */
	bool stopped;	 /* in a ptrace stop now */
	bool borrowed;	 /* registers and mask below are to be put back */
	bool stuck;	 /* it waits in the kernel, and nothing tells that it will stop soon */
	bool delivering; /* let go once more, for a signal of an instruction to reach its handler */
	bool stop_again; /* a SIGSTOP was held back; it is due when the task is let go */
	int halted; /* the job-control signal (SIGSTOP and the like) that it was found stopped by, or 0 */
	int64_t deadline_ns;		   /* of the system call under way, or 0 */
	struct user_regs_struct registers; /* of the program, while borrowed */
	uint64_t mask;
	struct trace_rseq
		rseq; /* while borrowed; all 0: it has none, or the kernel does not tell */
	struct user_regs_struct working; /* last known good base for foreign code */
};

/* Begins to trace tid; with exit_kill it dies if this process does. It keeps running. */
int tracee_seize(struct tracee *tracee, pid_t tid, bool exit_kill);

/*
 * Asks it to stop; one that a job-control signal has stopped is held as well, and stays stopped when it is let go, if
 * it was not continued (SIGCONT) meanwhile. tracee_await_stop() waits for that, at most timeout_us, or as long as it
 * takes if that is 0: of a shell, which is about to leave the kernel, so that nothing keeps it. A signal of an
 * instruction (SIGSEGV and its like) that is pending at the stop reaches its handler first, or ends the process.
 */
int tracee_interrupt(struct tracee *tracee);
int tracee_await_stop(struct tracee *tracee, uint64_t timeout_us);

/*
 * Borrowing: from here on the tracee runs code that it is given, with every signal but the breakpoint's
 * blocked; tracee_return() puts registers and mask back as they were.
 */
int tracee_borrow(struct tracee *tracee);
int tracee_return(struct tracee *tracee);

/* Held: whether a stop that was held back is due still: it was not continued since. */
bool tracee_must_stop(const struct tracee *tracee);

/*
 * Puts back registers and mask, and lets it run on. Safe for one that is gone. One that cannot be
 * stopped stays traced until the calling thread ends, which lets it go too; so it was not to be seized with exit_kill.
 */
void tracee_release(struct tracee *tracee);

/*
 * Borrowed: executes one system call with the `syscall` instruction at `at`; two stops. The kernel's
 * result goes to *result.
 */
int tracee_syscall(struct tracee *tracee, struct remote_ptr at, long number, const uint64_t args[6],
		   int64_t *r);

/* The same; a call that waits longer than timeout_us is interrupted, as by a signal. */
int tracee_syscall_within(struct tracee *tracee, struct remote_ptr at, long number,
			  const uint64_t args[6], uint64_t timeout_us, int64_t *r);

/* Borrowed: runs from `code` with %rbx = list until the breakpoint; one stop. */
int tracee_run(struct tracee *tracee, struct remote_ptr code, struct remote_ptr list);
int tracee_start(struct tracee *tracee, struct remote_ptr code, struct remote_ptr list);
int tracee_await_breakpoint(struct tracee *tracee);

/*
 * Waits for the end of a task that was killed or ends; if it is a child of another process, that
 * one can take note of it then.
 */
void tracee_await_end(struct tracee *tracee);

/* Kills the whole process and waits until this thread of it has ended. */
void tracee_kill(struct tracee *tracee);

/* TRACEE_E_GONE for -ESRCH, anything else unchanged. */
int tracee_result(int r);

/* "has ended", "is stopped", ... for a sentence. */
const char *tracee_result_text(int r);

#endif
