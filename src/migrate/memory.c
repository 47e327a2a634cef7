/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/inventories.h"
#include "migrate/objects.h"
#include "migrate/sysv.h"
#include "os/open.h"
#include "os/pagemap.h"
#include "os/socket.h"
#include "os/trace.h"

struct sender {
	pid_t pid;
	int mem; /* /proc/PID/mem: reads what the process itself may not */
	struct writer *writer;
	const struct memory_view *view;
	const struct image_map *map; /* one of them */
	uint64_t page_count;
	struct refusal *refusal;
};

static int read_pages(const struct sender *sender, uint64_t start, void *to, size_t bytes)
{
	if (sender->map->flags & IMAGE_MAP_READ) {
		int r = trace_read(sender->pid, start, to, bytes);

		if (r != -EFAULT)
			return r;
	}
	ssize_t got = os_read_at(sender->mem, to, bytes, start);

	if (got < 0)
		return (int)got;
	return (size_t)got == bytes ? 0 : -EFAULT;
}

static int send_run(struct sender *sender, uint64_t start, uint64_t end)
{
	while (start < end) {
		uint64_t count = (end - start) / IMAGE_PAGE;

		if (count > IMAGE_RUN_PAGES_MAX)
			count = IMAGE_RUN_PAGES_MAX;
		size_t bytes = count * IMAGE_PAGE;
		struct image_pages *pages =
			writer_reserve(sender->writer, IMAGE_PAGES, sizeof(*pages) + bytes);

		if (!pages)
			return sender->writer->error;
		*pages = (struct image_pages){ .address = start, .count = (uint32_t)count };
		int r = read_pages(sender, start, pages + 1, bytes);

		if (r)
			return refusal_set_number(sender->refusal,
						  r == -ESRCH ? EDVSSRCH : EDVSPROCSTS,
						  "page %#llx of the process cannot be read: %s",
						  (unsigned long long)start, strerror(-r));
		writer_commit(sender->writer, sizeof(*pages) + bytes);
		sender->page_count += count;
		start += bytes;
	}
	return 0;
}

static int on_private(void *ctx, uint64_t start, uint64_t end, unsigned kinds)
{
	struct sender *sender = ctx;

	assert(start >= sender->map->start && end <= sender->map->end);
	if (kinds & PAGEMAP_GUARD) {
		struct image_guard guard = { .start = start, .end = end };

		writer_put(sender->writer, IMAGE_GUARD, &guard, sizeof(guard));
		return sender->writer->error;
	}
	if (kinds & PAGEMAP_ZERO)
		return 0;
	if (sender->map->kind == IMAGE_MAP_FILE && kinds & PAGEMAP_FILE)
		return 0;
	return send_run(sender, start, end);
}

static int on_guard_only(void *ctx, uint64_t start, uint64_t end, unsigned kinds)
{
	return kinds & PAGEMAP_GUARD ? on_private(ctx, start, end, kinds) : 0;
}

static int refuse_shared(struct sender *sender, const struct object *object, int r)
{
	if (object->is_file)
		return refusal_set(sender->refusal, EDVSPROCSTS,
				   "the memory file %.100s cannot be read: %s",
				   sender->view->files->file[object->first].path, strerror(-r));
	if (object->is_sysv)
		return refusal_set(sender->refusal, EDVSPROCSTS,
				   "the System V shared memory of the process cannot be read: %s",
				   strerror(-r));
	return refusal_set(sender->refusal, EDVSPROCSTS,
			   "the shared memory at %#llx cannot be read: %s",
			   (unsigned long long)sender->view->maps->map[object->first].start,
			   strerror(-r));
}

static int open_object(const struct sender *sender, int dir, const struct object *object)
{
	assert(object->is_file || object->is_mapped || object->is_sysv);
	if (object->is_sysv) {
		const struct sysv_object *segment = sysv_segment(sender->view->sysv, object->id);

		return segment && segment->fd >= 0 ? os_dup(segment->fd) : -ENOENT;
	}
	if (!object->is_file) {
		const struct image_map *map = &sender->view->maps->map[object->first];

		return maps_open_object(dir, map->start, map->end, OS_OPEN_READ);
	}
	const struct file *file = &sender->view->files->file[object->first];

	return os_open_at(file->dir, file->link, OS_OPEN_READ);
}

