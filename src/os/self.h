/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SELF_H
#define DVS_OS_SELF_H

/*
 * This process: its folder, environment and rights, and the program that it may become.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * "FOLDER/name", FOLDER being where the running program lies, or, once installed, the folder beside it
 * where daemons and their parts lie. 0 or negative errno.
 */
int os_self_beside(const char *name, char *path, size_t size);

int os_self_cwd(char *path, size_t size); /* 0 or negative errno */
unsigned os_self_umask(void);
char **os_self_environment(void); /* NULL-terminated; not owned */
bool os_self_is_root(void);
/*
 * For a program that serves: of the signals that may come to it only TERM and KILL end it. Programs that it
 * starts get the defaults (os/spawn.h).
 */
void os_self_keep_running(void);
/*
 * The end of a program that prints: writes out what standard output still holds. Where that fails it
 * says so on standard error and the status is 1, unless it is worse already. Returns the status.
 */
int os_self_finish(const char *program, int status);
pid_t os_self_pid(void);
void os_self_name(const char *name); /* as lists of processes show it, at most 15 characters */

/* Becomes another program, looked for in PATH. Returns only on failure: negative errno. */
int os_self_become(char **argv);

_Noreturn void os_self_kill(void); /* at once, as by SIGKILL from outside */

void os_self_sleep_ms(unsigned ms);

/* One line of standard input, cut to the size and without its end; "" at the end of the input. */
void os_self_read_line(char *line, size_t size);

/* A pipe whose ends close on exec. 0 or negative errno. */
int os_self_pipe(int ends[2]);

/*
 * From now on an interrupt (^C) or TERM arrives only inside os_self_wait(), and only ends the wait:
 * -EINTR. Otherwise that waits until fd can be read: 0, or -ETIMEDOUT after timeout_ms (< 0: never).
 */
void os_self_catch_interrupt(void);
int os_self_wait(int fd, int timeout_ms);
bool os_self_interrupted(void); /* since it was asked last */

#endif
