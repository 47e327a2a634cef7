/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_MADE_PROC_TEST_H
#define DVS_MIGRATE_MADE_PROC_TEST_H

/*
 * For tests: a folder with the texts and links that /proc/PID would have. The engine reads a process below the
 * descriptor of such a folder, so a test can say anything of a process that does not exist. Include this after
 * base/test.h.
 */

#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/refusal.h"

struct made_proc {
	char folder[32];
	int dir; /* owned; -1: it could not be made */
};

TEST_LOOKS_UNUSED static void made_proc_open(struct made_proc *made)
{
	*made = (struct made_proc){ .folder = "/tmp/dvs-proc-XXXXXX", .dir = -1 };
	CHECK_OR_RETURN(mkdtemp(made->folder));
	made->dir = open(made->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(made->dir >= 0);
}

static int made_proc_remove(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
	(void)status, (void)kind, (void)ftw;
	return remove(path);
}

TEST_LOOKS_UNUSED static void made_proc_close(struct made_proc *made)
{
	close(made->dir);
	CHECK_EQ(nftw(made->folder, made_proc_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* The folders on the way to name. */
static void made_proc_reach(struct made_proc *made, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s", name);
	for (char *at = path; (at = strchr(at, '/')); *at++ = '/') {
		*at = 0;
		mkdirat(made->dir, path, 0700);
	}
}

TEST_LOOKS_UNUSED static void made_proc_text(struct made_proc *made, const char *name,
					     const char *text)
{
	made_proc_reach(made, name);
	int fd = openat(made->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

TEST_LOOKS_UNUSED static void made_proc_link(struct made_proc *made, const char *name,
					     const char *target)
{
	made_proc_reach(made, name);
	unlinkat(made->dir, name, 0);
	CHECK_EQ(symlinkat(target, made->dir, name), 0);
}

TEST_LOOKS_UNUSED static void made_proc_unlink(struct made_proc *made, const char *name)
{
	CHECK_EQ(unlinkat(made->dir, name, 0), 0);
}

/* Whether the result is this error with a sentence that has these words. */
TEST_LOOKS_UNUSED static bool is_refusal(int result, const struct refusal *refusal, int error,
					 const char *words)
{
	bool is = result == error && refusal->error == error && strstr(refusal->reason, words);

	if (!is)
		printf("  have %d, %d: \"%s\", want %d: \"%s\"\n", result, refusal->error,
		       refusal->reason, error, words);
	return is;
}

#endif
