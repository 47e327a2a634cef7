/* SPDX-License-Identifier: Apache-2.0 */
#include "group/group.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "group/engine.h"
#include "os/socket.h"

/* The path of a spec, or NULL; *deputy: its engine is corosync and not local. */
static const char *spec_path(const char *spec, bool *deputy)
{
	static const char *const engine[] = { "local:", "corosync:" };

	for (int i = 0; i < 2; i++) {
		*deputy = i;
		if (!strncmp(spec, engine[i], strlen(engine[i])))
			return spec + strlen(engine[i]);
	}
	return NULL;
}

int group_new(struct group **groupp, const char *spec, int nodeid, struct address address,
	      const char *name, const struct group_callbacks *callbacks)
{
	bool deputy;
	const char *path = spec_path(spec, &deputy);

	if (nodeid < 0 || nodeid >= NR_NODES || !path)
		return -EINVAL;
	return group_local_new(groupp, path, deputy, nodeid, address, name, callbacks);
}

static void close_place(const struct group_place *place)
{
	for (int i = 0; i < place->fd_count; i++)
		os_close(place->fds[i]);
}

/* It stands before the engine's own bytes. */
static int read_seat(struct seat *seat, int nodeid, const struct group_callbacks *callbacks,
		     const struct group_place *place)
{
	seat_init(seat, nodeid, 0, callbacks);
	return place->len < SEAT_BYTES ? -EBADMSG : seat_decode(seat, place->bytes);
}

int group_adopt(struct group **groupp, const char *spec, int nodeid,
		const struct group_place *place, const struct group_callbacks *callbacks)
{
	struct group_place own = *place;
	struct seat seat;
	bool deputy;
	const char *path = spec_path(spec, &deputy);
	int r = path ? read_seat(&seat, nodeid, callbacks, place) : -EINVAL;

	assert(place->fd_count >= 0 && place->fd_count <= GROUP_PLACE_FDS);
	if (r < 0) {
		close_place(place);
		return r;
	}
	own.len -= SEAT_BYTES;
	own.bytes += SEAT_BYTES;
	r = group_local_adopt(groupp, path, deputy, &own);
	if (r < 0)
		return r;
	(*groupp)->seat = seat;
	return 0;
}

/* Nothing is delivered before the caller asks for it, so that the seat is in time. */
static int resume(struct group **groupp, const char *spec, int nodeid,
		  const struct group_place *place, const struct group_callbacks *callbacks)
{
	bool deputy;
	const char *path = spec_path(spec, &deputy);
	struct seat seat;
	int r = path ? read_seat(&seat, nodeid, callbacks, place) : -EINVAL;

	if (r < 0)
		return r;
	if (!seat.joined)
		return -ESTALE;
	r = group_local_resume(groupp, path, deputy, nodeid, seat.order);
	/* Where no sequencer is the group is lost for all; a deputy that is not there has left it alone. */
	if (r < 0)
		return !deputy && (r == -ECONNREFUSED || r == -ENOENT) ? r : -ESTALE;
	(*groupp)->seat = seat;
	/*
	 * A command ordered behind the place was decided by a quorum; whether there is one now is
	 * told after that.
	 */
	seat_quorum(&(*groupp)->seat, true);
	return 0;
}

int group_resume(struct group **groupp, const char *spec, int nodeid,
		 const struct group_place *place, const struct group_callbacks *callbacks)
{
	int r = resume(groupp, spec, nodeid, place, callbacks);

	/* Not before: a connection that ends means that the member does. */
	close_place(place);
	return r;
}

bool group_is_behind(const struct group *group)
{
	return group->engine->is_behind(group);
}

bool group_is_member(const struct group *group)
{
	return group->seat.joined;
}

int group_place(struct group *group, struct group_place *place)
{
	uint8_t seat[SEAT_BYTES];
	int r;

	if (group->seat.lost)
		return -ENOTCONN;
	*place = (struct group_place){ 0 };
	seat_encode(&group->seat, seat);
	group->place.from = group->place.to = 0;
	r = group_buffer_add(&group->place, seat, sizeof(seat));
	if (!r)
		r = group->engine->place(group, place);
	assert(place->fd_count <= GROUP_PLACE_FDS);
	place->bytes = group->place.bytes;
	place->len = (uint32_t)group_buffer_size(&group->place);
	return r;
}

struct group *group_free(struct group *group)
{
	if (group) {
		group_buffer_deinit(&group->place);
		group->engine->free(group);
	}
	return NULL;
}

int group_fd(const struct group *group)
{
	assert(group->engine);
	return group->engine->fd(group);
}

int group_dispatch(struct group *group)
{
	return group->engine->dispatch(group);
}

int group_send(struct group *group, const struct command *cmd)
{
	return group->engine->send(group, cmd);
}

void group_aside(struct group *group, int from, const uint8_t *bytes, size_t len)
{
	assert(from >= 0 && from < NR_NODES);
	group->engine->aside(group, from, bytes, len);
}
