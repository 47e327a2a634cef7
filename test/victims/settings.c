/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings that belong to one thread: what happens at a failure of memory, the I/O path, the time-stamp counter, the
 * CPUID instruction. A process that refuses writable code (PR_SET_MDWE), and its child, which does not.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define SET_MDWE       65
#define GET_MDWE       66
#define MDWE_ALONE     3 /* not inherited by a child */
#define SET_IO_FLUSHER 57
#define GET_IO_FLUSHER 58
#define GET_CPUID      0x1011
#define SET_CPUID      0x1012

enum kind {
	EARLY,
	LATE,
	FLUSHER,
	NO_COUNTER,
	NO_CPUID,
	KINDS,
	NOTHING
};

struct one {
	uint32_t asked, right, wrong;
};

static struct one *one;			      /* shared memory */
static bool has_mdwe, has_cpuid, has_flusher; /* what this machine, or its rights, allow */

static int counter(void)
{
	int value = 0;

	return prctl(PR_GET_TSC, &value) ? -1 : value;
}

static void take(enum kind kind)
{
	bool good = true;

	switch (kind) {
	case EARLY:
		good = prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) == 0;
		break;
	case LATE:
		good = prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0, 0) == 0;
		break;
	case FLUSHER:
		has_flusher = prctl(SET_IO_FLUSHER, 1, 0, 0, 0) == 0;
		break;
	case NO_COUNTER:
		good = prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0;
		break;
	case NO_CPUID:
		has_cpuid = syscall(SYS_arch_prctl, SET_CPUID, 0) == 0;
		break;
	default:
		break;
	}
	VICTIM_CHECK(good);
}

/* No thread has what another one has. */
static bool is_as_it_was(enum kind kind)
{
	int early = kind == EARLY ? PR_MCE_KILL_EARLY : PR_MCE_KILL_DEFAULT;

	return prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) == (kind == LATE ? PR_MCE_KILL_LATE : early) &&
	       (!has_flusher || prctl(GET_IO_FLUSHER, 0, 0, 0, 0) == (kind == FLUSHER)) &&
	       counter() == (kind == NO_COUNTER ? PR_TSC_SIGSEGV : PR_TSC_ENABLE) &&
	       (!has_cpuid || syscall(SYS_arch_prctl, GET_CPUID, 0) == (kind != NO_CPUID));
}

static void serve(struct one *self, bool (*good)(void), enum kind kind)
{
	for (uint32_t round = 1;; round++) {
		while (__atomic_load_n(&self->asked, __ATOMIC_ACQUIRE) != round)
			victim_nap();
		bool right = is_as_it_was(kind) && (!good || good());

		__atomic_add_fetch(right ? &self->right : &self->wrong, 1, __ATOMIC_RELEASE);
	}
}

static void *thread(void *which)
{
	struct one *self = which;
	enum kind kind = (enum kind)(self - one);

	take(kind);
	serve(self, NULL, kind);
	return NULL;
}

/* The C library's mmap() and mprotect(), with rights that are refused or not. */
static bool can_write_code(void)
{
	char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	if (at == MAP_FAILED)
		return false;
	munmap(at, 4096);
	return true;
}

static bool refuses(void)
{
	char *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool good = at != MAP_FAILED && mprotect(at, 4096, PROT_READ | PROT_EXEC) < 0 &&
		    errno == EACCES;

	munmap(at, 4096);
	return good && !can_write_code() && prctl(GET_MDWE, 0, 0, 0, 0) == MDWE_ALONE;
}

static bool refuses_nothing(void)
{
	return can_write_code() && prctl(GET_MDWE, 0, 0, 0, 0) <= 0;
}

static bool ask(uint32_t round)
{
	for (unsigned i = 0; i <= KINDS; i++)
		__atomic_store_n(&one[i].asked, round, __ATOMIC_RELEASE);
	for (unsigned i = 0; i <= KINDS; i++)
		if (!victim_counts(&one[i].right, round))
			return false;
	return is_as_it_was(NOTHING) && (!has_mdwe || refuses());
}

int main(void)
{
	uint32_t round = 0;

	victim_begin();
	one = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	has_mdwe = prctl(SET_MDWE, MDWE_ALONE, 0, 0, 0) == 0;
	for (unsigned i = 0; i < KINDS; i++) {
		pthread_t id;

		VICTIM_CHECK(pthread_create(&id, NULL, thread, &one[i]) == 0);
	}
	pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(&one[KINDS], refuses_nothing, NOTHING);
	}
	VICTIM_CHECK(ask(++round));
	victim_ready();
	while (victim_moved())
		VICTIM_CHECK(ask(++round));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return victim_end();
}
