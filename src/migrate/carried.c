/* SPDX-License-Identifier: Apache-2.0 */
/* The target's side. The contents prove themselves by their digest, so it does not matter which node they come from. */
#include "migrate/carry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/stream.h"
#include "os/open.h"
#include "os/socket.h"

#define MODE_EXECUTES 0111u

void carried_init(struct carried *carried, const struct migrate_host *host)
{
	*carried = (struct carried){ .path = host->store,
				     .limit = host->store_bytes,
				     .allowed = host->carry_files,
				     .folder = -ENOENT };
	if (host->store)
		carried->folder = os_store_open(host->store, host->carry_files);
}

void carried_free(struct carried *carried)
{
	for (uint32_t i = 0; i < carried->count; i++)
		os_close(carried->file[i].fd);
	os_close(carried->folder);
	free(carried->file);
	*carried = (struct carried){ .folder = -1 };
}

static struct carried_file *append(struct carried *carried, const struct file *file)
{
	if (carried->count == carried->capacity) {
		uint32_t capacity = carried->capacity ? carried->capacity * 2 : 32;
		struct carried_file *bigger =
			reallocarray(carried->file, capacity, sizeof(*bigger));

		if (!bigger)
			return NULL;
		carried->file = bigger;
		carried->capacity = capacity;
	}
	assert(carried->count < IMAGE_FILES_MAX);
	carried->file[carried->count] = (struct carried_file){ .file = file, .fd = -1 };
	return &carried->file[carried->count++];
}

bool carried_keeps(struct carried *carried, const struct file *file)
{
	size_t length = carried->path ? strlen(carried->path) : 0;
	uint8_t digest[OS_DIGEST_BYTES];

	if (carried->folder < 0 || strncmp(file->path, carried->path, length) ||
	    file->path[length] != '/' || !os_store_digest(file->path + length + 1, digest))
		return false;
	int fd = os_store_find(carried->folder, digest, OS_OPEN_READ);
	struct carried_file *kept = fd < 0 ? NULL : append(carried, file);

	if (!kept) {
		os_close(fd);
		return false;
	}
	memcpy(kept->digest, digest, sizeof(digest));
	kept->told = true;
	kept->fd = fd;
	return true;
}

int carried_want(struct carried *carried, const struct file *file, struct refusal *refusal)
{
	if (!carried->allowed || !files_can_be_carried(file))
		return CARRIED_NOT;
	if (carried->folder < 0)
		return refusal_set(refusal, EDVSIO,
				   "the target cannot keep files that are carried along in %s: %s",
				   carried->path ? carried->path : "a folder",
				   strerror(-carried->folder));
	return append(carried, file) ? 0 : refusal_set(refusal, EDVSNOMEM, "out of memory");
}

bool carried_lacks(const struct carried *carried)
{
	assert(carried->count <= carried->capacity);
	for (uint32_t i = 0; i < carried->count; i++)
		if (carried->file[i].fd < 0)
			return true;
	return false;
}

static int refuse_damaged(struct refusal *refusal)
{
	return refusal_set(refusal, EDVSIO, "the source sends other files than were asked for");
}

/* Asks for those that are not here. */
static int ask(const struct carried *carried, bool nothing, struct secure *to,
	       struct refusal *refusal)
{
	struct writer writer;

	if (writer_init(&writer, to) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	for (uint32_t i = 0; i < carried->count && !nothing; i++) {
		const struct image_wanted wanted = { .file = carried->file[i].file->image.id };

		if (carried->file[i].fd < 0)
			writer_put(&writer, IMAGE_WANTED, &wanted, sizeof(wanted));
	}
	int r = writer_end(&writer);

	writer_deinit(&writer);
	return r < 0 ? refusal_set(refusal, EDVSIO, "the source cannot be asked for files: %s",
				   strerror(-r))
		     : 0;
}

/* Of all that were asked for, in that order. */
static int take_digests(struct carried *carried, struct reader *reader, struct refusal *refusal)
{
	for (uint32_t i = 0; i < carried->count; i++) {
		struct carried_file *one = &carried->file[i];
		const struct image_digest *told;
		const void *payload;

		if (one->fd >= 0)
			continue;
		int r = reader_next(reader, &payload, refusal);

		told = payload;
		if (r)
			return r;
		if (reader->type != IMAGE_DIGEST || told->file != one->file->image.id)
			return refuse_damaged(refusal);
		memcpy(one->digest, told->digest, sizeof(one->digest));
		one->told = true;
		one->fd = os_store_find(carried->folder, one->digest, OS_OPEN_READ);
	}
	return 0;
}

static int refuse_keeping(const struct carried *carried, const struct file *file, int r,
			  struct refusal *refusal)
{
	assert(r < 0);
	if (r == -ENOSPC)
		return refusal_set(refusal, EDVSNOSPC,
				   "the target has no room for the files that the process needs: "
				   "%s may have %llu MB, and its disk must have room; raise "
				   "carried-mbytes there, or install the files",
				   carried->path, (unsigned long long)(carried->limit >> 20));
	if (r == -EBADMSG)
		return refusal_set(refusal, EDVSBUSY,
				   "%s was changed while it was carried to the target; try again",
				   file->path);
	return refusal_set(refusal, EDVSIO, "the target cannot keep %s in %s: %s", file->path,
			   carried->path, strerror(-r));
}

/* Writes the contents that come, of one file. */
static int take_bytes(const struct carried *carried, const struct file *file, int fd,
		      struct reader *reader, struct refusal *refusal)
{
	assert(fd >= 0);
	for (uint64_t at = 0; at < file->image.size;) {
		const struct image_file_bytes *bytes;
		const void *payload;
		int r = reader_next(reader, &payload, refusal);

		bytes = payload;
		if (r)
			return r;
		if (reader->type != IMAGE_FILE_BYTES ||
		    !image_file_bytes_ok(bytes, reader->length) || bytes->file != file->image.id ||
		    bytes->length > file->image.size - at)
			return refuse_damaged(refusal);
		for (uint32_t done = 0; done < bytes->length;) {
			ssize_t wrote = os_write_at(fd, (const uint8_t *)(bytes + 1) + done,
						    bytes->length - done, at + done);

			if (wrote < 0)
				return refuse_keeping(carried, file, (int)wrote, refusal);
			done += (uint32_t)wrote;
		}
		at += bytes->length;
	}
	return 0;
}

/* It has its name, or will have none. */
static void give_back(struct carried *carried, uint64_t bytes)
{
	assert(bytes <= carried->claimed);
	carried->claimed -= bytes;
	os_store_give_back(bytes);
}

static int take_file(struct carried *carried, struct carried_file *one, struct reader *reader,
		     struct refusal *refusal)
{
	const struct image_file *image = &one->file->image;
	const struct os_store_like like = { .executable = image->mode & MODE_EXECUTES,
					    .mtime_s = image->mtime_s,
					    .mtime_ns = image->mtime_ns };
	int fd = os_store_begin(carried->folder);

