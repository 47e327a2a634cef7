/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An offer as a hostile source would send it: an offer that is accepted refers only to objects that it has. Only its
 * reader is called, and of the kinds of descriptors only the check of a body, so what the rest needs is left out.
 *
 * fuzz with: src/migrate/contents.c src/migrate/descriptions.c src/migrate/descriptors.c
 * fuzz with: src/migrate/epoll_items.c src/migrate/files.c src/migrate/inet.c src/migrate/kind*.c
 * fuzz with: src/migrate/locks.c src/migrate/maps.c src/migrate/members.c src/migrate/memories.c
 * fuzz with: src/migrate/object_records.c src/migrate/owners.c src/migrate/pipe_contents.c
 * fuzz with: src/migrate/seccomp.c src/migrate/sysv.c src/migrate/tables.c src/migrate/takeover.c
 * fuzz with: src/migrate/terminals.c src/migrate/unix_connection.c src/migrate/unix_queue.c
 * fuzz with: src/migrate/watches.c src/os/stage.c
 * fuzz with: src/migrate/unix_extras.c src/migrate/passed.c src/migrate/unix_place.c
 * fuzz with: src/migrate/unix_datagrams.c src/migrate/inet_connection.c
 * fuzz with: src/migrate/inet_queue.c src/migrate/inet_members.c
 * fuzz flags: -no-pie -Wl,--unresolved-symbols=ignore-all
 */
#include <stdlib.h>

#include "migrate/offer.c"
#include "migrate/reader_fuzz.h"

static void check_whole(const struct offer *offer)
{
	if (offer->maps.special_count > IMAGE_SPECIALS ||
	    offer->maps.count != offer->task.map_count)
		abort();
	for (uint32_t i = 0; i < offer->tables.files.count; i++) {
		const struct image_file *file = &offer->tables.files.file[i].image;

		if (file->memory && !memories_find(&offer->tables.memories, file->memory))
			abort();
	}
	for (uint32_t i = 0; i < offer->maps.count; i++) {
		const struct image_map *map = &offer->maps.map[i];

		if ((map->kind == IMAGE_MAP_FILE &&
		     !files_find(&offer->tables.files, map->object)) ||
		    (map->kind == IMAGE_MAP_SHARED_ANON &&
		     !memories_find(&offer->tables.memories, map->object)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct offer offer = { 0 };
	struct refusal refusal = REFUSAL_NONE;
	struct reader reader = { 0 };

	input = data;
	input_bytes = size;
	if (offer_read(&offer, &reader, &refusal) == 0)
		check_whole(&offer);
	offer_free(&offer);
	return 0;
}
