/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lives with faults of its own: two threads write to a read-only page all the time and step over the
 * instruction in the handler, which looks at what it is told. ITIMER_REAL has fired and its signal
 * is blocked: its interval has to go on when it is taken.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#include "victims/victim.h"

#define INSTRUCTION_BYTES 3  /* movb $1,(%rax) */
#define PAGE_FAULT	  14 /* number of the trap */
#define WRITE_BY_USER	  6  /* a write of a program; bit 0: the page is there */
#define TICKS		  3

static __thread volatile long faults;
static volatile int wrong, ticks;
static volatile bool over;
static char *page;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signal;
	if (info->si_addr != page || registers[REG_TRAPNO] != PAGE_FAULT ||
	    (registers[REG_ERR] & ~1) != WRITE_BY_USER || registers[REG_CR2] != (greg_t)page)
		wrong = 1;
	faults++;
	registers[REG_RIP] += INSTRUCTION_BYTES;
}

static void on_tick(int signal)
{
	(void)signal;
	ticks++;
}

static void *fault_all_the_time(void *unused)
{
	(void)unused;
	for (long n = 1; !over; n++) {
		__asm__ volatile("movb $1,(%%rax)" : : "a"(page) : "memory");
		if (faults != n)
			wrong = 1;
	}
	return NULL;
}

int main(void)
{
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	struct sigaction tick = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct itimerval every = { { 0, 10000 }, { 0, 1 } };
	pthread_t thread[2];
	sigset_t set;

	victim_begin();
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGALRM, &tick, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, fault_all_the_time, NULL);
	victim_ready();
	while (victim_moved())
		victim_nap();
	over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	for (int i = 0; i < 2000 && ticks < TICKS; i++)
		victim_nap();
	VICTIM_CHECK(!wrong);
	VICTIM_CHECK(ticks >= TICKS);
	return victim_end();
}
