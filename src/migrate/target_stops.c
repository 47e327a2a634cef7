/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shell that stands at its breakpoint is given the signal in place of the breakpoint's. Others than SIGSTOP have no
 * effect on a process whose group has no parent outside in its session: then it is SIGSTOP.
 */
#include "migrate/target_stops.h"

#include <assert.h>

#include "dvk/errors.h"
#include "migrate/target_shells.h"
#include "os/kernel.h"
#include "os/pid.h"

#define SIGNAL_SET_BYTES 8

/* 0 with tracee->halted, which stays 0 if the signal has no effect. */
static int give_signal(struct restore *restore, int signal)
{
	struct tracee *tracee = &restore->threads.tracee[0];

	assert(signal > 0);
	calls_begin(&restore->calls, &restore->foothold, tracee);
	calls_add(&restore->calls, "come to its breakpoint", CALL_OK, SYS_getpid);
	int r = calls_run(&restore->calls);

	if (r)
		return r;
	assert(tracee->stopped && tracee->borrowed);
	/* It stops anew in any case before it executes an instruction. */
	r = tracee_interrupt(tracee);
	if (r == 0)
		r = tracee_result(trace_set_signal_mask(tracee->tid, 0));
	if (r == 0)
		r = tracee_result(trace_continue(tracee->tid, signal));
	tracee->stopped = r != 0;
	if (r == 0)
		r = tracee_await_stop(tracee, 0);
	return r ? r : tracee_result(trace_set_signal_mask(tracee->tid, TRACEE_MASK));
}

static int stop_one(struct restore *restore, int signal, struct refusal *refusal)
{
	struct tracee *tracee = &restore->threads.tracee[0];
	int r = give_signal(restore, signal);

	if (r == 0 && !tracee->halted)
		r = give_signal(restore, SIGSTOP);
	/* Those of threads that are made already: a stop is over when each thread has taken part in it. */
	for (uint32_t i = 1; i < restore->threads.count && r == 0; i++) {
		calls_begin(&restore->calls, &restore->foothold, &restore->threads.tracee[i]);
		calls_add(&restore->calls, "take part in the stop", CALL_OK, SYS_getpid);
		r = calls_run(&restore->calls);
	}
	if (r == 0 && tracee->halted)
		return 0;
	return refusal_set(
		refusal, EDVSPROCSTS,
		"a process that is stopped by a signal cannot be stopped on the target: it %s",
		r ? tracee_result_text(r) : "goes on");
}

/* The signal ends the stop when it is sent; the process tells its parent when it runs next. */
static int continue_one(struct restore *restore, struct refusal *refusal)
{
	const struct image_sigaction none = { 0 };

	os_pid_signal(restore->pid, SIGCONT);
	restore->threads.tracee[0].halted = 0;
	calls_begin(&restore->calls, &restore->foothold, &restore->threads.tracee[0]);
	struct remote_ptr address = calls_put(&restore->calls, &none, sizeof(none));

	calls_add(&restore->calls, "forget the signal that continued it", CALL_OK, SYS_rt_sigaction,
		  SIGCONT, address.at, 0, SIGNAL_SET_BYTES);
	return restore_run(restore, refusal);
}

static int take_note(struct restore *parent, int32_t child, struct refusal *refusal)
{
	assert(child > 0);
	calls_begin(&parent->calls, &parent->foothold, &parent->threads.tracee[0]);
	calls_add(&parent->calls, "take note of the stop of a child", CALL_OK, SYS_waitid, P_PID,
		  (uint64_t)child, 0, WSTOPPED | WNOHANG | __WALL, 0);
	return restore_run(parent, refusal);
}

static int make_one(struct restore *restore, struct restore *parent, struct refusal *refusal)
{
	const struct image_process *process = &restore->picture.process;
	int signal = process->stop_signal ? (int)process->stop_signal : SIGSTOP;
	int r = stop_one(restore, signal, refusal);

	if (r == 0 && parent && process->news != IMAGE_NEWS_STOPPED)
		r = take_note(parent, process->vpid, refusal);
	if (r == 0 && process->news == IMAGE_NEWS_CONTINUED)
		r = continue_one(restore, refusal);
	if (r == 0 && parent)
		r = target_shells_forget_news(parent, refusal);
	return r;
}

int target_stops_make(struct target_tree *tree, struct refusal *refusal)
{
	const struct members *members = &tree->tables.members;
	uint32_t living = members_living(members);
	int r = 0;

	for (uint32_t i = 0; i < living && r == 0; i++) {
		const struct image_member *member = &members->member[i];
		struct restore *restore = target_tree_of(tree, member->vpid);

		assert(restore);
		if (restore->picture.process.stop_signal || restore->picture.process.news)
			r = make_one(restore, target_tree_of(tree, member->parent), refusal);
	}
	return r;
}
