/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Unix socket that is not connected, or one of datagrams that is connected to another one: bound or not, listening
 * or not. The file of a path is made
 * in a stage beside its place (os/stage.h), and comes there when the move is decided: on one machine the source's is
 * there until then. The contents are the name, and the folder that the file is in.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/restore_unix.h"
#include "migrate/unix_datagrams.h"
#include "migrate/unix_ends.h"
#include "migrate/unix_extras.h"
#include "migrate/unix_place.h"
#include "migrate/unix_queue.h"
#include "migrate/unix_waiting.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/rights.h"
#include "os/socket.h"
#include "os/stage.h"
#include "os/unix_socket.h"

#define SIZE_MAX_BYTES (64u << 20)
#define OPTION_SENDER  8u /* SO_PASSCRED, as os_unix_pair_options() has it */

/* ---- source ---- */

/*
 * The path of the file in the container. Its name is below the root directory of the process, or relative to its
 * working directory. False: it is too long.
 */
static bool path_of(const struct files *files, int dir, const struct os_unix_socket *socket,
		    char path[IMAGE_PATH_MAX])
{
	char folder[IMAGE_PATH_MAX] = "";
	int length = (int)socket->name_bytes;
	ssize_t r = 0;

	if (socket->name[0] != '/')
		r = procdir_link(dir, "cwd", folder, sizeof(folder));
	else if (files->changed_root)
		r = procdir_link(dir, "root", folder, sizeof(folder));

	if (r < 0 || r >= (ssize_t)sizeof(folder) - 1)
		return false;
	r = snprintf(path, IMAGE_PATH_MAX, "%s%s%.*s", folder,
		     r && socket->name[0] != '/' ? "/" : "", length, (const char *)socket->name);
	return r < IMAGE_PATH_MAX;
}

/* Whether the name still leads to the socket, and then the owner and rights of the file. */
static bool find_file(const struct kind_seen *seen, const struct os_unix_socket *socket,
		      struct unix_socket_body *body)
{
	char path[IMAGE_PATH_MAX];
	struct os_status status;
	int fd = path_of(seen->files, seen->dir, socket, path)
			 ? files_open(seen->files, seen->dir, path, OS_OPEN_PATH | OS_OPEN_NO_LINK)
			 : -1;
	bool found = fd >= 0 && os_status(fd, &status) == 0 &&
		     (uint32_t)status.inode == socket->inode &&
		     (status.mode & OS_MODE_KIND) == OS_MODE_SOCKET;

	os_close(fd);
	if (!found)
		return false;
	body->file_uid = status.uid;
	body->file_gid = status.gid;
	body->file_rights = (uint16_t)(status.mode & OS_MODE_RIGHTS);
	return true;
}

static bool is_path(const uint8_t *name, uint32_t bytes)
{
	return bytes && name[0];
}

static bool takes_name(const uint8_t *name, uint32_t bytes)
{
	char path[OS_UNIX_NAME_BYTES + 1] = "";

	memcpy(path, name, bytes);
	return os_stage_takes(path);
}

static int check_socket(const struct kind_seen *seen, const struct os_unix_socket *socket,
			struct refusal *refusal)
{
	int number = seen->number;

	if (socket->listens && !kind_seen_moves(seen, socket->pid))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a listening Unix socket open (descriptor %d) "
				   "that another process listens on, which has ended or does not "
				   "move with it",
				   number);
	if (socket->has_error)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the Unix socket of descriptor %d has an error that the process "
				   "was not told of, which is not carried",
				   number);
	if (socket->option)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the Unix socket of descriptor %d has the socket option number "
				   "%d set, which is not carried",
				   number, socket->option);
	if (socket->send_bytes > SIZE_MAX_BYTES || socket->receive_bytes > SIZE_MAX_BYTES)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the Unix socket of descriptor %d has room for more than %u "
				   "MiB, which is the most that can move",
				   number, SIZE_MAX_BYTES >> 20);
	if (is_path(socket->name, socket->name_bytes) &&
	    !takes_name(socket->name, socket->name_bytes))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the Unix socket of descriptor %d has a name with . or .. in "
				   "it, which cannot be made on the target",
				   number);
	return 0;
}

