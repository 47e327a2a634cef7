/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_DESCRIPTORS_H
#define DVS_MIGRATE_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "migrate/locks.h"
#include "migrate/owners.h"
#include "wire/image.h"

/*
 * The open descriptors of a process, in ascending order. Each names its description (migrate/descriptions.h). A lock of
 * a description may stand there for each of its descriptors.
 */
struct descriptors {
	struct image_fd *fd; /* owned */
	uint32_t count, capacity;
	struct locks locks;   /* that were taken by them */
	struct owners owners; /* of descriptions that this process is the first to hold */
};

void descriptors_free(struct descriptors *descriptors);
void descriptors_clear(struct descriptors *descriptors);
int descriptors_append(struct descriptors *descriptors, const struct image_fd *fd); /* or -ENOMEM */

/* The id of the description that the number stands for; 0: none. */
uint32_t descriptors_stand_for(const struct descriptors *descriptors, int number);
/* The lowest number that stands for the description with this id; -1: none. */
int descriptors_number_of(const struct descriptors *descriptors, uint32_t id);

/* A process that moves, with its /proc directory. */
struct descriptors_of {
	pid_t pid;
	int dir;
	struct descriptors *descriptors;
	pid_t task; /* that has the descriptors, if it is another one than the main thread, else 0: inventory_task() */
	bool shares; /* they are those of a process before it, and are not read again */
};

static inline pid_t descriptors_task(const struct descriptors_of *process)
{
	return process->task ? process->task : process->pid;
}

#endif
