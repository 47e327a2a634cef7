/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_LANDLOCK_H
#define DVS_MIGRATE_LANDLOCK_H

#include "migrate/calls.h"
#include "migrate/inventory.h"

/*
 * The kernel shows nobody whether Landlock restricts a thread, so the thread is made to prove that
 * nothing does: domains can be put on top of each other sixteen times, and a thread that inherits
 * its creator's domains and can still add sixteen has inherited none. The thread that adds them
 * is made for this and ends with them. calls is begun for the thread in question, and has to be
 * begun anew afterwards.
 */
int landlock_prove_none(struct calls *calls, const struct inventory *inventory,
			struct refusal *refusal);

#endif
