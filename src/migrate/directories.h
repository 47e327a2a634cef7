/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_DIRECTORIES_H
#define DVS_MIGRATE_DIRECTORIES_H

#include "migrate/inventory.h"

/*
 * Source: the program file, the working directory and the root directory of a process, and the directories of threads
 * that have their own (inventory_thread.place). 0 or a refusal.
 */

/* Adds them to the table of files. */
int directories_read(struct inventory *inventory, struct refusal *refusal);

#endif
