/* SPDX-License-Identifier: Apache-2.0 */
/* A child of the test, held: it executes our calls while it is borrowed, and does not notice. */
#include "migrate/tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/test.h"
#include "migrate/held_test.h"

static struct held held;
static int to_child[2], from_child[2];

/* Sends back each byte that it is sent, and an 's' for SIGUSR1. */
static void on_signal(int number)
{
	(void)number;
	if (write(from_child[1], "s", 1) != 1)
		_exit(1);
}

static void echo(void)
{
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	char byte;

	sigaction(SIGUSR1, &action, NULL);
	held_say_ready();
	while (read(to_child[0], &byte, 1) == 1)
		if (write(from_child[1], &byte, 1) != 1)
			_exit(1);
}

static bool begin(void)
{
	CHECK_EQ(pipe(to_child) + pipe(from_child), 0);
	fcntl(from_child[0], F_SETFL, O_NONBLOCK);
	bool good = held_start(&held, echo) && held_stop(&held) && held_find_syscall(&held);

	if (!good)
		held_end(&held);
	return good;
}

static void end(void)
{
	held_end(&held);
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(from_child[i]);
	}
}

/* The byte that the child sends next within a second or two; 0: none. */
static char heard(int tries)
{
	char byte;

	for (int i = 0; i < tries; i++) {
		if (read(from_child[0], &byte, 1) == 1)
			return byte;
		usleep(1000);
	}
	return 0;
}

static int call(long number, const uint64_t args[6], int64_t *r)
{
	return tracee_syscall(&held.tracee, held.foothold.vdso_syscall, number, args, r);
}

static char state_of(pid_t pid)
{
	struct procdir_text text = { 0 };
	int dir = procdir_open(pid);
	const char *state =
		procdir_read(dir, "status", &text) < 0 ? NULL : procdir_field(text.text, "State");
	char is = state ? *state : 0;

	procdir_text_free(&text);
	close(dir);
	return is;
}

/* It has been let go of, and stops as soon as it gets to run. */
static bool is_stopped(void)
{
	for (int i = 0; i < 2000; i++, usleep(1000))
		if (state_of(held.pid) == 'T')
			return true;
	return false;
}

static void test_unnoticed(void)
{
	const uint64_t none[6] = { 0 }, bad[6] = { 9999 };
	struct user_regs_struct before, after;
	int64_t r = 0;

	if (!begin())
		return;
	CHECK_EQ(trace_registers(held.pid, &before), 0);
	CHECK_EQ(call(SYS_getpid, none, &r), 0);
	CHECK_EQ(r, held.pid);
	CHECK_EQ(call(SYS_close, bad, &r), 0); /* it was executed; the answer is the kernel's */
	CHECK_EQ(r, -EBADF);
	CHECK_EQ(trace_registers(held.pid, &after), 0);
	CHECK(after.rip != before.rip);
	CHECK_EQ(tracee_return(&held.tracee), 0);
	CHECK_EQ(trace_registers(held.pid, &after), 0);
	CHECK(memcmp(&before, &after, sizeof(before)) == 0);
	CHECK_EQ(tracee_return(&held.tracee), 0); /* nothing is left to do */
	tracee_release(&held.tracee);
	CHECK(!held.tracee.held);
	CHECK_EQ(write(to_child[1], "x", 1), 1);
	CHECK_EQ(heard(2000), 'x'); /* the call that it slept in goes on */
	end();
}

/* A signal reaches the program when it is its own again. */
static void test_signals_wait(void)
{
	const uint64_t none[6] = { 0 };
	int64_t r;

#ifdef __SANITIZE_THREAD__
	return; /* its runtime may keep a signal for the program's next call, which comes with the next byte only */
#endif
	if (!begin())
		return;
	kill(held.pid, SIGUSR1);
	CHECK_EQ(call(SYS_getpid, none, &r), 0);
	CHECK_EQ(r, held.pid);
	CHECK_EQ(heard(20), 0);
	tracee_release(&held.tracee);
	CHECK_EQ(heard(2000), 's');
	CHECK_EQ(write(to_child[1], "x", 1), 1);
	CHECK_EQ(heard(2000), 'x');
	end();
}

