/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_ENDED_H
#define DVS_MIGRATE_ENDED_H

#include "base/refusal.h"

/*
 * The sentence for something of a process that could not be read: `result` is the negative errno, dir
 * its directory in /proc. It says that the process has ended only where that is so; a lack of
 * descriptors, memory or rights has a sentence that names it. Returns the error of the refusal.
 */
int ended_refuse(int dir, int r, const char *what, struct refusal *refusal);

#endif
