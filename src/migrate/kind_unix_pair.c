/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of Unix sockets without names (socketpair): both ends are the process's, or one is closed. The first
 * description of a pair, its owner, makes both on the target, in the shell, so that each end has the process as its
 * peer. The contents of a description are the bytes of a stream that can be read from it, or the messages (datagrams,
 * or those of SOCK_SEQPACKET). Of a connection by name, whose ends are those of connect() and accept(), the name comes
 * first.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/restore_unix.h"
#include "migrate/unix_connection.h"
#include "migrate/unix_end.h"
#include "migrate/unix_ends.h"
#include "migrate/unix_extras.h"
#include "migrate/unix_queue.h"
#include "migrate/unix_waiting.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/socket.h"
#include "os/unix_pair.h"

#define SIZE_MAX_BYTES (64u << 20)
#define OPTION_SENDER  8u /* SO_PASSCRED, as os_unix_pair_options() has it */

static enum os_unix_type type_of(const struct image_description *image)
{
	uint32_t type = unix_end_body(image).type;

	return type ? (enum os_unix_type)type : OS_UNIX_STREAM;
}

static bool is_named(const struct image_description *image)
{
	return unix_end_body(image).name_bytes;
}

static bool is_pair(const struct description *description)
{
	const struct kind *row = description->kind;

	assert(row);
	return row == &kind_unix_stream || row == &kind_unix_messages ||
	       row == &kind_unix_connection;
}

static bool waits(const struct image_description *image)
{
	return unix_end_body(image).flags & UNIX_END_WAITS;
}

static bool has_parts(const struct image_description *image)
{
	return unix_end_body(image).flags & UNIX_END_PARTS;
}

/* Where the bytes or messages begin in the contents: behind the name. */
static uint32_t queue_of(const struct image_description *image)
{
	return is_named(image) ? (uint32_t)sizeof(uint32_t) + unix_end_body(image).name_bytes : 0;
}

/* ---- source ---- */

static int check_end(const struct kind_seen *seen, const struct os_unix_pair *end,
		     struct refusal *refusal)
{
	if (!kind_seen_moves(seen, end->pid))
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has a Unix socket open (descriptor %d) that another "
			"process has made, which has ended or does not move with it",
			seen->number);
	if (end->has_error)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the Unix socket of descriptor %d has an error that the process "
				   "was not told of, which is not carried",
				   seen->number);
	if (end->option)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the Unix socket of descriptor %d has the socket option number "
				   "%d set, which is not carried",
				   seen->number, end->option);
	if (end->send_bytes > SIZE_MAX_BYTES || end->receive_bytes > SIZE_MAX_BYTES)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the Unix socket of descriptor %d has room for more than %u "
				   "MiB, which is the most that can move",
				   seen->number, SIZE_MAX_BYTES >> 20);
	return 0;
}

/* The type of an end of that row, with the name if it has one; OS_UNIX_NONE: it is none. */
static enum os_unix_type type_in_row(int fd, const struct kind *row,
				     struct os_unix_connection *connection)
{
	if (row == &kind_unix_connection)
		return os_unix_connection_look(fd, connection);
	enum os_unix_type type = os_unix_pair_type(fd);

	return (type == OS_UNIX_STREAM) == (row == &kind_unix_stream) ? type : OS_UNIX_NONE;
}

static int find_pair(const struct kind_seen *seen, struct image_description *image,
		     const struct kind *row, struct refusal *refusal)
{
	struct os_unix_pair end = { 0 };
	struct os_unix_connection connection = { 0 };

	enum os_unix_type type =
		seen->socket < 0 ? OS_UNIX_NONE : type_in_row(seen->socket, row, &connection);

	if (type == OS_UNIX_NONE)
		return 0;
	int r = os_unix_pair_look(seen->socket, &end);

	if (r)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the Unix socket of descriptor %d cannot be looked at: %s",
				   seen->number, strerror(-r));
	bool parts = end.options & OPTION_SENDER || procdir_number(seen->info, "scm_fds", 10, 0);
	const struct unix_end_body body = {
		.flags = (end.reads_end ? UNIX_END_READS : 0u) |
			 (end.writes_end ? UNIX_END_WRITES : 0u) | (parts ? UNIX_END_PARTS : 0u) |
			 end.options << UNIX_END_OPTIONS_SHIFT,
		.send_bytes = end.send_bytes,
		.receive_bytes = end.receive_bytes,
		.uid = end.uid,
		.gid = end.gid,
		.maker = os_pid_innermost(end.pid),
		.type = row == &kind_unix_stream ? 0 : type,
		.name_bytes = connection.name_bytes,
		.is_own = connection.is_own,
	};

	memcpy(image->body, &body, sizeof(body));
	r = check_end(seen, &end, refusal);
	return r ? r : 1;
}

