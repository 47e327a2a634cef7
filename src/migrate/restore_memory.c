/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/restore.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/aio.h"
#include "migrate/memory.h"
#include "migrate/sysv.h"
#include "os/kernel.h"
#include "os/open.h"

#define VMA_ANON_NAME	0
#define MLOCK_ON_FAULT	1
#define LOCK_ALL_FUTURE 2
#define CALLS_PER_MAP	16

static uint64_t protection(const struct image_map *map)
{
	return (map->flags & IMAGE_MAP_READ ? PROT_READ : 0u) |
	       (map->flags & IMAGE_MAP_WRITE ? PROT_WRITE : 0u) |
	       (map->flags & IMAGE_MAP_EXEC ? PROT_EXEC : 0u);
}

/* Pages of the size that the mapping has, which are taken from those that the machine keeps for that. */
static uint64_t huge_flags(uint32_t flags)
{
	if (!(flags & IMAGE_MAP_HUGE))
		return 0;
	return MAP_HUGETLB | (flags & IMAGE_MAP_HUGE_1G ? MAP_HUGE_1GB : MAP_HUGE_2MB);
}

/* With less than that a page of theirs can never be written from outside. */
static bool is_filled_writable(const struct image_map *map)
{
	return map->kind == IMAGE_MAP_SHARED_ANON || map->flags & IMAGE_MAP_HUGE;
}

static uint64_t map_flags(const struct image_map *map)
{
	uint64_t flags = MAP_FIXED_NOREPLACE;

	if (map->flags & IMAGE_MAP_DROPPABLE)
		flags |= MAP_DROPPABLE;
	else
		flags |= map->flags & IMAGE_MAP_SHARED ? MAP_SHARED : MAP_PRIVATE;
	if (map->flags & IMAGE_MAP_GROWSDOWN)
		flags |= MAP_GROWSDOWN;
	if (map->flags & IMAGE_MAP_NORESERVE)
		flags |= MAP_NORESERVE;
	return flags | huge_flags(map->flags);
}

static void add_mmap(struct restore *restore, const struct image_map *map, uint64_t rights,
		     uint64_t extra, uint64_t fd)
{
	calls_expect(&restore->calls, "map its memory", (int64_t)map->start, SYS_mmap, map->start,
		     map->end - map->start, rights, map_flags(map) | extra, fd,
		     extra & MAP_ANONYMOUS ? 0 : map->offset);
}

/* Descriptor 0 of the shell is free again. */
static void close_mapped(struct restore *restore)
{
	if (restore->mapped.file) {
		calls_room(&restore->calls, 1, 0);
		calls_expect(&restore->calls, "close a file", 0, SYS_close, 0);
	}
	restore->mapped.file = NULL;
}

/* As descriptor 0 of the shell, which stays open for the next mapping: it mostly is of the same file. */
static int open_mapped(struct restore *restore, const struct file *file, bool writes,
		       struct refusal *refusal)
{
	if (restore->mapped.file == file && restore->mapped.writes == writes)
		return 0;
	close_mapped(restore);
	int fd = restore_open_file(restore, file, writes ? O_RDWR : O_RDONLY, refusal);
	int r = restore_send_descriptor(restore, fd, 0, RESTORE_SHELL_FD, refusal);

	if (r == 0) {
		restore->mapped.file = file;
		restore->mapped.writes = writes;
	}
	return r;
}

static int add_file_map(struct restore *restore, const struct image_map *map,
			struct refusal *refusal)
{
	const struct file *file = files_find(&restore->picture.tables->files, map->object);
	assert(file); /* which was found when the mapping was taken */
	bool writes = map->flags & IMAGE_MAP_SHARED && map->flags & IMAGE_MAP_MAYWRITE;

	int r = open_mapped(restore, file, writes, refusal);

	if (r)
		return r;
	calls_room(&restore->calls, 1, 0);
	add_mmap(restore, map, protection(map), 0, 0);
	return 0;
}

