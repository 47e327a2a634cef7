/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_MADE_ROOT_TEST_H
#define DVS_OS_MADE_ROOT_TEST_H

/*
 * For tests of the files that make a machine a node: a folder that is the root of a machine, with empty /etc/dvs and
 * /etc/corosync. A program has one, and includes this once, after base/test.h.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/file.h"
#include "os/membership.h"

static char root[] = "/tmp/dvs-root-XXXXXX";

/* The last two stay valid. */
static const char *path_of(const char *name)
{
	static char path[2][128];
	static unsigned turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s%s", root, name);
	return path[turn];
}

TEST_LOOKS_UNUSED static bool is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

/* Empty if there is none. The last two stay valid. */
TEST_LOOKS_UNUSED static const char *text_of(const char *name)
{
	static char text[2][MEMBERSHIP_COROSYNC_MAX];
	static unsigned turn;

	turn ^= 1;
	text[turn][0] = '\0';
	os_file_read(path_of(name), text[turn], sizeof(text[turn]));
	return text[turn];
}

TEST_LOOKS_UNUSED static bool file_has(const char *name, const char *words)
{
	return strstr(text_of(name), words) != NULL;
}

TEST_LOOKS_UNUSED static bool root_make(void)
{
	return mkdtemp(root) && !os_folder_make(path_of("/etc")) &&
	       !os_folder_make(path_of("/etc/dvs")) && !os_folder_make(path_of("/etc/corosync"));
}

/* With all plain files in these folders. */
TEST_LOOKS_UNUSED static void root_remove(void)
{
	os_folder_remove(path_of("/etc/corosync"));
	os_folder_remove(path_of("/etc/dvs"));
	os_folder_remove(path_of("/etc"));
	CHECK_EQ(os_folder_remove(root), 0);
}

#endif
