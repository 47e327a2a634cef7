/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sysvipc lists the objects of the namespace that its reader is in, and so the engine's thread enters it. */
#include "migrate/sysv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/inventories.h"
#include "os/ipc_space.h"
#include "os/open.h"
#include "os/self.h"
#include "os/socket.h"

#define MODE_REMOVED  01000
#define MODE_LOCKED   02000
#define RIGHTS	      0777u
#define LINK_BYTES    64
#define MESSAGE_BYTES (IMAGE_CONTENTS_BYTES_MAX - 16)

/* A line of one of the lists. */
struct listed {
	struct image_sysv image;
	unsigned mode;
	uint64_t attached;  /* of memory: how often */
	int32_t created_by; /* of memory */
	int32_t used_by[2]; /* of memory and queues, or 0 */
};

struct reading {
	const struct inventories *all;
	struct sysv *sysv;
	char space[LINK_BYTES]; /* the link of the namespace */
	bool alone;		/* no process of the namespace stays but its init */
	bool knows_alone;
	struct procdir_text text;
	struct refusal *refusal;
};

static bool moves(const struct inventories *all, int32_t pid)
{
	for (uint32_t i = 0; i < all->count; i++)
		if (all->inventory[i]->pid == pid)
			return true;
	return false;
}

static bool lives(int32_t pid)
{
	int dir = pid > 0 ? procdir_open(pid) : -1;
	bool ended = dir < 0 || procdir_ended(dir);

	assert(pid >= 0);
	os_close(dir);
	return !ended;
}

/* This program is no other: its thread is in the namespace to look. */
static int look_for_other(void *ctx, const char *name)
{
	struct reading *reading = ctx;
	int32_t pid = (int32_t)strtol(name, NULL, 10);
	char path[32], link[LINK_BYTES];

	if (pid <= 0 || pid == os_self_pid() || pid == reading->all->inventory[0]->init ||
	    moves(reading->all, pid))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/ipc", pid);
	return procdir_link(OS_FOLDER_CURRENT, path, link, sizeof(link)) > 0 &&
	       strcmp(link, reading->space) == 0;
}

static bool is_alone(struct reading *reading)
{
	if (!reading->knows_alone)
		reading->alone =
			procdir_each(OS_FOLDER_CURRENT, "/proc", look_for_other, reading) == 0;
	reading->knows_alone = true;
	return reading->alone;
}

/* The part of a process in the object: 0: that says nothing, 1: it moves, 2: it stays. */
static unsigned tells(const struct reading *reading, int32_t pid)
{
	if (pid > 0 && moves(reading->all, pid))
		return 1;
	return pid > 0 && lives(pid) ? 2 : 0;
}

static int refuse_common(const struct reading *reading, const struct listed *listed)
{
	char name[SYSV_NAME_BYTES];

	return refusal_set(
		reading->refusal, EDVSPROCSTS,
		"the process has %s in common with a process of the container that would "
		"stay behind: end that one first",
		sysv_name(&listed->image, name));
}

/* 1: it moves; 0: it is none of the processes'; or a refusal. */
static int decide(struct reading *reading, const struct listed *listed)
{
	unsigned told = 0;

	if (is_alone(reading))
		return 1;
	told |= tells(reading, listed->created_by);
	told |= tells(reading, listed->used_by[0]) | tells(reading, listed->used_by[1]);
	for (uint32_t i = 0; listed->image.kind == OS_SYSV_SEMAPHORES && i < listed->image.count;
	     i++)
		told |= tells(reading, os_sysv_changed_by(listed->image.id, i));
	return told == 3 ? refuse_common(reading, listed) : told == 1;
}

static uint64_t attachments(const struct inventories *all, uint64_t memory)
{
	uint64_t count = 0;

	assert(memory);
	for (uint32_t i = 0; i < all->count; i++) {
		const struct maps *maps = &all->inventory[i]->maps;

		for (uint32_t j = 0; j < maps->count; j++)
			count += maps->map[j].kind == IMAGE_MAP_SHARED_ANON &&
				 maps->map[j].object == memory;
	}
	return count;
}

static int decide_memory(struct reading *reading, struct listed *listed)
{
	uint64_t ours = attachments(reading->all, sysv_memory_of(listed->image.id));
	int r = 1;

	if (ours != listed->attached)
		return ours ? refuse_common(reading, listed) : 0;
	if (!ours)
		r = decide(reading, listed);
	return r;
}

