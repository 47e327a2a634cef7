/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_datagrams.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/kind.h"
#include "migrate/unix_extras.h"
#include "migrate/unix_place.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"
#include "os/stage.h"
#include "os/unix_message.h"

#define GONE_FOLDER "/tmp" /* a sender that is closed has its name there for a moment */

struct message_head {
	uint32_t length; /* of the bytes */
	uint32_t name_bytes;
};

#define HEAD_BYTES   ((uint32_t)sizeof(struct message_head))
#define BEFORE_BYTES ((uint32_t)(HEAD_BYTES + OS_UNIX_NAME_BYTES + UNIX_PART_BYTES_MAX))
#define BYTES_MAX    (IMAGE_CONTENTS_MAX - BEFORE_BYTES)
#define LENGTH_MAX \
	(IMAGE_CONTENTS_MAX - HEAD_BYTES - OS_UNIX_NAME_BYTES) /* with its part (unix_part.h) */

/* ---- source ---- */

static int append(struct contents *contents, const uint8_t *bytes, uint32_t left)
{
	int r = 0;

	while (left && r == 0) {
		uint32_t piece = left < IMAGE_CONTENTS_BYTES_MAX ? left : IMAGE_CONTENTS_BYTES_MAX;

		r = contents_append(contents, bytes, piece);
		bytes += piece;
		left -= piece;
	}
	return r;
}

/* The next message. In the room its bytes stand behind BEFORE_BYTES. */
static int take_one(int fd, const struct unix_queue_names *names, uint8_t *room,
		    struct contents *contents)
{
	struct os_unix_extra extra;
	struct os_unix_sender sender;
	ssize_t got = os_unix_peek_sent(fd, room + BEFORE_BYTES, BYTES_MAX, &extra, &sender);
	bool is_plain = !extra.fd_count && !extra.has_sender && !extra.has_other;

	assert(room && contents);
	if (got < 0)
		return (int)got;
	uint8_t *end = room + BEFORE_BYTES, *start = end;
	int r = extra.has_other || (!names && !is_plain) ? -EBADMSG
		: names					 ? unix_part_put(names, &extra, &start)
							 : 0;

	os_unix_extra_close(&extra);
	if (r)
		return r;
	const struct message_head head = { (uint32_t)got + (uint32_t)(end - start),
					   sender.name_bytes };

	start -= HEAD_BYTES + sender.name_bytes;
	assert(sender.name_bytes <= OS_UNIX_NAME_BYTES);
	memcpy(start, &head, sizeof(head));
	memcpy(start + HEAD_BYTES, sender.name, sender.name_bytes);
	return append(contents, start, HEAD_BYTES + sender.name_bytes + head.length);
}

int unix_datagrams_take(int fd, const struct unix_queue_names *names, struct contents *contents)
{
	uint8_t *room = malloc(IMAGE_CONTENTS_MAX);
	int r = room ? os_unix_pair_peek_from(fd, 0) : -ENOMEM;

	assert(contents);
	while (r == 0)
		r = take_one(fd, names, room, contents);
	if (room)
		os_unix_pair_peek_from(fd, -1);
	free(room);
	return r == -EAGAIN ? 0 : r;
}

/* ---- target ---- */

struct message {
	struct message_head head;
	uint8_t name[OS_UNIX_NAME_BYTES];
	uint8_t *bytes; /* owned; NULL: it was only looked at */
};

/* Copies `bytes` into, or passes over, what the pieces have. */
static bool read_on(const struct contents *contents, uint32_t *at, uint8_t *to, uint32_t bytes)
{
	assert(at);
	while (bytes) {
		uint32_t length;
		const uint8_t *piece = contents_next(contents, at, &length);

		if (!piece || length > bytes)
			return false;
		if (to) {
			memcpy(to, piece, length);
			to += length;
		}
		bytes -= length;
	}
	return true;
}