static int add_foreign_map(struct restore *restore, const struct image_map *map,
			   struct refusal *refusal)
{
	close_mapped(restore);
	int fd = restore_open_foreign(restore, map->name, refusal);
	int r = restore_send_descriptor(restore, fd, 0, RESTORE_SHELL_FD, refusal);

	if (r)
		return r;
	calls_room(&restore->calls, 2, 0);
	add_mmap(restore, map, protection(map), 0, 0);
	calls_expect(&restore->calls, "close a page", 0, SYS_close, 0);
	return 0;
}

static uint64_t pages_up(uint64_t at, const struct object *object)
{
	uint64_t page = image_page_bytes(object->flags);

	return (at + page - 1) / page * page;
}

/*
 * The shared anonymous objects are mapped as a whole, one behind the other and out of the way: each
 * mapping of one is made by mremap with an old length of 0, which maps the same memory once more, and
 * the contents go in here, also those of parts that are not mapped. restore_settle() unmaps them.
 */
static int place_objects(struct restore *restore, uint64_t *bytes, struct refusal *refusal)
{
	struct objects *objects = &restore->objects;
	struct image_map taken = { .start = restore->foothold.base.at,
				   .end = restore->foothold.base.at + FOOTHOLD_BYTES };
	uint64_t at;

	assert(restore->foothold.base.at);
	*bytes = 0;
	for (uint32_t i = 0; i < objects->count; i++) {
		/* The first gap there is begins at a multiple of any page. */
		*bytes = pages_up(*bytes, &objects->object[i]);
		if (*bytes > IMAGE_ADDRESS_END ||
		    objects->object[i].reach > IMAGE_ADDRESS_END - *bytes)
			return refusal_set(refusal, EDVSPROCSTS,
					   "there is no room for the shared memory of the process");
		*bytes += objects->object[i].reach;
	}
	if (maps_append(&restore->own, &taken) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	at = maps_find_gap(&restore->picture.maps, &restore->own, *bytes);
	restore->own.count--;
	if (!at)
		return refusal_set(refusal, EDVSPROCSTS,
				   "there is no room for the shared memory of the process");
	for (uint32_t i = 0; i < objects->count; i++) {
		at = pages_up(at, &objects->object[i]);
		objects->object[i].at = at;
		at += objects->object[i].reach;
	}
	return 0;
}

/* Each process attaches a segment itself: the kernel counts how often that is done. */
static void add_segment(struct restore *restore, const struct object *object)
{
	struct calls *calls = &restore->calls;
	int32_t id = 0;

	bool is = sysv_is_memory(object->id, &id);

	assert(is && object->at);
	calls_room(calls, 1, 0);
	calls_expect(calls, "attach its System V shared memory", (int64_t)object->at, SYS_shmat,
		     (uint64_t)id, object->at, 0);
}

static int add_object(struct restore *restore, const struct object *object, struct refusal *refusal)
{
	struct calls *calls = &restore->calls;
	bool no_reserve = object->flags & IMAGE_MAP_NORESERVE;
	int r = 0;

	if (object->is_sysv) {
		add_segment(restore, object);
		return 0;
	}
	if (object->is_file) {
		int fd = restore_open_file(restore,
					   &restore->picture.tables->files.file[object->first],
					   O_RDWR, refusal);

		r = restore_send_descriptor(restore, fd, 0, RESTORE_SHELL_FD, refusal);
	}
	assert(object->at && object->bytes <= object->reach);
	calls_room(calls, 3, 0);
	calls_expect(calls, "map shared memory", (int64_t)object->at, SYS_mmap, object->at,
		     object->bytes, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED_NOREPLACE | (object->is_file ? 0 : MAP_ANONYMOUS) |
			     (no_reserve ? MAP_NORESERVE : 0) | huge_flags(object->flags),
		     object->is_file ? 0 : ~0ull, 0);
	if (object->is_file)
		calls_expect(calls, "close a file", 0, SYS_close, 0);
	/* For mappings that begin beyond the end. */
	if (object->reach > object->bytes)
		calls_expect(calls, "map shared memory", (int64_t)object->at, SYS_mremap,
			     object->at, object->bytes, object->reach, 0, 0);
	if (object->flags & IMAGE_MAP_HUGEPAGE)
		calls_add(calls, "advise about its memory", CALL_OK, SYS_madvise, object->at,
			  object->reach, MADV_HUGEPAGE);
	return r;
}

/* The process before this one with that number of the tree's living members, or NULL: there is none. */
static struct restore *earlier(const struct restore *restore, uint32_t index)
{
	const struct members *members = &restore->picture.tables->members;
	struct restore *other = NULL;

	if (restore->member && index < members->count)
		other = restore->member(restore->tree, members->member[index].vpid);
	return other == restore ? NULL : other;
}

/* Memory that an earlier process maps is made by that one. */
static void leave_objects(struct restore *restore)
{
	const struct restore *other;

	for (uint32_t i = 0; (other = earlier(restore, i)); i++)
		objects_leave(&restore->objects, &other->picture.maps);
}

/* The object, which an earlier process has mapped. */
static int open_shared(struct restore *restore, uint64_t object, struct refusal *refusal)
{
	const struct restore *other;

	for (uint32_t i = 0; (other = earlier(restore, i)); i++) {
		const struct maps *maps = &other->picture.maps;

		for (uint32_t j = 0; j < maps->count; j++) {
			if (maps->map[j].kind != IMAGE_MAP_SHARED_ANON ||
			    maps->map[j].object != object)
				continue;
			int fd = maps_open_object(other->dir, maps->map[j].start, maps->map[j].end,
						  OS_OPEN_BOTH);

			if (fd >= 0)
				return fd;
		}
	}
	return refusal_set(refusal, EDVSPROCSTS,
			   "shared memory cannot be mapped by another process on the target");
}

static int add_objects(struct restore *restore, struct refusal *refusal)
{
	struct objects *objects = &restore->objects;
	uint64_t bytes;

	int r = objects_collect(objects, &restore->picture.maps, &restore->picture.tables->memories,
				restore->lent ? NULL : &restore->picture.tables->files);

	if (r == -EBADMSG)
		return refusal_set(refusal, EDVSIO, "the image is damaged: its shared memory");
	if (r < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	leave_objects(restore);
	r = place_objects(restore, &bytes, refusal);

	for (uint32_t i = 0; i < objects->count && r == 0; i++)
		r = add_object(restore, &objects->object[i], refusal);
	return r;
}

/* By a descriptor of ours of the memory. The shell has it as 0 for a moment. */
static int add_descriptor_map(struct restore *restore, const struct image_map *map, int fd,
			      struct refusal *refusal)
{
	int r = restore_send_descriptor(restore, fd, 0, RESTORE_SHELL_FD, refusal);

	if (r)
		return r;
	calls_room(&restore->calls, 2, 0);
	add_mmap(restore, map, PROT_READ | PROT_WRITE, 0, 0);
	calls_expect(&restore->calls, "close shared memory", 0, SYS_close, 0);
	return 0;
}

/* The kernel maps no huge pages once more by mremap. */
static int add_huge_map(struct restore *restore, const struct image_map *map,
			const struct object *object, struct refusal *refusal)
{
	assert(object->at && object->flags & IMAGE_MAP_HUGE);
	close_mapped(restore);
	int r = restore_run(restore, refusal);

	if (r)
		return r;
	int fd = maps_open_object(restore->dir, object->at, object->at + object->bytes,
				  OS_OPEN_BOTH);

	if (fd < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "shared memory of huge pages cannot be mapped on the target: %s",
				   strerror(-fd));
	return add_descriptor_map(restore, map, fd, refusal);
}

static int add_shared_map(struct restore *restore, const struct image_map *map,
			  struct refusal *refusal)
{
	const struct object *object = objects_find(&restore->objects, map->object);
	int32_t id = 0;

	assert(!object || !object->is_file); /* objects_collect() saw to it */
	if (!object) {
		close_mapped(restore);
		return add_descriptor_map(restore, map, open_shared(restore, map->object, refusal),
					  refusal);
	}
	if (object->flags & IMAGE_MAP_HUGE)
		return add_huge_map(restore, map, object, refusal);
	calls_room(&restore->calls, 1, 0);
	/* One that was attached to be read only can never be written. */
	if (object->is_sysv && !(map->flags & IMAGE_MAP_MAYWRITE) && map->offset == 0 &&
	    map->end - map->start == object->bytes) {
		sysv_is_memory(object->id, &id);
		calls_expect(&restore->calls, "attach its System V shared memory",
			     (int64_t)map->start, SYS_shmat, (uint64_t)id, map->start, SHM_RDONLY);
		return 0;
	}
	calls_expect(&restore->calls, "map shared memory", (int64_t)map->start, SYS_mremap,
		     object->at + map->offset, 0, map->end - map->start,
		     MREMAP_MAYMOVE | MREMAP_FIXED, map->start);
	return 0;
}

static int check_special(struct restore *restore, const struct image_map *map,
			 struct refusal *refusal)
{
	for (uint32_t i = 0; i < restore->own.special_count; i++) {
		if (restore->own.special[i].start == map->start &&
		    restore->own.special[i].length == map->end - map->start)
			return 0;
	}
	return refusal_set(refusal, EDVSBUSY,
			   "the process has moved its vdso since the offer; try again");
}

/*
 * Before the contents: whether a page that is written becomes part of a huge page is decided when it
 * is written, and what the kernel collects later it collects slowly.
 */
static void add_advice(struct restore *restore, const struct image_map *map)
{
	static const struct {
		uint32_t flag;
		int advice;
	} advices[] = {
		{ IMAGE_MAP_SEQUENTIAL, MADV_SEQUENTIAL }, { IMAGE_MAP_RANDOM, MADV_RANDOM },
		{ IMAGE_MAP_DONTFORK, MADV_DONTFORK },	   { IMAGE_MAP_DONTDUMP, MADV_DONTDUMP },
		{ IMAGE_MAP_WIPEONFORK, MADV_WIPEONFORK }, { IMAGE_MAP_HUGEPAGE, MADV_HUGEPAGE },
		{ IMAGE_MAP_NOHUGEPAGE, MADV_NOHUGEPAGE }, { IMAGE_MAP_MERGEABLE, MADV_MERGEABLE },
	};

	if (map->flags & IMAGE_MAP_DROPPABLE)
		return; /* its flags come with its kind */
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
		if (map->flags & advices[i].flag)
			calls_add(&restore->calls, "advise about its memory", CALL_OK, SYS_madvise,
				  map->start, map->end - map->start, (uint64_t)advices[i].advice);
	}
}

static int add_map(struct restore *restore, uint32_t index, struct refusal *refusal)
{
	const struct image_map *map = &restore->picture.maps.map[index];
	uint64_t ours = restore->foothold.base.at;

	assert(ours);
	if (map->start < ours + FOOTHOLD_BYTES && ours < map->end)
		return refusal_set(
			refusal, EDVSBUSY,
			"the process has just mapped memory where the restore works; try "
			"again");
	switch (map->kind) {
	case IMAGE_MAP_SPECIAL:
		return check_special(restore, map, refusal);
	case IMAGE_MAP_ANON:
		calls_room(&restore->calls, 1, 0);
		add_mmap(restore, map,
			 is_filled_writable(map) ? PROT_READ | PROT_WRITE : protection(map),
			 MAP_ANONYMOUS, ~0ull);
		return 0;
	case IMAGE_MAP_SHARED_ANON:
		return add_shared_map(restore, map, refusal);
	case IMAGE_MAP_FILE:
		return add_file_map(restore, map, refusal);
	case IMAGE_MAP_AIO:
		close_mapped(restore);
		return restore_refuse(restore, aio_make(&restore->calls, map), refusal);
	case IMAGE_MAP_FOREIGN:
		return add_foreign_map(restore, map, refusal);
	}
	return refusal_set(refusal, EDVSIO, "the image has a mapping of an unknown kind");
}

static int add_map_advised(struct restore *restore, uint32_t index, struct refusal *refusal)
{
	const struct image_map *map = &restore->picture.maps.map[index];
	int r = add_map(restore, index, refusal);

	if (r || map->kind == IMAGE_MAP_SPECIAL)
		return r;
	calls_room(&restore->calls, CALLS_PER_MAP, 0);
	add_advice(restore, map);
	return 0;
}

int restore_layout(struct restore *restore, struct refusal *refusal)
{
	int r = 0;

	calls_begin(&restore->calls, &restore->foothold, &restore->threads.tracee[0]);
	if (restore->picture.process.thp_disable)
		calls_add(&restore->calls, "switch off huge pages", CALL_OK, SYS_prctl,
			  PR_SET_THP_DISABLE, 1, restore->picture.process.thp_disable & ~1u);
	if (!restore->lent)
		r = restore_memory_files(restore, refusal);
	if (r == 0)
		r = add_objects(restore, refusal);
	for (uint32_t i = 0; i < restore->picture.maps.count && r == 0; i++)
		r = add_map_advised(restore, i, refusal);
	close_mapped(restore);
	return r ? r : restore_run(restore, refusal);
}

int restore_pages(struct restore *restore, const struct image_pages *pages, struct refusal *refusal)
{
	uint64_t bytes = pages->count * (uint64_t)IMAGE_PAGE;
	const struct image_map *map =
		picture_map_of(&restore->picture, pages->address, pages->address + bytes);

	assert(pages->count);
	if (map && map->kind == IMAGE_MAP_AIO)
		return aio_receive(restore->pid, map, pages, refusal);
	if (!map || (map->kind != IMAGE_MAP_ANON &&
		     (map->kind != IMAGE_MAP_FILE || map->flags & IMAGE_MAP_SHARED)))
		return refusal_set(refusal, EDVSIO,
				   "the image is damaged: pages outside the memory of the process");
	/* It may never have been writable. */
	if (map->flags & (IMAGE_MAP_WRITE | IMAGE_MAP_HUGE))
		return memory_receive(restore->pid, pages->address, pages + 1, pages->count,
				      refusal);
	ssize_t done = os_write_at(restore->mem, pages + 1, bytes, pages->address);

	if (done == (ssize_t)bytes)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS, "page %#llx cannot be written on the target: %s",
			   (unsigned long long)pages->address,
			   strerror(done < 0 ? (int)-done : EFAULT));
}

