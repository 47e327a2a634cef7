/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread held through ptrace.
 *
 *	seize -> interrupt -> await_stop -> borrow -> (syscall | run)* -> return -> release
 *
 * While a thread is borrowed all its signals are blocked but SIGTRAP, whose breakpoint ends a run: a
 * breakpoint whose signal is blocked would reset the program's handler. A SIGSTOP cannot be
 * blocked: one that arrives meanwhile is held back and sent again on release. The kernel keeps the state of
 * an interrupted system call in the registers (orig_rax, and -ERESTART* in rax), so putting them
 * back makes it restart the call exactly as if nobody had looked. No run may end by sigreturn: that
 * would forget the restart block.
 */
#include "migrate/tracee.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "os/clock.h"
#include "os/pid.h"
#include "os/signals.h"
#include "os/thread.h"

#define EFLAGS_TRAP	   0x100ull
#define EFLAGS_DIRECTION   0x400ull
#define AWAIT_NAP_NS	   50000
#define AWAIT_SPINS	   20
#define RELEASE_TIMEOUT_US 1000000

int tracee_result(int r)
{
	return r == -ESRCH ? TRACEE_E_GONE : r;
}

const char *tracee_result_text(int r)
{
	switch (r) {
	case TRACEE_E_GONE:
		return "has ended";
	case TRACEE_E_GROUP_STOP:
		return "is stopped by a signal (SIGSTOP) on the way to the handler of another one; "
		       "continue it first";
	case TRACEE_E_STUCK:
		return "cannot be stopped: it waits in the kernel, uninterruptibly";
	case TRACEE_E_STRAYED:
		return "did not execute what it was given";
	}
	return strerror(r < 0 ? -r : r);
}

int tracee_seize(struct tracee *tracee, pid_t tid, bool exit_kill)
{
	assert(tid > 0);
	assert(!tracee->held); /* one that is held would be forgotten */
	*tracee = (struct tracee){ .tid = tid };
	int r = trace_seize(tid, exit_kill);

	tracee->held = r == 0;
	return tracee_result(r);
}

int tracee_interrupt(struct tracee *tracee)
{
	assert(tracee->held);
	return tracee_result(trace_interrupt(tracee->tid));
}

static int64_t deadline_of(uint64_t timeout_us)
{
	return os_now_ns() + (int64_t)timeout_us * 1000;
}

/*
 * The stop that was asked for comes before a pending signal is looked at. One that an instruction
 * caused cannot wait: the kernel hands it out before our breakpoint's, blocked or not, and what the
 * handler is told of the fault (trap, error code, address) lies in the thread, where our breakpoint
 * would write over it. So the thread goes on, without a new request to stop, until the signal is
 * about to be delivered; the next stop is then at its handler.
 */
static int on_interrupt(struct tracee *tracee)
{
	assert(!tracee->delivering || !tracee->stopped);
	if (trace_awaits_handler(tracee->tid)) {
		tracee->delivering = true;
		return trace_continue(tracee->tid, 0) ? TRACEE_E_GONE : -EAGAIN;
	}
	tracee->stopped = true;
	return 0;
}

/* 0 when the stop is the one that was asked for, -EAGAIN when there is more to wait for. */
static int on_first_stop(struct tracee *tracee, const struct trace_stop *stop)
{
	switch (stop->kind) {
	case TRACE_EXITED:
		tracee->held = false;
		return TRACEE_E_GONE;
	case TRACE_STOP:
	case TRACE_EVENT:
		if (stop->by_job_control) {
			tracee->stopped = true;
			tracee->halted = stop->signal;
			return trace_awaits_handler(tracee->tid) ? TRACEE_E_GROUP_STOP : 0;
		}
		return on_interrupt(tracee);
	case TRACE_SYSCALL:
		tracee->stopped = true;
		return 0;
	case TRACE_SIGNAL:
		/* A signal on its way in: let it be delivered; the interrupt is still to come. */
		if (tracee->delivering)
			trace_interrupt(tracee->tid);
		tracee->delivering = false;
		return trace_continue(tracee->tid, stop->signal) ? TRACEE_E_GONE : -EAGAIN;
	}
	return -EINVAL;
}

