/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_waiting.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/kind.h"
#include "migrate/unix_end.h"
#include "migrate/unix_ends.h"
#include "migrate/unix_place.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"
#include "os/stage.h"

static bool is_client(const struct description *description)
{
	const struct unix_end_body body = unix_end_body(&description->image);

	assert(description->kind);
	return description->kind->calls_a_name && !body.is_own && !body.other;
}

static bool waits_in(const struct description *description, uint32_t listener)
{
	const struct unix_end_body body = unix_end_body(&description->image);

	return description->kind->calls_a_name && body.flags & UNIX_END_WAITS &&
	       body.other == listener;
}

/* ---- source ---- */

static bool listens(const struct description *description)
{
	return description->kind->has_place &&
	       unix_socket_body(&description->image).flags & SOCKET_LISTENS;
}

struct meeting {
	struct unix_ends clients, listeners;
};

static int on_waiting(void *ctx, uint32_t listener, uint32_t place, uint32_t inode)
{
	const struct meeting *meeting = ctx;
	struct description *client = inode ? unix_ends_find(&meeting->clients, inode) : NULL;
	const struct description *there =
		client ? unix_ends_find(&meeting->listeners, listener) : NULL;

	if (!there)
		return 0;
	struct unix_end_body body = unix_end_body(&client->image);

	body.flags = (body.flags | UNIX_END_WAITS) & ~(uint32_t)UNIX_END_PARTS;
	body.place = place + 1;
	body.other = there->image.id;
	memcpy(client->image.body, &body, sizeof(body));
	return 0;
}

int unix_waiting_meet(const struct descriptions *descriptions)
{
	struct meeting meeting = { 0 };
	bool good = unix_ends_collect(&meeting.clients, descriptions, is_client) &&
		    unix_ends_collect(&meeting.listeners, descriptions, listens);
	int r = good ? 0 : -ENOMEM;

	/* Of those that are connected none is accepted without an end that is known: most processes have none. */
	if (r == 0 && meeting.clients.count && meeting.listeners.count)
		r = os_unix_pair_each_waiting(on_waiting, &meeting);
	unix_ends_free(&meeting.clients);
	unix_ends_free(&meeting.listeners);
	return r;
}

uint32_t unix_waiting_count(const struct descriptions *descriptions, uint32_t listener)
{
	uint32_t count = 0;

	assert(listener);
	for (uint32_t i = 0; i < descriptions->count; i++)
		count += waits_in(&descriptions->description[i], listener);
	return count;
}

int unix_waiting_check(int fd, const struct description *description, struct refusal *refusal)
{
	const struct unix_end_body body = unix_end_body(&description->image);

	if (body.flags & UNIX_END_WAITS)
		return os_unix_pair_unread(fd) == 0
			       ? 0
			       : refusal_set(
					 refusal, EDVSPROCSTS,
					 "the process has sent something by the Unix socket of "
					 "descriptor %d, which nobody has accepted yet; nothing "
					 "but accept() shows that: let it be accepted first",
					 description->number);
	if (is_client(description) && !os_unix_pair_is_over(fd))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has connected a Unix socket (descriptor %d) to one "
				   "of a process that has not accepted it yet, and does not move",
				   description->number);
	return 0;
}

/* ---- target ---- */

bool unix_waiting_is_whole(const struct description *description, const struct descriptions *all,
			   const uint8_t *name)
{
	const struct unix_end_body body = unix_end_body(&description->image);
	const struct description *listener = descriptions_find(all, body.other);
	struct unix_place place;

	return name && listener && listener->kind->has_place &&
	       unix_socket_body(&listener->image).flags & SOCKET_LISTENS &&
	       unix_socket_body(&listener->image).type == body.type &&
	       unix_socket_body(&listener->image).name_bytes == body.name_bytes &&
	       unix_place_read(listener, &place, NULL) &&
	       memcmp(place.name, name, body.name_bytes) == 0;
}

int unix_waiting_open(struct restore *restore, const struct description *description,
		      struct refusal *refusal)
{
	const struct unix_end_body body = unix_end_body(&description->image);
	int number;
	int r = restore_unix_socket(restore, (enum os_unix_type)body.type, &number, refusal);

	if (r)
		return r;
	int fd = os_pid_descriptor(restore->pid, number);

	restore_unix_close(restore, number);
	return fd >= 0 ? fd
		       : refusal_set(refusal, EDVSPROCSTS,
				     "the target cannot make a Unix socket of the process: %s",
				     strerror(-fd));
}

/* The way to the listening socket, as a shell goes it. */
struct way {
	const struct description *listener;
	int stage;	/* of the path; -1: the name is abstract */
	char path[128]; /* in the stage */
	char full[IMAGE_PATH_MAX + 256];
	uint8_t name[OS_UNIX_NAME_BYTES];
	uint32_t name_bytes;
};

