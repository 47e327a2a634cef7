/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/memory.h"

#include "dvk/errors.h"
#include "os/kernel.h"
#include "os/pagemap.h"
#include "os/trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct sender {
	pid_t pid;
	int mem; /* /proc/PID/mem: reads what the process itself may not */
	struct writer *writer;
	const struct maps *maps;
	const struct image_map *map; /* one of them */
	uint64_t page_count;
	struct refusal *refusal;
};

static int read_pages(const struct sender *sender, uint64_t start, void *to, size_t bytes)
{
	if (sender->map->flags & IMAGE_MAP_READ) {
		int result = trace_read(sender->pid, start, to, bytes);

		if (result != -EFAULT)
			return result;
	}
	ssize_t got = pread(sender->mem, to, bytes, (off_t)start);

	if (got < 0)
		return -errno;
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
		int result = read_pages(sender, start, pages + 1, bytes);

		if (result)
			return refusal_set(sender->refusal,
					   result == -ESRCH ? EDVSSRCH : EDVSPROCSTS,
					   "page %#llx of the process cannot be read: %s",
					   (unsigned long long)start, strerror(-result));
		writer_commit(sender->writer, sizeof(*pages) + bytes);
		sender->page_count += count;
		start += bytes;
	}
	return 0;
}

static int on_private(void *ctx, uint64_t start, uint64_t end, unsigned kinds)
{
	struct sender *sender = ctx;

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

/* Where the mappings of the object that cover this offset end; the offset if none does. */
static off_t covered_until(const struct sender *sender, off_t at)
{
	for (uint32_t i = 0; i < sender->maps->count; i++) {
		const struct image_map *map = &sender->maps->map[i];
		off_t start = (off_t)map->offset, end = start + (off_t)(map->end - map->start);

		if (map->kind == IMAGE_MAP_SHARED_ANON && map->object == sender->map->object &&
		    start <= at && at < end)
			return end;
	}
	return at;
}

/* Contents that are not mapped now may be mapped again; they are not carried yet, nor dropped. */
static int check_unmapped(struct sender *sender, int fd)
{
	for (off_t at = 0;;) {
		off_t data = lseek(fd, at, SEEK_DATA);

		if (data < 0)
			return 0;
		at = covered_until(sender, data);
		if (at == data)
			return refusal_set(
				sender->refusal, EDVSPROCSTS,
				"the process has unmapped a part of its shared memory at %#llx "
				"that still has contents, which are not carried",
				(unsigned long long)sender->map->start);
	}
}

/* The object of a shared anonymous mapping is a file: its data ranges are what was ever written. */
static int send_shared(struct sender *sender, int dir)
{
	const struct image_map *map = sender->map;
	char name[80];

	snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)map->start,
		 (unsigned long long)map->end);
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return refusal_set(sender->refusal, EDVSPROCSTS,
				   "the shared memory at %#llx cannot be read: %s",
				   (unsigned long long)map->start, strerror(errno));
	off_t at = (off_t)map->offset, end = at + (off_t)(map->end - map->start);
	int result = check_unmapped(sender, fd);

	while (at < end && result == 0) {
		off_t data = lseek(fd, at, SEEK_DATA);

		if (data < 0 || data >= end)
			break;
		off_t hole = lseek(fd, data, SEEK_HOLE);

		at = hole < 0 || hole > end ? end : hole;
		result = send_run(sender, map->start + (uint64_t)data - map->offset,
				  map->start + (uint64_t)at - map->offset);
	}
	close(fd);
	return result;
}

static int send_map(struct sender *sender, const struct pagemap *pagemap, int dir)
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
	case IMAGE_MAP_SHARED_ANON:
		return send_shared(sender, dir);
	}
	return 0;
}

int memory_send(pid_t pid, int dir, const struct maps *maps, struct writer *writer,
		uint64_t *page_count, struct refusal *refusal)
{
	struct sender sender = { .pid = pid, .maps = maps, .writer = writer, .refusal = refusal };
	struct pagemap pagemap;
	int result = pagemap_open(&pagemap, pid);

	if (result < 0)
		return refusal_set(refusal, EDVSSRCH,
				   "the pages of the process cannot be listed: %s",
				   strerror(-result));
	sender.mem = openat(dir, "mem", O_RDONLY | O_CLOEXEC);
	for (uint32_t i = 0; i < maps->count && result == 0; i++) {
		sender.map = &maps->map[i];
		result = send_map(&sender, &pagemap, dir);
	}
	if (sender.mem >= 0)
		close(sender.mem);
	pagemap_close(&pagemap);
	*page_count = sender.page_count;
	if (result == 0)
		return 0;
	refusal_set(refusal, EDVSIO, "the memory of the process cannot be sent: %s",
		    strerror(-result));
	return refusal->error;
}

int memory_receive(pid_t pid, const struct image_pages *pages, struct refusal *refusal)
{
	int result = trace_write(pid, pages->address, pages + 1, pages->count * (size_t)IMAGE_PAGE);

	if (result == 0)
		return 0;
	return refusal_set(refusal, result == -ESRCH ? EDVSSRCH : EDVSPROCSTS,
			   "page %#llx cannot be written on the target: %s",
			   (unsigned long long)pages->address,
			   result == -ESRCH ? "the process shell has ended" : strerror(-result));
}