int tracee_await_stop(struct tracee *tracee, uint64_t timeout_us)
{
	int64_t deadline_ns = deadline_of(timeout_us);

	assert(tracee->held);
	assert(!tracee->deadline_ns); /* which is of a system call */
	for (unsigned spins = 0;; spins++) {
		struct trace_stop stop;
		int r = trace_wait(tracee->tid, !timeout_us, &stop);

		if (r == 0)
			r = on_first_stop(tracee, &stop);
		if (r != -EAGAIN)
			return tracee_result(r);
		if (!timeout_us)
			continue;
		if (os_now_ns() > deadline_ns)
			return TRACEE_E_STUCK;
		/* The signal may have been taken away meanwhile, by another thread's sigaction. */
		if (tracee->delivering && spins == AWAIT_SPINS) {
			tracee->delivering = false;
			trace_interrupt(tracee->tid);
		}
		/* Give way to the tracee first: it may share this CPU. */
		os_thread_sleep_ns(spins < AWAIT_SPINS ? 1 : AWAIT_NAP_NS);
	}
}

/*
 * If the thread stands inside a restartable sequence, it goes to the sequence's abort handler, as if it had been
 * preempted there, whether it then runs on here or on the target. The code that it is given is no part of the
 * sequence: at the first step of it the kernel would forget the sequence, and nobody would tell the thread.
 */
static void leave_rseq(struct tracee *tracee)
{
	struct {
		uint32_t version, flags;
		uint64_t start, length, abort;
	} section;
	const struct trace_rseq *rseq = &tracee->rseq;
	uint64_t address = 0;

	tracee->rseq = (struct trace_rseq){ 0 };
	if (trace_rseq(tracee->tid, &tracee->rseq) || !rseq->address ||
	    trace_read(tracee->tid, rseq->address + 8, &address, sizeof(address)) || !address)
		return;
	if (trace_read(tracee->tid, address, &section, sizeof(section)))
		return; /* the kernel would kill the thread for it, here or there */
	if (tracee->registers.rip - section.start < section.length) {
		tracee->registers.rip = section.abort;
		address = 0;
		trace_write(tracee->tid, rseq->address + 8, &address, sizeof(address));
	}
}

int tracee_borrow(struct tracee *tracee)
{
	assert(tracee->held);
	assert(tracee->stopped);
	assert(!tracee->borrowed); /* the registers of the program would be lost */
	int r = trace_registers(tracee->tid, &tracee->registers);

	if (r == 0)
		r = trace_signal_mask(tracee->tid, &tracee->mask);
	if (r == 0)
		r = trace_set_signal_mask(tracee->tid, TRACEE_MASK);
	if (r < 0)
		return tracee_result(r);
	leave_rseq(tracee);
	tracee->borrowed = true;
	tracee->working = tracee->registers;
	tracee->working.eflags &= ~(EFLAGS_TRAP | EFLAGS_DIRECTION);
	return 0;
}

int tracee_return(struct tracee *tracee)
{
	if (!tracee->borrowed)
		return 0;
	assert(!tracee->deadline_ns);
	tracee->borrowed = false;
	int r = trace_set_registers(tracee->tid, &tracee->registers);

	if (r == 0)
		r = trace_set_signal_mask(tracee->tid, tracee->mask);
	return tracee_result(r);
}

/* A stop on the way is left behind. */
void tracee_await_end(struct tracee *tracee)
{
	struct trace_stop stop;

	assert(tracee->held);
	while (trace_wait(tracee->tid, true, &stop) == 0 && stop.kind != TRACE_EXITED)
		trace_continue(tracee->tid, 0);
}

bool tracee_must_stop(const struct tracee *tracee)
{
	assert(tracee->held);
	return tracee->stop_again && !trace_is_pending(tracee->tid, OS_SIGCONT);
}

void tracee_release(struct tracee *tracee)
{
	if (!tracee->held)
		return;
	/* Only a stopped task can be let go of; one that was left running is stopped once more. */
	if (!tracee->stopped) {
		uint64_t timeout_us = tracee->stuck ? 1 : RELEASE_TIMEOUT_US;

		tracee_interrupt(tracee);
		int r = tracee_await_stop(tracee, timeout_us);

		/* The kernel lets go of a task that never stops when the calling thread ends. */
		if (r == TRACEE_E_STUCK)
			tracee->held = false;
		if (r == TRACEE_E_STUCK || r == TRACEE_E_GONE)
			return;
	}
	tracee_return(tracee);
	assert(!tracee->borrowed);
	if (tracee_must_stop(tracee))
		os_pid_signal(tracee->tid, OS_SIGSTOP);
	/* Refused means that it is being killed: then its end is ours to take note of. */
	if (trace_detach(tracee->tid, 0) == -ESRCH)
		tracee_await_end(tracee);
	tracee->held = false;
	tracee->stopped = false;
}

