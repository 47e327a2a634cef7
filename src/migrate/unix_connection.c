/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/rights.h"
#include "os/socket.h"
#include "os/stage.h"

#define FOLDER "/tmp" /* as the process sees it; anybody may make a stage there */

/* The name, as a path; and the place of the listener. */
struct listener {
	struct restore *connects, *listens; /* the shells of both ends */
	char path[OS_UNIX_NAME_BYTES + 1];
	char stage[48];
	int folder;			  /* -1: the name is abstract */
	int number;			  /* in the shell that listens */
	char address[OS_UNIX_NAME_BYTES]; /* that leads to it */
	uint32_t address_bytes;
};

bool unix_connection_takes(const uint8_t *name, uint32_t bytes)
{
	char path[OS_UNIX_NAME_BYTES + 1] = "";

	if (!bytes || bytes > OS_UNIX_NAME_BYTES)
		return false;
	memcpy(path, name, bytes);
	return !path[0] || (strlen(path) == bytes && os_stage_takes(path));
}

static int refuse(const struct listener *listener, int r, struct refusal *refusal)
{
	bool is_path = listener->path[0];

	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make a connection by the name %s%s of a Unix socket "
			   "of the process: %s",
			   is_path ? "" : "@", listener->path + !is_path, strerror(-r));
}

/* Only the task that connects gets in, so that it is the one that is accepted. */
static int make_stage(const struct unix_connection *connection, const struct listener *listener)
{
	assert(listener->folder >= 0);
	const struct image_opener *opener = &listener->connects->picture.process.opener;
	const struct os_rights_wanted wanted = { connection->connects.uid, connection->connects.gid,
						 0, opener->group, opener->group_count };
	struct os_rights *rights;
	int r = os_rights_assume(&rights, &wanted);

	if (r < 0)
		return r;
	int stage = os_stage_make(listener->folder, listener->stage, listener->path);

	os_rights_give_back(rights);
	return stage;
}

static int bind_path(const struct unix_connection *connection, struct listener *listener, int fd)
{
	int length = snprintf(listener->address, sizeof(listener->address), FOLDER "/%s/%s",
			      listener->stage, listener->path);

	if (length >= (int)sizeof(listener->address))
		return -ENAMETOOLONG;
	listener->address_bytes = (uint32_t)length;
	listener->folder =
		os_open_below(listener->listens->root, FOLDER, OS_OPEN_READ | OS_OPEN_FOLDER);
	if (listener->folder < 0)
		return listener->folder;
	int stage = make_stage(connection, listener);

	if (stage < 0)
		return stage;
	int r = os_unix_socket_bind(fd, stage, connection->name, connection->name_bytes);

	if (r == 0)
		r = os_stage_own(stage, listener->path, connection->connects.uid,
				 connection->connects.gid, 0600);
	os_close(stage);
	return r;
}

static int bind_name(const struct unix_connection *connection, struct listener *listener)
{
	int fd = os_pid_descriptor(listener->listens->pid, listener->number);

	assert(listener->folder < 0);
	if (fd < 0)
		return fd;
	int r;

	if (listener->path[0]) {
		r = bind_path(connection, listener, fd);
	} else {
		listener->address_bytes = connection->name_bytes;
		memcpy(listener->address, connection->name, connection->name_bytes);
		r = os_unix_socket_bind(fd, -1, connection->name, connection->name_bytes);
	}
	os_close(fd);
	return r;
}

/* Ours, and no longer the shell's. */
static int fetch(struct restore *shell, int number, int *fd)
{
	assert(number >= 0);
	*fd = os_pid_descriptor(shell->pid, number);
	restore_unix_close(shell, number);
	return *fd < 0 ? *fd : 0;
}

static int connect_both(const struct unix_connection *connection, const struct listener *listener,
			int *connects, int *accepted, struct refusal *refusal)
{
	int connected, got;
	int r = restore_unix_listen(listener->listens, listener->number, 1, &connection->listens,
				    refusal);

	assert(listener->address_bytes);
	if (r == 0)
		r = restore_unix_connect(listener->connects, connection->type, listener->address,
					 listener->address_bytes, &connection->connects, &connected,
					 refusal);
	if (r == 0)
		r = restore_unix_accept(listener->listens, listener->number, &got, refusal);
	if (r)
		return r;
	r = fetch(listener->connects, connected, connects);
	r = r ? r : fetch(listener->listens, got, accepted);
	return r ? refuse(listener, r, refusal) : 0;
}

/* Both ends, through a listener that is closed again. */
static int make(const struct unix_connection *connection, struct listener *listener, int *connects,
		int *accepted, struct refusal *refusal)
{
	int r = restore_unix_socket(listener->listens, connection->type, &listener->number,
				    refusal);

	if (r)
		return r;
	assert(listener->folder < 0);
	r = bind_name(connection, listener);
	r = r ? refuse(listener, r, refusal)
	      : connect_both(connection, listener, connects, accepted, refusal);
	restore_unix_close(listener->listens, listener->number);
	return r;
}

int unix_connection_make(struct restore *restore, const struct unix_connection *connection,
			 uint32_t id, int *connects, int *accepted, struct refusal *refusal)
{
	struct listener listener = { .folder = -1 };

	*connects = *accepted = -1;
	assert(unix_connection_takes(connection->name, connection->name_bytes));
	memcpy(listener.path, connection->name, connection->name_bytes);
	snprintf(listener.stage, sizeof(listener.stage), ".dvs-%d-%u", (int)restore->pid, id);
	int r = restore_unix_shell(restore, connection->listens.vpid, &listener.listens, refusal);

	if (r == 0)
		r = restore_unix_shell(restore, connection->connects.vpid, &listener.connects,
				       refusal);
	if (r == 0)
		r = make(connection, &listener, connects, accepted, refusal);
	if (r == 0)
		r = restore_unix_leave(restore, listener.listens, refusal);
	if (r == 0)
		r = restore_unix_leave(restore, listener.connects, refusal);
	if (listener.folder >= 0)
		os_stage_remove(listener.folder, listener.stage, listener.path);
	os_close(listener.folder);
	return r;
}