int restore_shared_pages(struct restore *restore, const struct image_shared_pages *pages,
			 struct refusal *refusal)
{
	const struct object *object = objects_find(&restore->objects, pages->memory);
	uint64_t bytes = pages->count * (uint64_t)IMAGE_PAGE;

	if (!object || bytes > object->bytes || pages->offset > object->bytes - bytes)
		return refusal_set(refusal, EDVSIO,
				   "the image is damaged: pages outside the shared memory");
	return memory_receive(restore->pid, object->at + pages->offset, pages + 1, pages->count,
			      refusal);
}

static void add_settling(struct restore *restore, const struct image_map *map)
{
	uint64_t length = map->end - map->start;

	if (map->kind == IMAGE_MAP_SPECIAL)
		return;
	calls_room(&restore->calls, CALLS_PER_MAP, sizeof(map->label));
	if (is_filled_writable(map) && protection(map) != (PROT_READ | PROT_WRITE))
		calls_add(&restore->calls, "protect its memory", CALL_OK, SYS_mprotect, map->start,
			  length, protection(map));
	if (map->label[0]) {
		struct remote_ptr label =
			calls_put(&restore->calls, map->label, strlen(map->label) + 1);

		calls_add(&restore->calls, "name its memory", CALL_ANY, SYS_prctl, PR_SET_VMA,
			  VMA_ANON_NAME, map->start, length, label.at);
	}
	if (map->flags & IMAGE_MAP_LOCKED)
		calls_add(&restore->calls, "lock its memory", CALL_OK, SYS_mlock2, map->start,
			  length, map->flags & IMAGE_MAP_LOCKONFAULT ? MLOCK_ON_FAULT : 0);
}

