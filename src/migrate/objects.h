/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_OBJECTS_H
#define DVS_MIGRATE_OBJECTS_H

#include "migrate/maps.h"
#include "migrate/memories.h"

/*
 * The shared anonymous memory of a process, and the memory files, each object once. An object is larger
 * than its mappings together if the process has unmapped a part, and smaller if a mapping goes on beyond its end.
 */
struct object {
	uint64_t id;	/* of its MEMORY record */
	uint64_t bytes; /* the object's own size */
	uint64_t reach; /* where its furthest mapping ends, at least bytes */
	uint64_t at;	/* target: where it is mapped as a whole, until the memory settles */
	uint32_t first; /* the lowest of those mappings; of a memory file: its index */
	uint32_t flags; /* those of all its mappings together */
	bool is_file;	/* a memory file, which is mapped as a file */
	bool is_mapped; /* as anonymous memory */
	bool is_sysv;	/* a System V segment, mapped or not */
};

struct objects {
	struct object *object; /* owned; by id */
	uint32_t count;
};

/*
 * files: NULL for all processes but one, which sees to the memory files of all. 0, -ENOMEM, or -EBADMSG: two memory
 * files have one memory, or it is mapped as anonymous memory as well. Objects of an earlier call are freed first.
 */
int objects_collect(struct objects *objects, const struct maps *maps,
		    const struct memories *memories, const struct files *files);
/*
 * Takes those out that a process with these mappings, an earlier one, sees to. System V segments stay: the contents of
 * them all are the first process's, which objects_leave_sysv() leaves to it, and each process attaches them itself.
 */
void objects_leave(struct objects *objects, const struct maps *earlier);
void objects_leave_sysv(struct objects *objects);

void objects_free(struct objects *objects);
struct object *objects_find(const struct objects *objects, uint64_t id); /* or NULL */

#endif