static int find_stream(const struct kind_seen *seen, struct image_description *image,
		       struct refusal *refusal)
{
	return find_pair(seen, image, &kind_unix_stream, refusal);
}

static int find_messages(const struct kind_seen *seen, struct image_description *image,
			 struct refusal *refusal)
{
	return find_pair(seen, image, &kind_unix_messages, refusal);
}

static int find_connection(const struct kind_seen *seen, struct image_description *image,
			   struct refusal *refusal)
{
	return find_pair(seen, image, &kind_unix_connection, refusal);
}

static bool is_first(const struct descriptions *descriptions, const struct description *description)
{
	for (const struct description *at = descriptions->description; at < description; at++)
		if (is_pair(at))
			return false;
	return true;
}

static int on_pair(void *ctx, uint32_t inode, uint32_t peer)
{
	const struct unix_ends *ends = ctx;
	struct description *end = unix_ends_find(ends, inode);
	struct description *other = peer ? unix_ends_find(ends, peer) : NULL;

	if (!end || (peer && !other))
		return 0;
	struct unix_end_body body = unix_end_body(&end->image);

	body.owner = other && other->image.id < end->image.id ? other->image.id : end->image.id;
	body.other = other ? other->image.id : 0;
	memcpy(end->image.body, &body, sizeof(body));
	return 0;
}

static bool is_known(const struct description *end)
{
	return unix_end_body(&end->image).owner;
}

static int find_peers(const struct descriptions *descriptions)
{
	struct unix_ends ends;
	int r = unix_ends_collect(&ends, descriptions, is_pair) ? 0 : -ENOMEM;

	if (r == 0)
		r = unix_ends_tell(&ends, is_known, on_pair, &ends);
	unix_ends_free(&ends);
	return r ? r : unix_waiting_meet(descriptions);
}

/* The kernel is asked once, for all pairs. */
static int check(pid_t pid, const struct descriptions *descriptions,
		 struct description *description, struct refusal *refusal)
{
	int r = 0;

	(void)pid;
	if (!unix_end_body(&description->image).owner && is_first(descriptions, description))
		r = find_peers(descriptions);
	if (r == 0 && unix_end_body(&description->image).owner)
		return 0;
	if (r)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the kernel does not tell the peers of Unix sockets (descriptor "
				   "%d), so that they cannot move: %s",
				   description->number, strerror(-r));
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process has a Unix socket to another process open (descriptor %d), "
			   "which cannot move to another node",
			   description->number);
}

/* Messages that are not found are sought by the room that they take at their sender. */
static int compare(const struct kind_frozen *frozen, const struct description *description)
{
	const struct unix_end_body body = unix_end_body(&description->image);
	enum os_unix_type type = type_of(&description->image);

	if (type == OS_UNIX_STREAM || !body.other || waits(&description->image))
		return 0;
	const struct description *other = descriptions_find(frozen->descriptions, body.other);
	assert(other); /* check() has found it */
	int sender = os_pid_descriptor(other->pid, other->number);
	int r = sender < 0
			? sender
			: unix_queue_compare(sender, type, has_parts(&description->image),
					     &description->contents, queue_of(&description->image));

	os_close(sender);
	return r;
}

static int take_name(int fd, struct description *description)
{
	struct os_unix_connection connection;

	if (!is_named(&description->image))
		return 0;
	if (os_unix_connection_look(fd, &connection) == OS_UNIX_NONE ||
	    connection.name_bytes != unix_end_body(&description->image).name_bytes)
		return -EAGAIN;
	return contents_append(&description->contents, connection.name, connection.name_bytes);
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	const struct unix_queue_names names = unix_extras_names(frozen);
	int fd = os_pid_descriptor(frozen->pid, description->number);

	contents_free(&description->contents);
	int refused = fd < 0 ? 0 : unix_waiting_check(fd, description, refusal);

	if (refused) {
		os_close(fd);
		return refused;
	}
	int r = fd < 0 ? fd : take_name(fd, description);

	if (r == 0)
		r = unix_queue_take(fd, type_of(&description->image),
				    unix_end_body(&description->image).flags & UNIX_END_READS,
				    has_parts(&description->image) ? &names : NULL,
				    &description->contents);

	os_close(fd);
	r = r ? r : compare(frozen, description);
	return r ? unix_queue_refuse(description->number, r, refusal) : 0;
}

/* ---- target ---- */

