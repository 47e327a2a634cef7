/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed mappings: of memory that is read only, that is written, that is shared, and of the program's file. */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "victims/victim.h"

#define PAGE  4096
#define MSEAL 462

static char *constant, *written, *shared, *file;

static char *map(int rights, int flags, int fd)
{
	char *at = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (fd < 0)
		at[PAGE] = 'a';
	mprotect(at, 3 * PAGE, rights);
	/* The first page is not sealed, and is told from the others. */
	VICTIM_CHECK(syscall(MSEAL, at + PAGE, 2 * PAGE, 0) == 0);
	return at;
}

static bool is_sealed(char *at)
{
	errno = 0;
	bool good = munmap(at + PAGE, PAGE) < 0 && errno == EPERM;

	good = good && mprotect(at + 2 * PAGE, PAGE, PROT_NONE) < 0 && errno == EPERM;
	good = good && mremap(at + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED;
	return good && madvise(at, PAGE, MADV_RANDOM) == 0 && mprotect(at, PAGE, PROT_READ) == 0;
}

int main(void)
{
	char expected;

	victim_begin();
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	/* On an older kernel there is nothing to be sealed. */
	bool has = syscall(MSEAL, NULL, 0, 0) == 0 || errno != ENOSYS;

	if (has) {
		constant = map(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		written = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		shared = map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
		file = map(PROT_READ, MAP_PRIVATE, fd);
		expected = file[PAGE];
	}
	close(fd);
	victim_ready();
	while (victim_moved()) {
		if (!has)
			continue;
		VICTIM_CHECK(is_sealed(constant) && is_sealed(written));
		VICTIM_CHECK(is_sealed(shared) && is_sealed(file));
		VICTIM_CHECK(constant[PAGE] == 'a' && file[PAGE] == expected);
		written[PAGE]++;
		shared[PAGE]++;
		VICTIM_CHECK(written[PAGE] == shared[PAGE] && written[PAGE] > 'a');
	}
	return victim_end();
}