static int find_way(struct restore *restore, struct way *way)
{
	const struct unix_socket_body body = unix_socket_body(&way->listener->image);
	struct unix_place place;

	unix_place_read(way->listener, &place, NULL);
	memcpy(way->name, place.name, body.name_bytes);
	way->name_bytes = body.name_bytes;
	if (!place.name[0])
		return 0;
	int folder = unix_place_open(restore, way->listener->pid, way->listener, &place);

	if (folder < 0)
		return folder;
	way->stage = os_open_at(folder, place.stage, OS_OPEN_READ | OS_OPEN_FOLDER);
	os_close(folder);
	snprintf(way->path, sizeof(way->path), "%s", place.path);
	snprintf(way->full, sizeof(way->full), "%s/%s/%s", place.folder, place.stage, place.path);
	return way->stage < 0 ? way->stage : 0;
}

/* The file is the client's for this moment, so that it may connect. */
static int lend_file(const struct way *way, const struct restore_unix_maker *client)
{
	if (way->stage < 0)
		return 0;
	return os_stage_own(way->stage, way->path, client->uid, client->gid, 0600);
}

static int give_file_back(const struct way *way)
{
	const struct unix_socket_body body = unix_socket_body(&way->listener->image);

	if (way->stage < 0 || !(body.flags & SOCKET_FILE))
		return 0;
	return os_stage_own(way->stage, way->path, body.file_uid, body.file_gid, body.file_rights);
}

/* By a descriptor of the shell, for a path may be longer than a name. */
static int connect_by_path(struct restore *shell, int number, const struct way *way,
			   const struct restore_unix_maker *client, struct refusal *refusal)
{
	char link[32];
	int file;
	int r = restore_unix_find(shell, way->full, &file, refusal);

	assert(way->stage >= 0);
	if (r)
		return r;
	int length = snprintf(link, sizeof(link), "/proc/self/fd/%d", file);

	r = restore_unix_connect_to(shell, number, link, (uint32_t)length, client, refusal);
	restore_unix_close(shell, file);
	return r;
}

static int refuse_connecting(int r, struct refusal *refusal)
{
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot connect a Unix socket of the process that waits to "
			   "be accepted: %s",
			   strerror(-r));
}

/* Settings that an end can have once it is connected. A full queue does not hold up the target. */
static int settle(const struct description *description, int fd)
{
	const struct os_unix_pair end = unix_end_settled(&description->image);
	int r = os_unix_pair_settle(fd, &end);

	return r ? r : os_open_set_flags(fd, description->image.flags);
}

static int connect_one(struct restore *restore, const struct description *description,
		       const struct way *way, struct refusal *refusal)
{
	struct restore *shell;
	int r = restore_unix_shell(restore, description->holder, &shell, refusal);

	if (r)
		return r;
	const struct image_opener *opener = &shell->picture.process.opener;
	const struct restore_unix_maker client = { opener->uid, opener->gid, description->holder };
	int fd = os_pid_descriptor(description->pid, description->number);
	int failed = fd < 0 ? fd : os_open_set_flags(fd, OS_OPEN_NONBLOCK);

	failed = failed ? failed : lend_file(way, &client);
	if (failed == 0 && way->stage >= 0)
		r = connect_by_path(shell, description->number, way, &client, refusal);
	else if (failed == 0)
		r = restore_unix_connect_to(shell, description->number, way->name, way->name_bytes,
					    &client, refusal);
	if (failed == 0)
		failed = give_file_back(way);
	if (failed == 0 && r == 0)
		failed = settle(description, fd);
	os_close(fd);
	if (r == 0 && failed)
		r = refuse_connecting(failed, refusal);
	return r ? r : restore_unix_leave(restore, shell, refusal);
}

static int by_place(const void *a, const void *b)
{
	const struct description *const *one = a, *const *other = b;
	uint32_t first = unix_end_body(&(*one)->image).place;
	uint32_t second = unix_end_body(&(*other)->image).place;

	return (first > second) - (first < second);
}

/* Owned by the caller; NULL: out of memory. */
static const struct description **in_order(const struct descriptions *all, uint32_t listener,
					   uint32_t count)
{
	const struct description **waiting = calloc(count, sizeof(*waiting));
	uint32_t found = 0;

	assert(count);
	for (uint32_t i = 0; waiting && i < all->count; i++)
		if (waits_in(&all->description[i], listener))
			waiting[found++] = &all->description[i];
	if (waiting)
		qsort(waiting, count, sizeof(*waiting), by_place);
	return waiting;
}

int unix_waiting_connect(struct restore *restore, const struct description *listener,
			 struct refusal *refusal)
{
	const struct descriptions *all = &restore->picture.tables->descriptions;
	uint32_t count = unix_waiting_count(all, listener->image.id);
	struct way way = { .listener = listener, .stage = -1 };

	if (!count)
		return 0;
	const struct description **waiting = in_order(all, listener->image.id, count);
	int failed = waiting ? find_way(restore, &way) : -ENOMEM;
	int r = failed ? refuse_connecting(failed, refusal) : 0;

	for (uint32_t i = 0; i < count && r == 0; i++)
		r = waiting[i]->number < 0 ? refuse_connecting(-EBADF, refusal)
					   : connect_one(restore, waiting[i], &way, refusal);
	os_close(way.stage);
	free(waiting);
	return r;
}
