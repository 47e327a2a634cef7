/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_MAPS_H
#define DVS_MIGRATE_MAPS_H

#include "base/refusal.h"
#include "migrate/files.h"
#include "migrate/migrate.h"
#include "wire/image.h"

/*
 * The address space of a process: its mappings in ascending order, as records of an image. They refer to
 * tables of files and of shared memory, which all processes that move have in common.
 */
struct maps {
	struct image_map *map; /* owned */
	uint32_t count, capacity;
	struct image_special special[IMAGE_SPECIALS]; /* the kernel's own mappings, by name */
	uint32_t special_count;
};

void maps_free(struct maps *maps);
void maps_clear(struct maps *maps);
int maps_append(struct maps *maps, const struct image_map *map); /* 0 or -ENOMEM */

/* The tables to which the objects of mappings are added. */
struct maps_objects {
	struct files *files;
	struct memories *memories;
};

/*
 * Reads the mappings of the process with /proc directory `dir`. Refuses what cannot be carried. A mapping that
 * begins at skip->start is left out, and skip->locked tells whether it is locked (skip NULL: none is).
 * buffer is scratch. With objects NULL each mapping of an object is taken for one of a file.
 */
struct procdir_text;
struct maps_skip {
	uint64_t start, bytes;
	bool locked;
};
int maps_read(struct maps *maps, int dir, const struct maps_objects *objects,
	      const struct migrate_host *host, struct maps_skip *skip, struct procdir_text *buffer,
	      struct refusal *refusal);

/*
 * Whether a text of /proc/PID/maps has a line for a mapping of this object; with `writes` for one by which it is
 * written.
 */
bool maps_text_has(const char *maps, uint64_t device, uint64_t inode, bool writes);

/* Set in the id of memory of huge pages: their file system numbers its files by itself. */
#define MAPS_HUGE_MEMORY (1ull << 61)

/* The special mapping with this name, or NULL. */
const struct image_special *maps_special(const struct maps *maps, const char *name);

/* Whether no mapping is at those addresses or near them. */
bool maps_is_free(const struct maps *maps, uint64_t at, uint64_t bytes);

/*
 * The address of `bytes` free bytes that touch no mapping of either (b may be NULL), away from the
 * places where programs and the kernel put things. 0 if there is none.
 */
uint64_t maps_find_gap(const struct maps *a, const struct maps *b, uint64_t bytes);

/* The object of the mapping [start, end), open with these flags (OS_OPEN_*), the caller's; or -errno. */
int maps_open_object(int dir, uint64_t start, uint64_t end, int flags);

/* "7f..-7f.." for a sentence. */
#define MAPS_RANGE_FORMAT "%#llx-%#llx"
#define MAPS_RANGE(map)	  (unsigned long long)(map)->start, (unsigned long long)(map)->end

#endif
