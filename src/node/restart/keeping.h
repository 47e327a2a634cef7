/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_KEEPING_H
#define DVS_NODE_RESTART_KEEPING_H

/*
 * The daemon leaves its state to the one that follows it if it dies (os/keeper.h): always the one of the last
 * moment at which the lock was given back after a change. A thing of which a successor has to know notes each
 * change of it (os_keeper_note()). So what is told to anybody after the lock was given back is known to the next
 * daemon. Two files are written in turn, so that a whole one is left at every moment.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct restarts;

struct keeping_file {
	int fd; /* a memfd, or -1 */
	void *map;
	size_t room;
};

struct keeping {
	bool has_failed;  /* the last state could not be written */
	uint64_t changes; /* that are in it */
	struct keeping_file file[2];
	unsigned newest; /* of the two */
};

/* From now on. Before there are threads. */
void keeping_begin(struct restarts *restarts);
/* The node ends in good order: no daemon follows this one. */
void keeping_end(struct restarts *restarts);

#endif
