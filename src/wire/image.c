/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of the records of a checkpoint stream. A record that passes may still be nonsense for a
 * process; it cannot make its reader leave its arrays.
 */
#include "wire/image.h"

#include <string.h>

bool image_range_ok(uint64_t start, uint64_t end)
{
	return start < end && end <= IMAGE_ADDRESS_END && start % IMAGE_PAGE == 0 &&
	       end % IMAGE_PAGE == 0 && start != 0;
}

bool image_length_ok(uint32_t type, uint32_t length)
{
	switch (type) {
	case IMAGE_MACHINE:
		return length == sizeof(struct image_machine);
	case IMAGE_OBJECTS:
		return length == sizeof(struct image_objects);
	case IMAGE_MEMBER:
		return length == sizeof(struct image_member);
	case IMAGE_MEMORY:
		return length == sizeof(struct image_memory);
	case IMAGE_SYSV:
		return length == sizeof(struct image_sysv);
	case IMAGE_TASK:
		return length == sizeof(struct image_task);
	case IMAGE_PROCESS:
		return length == sizeof(struct image_process);
	case IMAGE_STRING:
		return length >= sizeof(struct image_string_head) &&
		       length <= sizeof(struct image_string_head) + IMAGE_PATH_MAX;
	case IMAGE_FILE:
		return length > sizeof(struct image_file) &&
		       length <= sizeof(struct image_file) + IMAGE_PATH_MAX;
	case IMAGE_DESCRIPTION:
		return length == sizeof(struct image_description);
	case IMAGE_CONTENTS:
		return length > sizeof(struct image_contents) &&
		       length <= sizeof(struct image_contents) + IMAGE_CONTENTS_BYTES_MAX;
	case IMAGE_MAP:
		return length == sizeof(struct image_map);
	case IMAGE_FD:
		return length == sizeof(struct image_fd);
	case IMAGE_LOCK:
		return length == sizeof(struct image_lock);
	case IMAGE_OWNER:
		return length == sizeof(struct image_owner);
	case IMAGE_TABLE:
		return length == sizeof(struct image_table);
	case IMAGE_LAYOUT:
		return length == 0;
	case IMAGE_PAGES:
		return length > sizeof(struct image_pages) && length <= IMAGE_RECORD_MAX;
	case IMAGE_SHARED_PAGES:
		return length > sizeof(struct image_shared_pages) && length <= IMAGE_RECORD_MAX;
	case IMAGE_GUARD:
		return length == sizeof(struct image_guard);
	case IMAGE_SIGACTIONS:
		return length == IMAGE_SIGNALS * sizeof(struct image_sigaction);
	case IMAGE_SIGINFO:
		return length == sizeof(struct image_siginfo);
	case IMAGE_TIMER:
		return length == sizeof(struct image_timer);
	case IMAGE_THREAD:
		return length == sizeof(struct image_thread);
	case IMAGE_XSTATE:
		return length >= 512 + 64 && length <= IMAGE_XSTATE_MAX;
	case IMAGE_WANTED:
		return length == sizeof(struct image_wanted);
	case IMAGE_DIGEST:
		return length == sizeof(struct image_digest);
	case IMAGE_FILE_BYTES:
		return length > sizeof(struct image_file_bytes) &&
		       length <= sizeof(struct image_file_bytes) + IMAGE_FILE_BYTES_MAX;
	case IMAGE_SECCOMP:
		return length > sizeof(struct image_seccomp) && length <= IMAGE_RECORD_MAX;
	case IMAGE_END:
		return length == sizeof(struct image_end);
	}
	return false;
}

bool image_machine_ok(const struct image_machine *machine)
{
	return machine->magic == IMAGE_MAGIC && machine->version == IMAGE_VERSION &&
	       machine->page_bytes == IMAGE_PAGE && machine->xsave_bytes <= IMAGE_XSTATE_MAX &&
	       machine->monotonic_ns <= INT64_MAX / 4 && machine->boottime_ns <= INT64_MAX / 4;
}

