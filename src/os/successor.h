/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SUCCESSOR_H
#define DVS_OS_SUCCESSOR_H

/*
 * The program that is to follow this one: finding it, asking it whether it can, and what stays open for it. The keeper
 * becomes it (os/keeper.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The file of the running program, as it was called when it was executed. 0 or negative errno. */
int os_successor_path(char *path, size_t size);

/* 0 if the file is there and may be executed, else negative errno. */
int os_successor_check(const char *path);

/* Another run of the program, beside this one: it answers by its exit status and what it writes. */
struct os_inquiry {
	pid_t pid;
	int pidfd;
	int out_fd; /* its standard output and error; non-blocking; end of file when it has ended */
};

#define OS_INQUIRY_FD 3 /* where it finds the descriptor that it is asked about */

/* Starts it; nothing of ours but fd is open in it. 0 or negative errno. */
int os_inquiry_start(struct os_inquiry *inquiry, const char *path, char *const *argv, int fd);
/* Its pidfd can be read soon then. */
void os_inquiry_kill(const struct os_inquiry *inquiry);
/*
 * When its pidfd can be read: collects it. Its wait status, or negative errno, -ETIMEDOUT: it has not ended,
 * and nobody waits for it.
 */
int os_inquiry_end(struct os_inquiry *inquiry);

/* Whether the descriptor stays open when the keeper becomes it. 0 or negative errno. */
int os_successor_keep(int fd, bool keep);

#endif
