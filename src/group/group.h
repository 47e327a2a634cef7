/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_GROUP_H
#define DVS_GROUP_GROUP_H

/*
 * The group: commands that all nodes apply in one order (I4). Engines stand behind this interface and pass the
 * same tests; nothing outside group/ knows which one runs.
 *
 *	join -> state transfer (or nothing if first) -> deliver(1..) -> ...
 *	send(command) -> deliver(order, command) on every member, in the same order
 *	a member is lost -> the engine orders a COMMAND_NODE_LEAVE for it
 *
 * All callbacks run on the thread of the event loop, from group_dispatch(); none may call
 * group_free(). `order` numbers have no gaps for one member: they start at 1 for the first member of a
 * group, and after the restored state's for one that joins later.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/command.h"

struct group;

struct group_callbacks {
	/* State as of `order` for a joiner; called at most once, before the first deliver. */
	void (*restore)(void *ctx, uint64_t order, const uint8_t *state, size_t len);
	void (*deliver)(void *ctx, uint64_t order, const struct command *cmd);
	/*
	 * A joiner needs the state as of the last delivered command: fill, return the length. 0:
	 * it does not fit; asked again with a larger buffer.
	 */
	size_t (*snapshot)(void *ctx, uint8_t *buf, size_t size);
	/* Quorum won or lost; while lost nothing is delivered. */
	void (*quorum)(void *ctx, bool have);
	/*
	 * A word of this member's engine for those of other nodes (a bit each), to be handed to their group_aside(). It
	 * makes the order faster, and may be lost, late, or repeated. NULL: there is no way for it.
	 */
	void (*aside)(void *ctx, uint32_t nodes, const uint8_t *bytes, size_t len);
	void *ctx;
};

/*
 * spec: "local:PATH" (a sequencer on a Unix socket) or "corosync:PATH" (a deputy, dvs-corosync, on one). nodeid: this node; address: its address in
 * network order, and name (cut to 15 bytes): carried in the NODE_JOIN. Waits, a few seconds at most, to
 * be let in; the rest of joining happens in group_dispatch(): quorum(true), restore (not for the first
 * member), deliveries, and among them the own NODE_JOIN. Returns 0 and *groupp, or negative errno
 * (-ECONNREFUSED, -ENOENT: no sequencer; -EEXIST: the node is already a member; -EINVAL: spec,
 * nodeid; -ETIMEDOUT).
 */
int group_new(struct group **groupp, const char *spec, int nodeid, struct address address,
	      const char *name, const struct group_callbacks *callbacks);
struct group *group_free(struct group *group); /* leaves; returns NULL */

/*
 * A member's place in the order, for a process that executes its program anew and goes on as the same
 * member: the others see nothing of it. Commands that are ordered meanwhile wait in the connection.
 */
#define GROUP_PLACE_FDS 4

struct group_place {			    /* opaque: its contents are the engine's */
	int fds[GROUP_PLACE_FDS], fd_count; /* stay the group's */
	const uint8_t *bytes;		    /* the group's, until it is called again */
	uint32_t len;
};

/* 0; -ENOTCONN: the group is lost, there is no place to go on from. Not from inside a callback. */
int group_place(struct group *group, struct group_place *place);
/*
 * Goes on from there; takes the descriptors, also when it fails, and copies the bytes. As group_new() but waits
 * for nobody. -EBADMSG: it is no place of this engine.
 */
int group_adopt(struct group **groupp, const char *spec, int nodeid,
		const struct group_place *place, const struct group_callbacks *callbacks);

/*
 * Goes on from a place that lies back: of a member whose process has died while its connection stayed open elsewhere
 * (os/keeper.h). That connection is closed. Waits as group_new(); then group_dispatch() delivers all that was ordered
 * behind the place, and only after that group_is_behind() is false. Commands that were sent and not ordered are lost.
 * -ESTALE: the others have gone on without this member, or it lies too far back; as of group_dispatch().
 */
int group_resume(struct group **groupp, const char *spec, int nodeid,
		 const struct group_place *place, const struct group_callbacks *callbacks);
bool group_is_behind(const struct group *group);

/*
 * The own NODE_JOIN of this life has been delivered. Before that a member may be told commands of an earlier life of
 * its node, the NODE_JOIN and the NODE_LEAVE of that life among them.
 */
bool group_is_member(const struct group *group);

/* Descriptor to poll for reading; call group_dispatch() when it is readable. */
int group_fd(const struct group *group);
/*
 * Handles what arrived, never blocks. Negative errno: the group is lost (quorum(false) was told).
 * -ESTALE: the others go on without this member: its NODE_LEAVE is ordered, so whatever it owned has
 * ended for them, and it may not go on acting as the owner. Other errors: nothing is decided any more,
 * by nobody.
 */
int group_dispatch(struct group *group);

/*
 * Hands a command to the order; origin and version are filled in. 0; -EAGAIN: not a member (the own
 * NODE_JOIN was not delivered yet, or the group is lost), or the group has stopped taking commands.
 */
int group_send(struct group *group, const struct command *cmd);

/* A word that the engine of that node gave to its callback `aside`. Never blocks. */
void group_aside(struct group *group, int from, const uint8_t *bytes, size_t len);

#endif
