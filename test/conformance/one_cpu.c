/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts what a call between two processes on one CPU costs: its switches and the system calls of the
 * library. A count does not depend on the machine, as a time does; the time is compared with that of a round
 * trip over two pipes in the same run, which makes as many switches.
 *
 * Usage: one_cpu DCID EP CALLS: a server at EP and a client at EP + 1, both held to the CPU it runs on.
 * Prints `calls=N switches=X.XX syscalls=X.XX pipes=X.XX`: switches and system calls for one call, of
 * both processes together, and how many round trips over pipes take as long as one call.
 */
#include <dvk.h>

#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 2000

struct counts {
	_Atomic long ready, syscalls, switches;
};

static struct counts *counts;
static long own_syscalls;

/* The library's calls of these two come here: this program's definitions stand before those of the C library. */
__attribute__((visibility("default"))) int sched_yield(void)
{
	long r;

	own_syscalls++;
	__asm__ volatile("syscall" : "=a"(r) : "a"(SYS_sched_yield) : "rcx", "r11", "memory");
	return (int)r;
}

static long raw(long number, const long *a)
{
	register long r10 __asm__("r10") = a[3];
	register long r8 __asm__("r8") = a[4];
	register long r9 __asm__("r9") = a[5];
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

__attribute__((visibility("default"))) long syscall(long number, ...)
{
	long a[6], r;
	va_list list;

	own_syscalls++;
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	r = raw(number, a);
	if (r < 0) {
		extern int *__errno_location(void);

		*__errno_location() = (int)-r;
		return -1;
	}
	return r;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

static void serve(int dcid, int ep, int calls)
{
	long begin_switches = 0, begin_syscalls = 0;
	message m;

	if (dvk_open() < 0 || dvk_bind(dcid, ep) != ep)
		_exit(1);
	atomic_store(&counts->ready, 1);
	for (int i = 0; i < WARM_UP + calls; i++) {
		if (i == WARM_UP) {
			begin_switches = switches();
			begin_syscalls = own_syscalls;
		}
		if (dvk_receive(ANY, &m) != 0 || dvk_reply(m.m_source, &m) != 0)
			_exit(1);
	}
	counts->switches = switches() - begin_switches;
	counts->syscalls = own_syscalls - begin_syscalls;
	_exit(0);
}

static int call(int ep, int calls)
{
	message m = { 0 };

	for (int i = 0; i < calls; i++) {
		m.m_type = i;
		if (dvk_sendrec(ep, &m) != 0)
			return -1;
	}
	return 0;
}

/* Nanoseconds for one round trip over a pair of pipes. */
static double pipe_trip_ns(int trips)
{
	int there[2], back[2];
	int64_t begin;
	char byte = 0;

	if (pipe(there) < 0 || pipe(back) < 0)
		return 0;
	if (!fork()) {
		while (read(there[0], &byte, 1) == 1 && byte != 'e')
			if (write(back[1], &byte, 1) != 1)
				break;
		_exit(0);
	}
	begin = now_ns();
	for (int i = 0; i < trips; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			return 0;
	begin = now_ns() - begin;
	if (write(there[1], "e", 1) == 1)
		wait(NULL);
	return (double)begin / trips;
}

static void hold_here(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	long begin_switches, begin_syscalls;
	int dcid, ep, calls, status;
	int64_t took_ns;
	pid_t pid;

	if (argc != 4)
		return 2;
	dcid = (int)strtol(argv[1], NULL, 10);
	ep = (int)strtol(argv[2], NULL, 10);
	calls = (int)strtol(argv[3], NULL, 10);
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	hold_here();
	pid = fork();
	if (!pid)
		serve(dcid, ep, calls);
	while (!atomic_load(&counts->ready))
		if (waitpid(pid, &status, WNOHANG) == pid)
			return 1;
	if (dvk_open() < 0 || dvk_bind(dcid, ep + 1) != ep + 1 || call(ep, WARM_UP) < 0)
		return 1;
	begin_switches = switches();
	begin_syscalls = own_syscalls;
	took_ns = now_ns();
	if (call(ep, calls) < 0) {
		kill(pid, SIGKILL);
		return 1;
	}
	took_ns = now_ns() - took_ns;
	begin_switches = switches() - begin_switches;
	begin_syscalls = own_syscalls - begin_syscalls;
	if (waitpid(pid, &status, 0) != pid || status)
		return 1;
	printf("calls=%d switches=%.2f syscalls=%.2f pipes=%.2f\n", calls,
	       (double)(counts->switches + begin_switches) / calls,
	       (double)(counts->syscalls + begin_syscalls) / calls,
	       (double)took_ns / calls / pipe_trip_ns(calls));
	return 0;
}
