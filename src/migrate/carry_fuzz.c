/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream of a hostile source in place of the files that were asked for: no byte is
 * written beyond the size of a file, and no file is kept under another digest than was told.
 *
 * fuzz with: src/migrate/files.c
 * fuzz flags: -no-pie -Wl,--unresolved-symbols=ignore-all
 */
#include <stdlib.h>

#include "migrate/carried.c"
#include "migrate/reader_fuzz.h"

#define FILES 3u

static struct file file[FILES];
static uint8_t told[FILES][OS_DIGEST_BYTES];
static uint64_t written;

int os_close(int fd)
{
	(void)fd;
	return -1;
}

int os_store_begin(int folder)
{
	(void)folder;
	written = 0;
	return 5;
}

ssize_t os_write_at(int fd, const void *from, size_t bytes, uint64_t position)
{
	(void)fd, (void)from;
	if (position != written)
		abort();
	written += bytes;
	return (ssize_t)bytes;
}

int os_store_find(int folder, const uint8_t *digest, unsigned flags)
{
	(void)folder, (void)flags;
	return digest[0] & 1 ? 6 : -ENOENT;
}

int os_store_keep(int folder, int fd, const uint8_t *digest, const struct os_store_like *like)
{
	bool known = false;

	(void)folder, (void)fd, (void)like;
	for (uint32_t i = 0; i < FILES; i++)
		known = known || (memcmp(told[i], digest, OS_DIGEST_BYTES) == 0 &&
				  file[i].image.size == written);
	if (!known)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct carried carried = { .path = "/store", .allowed = true, .folder = 4 };
	struct refusal refusal = REFUSAL_NONE;
	struct reader reader = { 0 };

	input = data;
	input_bytes = size;
	for (uint32_t i = 0; i < FILES; i++) {
		file[i] = (struct file){
			.path = "/file",
			.image = { .mode = OS_MODE_FILE, .size = i * 8, .id = i + 1 }
		};
		if (carried_want(&carried, &file[i], &refusal) != 0)
			abort();
	}
	int r = take_digests(&carried, &reader, &refusal);

	for (uint32_t i = 0; i < FILES && r == 0; i++)
		memcpy(told[i], carried.file[i].digest, OS_DIGEST_BYTES);
	if (r == 0)
		take_files(&carried, &reader, &refusal);
	carried_free(&carried);
	return 0;
}
