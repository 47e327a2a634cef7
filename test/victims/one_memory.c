/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that have their memory in common with their parent, and some of them their signal handlers: what one
 * writes, maps or sets the others have too. Beside them one that has nothing in common.
 *
 *	root --+-- memory --- all (has memory, handlers, descriptors and directory of `memory`)
 *	       +-- handlers (memory and handlers)
 *	       +-- crowd (memory; has a second thread)
 *	       +-- none
 */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victims/victim.h"

enum kind {
	MEMORY,
	ALL,
	HANDLERS,
	CROWD,
	NONE,
	KINDS
};

#define STACK_BYTES 65536

struct one {
	pid_t pid;
	uint32_t asked, done; /* rounds */
	uint32_t *page;	      /* that it has mapped */
};

static struct one *one;	     /* of all, shared memory */
static uint32_t word[KINDS]; /* ordinary memory */
static uint32_t turns;	     /* of the second thread */
static uint8_t stack[KINDS + 1][STACK_BYTES] __attribute__((aligned(16)));

static void on_even(int number)
{
	(void)number;
}

static void on_odd(int number)
{
	(void)number;
}

static void (*handler_of(uint32_t round))(int)
{
	return round % 2 ? on_odd : on_even;
}

static void begin(enum kind kind, int flags);

static int turn(void *unused)
{
	(void)unused;
	for (;;) {
		__atomic_add_fetch(&turns, 1, __ATOMIC_RELEASE);
		victim_nap();
	}
	return 0;
}

static void begin_thread(void)
{
	const int flags =
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;

	VICTIM_CHECK(clone(turn, stack[KINDS] + STACK_BYTES, flags, NULL) > 0);
}

static void set_handler(uint32_t round)
{
	const struct sigaction action = { .sa_handler = handler_of(round) };

	sigaction(SIGUSR2, &action, NULL);
}

static int serve(void *which)
{
	struct one *self = which;
	const enum kind kind = (enum kind)(self - one);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (kind == MEMORY)
		begin(ALL, CLONE_VM | CLONE_SIGHAND | CLONE_FILES | CLONE_FS);
	if (kind == CROWD)
		begin_thread();
	for (uint32_t round = 1;; round++) {
		while (__atomic_load_n(&self->asked, __ATOMIC_ACQUIRE) != round)
			victim_nap();
		word[kind] = round * 8 + kind;
		self->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);
		*self->page = round * 16 + kind;
		if (kind == HANDLERS || kind == ALL)
			set_handler(round);
		__atomic_store_n(&self->done, round, __ATOMIC_RELEASE);
	}
	return 0;
}

static void begin(enum kind kind, int flags)
{
	one[kind].pid = clone(serve, stack[kind] + STACK_BYTES, flags | SIGCHLD, &one[kind]);
}

static void ask(enum kind kind, uint32_t round)
{
	__atomic_store_n(&one[kind].asked, round, __ATOMIC_RELEASE);
	VICTIM_CHECK(victim_counts(&one[kind].done, round));
}

/* What it has mapped and written is here as well; unmapped here it is so there. */
static void check_memory(enum kind kind, uint32_t round)
{
	ask(kind, round);
	VICTIM_CHECK(word[kind] == round * 8 + kind);
	VICTIM_CHECK(*one[kind].page == round * 16 + kind);
	VICTIM_CHECK(munmap(one[kind].page, 4096) == 0);
	VICTIM_CHECK(syscall(SYS_kcmp, one[kind].pid, getpid(), KCMP_VM, 0, 0) == 0);
}

static void (*handler(int number))(int)
{
	struct sigaction action;

	sigaction(number, NULL, &action);
	return action.sa_handler;
}

static void check(uint32_t round)
{
	const uint32_t before = __atomic_load_n(&turns, __ATOMIC_ACQUIRE);

	set_handler(round + 1);
	check_memory(MEMORY, round);
	check_memory(ALL, round);
	VICTIM_CHECK(handler(SIGUSR2) == handler_of(round + 1)); /* theirs is another one */
	check_memory(HANDLERS, round);
	VICTIM_CHECK(handler(SIGUSR2) == handler_of(round));
	check_memory(CROWD, round);
	ask(NONE, round);
	VICTIM_CHECK(word[NONE] == 0);
	VICTIM_CHECK(handler(SIGTRAP) == SIG_IGN);
	VICTIM_CHECK(syscall(SYS_kcmp, one[NONE].pid, getpid(), KCMP_VM, 0, 0) > 0);
	VICTIM_CHECK(syscall(SYS_kcmp, one[MEMORY].pid, getpid(), KCMP_SIGHAND, 0, 0) > 0);
	VICTIM_CHECK(syscall(SYS_kcmp, one[HANDLERS].pid, getpid(), KCMP_SIGHAND, 0, 0) == 0);
	VICTIM_CHECK(syscall(SYS_kcmp, one[ALL].pid, one[MEMORY].pid, KCMP_SIGHAND, 0, 0) == 0);
	VICTIM_CHECK(syscall(SYS_kcmp, one[ALL].pid, one[MEMORY].pid, KCMP_FILES, 0, 0) == 0);
	for (int ms = 0; ms < 2000 && __atomic_load_n(&turns, __ATOMIC_ACQUIRE) == before; ms++)
		victim_nap();
	VICTIM_CHECK(__atomic_load_n(&turns, __ATOMIC_ACQUIRE) != before);
}

int main(void)
{
	uint32_t round = 1;

	victim_begin();
	signal(SIGTRAP, SIG_IGN);
	one = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	begin(MEMORY, CLONE_VM);
	begin(HANDLERS, CLONE_VM | CLONE_SIGHAND);
	begin(CROWD, CLONE_VM);
	begin(NONE, 0);
	check(round++);
	victim_ready();
	while (victim_moved()) {
		VICTIM_CHECK(word[MEMORY] == (round - 1) * 8 + MEMORY);
		check(round++);
	}
	kill(one[MEMORY].pid, SIGKILL);
	kill(one[HANDLERS].pid, SIGKILL);
	kill(one[CROWD].pid, SIGKILL);
	kill(one[NONE].pid, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0)
		continue;
	return victim_end();
}
