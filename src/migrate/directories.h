/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_DIRECTORIES_H
#define DVS_MIGRATE_DIRECTORIES_H

#include "migrate/inventory.h"

/* Source: adds the program file, the working directory and the root directory to the table of files. 0 or a refusal. */
int directories_read(struct inventory *inventory, struct refusal *refusal);

#endif