static int send_shared_run(struct sender *sender, int fd, const struct object *object,
			   uint64_t start, uint64_t end)
{
	while (start < end) {
		uint64_t count = (end - start) / IMAGE_PAGE;

		if (count > IMAGE_RUN_PAGES_MAX)
			count = IMAGE_RUN_PAGES_MAX;
		size_t bytes = count * IMAGE_PAGE;
		struct image_shared_pages *pages =
			writer_reserve(sender->writer, IMAGE_SHARED_PAGES, sizeof(*pages) + bytes);

		if (!pages)
			return sender->writer->error;
		*pages = (struct image_shared_pages){ .memory = object->id,
						      .offset = start,
						      .count = (uint32_t)count };
		ssize_t got = os_read_at(fd, pages + 1, bytes, start);

		if (got < 0)
			return refuse_shared(sender, object, (int)got);
		/* The object ends within its last page. */
		memset((char *)(pages + 1) + got, 0, bytes - (size_t)got);
		writer_commit(sender->writer, sizeof(*pages) + bytes);
		sender->page_count += count;
		start += bytes;
	}
	return 0;
}

/*
 * The object of a shared anonymous mapping is a file: its data ranges are the parts that were ever written.
 * All of them are sent, because the process may map again a part that is not mapped now.
 */
static int send_object(struct sender *sender, int dir, const struct object *object)
{
	int fd = open_object(sender, dir, object);
	assert(object->bytes % IMAGE_PAGE == 0);
	uint64_t data, at = 0;
	int r = 0;

	if (fd < 0)
		return refuse_shared(sender, object, fd);
	while (at < object->bytes && r == 0) {
		int found = os_seek_data(fd, at, object->bytes, &data, &at);

		if (found < 0)
			r = refuse_shared(sender, object, found);
		if (found <= 0)
			break;
		at = (at + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE;
		r = send_shared_run(sender, fd, object, data, at);
	}
	os_close(fd);
	return r;
}

static int send_objects(struct sender *sender, int dir)
{
	struct objects objects = { 0 };
	int r = objects_collect(&objects, sender->view->maps, sender->view->memories,
				sender->view->files);

	for (uint32_t i = 0; sender->view->all && i < sender->view->index; i++)
		objects_leave(&objects, &sender->view->all->inventory[i]->maps);
	if (!sender->view->files)
		objects_leave_sysv(&objects);

	for (uint32_t i = 0; i < objects.count && r == 0; i++)
		r = send_object(sender, dir, &objects.object[i]);
	objects_free(&objects);
	return r;
}

static int send_map(struct sender *sender, const struct pagemap *pagemap)
{
	const struct image_map *map = sender->map;

	switch (map->kind) {
	case IMAGE_MAP_ANON:
	case IMAGE_MAP_FILE:
		if (map->flags & IMAGE_MAP_DROPPABLE)
			return 0;
		if (map->flags & IMAGE_MAP_SHARED)
			return pagemap_each(pagemap, map->start, map->end, on_guard_only, sender);
		return pagemap_each(pagemap, map->start, map->end, on_private, sender);
	case IMAGE_MAP_AIO:
		return send_run(sender, map->start, map->end);
	case IMAGE_MAP_SHARED_ANON:
		return pagemap_each(pagemap, map->start, map->end, on_guard_only, sender);
	}
	return 0;
}

int memory_send(pid_t pid, int dir, const struct memory_view *view, struct writer *writer,
		uint64_t *page_count, struct refusal *refusal)
{
	struct sender sender = { .pid = pid, .view = view, .writer = writer, .refusal = refusal };
	struct pagemap pagemap;
	int r = pagemap_open(&pagemap, pid);

	if (r < 0)
		return refusal_set(refusal, EDVSSRCH,
				   "the pages of the process cannot be listed: %s", strerror(-r));
	sender.mem = os_open_at(dir, "mem", OS_OPEN_READ);
	for (uint32_t i = 0; i < view->maps->count && r == 0; i++) {
		sender.map = &view->maps->map[i];
		r = send_map(&sender, &pagemap);
	}
	if (r == 0)
		r = send_objects(&sender, dir);
	os_close(sender.mem);
	pagemap_close(&pagemap);
	*page_count += sender.page_count;
	if (r == 0)
		return 0;
	refusal_set(refusal, EDVSIO, "the memory of the process cannot be sent: %s", strerror(-r));
	return refusal->error;
}

int memory_receive(pid_t pid, uint64_t address, const void *pages, uint32_t count,
		   struct refusal *refusal)
{
	assert(count && count <= IMAGE_RUN_PAGES_MAX); /* image_*_ok() saw to it */
	int r = trace_write(pid, address, pages, count * (size_t)IMAGE_PAGE);

	if (r == 0)
		return 0;
	return refusal_set_number(refusal, r == -ESRCH ? EDVSSRCH : EDVSPROCSTS,
				  "page %#llx cannot be written on the target: %s",
				  (unsigned long long)address,
				  r == -ESRCH ? "the process shell has ended" : strerror(-r));
}
