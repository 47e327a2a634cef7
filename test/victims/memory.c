/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of mapping that is carried, with contents, rights and advice. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>

#include "victims/victim.h"

#define PAGE	     4096
#define MADV_GUARD   102
#define MREMAP_FLAGS MREMAP_MAYMOVE

static sigjmp_buf out;

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(out, 1);
}

static bool faults(volatile char *at)
{
	if (sigsetjmp(out, 1))
		return true;
	(void)*at;
	return false;
}

static char *anon(size_t bytes, int rights, int flags)
{
	char *at = mmap(NULL, bytes, rights, flags | MAP_ANONYMOUS, -1, 0);

	VICTIM_CHECK(at != MAP_FAILED);
	return at;
}

/* Whether the mapping that begins at address has these letters among its flags. */
static bool has_flag(const void *address, const char *letters)
{
	char line[512], start[32];
	bool here = false, found = false;
	FILE *smaps = fopen("/proc/self/smaps", "re");

	snprintf(start, sizeof(start), "%lx-", (unsigned long)address);
	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (line[0] < 'A' || line[0] > 'Z')
			here = strncmp(line, start, strlen(start)) == 0;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, letters) != NULL;
	}
	if (smaps)
		fclose(smaps);
	return found;
}

/* How much of the mapping that begins at address is in transparent huge pages. */
static long huge_kb(const void *address)
{
	char line[512], start[32];
	bool here = false;
	long kb = 0;
	FILE *smaps = fopen("/proc/self/smaps", "re");

	snprintf(start, sizeof(start), "%lx-", (unsigned long)address);
	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (line[0] < 'A' || line[0] > 'Z')
			here = strncmp(line, start, strlen(start)) == 0;
		else if (here && strncmp(line, "AnonHugePages:", 14) == 0)
			kb = strtol(line + 14, NULL, 10);
	}
	if (smaps)
		fclose(smaps);
	return kb;
}

static struct sigaction on_faults = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
static char name[] = "/tmp/dvs-victim-a\nb\\012 c-XXXXXX (deleted)";
static char *copied, *shared, *code, *common, *again, *hidden, *constant, *holes, *advised;
static char *guarded, *big;
static bool guards;
static long huge_before; /* 0: this machine has none to give */

static void build_files(void)
{
	char block[3 * PAGE];
	int fd = mkstemps(name, sizeof(" (deleted)") - 1);

	memset(block, 'f', sizeof(block));
	VICTIM_CHECK(write(fd, block, sizeof(block)) == sizeof(block));
	copied = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	shared = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	code = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, PAGE);
	close(fd);
	copied[PAGE] = 'c';
}

static void build_anonymous(void)
{
	common = anon(8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	again = mremap(common + PAGE, 0, 2 * PAGE, MREMAP_FLAGS);
	common[PAGE] = 's';
	common[7 * PAGE] = 't';
	mprotect(common + 7 * PAGE, PAGE, PROT_READ);
	hidden = anon(2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	hidden[0] = 'h';
	mprotect(hidden, 2 * PAGE, PROT_NONE);
	constant = anon(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	constant[5] = 'k';
	mprotect(constant, PAGE, PROT_READ);
	holes = anon(64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
	for (unsigned i = 0; i < 64; i += 3)
		holes[i * PAGE] = (char)('A' + i);
}

static void build_advised(void)
{
	advised = anon(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	madvise(advised, PAGE, MADV_WIPEONFORK);
	madvise(advised, PAGE, MADV_DONTDUMP);
	prctl(0x53564d41, 0, advised, PAGE, "named");
	guarded = anon(4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	guards = madvise(guarded + PAGE, PAGE, MADV_GUARD) == 0;
	guarded[0] = 'g';
	big = anon(4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	madvise(big, 4 << 20, MADV_HUGEPAGE);
	memset(big + (1 << 20), 'b', 2 << 20);
	huge_before = huge_kb(big);
	munmap(common + 3 * PAGE, PAGE);
}

int main(void)
{
	victim_begin();
	sigaction(SIGSEGV, &on_faults, NULL);
	sigaction(SIGBUS, &on_faults, NULL);
	build_files();
	build_anonymous();
	build_advised();
	victim_ready();
	for (char round = 1; victim_moved(); round++) {
		VICTIM_CHECK(copied[0] == 'f' && copied[PAGE] == 'c' && copied[2 * PAGE] == 'f');
		VICTIM_CHECK(shared[1] == (round == 1 ? 'f' : round - 1) && code[0] == 'f');
		shared[1] = round;
		VICTIM_CHECK(again[0] == common[PAGE] && common[7 * PAGE] == 't');
		again[3] = round;
		VICTIM_CHECK(common[PAGE + 3] == round && faults(common + 3 * PAGE));
		VICTIM_CHECK(faults(hidden) && constant[5] == 'k' && constant[6] == 0);
		mprotect(hidden, 2 * PAGE, PROT_READ);
		VICTIM_CHECK(hidden[0] == 'h' && hidden[PAGE] == 0);
		mprotect(hidden, 2 * PAGE, PROT_NONE);
		for (unsigned i = 0; i < 64; i++)
			VICTIM_CHECK(holes[i * PAGE] == (i % 3 ? 0 : (char)('A' + i)));
		VICTIM_CHECK(has_flag(advised, "wf") && has_flag(advised, "dd"));
		VICTIM_CHECK(has_flag(victim_page, "dc") && has_flag(holes, "nr"));
		VICTIM_CHECK(has_flag(big, "hg") && big[1 << 20] == 'b' &&
			     big[(3 << 20) - 1] == 'b' && big[0] == 0);
		VICTIM_CHECK(!huge_before || huge_kb(big) > 0);
		VICTIM_CHECK(guarded[0] == 'g' && (!guards || faults(guarded + PAGE)));
		VICTIM_CHECK(!faults(guarded + 2 * PAGE));
	}
	unlink(name);
	return victim_end();
}
