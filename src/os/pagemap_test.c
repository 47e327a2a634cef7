/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of this very process, by PAGEMAP_SCAN where the kernel has it, and entry by entry. */
#include "os/pagemap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/test.h"

#define PAGE  4096u
#define PAGES 2000 /* more than either way reads at once */
#define GUARD 102  /* MADV_GUARD_INSTALL */

static struct pagemap pagemap;

struct seen {
	uint64_t start; /* of the range */
	unsigned kinds[PAGES];
	unsigned runs, stop_after;
	uint64_t last_end;
};

static int note(void *ctx, uint64_t start, uint64_t end, unsigned kinds)
{
	struct seen *seen = ctx;

	CHECK(start < end && start % PAGE == 0 && end % PAGE == 0);
	CHECK(start >= seen->last_end); /* ascending */
	CHECK(kinds & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED | PAGEMAP_GUARD));
	seen->last_end = end;
	for (uint64_t at = start; at < end; at += PAGE)
		seen->kinds[(at - seen->start) / PAGE] = kinds;
	return ++seen->runs == seen->stop_after ? 123 : 0;
}

static int look(struct seen *seen, void *at, unsigned pages, unsigned stop_after)
{
	memset(seen, 0, sizeof(*seen));
	seen->start = (uint64_t)at;
	seen->stop_after = stop_after;
	return pagemap_each(&pagemap, seen->start, seen->start + (uint64_t)pages * PAGE, note,
			    seen);
}

static uint8_t *map(int flags, int fd)
{
	uint8_t *at = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	CHECK(at != MAP_FAILED);
	madvise(at, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
	return at;
}

/* Both ways: with all that the kernel knows, and with the old interface alone. */
static void both(void (*test)(void))
{
	CHECK_OR_RETURN(pagemap_open(&pagemap, getpid()) == 0);
	test();
	pagemap.kinds = 0;
	test();
	pagemap_close(&pagemap);
	CHECK_EQ(pagemap.fd, -1);
}

static void anonymous(void)
{
	uint8_t *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct seen seen;

	CHECK_EQ(look(&seen, at, PAGES, 0), 0);
	CHECK_EQ(seen.runs, 0); /* nothing exists yet */
	for (unsigned i = 0; i < PAGES; i++)
		if (i % 3 == 0 || i > 1500)
			at[i * PAGE] = 1;
	CHECK_EQ(look(&seen, at, PAGES, 0), 0);
	for (unsigned i = 0; i < PAGES; i++)
		CHECK_EQ((seen.kinds[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) != 0,
			 i % 3 == 0 || i > 1500);
	/* The range ends where it was said to end. */
	CHECK_EQ(look(&seen, at + PAGE, 2, 0), 0);
	CHECK_EQ(seen.runs, 0);
	CHECK_EQ(look(&seen, at + PAGE, 3, 0), 0);
	CHECK_EQ(seen.runs, 1);
	/* The first result that is not 0 ends it. */
	CHECK_EQ(look(&seen, at, PAGES, 5), 123);
	CHECK_EQ(seen.runs, 5);
	CHECK_EQ(look(&seen, at, 0, 0), 0);
	munmap(at, (size_t)PAGES * PAGE);
}

static void test_anonymous(void)
{
	both(anonymous);
}

/* A page of the file, or a copy of the process's own. */
static void of_a_file(void)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	unsigned sum = 0;
	struct seen seen;

	CHECK_EQ(ftruncate(fd, (off_t)PAGES * PAGE), 0);
	CHECK_EQ(pwrite(fd, "x", 1, 0) + pwrite(fd, "x", 1, PAGE), 2);
	uint8_t *at = map(MAP_PRIVATE, fd);

	sum += ((volatile uint8_t *)at)[0];
	at[PAGE] = 2;
	CHECK_EQ(sum, 'x');
	CHECK_EQ(look(&seen, at, 2, 0), 0);
	CHECK_EQ(seen.kinds[0] & (PAGEMAP_PRESENT | PAGEMAP_FILE), PAGEMAP_PRESENT | PAGEMAP_FILE);
	CHECK_EQ(seen.kinds[1] & (PAGEMAP_PRESENT | PAGEMAP_FILE), PAGEMAP_PRESENT);
	munmap(at, (size_t)PAGES * PAGE);
	close(fd);
}

static void test_of_a_file(void)
{
	both(of_a_file);
}

static void guards(void)
{
	uint8_t *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct seen seen;

	at[0] = 1;
	if (madvise(at + PAGE, 2 * PAGE, GUARD)) {
		test_skip("the kernel has no guard pages");
	} else {
		CHECK_EQ(look(&seen, at, 4, 0), 0);
		CHECK(!(seen.kinds[0] & PAGEMAP_GUARD) && seen.kinds[0]);
		CHECK((seen.kinds[1] & PAGEMAP_GUARD) && (seen.kinds[2] & PAGEMAP_GUARD));
		CHECK_EQ(seen.kinds[3], 0);
	}
	munmap(at, (size_t)PAGES * PAGE);
}

static void test_guards(void)
{
	both(guards);
}

/* Only the scan tells the kernel's page of zeros from others. */
static void test_zeros(void)
{
	uint8_t *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct seen seen;

	CHECK_OR_RETURN(pagemap_open(&pagemap, getpid()) == 0);
	CHECK_EQ(((volatile uint8_t *)at)[0], 0);
	CHECK_EQ(look(&seen, at, 1, 0), 0);
	if (pagemap.kinds & PAGEMAP_ZERO)
		CHECK(!seen.kinds[0] || seen.kinds[0] & PAGEMAP_ZERO);
	else
		CHECK_EQ(seen.kinds[0] & PAGEMAP_ZERO, 0);
	pagemap_close(&pagemap);
	munmap(at, (size_t)PAGES * PAGE);
}

static void test_no_process(void)
{
	CHECK_EQ(pagemap_open(&pagemap, 0x7fffffff), -ENOENT);
}

int main(void)
{
	TEST(test_anonymous);
	TEST(test_of_a_file);
	TEST(test_guards);
	TEST(test_zeros);
	TEST(test_no_process);
	return test_end();
}
