/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of system calls, executed by a child of the test. */
#include "migrate/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/held_test.h"
#include "migrate/listed_test.h"
#include "migrate/made_proc_test.h"

static uint8_t zeros[8192] __attribute__((aligned(4096)));
static struct held held;
static struct calls *const calls = &held.calls;

static void test_answers(void)
{
	if (!held_begin(&held, held_stay))
		return;
	calls_room(calls, 3, 64);
	struct remote_ptr name = calls_put(calls, "/", 2), answer = calls_space(calls, 32);

	CHECK(name.at % 16 == 0 && answer.at + 32 <= name.at);
	CHECK(((char *)calls_at(calls, answer))[0] == 0);
	uint32_t pid = calls_add(calls, "ask for its number", CALL_OK, SYS_getpid);

	calls_expect(calls, "enter its directory", 0, SYS_chdir, name.at);
	uint32_t cwd =
		calls_add(calls, "ask for its directory", CALL_OK, SYS_getcwd, answer.at, 32);

	CHECK_EQ(calls_run(calls), 0);
	CHECK_EQ(calls_result(calls, pid), held.pid);
	CHECK_EQ(calls_result(calls, cwd), 2);
	CHECK(strcmp(calls_at(calls, answer), "/") == 0);
	CHECK_EQ(calls_run(calls), 0); /* nothing more */
	CHECK_EQ(calls_result(calls, pid), held.pid);
	/* The next call begins a new list. */
	CHECK_EQ(calls_add(calls, "ask for its parent", CALL_OK, SYS_getppid), 0);
	CHECK_EQ(calls_run(calls), 0);
	CHECK_EQ(calls_result(calls, 0), getpid());
	calls_begin(calls, &held.foothold, &held.tracee);
	CHECK_EQ(calls_run(calls), 0); /* an empty list */
	held_end(&held);
}

/* A list ends at the first call that the kernel refuses; an error of a call that may fail is an answer. */
static void test_refused(void)
{
	struct refusal refusal = REFUSAL_NONE;

	if (!held_begin(&held, held_stay))
		return;
	uint32_t any = calls_add(calls, "close a file", CALL_ANY, SYS_close, 9999);

	calls_add(calls, "close another file", CALL_OK, SYS_close, 9998);
	calls_add(calls, "end", CALL_OK, SYS_exit_group, 0); /* which is not reached */
	CHECK_EQ(calls_run(calls), CALLS_E_FAILED);
	CHECK_EQ(calls_run(calls), CALLS_E_FAILED);
	CHECK_EQ(calls_result(calls, any), -EBADF);
	CHECK_EQ(calls->failed_number, SYS_close);
	CHECK_EQ(calls->failed_result, -EBADF);
	CHECK(is_refusal(calls_refuse(calls, CALLS_E_FAILED, "the process", &refusal), &refusal,
			 EDVSPROCSTS,
			 "the process could not close another file: Bad file descriptor"));
	calls_begin(calls, &held.foothold, &held.tracee);
	calls_expect(calls, "be another one", 1, SYS_getpid);
	CHECK_EQ(calls_run(calls), CALLS_E_FAILED);
	refusal_clear(&refusal);
	CHECK(is_refusal(calls_refuse(calls, CALLS_E_FAILED, "the shell", &refusal), &refusal,
			 EDVSPROCSTS, "the shell could not be another one: unexpected result 0x"));
	calls_begin(calls, &held.foothold, &held.tracee);
	calls_add(calls, "ask for its number", CALL_OK, SYS_getpid);
	CHECK_EQ(calls_run(calls), 0); /* it is alive, and can be asked again */
	held_end(&held);
}

/* More than one list holds: earlier ones are executed on the way, in order. */
static void test_many(void)
{
	if (!held_begin(&held, held_stay))
		return;
	int low = dup(0); /* the lowest free number, also in the child */

	close(low);
	calls_room(calls, 1, 0);
	calls_add(calls, "take a number", CALL_OK, SYS_dup, 0);
	for (unsigned i = 0; i < 3 * CALLS_MAX; i++) {
		calls_room(calls, 2, 64);
		struct remote_ptr name = calls_space(calls, 64);

		calls_add(calls, "ask for its name", CALL_OK, SYS_prctl, PR_GET_NAME, name.at);
	}
	uint32_t last = calls_add(calls, "ask for its number", CALL_OK, SYS_getpid);

	CHECK_EQ(calls_run(calls), 0);
	CHECK_EQ(calls_result(calls, last), held.pid);
	/* Without data a full list makes room by itself. */
	calls_begin(calls, &held.foothold, &held.tracee);
	for (unsigned i = 0; i <= CALLS_MAX; i++)
		last = calls_add(calls, "ask for its number", CALL_OK, SYS_getpid);
	CHECK_EQ(last, 0);
	CHECK_EQ(calls_run(calls), 0);
	held_end(&held);
}

