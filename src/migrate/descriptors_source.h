/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_DESCRIPTORS_SOURCE_H
#define DVS_MIGRATE_DESCRIPTORS_SOURCE_H

#include "base/refusal.h"
#include "migrate/calls.h"
#include "migrate/descriptors.h"
#include "migrate/files.h"
#include "migrate/migrate.h"
#include "migrate/stream.h"
#include "os/procdir.h"

/*
 * Source: reads the descriptors of process pid with /proc directory `dir`. One that cannot be
 * carried is refused, with its kind and number in the sentence.
 */
int descriptors_read(struct descriptors *descriptors, pid_t pid, int dir, struct files *files,
		     const struct migrate_host *host, struct procdir_text *buffer,
		     struct refusal *refusal);

/*
 * Source, frozen: completes each description by the state that only a frozen process tells, and asks the process itself
 * by the calls, which have been begun in its first thread.
 */
int descriptors_complete(struct descriptors *descriptors, pid_t pid, struct calls *calls,
			 struct refusal *refusal);

/*
 * Source, stopped: whether the rest of a write to descriptor `number`, which the stop has cut short, can be
 * written: see kind.widen.
 */
bool descriptors_widen(const struct descriptors *descriptors, pid_t pid, int number,
		       uint64_t bytes);

/* The records of descriptions, and of descriptors. contents: the bytes in the descriptions as well. */
void descriptors_send(const struct descriptors *descriptors, bool contents, struct writer *writer);
void descriptors_send_numbers(const struct descriptors *descriptors, struct writer *writer);

#endif
