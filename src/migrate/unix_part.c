/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_part.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define NOBODY 65534 /* of a message whose sender is not known */

int unix_part_put(const struct unix_queue_names *names, const struct os_unix_extra *extra,
		  uint8_t **start)
{
	struct unix_part part = { .rights = extra->fd_count,
				  .has_sender = extra->has_sender,
				  .uid = extra->uid,
				  .gid = extra->gid };

	assert(names && part.rights <= OS_UNIX_RIGHTS_MAX);
	if (extra->has_sender && !extra->pid && extra->uid != NOBODY)
		return -ENOTSUP;
	part.sender = extra->pid ? names->sender(names->ctx, extra->pid) : 0;
	if (part.sender < 0)
		return -ENOTSUP;
	*start -= part.rights * sizeof(uint32_t);
	for (uint32_t i = 0; i < part.rights; i++) {
		uint32_t id = names->right(names->ctx, extra->fd[i]);

		if (!id)
			return -ENOLINK;
		memcpy(*start + i * sizeof(id), &id, sizeof(id));
	}
	*start -= sizeof(part);
	memcpy(*start, &part, sizeof(part));
	return 0;
}

/* Its ids. NULL: it is not whole. */
static const uint8_t *read_part(const uint8_t *bytes, uint32_t length, struct unix_part *part)
{
	if (length < sizeof(*part))
		return NULL;
	memcpy(part, bytes, sizeof(*part));
	if (part->rights > OS_UNIX_RIGHTS_MAX || part->has_sender > 1 || part->sender < 0 ||
	    length < sizeof(*part) + part->rights * sizeof(uint32_t))
		return NULL;
	return bytes + sizeof(*part);
}

bool unix_part_is_whole(const uint8_t *bytes, uint32_t length,
			bool (*right)(void *ctx, uint32_t id), void *ctx)
{
	struct unix_part part;
	const uint8_t *ids = read_part(bytes, length, &part);

	assert(right);
	for (uint32_t i = 0; ids && i < part.rights; i++) {
		uint32_t id;

		memcpy(&id, ids + i * sizeof(id), sizeof(id));
		if (!right(ctx, id))
			return false;
	}
	return ids;
}

static int open_rights(const struct unix_queue_hands *hands, const uint8_t *ids, uint32_t rights,
		       struct os_unix_extra *extra)
{
	for (; hands->open && extra->fd_count < rights; extra->fd_count++) {
		uint32_t id;

		memcpy(&id, ids + extra->fd_count * sizeof(id), sizeof(id));
		int fd = hands->open(hands->ctx, id);

		if (fd < 0)
			return fd;
		extra->fd[extra->fd_count] = fd;
	}
	return 0;
}

int unix_part_send(int sender, const uint8_t *name, uint32_t name_bytes,
		   const struct unix_queue_hands *hands, const uint8_t *bytes, uint32_t length)
{
	struct os_unix_extra extra = { .has_sender = false };
	struct unix_part part;
	const uint8_t *ids = read_part(bytes, length, &part);

	assert(ids); /* unix_part_is_whole() saw to it */
	uint32_t before = (uint32_t)(sizeof(part) + part.rights * sizeof(uint32_t));
	int r = open_rights(hands, ids, part.rights, &extra);

	/* Of a message that came before anybody asked for its sender nobody is told. */
	extra.has_sender = part.has_sender && part.sender && hands->sender;
	extra.uid = part.uid;
	extra.gid = part.gid;
	if (r == 0 && extra.has_sender) {
		extra.pid = hands->sender(hands->ctx, part.sender);
		r = extra.pid < 0 ? extra.pid : 0;
	}
	if (r == 0) {
		ssize_t sent = os_unix_send_to(sender, name, name_bytes, bytes + before,
					       length - before, &extra);

		r = sent == (ssize_t)(length - before) ? 0 : sent < 0 ? (int)sent : -ENOSPC;
	}
	os_unix_extra_close(&extra);
	return r;
}
