/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_CLOCKS_H
#define DVS_MIGRATE_CLOCKS_H

#include "base/refusal.h"
#include "wire/image.h"

/*
 * CLOCK_MONOTONIC and CLOCK_BOOTTIME count from the start of a machine, and programs keep moments of
 * them. The process gets a time namespace on the target, so that its clocks go on where they were. They differ from
 * the target's by the difference between the two machines; on one machine, by the offset that the process had.
 */
struct restore;

/* Source: the clocks that the process with /proc directory `dir` sees now. */
void clocks_describe(int dir, struct image_machine *image);

/* Target, the shell entered: gives the shell the clocks of the image. */
int clocks_restore(struct restore *restore, const struct image_machine *image, bool same_machine,
		   struct refusal *refusal);

#endif
