/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_LINEAGE_H
#define DVS_MIGRATE_LINEAGE_H

#include "migrate/picture.h"

/*
 * Target: which thread of a process makes which other one. A thread that has a descriptor table or a place apart from
 * its process can have it in common with no thread but its maker and those that it makes. Every table of several
 * threads has come to them that way, so it can be made that way again. As a rule the leader makes all threads, in one
 * generation.
 */
struct lineage {
	uint32_t
		generation; /* when it is made, after all of those before; 0: the leader, which is there */
	uint32_t maker;		       /* index of a thread of an earlier generation */
	bool parts_table, parts_place; /* it has that of its maker at first, and shall not */
};

/*
 * One for each thread of a complete picture, in its order. Returns the number of the last generation, or -EBADMSG: no
 * threads have come to share what these do.
 */
int lineage_find(const struct picture *picture, struct lineage *lineage);

#endif
