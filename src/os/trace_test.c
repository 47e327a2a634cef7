/* SPDX-License-Identifier: Apache-2.0 */
/* A child of the test, traced: its stops by kind, its signals, its memory, and the things that only ptrace tells. */
#include "os/trace.h"

#include <asm/ldt.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/signals.h"

#define NOBODY 0x7fffffff
#define PAGE   4096u

static pid_t child;
static int ready[2];
static uint8_t *memory; /* two pages, of which the child has the first only */

static void stay(void)
{
	if (write(ready[1], "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* A child that has done what it does, traced and stopped by us. */
static bool begin(void (*what)(void))
{
	struct trace_stop stop = { 0 };
	char byte;

	CHECK_EQ(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		what();
		_exit(3);
	}
	close(ready[1]);
	bool good = read(ready[0], &byte, 1) == 1;

	close(ready[0]);
	if (good && trace_seize(child, true) == 0) {
		CHECK_EQ(trace_interrupt(child), 0);
		CHECK_EQ(trace_wait(child, true, &stop), 0);
		CHECK_EQ(stop.kind, TRACE_STOP);
		CHECK(!stop.by_job_control);
		return true;
	}
	if (good)
		test_skip("a child cannot be traced here");
	else
		printf("  a child may not do that here\n");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return false;
}

static void end(void)
{
	kill(child, SIGKILL);
	while (waitpid(child, NULL, __WALL) == child && kill(child, 0) == 0)
		continue;
}

static void test_stops(void)
{
	struct trace_stop stop = { 0 };
	struct user_regs_struct registers, again;

	if (!begin(stay))
		return;
	CHECK_EQ(trace_registers(child, &registers), 0);
	CHECK_EQ(registers.cs, 0x33);
	registers.r15 ^= 0x1234;
	CHECK_EQ(trace_set_registers(child, &registers), 0);
	CHECK_EQ(trace_registers(child, &again), 0);
	CHECK_EQ(memcmp(&registers, &again, sizeof(again)), 0);
	CHECK_EQ(trace_continue_to_syscall(child), 0);
	CHECK_EQ(trace_wait(child, true, &stop), 0);
	CHECK_EQ(stop.kind, TRACE_SYSCALL); /* pause() begins again */
	CHECK_EQ(trace_continue(child, 0), 0);
	CHECK_EQ(trace_wait(child, false, &stop), -EAGAIN);
	CHECK_EQ(trace_registers(child, &(struct user_regs_struct){ 0 }), -ESRCH); /* it runs */
	kill(child, SIGUSR1);
	CHECK_EQ(trace_wait(child, true, &stop), 0);
	CHECK(stop.kind == TRACE_SIGNAL && stop.signal == SIGUSR1);
	CHECK_EQ(trace_continue(child, 0), 0); /* and it is not given to it */
	kill(child, SIGSTOP);
	CHECK_EQ(trace_wait(child, true, &stop), 0);
	CHECK(stop.kind == TRACE_SIGNAL && stop.signal == SIGSTOP);
	CHECK_EQ(trace_continue(child, SIGSTOP), 0);
	CHECK_EQ(trace_wait(child, true, &stop), 0);
	CHECK(stop.kind == TRACE_STOP && stop.by_job_control && stop.signal == SIGSTOP);
	CHECK_EQ(trace_continue(child, SIGUSR2), 0); /* which ends it */
	kill(child, SIGKILL);
	CHECK_EQ(trace_wait(child, true, &stop), 0);
	CHECK_EQ(stop.kind, TRACE_EXITED);
	CHECK(WIFSIGNALED(stop.code));
	CHECK_EQ(trace_wait(child, true, &stop), -ESRCH);
	CHECK_EQ(trace_interrupt(child), -ESRCH);
	CHECK_EQ(trace_detach(child, 0), -ESRCH);
}

static void block_some(void)
{
	const union sigval value = { .sival_int = 42 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGSEGV);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 20; i++)
		sigqueue(getpid(), SIGRTMIN, value);
	kill(getpid(), SIGUSR1);
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2);
	stay();
}

/* Those of the process and those of the thread, from any one on, as many as there is room for. */
static void test_pending(void)
{
	siginfo_t infos[32];
	uint64_t mask = 0;

	if (!begin(block_some))
		return;
	CHECK_EQ(trace_pending(child, true, 0, infos, 32), 21);
	CHECK_EQ(trace_pending(child, true, 0, infos, 7), 7);
	CHECK_EQ(trace_pending(child, true, 20, infos, 7), 1);
	CHECK_EQ(trace_pending(child, true, 21, infos, 7), 0);
	CHECK_EQ(trace_pending(child, true, 0, infos, 32), 21); /* looking takes none away */
	unsigned numbered = 0;

	for (int i = 0; i < 21; i++)
		numbered += infos[i].si_signo == SIGRTMIN && infos[i].si_value.sival_int == 42;
	CHECK_EQ(numbered, 20);
	CHECK_EQ(trace_pending(child, false, 0, infos, 32), 1);
	CHECK_EQ(infos[0].si_signo, SIGUSR2);
	CHECK_EQ(trace_signal_mask(child, &mask), 0);
	CHECK(mask & OS_SIGNAL_BIT(SIGUSR1) && mask & OS_SIGNAL_BIT(SIGSEGV));
	CHECK(!(mask & OS_SIGNAL_BIT(SIGTERM)));
	CHECK_EQ(trace_set_signal_mask(child, OS_SIGNAL_BIT(SIGTERM) | mask), 0);
	CHECK_EQ(trace_signal_mask(child, &mask), 0);
	CHECK(mask & OS_SIGNAL_BIT(SIGTERM));
	end();
}

/* Of a fault: pending, caused by an instruction, and not blocked. A kill of the same number is none. */
static void test_awaits_handler(void)
{
	siginfo_t info = { .si_signo = SIGSEGV, .si_code = SEGV_MAPERR };
	uint64_t mask = 0;

	if (!begin(block_some))
		return;
	CHECK(!trace_awaits_handler(child));
	CHECK_EQ(trace_signal_mask(child, &mask), 0);
	syscall(SYS_tgkill, child, child, SIGSEGV); /* blocked, and of a program */
	CHECK(!trace_awaits_handler(child));
	CHECK_EQ(trace_set_signal_mask(child, mask & ~OS_SIGNAL_BIT(SIGSEGV)), 0);
	CHECK(!trace_awaits_handler(child));
	end();
	/* Nobody may send another process what looks like a fault. */
	CHECK(syscall(SYS_rt_tgsigqueueinfo, getppid(), getppid(), SIGSEGV, &info) < 0);
}

static void fault_while_blocked(void)
{
	siginfo_t info = { .si_signo = SIGBUS, .si_code = BUS_ADRERR };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* To itself it may send any. */
	if (syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGBUS, &info))
		_exit(1);
	stay();
}