/* The part of the body that all three rows read alike. */
static bool is_sound(const struct image_description *image)
{
	const struct unix_end_body body = unix_end_body(image);
	bool is_waiting = body.name_bytes && !body.is_own && body.place && body.other &&
			  !(body.flags & UNIX_END_PARTS);

	return !(body.flags & ~(UNIX_END_FLAGS | OS_UNIX_OPTIONS << UNIX_END_OPTIONS_SHIFT)) &&
	       body.send_bytes <= SIZE_MAX_BYTES && body.receive_bytes <= SIZE_MAX_BYTES &&
	       (body.flags & UNIX_END_WAITS
			? is_waiting
			: body.owner ==
				  (body.other && body.other < image->id ? body.other : image->id));
}

static bool read_stream(const struct image_description *image, const struct files *files,
			const struct descriptions *before, bool complete)
{
	const struct unix_end_body body = unix_end_body(image);

	(void)files, (void)before, (void)complete;
	return !body.type && !body.name_bytes && is_sound(image);
}

static bool read_messages(const struct image_description *image, const struct files *files,
			  const struct descriptions *before, bool complete)
{
	const struct unix_end_body body = unix_end_body(image);

	(void)files, (void)before, (void)complete;
	return (body.type == OS_UNIX_DATAGRAM || body.type == OS_UNIX_SEQPACKET) &&
	       !body.name_bytes && is_sound(image);
}

static bool read_connection(const struct image_description *image, const struct files *files,
			    const struct descriptions *before, bool complete)
{
	const struct unix_end_body body = unix_end_body(image);

	(void)files, (void)before, (void)complete;
	return (body.type == OS_UNIX_STREAM || body.type == OS_UNIX_SEQPACKET) && body.name_bytes &&
	       body.name_bytes <= OS_UNIX_NAME_BYTES && body.is_own <= 1 && is_sound(image);
}

static bool is_queue_whole(const struct description *description, const struct descriptions *all)
{
	bool parts = has_parts(&description->image);

	return (type_of(&description->image) == OS_UNIX_STREAM && !parts) ||
	       unix_queue_is_whole(&description->contents, queue_of(&description->image),
				   parts ? unix_extras_may_pass : NULL, (void *)all);
}

/* The name that both ends know: NULL: there is none that is whole. */
static const uint8_t *name_of(const struct description *description)
{
	uint32_t at = 0, length = 0;
	const uint8_t *name = contents_next(&description->contents, &at, &length);

	return name && length == unix_end_body(&description->image).name_bytes &&
			       unix_connection_takes(name, length)
		       ? name
		       : NULL;
}

static bool match_names(const struct description *one, const struct description *other)
{
	const struct unix_end_body own = unix_end_body(&one->image),
				   others = unix_end_body(&other->image);
	const uint8_t *name = name_of(other);

	return name && own.name_bytes == others.name_bytes && own.is_own != others.is_own &&
	       memcmp(name_of(one), name, own.name_bytes) == 0;
}

/* Both ends of a pair know each other. No process may have the other one, but it is filled, too. */
static bool whole(const struct description *description, const struct descriptions *all,
		  const struct descriptors *descriptors)
{
	const struct unix_end_body body = unix_end_body(&description->image);
	const struct description *other = body.other ? descriptions_find(all, body.other) : NULL;

	(void)descriptors;
	if (waits(&description->image))
		return unix_waiting_is_whole(description, all, name_of(description)) &&
		       description->contents.length == queue_of(&description->image);
	if ((is_named(&description->image) && !name_of(description)) ||
	    !is_queue_whole(description, all))
		return false;
	if (!body.other)
		return true;
	return other && other != description && other->image.kind == description->image.kind &&
	       (!is_named(&description->image) || match_names(description, other)) &&
	       is_queue_whole(other, all) &&
	       type_of(&other->image) == type_of(&description->image) &&
	       unix_end_body(&other->image).other == description->image.id;
}

/* The bytes of an end were sent from the other one; only then may one of them be shut. */
static int settle(struct restore *restore, struct description *owner,
		  const struct description *other)
{
	const struct unix_queue_hands hands = unix_extras_hands(restore);
	const struct description *ends[2] = { owner, other };
	int r = 0;

	for (int end = 0; end < 2 && r == 0; end++)
		r = os_unix_pair_set_sizes(owner->own[end], UNIX_QUEUE_FILLING_BYTES,
					   UNIX_QUEUE_FILLING_BYTES);
	for (int end = 0; end < 2 && ends[end] && r == 0; end++)
		r = unix_queue_fill(owner->own[!end], type_of(&owner->image),
				    has_parts(&ends[end]->image) ? &hands : NULL,
				    &ends[end]->contents, queue_of(&ends[end]->image));
	for (int end = 0; end < 2 && ends[end] && r == 0; end++) {
		const struct os_unix_pair settled = unix_end_settled(&ends[end]->image);

		r = os_unix_pair_settle(owner->own[end], &settled);
	}
	return r;
}

