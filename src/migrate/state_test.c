/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a child of the test that /proc does not show. */
#include "migrate/state.h"

#include <asm/ldt.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/held_test.h"
#include "migrate/made_proc_test.h"

static struct held held;
static struct image_sigaction actions[IMAGE_SIGNALS];
static char stack[32768];

static void on_signal(int number)
{
	(void)number;
}

static int read_process(void)
{
	held.refusal = REFUSAL_NONE;
	calls_begin(&held.calls, &held.foothold, &held.tracee);
	return state_read_process(&held.calls, &held.inventory, actions, &held.refusal);
}

static int read_thread(struct image_thread *thread)
{
	static uint8_t xstate[IMAGE_XSTATE_MAX] __attribute__((aligned(64)));
	size_t bytes = sizeof(xstate);

	held.refusal = REFUSAL_NONE;
	CHECK_EQ(inventory_threads(&held.inventory), 0);
	calls_begin(&held.calls, &held.foothold, &held.tracee);
	int r = state_read_thread(&held.calls, &held.inventory, 77, thread, xstate, &bytes,
				  &held.refusal);

	CHECK(r || (bytes >= 576 && bytes < sizeof(xstate)));
	return r;
}

static void be_peculiar(void)
{
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	const struct itimerval interval = { { 3, 4 }, { 500, 0 } };
	const struct rlimit limit = { 3000, 4000 };
	const stack_t alternative = { .ss_sp = stack, .ss_size = sizeof(stack) };
	sigset_t set;

	sigaction(SIGUSR2, &action, NULL);
	setitimer(ITIMER_VIRTUAL, &interval, NULL);
	setrlimit(RLIMIT_CORE, &limit);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_NAME, "of its own name");
	prctl(PR_SET_TIMERSLACK, 123456);
	sigaltstack(&alternative, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	held_say_ready();
	prctl(PR_SET_PDEATHSIG, SIGHUP);
	for (;;)
		pause();
}

static void test_process(void)
{
	const struct image_process *process = &held.inventory.process;

	if (!held_begin(&held, be_peculiar))
		return;
	CHECK_EQ(read_process(), 0);
	CHECK_EQ(actions[SIGUSR2 - 1].handler, (uint64_t)on_signal);
	CHECK(actions[SIGUSR2 - 1].flags & SA_RESTART);
	CHECK_EQ(actions[SIGUSR1 - 1].handler, 0);
	CHECK(process->itimer[ITIMER_VIRTUAL].interval_s == 3 &&
	      process->itimer[ITIMER_VIRTUAL].interval_us == 4);
	CHECK(process->itimer[ITIMER_VIRTUAL].value_s >= 400);
	CHECK(process->itimer[ITIMER_REAL].value_s == 0 &&
	      process->itimer[ITIMER_REAL].value_us == 0);
	CHECK_EQ(process->rlimit[RLIMIT_CORE].current, 3000);
	CHECK_EQ(process->rlimit[RLIMIT_CORE].maximum, 4000);
	CHECK_EQ(process->subreaper, 1);
	CHECK_EQ(process->dumpable, 1);
	CHECK(process->bounds.brk);
	held_end(&held);
}

static void test_thread(void)
{
	struct image_thread thread;

	if (!held_begin(&held, be_peculiar))
		return;
	CHECK_EQ(read_thread(&thread), 0);
	CHECK_EQ(thread.tid, 77);
	CHECK(strncmp(thread.comm, "of its own name", sizeof(thread.comm)) == 0);
	CHECK(thread.altstack_sp == (uint64_t)stack && thread.altstack_size == sizeof(stack));
	/* Only a privileged program sees it; it is not carried otherwise. */
	CHECK_EQ(thread.timer_slack_ns, geteuid() ? 0 : 123456);
	CHECK(thread.blocked >> (SIGUSR1 - 1) & 1);
	CHECK(!(thread.blocked >> (SIGUSR2 - 1) & 1));
	CHECK_EQ(thread.credentials.uid[0], getuid());
	CHECK_EQ(thread.credentials.gid[1], getegid());
	CHECK_EQ(thread.credentials.no_new_privs, 0);
	CHECK_EQ(thread.registers.cs, 0x33);
	CHECK(thread.policy == SCHED_OTHER || getpriority(PRIO_PROCESS, 0) == 0);
	CHECK_EQ(memcmp(&thread.registers, &held.tracee.registers, sizeof(thread.registers)), 0);
	held_end(&held);
}

static void have_segments(void)
{
	struct user_desc entry = { .entry_number = 1, .limit = 10, .seg_32bit = 1 };

	if (syscall(SYS_modify_ldt, 1, &entry, sizeof(entry)))
		_exit(1);
	held_stay();
}

