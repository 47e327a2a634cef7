/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_CPU_H
#define DVS_MIGRATE_CPU_H

#include "base/refusal.h"
#include "wire/image.h"

/*
 * Properties of a CPU that a program may have learnt: libraries choose their code by them once, at start,
 * so the target must have all of them, with the components of the xsave area at the same places.
 */

/* Fills xfeatures, xsave_bytes, xoffset, xlength and cpu of the record, for this machine. */
void cpu_describe(struct image_machine *machine);

/* Target: whether this machine has what the record's has; the sentence names what is missing. */
int cpu_compare(const struct image_machine *machine, struct refusal *refusal);

#endif
