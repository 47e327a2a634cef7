/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_IMAGE_PACK_H
#define DVS_MIGRATE_IMAGE_PACK_H

#include <stdint.h>

#include "base/refusal.h"
#include "wire/image_file.h"

struct secure_keys;

/*
 * The image of a process on its way into a file, or out of it. The streams that cross a link during a move stand in
 * memory files instead: the process stands still for as long as it takes to fill those, and packing comes later. A
 * file was read once, and found whole and authentic, before anybody looks at the parts that come out of it.
 */
struct image_parts {
	int fd[3]; /* owned: memory files, by image_file_part() */
};

#define IMAGE_PARTS_NONE ((struct image_parts){ { -1, -1, -1 } })

/* Empty ones. 0 or negative errno; then there are none. */
int image_parts_new(struct image_parts *parts);
void image_parts_free(struct image_parts *parts);
/* All of them are read from their beginning next. */
void image_parts_rewind(const struct image_parts *parts);

/*
 * Packs and seals, with the primary key. fd: a file that is open for writing, at its beginning. Fills about->bytes;
 * *bytes receives the length of the file. Blocks on the disk. 0, or negative with *refusal filled.
 */
int image_pack_write(int fd, struct secure_keys *keys, struct image_file_about *about,
		     const struct image_parts *parts, uint64_t *bytes, struct refusal *refusal);

/*
 * The other way. parts: empty ones; after a refusal their contents are good for nothing. *key: the number of the key,
 * *bytes: the length of the file.
 */
int image_pack_read(int fd, struct secure_keys *keys, struct image_file_about *about,
		    struct image_parts *parts, uint32_t *key, uint64_t *bytes,
		    struct refusal *refusal);

#endif
