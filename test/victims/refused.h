/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/prctl.h>
#include <sys/syscall.h>

#include "victims/victim.h"

/*
 * The parts of the victim `refused`, one header for each sort of kinds. Each builds its kinds, and lists them with the
 * word that the sentence of the refusal must contain.
 */
struct kind {
	const char *name, *word; /* NULL ends a table */
	void (*build)(void);
};

/* Says ready and checks itself until it is to end. Returns the exit status. */
static int live(void);

/* What this machine has not ends the program as one that was skipped. */
#define NEED(cond)                 \
	do {                       \
		if (!(cond))       \
			_exit(77); \
	} while (0)

/* A free name in a folder that no other victim has; both go when the victim ends. */
static char own_folder[] = "/tmp/dvs-victim-refused-XXXXXX", own_name[48];

static const char *make_own_name(void)
{
	NEED(mkdtemp(own_folder));
	snprintf(own_name, sizeof(own_name), "%s/name", own_folder);
	return own_name;
}

static void remove_own_name(void)
{
	if (!own_name[0])
		return;
	unlink(own_name);
	VICTIM_CHECK(rmdir(own_folder) == 0);
}

static int restricted(void)
{
	uint64_t rules = 1 << 2; /* LANDLOCK_ACCESS_FS_READ_FILE */
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	if (fd < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_landlock_restrict_self, fd, 0))
		return -1;
	return close(fd);
}
