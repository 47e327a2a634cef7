/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses /proc/PID/smaps: for each mapping a line "start-end rwxp offset major:minor inode path",
 * then fields, of which ProtectionKey and VmFlags count here. The flags are pairs of letters; each
 * has a row in the table below, with the flag of the image that carries it or the reason why it
 * cannot be carried. A flag without a row is refused too: it is newer than this table.
 */
#include "migrate/maps.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/ended.h"
#include "migrate/memories.h"
#include "migrate/sysv.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/procdir.h"
#include "os/socket.h"

#define GAP_FIRST 0x100000000000ull /* where neither programs nor mmap go by themselves */
#define GAP_STEP  0x000400000000ull
#define GAP_END	  0x7e0000000000ull
#define GAP_GUARD 0x10000000ull

static const struct flag_row {
	char letters[3];
	uint32_t carried;
	const char *refused;
} flag_table[] = {
	{ "rd", 0, NULL },
	{ "wr", 0, NULL },
	{ "ex", 0, NULL },
	{ "sh", 0, NULL },
	{ "mr", 0, NULL },
	{ "mw", IMAGE_MAP_MAYWRITE, NULL },
	{ "me", 0, NULL },
	{ "ms", 0, NULL },
	{ "gd", IMAGE_MAP_GROWSDOWN, NULL },
	{ "lo", IMAGE_MAP_LOCKED, NULL },
	{ "lf", IMAGE_MAP_LOCKONFAULT, NULL },
	{ "sr", IMAGE_MAP_SEQUENTIAL, NULL },
	{ "rr", IMAGE_MAP_RANDOM, NULL },
	{ "dc", IMAGE_MAP_DONTFORK, NULL },
	{ "de", 0, NULL },
	{ "ac", 0, NULL },
	{ "nr", IMAGE_MAP_NORESERVE, NULL },
	{ "wf", IMAGE_MAP_WIPEONFORK, NULL },
	{ "dd", IMAGE_MAP_DONTDUMP, NULL },
	{ "sd", 0, NULL },
	{ "hg", IMAGE_MAP_HUGEPAGE, NULL },
	{ "nh", IMAGE_MAP_NOHUGEPAGE, NULL },
	{ "mg", IMAGE_MAP_MERGEABLE, NULL },
	{ "gu", 0, NULL }, /* may have guard regions: PAGEMAP_SCAN finds them */
	{ "dp", IMAGE_MAP_DROPPABLE, NULL },
	{ "ht", IMAGE_MAP_HUGE_2M, NULL }, /* or of another size */
	{ "sl", IMAGE_MAP_SEALED, NULL },
	{ "ss", 0, "a shadow stack" },
	{ "um", 0, "a range watched by userfaultfd" },
	{ "uw", 0, "a range watched by userfaultfd" },
	{ "ui", 0, "a range watched by userfaultfd" },
	{ "pf", 0, "memory of a device" },
	{ "io", 0, "memory of a device" },
	{ "mm", 0, "memory of a device" },
	{ "sf", 0, "persistent memory (MAP_SYNC)" },
	{ "mt", 0, "memory with tags" },
};

void maps_clear(struct maps *maps)
{
	maps->count = maps->special_count = 0;
}

void maps_free(struct maps *maps)
{
	free(maps->map);
	*maps = (struct maps){ 0 };
}

int maps_append(struct maps *maps, const struct image_map *map)
{
	if (maps->count == maps->capacity) {
		uint32_t capacity = maps->capacity ? maps->capacity * 2 : 64;
		struct image_map *bigger = realloc(maps->map, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		maps->map = bigger;
		maps->capacity = capacity;
	}
	assert(maps->count < maps->capacity);
	maps->map[maps->count++] = *map;
	return 0;
}

const struct image_special *maps_special(const struct maps *maps, const char *name)
{
	for (uint32_t i = 0; i < maps->special_count; i++) {
		if (strcmp(maps->special[i].name, name) == 0)
			return &maps->special[i];
	}
	return NULL;
}

static bool touches(const struct maps *maps, uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < maps->count; i++) {
		if (maps->map[i].start < end && start < maps->map[i].end)
			return true;
	}
	for (uint32_t i = 0; i < maps->special_count; i++) {
		const struct image_special *special = &maps->special[i];

		if (special->start < end && start < special->start + special->length)
			return true;
	}
	return false;
}

