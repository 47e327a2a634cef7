/* SPDX-License-Identifier: Apache-2.0 */
/* The source's side: it is asked for files of its offer, by their ids, and for no others. */
#include "migrate/carry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/stream.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/socket.h"

struct asked {
	const struct files *files;
	int dir;		  /* /proc of a process that has them */
	const struct file **file; /* owned */
	uint32_t count;
};

static int refuse_request(struct refusal *refusal)
{
	return refusal_set(refusal, EDVSIO, "the target asks for files that were not offered");
}

/* Each once, in the order of the offer. */
static int take_wanted(struct asked *asked, const struct files *files,
		       const struct image_wanted *wanted, struct refusal *refusal)
{
	const struct file *file = files_find(files, wanted->file);

	if (!file || !files_can_be_carried(file) || asked->count == files->count ||
	    (asked->count && asked->file[asked->count - 1]->image.id >= file->image.id))
		return refuse_request(refusal);
	asked->file[asked->count++] = file;
	return 0;
}

static int read_wanted(struct asked *asked, const struct files *files, struct secure *from,
		       struct refusal *refusal)
{
	struct reader reader;
	const void *payload;

	asked->count = 0;
	if (reader_init(&reader, from) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	int r = reader_next(&reader, &payload, refusal);

	while (r == 0 && reader.type != IMAGE_END) {
		r = reader.type == IMAGE_WANTED ? take_wanted(asked, files, payload, refusal)
						: refuse_request(refusal);
		if (r == 0)
			r = reader_next(&reader, &payload, refusal);
	}
	reader_deinit(&reader);
	return r;
}

static int refuse_reading(const struct file *file, int r, struct refusal *refusal)
{
	assert(r < 0);
	return refusal_set(refusal, EDVSIO, "%s cannot be carried to the target: %s", file->path,
			   strerror(-r));
}

/* The very file of the offer. */
static int open_offered(const struct asked *asked, const struct file *file, struct refusal *refusal)
{
	struct os_status status;
	int fd = files_open(asked->files, asked->dir, file->path, OS_OPEN_READ);

	assert(files_can_be_carried(file));
	if (fd < 0)
		return refuse_reading(file, fd, refusal);
	if (os_status(fd, &status) == 0 && status.device == file->image.device &&
	    status.inode == file->image.inode && status.size == file->image.size)
		return fd;
	os_close(fd);
	return refusal_set(refusal, EDVSBUSY, "%s was changed or replaced just now; try again",
			   file->path);
}

static int write_digest(struct writer *writer, const struct asked *asked, const struct file *file,
			struct refusal *refusal)
{
	struct image_digest digest = { .file = file->image.id };
	int fd = open_offered(asked, file, refusal);

	if (fd < 0)
		return fd;
	int r = os_digest(fd, digest.digest);

	os_close(fd);
	if (r < 0)
		return refuse_reading(file, r, refusal);
	writer_put(writer, IMAGE_DIGEST, &digest, sizeof(digest));
	writer_flush(writer); /* reading takes its time, and both sides see that it goes on */
	return 0;
}

static int write_bytes(struct writer *writer, const struct file *file, int fd,
		       struct refusal *refusal)
{
	assert(fd >= 0);
	for (uint64_t at = 0; at < file->image.size;) {
		uint64_t left = file->image.size - at;
		size_t most = left < IMAGE_FILE_BYTES_MAX ? (size_t)left : IMAGE_FILE_BYTES_MAX;
		struct image_file_bytes *head =
			writer_reserve(writer, IMAGE_FILE_BYTES, sizeof(*head) + most);

		if (!head)
			return 0; /* the writer knows why */
		ssize_t got = os_read_at(fd, head + 1, most, at);

		if (got <= 0)
			return refuse_reading(file, got ? (int)got : -ENODATA, refusal);
		*head = (struct image_file_bytes){ file->image.id, (uint32_t)got };
		writer_commit(writer, sizeof(*head) + (size_t)got);
		at += (uint64_t)got;
	}
	return 0;
}

static int write_contents(struct writer *writer, const struct asked *asked, const struct file *file,
			  struct refusal *refusal)
{
	int fd = open_offered(asked, file, refusal);

	if (fd < 0)
		return fd;
	int r = write_bytes(writer, file, fd, refusal);

	os_close(fd);
	return r;
}

static int answer(const struct asked *asked, struct secure *to,
		  int (*write)(struct writer *, const struct asked *, const struct file *,
			       struct refusal *),
		  struct refusal *refusal)
{
	struct writer writer;
	int r = 0;

	if (writer_init(&writer, to) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	for (uint32_t i = 0; i < asked->count && r == 0; i++)
		r = write(&writer, asked, asked->file[i], refusal);
	int sent = r == 0 ? writer_end(&writer) : 0;

	if (sent < 0)
		r = refusal_set(refusal, EDVSIO, "files cannot be sent to the target: %s",
				strerror(-sent));
	writer_deinit(&writer);
	return r;
}

int carry_serve(const struct files *files, int dir, struct secure *with, struct refusal *refusal)
{
	struct asked asked = { .files = files,
			       .dir = dir,
			       .file = calloc(files->count + 1, sizeof(const struct file *)) };

	assert(dir >= 0);
	if (!asked.file)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	int r = read_wanted(&asked, files, with, refusal);

	if (r == 0)
		r = answer(&asked, with, write_digest, refusal);
	if (r == 0)
		r = read_wanted(&asked, files, with, refusal);
	if (r == 0)
		r = answer(&asked, with, write_contents, refusal);
	/* The target waits for the rest no longer. */
	if (r)
		os_shutdown(secure_fd(with));
	free(asked.file);
	return r;
}
