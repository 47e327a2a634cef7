/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of image records as a hostile source would send it, into the picture. A stream that is accepted must
 * hang together. Of the kinds of descriptors only the check of a body is called, so what the rest of them
 * needs is left out.
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
#include <string.h>

#include "migrate/picture.c"
#include "migrate/reader_fuzz.h"

static void check_whole(const struct picture *picture)
{
	for (uint32_t i = 0; i < picture->thread_count; i++) {
		const struct picture_thread *thread = &picture->thread[i];

		if (thread->signal_first + thread->signal_count > picture->signal_count)
			abort();
	}
	for (uint32_t i = 0; i < picture->guard_count; i++) {
		if (!picture_map_of(picture, picture->guard[i].start, picture->guard[i].end))
			abort();
	}
	for (uint32_t i = 0; i < picture->descriptors.count; i++) {
		if (!descriptions_find(&picture->tables->descriptions,
				       picture->descriptors.fd[i].description))
			abort();
	}
	for (uint32_t i = 0; i < picture->maps.count; i++) {
		const struct image_map *map = &picture->maps.map[i];

		if ((map->kind == IMAGE_MAP_FILE &&
		     !files_find(&picture->tables->files, map->object)) ||
		    (map->kind == IMAGE_MAP_SHARED_ANON &&
		     !memories_find(&picture->tables->memories, map->object)))
			abort();
	}
	for (uint32_t i = 0; i < picture->tables->files.count; i++) {
		const struct image_file *file = &picture->tables->files.file[i].image;

		if (file->memory && !memories_find(&picture->tables->memories, file->memory))
			abort();
	}
	for (uint32_t i = 1; i < picture->maps.count; i++) {
		if (picture->maps.map[i].start < picture->maps.map[i - 1].end)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tables tables = { 0 };
	struct picture picture = { .tables = &tables };
	struct refusal refusal = REFUSAL_NONE;
	struct reader reader = { 0 };
	const void *payload;

	input = data;
	input_bytes = size;
	if (object_records_read(&tables, false, &reader, IMAGE_PROCESS, &payload, &refusal) == 0 &&
	    picture_read_layout(&picture, &reader, payload, &refusal) == 0) {
		while (reader_next(&reader, &payload, &refusal) == 0) {
			if (reader.type == IMAGE_PAGES)
				image_pages_ok(payload, reader.length);
			else if (reader.type == IMAGE_SHARED_PAGES)
				image_shared_pages_ok(payload, reader.length);
			else if (picture_take(&picture, &reader, payload, &refusal))
				break;
		}
		picture_complete(&picture, &refusal);
		check_whole(&picture);
	}
	picture_free(&picture);
	tables_free(&tables);
	return 0;
}
