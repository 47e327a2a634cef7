/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/picture.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/kind.h"
#include "migrate/object_records.h"

#define SIGNALS_MAX 65536u
#define TIMERS_MAX  65536u
#define GUARDS_MAX  1048576u
#define FILTERS_MAX 65536u

void picture_free(struct picture *picture)
{
	for (uint32_t i = 0; i < picture->thread_count; i++)
		free(picture->thread[i].xstate);
	free(picture->thread);
	for (uint32_t i = 0; i < picture->filter_count; i++)
		free(picture->filter[i]);
	free(picture->filter);
	free(picture->signal);
	free(picture->timer);
	free(picture->guard);
	maps_free(&picture->maps);
	descriptors_free(&picture->descriptors);
	for (uint32_t i = 0; i < picture->table_count; i++)
		descriptors_free(&picture->table[i].descriptors);
	free(picture->table);
	*picture = (struct picture){ .tables = picture->tables };
}

/* Appends one element of `bytes` to an array; NULL if there is no memory or `limit` is reached. */
static void *append(void **array, uint32_t *count, uint32_t *capacity, uint32_t limit, size_t bytes)
{
	if (*count == limit)
		return NULL;
	if (*count == *capacity) {
		uint32_t more = *capacity ? *capacity * 2 : 16;
		void *bigger = realloc(*array, more * bytes);

		if (!bigger)
			return NULL;
		*array = bigger;
		*capacity = more;
	}
	assert(*count < *capacity && *count < limit);
	return (uint8_t *)*array + (*count)++ * bytes;
}

static int refuse_damaged(struct refusal *refusal, const char *what)
{
	return refusal_set(refusal, EDVSIO, "the image is damaged: %s", what);
}

static int take_string(struct picture *picture, const struct reader *reader, const void *payload)
{
	const struct image_string_head *head = payload;
	const char *bytes = (const char *)(head + 1);

	if (!image_string_ok(head, reader->length))
		return -EBADMSG;
	switch (head->which) {
	case IMAGE_STRING_CWD:
		if (head->length == 0 || bytes[0] != '/' || memchr(bytes, 0, head->length))
			return -EBADMSG;
		memcpy(picture->cwd, bytes, head->length);
		picture->cwd[head->length] = 0;
		return 0;
	case IMAGE_STRING_AUXV:
		if (head->length > sizeof(picture->auxv))
			return -EBADMSG;
		memcpy(picture->auxv, bytes, head->length);
		picture->auxv_bytes = head->length;
		return 0;
	case IMAGE_STRING_LOGIN:
		if (head->length != sizeof(picture->login))
			return -EBADMSG;
		memcpy(&picture->login, bytes, sizeof(picture->login));
		picture->has_login = true;
		return 0;
	}
	return -EBADMSG;
}

/* The table whose records are read, and the number of the task that has it: the process's, or the last one. */
static struct descriptors *table_of(struct picture *picture, int32_t *holder)
{
	struct picture_table *last =
		picture->table_count ? &picture->table[picture->table_count - 1] : NULL;

	*holder = last ? last->image.tid : picture->process.vpid;
	return last ? &last->descriptors : &picture->descriptors;
}

/* Numbers ascend. */
static int take_fd(struct picture *picture, const struct image_fd *fd)
{
	int32_t holder;
	struct descriptors *descriptors = table_of(picture, &holder);
	uint32_t count = descriptors->count;

	if (!image_fd_ok(fd) || count == IMAGE_FDS_MAX)
		return -EBADMSG;
	if (count && fd->number <= descriptors->fd[count - 1].number)
		return -EBADMSG;
	struct description *description =
		descriptions_find(&picture->tables->descriptions, fd->description);

	if (!description)
		return -EBADMSG;
	if (!description->holder)
		description->holder = holder;
	return descriptors_append(descriptors, fd);
}

