/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_TARGET_STOPS_H
#define DVS_MIGRATE_TARGET_STOPS_H

#include "migrate/target_tree.h"

/*
 * Stops the shells of the processes that are stopped by a signal; the kernel keeps that while they are held, and their
 * threads and they themselves stand so when they are let go. The pictures are known, no thread is made yet. Parents
 * know of a stop, or of its end, what they knew. 0 or a refusal.
 */
int target_stops_make(struct target_tree *tree, struct refusal *refusal);

#endif
