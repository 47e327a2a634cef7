/* SPDX-License-Identifier: Apache-2.0 */
#include "os/pagemap.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PAGE	      4096ull
#define REGIONS_MAX   256
#define ENTRIES_MAX   512
#define ENTRY_PRESENT (1ull << 63)
#define ENTRY_SWAPPED (1ull << 62)
#define ENTRY_FILE    (1ull << 61)
#define ENTRY_GUARD   (1ull << 58)

/* Of linux/fs.h since 6.7; written here because the headers may be older than the kernel. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan_request {
	uint64_t size, flags, start, end, walk_end, regions, region_count, page_count_max;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN_IOCTL _IOWR('f', 16, struct scan_request)

/* An empty range costs nothing; a kernel that does not know a bit refuses it all the same. */
static bool knows(int fd, unsigned kinds)
{
	struct scan_request probe = {
		.size = sizeof(probe),
		.category_anyof_mask = kinds,
		.return_mask = kinds,
	};

	return ioctl(fd, SCAN_IOCTL, &probe) >= 0;
}

int pagemap_open(struct pagemap *pagemap, pid_t pid)
{
	unsigned kinds = PAGEMAP_FILE | PAGEMAP_PRESENT | PAGEMAP_SWAPPED | PAGEMAP_ZERO;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	*pagemap = (struct pagemap){ .fd = open(path, O_RDONLY | O_CLOEXEC) };
	if (pagemap->fd < 0)
		return -errno;
	if (knows(pagemap->fd, kinds | PAGEMAP_GUARD))
		pagemap->kinds = kinds | PAGEMAP_GUARD;
	else if (knows(pagemap->fd, kinds))
		pagemap->kinds = kinds;
	return 0;
}

void pagemap_close(struct pagemap *pagemap)
{
	close(pagemap->fd);
	pagemap->fd = -1;
}

static int scan(int fd, uint64_t start, uint64_t end, unsigned kinds,
		int (*each)(void *ctx, uint64_t start, uint64_t end, unsigned kinds), void *ctx)
{
	struct scan_region regions[REGIONS_MAX];
	struct scan_request request = {
		.size = sizeof(request),
		.regions = (uint64_t)regions,
		.region_count = REGIONS_MAX,
		.category_anyof_mask = kinds & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED | PAGEMAP_GUARD),
		.return_mask = kinds,
	};

	for (request.start = start, request.end = end; request.start < end;
	     request.start = request.walk_end) {
		int count = ioctl(fd, SCAN_IOCTL, &request);

		if (count < 0)
			return -errno;
		assert(count <= REGIONS_MAX);
		for (int i = 0; i < count; i++) {
			int result = each(ctx, regions[i].start, regions[i].end,
					  (unsigned)regions[i].categories);

			if (result)
				return result;
		}
		if (request.walk_end <= request.start)
			return -EIO;
	}
	return 0;
}

static unsigned entry_kinds(uint64_t entry)
{
	unsigned kinds = 0;

	if (entry & ENTRY_GUARD)
		return PAGEMAP_GUARD;
	if (entry & ENTRY_PRESENT)
		kinds |= PAGEMAP_PRESENT;
	if (entry & ENTRY_SWAPPED)
		kinds |= PAGEMAP_SWAPPED;
	if (kinds && entry & ENTRY_FILE)
		kinds |= PAGEMAP_FILE;
	return kinds;
}

static int read_entries(int fd, uint64_t start, uint64_t end,
			int (*each)(void *ctx, uint64_t start, uint64_t end, unsigned kinds),
			void *ctx)
{
	uint64_t entries[ENTRIES_MAX];

	for (uint64_t at = start; at < end;) {
		uint64_t count = (end - at) / PAGE;

		if (count > ENTRIES_MAX)
			count = ENTRIES_MAX;
		ssize_t got = pread(fd, entries, count * 8, (off_t)(at / PAGE * 8));

		if (got <= 0)
			return got < 0 ? -errno : -ESRCH;
		count = (uint64_t)got / 8;
		for (uint64_t i = 0, run; i < count; i = run) {
			unsigned kinds = entry_kinds(entries[i]);

			for (run = i + 1; run < count && entry_kinds(entries[run]) == kinds;)
				run++;
			int result = kinds ? each(ctx, at + i * PAGE, at + run * PAGE, kinds) : 0;

			if (result)
				return result;
		}
		at += count * PAGE;
	}
	return 0;
}

int pagemap_each(const struct pagemap *pagemap, uint64_t start, uint64_t end,
		 int (*each)(void *ctx, uint64_t start, uint64_t end, unsigned kinds), void *ctx)
{
	assert(pagemap->fd >= 0);
	assert(start % PAGE == 0);
	if (pagemap->kinds)
		return scan(pagemap->fd, start, end, pagemap->kinds, each, ctx);
	return read_entries(pagemap->fd, start, end, each, ctx);
}