/* 1: one was read; 0: there is none; -EINVAL: it is not whole; -ENOMEM. */
static int read_message(const struct contents *contents, uint32_t *at, struct message *message,
			bool copies)
{
	uint32_t length, head;
	const uint8_t *piece = contents_next(contents, at, &length);

	message->bytes = NULL;
	if (!piece)
		return 0;
	if (length < HEAD_BYTES)
		return -EINVAL;
	memcpy(&message->head, piece, HEAD_BYTES);
	head = HEAD_BYTES + message->head.name_bytes;
	if (message->head.name_bytes > OS_UNIX_NAME_BYTES || message->head.length > LENGTH_MAX ||
	    length < head || length - head > message->head.length)
		return -EINVAL;
	memcpy(message->name, piece + HEAD_BYTES, message->head.name_bytes);
	if (copies) {
		message->bytes = malloc(message->head.length + 1);
		if (!message->bytes)
			return -ENOMEM;
		memcpy(message->bytes, piece + head, length - head);
	}
	return read_on(contents, at, message->bytes ? message->bytes + length - head : NULL,
		       message->head.length - (length - head))
		       ? 1
		       : -EINVAL;
}

bool unix_datagrams_are_whole(const struct contents *contents, uint32_t at,
			      bool (*right)(void *ctx, uint32_t id), void *ctx)
{
	struct message message;
	int r;

	do {
		r = read_message(contents, &at, &message, right);
		if (r > 0 && right &&
		    !unix_part_is_whole(message.bytes, message.head.length, right, ctx))
			r = -EINVAL;
		free(message.bytes);
	} while (r > 0);
	return r == 0;
}

/* Where a socket is reached while the file of its name is in its stage. */
struct address {
	uint8_t name[OS_UNIX_NAME_BYTES];
	uint32_t bytes;
	int file; /* that it leads to, or -1 */
};

static int find_address(struct restore *restore, const struct description *of,
			struct address *address)
{
	const struct unix_socket_body body = unix_socket_body(&of->image);
	struct unix_place place;
	char path[sizeof(place.stage) + sizeof(place.path) + 2];

	address->file = -1;
	if (!body.name_bytes)
		return -EDESTADDRREQ;
	unix_place_read(of, &place, NULL);
	memcpy(address->name, place.name, body.name_bytes);
	address->bytes = body.name_bytes;
	if (!place.name[0])
		return 0;
	int folder = unix_place_open(restore, of->pid, of, &place);

	if (folder < 0)
		return folder;
	snprintf(path, sizeof(path), "%s/%s", place.stage, place.path);
	address->file = os_open_at(folder, path, OS_OPEN_PATH | OS_OPEN_NO_LINK);
	os_close(folder);
	if (address->file < 0)
		return address->file;
	address->bytes = (uint32_t)snprintf((char *)address->name, sizeof(address->name),
					    "/proc/self/fd/%d", address->file);
	return 0;
}

/* A socket of the process that has the name, or -ENOENT. */
static int find_sender(const struct descriptions *all, const struct message *message)
{
	for (uint32_t i = 0; i < all->count; i++) {
		const struct description *at = &all->description[i];
		struct unix_place place;

		if (!at->kind->has_place || at->number < 0 ||
		    unix_socket_body(&at->image).type != OS_UNIX_DATAGRAM ||
		    unix_socket_body(&at->image).name_bytes != message->head.name_bytes ||
		    unix_socket_body(&at->image).flags & SOCKET_WRITES_END)
			continue;
		unix_place_read(at, &place, NULL);
		if (memcmp(place.name, message->name, message->head.name_bytes) == 0)
			return os_pid_descriptor(at->pid, at->number);
	}
	return -ENOENT;
}

