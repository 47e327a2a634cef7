/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_FILE_H
#define DVS_OS_FILE_H

/*
 * Small files and folders, whole. Errors are negative errno.
 */

#include <stdbool.h>
#include <stddef.h>

/* Reads at most size - 1 bytes and terminates them; returns the length. -EFBIG if there is more. */
int os_file_read(const char *path, char *buf, size_t size);

/*
 * Replaces the file in one step: a reader sees the old or the new text, and so does a machine that
 * has lost its power. The new text is on the disk when this returns 0. Waits for the disk.
 */
int os_file_write(const char *path, const char *text);

/* Gives the file `by`, which is on the disk, the name `path` in the same way. It is removed if that fails. */
int os_file_replace(const char *path, const char *by);

/*
 * A new file beside `path`, for os_file_replace(), that only this user can read and write: its descriptor, the
 * caller's, and its name.
 */
int os_file_begin(const char *path, char *name, size_t size);
/* It is not wanted. */
void os_file_drop(const char *name);

/* All bytes that were written to it are on the disk when this returns 0. Waits for the disk. */
int os_file_sync(int fd);
/* The same, for so long. -ETIMEDOUT: it goes on, and nobody is told of its end. */
int os_file_sync_within(int fd, int timeout_ms);

/* A new file with this mode and these bytes, on the disk when this returns. -EEXIST: the name is taken. */
int os_file_make(const char *path, unsigned mode, const void *bytes, size_t len);

/* Makes a folder with mode 0755; its parent must exist. */
int os_folder_make(const char *path);

/* Removes a folder with the plain files and sockets in it; 0 when there is none. */
int os_folder_remove(const char *path);

/*
 * Removes all that has such a name, with the wildcards of glob(7): plain files and sockets, and folders of them.
 * 0 also when there is none, or the first error; the rest is removed all the same.
 */
int os_files_remove(const char *pattern);

/* Removes a folder if it is empty. */
void os_folder_remove_empty(const char *path);

bool os_folder_exists(const char *path);

/* Whether both names are of one file or folder. */
bool os_file_is_same(const char *one, const char *other);

/*
 * Takes the folder as a lock that ends with the returned descriptor. Waits for it. -ENOENT when the
 * folder is not there, or was removed while we waited.
 */
int os_folder_lock(const char *path);

#endif
