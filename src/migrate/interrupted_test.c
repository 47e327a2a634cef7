/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/interrupted.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"

#define RESTART_IF_NO_HANDLER (-514)
#define RESTART_BY_BLOCK      (-516)

static uint64_t mended(long number, int64_t result)
{
	struct tracee tracee = { .borrowed = true };

	tracee.registers.orig_rax = (uint64_t)number;
	tracee.registers.rax = (uint64_t)result;
	interrupted_mend(&tracee);
	CHECK_EQ(tracee.registers.orig_rax, number);
	return tracee.registers.rax;
}

/* Calls that end with EINTR for a stop alone; the others have said EINTR for a reason. */
static void test_mended(void)
{
	static const long calls[] = { SYS_rt_sigtimedwait, SYS_epoll_wait, SYS_epoll_pwait,
				      SYS_epoll_pwait2,	   SYS_semop,	   SYS_semtimedop,
				      SYS_fallocate };
	static const long others[] = { SYS_read, SYS_pause, SYS_connect, SYS_close, -1 };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		CHECK_EQ(mended(calls[i], -EINTR), RESTART_IF_NO_HANDLER);
		CHECK_EQ(mended(calls[i], -EAGAIN), -EAGAIN);
		CHECK_EQ(mended(calls[i], 0), 0);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CHECK_EQ(mended(others[i], -EINTR), -EINTR);
}

static struct image_registers translated(const struct interrupted *interrupted, pid_t tid,
					 long number, int64_t result)
{
	struct image_registers registers = { .rax = (uint64_t)result,
					     .orig_rax = (uint64_t)number };

	interrupted_translate(interrupted, tid, &registers);
	return registers;
}

/* The call itself begins again; behind restart_syscall, the one that was noted of this thread. */
static void test_translated(void)
{
	struct interrupted interrupted = { .call = calloc(2, sizeof(*interrupted.call)),
					   .count = 2 };
	struct image_registers now;

	CHECK_OR_RETURN(interrupted.call);
	interrupted.call[0].tid = 7;
	interrupted.call[0].number = SYS_futex;
	interrupted.call[1].tid = 8;
	interrupted.call[1].number = SYS_poll;
	now = translated(&interrupted, 8, SYS_restart_syscall, RESTART_BY_BLOCK);
	CHECK_EQ(now.rax, RESTART_IF_NO_HANDLER);
	CHECK_EQ(now.orig_rax, SYS_poll);
	now = translated(&interrupted, 9, SYS_restart_syscall, RESTART_BY_BLOCK);
	CHECK_EQ(now.rax, RESTART_IF_NO_HANDLER);
	CHECK_EQ(now.orig_rax, SYS_restart_syscall);
	now = translated(&interrupted, 8, SYS_nanosleep, RESTART_BY_BLOCK);
	CHECK_EQ(now.rax, RESTART_IF_NO_HANDLER);
	CHECK_EQ(now.orig_rax, SYS_nanosleep);
	now = translated(&interrupted, 8, SYS_restart_syscall, -EINTR);
	CHECK_EQ(now.rax, -EINTR);
	CHECK_EQ(now.orig_rax, SYS_restart_syscall);
	now = translated(&interrupted, 8, -1, RESTART_BY_BLOCK); /* in no call */
	CHECK_EQ(now.rax, RESTART_BY_BLOCK);
	interrupted_free(&interrupted);
	CHECK(!interrupted.call && !interrupted.count);
}

static void sleep_in(long number)
{
	const struct timespec long_time = { .tv_sec = 1000 };
	static int word;

	if (number == SYS_nanosleep)
		syscall(SYS_nanosleep, &long_time, NULL);
	else if (number == SYS_clock_nanosleep)
		syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &long_time, NULL);
	else if (number == SYS_poll)
		syscall(SYS_poll, NULL, 0, 1000000);
	else
		syscall(SYS_futex, &word, 0, 0, &long_time, NULL, 0);
	_exit(0);
}

