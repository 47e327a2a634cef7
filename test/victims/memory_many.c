/* SPDX-License-Identifier: Apache-2.0 */
/* More than a thousand memory files, each with contents of its own; every tenth has none. */
#include <sys/resource.h>

#include "victims/victim.h"

#define FILES 1500

static int number[FILES];

static bool has_its_own(int i)
{
	int found = -1;
	ssize_t wanted = i % 10 ? (ssize_t)sizeof(found) : 0;

	return pread(number[i], &found, sizeof(found), 0) == wanted && (!wanted || found == i);
}

int main(void)
{
	struct rlimit limit = { FILES + 100, FILES + 100 };

	victim_begin();
	VICTIM_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	for (int i = 0; i < FILES; i++) {
		number[i] = memfd_create("one of many", 0);
		VICTIM_CHECK(number[i] >= 0);
		VICTIM_CHECK(i % 10 == 0 || write(number[i], &i, sizeof(i)) == sizeof(i));
	}
	victim_ready();
	while (victim_moved())
		for (int i = 0; i < FILES; i++)
			VICTIM_CHECK(has_its_own(i));
	return victim_end();
}