bool maps_is_free(const struct maps *maps, uint64_t at, uint64_t bytes)
{
	assert(at >= GAP_GUARD);
	return !touches(maps, at - GAP_GUARD, at + bytes + GAP_GUARD);
}

uint64_t maps_find_gap(const struct maps *a, const struct maps *b, uint64_t bytes)
{
	assert(a);
	for (uint64_t at = GAP_FIRST; at < GAP_END && bytes <= GAP_END - at; at += GAP_STEP) {
		if (maps_is_free(a, at, bytes) && !(b && !maps_is_free(b, at, bytes)))
			return at;
	}
	return 0;
}

/* One mapping as the kernel prints it. */
struct printed {
	uint64_t start, end, offset, device, inode;
	char rights[5];
	char path[IMAGE_PATH_MAX];
	char flags[160];
	uint64_t key, page_kb;
};

/* Whether the line opens a mapping: "hex-hex rights ...". Fields begin with a capital letter. */
static bool parse_opening(const char *line, struct printed *printed)
{
	char *end;

	printed->start = strtoull(line, &end, 16);
	if (*end != '-')
		return false;
	printed->end = strtoull(end + 1, &end, 16);
	if (*end != ' ')
		return false;
	memcpy(printed->rights, end + 1, 4);
	printed->rights[4] = 0;
	printed->offset = strtoull(end + 6, &end, 16);
	unsigned device_major = (unsigned)strtoul(end, &end, 16);

	printed->device = os_device(device_major, (unsigned)strtoul(end + 1, &end, 16));
	printed->inode = strtoull(end, &end, 10);
	end += strspn(end, " ");
	size_t length = strcspn(end, "\n");

	if (length >= sizeof(printed->path))
		length = sizeof(printed->path) - 1;
	memcpy(printed->path, end, length);
	printed->path[length] = 0;
	printed->flags[0] = 0;
	printed->key = 0;
	printed->page_kb = 0;
	return true;
}

static void parse_field(const char *line, struct printed *printed)
{
	if (strncmp(line, "VmFlags: ", 9) == 0) {
		size_t length = strcspn(line + 9, "\n");

		if (length >= sizeof(printed->flags))
			length = sizeof(printed->flags) - 1;
		memcpy(printed->flags, line + 9, length);
		printed->flags[length] = 0;
	} else if (strncmp(line, "ProtectionKey:", 14) == 0) {
		printed->key = strtoull(line + 14, NULL, 10);
	} else if (strncmp(line, "KernelPageSize:", 15) == 0) {
		printed->page_kb = strtoull(line + 15, NULL, 10);
	}
}

static int refuse_map(struct refusal *refusal, const struct printed *printed, const char *what)
{
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process has %s at %#llx-%#llx%s%s, which cannot be carried", what,
			   (unsigned long long)printed->start, (unsigned long long)printed->end,
			   printed->path[0] ? " " : "", printed->path);
}

static int read_page_size(const struct printed *printed, struct image_map *map,
			  struct refusal *refusal)
{
	if (printed->page_kb == 1u << 20)
		map->flags ^= IMAGE_MAP_HUGE_2M | IMAGE_MAP_HUGE_1G;
	else if (printed->page_kb != 2048)
		return refuse_map(refusal, printed, "huge pages of an unknown size");
	/* Of files of hugetlbfs, and of memory files, it is told when they are looked at. */
	if (strncmp(printed->path, "/SYSV", 5) == 0)
		return refuse_map(refusal, printed,
				  "System V shared memory of huge pages (SHM_HUGETLB)");
	return 0;
}

static int read_flags(const struct printed *printed, struct image_map *map, struct refusal *refusal)
{
	for (const char *at = printed->flags; at[0] && at[1]; at += at[2] ? 3 : 2) {
		const struct flag_row *row = NULL;

		for (size_t i = 0; i < sizeof(flag_table) / sizeof(flag_table[0]); i++) {
			if (memcmp(flag_table[i].letters, at, 2) == 0)
				row = &flag_table[i];
		}
		if (!row)
			return refuse_map(refusal, printed, "a mapping of an unknown kind");
		if (row->refused)
			return refuse_map(refusal, printed, row->refused);
		map->flags |= row->carried;
	}
	if (printed->key)
		return refuse_map(refusal, printed, "memory with a protection key");
	return map->flags & IMAGE_MAP_HUGE ? read_page_size(printed, map, refusal) : 0;
}

