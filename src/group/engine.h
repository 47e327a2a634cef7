/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_ENGINE_H
#define DVS_GROUP_ENGINE_H

/*
 * What an engine implements; group.c passes the calls of group.h on to it. An engine's own struct
 * starts with a struct group.
 */

#include "group/group.h"

struct group_engine {
	void (*free)(struct group *group);
	int (*fd)(const struct group *group);
	int (*dispatch)(struct group *group);
	int (*send)(struct group *group, const struct command *cmd);
	int (*place)(struct group *group, struct group_place *place);
};

struct group {
	const struct group_engine *engine;
};

/* local.c */
int group_local_new(struct group **groupp, const char *path, int nodeid, uint32_t address,
		    const char *name, const struct group_callbacks *callbacks);
int group_local_adopt(struct group **groupp, const char *path, int nodeid,
		      const struct group_place *place, const struct group_callbacks *callbacks);

#endif
