/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_PICTURE_H
#define DVS_MIGRATE_PICTURE_H

#include "base/refusal.h"
#include "migrate/descriptors.h"
#include "migrate/maps.h"
#include "migrate/stream.h"
#include "migrate/tables.h"

/*
 * The picture: everything a stream told of one process except its memory pages, checked record by
 * record and held until the restore needs it.
 */
struct picture_thread {
	struct image_thread image;
	uint8_t *xstate; /* owned */
	uint32_t xstate_bytes;
	uint32_t signal_first, signal_count; /* its pending signals, in picture.signal */
	uint32_t filter_first, filter_count; /* its own seccomp filters, in picture.filter */
};

/* A descriptor table that threads have, and not their process. */
struct picture_table {
	struct image_table image;
	struct descriptors descriptors;
};

struct picture {
	struct image_process process;
	char cwd[IMAGE_PATH_MAX + 1];
	uint8_t auxv[1024];
	uint32_t auxv_bytes;
	uint32_t login; /* user id */
	bool has_login;
	struct tables *tables; /* not owned: the objects of all that moves */
	struct maps maps;
	struct descriptors descriptors;
	struct picture_table *table; /* owned */
	uint32_t table_count, table_capacity;
	struct image_sigaction action[IMAGE_SIGNALS];
	struct image_siginfo *signal; /* owned: the shared ones first */
	uint32_t signal_count, signal_capacity, signal_shared;
	struct image_timer *timer; /* owned */
	uint32_t timer_count, timer_capacity;
	struct image_guard *guard; /* owned */
	uint32_t guard_count, guard_capacity;
	struct picture_thread *thread; /* owned; the leader first */
	uint32_t thread_count, thread_capacity;
	struct image_seccomp **filter; /* owned, each with its code behind it */
	uint32_t filter_count, filter_capacity;
};

void picture_free(struct picture *picture);

/* The payload is that of a PROCESS record. Reads up to the LAYOUT record. */
int picture_read_layout(struct picture *picture, struct reader *reader, const void *payload,
			struct refusal *refusal);

/* Takes one record after LAYOUT that is none of PAGES, PROCESS and END. */
int picture_take(struct picture *picture, const struct reader *reader, const void *payload,
		 struct refusal *refusal);

/* At the end: whether nothing is missing and everything fits together. */
int picture_complete(const struct picture *picture, struct refusal *refusal);

/* The mapping that holds all of [start, end), or NULL. */
const struct image_map *picture_map_of(const struct picture *picture, uint64_t start, uint64_t end);

#endif
