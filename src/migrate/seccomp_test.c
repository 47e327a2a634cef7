/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp filters of a child that is held, which forbid what the engine does with it. */
#include "migrate/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/held_test.h"
#include "migrate/made_proc_test.h"

static struct held held;
static struct seccomp filters;

/* The answer to one system call; all others are allowed. */
static void install(uint32_t number, uint32_t answer, unsigned flags)
{
	struct sock_filter code[] = { { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
				      { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number },
				      { BPF_RET | BPF_K, 0, 0, answer },
				      { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
	struct sock_fprog program = { 4, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) < 0)
		_exit(1);
}

static void be_filtered(void)
{
	install(SYS_getppid, SECCOMP_RET_ERRNO | 11, SECCOMP_FILTER_FLAG_LOG);
	install(SYS_mmap, SECCOMP_RET_KILL_PROCESS, 0);
	held_stay();
}

static void be_asked_about(void)
{
	install(SYS_swapoff, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	held_stay();
}

static void answer_anything(void)
{
	struct sock_filter code[] = { { BPF_LD | BPF_IMM, 0, 0, SECCOMP_RET_ALLOW },
				      { BPF_RET | BPF_A, 0, 0, 0 } };
	struct sock_fprog program = { 2, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(1);
	held_stay();
}

static bool begin(void (*what)(void))
{
	return held_start(&held, what) && held_stop(&held);
}

static void end(void)
{
	seccomp_free(&filters);
	held_end(&held);
}

static int read_all(uint32_t mode)
{
	refusal_clear(&held.refusal);
	seccomp_free(&filters);
	return seccomp_read(&filters, held.pid, 12, mode, &held.refusal);
}

/* The oldest first, with flags and code; and a call that is forbidden passes by them. */
static void test_read(void)
{
	if (!begin(be_filtered))
		return;
	CHECK_EQ(read_all(SECCOMP_MODE_FILTER), 0);
	CHECK_EQ(filters.count, 2);
	if (filters.count == 2) {
		const struct sock_filter *code = (const void *)(filters.filter[0] + 1);

		CHECK_EQ(filters.filter[0]->count, 4);
		CHECK_EQ(filters.filter[0]->flags, SECCOMP_FILTER_FLAG_LOG);
		CHECK_EQ(filters.filter[1]->flags, 0);
		CHECK(code[1].k == SYS_getppid && code[2].k == (SECCOMP_RET_ERRNO | 11));
	}
	CHECK_EQ(seccomp_suspend(&held.tracee, &held.inventory, &held.refusal), 0);
	CHECK(held_find_syscall(&held));
	CHECK_EQ(foothold_open(&held.foothold, &held.tracee, 0), 0);
	CHECK_EQ(read_all(SECCOMP_MODE_DISABLED), 0);
	CHECK_EQ(filters.count, 0);
	end();
}

static void test_asks(void)
{
	static void (*const kinds[])(void) = { be_asked_about, answer_anything };

	for (int i = 0; i < 2; i++) {
		if (!begin(kinds[i]))
			return;
		CHECK(is_refusal(read_all(SECCOMP_MODE_FILTER), &held.refusal, EDVSPROCSTS,
				 "thread 12 has a seccomp filter whose decisions another program "
				 "may take"));
		end();
	}
}

static void test_cannot(void)
{
	if (!begin(held_stay))
		return;
	CHECK(is_refusal(read_all(SECCOMP_MODE_FILTER), &held.refusal, EDVSPROCSTS,
			 "seccomp filter 0 of thread 12 cannot be read"));
	end();
}

/* A thread that cannot be suspended is refused only if that is needed. */
static void test_cannot_suspend(void)
{
	struct tracee nobody = { .tid = 0x3fffffff, .held = true, .stopped = true };
	struct made_proc proc;

	made_proc_open(&proc);
	struct inventory inventory = { .dir = proc.dir };
	struct refusal refusal = REFUSAL_NONE;

	made_proc_text(&proc, "task/1073741823/status", "Seccomp:\t0\n");
	CHECK(is_refusal(seccomp_suspend(&nobody, &inventory, &refusal), &refusal, EDVSSRCH,
			 "the process has ended")); /* and not for want of filters */
	refusal_clear(&refusal);
	made_proc_text(&proc, "task/1073741823/status", "Seccomp:\t1\n");
	CHECK(is_refusal(seccomp_suspend(&nobody, &inventory, &refusal), &refusal, EDVSPROCSTS,
			 "its filters cannot be suspended for the move"));
	procdir_text_free(&inventory.text);
	made_proc_close(&proc);
}

static void test_common(void)
{
	struct {
		struct image_seccomp head;
		uint64_t code[1];
	} made[4] = {
		{ { 0, 1 }, { 1 } }, { { 0, 1 }, { 2 } }, { { 2, 1 }, { 1 } }, { { 0, 1 }, { 1 } }
	};
	struct image_seccomp *one[] = { &made[0].head, &made[1].head };
	struct image_seccomp *flagged[] = { &made[2].head, &made[1].head };
	struct image_seccomp *shorter[] = { &made[3].head };
	struct image_seccomp *other[] = { &made[3].head, &made[0].head };
	const struct seccomp a = { one, 2, 2 };

	CHECK_EQ(seccomp_common(&a, &a), 2);
	CHECK_EQ(seccomp_common(&a, &(struct seccomp){ flagged, 2, 2 }), 0);
	CHECK_EQ(seccomp_common(&a, &(struct seccomp){ shorter, 1, 1 }), 1);
	CHECK_EQ(seccomp_common(&(struct seccomp){ other, 2, 2 }, &a), 1);
	CHECK_EQ(seccomp_common(&(struct seccomp){ 0 }, &a), 0);
}

int main(void)
{
	if (prctl(PR_GET_SECCOMP) != 0) {
		test_skip("this program runs under seccomp itself");
		return test_end();
	}
	TEST_OF_THREADS(test_read);
	TEST_OF_THREADS(test_asks);
	TEST_OF_THREADS(test_cannot);
	TEST(test_cannot_suspend);
	TEST(test_common);
	return test_end();
}