/* How the messages are carried. */
static uint32_t find_parts(const struct kind_seen *seen, const struct os_unix_socket *socket)
{
	bool passes = procdir_number(seen->info, "scm_fds", 10, 0) > 0;

	if (socket->type != OS_UNIX_DATAGRAM || !(passes || socket->options & OPTION_SENDER))
		return 0;
	return SOCKET_PARTS | (passes ? SOCKET_PASSES : 0u);
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	struct os_unix_socket socket;

	int r = seen->socket < 0 ? 0 : os_unix_socket_look(seen->socket, &socket);

	if (r == 0)
		return 0;
	if (r < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the Unix socket of descriptor %d cannot be looked at: %s",
				   seen->number, strerror(-r));
	struct unix_socket_body body = {
		.type = socket.type,
		.flags = (socket.listens ? SOCKET_LISTENS : 0u) |
			 (socket.reads_end ? SOCKET_READS_END : 0u) |
			 (socket.writes_end ? SOCKET_WRITES_END : 0u) |
			 (socket.is_connected ? SOCKET_CONNECTED : 0u) | find_parts(seen, &socket) |
			 socket.options << SOCKET_OPTIONS_SHIFT,
		.name_bytes = (uint16_t)socket.name_bytes,
		.inode = socket.inode,
		.send_bytes = socket.send_bytes,
		.receive_bytes = socket.receive_bytes,
		.uid = socket.uid,
		.gid = socket.gid,
		.backlog = socket.backlog,
		.maker = socket.listens ? os_pid_innermost(socket.pid) : 0,
	};

	if (is_path(socket.name, socket.name_bytes) && find_file(seen, &socket, &body))
		body.flags |= SOCKET_FILE;
	memcpy(image->body, &body, sizeof(body));
	r = check_socket(seen, &socket, refusal);
	return r ? r : 1;
}

static bool is_datagram(const struct description *description)
{
	return description->kind == &kind_unix_socket &&
	       unix_socket_body(&description->image).type == OS_UNIX_DATAGRAM;
}

static bool is_known(const struct description *end)
{
	const struct unix_socket_body body = unix_socket_body(&end->image);

	return body.peer || !(body.flags & SOCKET_CONNECTED);
}

struct meeting {
	struct unix_ends ends;
	const struct description *wanted; /* by a socket that does not move */
};

/* All of them that are connected datagram sockets learn their peer. */
static int on_peer(void *ctx, uint32_t inode, uint32_t peer)
{
	struct meeting *meeting = ctx;
	const struct description *other = peer ? unix_ends_find(&meeting->ends, peer) : NULL;
	struct description *found = other ? unix_ends_find(&meeting->ends, inode) : NULL;

	if (!found) {
		if (other && unix_socket_body(&other->image).name_bytes)
			meeting->wanted = other;
		return 0;
	}
	struct unix_socket_body body = unix_socket_body(&found->image);

	body.peer = other->image.id;
	memcpy(found->image.body, &body, sizeof(body));
	return 0;
}

/* The kernel is asked if there is one that has a peer, or that others may have as theirs. */
static int meet_all(struct meeting *meeting)
{
	bool is_any = false;

	for (uint32_t i = 0; i < meeting->ends.count && !is_any; i++) {
		const struct unix_socket_body body = unix_socket_body(&meeting->ends.end[i]->image);

		is_any = body.flags & SOCKET_CONNECTED || body.name_bytes;
	}
	return is_any ? unix_ends_tell(&meeting->ends, is_known, on_peer, meeting) : 0;
}

static int meet(struct descriptions *descriptions, uint32_t kind, struct refusal *refusal)
{
	struct meeting meeting = { 0 };
	int r = unix_ends_collect(&meeting.ends, descriptions, is_datagram) ? 0 : -ENOMEM;

	(void)kind;
	if (r == 0)
		r = meet_all(&meeting);
	unix_ends_free(&meeting.ends);
	if (r)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the kernel does not tell the peers of Unix sockets, so that "
				   "they cannot move: %s",
				   strerror(-r));
	if (!meeting.wanted)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "a Unix socket of another process is connected to that of descriptor "
			   "%d, which would stay behind: let it be closed first",
			   meeting.wanted->number);
}

