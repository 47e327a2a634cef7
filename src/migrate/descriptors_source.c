/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/fd names the object of each descriptor, and fdinfo its position and flags; kcmp tells which of
 * them share one open file description. Its kind (migrate/kind.h) knows how a description is carried.
 */
#include "migrate/descriptors_source.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/spread.h"
#include "migrate/ended.h"
#include "migrate/glance.h"
#include "migrate/kind.h"
#include "os/kcmp.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/self.h"
#include "os/socket.h"

/* A descriptor, and the description that it alone would have. */
struct opened {
	struct image_fd fd;
	struct image_description image;
	const struct kind *kind; /* its row */
	uint64_t device, inode;
	uint32_t process; /* of the look */
	bool is_async;	  /* O_ASYNC, which the flags of the image do not have */
	bool signals;	  /* it may send signals */
	bool is_socket;	  /* which has an inode of its own */
};

struct look {
	struct opened *opened; /* owned; process by process, in ascending order */
	uint32_t count, capacity;
	const struct descriptors_of *process;
	uint32_t process_count;
	bool stands;
	bool has_queued;		/* there are descriptors in queues */
	struct descriptors_of stand_in; /* behind them: this one, for descriptors in queues */
	uint32_t at;			/* the process that is looked at */
	struct tables *tables;
	const struct migrate_host *host;
	struct procdir_text *buffer;
	struct locks_look locks;
	struct refusal *refusal;
};

static const struct descriptors_of *process_at(const struct look *look, uint32_t index)
{
	assert(index <= look->process_count);
	return index < look->process_count ? &look->process[index] : &look->stand_in;
}

static int append(struct look *look, const struct opened *opened)
{
	if (look->count == IMAGE_FDS_MAX)
		return refusal_set(look->refusal, EDVSNOMEM,
				   "the process has too many open descriptors");
	if (look->count == look->capacity) {
		uint32_t capacity = look->capacity ? look->capacity * 2 : 16;
		struct opened *bigger = realloc(look->opened, capacity * sizeof(*bigger));

		if (!bigger)
			return refusal_set(look->refusal, EDVSNOMEM, "out of memory");
		look->opened = bigger;
		look->capacity = capacity;
	}
	assert(look->count < look->capacity);
	look->opened[look->count++] = *opened;
	return 0;
}

static int read_info(struct look *look, struct opened *opened, const char *text)
{
	look->has_queued = look->has_queued || procdir_number(text, "scm_fds", 10, 0);
	uint32_t flags = (uint32_t)procdir_number(text, "flags", 8, 0);

	opened->fd.cloexec = flags & OS_OPEN_CLOEXEC ? 1 : 0;
	opened->image.flags = flags & ~(uint32_t)OS_OPEN_CLOEXEC;
	int r = locks_read(&process_at(look, look->at)->descriptors->locks, &look->locks,
			   opened->fd.number, text, look->refusal);

	if (r < 0)
		return r;
	opened->is_async = flags & OS_OPEN_ASYNC;
	opened->signals = opened->is_async || locks_are_of_description(text);
	opened->image.flags &= ~(uint32_t)OS_OPEN_ASYNC;
	return 0;
}

static int fail(struct look *look, const struct glance *glance)
{
	int r = glance->r;

	assert(r < 0);
	if (r == -ENOENT)
		return 0; /* closed meanwhile: the process still runs, and is read again frozen */
	if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
		look->buffer->lack = r;
	if (r != -ENAMETOOLONG)
		return r;
	return refusal_set(look->refusal, EDVSPROCSTS,
			   "descriptor %d of the process is a file whose path is longer than "
			   "%d bytes, so that it cannot be opened on the target",
			   glance->seen.number, IMAGE_PATH_MAX - 2);
}

static int on_descriptor(struct look *look, const struct glance *glance)
{
	const struct kind_seen *seen = &glance->seen;
	struct opened opened = { .fd = { .number = seen->number }, .process = look->at };

	if (glance->r)
		return fail(look, glance);
	int r = read_info(look, &opened, seen->info);

	if (r < 0)
		return r;
	/* An urgent byte is told by a signal in any case. */
	opened.is_socket = seen->known;
	opened.signals = opened.signals || opened.is_socket;
	opened.device = seen->status->device;
	opened.inode = seen->status->inode;
	r = kind_find(seen, &opened.image, &opened.kind, look->refusal);
	return r < 0 ? r : append(look, &opened);
}