static int add_bounds(struct restore *restore, struct refusal *refusal)
{
	const struct image_process *process = &restore->picture.process;
	const struct file *exe = files_find(&restore->picture.tables->files, process->exe_file);
	struct prctl_mm_map {
		struct image_bounds bounds;
		uint64_t auxv;
		uint32_t auxv_bytes;
		int32_t exe_fd;
	} mm = { .bounds = process->bounds, .auxv_bytes = restore->picture.auxv_bytes };

	assert(exe); /* which was found when the process was taken */
	int fd = restore_open_file(restore, exe, O_RDONLY, refusal);
	int r = restore_send_descriptor(restore, fd, 0, RESTORE_SHELL_FD, refusal);

	if (r)
		return r;
	calls_room(&restore->calls, 2, sizeof(mm) + sizeof(restore->picture.auxv));
	mm.auxv = calls_put(&restore->calls, restore->picture.auxv, mm.auxv_bytes).at;
	struct remote_ptr address = calls_put(&restore->calls, &mm, sizeof(mm));

	calls_add(&restore->calls, "set the bounds of its memory", CALL_OK, SYS_prctl, PR_SET_MM,
		  PR_SET_MM_MAP, address.at, sizeof(mm), 0);
	calls_expect(&restore->calls, "close the program file", 0, SYS_close, 0);
	return 0;
}