static int take_lock(struct picture *picture, const struct image_lock *lock)
{
	int32_t holder;
	struct descriptors *descriptors = table_of(picture, &holder);

	if (!image_lock_ok(lock) || !descriptors_stand_for(descriptors, lock->number))
		return -EBADMSG;
	return locks_append(&descriptors->locks, lock);
}

static int take_owner(struct picture *picture, const struct image_owner *owner)
{
	int32_t holder;
	struct descriptors *descriptors = table_of(picture, &holder);

	if (!image_owner_ok(owner) || !descriptors_stand_for(descriptors, owner->number))
		return -EBADMSG;
	return owners_append(&descriptors->owners, owner);
}

/* Whether the one before is whole is asked at the end. */
static int take_table(struct picture *picture, const struct image_table *image)
{
	struct picture_table *table;

	if (!image_table_ok(image) || image->tid == picture->process.vpid)
		return -EBADMSG;
	table = append((void **)&picture->table, &picture->table_count, &picture->table_capacity,
		       IMAGE_THREADS_MAX, sizeof(*table));
	if (!table)
		return -ENOMEM;
	*table = (struct picture_table){ .image = *image };
	return 0;
}

static int take_layout_record(struct picture *picture, const struct reader *reader,
			      const void *payload)
{
	switch (reader->type) {
	case IMAGE_STRING:
		return take_string(picture, reader, payload);
	case IMAGE_MAP:
		return object_records_take_map(picture->tables, &picture->maps, payload);
	case IMAGE_FD:
		return take_fd(picture, payload);
	case IMAGE_LOCK:
		return take_lock(picture, payload);
	case IMAGE_OWNER:
		return take_owner(picture, payload);
	case IMAGE_TABLE:
		return take_table(picture, payload);
	default:
		return -EBADMSG;
	}
}

static int take_process(struct picture *picture, const struct image_process *process)
{
	if (!image_process_ok(process) || !files_find(&picture->tables->files, process->exe_file) ||
	    !files_find(&picture->tables->files, process->cwd_file))
		return -EBADMSG;
	if (process->root_file && !files_find(&picture->tables->files, process->root_file))
		return -EBADMSG;
	picture->process = *process;
	memcpy(picture->maps.special, process->special, sizeof(process->special));
	picture->maps.special_count = process->special_count;
	return 0;
}

/* Contents that refer to descriptors, of the descriptions that this task is the first to hold. */
static bool are_whole(const struct picture *picture, int32_t holder,
		      const struct descriptors *descriptors)
{
	const struct descriptions *all = &picture->tables->descriptions;

	for (uint32_t i = 0; i < all->count; i++) {
		const struct description *description = &all->description[i];
		const struct kind *kind = description->kind;

		if (description->holder == holder && kind->whole &&
		    !kind->whole(description, all, descriptors))
			return false;
	}
	return true;
}

static bool are_tables_whole(const struct picture *picture)
{
	bool whole = are_whole(picture, picture->process.vpid, &picture->descriptors);

	for (uint32_t i = 0; i < picture->table_count && whole; i++) {
		const struct picture_table *table = &picture->table[i];

		whole = table->descriptors.count == table->image.fd_count &&
			are_whole(picture, table->image.tid, &table->descriptors);
	}
	return whole;
}

int picture_read_layout(struct picture *picture, struct reader *reader, const void *payload,
			struct refusal *refusal)
{
	assert(picture->maps.count == 0 && picture->descriptors.count == 0 &&
	       picture->table_count == 0);
	int r;

	if (reader->type != IMAGE_PROCESS || take_process(picture, payload) < 0)
		return refuse_damaged(refusal, "its process makes no sense");
	for (;;) {
		r = reader_next(reader, &payload, refusal);
		if (r)
			return r;
		if (reader->type == IMAGE_LAYOUT)
			break;
		if (take_layout_record(picture, reader, payload) < 0)
			return refuse_damaged(refusal, "a mapping or descriptor makes no sense");
	}
	if (picture->maps.count != picture->process.map_count ||
	    picture->descriptors.count != picture->process.fd_count || !picture->cwd[0])
		return refuse_damaged(refusal, "its layout is not complete");
	if (!are_tables_whole(picture))
		return refuse_damaged(refusal, "the contents of a descriptor make no sense");
	return 0;
}

