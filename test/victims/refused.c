/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cannot move: `refused KIND` builds one such thing and waits. The test expects a refusal that
 * names it, and the process to run on. `refused` alone lists the kinds with the word the sentence must
 * contain. A kind that this machine does not have ends the program with status 77.
 */
#include "victims/others.h"
#include "victims/refused_descriptors.h"
#include "victims/refused_mapped.h"
#include "victims/refused_names.h"
#include "victims/refused_processes.h"
#include "victims/refused_threads.h"

static const struct kind *const tables[] = { descriptor_kinds, name_kinds,    mapped_kinds,
					     thread_kinds,     process_kinds, other_kinds };
#define TABLES (sizeof(tables) / sizeof(tables[0]))

/* Lists them, or builds the one of that name. */
static void each_kind(const char *name)
{
	for (size_t i = 0; i < TABLES; i++) {
		for (const struct kind *kind = tables[i]; kind->name; kind++) {
			if (!name)
				printf("%s %s\n", kind->name, kind->word);
			else if (strcmp(kind->name, name) == 0)
				kind->build();
		}
	}
}

static int live(void)
{
	victim_ready();
	while (victim_moved())
		continue;
	if (log_file >= 0)
		check_log();
	if (is_deep)
		remove_long_path();
	remove_own_name();
	if (semaphores >= 0)
		semctl(semaphores, 0, IPC_RMID);
	return victim_end();
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		each_kind(NULL);
		return 0;
	}
	victim_begin();
	each_kind(argv[1]);
	return live();
}