static int out_of_memory(struct refusal *refusal)
{
	return refusal_set(refusal, EDVSNOMEM, "out of memory");
}

static int take_memory(struct reading *reading, struct listed *listed)
{
	struct image_sysv *image = &listed->image;
	int r = decide_memory(reading, listed);

	if (r != 1)
		return r;
	image->memory = sysv_memory_of(image->id);
	image->flags = (listed->mode & MODE_REMOVED ? IMAGE_SYSV_REMOVED : 0) |
		       (listed->mode & MODE_LOCKED ? IMAGE_SYSV_LOCKED : 0);
	const struct image_memory memory = { image->memory, memories_whole_pages(image->bytes) };

	if (memories_note(&reading->all->tables->memories, &memory) < 0 ||
	    !sysv_append(reading->sysv, image))
		return out_of_memory(reading->refusal);
	return 0;
}

static int take_other(struct reading *reading, struct listed *listed)
{
	int r = decide(reading, listed);

	if (r != 1)
		return r;
	if (listed->image.kind == OS_SYSV_QUEUE) {
		r = os_sysv_queue_bytes(listed->image.id, &listed->image.bytes);
		if (r < 0)
			return refusal_set(reading->refusal, EDVSIO,
					   "a message queue of the process cannot be read: %s",
					   strerror(-r));
	}
	return sysv_append(reading->sysv, &listed->image) ? 0 : out_of_memory(reading->refusal);
}

/* The columns of a line. False: it is none, as the heading. */
static bool parse(const char *line, enum os_sysv kind, struct listed *listed)
{
	struct image_sysv *image = &listed->image;
	long long used = 0;
	bool is = false;

	*listed = (struct listed){ .image.kind = kind };
	switch (kind) {
	case OS_SYSV_MEMORY:
		is = sscanf(line, "%d %d %o %lu %d %d %lu %u %u %u %u", &image->key, &image->id,
			    &listed->mode, &image->bytes, &listed->created_by, &listed->used_by[0],
			    &listed->attached, &image->uid, &image->gid, &image->cuid,
			    &image->cgid) == 11;
		break;
	case OS_SYSV_SEMAPHORES:
		is = sscanf(line, "%d %d %o %u %u %u %u %u %lld", &image->key, &image->id,
			    &listed->mode, &image->count, &image->uid, &image->gid, &image->cuid,
			    &image->cgid, &used) == 9;
		image->flags = used ? IMAGE_SYSV_USED : 0;
		break;
	case OS_SYSV_QUEUE:
		is = sscanf(line, "%d %d %o %lu %u %d %d %u %u %u %u", &image->key, &image->id,
			    &listed->mode, &image->bytes, &image->count, &listed->used_by[0],
			    &listed->used_by[1], &image->uid, &image->gid, &image->cuid,
			    &image->cgid) == 11;
		break;
	case OS_SYSV_KINDS:
		break;
	}
	image->mode = listed->mode & RIGHTS;
	return is;
}

static int by_number(const void *a, const void *b)
{
	const struct sysv_object *one = a, *other = b;

	return one->image.kind == other->image.kind
		       ? (one->image.id > other->image.id) - (one->image.id < other->image.id)
		       : (one->image.kind > other->image.kind) -
				 (one->image.kind < other->image.kind);
}

static int read_list(struct reading *reading, enum os_sysv kind)
{
	static const char *const files[OS_SYSV_KINDS] = { "/proc/sysvipc/shm", "/proc/sysvipc/sem",
							  "/proc/sysvipc/msg" };
	struct listed listed;
	int r = procdir_read(OS_FOLDER_CURRENT, files[kind], &reading->text);

	if (r < 0)
		return refusal_set(reading->refusal, EDVSIO,
				   "the System V objects of the container cannot be listed: %s",
				   strerror(-r));
	for (const char *line = reading->text.text; line && *line && r == 0;) {
		if (parse(line, kind, &listed))
			r = kind == OS_SYSV_MEMORY ? take_memory(reading, &listed)
						   : take_other(reading, &listed);
		line = strchr(line, '\n');
		line += line != NULL;
	}
	return r;
}

static int refuse_space(int r, struct refusal *refusal)
{
	assert(r < 0);
	return refusal_set(refusal, EDVSIO,
			   "the IPC namespace of the process cannot be entered: %s", strerror(-r));
}

