/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_DESCRIPTORS_H
#define DVS_MIGRATE_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "migrate/contents.h"
#include "wire/image.h"

/* An open file description: the part that several descriptors made by dup() have in common. */
struct description {
	struct image_description image;
	struct contents contents;
	int number;	 /* the lowest of its descriptors; target: -1 until that one is made */
	uint64_t device; /* source: of the object that it refers to */
	uint64_t inode;
	int own[2];    /* target: descriptors that its kind needs until all are made; -1 */
	bool given[2]; /* whether the process has it already */
};

/* The open descriptors of a process, in ascending order, and their descriptions, by id. */
struct descriptors {
	struct image_fd *fd; /* owned */
	uint32_t count, capacity;
	struct description *description; /* owned */
	uint32_t description_count, description_capacity;
};

void descriptors_free(struct descriptors *descriptors);
void descriptors_clear(struct descriptors *descriptors);

/* Target, when all are made: closes what the kinds have kept for it. */
void descriptors_let_go(struct descriptors *descriptors);
int descriptors_append(struct descriptors *descriptors, const struct image_fd *fd); /* or -ENOMEM */

/* A new description after the others, whose ids are lower. NULL: out of memory. */
struct description *descriptors_describe(struct descriptors *descriptors,
					 const struct image_description *image);

/* The description with this id, or NULL. */
struct description *descriptors_find(const struct descriptors *descriptors, uint32_t id);

#endif