/* SIGSTOP cannot be blocked: it is kept, and due when the child is let go. */
static void test_stop_is_kept(void)
{
	const uint64_t none[6] = { 0 };
	int64_t r;

	if (!begin())
		return;
	CHECK(!held.tracee.stop_again);
	syscall(SYS_tgkill, held.pid, held.pid, SIGSTOP); /* another thread of it would take that */
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(call(SYS_getpid, none, &r), 0);
		CHECK_EQ(r, held.pid);
	}
	CHECK(held.tracee.stop_again);
	tracee_release(&held.tracee);
	CHECK(is_stopped());
	end();
}

/* One that is stopped by a signal is found to be, and stays so. */
static void test_group_stop(void)
{
	CHECK_EQ(pipe(to_child) + pipe(from_child), 0);
	CHECK(held_start(&held, echo));
	kill(held.pid, SIGSTOP);
	waitpid(held.pid, NULL, WUNTRACED);
	if (tracee_seize(&held.tracee, held.pid, true) == 0) {
		CHECK_EQ(tracee_interrupt(&held.tracee), 0);
		CHECK_EQ(tracee_await_stop(&held.tracee, HELD_STOP_US), 0);
		CHECK_EQ(held.tracee.halted, SIGSTOP);
		CHECK(tracee_borrow(&held.tracee) == 0 && tracee_return(&held.tracee) == 0);
		tracee_release(&held.tracee);
		CHECK(is_stopped());
	}
	end();
}

/* A child that is killed is gone, at each step; and that is no error. */
static void test_gone(void)
{
	const uint64_t none[6] = { 0 };
	struct tracee tracee = { 0 };
	int64_t r;

	if (!begin())
		return;
	kill(held.pid, SIGKILL);
	CHECK_EQ(call(SYS_getpid, none, &r), TRACEE_E_GONE);
	tracee_release(&held.tracee);
	CHECK(!held.tracee.held);
	waitpid(held.pid, NULL, 0);
	CHECK_EQ(tracee_seize(&tracee, held.pid, false), TRACEE_E_GONE);
	CHECK(!tracee.held);
	tracee_release(&tracee);
	tracee_kill(&tracee);
	end();
}

static void test_killed(void)
{
	if (!begin())
		return;
	tracee_kill(&held.tracee);
	CHECK(!held.tracee.held && !held.tracee.borrowed && held.tracee.tid == held.pid);
	CHECK_EQ(kill(held.pid, 0), -1);
	end();
}

/* A call that waits too long is interrupted, and the child is as usable as before. */
static void test_within(void)
{
	const uint64_t none[6] = { 0 };
	const uint64_t wait[6] = { 0, 0, 0, 0 }; /* ppoll of nothing, for ever */
	struct timespec before, after;
	int64_t r = 0;

	if (!begin())
		return;
	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK_EQ(tracee_syscall_within(&held.tracee, held.foothold.vdso_syscall, SYS_ppoll, wait,
				       50000, &r),
		 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK(r < 0);
	CHECK((after.tv_sec - before.tv_sec) * 1000000000ll + after.tv_nsec - before.tv_nsec >=
	      50000000);
	CHECK_EQ(held.tracee.deadline_ns, 0);
	CHECK_EQ(call(SYS_getpid, none, &r), 0);
	CHECK_EQ(r, held.pid);
	end();
}

static void test_texts(void)
{
	CHECK_EQ(tracee_result(-ESRCH), TRACEE_E_GONE);
	CHECK_EQ(tracee_result(-EPERM), -EPERM);
	CHECK_EQ(tracee_result(0), 0);
	CHECK(strcmp(tracee_result_text(TRACEE_E_GONE), "has ended") == 0);
	CHECK(strstr(tracee_result_text(TRACEE_E_GROUP_STOP), "stopped by a signal"));
	CHECK(strstr(tracee_result_text(TRACEE_E_STUCK), "waits in the kernel"));
	CHECK(strstr(tracee_result_text(TRACEE_E_STRAYED), "did not execute"));
	CHECK(strcmp(tracee_result_text(-EPERM), strerror(EPERM)) == 0);
}

int main(void)
{
	TEST(test_unnoticed);
	TEST(test_signals_wait);
	TEST(test_stop_is_kept);
	TEST(test_group_stop);
	TEST(test_gone);
	TEST(test_killed);
	TEST(test_within);
	TEST(test_texts);
	return test_end();
}