/* Most containers have none: then that is all that is asked. */
static int read_kind(struct reading *reading, enum os_sysv kind)
{
	int there = os_sysv_there(kind);

	if (there == 0 || there == -ENOSYS)
		return 0;
	if (kind == OS_SYSV_SEMAPHORES && there > 0)
		reading->sysv->sets = (uint32_t)there;
	if (!reading->space[0] &&
	    procdir_link(reading->all->inventory[0]->dir, "ns/ipc", reading->space, LINK_BYTES) < 0)
		return refuse_space(-ESRCH, reading->refusal);
	return read_list(reading, kind);
}

int sysv_read(const struct inventories *all, struct refusal *refusal)
{
	struct reading reading = { .all = all, .sysv = &all->tables->sysv, .refusal = refusal };
	int space = os_ipc_space_open(all->inventory[0]->dir);
	int back = space < 0 ? space : os_ipc_space_enter(space);
	int r = 0;

	assert(!reading.sysv->count);
	if (back < 0)
		r = refuse_space(back, refusal);
	for (int kind = 0; kind < OS_SYSV_KINDS && r == 0; kind++)
		r = read_kind(&reading, (enum os_sysv)kind);
	if (back >= 0)
		os_ipc_space_leave(back);
	procdir_text_free(&reading.text);
	if (r || !reading.sysv->count) {
		os_close(space);
		return r;
	}
	reading.sysv->space = space;
	qsort(reading.sysv->object, reading.sysv->count, sizeof(*reading.sysv->object), by_number);
	return 0;
}

/* ---- frozen ---- */

static int take_values(struct sysv_object *object)
{
	uint32_t bytes = object->image.count * (uint32_t)sizeof(uint16_t);
	uint16_t *values = object->image.count <= IMAGE_SEMAPHORES_MAX ? malloc(bytes) : NULL;
	int r = values ? os_sysv_values(object->image.id, values) : -E2BIG;

	if (r == 0)
		r = contents_append(&object->contents, values, bytes);
	free(values);
	return r;
}

static int take_messages(struct sysv_object *object)
{
	assert(object->contents.length == 0);
	struct image_message *message = malloc(sizeof(*message) + MESSAGE_BYTES);
	uint32_t count = 0;
	ssize_t length = 0;
	int r = 0;

	if (!message)
		return -ENOMEM;
	for (; r == 0; count++) {
		length = os_sysv_peek(object->image.id, count, &message->type, message + 1,
				      MESSAGE_BYTES);
		if (length < 0)
			break;
		r = contents_append(&object->contents, message,
				    (uint32_t)(sizeof(*message) + (size_t)length));
	}
	free(message);
	object->image.count = count;
	return r == 0 && length != -ENOMSG ? (int)length : r;
}

static int take_one(struct sysv_object *object)
{
	switch (object->image.kind) {
	case OS_SYSV_MEMORY:
		object->fd = os_sysv_open_memory(object->image.id, object->image.bytes);
		return object->fd < 0 ? object->fd : 0;
	case OS_SYSV_SEMAPHORES:
		return take_values(object);
	}
	return take_messages(object);
}

int sysv_take(struct sysv *sysv, struct refusal *refusal)
{
	char name[SYSV_NAME_BYTES];
	int r = 0;

	if (!sysv->count)
		return 0;
	int back = os_ipc_space_enter(sysv->space);

	if (back < 0)
		return refuse_space(back, refusal);
	for (uint32_t i = 0; i < sysv->count && r == 0; i++) {
		r = take_one(&sysv->object[i]);
		if (r < 0)
			r = refusal_set(refusal, EDVSPROCSTS,
					"%s of the process cannot be read: %s",
					sysv_name(&sysv->object[i].image, name),
					r == -E2BIG || r == -EINVAL ? "its contents are too large"
								    : strerror(-r));
	}
	os_ipc_space_leave(back);
	return r;
}

void sysv_remove(struct sysv *sysv)
{
	int back = sysv->count ? os_ipc_space_enter(sysv->space) : -1;

	if (back < 0)
		return;
	for (uint32_t i = 0; i < sysv->count; i++)
		os_sysv_remove((enum os_sysv)sysv->object[i].image.kind, sysv->object[i].image.id);
	os_ipc_space_leave(back);
}