static void test_segments(void)
{
	if (!held_start(&held, have_segments)) {
		test_skip("the kernel has no modify_ldt");
		held_end(&held);
		return;
	}
	held_end(&held);
	if (!held_begin(&held, have_segments))
		return;
	CHECK(is_refusal(read_process(), &held.refusal, EDVSPROCSTS, "a local descriptor table"));
	held_end(&held);
}

/* The signal of an interval timer is pending, and the timer shows nothing left: it is due at once then. */
static void have_an_alarm_pending(void)
{
	const struct itimerval interval = { { 7, 0 }, { 0, 1000 } };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &interval, NULL);
	for (int pending = 0; !pending; pending = sigismember(&set, SIGALRM)) {
		usleep(1000);
		sigpending(&set);
	}
	held_stay();
}

static void test_interval_kept(void)
{
	const struct image_itimer *timer = &held.inventory.process.itimer[ITIMER_REAL];

	if (!held_begin(&held, have_an_alarm_pending))
		return;
	CHECK_EQ(read_process(), 0);
	CHECK_EQ(timer->interval_s, 7);
	CHECK(timer->value_s > 0 || timer->value_us > 0);
	held_end(&held);
}

/* A timer of an inventory gets the times that its process says. */
static void have_a_timer(void)
{
	const struct itimerspec when = { { 9, 8 }, { 700, 0 } };
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &when, NULL))
		_exit(1);
	held_stay();
}

static void test_timers(void)
{
	struct image_timer *timer;

	if (!held_begin(&held, have_a_timer))
		return;
	timer = held.inventory.timer = calloc(1, sizeof(*timer)); /* number 0 */
	held.inventory.timer_count = 1;
	CHECK_EQ(read_process(), 0);
	CHECK(timer->interval_s == 9 && timer->interval_ns == 8);
	CHECK(timer->remaining_s > 600 && timer->remaining_s <= 700);
	timer->id = 55;
	CHECK(is_refusal(read_process(), &held.refusal, EDVSPROCSTS,
			 "the process could not read its POSIX timers"));
	held_end(&held);
}

static void have_a_deadline(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = { 48, 6, 0, 0, 0, 1000000, 100000000, 100000000 };

	if (syscall(SYS_sched_setattr, 0, &attr, 0))
		_exit(1);
	held_stay();
}

static void test_deadline(void)
{
	struct image_thread thread;
	bool can = held_start(&held, have_a_deadline);

	held_end(&held);
	if (!can) {
		test_skip("a child cannot have deadline scheduling here");
		return;
	}
	if (!held_begin(&held, have_a_deadline))
		return;
	CHECK(is_refusal(read_thread(&thread), &held.refusal, EDVSPROCSTS, "deadline scheduling"));
	held_end(&held);
}

static void have_groups(void)
{
	gid_t groups[65];

	for (unsigned i = 0; i < 65; i++)
		groups[i] = 5000 + i;
	if (syscall(SYS_setgroups, 65, groups) || syscall(SYS_setresgid, 601, 602, 603))
		_exit(1);
	prctl(PR_SET_DUMPABLE, 1);
	held_stay();
}

static void test_groups(void)
{
	struct image_thread thread;
	bool can = held_start(&held, have_groups);

	held_end(&held);
	if (!can) {
		test_skip("a child cannot choose its groups here");
		return;
	}
	if (!held_begin(&held, have_groups))
		return;
	CHECK(is_refusal(read_thread(&thread), &held.refusal, EDVSPROCSTS,
			 "more than 64 supplementary groups"));
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(thread.credentials.gid[i], i < 3 ? 601 + i : 602);
	CHECK(thread.credentials.group_count == 64 && thread.credentials.group[63] == 5063);
	held_end(&held);
}

static void test_ended(void)
{
	struct image_thread thread;

	if (!held_begin(&held, held_stay))
		return;
	kill(held.pid, SIGKILL);
	CHECK(is_refusal(read_process(), &held.refusal, EDVSSRCH, "has ended"));
	held_end(&held);
	if (!held_begin(&held, held_stay))
		return;
	CHECK_EQ(inventory_threads(&held.inventory), 0);
	kill(held.pid, SIGKILL);
	static uint8_t xstate[IMAGE_XSTATE_MAX] __attribute__((aligned(64)));
	size_t bytes = sizeof(xstate);

	held.refusal = REFUSAL_NONE;
	calls_begin(&held.calls, &held.foothold, &held.tracee);
	CHECK(is_refusal(state_read_thread(&held.calls, &held.inventory, 1, &thread, xstate, &bytes,
					   &held.refusal),
			 &held.refusal, EDVSSRCH, "has ended"));
	held_end(&held);
}

int main(void)
{
	TEST_OF_THREADS(test_process);
	TEST_OF_THREADS(test_thread);
	TEST(test_segments);
	TEST_OF_THREADS(test_interval_kept);
	TEST_OF_THREADS(test_timers);
	TEST(test_deadline);
	TEST(test_groups);
	TEST(test_ended);
	return test_end();
}