static bool are_specials(const struct image_special *special, uint32_t count)
{
	if (count > IMAGE_SPECIALS)
		return false;
	for (unsigned i = 0; i < count; i++, special++) {
		if (!memchr(special->name, 0, sizeof(special->name)))
			return false;
		if (special->length > IMAGE_ADDRESS_END ||
		    !image_range_ok(special->start, special->start + special->length))
			return false;
	}
	return true;
}

bool image_task_ok(const struct image_task *task)
{
	if (task->vpid <= 1 || task->thread_count == 0 || task->thread_count > IMAGE_THREADS_MAX)
		return false;
	if (task->map_count > IMAGE_MAPS_MAX || !are_specials(task->special, task->special_count))
		return false;
	return memchr(task->comm, 0, sizeof(task->comm)) != NULL;
}

bool image_objects_ok(const struct image_objects *objects)
{
	return objects->magic == IMAGE_MAGIC && objects->version == IMAGE_VERSION &&
	       objects->file_count <= IMAGE_FILES_MAX &&
	       objects->memory_count <= IMAGE_MEMORIES_MAX &&
	       objects->description_count <= IMAGE_DESCRIPTIONS_MAX &&
	       objects->member_count <= IMAGE_MEMBERS_MAX;
}

/* A status of waitpid() that is the end of a process: how it exited, or the signal that ended it. */
static bool is_end(uint32_t status)
{
	uint32_t signal = status & 0x7f;

	return signal ? signal <= IMAGE_SIGNALS && !(status & ~0xffu) : !(status & ~0xff00u);
}

bool image_member_ok(const struct image_member *member)
{
	if (member->shares > IMAGE_SHARES_ALL ||
	    (member->shares && (!member->parent || member->ended)) ||
	    (member->shares & IMAGE_SHARES_HANDLERS && !(member->shares & IMAGE_SHARES_MEMORY)))
		return false;
	return member->vpid > 1 && (member->parent == 0 || member->parent > 1) &&
	       member->session > 0 && member->group > 0 && member->exit_signal <= IMAGE_SIGNALS &&
	       (member->ended ? member->ended == 1 && is_end(member->status) : !member->status);
}

bool image_memory_ok(const struct image_memory *memory)
{
	return memory->id && memory->bytes && memory->bytes % IMAGE_PAGE == 0 &&
	       memory->bytes <= IMAGE_ADDRESS_END;
}

bool image_sysv_ok(const struct image_sysv *sysv)
{
	if (sysv->kind > 2 || sysv->id < 0 || sysv->mode & ~0777u ||
	    sysv->flags & ~(uint32_t)IMAGE_SYSV_FLAGS_ALL)
		return false;
	if (sysv->kind == 0)
		return sysv->bytes && sysv->bytes <= IMAGE_ADDRESS_END && sysv->memory;
	return !sysv->memory && !(sysv->flags & (IMAGE_SYSV_REMOVED | IMAGE_SYSV_LOCKED)) &&
	       (sysv->kind == 1 ? sysv->count && sysv->count <= IMAGE_SEMAPHORES_MAX
				: !(sysv->flags & IMAGE_SYSV_USED));
}

/* Those that stop a process by default. */
static bool is_stop(uint32_t signal)
{
	return signal >= 19 && signal <= 22;
}

bool image_process_ok(const struct image_process *process)
{
	if (process->vpid <= 1 || process->thread_count == 0)
		return false;
	if (process->thread_count > IMAGE_THREADS_MAX)
		return false;
	if (process->map_count > IMAGE_MAPS_MAX || process->fd_count > IMAGE_FDS_MAX)
		return false;
	if ((process->stop_signal && !is_stop(process->stop_signal)) ||
	    process->news > IMAGE_NEWS_CONTINUED)
		return false;
	if (process->news == IMAGE_NEWS_STOPPED && !process->stop_signal)
		return false;
	return process->opener.group_count <= 64 && process->refuse_exec_gain <= 3 &&
	       are_specials(process->special, process->special_count);
}

