/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that stays in memory: what is locked, and what will be (mlockall for the future). */
#include "victims/victim.h"

#define BYTES 65536

static long locked_kb(void)
{
	char line[256];
	long found = -1;
	FILE *status = fopen("/proc/self/status", "re");

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmLck: %ld", &found);
	if (status)
		fclose(status);
	return found;
}

int main(void)
{
	victim_begin();
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		return 77;
	long before = locked_kb();

	VICTIM_CHECK(before > 100);
	before = locked_kb(); /* the stream's buffer is there now */
	victim_ready();
	while (victim_moved()) {
		VICTIM_CHECK(locked_kb() == before);
		char *more = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);

		VICTIM_CHECK(more != MAP_FAILED && locked_kb() == before + BYTES / 1024);
		munmap(more, BYTES);
	}
	return victim_end();
}