/* A socket for one message, with the name, of which nothing is left. */
static int make_sender(struct restore *restore, const struct message *message)
{
	int fd = os_unix_datagram_new(), folder = -1, stage = -1;
	char path[OS_UNIX_NAME_BYTES + 1] = "", name[48];
	int r = fd < 0 ? fd : 0;

	if (r || !message->head.name_bytes)
		return r ? r : fd;
	memcpy(path, message->name, message->head.name_bytes);
	snprintf(name, sizeof(name), ".dvs-%d-sender", (int)restore->pid);
	if (path[0]) {
		folder = os_open_below(restore->root, GONE_FOLDER, OS_OPEN_READ | OS_OPEN_FOLDER);
		stage = folder < 0	       ? folder
			: os_stage_takes(path) ? os_stage_make(folder, name, path)
					       : -EINVAL;
		r = stage < 0 ? stage : 0;
	}
	if (r == 0)
		r = os_unix_socket_bind(fd, stage, message->name, message->head.name_bytes);
	if (stage >= 0)
		os_stage_remove(folder, name, path);
	os_close(stage);
	os_close(folder);
	if (r == 0)
		return fd;
	os_close(fd);
	return r;
}

static int deliver(struct restore *restore, const struct descriptions *all, bool in_parts,
		   const struct address *to, const struct message *message)
{
	const struct unix_queue_hands hands = unix_extras_hands(restore);
	int fd = message->head.name_bytes ? find_sender(all, message) : -ENOENT;

	assert(to->bytes && message->bytes);

	if (fd == -ENOENT)
		fd = make_sender(restore, message);
	if (fd < 0)
		return fd;
	int r = in_parts ? unix_part_send(fd, to->name, to->bytes, &hands, message->bytes,
					  message->head.length)
			 : os_unix_datagram_send(fd, to->name, to->bytes, message->bytes,
						 message->head.length);

	os_close(fd);
	return r;
}

static int fill(struct restore *restore, const struct descriptions *all,
		const struct description *description, uint32_t at)
{
	struct address to = { .file = -1 };
	struct message message;
	int r = read_message(&description->contents, &at, &message, true);
	bool is_any = r > 0;
	bool in_parts = unix_socket_body(&description->image).flags & SOCKET_PARTS;

	if (is_any)
		r = find_address(restore, description, &to);
	else
		free(message.bytes);
	while (is_any && r == 0) {
		r = deliver(restore, all, in_parts, &to, &message);
		free(message.bytes);
		message.bytes = NULL;
		if (r)
			break;
		r = read_message(&description->contents, &at, &message, true);
		is_any = r > 0;
		r = is_any ? 0 : r;
	}
	if (is_any)
		free(message.bytes);
	os_close(to.file);
	return r;
}

static int connect_to(struct restore *restore, int fd, const struct description *to)
{
	struct address peer = { .file = -1 };
	int r = find_address(restore, to, &peer);

	if (r == 0)
		r = os_unix_datagram_connect(fd, peer.name, peer.bytes);
	os_close(peer.file);
	return r;
}

/* Messages have their own senders: the kernel would tell of ours if somebody asked it already (SO_PASSCRED). */
int unix_datagrams_settle(struct restore *restore, const struct descriptions *all,
			  const struct description *description)
{
	const struct unix_socket_body body = unix_socket_body(&description->image);
	struct unix_place place;
	uint32_t queue;

	if (body.type != OS_UNIX_DATAGRAM || !unix_place_read(description, &place, &queue))
		return 0;
	int r = fill(restore, all, description, queue);

	if (r || !(body.peer || body.flags & SOCKET_PARTS))
		return r;
	int fd = os_pid_descriptor(description->pid, description->number);

	r = fd < 0 ? fd : 0;
	if (r == 0 && body.flags & SOCKET_PARTS)
		r = os_unix_pair_set_options(fd, body.flags >> SOCKET_OPTIONS_SHIFT);
	if (r == 0 && body.peer)
		r = connect_to(restore, fd, descriptions_find(all, body.peer));
	os_close(fd);
	return r;
}