static int wait_within(struct tracee *tracee, struct trace_stop *stop)
{
	for (; tracee->deadline_ns; os_thread_sleep_ns(AWAIT_NAP_NS)) {
		int r = trace_wait(tracee->tid, false, stop);

		if (r != -EAGAIN)
			return r;
		if (os_now_ns() < tracee->deadline_ns)
			continue;
		tracee->deadline_ns = 0;
		trace_interrupt(tracee->tid);
	}
	return trace_wait(tracee->tid, true, stop);
}

/* Waits for the next stop that is not a held-back SIGSTOP. */
static int await_stop_kind(struct tracee *tracee, enum trace_stop_kind wanted, bool to_syscall)
{
	for (;;) {
		struct trace_stop stop;
		int r = wait_within(tracee, &stop);

		if (r < 0)
			return tracee_result(r);
		if (stop.kind == TRACE_EXITED) {
			tracee->held = false;
			return TRACEE_E_GONE;
		}
		tracee->stopped = true;
		if (stop.kind == wanted && (wanted != TRACE_SIGNAL || stop.signal == OS_SIGTRAP))
			return 0;
		if (stop.kind == TRACE_SIGNAL && stop.signal == OS_SIGSTOP)
			tracee->stop_again = true;
		else if (stop.kind != TRACE_STOP)
			return TRACEE_E_STRAYED;
		r = to_syscall ? trace_continue_to_syscall(tracee->tid)
			       : trace_continue(tracee->tid, 0);
		if (r < 0)
			return tracee_result(r);
	}
}

int tracee_syscall(struct tracee *tracee, struct remote_ptr at, long number, const uint64_t args[6],
		   int64_t *r)
{
	struct user_regs_struct registers = tracee->working;

	assert(tracee->borrowed); /* its own registers are kept */
	registers.rip = at.at;
	registers.rax = (uint64_t)number;
	registers.orig_rax = ~0ull;
	registers.rdi = args[0];
	registers.rsi = args[1];
	registers.rdx = args[2];
	registers.r10 = args[3];
	registers.r8 = args[4];
	registers.r9 = args[5];
	int error = trace_set_registers(tracee->tid, &registers);

	for (int stops = 0; error == 0 && stops < 2; stops++) {
		error = trace_continue_to_syscall(tracee->tid);
		tracee->stopped = false;
		if (error == 0)
			error = await_stop_kind(tracee, TRACE_SYSCALL, true);
	}
	if (error == 0)
		error = trace_registers(tracee->tid, &registers);
	*r = (int64_t)registers.rax;
	return tracee_result(error);
}

int tracee_syscall_within(struct tracee *tracee, struct remote_ptr at, long number,
			  const uint64_t args[6], uint64_t timeout_us, int64_t *r)
{
	assert(timeout_us);
	assert(!tracee->deadline_ns);
	tracee->deadline_ns = deadline_of(timeout_us);
	int error = tracee_syscall(tracee, at, number, args, r);

	tracee->deadline_ns = 0;
	return error;
}

int tracee_start(struct tracee *tracee, struct remote_ptr code, struct remote_ptr list)
{
	struct user_regs_struct registers = tracee->working;

	assert(tracee->borrowed);
	registers.rip = code.at;
	registers.rbx = list.at;
	registers.orig_rax = ~0ull;
	int r = trace_set_registers(tracee->tid, &registers);

	if (r == 0)
		r = trace_continue(tracee->tid, 0);
	tracee->stopped = r != 0;
	return tracee_result(r);
}

int tracee_await_breakpoint(struct tracee *tracee)
{
	assert(!tracee->deadline_ns); /* a list of calls has no time limit */
	return await_stop_kind(tracee, TRACE_SIGNAL, false);
}

int tracee_run(struct tracee *tracee, struct remote_ptr code, struct remote_ptr list)
{
	int r = tracee_start(tracee, code, list);

	return r ? r : tracee_await_breakpoint(tracee);
}

void tracee_kill(struct tracee *tracee)
{
	if (!tracee->held)
		return;
	os_pid_signal(tracee->tid, OS_SIGKILL);
	tracee_await_end(tracee);
	*tracee = (struct tracee){ .tid = tracee->tid };
}
