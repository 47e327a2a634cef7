/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_WATCHES_H
#define DVS_MIGRATE_WATCHES_H

#include "os/inotify.h"
#include "os/procdir.h"
#include "wire/image.h"

/* One look for many watched files. */
struct watches_look {
	int dir;		    /* /proc/PID of a process that sees them */
	struct procdir_text mounts; /* owned: its mountinfo, which is read when it is needed */
};

/*
 * Source: a path by which the process finds the watched file. The kernel shows the file itself, by a handle of its file
 * system. 0; -ENOENT: it has no name, or none that is seen there; another -errno.
 */
int watches_path(struct watches_look *look, const struct os_inotify_watch *watch,
		 char path[IMAGE_PATH_MAX]);

/* The mount point in the line of a mountinfo, if that is of this file system. */
bool watches_mount_of(const char *line, uint32_t device_major, uint32_t device_minor,
		      char path[IMAGE_PATH_MAX]);

#endif