/* Those of the process that is looked at. */
static int on_descriptors(struct look *look, const int *number, size_t count)
{
	const struct descriptors_of *process = process_at(look, look->at);
	const struct kind_seen of = {
		.pid = descriptors_task(process),
		.dir = process->dir,
		.files = &look->tables->files,
		.host = look->host,
		.process = look->process,
		.process_count = look->process_count,
		.stands = look->stands,
	};
	size_t room = count < GLANCE_MOST ? count : GLANCE_MOST;
	struct glance *glance = malloc((room + 1) * sizeof(*glance));
	int r = glance ? 0 : -ENOMEM;

	for (size_t at = 0; at < count && r == 0; at += room) {
		uint32_t some = (uint32_t)(count - at < room ? count - at : room);

		glance_take(&of, number + at, some, glance);
		for (uint32_t i = 0; i < some && r == 0; i++)
			r = on_descriptor(look, &glance[i]);
		glance_end(glance, some);
	}
	free(glance);
	return r;
}

/* kcmp() orders the descriptions of one object, so that a sort brings those of one description together. */
static int compare_open(const struct look *look, const struct opened *a, const struct opened *b)
{
	int order = memcmp(&a->image, &b->image, sizeof(a->image));

	if (order == 0 && a->is_socket && b->is_socket)
		order = (a->inode > b->inode) - (a->inode < b->inode);
	return order || a == b
		       ? order
		       : os_kcmp_files(descriptors_task(process_at(look, a->process)), a->fd.number,
				       descriptors_task(process_at(look, b->process)),
				       b->fd.number);
}

static int by_description(const void *a, const void *b, void *ctx)
{
	const struct look *look = ctx;
	const uint32_t *first = a, *second = b;
	int order = compare_open(look, &look->opened[*first], &look->opened[*second]);

	return order ? order : (*first > *second) - (*first < *second);
}

/* Sorted, those of one description stand together, the first holder's lowest number first: first[i] is that of i. */
static void find_shared(struct look *look, uint32_t *order, uint32_t *first)
{
	for (uint32_t i = 0; i < look->count; i++)
		order[i] = i;
	qsort_r(order, look->count, sizeof(*order), by_description, look);
	for (uint32_t i = 0; i < look->count; i++) {
		/* A process that runs may close them meanwhile, so that the order is none. */
		bool same = i && first[order[i - 1]] < order[i] &&
			    compare_open(look, &look->opened[first[order[i - 1]]],
					 &look->opened[order[i]]) == 0;

		first[order[i]] = same ? first[order[i - 1]] : order[i];
	}
}

static struct description *describe(struct look *look, struct opened *opened)
{
	struct descriptions *descriptions = &look->tables->descriptions;

	assert(opened->kind == kind_of(opened->image.kind));
	opened->image.id = descriptions->count + 1;
	struct description *description =
		descriptions_add(descriptions, &opened->image, opened->kind);

	if (!description)
		return NULL;
	description->pid = descriptors_task(process_at(look, opened->process));
	description->number = opened->fd.number;
	description->device = opened->device;
	description->inode = opened->inode;
	return description;
}

static int read_owner(struct look *look, const struct opened *opened)
{
	const struct descriptors_of *process = process_at(look, opened->process);

	if (!opened->signals)
		return 0;
	return owners_read(&process->descriptors->owners, descriptors_task(process),
			   opened->fd.number, opened->is_async, look->locks.moves, look,
			   look->refusal);
}

