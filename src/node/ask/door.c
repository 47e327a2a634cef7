/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/door.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/ask/request.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/socket.h"

#define OVERDUE_US	 2000000 /* between two looks for connections that have said nothing */
#define SERVED_IN_A_TURN 32	 /* the links, and all else, have theirs in between */

struct door {
	struct requests *requests;
	const char *path;
	int fds[2];
	struct os_source *sources[2];
	struct os_source *overdue; /* runs while there are connections that have said nothing */
	bool overdue_runs;
	bool is_paused;
	int spare; /* given up for a moment to turn somebody away when descriptors run out */
};

static void on_overdue(void *ctx)
{
	struct door *door = ctx;

	door->overdue_runs = request_drop_overdue(door->requests);
	if (door->overdue_runs)
		os_timer_set(door->overdue, OVERDUE_US);
}

/* A connection that cannot be taken would wake the loop for ever: it is taken, and closed. */
static void turn_away(struct door *door, int fd)
{
	door->spare = os_close(door->spare);
	os_close(os_unix_accept(fd));
	door->spare = os_dup(door->fds[0]);
	os_log(OS_LOG_WARN, "a connection was turned away: all descriptors are in use");
}

static int accept_next(struct door *door, int fd)
{
	int client = os_unix_accept(fd);

	if (client != -EMFILE && client != -ENFILE)
		return client;
	/* The kernel takes a descriptor before it looks whether anybody waits. */
	if (os_poll(fd, OS_READ, 0) < 0)
		return -EAGAIN;
	if (request_evict_silent(door->requests))
		return os_unix_accept(fd);
	turn_away(door, fd);
	return -EAGAIN;
}

static void on_connection(void *ctx, int fd, int events)
{
	struct door *door = ctx;
	struct os_peer peer;
	int client;

	(void)events;
	/* A request that is served here may close the door. */
	for (int i = 0; i < SERVED_IN_A_TURN && !door->is_paused; i++) {
		client = accept_next(door, fd);
		if (client < 0)
			break;
		if (os_unix_peer(client, &peer) < 0)
			os_close(client);
		else
			request_accept(door->requests, client, &peer);
	}
	if (!door->overdue_runs) {
		door->overdue_runs = true;
		os_timer_set(door->overdue, OVERDUE_US);
	}
}

int door_adopt(struct requests *requests, const char *path, const int fds[2], struct door **doorp)
{
	struct door *door = calloc(1, sizeof(*door));
	int r = 0;

	assert(os_lock_protects());
	if (!door)
		return -ENOMEM;
	*door = (struct door){ .requests = requests,
			       .path = path ? path : CTL_SOCKET_PATH,
			       .fds = { fds[0], fds[1] } };
	door->spare = os_dup(fds[0]);
	r = os_source_timer(requests->loop, -1, on_overdue, door, &door->overdue);
	for (int i = 0; i < 2 && r == 0; i++)
		if (door->fds[i] >= 0)
			r = os_source_io(requests->loop, door->fds[i], OS_READ, on_connection, door,
					 &door->sources[i]);
	if (r < 0) {
		door_free(door);
		return r;
	}
	*doorp = door;
	return 0;
}

/* Where nobody has named a path: for programs, which any user may run. A daemon does without if it must. */
static int listen_by_default(void)
{
	int fd, r = os_folder_make(CTL_SOCKET_FOLDER);

	fd = r < 0 && r != -EEXIST ? r : os_unix_listen(CTL_SOCKET_PATH, OS_PACKET);
	if (fd >= 0)
		os_unix_open_to_all(CTL_SOCKET_PATH);
	else
		os_log(OS_LOG_WARN,
		       "no socket " CTL_SOCKET_PATH
		       " (%s): programs of other network namespaces do not reach this daemon",
		       strerror(-fd));
	return fd;
}

int door_new(struct requests *requests, const char *path, struct door **doorp)
{
	int fds[2] = { os_unix_listen("@" CTL_ABSTRACT_NAME, OS_PACKET), -1 };

	if (fds[0] < 0)
		return fds[0];
	fds[1] = path ? os_unix_listen(path, OS_PACKET) : listen_by_default();
	/* Each request is judged (node/calls.c): the door is not what keeps users out. */
	if (path && fds[1] >= 0)
		os_unix_open_to_all(path);
	if (path && fds[1] < 0) {
		os_close(fds[0]);
		return fds[1];
	}
	return door_adopt(requests, path, fds, doorp);
}

const char *door_path(const struct door *door)
{
	return door->fds[1] < 0 ? "" : door->path;
}

void door_fds(const struct door *door, int fds[2])
{
	fds[0] = door->fds[0];
	fds[1] = door->fds[1];
}

void door_pause(struct door *door, bool pause)
{
	assert(os_lock_protects());
	door->is_paused = pause;
	for (int i = 0; i < 2; i++)
		if (door->sources[i])
			os_source_set(door->sources[i], pause ? 0 : OS_READ);
}

struct door *door_free(struct door *door)
{
	assert(os_lock_protects());
	if (!door)
		return NULL;
	os_source_free(door->overdue);
	os_close(door->spare);
	for (int i = 0; i < 2; i++) {
		os_source_free(door->sources[i]);
		os_close(door->fds[i]);
	}
	if (door->fds[1] >= 0)
		os_unix_remove(door->path);
	free(door);
	return NULL;
}