	assert(one->told && one->fd < 0);
	if (fd < 0)
		return refuse_keeping(carried, one->file, fd, refusal);
	int r = take_bytes(carried, one->file, fd, reader, refusal);

	if (r == 0) {
		int kept = os_store_keep(carried->folder, fd, one->digest, &like);

		if (kept < 0)
			r = refuse_keeping(carried, one->file, kept, refusal);
	}
	os_close(fd);
	give_back(carried, image->size);
	if (r)
		return r;
	one->fd = os_store_find(carried->folder, one->digest, OS_OPEN_READ);
	return one->fd < 0 ? refuse_keeping(carried, one->file, one->fd, refusal) : 0;
}

static int take_files(struct carried *carried, struct reader *reader, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 0; i < carried->count && r == 0; i++) {
		struct carried_file *one = &carried->file[i];

		if (one->fd < 0)
			r = take_file(carried, one, reader, refusal);
	}
	return r;
}

/* One stream of the source, to its end. */
static int receive(struct carried *carried, struct secure *from,
		   int (*take)(struct carried *, struct reader *, struct refusal *),
		   struct refusal *refusal)
{
	struct reader reader;
	const void *payload;

	if (reader_init(&reader, from) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	int r = take(carried, &reader, refusal);

	if (r)
		reader_drain(&reader);
	else
		r = reader_next(&reader, &payload, refusal);
	if (r == 0 && reader.type != IMAGE_END)
		r = refuse_damaged(refusal);
	reader_deinit(&reader);
	return r;
}

static int take_nothing(struct carried *carried, struct reader *reader, struct refusal *refusal)
{
	(void)carried, (void)reader, (void)refusal;
	return 0;
}

static int make_room(struct carried *carried, struct refusal *refusal)
{
	uint64_t bytes = 0;

	assert(carried->folder >= 0);
	for (uint32_t i = 0; i < carried->count; i++) {
		uint64_t size = carried->file[i].fd >= 0 ? 0 : carried->file[i].file->image.size;

		if (size > UINT64_MAX - bytes)
			return refuse_keeping(carried, carried->file[i].file, -ENOSPC, refusal);
		bytes += size;
	}
	int r = bytes ? os_store_claim(carried->folder, bytes, carried->limit) : 0;

	carried->claimed = r < 0 ? 0 : bytes;
	return r < 0 ? refuse_keeping(carried, carried->file[0].file, r, refusal) : 0;
}

static int by_path(const void *one, const void *other)
{
	const struct carried_file *a = one, *b = other;

	return strcmp(a->file->path, b->file->path);
}

int carried_fetch(struct carried *carried, struct secure *with, struct refusal *refusal)
{
	assert(carried->folder >= 0);
	int r = ask(carried, false, with, refusal);

	if (r == 0)
		r = receive(carried, with, take_digests, refusal);
	if (r)
		return r;
	r = make_room(carried, refusal);
	/* The source waits for the second request in any case. */
	int asked = ask(carried, r != 0, with, refusal);

	if (asked == 0)
		asked = receive(carried, with, r ? take_nothing : take_files, refusal);
	give_back(carried, carried->claimed);
	return r ? r : asked;
}

void carried_settle(struct carried *carried)
{
	if (carried->count)
		qsort(carried->file, carried->count, sizeof(*carried->file), by_path);
}

static bool is_same(const struct image_file *one, const struct image_file *other)
{
	return one->device == other->device && one->inode == other->inode &&
	       one->size == other->size && one->mtime_s == other->mtime_s &&
	       one->mtime_ns == other->mtime_ns;
}

int carried_open(const struct carried *carried, const struct file *file, uint32_t flags,
		 struct refusal *refusal)
{
	const struct carried_file like = { .file = file };
	const struct carried_file *found = carried && carried->count
						   ? bsearch(&like, carried->file, carried->count,
							     sizeof(*carried->file), by_path)
						   : NULL;

	if (!found || found->fd < 0 || !is_same(&found->file->image, &file->image))
		return CARRIED_NOT;
	assert(found->told);
	int fd = os_open_again(found->fd, flags | OS_OPEN_NO_TERMINAL);

	return fd >= 0 ? fd
		       : refusal_set(refusal, EDVSPROCSTS,
				     "the target cannot open its copy of %s in %s: %s", file->path,
				     carried->path, strerror(-fd));
}
