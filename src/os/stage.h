/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_STAGE_H
#define DVS_OS_STAGE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A place where a file gets the name that it knows of itself, before it comes to where that name leads to: a folder of
 * ours beside the file, `name`, in which the whole path begins again.
 *
 *	/run/app/socket		the path
 *	/run/app/NAME/run/app/socket
 *
 * Errors are negative errnos.
 */

/* Whether a path can be staged: none of its parts leads upwards, and it ends in a name. */
bool os_stage_takes(const char *path);

/* With the folders of the path in it. A descriptor of it that the caller owns. */
int os_stage_make(int folder, const char *name, const char *path);

/* Owner and rights of the file at the path in it. 0. */
int os_stage_own(int stage, const char *path, uint32_t uid, uint32_t gid, uint32_t rights);

/* Moves the file into the folder, in place of one that is there. 0. */
int os_stage_place(int folder, const char *name, const char *path);

/* Removes it, with the file if that is still there. */
void os_stage_remove(int folder, const char *name, const char *path);

#endif