/* Before there are other threads: with them each registration waits for a grace period. */
static void add_barriers(struct restore *restore)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		if (!(restore->picture.process.membarrier >> bit & 1))
			continue;
		calls_room(&restore->calls, 1, 0);
		calls_add(&restore->calls, "register its memory barriers", CALL_OK, SYS_membarrier,
			  1ull << bit, 0, 0);
	}
}

int restore_settle(struct restore *restore, struct refusal *refusal)
{
	const struct picture *picture = &restore->picture;

	calls_begin(&restore->calls, &restore->foothold, &restore->threads.tracee[0]);
	for (uint32_t i = 0; i < restore->objects.count; i++) {
		calls_room(&restore->calls, 1, 0);
		calls_add(&restore->calls, "map shared memory", CALL_OK, SYS_munmap,
			  restore->objects.object[i].at, restore->objects.object[i].reach);
	}
	for (uint32_t i = 0; i < picture->maps.count; i++)
		add_settling(restore, &picture->maps.map[i]);
	for (uint32_t i = 0; i < picture->guard_count; i++) {
		calls_room(&restore->calls, 1, 0);
		calls_add(&restore->calls, "install guard pages", CALL_OK, SYS_madvise,
			  picture->guard[i].start, picture->guard[i].end - picture->guard[i].start,
			  MADV_GUARD_INSTALL);
	}
	/* Last of all that concerns mappings: they cannot be changed any more. */
	for (uint32_t i = 0; i < picture->maps.count; i++) {
		const struct image_map *map = &picture->maps.map[i];

		if (map->kind == IMAGE_MAP_SPECIAL || !(map->flags & IMAGE_MAP_SEALED))
			continue;
		calls_room(&restore->calls, 1, 0);
		calls_add(&restore->calls, "seal its memory (mseal, Linux 6.10)", CALL_OK,
			  SYS_mseal, map->start, map->end - map->start, 0);
	}
	int r = 0;

	/* The first process has all contents by now, and has let go of the memory as a whole when this has run. */
	if (!restore->lent && restore_has_memory_programs(restore)) {
		r = restore_run(restore, refusal);
		if (r == 0)
			r = restore_seal_memory_programs(restore, refusal);
	}
	if (r == 0)
		r = add_bounds(restore, refusal);
	if (r)
		return r;
	add_barriers(restore);
	if (picture->process.lock_future) {
		calls_room(&restore->calls, 1, 0);
		calls_add(&restore->calls, "lock its future memory", CALL_OK, SYS_mlockall,
			  LOCK_ALL_FUTURE);
	}
	return restore_run(restore, refusal);
}