/* The main thread, which is first, has those of the process. */
static bool has_directories(const struct picture *picture, const struct image_thread *image)
{
	const struct files *files = &picture->tables->files;

	return !image->cwd_file || (picture->thread_count && files_find(files, image->cwd_file) &&
				    (!image->root_file || files_find(files, image->root_file)));
}

static int take_thread(struct picture *picture, const struct image_thread *image)
{
	struct picture_thread *thread;

	if (!image_thread_ok(image) || !has_directories(picture, image))
		return -EBADMSG;
	thread = append((void **)&picture->thread, &picture->thread_count,
			&picture->thread_capacity, IMAGE_THREADS_MAX, sizeof(*thread));
	if (!thread)
		return -ENOMEM;
	*thread = (struct picture_thread){ .image = *image,
					   .signal_first = picture->signal_count,
					   .filter_first = picture->filter_count };
	return 0;
}

static int take_xstate(struct picture *picture, const void *payload, uint32_t length)
{
	struct picture_thread *thread;

	if (!picture->thread_count)
		return -EBADMSG;
	thread = &picture->thread[picture->thread_count - 1];
	if (thread->xstate)
		return -EBADMSG;
	thread->xstate = calloc(1, IMAGE_XSTATE_MAX);
	if (!thread->xstate)
		return -ENOMEM;
	assert(length <= IMAGE_XSTATE_MAX); /* image_length_ok() saw to it */
	memcpy(thread->xstate, payload, length);
	thread->xstate_bytes = length;
	return 0;
}

static int take_filter(struct picture *picture, const struct image_seccomp *image, uint32_t length)
{
	struct image_seccomp **room, *filter;

	if (!picture->thread_count || !image_seccomp_ok(image, length))
		return -EBADMSG;
	filter = malloc(length);
	if (!filter)
		return -ENOMEM;
	room = append((void **)&picture->filter, &picture->filter_count, &picture->filter_capacity,
		      FILTERS_MAX, sizeof(struct image_seccomp *));
	if (!room) {
		free(filter);
		return -ENOMEM;
	}
	memcpy(filter, image, length);
	*room = filter;
	picture->thread[picture->thread_count - 1].filter_count++;
	return 0;
}

static int take_signal(struct picture *picture, const struct image_siginfo *image)
{
	struct image_siginfo *signal;

	/* Those of the process come before any thread, those of a thread after it. */
	if ((picture->thread_count == 0) != (image->shared != 0))
		return -EBADMSG;
	signal = append((void **)&picture->signal, &picture->signal_count,
			&picture->signal_capacity, SIGNALS_MAX, sizeof(*signal));
	if (!signal)
		return -ENOMEM;
	*signal = *image;
	if (picture->thread_count)
		picture->thread[picture->thread_count - 1].signal_count++;
	else
		picture->signal_shared++;
	return 0;
}

static int take_other(struct picture *picture, const struct reader *reader, const void *payload)
{
	const struct image_guard *guard = payload;
	void *room;

	switch (reader->type) {
	case IMAGE_GUARD:
		if (!image_range_ok(guard->start, guard->end) ||
		    !picture_map_of(picture, guard->start, guard->end))
			return -EBADMSG;
		room = append((void **)&picture->guard, &picture->guard_count,
			      &picture->guard_capacity, GUARDS_MAX, sizeof(*guard));
		break;
	case IMAGE_TIMER:
		if (!image_timer_ok(payload))
			return -EBADMSG;
		room = append((void **)&picture->timer, &picture->timer_count,
			      &picture->timer_capacity, TIMERS_MAX, sizeof(struct image_timer));
		break;
	case IMAGE_SIGACTIONS:
		memcpy(picture->action, payload, reader->length);
		return 0;
	default:
		return -EBADMSG;
	}
	if (!room)
		return -ENOMEM;
	memcpy(room, payload, reader->length);
	return 0;
}

