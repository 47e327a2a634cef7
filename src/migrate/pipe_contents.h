/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_PIPE_CONTENTS_H
#define DVS_MIGRATE_PIPE_CONTENTS_H

#include <sys/types.h>

#include "base/refusal.h"
#include "migrate/descriptions.h"

/* Things that pipes and FIFOs have in common: their ends, and the bytes or packets in them. */

#define PIPE_CAPACITY_MAX (64u << 20)

bool pipe_reads(const struct image_description *image);
bool pipe_writes(const struct image_description *image);

/* Source: facts about all descriptions of one pipe. */
struct pipe_ends {
	const struct description *owner, *reader, *writer; /* the first of each, or NULL */
	bool packets;					   /* a write is one packet (O_DIRECT) */
};
struct pipe_ends pipe_ends_of(const struct descriptions *descriptions,
			      const struct description *description);

/*
 * Source: copies them, so that they stay. 0; -E2BIG; -EBADMSG: packets where there are none; -EBUSY: the pipe is one
 * for notifications; other negative errno.
 */
int pipe_contents_take(int reader, uint32_t capacity, bool packets, struct contents *contents);

/* Target: puts them in, through a writer that does not wait, and writes packets if they are some. 0 or -errno. */
int pipe_contents_put(int writer, const struct contents *contents);

/* A refusal for a result of pipe_contents_take(); the noun is "pipe" or "FIFO". */
int pipe_contents_refuse(const struct description *description, const char *noun, int result,
			 struct refusal *refusal);

/* widen() of a kind: migrate/kind.h. */
bool pipe_contents_widen(pid_t pid, const struct description *description, uint64_t bytes);

#endif
