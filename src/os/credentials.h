/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_CREDENTIALS_H
#define DVS_OS_CREDENTIALS_H

/*
 * The credentials of a task now, as /proc has them. The caller sees to it that the number still is that
 * of the task it means. 0 or -ESRCH.
 */

#include <sys/types.h>

#include "base/credentials.h"

/* An asker that may access all (asker_may_all()) is not asked for its ids, which are root's then. */
int os_asker_of(pid_t tid, struct asker *asker);
/*
 * The owner of a task's files in /proc shows whether it is dumpable: a task whose effective user and group are
 * root's counts as dumpable.
 */
int os_credentials_of(pid_t tid, struct credentials *credentials);

#endif
