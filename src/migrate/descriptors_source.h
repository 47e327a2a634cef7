/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_DESCRIPTORS_SOURCE_H
#define DVS_MIGRATE_DESCRIPTORS_SOURCE_H

#include "base/refusal.h"
#include "migrate/descriptors.h"
#include "migrate/migrate.h"
#include "migrate/stream.h"
#include "migrate/tables.h"
#include "os/procdir.h"

struct kind_frozen;

/*
 * Source: reads the descriptors of all processes, and describes each description once: its first holder is the first
 * process that has it. stands: all are stopped; then those in the queues of Unix sockets are found, too.
 * First holder of those that no process has open is this one. One that cannot be carried is refused, with its kind and
 * number in the sentence.
 */
int descriptors_read(const struct descriptors_of *process, uint32_t count, bool stands,
		     struct tables *tables, const struct migrate_host *host,
		     struct procdir_text *buffer, struct refusal *refusal);

/*
 * Source, frozen: completes the descriptions whose first holder is that process by the state that only a frozen process
 * tells, and asks the process itself. last: those that tell what the others are found to be (kind.is_last), which come
 * after all others of all processes.
 */
int descriptors_complete(const struct kind_frozen *frozen, struct descriptions *descriptions,
			 bool last, struct refusal *refusal);

/* Source, frozen: the same for descriptions that are in the queues of Unix sockets alone: they ask no process. */
int descriptors_complete_passed(struct tables *tables, struct refusal *refusal);

/*
 * Source, stopped: whether the rest of a write to descriptor `number`, which the stop has cut short, can be
 * written: see kind.widen.
 */
bool descriptors_widen(const struct descriptors *descriptors,
		       const struct descriptions *descriptions, int number, uint64_t bytes);

/* Source, frozen: the end of the processes will say nothing of them. */
void descriptors_abandon(const struct descriptions *descriptions);

/* The records of descriptions, and of descriptors with their locks. contents: the bytes in the descriptions as well. */
void descriptors_send_descriptions(const struct descriptions *descriptions, bool contents,
				   struct writer *writer);
void descriptors_send_numbers(const struct descriptors *descriptors, struct writer *writer);

#endif