static int refuse_making(int r, struct refusal *refusal)
{
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make a pair of Unix sockets of the process: %s",
			   strerror(-r));
}

/* Ours, and no longer the shell's. */
static int fetch(struct restore *shell, struct description *owner, const int number[2])
{
	int r = 0;

	assert(owner->own[0] < 0 && owner->own[1] < 0);
	for (int end = 0; end < 2; end++) {
		owner->own[end] = os_pid_descriptor(shell->pid, number[end]);
		r = owner->own[end] < 0 ? owner->own[end] : r;
		restore_unix_close(shell, number[end]);
	}
	return r;
}

static int make_pair(struct restore *restore, struct description *owner, struct refusal *refusal)
{
	const struct unix_end_body body = unix_end_body(&owner->image);
	const struct restore_unix_maker maker = { body.uid, body.gid, body.maker };
	struct restore *shell;
	int number[2];
	int r = restore_unix_shell(restore, maker.vpid, &shell, refusal);

	if (r == 0)
		r = restore_unix_pair(shell, type_of(&owner->image), &maker, number, refusal);
	if (r)
		return r;
	r = fetch(shell, owner, number);
	return r ? refuse_making(r, refusal) : restore_unix_leave(restore, shell, refusal);
}

/* Each end tells of the process and the rights of the other one. */
static int make_connection(struct restore *restore, struct description *owner,
			   const struct description *other, struct refusal *refusal)
{
	const struct unix_end_body body = unix_end_body(&owner->image);
	const struct unix_end_body peers = other ? unix_end_body(&other->image) : body;
	const struct restore_unix_maker told[2] = { { body.uid, body.gid, body.maker },
						    { peers.uid, peers.gid, peers.maker } };
	struct unix_connection connection = { .type = type_of(&owner->image),
					      .name_bytes = body.name_bytes,
					      .connects = told[!body.is_own],
					      .listens = told[body.is_own] };

	assert(is_named(&owner->image) && name_of(owner)); /* whole() saw to it */
	memcpy(connection.name, name_of(owner), body.name_bytes);
	return unix_connection_make(restore, &connection, owner->image.id, &owner->own[body.is_own],
				    &owner->own[!body.is_own], refusal);
}

static int make(struct restore *restore, struct description *owner, struct refusal *refusal)
{
	const uint32_t other_id = unix_end_body(&owner->image).other;
	const struct description *other =
		other_id ? descriptions_find(&restore->picture.tables->descriptions, other_id)
			 : NULL;
	int r = is_named(&owner->image) ? make_connection(restore, owner, other, refusal)
					: make_pair(restore, owner, refusal);

	if (r)
		return r;
	r = settle(restore, owner, other);
	return r ? refuse_making(r, refusal) : 0;
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	if (waits(&description->image))
		return unix_waiting_open(restore, description, refusal);
	const uint32_t owner_id = unix_end_body(&description->image).owner;
	struct description *owner =
		descriptions_find(&restore->picture.tables->descriptions, owner_id);
	int end = owner != description;

	assert(owner); /* whole() saw to it */
	int r = owner->own[0] < 0 ? make(restore, owner, refusal) : 0;

	if (r)
		return r;
	assert(!owner->given[end]);
	owner->given[end] = true;
	int fd = os_dup(owner->own[end]);

	r = fd < 0 ? fd : os_open_set_flags(fd, description->image.flags);
	if (r == 0)
		return fd;
	os_close(fd);
	return refuse_making(r, refusal);
}

static int passed(int fd, const struct image_description *image, int (*each)(void *ctx, int fd),
		  void *ctx)
{
	return has_parts(image) ? unix_queue_rights(fd, type_of(image), each, ctx) : 0;
}

/* The three rows differ in these alone. */
#define ROW(named, find_it, read_it)                                                             \
	{                                                                                        \
		.name = "a Unix socket", .common = "is also open in", .remedy = "",              \
		.calls_a_name = (named), .find = (find_it), .finds_alone = true, .check = check, \
		.write = complete, .read = (read_it), .whole = whole, .passed = passed,          \
		.open = open_here, .shared = KIND_SHARE_DESCRIPTION,                             \
	}

const struct kind kind_unix_stream = ROW(false, find_stream, read_stream);
const struct kind kind_unix_messages = ROW(false, find_messages, read_messages);
const struct kind kind_unix_connection = ROW(true, find_connection, read_connection);
