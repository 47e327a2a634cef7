/* SPDX-License-Identifier: Apache-2.0 */
#include "group/group.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "group/engine.h"

#define LOCAL_SPEC "local:"

int group_new(struct group **groupp, const char *spec, int nodeid, uint32_t address,
	      const char *name, const struct group_callbacks *callbacks)
{
	assert(callbacks->restore && callbacks->deliver);
	assert(callbacks->snapshot && callbacks->quorum);
	if (nodeid < 0 || nodeid >= NR_NODES)
		return -EINVAL;
	if (!strncmp(spec, LOCAL_SPEC, strlen(LOCAL_SPEC)))
		return group_local_new(groupp, spec + strlen(LOCAL_SPEC), nodeid, address, name,
				       callbacks);
	return -EINVAL;
}

int group_adopt(struct group **groupp, const char *spec, int nodeid,
		const struct group_place *place, const struct group_callbacks *callbacks)
{
	if (!strncmp(spec, LOCAL_SPEC, strlen(LOCAL_SPEC)))
		return group_local_adopt(groupp, spec + strlen(LOCAL_SPEC), nodeid, place,
					 callbacks);
	return -EINVAL;
}

int group_place(struct group *group, struct group_place *place)
{
	return group->engine->place(group, place);
}

struct group *group_free(struct group *group)
{
	if (group)
		group->engine->free(group);
	return NULL;
}

int group_fd(const struct group *group)
{
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
