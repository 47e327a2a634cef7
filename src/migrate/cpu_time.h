/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_CPU_TIME_H
#define DVS_MIGRATE_CPU_TIME_H

#include "migrate/inventory.h"

/*
 * CPU time begins anew on the target, because no kernel lets it be set. A move must give no new time to a process
 * whose time is limited (RLIMIT_CPU), so the limit goes down by the time that was used. The limit counts whole
 * seconds. The rest of a second is owed: it goes along, and a later move takes it off.
 */

/* Source: limits and timers that count the CPU time of the process (enum migrate_cpu), as far as /proc tells. */
uint32_t cpu_time_counted(const struct inventory *inventory);

/* Source, frozen, the state read: the same, interval timers included. */
uint32_t cpu_time_counted_frozen(const struct inventory *inventory);

/* Source: user and system time since the process came to this node. */
uint64_t cpu_time_used_ns(struct inventory *inventory);

/* Lowers the limits by used_ns and what is owed already, and notes what is owed now. */
void cpu_time_lower(struct image_process *process, uint64_t used_ns, uint64_t owed_ns);

#endif