int picture_take(struct picture *picture, const struct reader *reader, const void *payload,
		 struct refusal *refusal)
{
	int r;

	switch (reader->type) {
	case IMAGE_THREAD:
		r = take_thread(picture, payload);
		break;
	case IMAGE_XSTATE:
		r = take_xstate(picture, payload, reader->length);
		break;
	case IMAGE_SECCOMP:
		r = take_filter(picture, payload, reader->length);
		break;
	case IMAGE_SIGINFO:
		r = take_signal(picture, payload);
		break;
	default:
		r = take_other(picture, reader, payload);
	}
	if (r == -ENOMEM)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	return r < 0 ? refuse_damaged(refusal, "a record makes no sense") : 0;
}

static const struct picture_thread *thread_of(const struct picture *picture, int32_t tid)
{
	for (uint32_t i = 0; i < picture->thread_count; i++)
		if (picture->thread[i].image.tid == tid)
			return &picture->thread[i];
	return NULL;
}

/* The thread that has a table or a place first says so itself. */
static bool is_apart_from_known(const struct picture *picture, const struct image_thread *image)
{
	const struct picture_thread *first = NULL;

	if (image->table) {
		first = thread_of(picture, image->table);
		if (!first || first->image.table != image->table)
			return false;
	}
	if (image->place) {
		first = thread_of(picture, image->place);
		if (!first || first->image.place != image->place)
			return false;
	}
	return true;
}

/* Of each table its first thread is there, once, and the other way round. */
static bool are_apart_in_order(const struct picture *picture)
{
	uint32_t firsts = 0;

	for (uint32_t i = 0; i < picture->thread_count; i++) {
		const struct image_thread *image = &picture->thread[i].image;

		if (!is_apart_from_known(picture, image) ||
		    (i == 0 && (image->table || image->place)))
			return false;
		firsts += image->table == image->tid;
	}
	for (uint32_t i = 0; i < picture->table_count; i++) {
		const struct picture_thread *first =
			thread_of(picture, picture->table[i].image.tid);

		if (!first || first->image.table != first->image.tid)
			return false;
		for (uint32_t k = 0; k < i; k++)
			if (picture->table[k].image.tid == first->image.tid)
				return false;
	}
	return firsts == picture->table_count;
}

int picture_complete(const struct picture *picture, struct refusal *refusal)
{
	if (picture->thread_count != picture->process.thread_count ||
	    picture->timer_count != picture->process.timer_count)
		return refuse_damaged(refusal, "something is missing");
	assert(picture->thread_count); /* image_process_ok() saw to it */
	if (picture->thread[0].image.tid != picture->process.vpid)
		return refuse_damaged(refusal, "its first thread is not its leader");
	for (uint32_t i = 0; i < picture->thread_count; i++) {
		const struct picture_thread *thread = &picture->thread[i];

		if (!thread->xstate != !!thread->image.ended)
			return refuse_damaged(refusal, "a thread has no CPU state");
		if (thread->image.ended && (i || picture->thread_count == 1))
			return refuse_damaged(refusal, "a thread has ended that lives elsewhere");
		if (thread->image.seccomp_count !=
			    thread->filter_count + thread->image.seccomp_common ||
		    thread->image.seccomp_common > (i ? picture->thread[0].filter_count : 0))
			return refuse_damaged(refusal, "a thread lacks seccomp filters");
	}
	return are_apart_in_order(picture)
		       ? 0
		       : refuse_damaged(refusal, "a thread lacks its descriptors or its directory");
}

const struct image_map *picture_map_of(const struct picture *picture, uint64_t start, uint64_t end)
{
	assert(start < end);
	uint32_t low = 0, high = picture->maps.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct image_map *map = &picture->maps.map[middle];

		if (start >= map->end)
			low = middle + 1;
		else if (start < map->start)
			high = middle;
		else
			return end <= map->end ? map : NULL;
	}
	return NULL;
}