/* The number of the call that it sleeps in, once that is `wanted`; else the last one seen. */
static long await_call(struct inventory *inventory, long wanted)
{
	char name[48];
	long number = -1;

	snprintf(name, sizeof(name), "task/%d/syscall", (int)inventory->pid);
	for (int i = 0; i < 2000 && number != wanted; i++) {
		if (i)
			usleep(1000);
		if (procdir_read(inventory->dir, name, &inventory->text) < 0)
			return -2;
		if (sscanf(inventory->text.text, "%ld", &number) != 1)
			number = -1; /* "running" */
	}
	return number;
}

/* A thread that has been stopped in such a call; false: this kernel does not show it. */
static bool note(long number, pid_t pid, struct inventory *inventory)
{
	struct interrupted interrupted = { 0 };
	struct refusal refusal = REFUSAL_NONE;
	bool shown = false;

	CHECK_EQ(inventory_open(inventory, pid, NULL, &refusal), 0);
	CHECK_EQ(inventory_threads(inventory), 0);
	if (await_call(inventory, number) != number)
		return false;
	interrupted_note(&interrupted, inventory);
	CHECK_EQ(interrupted.count, 0); /* it has not been interrupted */
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	kill(pid, SIGCONT);
	if (await_call(inventory, SYS_restart_syscall) == SYS_restart_syscall &&
	    procdir_read(inventory->dir, "wchan", &inventory->text) == 0 &&
	    inventory->text.length > 1) {
		shown = true;
		interrupted_note(&interrupted, inventory);
		CHECK_EQ(interrupted.count, 1);
		if (interrupted.count) {
			CHECK_EQ(interrupted.call[0].tid, pid);
			CHECK_EQ(interrupted.call[0].number, number);
		}
		interrupted_note(&interrupted, inventory);
		CHECK_EQ(interrupted.count, 1); /* anew */
		/* Stopped in it once more: its arguments tell. */
		kill(pid, SIGSTOP);
		waitpid(pid, NULL, WUNTRACED);
		interrupted_note(&interrupted, inventory);
		CHECK_EQ(interrupted.count, 1);
		CHECK(interrupted.count && interrupted.call[0].number == number);
	}
	interrupted_free(&interrupted);
	return shown;
}

static void test_noted(void)
{
	static const long calls[] = { SYS_nanosleep, SYS_clock_nanosleep, SYS_poll, SYS_futex };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct inventory *inventory = calloc(1, sizeof(*inventory));
		pid_t pid = fork();

		CHECK_OR_RETURN(inventory);
		if (pid == 0)
			sleep_in(calls[i]);
		if (!note(calls[i], pid, inventory))
			test_skip("/proc does not show where a thread sleeps");
		inventory_close(inventory);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		free(inventory);
	}
}

static void test_awaits_child(void)
{
	struct inventory *inventory = calloc(1, sizeof(*inventory));
	struct refusal refusal = REFUSAL_NONE;
	pid_t pid = fork();

	CHECK_OR_RETURN(inventory);
	if (pid == 0) {
		if (vfork() == 0) {
			usleep(400000);
			_exit(0);
		}
		for (;;)
			pause();
	}
	CHECK_EQ(inventory_open(inventory, pid, NULL, &refusal), 0);
	await_call(inventory, SYS_vfork);
	CHECK(interrupted_awaits_child(inventory, pid));
	CHECK_EQ(await_call(inventory, SYS_pause), SYS_pause);
	CHECK(!interrupted_awaits_child(inventory, pid));
	CHECK(!interrupted_awaits_child(inventory, pid + 1)); /* no thread of it */
	inventory_close(inventory);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	free(inventory);
}

int main(void)
{
	TEST(test_mended);
	TEST(test_translated);
	TEST_OF_THREADS(test_noted);
	TEST_OF_THREADS(test_awaits_child); /* a vfork is a fork there */
	return test_end();
}
