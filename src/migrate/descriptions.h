/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_DESCRIPTIONS_H
#define DVS_MIGRATE_DESCRIPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "migrate/contents.h"
#include "wire/image.h"

struct kind;

/*
 * An open file description: the part that descriptors made by dup() or inherited by fork() have in common. Its first
 * holder is the first process that has descriptors of it.
 */
struct description {
	struct image_description image;
	const struct kind *kind; /* the row of image.kind */
	struct contents contents;
	pid_t pid;  /* its first holder, as seen here; target: 0 until that one has it */
	int number; /* the lowest descriptor of that one; target: -1 until it is made */
	pid_t last_pid; /* target: of its holders, the one that was made last, and its lowest descriptor */
	int last_number;
	int32_t holder;	 /* target: the number of that one in its pid namespace; 0: not known yet */
	uint64_t device; /* source: of the object that it refers to */
	uint64_t inode;
	int own[2];    /* target: descriptors that its kind needs until all are made; -1 */
	bool given[2]; /* whether a process has it already */
	int kept;      /* target: was made before a process had it; -1 */
	int ahead;     /* target: was made for the process that has it first, before its turn; -1 */
	bool is_taken_over; /* target: it is the source's own, with its locks */
};

/* The descriptions of all processes that move, each once, by id. */
struct descriptions {
	struct description *description; /* owned */
	uint32_t count, capacity;
	bool lacks_queued; /* source, not frozen: there are others in queues of Unix sockets (SCM_RIGHTS) */
};

void descriptions_free(struct descriptions *descriptions);
void descriptions_clear(struct descriptions *descriptions);

/* Target, when all are made: closes what the kinds have kept for it. */
void descriptions_let_go(struct descriptions *descriptions);

/* A new description after the others, whose ids are lower. NULL: out of memory. */
struct description *descriptions_add(struct descriptions *descriptions,
				     const struct image_description *image,
				     const struct kind *kind);

/* The description with this id, or NULL. */
struct description *descriptions_find(const struct descriptions *descriptions, uint32_t id);

#endif