static void copy_label(struct image_map *map, const char *path, const char *prefix)
{
	size_t skip = strlen(prefix), length = strlen(path);

	if (length > skip && length - skip - 1 < sizeof(map->label))
		memcpy(map->label, path + skip, length - skip - 1);
}

/* Names that the kernel gives to objects that are no files of any file system. */
static const char *special_object(const char *path)
{
	static const struct {
		const char *prefix, *what;
	} known[] = {
		{ "/i915", "memory of a graphics card" },
		{ "anon_inode:", "a mapping of a kernel object" },
		{ "socket:", "a mapping of a socket" },
		{ "/dev/shm/", NULL },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(path, known[i].prefix, strlen(known[i].prefix)) == 0)
			return known[i].what;
	}
	return NULL;
}

static int classify_nameless(const struct printed *printed, struct image_map *map,
			     struct refusal *refusal)
{
	static const char prefix[] = "[anon:";

	if (strncmp(printed->path, prefix, sizeof(prefix) - 1) == 0)
		copy_label(map, printed->path, prefix);
	else if (printed->path[0] && strcmp(printed->path, "[heap]") &&
		 strcmp(printed->path, "[stack]"))
		return refuse_map(refusal, printed, "a mapping of an unknown kind");
	if (map->flags & IMAGE_MAP_SHARED)
		return refuse_map(refusal, printed, "a shared mapping without an object");
	map->kind = IMAGE_MAP_ANON;
	return 0;
}

/*
 * smaps prints a newline as \012 and leaves a backslash alone, so that a name with a backslash says
 * nothing for certain. The link in map_files has every byte.
 */
static int add_mapped_file(const struct printed *printed, int dir, struct files *files,
			   uint32_t use, struct refusal *refusal)
{
	char link[64], path[IMAGE_PATH_MAX];
	struct files_object object = { link, 0, printed->inode };

	snprintf(link, sizeof(link), "map_files/%llx-%llx", (unsigned long long)printed->start,
		 (unsigned long long)printed->end);
	if (!strchr(printed->path, '\\') && strlen(printed->path) < sizeof(printed->path) - 2)
		return files_add(files, dir, printed->path, &object, use, refusal);
	ssize_t length = procdir_link(dir, link, path, sizeof(path));

	if (length < 0 || length >= (ssize_t)sizeof(path) - 1)
		return refuse_map(refusal, printed,
				  length == -ENAMETOOLONG || length > 0
					  ? "a file whose path is too long to be opened again"
					  : "a file that cannot be named");
	return files_add(files, dir, path, &object, use, refusal);
}

int maps_open_object(int dir, uint64_t start, uint64_t end, int flags)
{
	char link[64];

	snprintf(link, sizeof(link), "map_files/%llx-%llx", (unsigned long long)start,
		 (unsigned long long)end);
	return os_open_at(dir, link, flags);
}

/*
 * The size of a shared anonymous object, in whole pages. One that is gone (the process still runs, and
 * is read again frozen) counts as if it were mapped to its end.
 */
static uint64_t object_bytes(const struct printed *printed, int dir)
{
	char link[64];
	struct os_status status;

	snprintf(link, sizeof(link), "map_files/%llx-%llx", (unsigned long long)printed->start,
		 (unsigned long long)printed->end);
	if (os_status_at(dir, link, &status) < 0 || status.size == 0)
		return memories_whole_pages(printed->offset + (printed->end - printed->start));
	return memories_whole_pages(status.size);
}

static bool is_foreign(const struct printed *printed, int dir, const struct migrate_host *host,
		       struct foreign_name *name)
{
	if (host->identify && host->identify(host->ctx, printed->device, printed->inode, name))
		return true;
	if (!host->recall || strncmp(printed->path, "/memfd:", 7) != 0)
		return false;
	int fd = maps_open_object(dir, printed->start, printed->end, OS_OPEN_READ);
	bool recalled = fd >= 0 && host->recall(host->ctx, fd, name);

	os_close(fd);
	return recalled;
}