/* The error of a list that was executed on the way is that of the whole. */
static void test_early_error(void)
{
	if (!held_begin(&held, held_stay))
		return;
	calls_add(calls, "close a file", CALL_OK, SYS_close, 9999);
	for (unsigned i = 0; i < 8; i++) {
		calls_room(calls, 1, 65536);
		calls_space(calls, 65536);
		calls_add(calls, "ask for its number", CALL_OK, SYS_getpid);
	}
	CHECK_EQ(calls_run(calls), CALLS_E_FAILED);
	CHECK(strcmp(calls->failed_what, "close a file") == 0);
	held_end(&held);
}

static void test_ended(void)
{
	struct refusal refusal = REFUSAL_NONE;

	if (!held_begin(&held, held_stay))
		return;
	calls_add(calls, "end", CALL_OK, SYS_exit_group, 0);
	CHECK_EQ(calls_run(calls), TRACEE_E_GONE);
	CHECK(is_refusal(calls_refuse(calls, TRACEE_E_GONE, "the process", &refusal), &refusal,
			 EDVSSRCH, "the process has ended during the move"));
	refusal_clear(&refusal);
	CHECK(is_refusal(calls_refuse(calls, TRACEE_E_STRAYED, "the process", &refusal), &refusal,
			 EDVSPROCSTS, "the process did not execute what it was given"));
	held_end(&held);
}

/* Where the foothold lies, code can be written and executed; after it is closed, nothing is there. */
static void test_foothold(void)
{
	uint8_t byte;

	if (!held_begin(&held, held_stay))
		return;
	uint64_t base = held.foothold.base.at;
	struct foothold again = { .vdso_syscall = held.foothold.vdso_syscall };

	CHECK_EQ(trace_read(held.pid, base + FOOTHOLD_BYTES - 1, &byte, 1), 0);
	CHECK_EQ(foothold_code(&held.foothold).at, base);
	CHECK(foothold_syscall(&held.foothold).at > base);
	CHECK_EQ(foothold_open(&again, &held.tracee, base), -EEXIST); /* nothing is mapped over */
	CHECK_EQ(again.base.at, 0);
	CHECK_EQ(foothold_close(&held.foothold, &held.tracee), 0);
	CHECK_EQ(held.foothold.base.at, 0);
	CHECK_EQ(trace_read(held.pid, base, &byte, 1), -EFAULT);
	CHECK_EQ(foothold_close(&held.foothold, &held.tracee), 0); /* nothing is left to do */
	CHECK_EQ(foothold_open(&again, &held.tracee, base), 0);
	CHECK_EQ(again.base.at, base);
	held_end(&held);
}

static void test_find_syscall(void)
{
	struct remote_ptr found = { 1 };

	if (!held_begin(&held, held_stay))
		return;
	CHECK_EQ(foothold_find_syscall(held.pid, (uint64_t)zeros, sizeof(zeros), &found), -ENOEXEC);
	CHECK_EQ(foothold_find_syscall(held.pid, 4096, 4096, &found), -EFAULT);
	CHECK_EQ(foothold_find_syscall(LISTED_NOBODY, (uint64_t)zeros, 16, &found), TRACEE_E_GONE);
	CHECK_EQ(found.at, 1);
	/* Across any other bytes: 0f 05 is the instruction. */
	const uint8_t code[] = { 0x0f, 0x0f, 0x05 };

	CHECK_EQ(trace_write(held.pid, (uint64_t)zeros + 5000, code, sizeof(code)), 0);
	CHECK_EQ(foothold_find_syscall(held.pid, (uint64_t)zeros, sizeof(zeros), &found), 0);
	CHECK_EQ(found.at, (uint64_t)zeros + 5001);
	held_end(&held);
}

int main(void)
{
	TEST(test_answers);
	TEST(test_refused);
	TEST(test_many);
	TEST(test_early_error);
	TEST(test_ended);
	TEST(test_foothold);
	TEST(test_find_syscall);
	return test_end();
}
