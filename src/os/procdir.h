/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_PROCDIR_H
#define DVS_OS_PROCDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Reading /proc/PID. The directory is opened once and everything is read relative to it, so that
 * a process that ends is an error (-ESRCH) and never a different process with the same number.
 */

/* A growing buffer that is used again and again; text[length] is always 0. */
struct procdir_text {
	char *text;
	size_t length;
	size_t capacity;
	int lack; /* -errno of a read that failed for want of descriptors or memory; stays */
};

void procdir_text_free(struct procdir_text *text);

/* Directory of a process, or of a thread: returns a descriptor the caller owns, or -errno. */
int procdir_open(pid_t pid);

/* The whole file name, relative to directory, into *text. Returns 0 or -errno. */
int procdir_read(int directory, const char *name, struct procdir_text *text);

/* The target of a link, with a terminating 0. Returns its length or -errno. */
ssize_t procdir_link(int directory, const char *name, char *target, size_t bytes);

/* The line "Name:\tvalue" of a status file: pointer to value, or NULL. */
const char *procdir_field(const char *text, const char *name);
uint64_t procdir_number(const char *text, const char *name, int base, uint64_t otherwise);

/*
 * Calls each(ctx, name) for every entry of a directory below directory, except "." and "..".
 * Stops at the first result that is not 0 and returns it.
 */
int procdir_each(int directory, const char *name, int (*each)(void *ctx, const char *name),
		 void *ctx);

/* The entries of a directory of numbers, ascending; *number, NULL if there are none, is the caller's in any case. */
int procdir_numbers(int directory, const char *name, int **number, size_t *count);

/*
 * Whether the process of this directory has ended, with all its threads, be it that its parent has not
 * looked yet. False where that cannot be found out.
 */
bool procdir_ended(int directory);

/* Writes text into a file. Returns 0 or -errno. */
int procdir_write(int directory, const char *name, const char *text);

#endif
