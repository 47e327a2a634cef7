/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of huge pages (MAP_HUGETLB): private, with a page that was never touched; read only; shared with a child,
 * which has a private copy of its own, too. Where the machine has no such pages there is nothing to be checked.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define HUGE (2ul << 20)

struct one {
	uint32_t asked, right, wrong;
};

static struct one *child; /* ordinary shared memory */
static uint8_t *private, *constant, *shared;

static uint8_t *map(size_t pages, int flags)
{
	void *at = mmap(NULL, pages * HUGE, PROT_READ | PROT_WRITE,
			flags | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void fill(uint8_t *at, size_t bytes, unsigned seed)
{
	for (size_t i = 0; i < bytes; i += 509)
		at[i] = (uint8_t)(i / 509 * 7 + seed);
}

static bool is_filled(const uint8_t *at, size_t bytes, unsigned seed)
{
	for (size_t i = 0; i < bytes; i += 509)
		if (at[i] != (uint8_t)(i / 509 * 7 + seed))
			return false;
	return true;
}

/* How large a page is tells the kernel's list of mappings. */
static bool is_huge(const void *at)
{
	char line[512], start[32];
	FILE *smaps = fopen("/proc/self/smaps", "r");
	bool found = false, huge = false;

	snprintf(start, sizeof(start), "%lx-", (unsigned long)at);
	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (strncmp(line, start, strlen(start)) == 0)
			found = true;
		else if (found && strncmp(line, "KernelPageSize:", 15) == 0) {
			huge = strtol(line + 15, NULL, 10) == 2048;
			break;
		}
	}
	if (smaps)
		fclose(smaps);
	return huge;
}

static void serve(void)
{
	fill(private + HUGE, HUGE, 2); /* a copy of its own */
	for (uint32_t round = 1;; round++) {
		while (__atomic_load_n(&child->asked, __ATOMIC_ACQUIRE) != round)
			victim_nap();
		bool right = is_filled(private + HUGE, HUGE, 2) &&
			     is_filled(shared, HUGE, 100 + round) && is_huge(private) &&
			     is_huge(shared);

		shared[HUGE] = (uint8_t)round;
		__atomic_add_fetch(right ? &child->right : &child->wrong, 1, __ATOMIC_RELEASE);
	}
}

static bool ask(uint32_t round)
{
	fill(shared, HUGE, 100 + round);
	__atomic_store_n(&child->asked, round, __ATOMIC_RELEASE);
	return victim_counts(&child->right, round) && shared[HUGE] == (uint8_t)round;
}

int main(void)
{
	uint32_t round = 0;
	pid_t pid = 0;

	victim_begin();
	child = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	private = map(2, MAP_PRIVATE);
	constant = map(1, MAP_PRIVATE);
	shared = map(2, MAP_SHARED);
	bool has = private && constant && shared;

	if (has) {
		fill(private + HUGE, HUGE, 1);
		fill(constant, HUGE, 3);
		VICTIM_CHECK(mprotect(constant, HUGE, PROT_READ) == 0 &&
			     madvise(constant, HUGE, MADV_DONTFORK) == 0);
		pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve();
		}
		VICTIM_CHECK(ask(++round));
	}
	victim_ready();
	while (victim_moved()) {
		if (!has)
			continue;
		VICTIM_CHECK(is_filled(private + HUGE, HUGE, 1) && private[0] == 0);
		VICTIM_CHECK(is_filled(constant, HUGE, 3) && ask(++round));
		VICTIM_CHECK(is_huge(private) && is_huge(constant) && is_huge(shared));
		private[0] = 1; /* as the others, it can be written */
		private[0] = 0;
	}
	if (pid) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return victim_end();
}