static int check(pid_t pid, const struct descriptions *descriptions,
		 struct description *description, struct refusal *refusal)
{
	const struct unix_socket_body body = unix_socket_body(&description->image);

	(void)pid, (void)descriptions;
	if (body.flags & SOCKET_CONNECTED && !body.peer)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a Unix socket open (descriptor %d) that is "
				   "connected by name to one of another process, or to one that is "
				   "closed, which cannot move to another node",
				   description->number);
	return 0;
}

static int append_folder(const struct files *files, int dir, const struct os_unix_socket *socket,
			 struct contents *contents)
{
	char path[IMAGE_PATH_MAX];

	if (!path_of(files, dir, socket, path))
		return -ENAMETOOLONG;
	char *slash = strrchr(path, '/');

	assert(slash); /* a path that is not absolute begins at a directory */
	slash[slash == path] = '\0';
	return contents_append(contents, path, (uint32_t)strlen(path));
}

static int describe(const struct kind_frozen *frozen, int fd, struct description *description)
{
	const struct unix_socket_body body = unix_socket_body(&description->image);
	const struct unix_queue_names names = unix_extras_names(frozen);
	struct os_unix_socket socket;
	int r = os_unix_socket_look(fd, &socket);

	if (r != 1 || socket.name_bytes != body.name_bytes)
		return r < 0 ? r : -EAGAIN;
	if (socket.waiting &&
	    socket.waiting != unix_waiting_count(frozen->descriptions, description->image.id))
		return -ENOTEMPTY;
	r = body.name_bytes
		    ? contents_append(&description->contents, socket.name, socket.name_bytes)
		    : 0;
	if (r == 0 && body.flags & SOCKET_FILE) {
		int dir = procdir_open(frozen->pid);

		r = dir < 0 ? dir
			    : append_folder(frozen->files, dir, &socket, &description->contents);
		os_close(dir);
	}
	return r || body.type != OS_UNIX_DATAGRAM || os_unix_socket_is_empty(fd)
		       ? r
		       : unix_datagrams_take(fd, body.flags & SOCKET_PARTS ? &names : NULL,
					     &description->contents);
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	int fd = os_pid_descriptor(frozen->pid, description->number);

	contents_free(&description->contents);
	int r = fd < 0 ? fd : describe(frozen, fd, description);

	os_close(fd);
	if (r == -ENOTEMPTY && unix_socket_body(&description->image).flags & SOCKET_LISTENS)
		return refusal_set(refusal, EDVSPROCSTS,
				   "a connection waits in the Unix socket of descriptor %d whose "
				   "other end is closed, or of a process that does not move; let "
				   "it be accepted first",
				   description->number);
	return r ? unix_queue_refuse(description->number, r, refusal) : 0;
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct unix_socket_body body = unix_socket_body(image);
	bool is_type = body.type == OS_UNIX_STREAM || body.type == OS_UNIX_DATAGRAM ||
		       body.type == OS_UNIX_SEQPACKET;

	(void)files, (void)before, (void)complete;
	return is_type &&
	       !(body.flags & ~(SOCKET_FLAGS | OS_UNIX_OPTIONS << SOCKET_OPTIONS_SHIFT)) &&
	       body.name_bytes <= OS_UNIX_NAME_BYTES && body.send_bytes <= SIZE_MAX_BYTES &&
	       body.receive_bytes <= SIZE_MAX_BYTES &&
	       !(body.file_rights & ~(uint32_t)OS_MODE_RIGHTS) &&
	       (body.name_bytes || !(body.flags & (SOCKET_FILE | SOCKET_LISTENS))) &&
	       !(body.flags & SOCKET_CONNECTED && body.type != OS_UNIX_DATAGRAM) &&
	       !(body.flags & (SOCKET_PARTS | SOCKET_PASSES) && body.type != OS_UNIX_DATAGRAM) &&
	       !(body.type == OS_UNIX_DATAGRAM && body.peer && !(body.flags & SOCKET_CONNECTED));
}