static int add_all(struct look *look, const uint32_t *first)
{
	for (uint32_t i = 0; i < look->count; i++) {
		struct opened *opened = &look->opened[i];

		assert(first[i] <= i);
		if (first[i] == i && !describe(look, opened))
			return -ENOMEM;
		int r = first[i] == i ? read_owner(look, opened) : 0;

		if (r)
			return r;
		opened->fd.description = look->opened[first[i]].image.id;
		if (descriptors_append(process_at(look, opened->process)->descriptors,
				       &opened->fd) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int describe_all(struct look *look)
{
	uint32_t *order = malloc((look->count + 1) * 2 * sizeof(*order));
	uint32_t *first = order + look->count;

	if (!order)
		return -ENOMEM;
	find_shared(look, order, first);
	int r = add_all(look, first);

	free(order);
	return r;
}

/* Kinds with descriptions that are looked at together, before each is checked alone: each kind once. */
static int meet(struct descriptions *descriptions, struct refusal *refusal)
{
	uint64_t met = 0;

	for (uint32_t i = 0; i < descriptions->count; i++) {
		const struct description *description = &descriptions->description[i];
		const struct kind *kind = description->kind;
		uint64_t bit = UINT64_C(1) << description->image.kind;

		assert(description->image.kind < 64);
		if (!kind->meet || met & bit)
			continue;
		int r = kind->meet(descriptions, description->image.kind, refusal);

		if (r)
			return r;
		met |= bit;
	}
	return 0;
}

static int check_one(void *ctx, struct description *description, struct refusal *refusal)
{
	const struct kind *kind = description->kind;

	return kind->check ? kind->check(description->pid, ctx, description, refusal) : 0;
}

static int check(struct descriptions *descriptions, struct refusal *refusal)
{
	const struct spread spread = { descriptions, check_one, descriptions };
	int r = meet(descriptions, refusal);

	return r ? r : spread_do(&spread, refusal);
}

static bool moves(const void *ctx, pid_t pid)
{
	const struct look *look = ctx;

	for (uint32_t i = 0; i < look->process_count; i++)
		if (look->process[i].pid == pid)
			return true;
	return false;
}

static int look_at(struct look *look)
{
	const struct descriptors_of *process = process_at(look, look->at);
	int *number = NULL;
	size_t count = 0;

	descriptors_clear(process->descriptors);
	if (process->shares)
		return 0;
	int r = procdir_numbers(process->dir, "fd", &number, &count);

	if (r == 0)
		r = on_descriptors(look, number, count);
	free(number);
	return r;
}

static int ascending(const void *a, const void *b)
{
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

static int keep(void *ctx, int fd)
{
	struct look *look = ctx;

	return passed_append(&look->tables->passed, fd);
}

/* Those of one queue. */
static int take_passed(struct look *look, const struct opened *opened)
{
	const struct kind *kind = opened->kind;
	int fd = kind->passed ? os_pid_descriptor(descriptors_task(&look->process[opened->process]),
						  opened->fd.number)
			      : -1;
	int r = fd < 0 ? 0 : kind->passed(fd, &opened->image, keep, look);

	os_close(fd);
	return r == 0 ? 0
		      : refusal_set(
				look->refusal, EDVSPROCSTS,
				"the descriptors (SCM_RIGHTS) in the Unix socket of descriptor %d "
				"cannot be looked at: %s",
				opened->fd.number, strerror(-r));
}

static int refuse_passed(struct look *look, int r)
{
	const struct refusal why = *look->refusal;

	return r >= 0 ? r
		      : refusal_set(
				look->refusal, EDVSPROCSTS,
				"a descriptor in a Unix socket of the process (SCM_RIGHTS) cannot "
				"move, or is open in no process that moves: %s",
				why.error ? why.reason : strerror(-r));
}

/* The duplicates are looked at as those of a further process, which is this one. */
static int look_at_passed(struct look *look)
{
	struct passed *passed = &look->tables->passed;
	uint32_t count = look->count;
	int r = 0;

	for (uint32_t i = 0; i < count && r == 0; i++)
		r = take_passed(look, &look->opened[i]);
	if (r || !passed->count)
		return r;
	r = passed_open(passed);
	look->stand_in = (struct descriptors_of){ os_self_pid(), passed->dir, &passed->descriptors,
						  0, false };
	qsort(passed->fd, passed->count, sizeof(int), ascending);
	if (r == 0)
		r = on_descriptors(look, passed->fd, passed->count);
	return refuse_passed(look, r);
}

/* No process is there to take a part in it on the target, or to have a lock. */
static int check_passed(struct look *look)
{
	const struct passed *passed = &look->tables->passed;
	const struct descriptions *descriptions = &look->tables->descriptions;

	for (uint32_t i = 0; i < descriptions->count; i++) {
		const struct description *description = &descriptions->description[i];
		const struct kind *kind = description->kind;

		if (!passed_has(passed, description->pid, description->number) ||
		    look->stand_in.pid != description->pid)
			continue;
		if (kind_needs_holder(kind) || kind->passed || passed->descriptors.locks.count ||
		    passed->descriptors.owners.count)
			return refusal_set(
				look->refusal, EDVSPROCSTS,
				"a descriptor that is only in a Unix socket of the process "
				"(SCM_RIGHTS), and open in no process that moves, cannot move: "
				"it is %s, or has a lock or a signal; let it be received first",
				kind->name);
	}
	return 0;
}

int descriptors_read(const struct descriptors_of *process, uint32_t count, bool stands,
		     struct tables *tables, const struct migrate_host *host,
		     struct procdir_text *buffer, struct refusal *refusal)
{
	struct look look = { .process = process,
			     .process_count = count,
			     .stands = stands,
			     .tables = tables,
			     .host = host,
			     .buffer = buffer,
			     .refusal = refusal };
	int r = 0;

	assert(count);
	look.locks = (struct locks_look){ .moves = moves, .ctx = &look };
	descriptions_clear(&tables->descriptions);
	passed_clear(&tables->passed);
	os_pid_keep();
	for (; look.at < count && r == 0; look.at += r == 0)
		r = look_at(&look);
	if (r == 0 && stands)
		r = look_at_passed(&look);
	if (r == 0)
		r = describe_all(&look);
	tables->descriptions.lacks_queued = look.has_queued && !stands;
	free(look.opened);
	procdir_text_free(&look.locks.all);
	if (r == 0)
		r = check_passed(&look);
	if (r == 0)
		r = check(&tables->descriptions, refusal);
	os_pid_let_go();
	assert(tables->descriptions.count <= look.count || r);
	if (r == 0)
		return 0;
	ended_refuse(process[look.at < count ? look.at : 0].dir, r, "list of descriptors", refusal);
	return refusal->error;
}

struct completing {
	const struct kind_frozen *frozen;
	bool last;
};

static int complete_one(void *ctx, struct description *description, struct refusal *refusal)
{
	const struct completing *completing = ctx;
	const struct kind *kind = description->kind;

	assert(kind);
	if (!kind->write || kind->is_last != completing->last ||
	    description->pid != completing->frozen->pid)
		return 0;
	return kind->write(completing->frozen, description, refusal);
}

int descriptors_complete(const struct kind_frozen *frozen, struct descriptions *descriptions,
			 bool last, struct refusal *refusal)
{
	struct completing completing = { frozen, last };
	const struct spread spread = { descriptions, complete_one, &completing };

	os_pid_keep();
	int r = spread_do(&spread, refusal);

	os_pid_let_go();
	return r;
}

int descriptors_complete_passed(struct tables *tables, struct refusal *refusal)
{
	const struct kind_frozen frozen = {
		.pid = os_self_pid(),
		.dir = tables->passed.dir,
		.descriptions = &tables->descriptions,
		.descriptors = &tables->passed.descriptors,
		.files = &tables->files,
	};

	if (!tables->passed.count)
		return 0;
	assert(frozen.dir > 0);
	return descriptors_complete(&frozen, &tables->descriptions, false, refusal);
}

bool descriptors_widen(const struct descriptors *descriptors,
		       const struct descriptions *descriptions, int number, uint64_t bytes)
{
	uint32_t id = descriptors_stand_for(descriptors, number);
	const struct description *description = id ? descriptions_find(descriptions, id) : NULL;

	if (!description)
		return true;
	const struct kind *kind = description->kind;

	assert(kind);
	return !kind->widen || kind->widen(description->pid, description, bytes);
}

void descriptors_abandon(const struct descriptions *descriptions)
{
	assert(descriptions);
	os_pid_keep();
	for (uint32_t i = 0; i < descriptions->count; i++) {
		const struct description *description = &descriptions->description[i];
		const struct kind *kind = description->kind;

		if (kind->abandon)
			kind->abandon(description->pid, description);
	}
	os_pid_let_go();
}

void descriptors_send_descriptions(const struct descriptions *descriptions, bool contents,
				   struct writer *writer)
{
	for (uint32_t i = 0; i < descriptions->count; i++) {
		const struct description *description = &descriptions->description[i];
		struct image_contents head = { .description = description->image.id };
		const uint8_t *piece;

		writer_put(writer, IMAGE_DESCRIPTION, &description->image,
			   sizeof(description->image));
		for (uint32_t at = 0; contents && (piece = contents_next(&description->contents,
									 &at, &head.length));)
			writer_put_two(writer, IMAGE_CONTENTS, &head, sizeof(head), piece,
				       head.length);
	}
}

void descriptors_send_numbers(const struct descriptors *descriptors, struct writer *writer)
{
	for (uint32_t i = 0; i < descriptors->count; i++)
		writer_put(writer, IMAGE_FD, &descriptors->fd[i], sizeof(descriptors->fd[i]));
	for (uint32_t i = 0; i < descriptors->locks.count; i++)
		writer_put(writer, IMAGE_LOCK, &descriptors->locks.lock[i],
			   sizeof(descriptors->locks.lock[i]));
	for (uint32_t i = 0; i < descriptors->owners.count; i++)
		writer_put(writer, IMAGE_OWNER, &descriptors->owners.owner[i],
			   sizeof(descriptors->owners.owner[i]));
}
