/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared anonymous memory that is larger or smaller than what is mapped of it: each page of an object
 * has its number in it, and is there when it is mapped again.
 */
#include <setjmp.h>
#include <signal.h>

#include "victims/victim.h"

#define PAGE	   4096
#define PAGES	   8
#define SPARSE	   (64u << 20)
#define MADV_GUARD 102

static sigjmp_buf out;

static void on_fault(int signal)
{
	siglongjmp(out, signal);
}

/* The signal that reading this byte gives, or 0. */
static int fault_at(volatile char *at)
{
	int signal = sigsetjmp(out, 1);

	if (!signal)
		(void)*at;
	return signal;
}

static char *object(int first)
{
	char *at =
		mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	VICTIM_CHECK(at != MAP_FAILED);
	for (int i = 0; i < PAGES; i++)
		at[i * PAGE] = (char)(first + i);
	return at;
}

static bool holds(const char *at, int pages, int first)
{
	for (int i = 0; i < pages; i++)
		if (at[i * PAGE] != (char)(first + i))
			return false;
	return true;
}

/* Pages of the object that exist, mapped here or not. */
static int present(char *at, size_t bytes)
{
	static unsigned char vector[SPARSE / PAGE];
	int count = 0;

	VICTIM_CHECK(mincore(at, bytes, vector) == 0);
	for (size_t i = 0; i < bytes / PAGE; i++)
		count += vector[i] & 1;
	return count;
}

static char *head, *middle, *second, *last, *hidden, *beyond, *far, *sparse, *guarded;
static bool guards;

static void build(void)
{
	char *whole;

	/* Only its beginning is mapped. */
	head = object(1);
	munmap(head + 3 * PAGE, 5 * PAGE);
	/* Only two pages in its middle. */
	middle = object(11);
	munmap(middle, 3 * PAGE);
	munmap(middle + 5 * PAGE, 3 * PAGE);
	middle += 3 * PAGE;
	/* Twice, at different offsets. */
	second = object(21);
	last = mremap(second + 4 * PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE);
	/* The first mapping is gone; a second one has the last page. */
	whole = object(31);
	hidden = mremap(whole + 7 * PAGE, 0, PAGE, MREMAP_MAYMOVE);
	munmap(whole, PAGES * PAGE);
	mprotect(hidden, PAGE, PROT_NONE);
	/* A mapping that goes on beyond the end, and one that begins there. */
	beyond = mremap(object(41), PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
	whole = object(51);
	far = mremap(whole, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
	munmap(far + 2 * PAGE, (PAGES + 2) * PAGE);
	/* A hole stays one, on both sides of where its mapping ends. */
	sparse = mmap(NULL, SPARSE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	sparse[0] = sparse[SPARSE / 2] = sparse[SPARSE - 1] = 's';
	munmap(sparse + SPARSE / 4, SPARSE / 4 * 3);
	guarded = object(61);
	guards = madvise(guarded + PAGE, PAGE, MADV_GUARD) == 0;
	VICTIM_CHECK(last != MAP_FAILED && hidden != MAP_FAILED && beyond != MAP_FAILED &&
		     far != MAP_FAILED && sparse != MAP_FAILED);
}

/* Whatever is mapped again here is unmapped again, for the next move. */
static void check_unmapped(void)
{
	head = mremap(head, 3 * PAGE, PAGES * PAGE, MREMAP_MAYMOVE);
	VICTIM_CHECK(head != MAP_FAILED && holds(head, PAGES, 1));
	munmap(head + 3 * PAGE, 5 * PAGE);
	VICTIM_CHECK(holds(middle, 2, 14));
	VICTIM_CHECK(remap_file_pages(middle, 2 * PAGE, 0, 0, 0) == 0);
	VICTIM_CHECK(holds(middle, 2, 11));
	VICTIM_CHECK(remap_file_pages(middle, 2 * PAGE, 0, 6, 0) == 0);
	VICTIM_CHECK(holds(middle, 2, 17));
	VICTIM_CHECK(remap_file_pages(middle, 2 * PAGE, 0, 3, 0) == 0);
	sparse = mremap(sparse, SPARSE / 4, SPARSE, MREMAP_MAYMOVE);
	VICTIM_CHECK(sparse != MAP_FAILED && present(sparse, SPARSE) == 3);
	VICTIM_CHECK(sparse[0] == 's' && sparse[SPARSE / 2] == 's' && sparse[SPARSE - 1] == 's');
	munmap(sparse + SPARSE / 4, SPARSE / 4 * 3);
}

static void check_mapped(char round)
{
	VICTIM_CHECK(holds(second, PAGES, 21) && holds(last, 2, 25));
	last[PAGE + 1] = round;
	VICTIM_CHECK(second[5 * PAGE + 1] == round);
	VICTIM_CHECK(fault_at(hidden) == SIGSEGV);
	mprotect(hidden, PAGE, PROT_READ | PROT_WRITE);
	VICTIM_CHECK(hidden[0] == 38);
	VICTIM_CHECK(remap_file_pages(hidden, PAGE, 0, 0, 0) == 0);
	VICTIM_CHECK(hidden[0] == 31);
	VICTIM_CHECK(remap_file_pages(hidden, PAGE, 0, 7, 0) == 0);
	mprotect(hidden, PAGE, PROT_NONE);
	VICTIM_CHECK(holds(beyond, PAGES, 41) && fault_at(beyond + PAGES * PAGE) == SIGBUS);
	VICTIM_CHECK(holds(far, 2, 51) && fault_at(far + 2 * PAGE) == SIGSEGV);
	VICTIM_CHECK(fault_at(far + (PAGES + 4) * PAGE) == SIGBUS);
	VICTIM_CHECK(fault_at(guarded + PAGE) == (guards ? SIGSEGV : 0));
	VICTIM_CHECK(holds(guarded + 2 * PAGE, PAGES - 2, 63) && guarded[0] == 61);
}

int main(void)
{
	const struct sigaction on_faults = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	victim_begin();
	sigaction(SIGSEGV, &on_faults, NULL);
	sigaction(SIGBUS, &on_faults, NULL);
	build();
	check_unmapped();
	check_mapped(0);
	victim_ready();
	for (char round = 1; victim_moved(); round++) {
		check_unmapped();
		check_mapped(round);
	}
	return victim_end();
}
