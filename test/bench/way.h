/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A way to hand a message of 48 bytes from one process to another and to get one back. All ways are
 * measured by the same loops (local_bench.c), in processes that are made alike, so that only the way
 * differs. A failure ends the program with a sentence.
 */

#include <stddef.h>
#include <stdint.h>

#include "dvk.h"

#define WAY_BYTES sizeof(message)

struct way_pair {
	int number;   /* of this pair, from 0 */
	int end[4];   /* descriptors or queues: client's in, out, server's in, out */
	void *memory; /* a page that both see */
	void *state;  /* of one of the two processes */
};

struct way {
	const char *name;
	void (*prepare)(struct way_pair *pair); /* before the two are forked; may be NULL */
	void (*serve)(struct way_pair *pair);	/* in the server: answers until it is killed */
	void (*begin)(struct way_pair *pair);	/* in the client, once; may be NULL */
	void (*trip)(struct way_pair *pair);	/* in the client: there and back */
	void (*finish)(struct way_pair *pair);	/* gives back what outlives both; may be NULL */
};

/* Each file's ways, ended by one without a name. */
extern const struct way ways_ours[];
extern const struct way ways_kernel[];
extern const struct way ways_memory[];
extern const struct way ways_library[];

__attribute__((noreturn)) void way_fail(const char *what);
/* A path below /tmp that belongs to this pair of this run. */
void way_path(const struct way_pair *pair, char *path, size_t bytes, const char *prefix);
