/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/*
 * A victim is a plain program that checks itself across moves: it builds some state, says ready,
 * waits until it was moved, verifies that its world is unchanged, says so, and waits again. It does
 * not know what a move is; all it sees is a page shared with the test, descriptor 3 at its start.
 *
 *	int main(void)
 *	{
 *		build state
 *		victim_ready();
 *		while (victim_moved())
 *			VICTIM_CHECK(state is as it was);
 *		return victim_end();
 *	}
 */
struct victim_page {
	uint32_t ready, moves, verified, failed, finish, argument;
	char reason[232];
};

static struct victim_page *victim_page;
static uint32_t victim_seen;

#define VICTIM_UNUSED __attribute__((unused))

VICTIM_UNUSED static void victim_fail(const char *file, int line, const char *what)
{
	if (!victim_page->failed)
		snprintf(victim_page->reason, sizeof(victim_page->reason), "%s:%d: %s", file, line,
			 what);
	__atomic_store_n(&victim_page->failed, 1, __ATOMIC_RELEASE);
}

#define VICTIM_CHECK(cond)                                      \
	do {                                                    \
		if (!(cond))                                    \
			victim_fail(__FILE__, __LINE__, #cond); \
	} while (0)

/* Takes the page. Call first, before opening anything. */
VICTIM_UNUSED static void victim_begin(void)
{
	victim_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
	if (victim_page == MAP_FAILED)
		_exit(99);
	madvise(victim_page, 4096, MADV_DONTFORK);
	close(3);
}

VICTIM_UNUSED static void victim_ready(void)
{
	victim_seen = __atomic_load_n(&victim_page->moves, __ATOMIC_ACQUIRE);
	__atomic_store_n(&victim_page->ready, 1, __ATOMIC_RELEASE);
}

VICTIM_UNUSED static bool victim_has_moved(void)
{
	return __atomic_load_n(&victim_page->moves, __ATOMIC_ACQUIRE) != victim_seen;
}

VICTIM_UNUSED static bool victim_must_end(void)
{
	return __atomic_load_n(&victim_page->finish, __ATOMIC_ACQUIRE) != 0;
}

VICTIM_UNUSED static void victim_nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* A counter of another thread or process has come to this value, for which two seconds are enough. */
VICTIM_UNUSED static bool victim_counts(const uint32_t *counter, uint32_t value)
{
	for (int ms = 0; ms < 2000 && __atomic_load_n(counter, __ATOMIC_ACQUIRE) != value; ms++)
		victim_nap();
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE) == value;
}

/* Says that all was well up to the last move, and waits for the next. False: it is time to end. */
VICTIM_UNUSED static bool victim_moved(void)
{
	__atomic_store_n(&victim_page->verified, victim_seen, __ATOMIC_RELEASE);
	while (!victim_has_moved()) {
		if (victim_must_end())
			return false;
		victim_nap();
	}
	victim_seen = __atomic_load_n(&victim_page->moves, __ATOMIC_ACQUIRE);
	return true;
}

VICTIM_UNUSED static int victim_end(void)
{
	return victim_page->failed ? 1 : 0;
}