static bool whole(const struct description *description, const struct descriptions *all,
		  const struct descriptors *descriptors)
{
	struct unix_place place;

	const struct unix_socket_body body = unix_socket_body(&description->image);
	bool has_peer = body.type == OS_UNIX_DATAGRAM && body.peer;
	const struct description *peer = has_peer ? descriptions_find(all, body.peer) : NULL;
	uint32_t queue;

	(void)descriptors;
	return unix_place_read(description, &place, &queue) &&
	       unix_datagrams_are_whole(&description->contents, queue,
					body.flags & SOCKET_PARTS ? unix_extras_may_pass : NULL,
					(void *)all) &&
	       (!has_peer || (peer && peer->kind == description->kind &&
			      unix_socket_body(&peer->image).type == OS_UNIX_DATAGRAM &&
			      unix_socket_body(&peer->image).name_bytes));
}

static int refuse_making(int r, struct refusal *refusal)
{
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make a Unix socket of the process: %s", strerror(-r));
}

/* Another socket may have the name: the source's, which ends, or one that nobody uses any more, is replaced. */
static int check_place(struct restore *restore, int folder, const struct unix_place *place,
		       const struct unix_socket_body *body, struct refusal *refusal)
{
	const char *slash = strrchr(place->path, '/');
	struct os_status status;
	int fd =
		os_open_at(folder, slash ? slash + 1 : place->path, OS_OPEN_PATH | OS_OPEN_NO_LINK);
	int r = fd < 0 ? fd : os_status(fd, &status);
	bool is_socket = r == 0 && (status.mode & OS_MODE_KIND) == OS_MODE_SOCKET;
	bool is_own = is_socket && restore->same_machine && (uint32_t)status.inode == body->inode;
	bool is_free = r == -ENOENT || is_own || (is_socket && !os_unix_socket_is_used(fd));

	os_close(fd);
	if (is_free)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the name %s of a Unix socket of the process is taken on the target%s%s",
			   place->path, r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
}

/* With the rights of the process, because the folder may be anybody's. */
static int make_stage(struct restore *restore, int folder, const struct unix_place *place)
{
	const struct image_opener *opener = &restore->picture.process.opener;
	const struct os_rights_wanted wanted = { opener->uid, opener->gid, opener->effective,
						 opener->group, opener->group_count };
	struct os_rights *rights;
	int r = os_rights_assume(&rights, &wanted);

	if (r < 0)
		return r;
	int stage = os_stage_make(folder, place->stage, place->path);

	os_rights_give_back(rights);
	return stage;
}

static int bind_path(struct restore *restore, struct description *description, int fd,
		     struct refusal *refusal)
{
	const struct unix_socket_body body = unix_socket_body(&description->image);
	struct unix_place place;
	int folder = unix_place_open(restore, restore->pid, description, &place);

	if (folder < 0)
		return refusal_set(refusal, EDVSNOENT,
				   "the target cannot open %s, in which the process has a Unix "
				   "socket: %s",
				   place.folder, strerror(-folder));
	int r = body.flags & SOCKET_FILE ? check_place(restore, folder, &place, &body, refusal) : 0;

	if (r) {
		os_close(folder);
		return r;
	}
	int stage = make_stage(restore, folder, &place);

	description->given[0] = stage >= 0;
	r = stage < 0 ? stage : os_unix_socket_bind(fd, stage, place.name, body.name_bytes);
	if (r == 0 && body.flags & SOCKET_FILE)
		r = os_stage_own(stage, place.path, body.file_uid, body.file_gid, body.file_rights);
	os_close(stage);
	os_close(folder);
	return r ? refusal_set(refusal, EDVSPROCSTS,
			       "the target cannot make the Unix socket %s: %s", place.path,
			       strerror(-r))
		 : 0;
}

static int bind_name(struct restore *restore, struct description *description, int fd,
		     struct refusal *refusal)
{
	const struct unix_socket_body body = unix_socket_body(&description->image);
	struct unix_place place;

	if (!body.name_bytes)
		return 0;
	unix_place_read(description, &place, NULL);
	if (place.name[0])
		return bind_path(restore, description, fd, refusal);
	int r = os_unix_socket_bind(fd, -1, place.name, body.name_bytes);

	return r ? refusal_set(refusal, EDVSPROCSTS,
			       "the target cannot give a Unix socket of the process the abstract "
			       "name @%.*s: %s",
			       (int)body.name_bytes - 1, place.path + 1, strerror(-r))
		 : 0;
}