static void test_fault_pending(void)
{
	if (!begin(fault_while_blocked))
		return;
	CHECK(!trace_awaits_handler(child)); /* it is blocked */
	CHECK_EQ(trace_set_signal_mask(child, 0), 0);
	CHECK(trace_awaits_handler(child));
	end();
}

/* All bytes or an error. */
static void test_memory(void)
{
	uint8_t bytes[16] = "0123456789abcde";
	uint64_t at = (uint64_t)memory;

	if (!begin(stay))
		return;
	CHECK_EQ(trace_write(child, at + PAGE - 16, bytes, 16), 0);
	CHECK_EQ(memory[PAGE - 16], 0); /* the child's, and not ours */
	memset(bytes, 0, sizeof(bytes));
	CHECK_EQ(trace_read(child, at + PAGE - 16, bytes, 16), 0);
	CHECK(memcmp(bytes, "0123456789abcde", 16) == 0);
	CHECK_EQ(trace_read(child, at + PAGE - 8, bytes, 16), -EFAULT);
	CHECK_EQ(trace_write(child, at + PAGE - 8, bytes, 16), -EFAULT);
	CHECK_EQ(trace_read(child, at + PAGE, bytes, 1), -EFAULT);
	CHECK_EQ(trace_read(NOBODY, at, bytes, 1), -ESRCH);
	CHECK_EQ(trace_write(NOBODY, at, bytes, 1), -ESRCH);
	CHECK_EQ(trace_seize(NOBODY, false), -ESRCH);
	end();
}

static const char constant[] = "nobody may write this, not even the program";

