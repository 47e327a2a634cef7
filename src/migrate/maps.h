/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_MAPS_H
#define DVS_MIGRATE_MAPS_H

#include "base/refusal.h"
#include "migrate/files.h"
#include "migrate/migrate.h"
#include "wire/image.h"

/*
 * The address space of a process: its mappings in ascending order, as records of an image. File
 * mappings refer to a table of files.
 */
struct maps {
	struct image_map *map; /* owned */
	uint32_t count, capacity;
	struct image_memory *memory; /* owned; by id: mappings and memory files refer to it */
	uint32_t memory_count, memory_capacity;
	struct image_special special[IMAGE_SPECIALS]; /* the kernel's own mappings, by name */
	uint32_t special_count;
};

void maps_free(struct maps *maps);
void maps_clear(struct maps *maps);
int maps_append(struct maps *maps, const struct image_map *map); /* 0 or -ENOMEM */

/* Memory after the others, whose ids are lower. 0, -ENOMEM, or -EBADMSG: they are not. */
int maps_append_memory(struct maps *maps, const struct image_memory *memory);

/* The memory with this id, or NULL. */
const struct image_memory *maps_memory(const struct maps *maps, uint64_t id);

/*
 * Reads the mappings of the process with /proc directory `dir`. Refuses what cannot be carried. The
 * range [skip, skip + skip_bytes) is left out; whether it is locked goes to *skip_locked (NULL: not
 * wanted). buffer is scratch. With files NULL each mapping of an object is taken for one of a file.
 */
struct procdir_text;
struct maps_skip {
	uint64_t start, bytes;
	bool locked;
};
int maps_read(struct maps *maps, int dir, struct files *files, const struct migrate_host *host,
	      struct maps_skip *skip, struct procdir_text *buffer, struct refusal *refusal);

/* Source, after all files are known: the contents of the memory files are memory, too. 0 or -ENOMEM. */
int maps_add_files(struct maps *maps, struct files *files);

/* The special mapping with this name, or NULL. */
const struct image_special *maps_special(const struct maps *maps, const char *name);

/*
 * The address of `bytes` free bytes that touch no mapping of either (b may be NULL), away from the
 * places where programs and the kernel put things. 0 if there is none.
 */
uint64_t maps_find_gap(const struct maps *a, const struct maps *b, uint64_t bytes);

/* The object of the mapping [start, end), open for reading, the caller's; or -errno. */
int maps_open_object(int dir, uint64_t start, uint64_t end);

/* "7f..-7f.." for a sentence. */
#define MAPS_RANGE_FORMAT "%#llx-%#llx"
#define MAPS_RANGE(map)	  (unsigned long long)(map)->start, (unsigned long long)(map)->end

#endif