/* All but the name. */
static int settle(const struct description *description, int fd)
{
	const struct unix_socket_body body = unix_socket_body(&description->image);

	/* Those of one that has parts come after its messages. */
	uint32_t options = body.flags & SOCKET_PARTS ? 0 : body.flags >> SOCKET_OPTIONS_SHIFT;
	const struct os_unix_pair settled = { .send_bytes = body.send_bytes,
					      .receive_bytes = body.receive_bytes,
					      .reads_end = body.flags & SOCKET_READS_END,
					      .writes_end = body.flags & SOCKET_WRITES_END,
					      .options = options };

	assert(fd >= 0);
	int r = os_unix_pair_settle(fd, &settled);

	return r ? r : os_open_set_flags(fd, description->image.flags);
}

/* In the shell of the process that listens, for a socket tells others of that. */
static int make(struct restore *shell, struct restore *restore, struct description *description,
		int *fd, struct refusal *refusal)
{
	const struct unix_socket_body body = unix_socket_body(&description->image);
	const struct restore_unix_maker maker = { body.uid, body.gid, body.maker };
	int number;
	int r = restore_unix_socket(shell, (enum os_unix_type)body.type, &number, refusal);

	if (r)
		return r;
	assert(number >= 0 && *fd < 0);
	*fd = os_pid_descriptor(shell->pid, number);
	r = *fd < 0 ? refuse_making(*fd, refusal) : bind_name(restore, description, *fd, refusal);
	if (r == 0 && body.flags & SOCKET_LISTENS)
		r = restore_unix_listen(shell, number, body.backlog, &maker, refusal);
	restore_unix_close(shell, number);
	return r ? r : restore_unix_leave(restore, shell, refusal);
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	const struct unix_socket_body body = unix_socket_body(&description->image);
	struct restore *shell = restore;
	int fd = -1;
	int r = body.flags & SOCKET_LISTENS
			? restore_unix_shell(restore, body.maker, &shell, refusal)
			: 0;

	if (r == 0)
		r = make(shell, restore, description, &fd, refusal);
	int settled = r ? 0 : settle(description, fd);

	if (settled)
		r = refuse_making(settled, refusal);
	if (r == 0)
		return fd;
	os_close(fd);
	return r;
}

/* When all have their names. */
static int join(struct restore *restore, struct description *description, struct refusal *refusal)
{
	int r = unix_datagrams_settle(restore, &restore->picture.tables->descriptions, description);

	if (r == 0 && unix_socket_body(&description->image).flags & SOCKET_LISTENS)
		return unix_waiting_connect(restore, description, refusal);
	return r ? refusal_set(refusal, EDVSPROCSTS,
			       "the target cannot connect a Unix socket of the process to another "
			       "one, or give it its messages: %s",
			       strerror(-r))
		 : 0;
}

static int passed(int fd, const struct image_description *image, int (*each)(void *ctx, int fd),
		  void *ctx)
{
	return unix_socket_body(image).flags & SOCKET_PASSES
		       ? unix_queue_rights(fd, OS_UNIX_DATAGRAM, each, ctx)
		       : 0;
}

static void decided(struct restore *restore, struct description *description, bool arrives)
{
	struct unix_place place;
	int folder = description->given[0]
			     ? unix_place_open(restore, restore->pid, description, &place)
			     : -1;

	if (folder < 0)
		return;
	assert(place.stage[0] && place.path[0]);
	if (arrives && unix_socket_body(&description->image).flags & SOCKET_FILE)
		os_stage_place(folder, place.stage, place.path);
	os_stage_remove(folder, place.stage, place.path);
	os_close(folder);
	description->given[0] = false;
}

const struct kind kind_unix_socket = {
	.name = "a Unix socket",
	.common = "is also open in",
	.remedy = "",
	.has_place = true,
	.find = find,
	.meet = meet,
	.check = check,
	.write = complete,
	.read = read_body,
	.whole = whole,
	.open = open_here,
	.passed = passed,
	.join = join,
	.decided = decided,
	.shared = KIND_SHARE_DESCRIPTION,
};