/* The inode number is that of the segment. */
static bool is_sysv(const struct printed *printed)
{
	return strncmp(printed->path, "/SYSV", 5) == 0 && os_device_major(printed->device) == 0 &&
	       printed->inode <= INT32_MAX;
}

static int classify_sysv(const struct printed *printed, struct image_map *map, int dir,
			 const struct maps_objects *objects, struct refusal *refusal)
{
	const struct image_memory memory = { sysv_memory_of((int32_t)printed->inode),
					     object_bytes(printed, dir) };

	map->kind = IMAGE_MAP_SHARED_ANON;
	map->offset = printed->offset;
	map->object = memory.id;
	if (objects && memories_note(objects->memories, &memory) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	return 0;
}

/* Each mapping that is no copy of another one has a file of its own, as shared memory has. */
static int classify_huge(const struct printed *printed, struct image_map *map, int dir,
			 const struct maps_objects *objects, struct refusal *refusal)
{
	const struct image_memory memory = { printed->inode | MAPS_HUGE_MEMORY,
					     object_bytes(printed, dir) };

	assert(map->flags & IMAGE_MAP_HUGE && objects);
	map->kind = map->flags & IMAGE_MAP_SHARED ? IMAGE_MAP_SHARED_ANON : IMAGE_MAP_ANON;
	if (map->kind == IMAGE_MAP_ANON) {
		map->offset = 0;
		return 0;
	}
	map->object = memory.id;
	return memories_note(objects->memories, &memory)
		       ? refusal_set(refusal, EDVSNOMEM, "out of memory")
		       : 0;
}

static int classify_object(const struct printed *printed, struct image_map *map, int dir,
			   const struct maps_objects *objects, const struct migrate_host *host,
			   struct refusal *refusal)
{
	static const char shmem_label[] = "[anon_shmem:";
	struct foreign_name name;

	map->offset = printed->offset;
	if (!objects) {
		map->kind = IMAGE_MAP_FILE;
		return 0;
	}
	if (is_foreign(printed, dir, host, &name)) {
		map->kind = IMAGE_MAP_FOREIGN;
		memcpy(map->name, name.bytes, sizeof(map->name));
		return 0;
	}
	if (strncmp(printed->path, shmem_label, sizeof(shmem_label) - 1) == 0)
		copy_label(map, printed->path, shmem_label);
	if (map->label[0] || strcmp(printed->path, "/dev/zero (deleted)") == 0) {
		if (!(map->flags & IMAGE_MAP_SHARED))
			return refuse_map(refusal, printed, "a private mapping of shared memory");
		map->kind = IMAGE_MAP_SHARED_ANON;
		map->object = printed->inode;
		const struct image_memory memory = { printed->inode, object_bytes(printed, dir) };

		return memories_note(objects->memories, &memory)
			       ? refusal_set(refusal, EDVSNOMEM, "out of memory")
			       : 0;
	}
	if (map->flags & IMAGE_MAP_HUGE && strncmp(printed->path, "/anon_hugepage", 14) == 0)
		return classify_huge(printed, map, dir, objects, refusal);
	if (strncmp(printed->path, "/[aio]", 6) == 0) {
		map->kind = IMAGE_MAP_AIO;
		map->offset = 0;
		return 0;
	}
	const char *what = special_object(printed->path);

	if (what)
		return refuse_map(refusal, printed, what);
	bool writes = map->flags & IMAGE_MAP_SHARED && map->flags & IMAGE_MAP_MAYWRITE;
	int id = add_mapped_file(printed, dir, objects->files,
				 IMAGE_FILE_MAPPED | (writes ? IMAGE_FILE_WRITTEN : 0), refusal);

	if (id < 0)
		return id;
	map->kind = IMAGE_MAP_FILE;
	map->object = (uint64_t)id;
	return 0;
}

static int classify_kernel(struct maps *maps, const struct printed *printed, struct image_map *map,
			   struct refusal *refusal)
{
	if (strstr(printed->flags, "sl"))
		return refuse_map(refusal, printed, "a vdso that the kernel has sealed (mseal)");
	if (maps->special_count == IMAGE_SPECIALS)
		return refuse_map(refusal, printed, "one kernel mapping too many");
	struct image_special *special = &maps->special[maps->special_count];

	map->kind = IMAGE_MAP_SPECIAL;
	map->object = maps->special_count++;
	*special = (struct image_special){ .start = map->start, .length = map->end - map->start };
	size_t length = strlen(printed->path);

	if (length > 2 && length - 2 < sizeof(special->name))
		memcpy(special->name, printed->path + 1, length - 2);
	return 0;
}

struct reading {
	struct maps *maps;
	int dir;
	const struct maps_objects *objects;
	const struct migrate_host *host;
	struct maps_skip *skip;
	struct refusal *refusal;
};

static bool is_kernel_mapping(const char *path)
{
	return strcmp(path, "[vdso]") == 0 || strncmp(path, "[vvar", 5) == 0;
}

static int on_mapping(struct reading *reading, const struct printed *printed)
{
	struct image_map map = { .start = printed->start, .end = printed->end };
	const char *rights = printed->rights;
	int r;

	if (strcmp(printed->path, "[vsyscall]") == 0)
		return 0;
	map.flags = (rights[0] == 'r' ? IMAGE_MAP_READ : 0u) |
		    (rights[1] == 'w' ? IMAGE_MAP_WRITE : 0u) |
		    (rights[2] == 'x' ? IMAGE_MAP_EXEC : 0u) |
		    (rights[3] == 's' ? IMAGE_MAP_SHARED : 0u);
	if (is_kernel_mapping(printed->path)) {
		r = classify_kernel(reading->maps, printed, &map, reading->refusal);
	} else {
		r = read_flags(printed, &map, reading->refusal);
		if (r)
			return r;
		if (reading->skip && map.start >= reading->skip->start &&
		    map.end - reading->skip->start <= reading->skip->bytes) {
			reading->skip->locked = map.flags & IMAGE_MAP_LOCKED;
			return 0;
		}
		if (is_sysv(printed))
			r = classify_sysv(printed, &map, reading->dir, reading->objects,
					  reading->refusal);
		else if (printed->inode == 0)
			r = classify_nameless(printed, &map, reading->refusal);
		else
			r = classify_object(printed, &map, reading->dir, reading->objects,
					    reading->host, reading->refusal);
	}
	if (r)
		return r;
	assert(map.kind);
	if (reading->maps->count == IMAGE_MAPS_MAX || maps_append(reading->maps, &map) < 0)
		return refusal_set(reading->refusal, EDVSNOMEM,
				   "the process has too many mappings");
	return 0;
}

int maps_read(struct maps *maps, int dir, const struct maps_objects *objects,
	      const struct migrate_host *host, struct maps_skip *skip, struct procdir_text *buffer,
	      struct refusal *refusal)
{
	struct reading reading = { maps, dir, objects, host, skip, refusal };
	struct printed printed;
	bool open = false;
	int r = procdir_read(dir, "smaps", buffer);

	maps_clear(maps);
	if (r < 0)
		return ended_refuse(dir, r, "list of mappings", refusal);
	for (const char *line = buffer->text; line && *line && r == 0;) {
		const char *next = strchr(line, '\n');

		/* Every field begins with a capital; hexadecimal digits are printed small. */
		if (*line >= 'A' && *line <= 'Z') {
			parse_field(line, &printed);
		} else {
			if (open)
				r = on_mapping(&reading, &printed);
			open = parse_opening(line, &printed);
		}
		line = next ? next + 1 : NULL;
	}
	if (open && r == 0)
		r = on_mapping(&reading, &printed);
	if (r == 0 && maps->count == 0)
		return refusal_set(refusal, EDVSSRCH, "the process has no memory: it is ending");
	if (objects)
		memories_sort(objects->memories);
	return r;
}

bool maps_text_has(const char *maps, uint64_t device, uint64_t inode, bool writes)
{
	char object[64];
	const char *at = maps;

	snprintf(object, sizeof(object), " %02x:%02x %llu ", os_device_major(device),
		 os_device_minor(device), (unsigned long long)inode);
	while ((at = strstr(at, object))) {
		const char *line = at;

		while (line > maps && line[-1] != '\n')
			line--;
		const char *rights = strchr(line, ' ');

		if (!writes || (rights[2] == 'w' && rights[4] == 's'))
			return true;
		at++;
	}
	return false;
}