bool image_file_ok(const struct image_file *file, uint32_t length)
{
	const char *path = (const char *)(file + 1);

	if (!file->id || file->path_length == 0 || file->path_length >= IMAGE_PATH_MAX)
		return false;
	if (length != sizeof(*file) + file->path_length || file->build_id_length > 32)
		return false;
	/* A deleted file has contents, a deleted folder never. */
	if (file->use & IMAGE_FILE_DELETED &&
	    !(file->use & IMAGE_FILE_MEMORY) != !!(file->use & IMAGE_FILE_DIRECTORY))
		return false;
	if (file->use & IMAGE_FILE_MEMORY ? (file->size == 0) != (file->memory == 0)
					  : file->memory != 0)
		return false;
	return path[0] == '/' && !memchr(path, 0, file->path_length);
}

bool image_file_has(const struct image_file *file, const struct image_memory *memory)
{
	return file->use & IMAGE_FILE_MEMORY && file->memory == memory->id &&
	       file->size <= memory->bytes && memory->bytes - file->size < IMAGE_PAGE;
}

bool image_file_bytes_ok(const struct image_file_bytes *bytes, uint32_t length)
{
	return bytes->file && bytes->length && length == sizeof(*bytes) + bytes->length;
}

uint64_t image_page_bytes(uint32_t map_flags)
{
	if (map_flags & IMAGE_MAP_HUGE_1G)
		return 1u << 30;
	return map_flags & IMAGE_MAP_HUGE_2M ? 1u << 21 : IMAGE_PAGE;
}

/* Of one size, and whole. */
static bool are_huge_pages(const struct image_map *map)
{
	uint64_t bytes = image_page_bytes(map->flags);

	if (map->kind != IMAGE_MAP_ANON && map->kind != IMAGE_MAP_SHARED_ANON)
		return false;
	return (map->flags & IMAGE_MAP_HUGE) != IMAGE_MAP_HUGE && map->start % bytes == 0 &&
	       map->end % bytes == 0 && map->offset % bytes == 0;
}

/* Of events of 32 bytes behind a head of as many: the head and the tail are numbers of events. */
static bool is_ring(const struct image_map *map)
{
	uint64_t bytes = map->end - map->start, events = bytes / 32 - 1;

	return bytes <= IMAGE_AIO_BYTES_MAX && (uint32_t)map->object < events &&
	       map->object >> 32 < events && map->flags & IMAGE_MAP_SHARED;
}

bool image_map_ok(const struct image_map *map)
{
	if (!image_range_ok(map->start, map->end) || map->offset % IMAGE_PAGE)
		return false;
	if (map->kind < IMAGE_MAP_ANON || map->kind > IMAGE_MAP_AIO)
		return false;
	if (map->flags & ~(uint32_t)IMAGE_MAP_FLAGS_ALL)
		return false;
	/* A mapping may go on beyond the end of its object. */
	if (map->kind == IMAGE_MAP_SHARED_ANON &&
	    (map->object == 0 || map->offset > IMAGE_ADDRESS_END))
		return false;
	if (map->flags & IMAGE_MAP_HUGE && !are_huge_pages(map))
		return false;
	if (map->kind == IMAGE_MAP_AIO && !is_ring(map))
		return false;
	return memchr(map->label, 0, sizeof(map->label)) != NULL;
}

bool image_timer_ok(const struct image_timer *timer)
{
	return timer->id >= 0;
}

bool image_pages_ok(const struct image_pages *pages, uint32_t length)
{
	if (pages->count == 0 || pages->count > IMAGE_RUN_PAGES_MAX)
		return false;
	if (length != sizeof(*pages) + pages->count * IMAGE_PAGE)
		return false;
	return image_range_ok(pages->address, pages->address + pages->count * (uint64_t)IMAGE_PAGE);
}

bool image_shared_pages_ok(const struct image_shared_pages *pages, uint32_t length)
{
	if (pages->count == 0 || pages->count > IMAGE_RUN_PAGES_MAX)
		return false;
	if (length != sizeof(*pages) + pages->count * IMAGE_PAGE)
		return false;
	return pages->offset % IMAGE_PAGE == 0 && pages->offset < IMAGE_ADDRESS_END;
}

bool image_string_ok(const struct image_string_head *head, uint32_t length)
{
	return head->length <= IMAGE_PATH_MAX && length == sizeof(*head) + head->length;
}
