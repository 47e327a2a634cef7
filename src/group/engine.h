/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_ENGINE_H
#define DVS_GROUP_ENGINE_H

/*
 * The functions of an engine; group.c passes the calls of group.h on to it. An engine's own struct starts with
 * a struct group.
 */

#include "group/group.h"
#include "group/seat.h"
#include "group/stream.h"

struct group_engine {
	void (*free)(struct group *group);
	int (*fd)(const struct group *group);
	int (*dispatch)(struct group *group);
	int (*send)(struct group *group, const struct command *cmd);
	void (*aside)(struct group *group, int from, const uint8_t *bytes, size_t len);
	bool (*is_behind)(const struct group *group);
	/* Sets the descriptors and appends to group->place what its adopt function needs. */
	int (*place)(struct group *group, struct group_place *place);
};

struct group {
	const struct group_engine *engine;
	struct seat seat;
	struct group_buffer place; /* the bytes that group_place() gives; group.c's */
};

/* local.c. deputy: at the path is a deputy of the corosync engine and not a sequencer. */
int group_local_new(struct group **groupp, const char *path, bool deputy, int nodeid,
		    struct address address, const char *name,
		    const struct group_callbacks *callbacks);
/*
 * The seat of these two is filled in by group.c, before anything is delivered. place: the bytes that the engine has
 * written.
 */
int group_local_adopt(struct group **groupp, const char *path, bool deputy,
		      const struct group_place *place);
/* order: that the place is of. */
int group_local_resume(struct group **groupp, const char *path, bool deputy, int nodeid,
		       uint64_t order);

#endif
