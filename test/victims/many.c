/* SPDX-License-Identifier: Apache-2.0 */
/* Many descriptors: half of them of files, half of one description. */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "victims/victim.h"

#define FILES 1200

static char folder[] = "/tmp/dvs-victim-many-XXXXXX";
static int number[FILES];

static void name_of(char *name, size_t bytes, int i)
{
	snprintf(name, bytes, "%s/%d", folder, i);
}

int main(void)
{
	struct rlimit limit = { FILES + 100, FILES + 100 };
	char name[64];

	victim_begin();
	VICTIM_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0 && mkdtemp(folder));
	for (int i = 0; i < FILES; i++) {
		name_of(name, sizeof(name), i);
		number[i] = i % 2 ? dup(number[0]) : open(name, O_CREAT | O_RDWR, 0600);
		VICTIM_CHECK(number[i] >= 0);
	}
	victim_ready();
	while (victim_moved()) {
		for (int i = 0; i < FILES; i++) {
			struct stat named, open_file;
			long order = syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, number[0],
					     number[i]);

			name_of(name, sizeof(name), i % 2 ? 0 : i);
			VICTIM_CHECK(stat(name, &named) == 0 && fstat(number[i], &open_file) == 0);
			VICTIM_CHECK(named.st_ino == open_file.st_ino);
			VICTIM_CHECK((order == 0) == (i == 0 || i % 2));
		}
	}
	for (int i = 0; i < FILES; i += 2) {
		name_of(name, sizeof(name), i);
		unlink(name);
	}
	rmdir(folder);
	return victim_end();
}
