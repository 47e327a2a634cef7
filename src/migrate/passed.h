/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_PASSED_H
#define DVS_MIGRATE_PASSED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "migrate/descriptors.h"

/*
 * Source: descriptors that are in the queues of Unix sockets (SCM_RIGHTS). They are looked at as duplicates of our own,
 * and this process stands for one that has them.
 */
struct passed {
	int *fd; /* owned, and so are they */
	uint32_t count, capacity;
	struct descriptors
		descriptors; /* of the same numbers, and the locks that were taken by them */
	int dir;	     /* the /proc directory of this process; 0: none */
};

void passed_clear(struct passed *passed);
void passed_free(struct passed *passed);
int passed_append(struct passed *passed, int fd); /* 0, and it is owned; or -ENOMEM */

/* Opens the directory. 0 or negative errno. */
int passed_open(struct passed *passed);

/* Whether that process is this one, and the number that of a duplicate. */
bool passed_has(const struct passed *passed, pid_t pid, int number);

#endif