/* Memory that may only be read is written, and nothing beyond it. */
static void test_force(void)
{
	const char words[] = "somebody";
	char found[sizeof(constant)];

	if (!begin(stay))
		return;
	CHECK(trace_write(child, (uint64_t)constant, words, 8) == -EFAULT);
	CHECK_EQ(trace_force(child, (uint64_t)constant + 1, words, 5), 0);
	CHECK_EQ(trace_read(child, (uint64_t)constant, found, sizeof(found)), 0);
	CHECK(strncmp(found, "nsomeb may", 10) == 0 && constant[1] == 'o');
	CHECK_EQ(trace_force(child, 8, words, 8), -EFAULT);
	CHECK(trace_force(NOBODY, 8, words, 8) < 0);
	end();
}

static void test_xstate(void)
{
	static uint8_t area[16384] __attribute__((aligned(64))), again[16384];

	if (!begin(stay))
		return;
	ssize_t length = trace_xstate(child, area, sizeof(area));

	CHECK(length >= 576 && length < (ssize_t)sizeof(area));
	CHECK_EQ(trace_xstate(child, again, (size_t)length), -ENOSPC); /* it may go on */
	CHECK_EQ(trace_xstate(child, again, 512), -ENOSPC);
	CHECK_EQ(trace_set_xstate(child, area, (size_t)length), 0);
	CHECK_EQ(trace_xstate(child, again, sizeof(again)), length);
	CHECK_EQ(memcmp(area, again, (size_t)length), 0);
	end();
}

static uint64_t robust[3];

static void have_a_list(void)
{
	if (syscall(SYS_set_robust_list, robust, sizeof(robust)))
		_exit(1);
	stay();
}

static void test_robust_list(void)
{
	uint64_t head = 0, length = 0;

	if (!begin(have_a_list))
		return;
	trace_robust_list(child, &head, &length);
	CHECK(head == (uint64_t)robust && length == sizeof(robust));
	end();
	head = length = 5;
	trace_robust_list(NOBODY, &head, &length);
	CHECK(head == 5 && length == 5);
}

static char selector;

static void dispatch_to_itself(void)
{
	if (prctl(59, 1, 0, 0, &selector)) /* PR_SET_SYSCALL_USER_DISPATCH, which lets calls pass */
		_exit(1);
	stay();
}

static void have_ports(void)
{
	if (ioperm(0x80, 1, 1))
		_exit(1);
	stay();
}

static void have_segments(void)
{
	struct user_desc entry = { .entry_number = (unsigned)-1,
				   .base_addr = 4096,
				   .limit = 1,
				   .seg_32bit = 1,
				   .limit_in_pages = 1,
				   .useable = 1 };

	if (syscall(SYS_set_thread_area, &entry))
		_exit(1);
	stay();
}

/* Each is told of the child that has it, and of no other. */
static void test_peculiar(void)
{
	static const struct {
		void (*what)(void);
		int dispatch, ports, segments;
	} kinds[] = { { stay, 0, 0, 0 },
		      { dispatch_to_itself, 1, 0, 0 },
		      { have_ports, 0, 1, 0 },
		      { have_segments, 0, 0, 1 } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!begin(kinds[i].what))
			continue;
		CHECK_EQ(trace_syscall_dispatch(child), kinds[i].dispatch);
		CHECK_EQ(trace_io_bitmap(child), kinds[i].ports);
		CHECK_EQ(trace_tls_entries(child), kinds[i].segments);
		end();
	}
	CHECK_EQ(trace_syscall_dispatch(NOBODY), -ESRCH);
	CHECK_EQ(trace_io_bitmap(NOBODY), -ESRCH);
	CHECK_EQ(trace_tls_entries(NOBODY), -ESRCH);
}

static void test_rseq(void)
{
	struct trace_rseq rseq = { 0 };

	if (!begin(stay))
		return;
	int r = trace_rseq(child, &rseq);

	if (r == 0 && rseq.address) {
		CHECK(rseq.size >= 32);
		CHECK_EQ(rseq.signature, 0x53053053); /* the C library's */
	}
	end();
	CHECK_EQ(trace_rseq(NOBODY, &rseq), -ESRCH);
}

int main(void)
{
	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || munmap(memory + PAGE, PAGE))
		return 1;
	TEST(test_stops);
	TEST(test_pending);
	TEST(test_awaits_handler);
	TEST(test_fault_pending);
	TEST(test_memory);
	TEST(test_force);
	TEST(test_xstate);
	TEST(test_robust_list);
	TEST(test_peculiar);
	TEST(test_rseq);
	return test_end();
}
