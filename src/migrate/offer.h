/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_OFFER_H
#define DVS_MIGRATE_OFFER_H

#include "base/refusal.h"
#include "migrate/inventories.h"
#include "migrate/stream.h"
#include "migrate/tables.h"

/*
 * The offer: all that the target must have for the processes, told before anything is stopped. Its task is the first
 * process, whose mappings are told as well; needs are those of all.
 */
int offer_write(const struct inventories *all, struct writer *writer, struct refusal *refusal);

struct carried;

/* An offer that was read; the tables belong to it. */
struct offer {
	struct image_machine machine;
	struct image_task task;
	struct tables tables;
	struct maps maps;
};

int offer_read(struct offer *offer, struct reader *reader, struct refusal *refusal);
void offer_free(struct offer *offer);

/* Whether it comes from this very machine, so that its files and clocks are the same. */
bool offer_is_local(const struct offer *offer);

/*
 * Target: whether the process shell with root directory `root` and mappings `own` can become the
 * process: a CPU with as much, the same files, the same vdso. The first of these that is not so is the refusal's
 * reason. Files that are to be carried are noted.
 */
int offer_compare(const struct offer *offer, pid_t shell, int root, const struct maps *own,
		  struct carried *carried, struct refusal *refusal);

#endif
