/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_TABLES_H
#define DVS_MIGRATE_TABLES_H

#include "migrate/descriptions.h"
#include "migrate/files.h"
#include "migrate/members.h"
#include "migrate/memories.h"
#include "migrate/passed.h"
#include "migrate/sysv.h"

/* The objects that processes refer to, by id: one set of tables for all processes that move together. */
struct tables {
	struct members members; /* those processes */
	struct files files;
	struct memories memories;
	struct sysv sysv;
	struct descriptions descriptions;
	struct passed passed;
};

void tables_clear(struct tables *tables);
void tables_free(struct tables *tables);

#endif
