/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/restore.h"

#include <assert.h>

#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"

static const struct description *description_of(const struct restore *restore,
						const struct image_owner *owner)
{
	const struct picture *picture = &restore->picture;
	uint32_t id = descriptors_stand_for(&picture->descriptors, owner->number);

	assert(id); /* picture_read_layout() saw to it */
	return descriptions_find(&picture->tables->descriptions, id);
}

int restore_owners(struct restore *restore, struct refusal *refusal)
{
	const struct owners *owners = &restore->picture.descriptors.owners;
	struct calls *calls = &restore->calls;

	if (!owners->count)
		return 0;
	assert(restore->threads.count);
	calls_begin(calls, &restore->foothold, &restore->threads.tracee[0]);
	for (uint32_t i = 0; i < owners->count; i++) {
		const struct description *description = description_of(restore, &owners->owner[i]);

		if (!description->is_taken_over)
			restore_add_owner(calls, &owners->owner[i], description->image.flags);
	}
	return restore_run(restore, refusal);
}

void restore_owners_late(const struct restore *restore,
			 pid_t (*task)(const void *ctx, int32_t vtid), const void *ctx)
{
	const struct owners *owners = &restore->picture.descriptors.owners;

	for (uint32_t i = 0; i < owners->count; i++) {
		const struct image_owner *owner = &owners->owner[i];
		const struct os_open_owner here = { (enum os_open_owner_type)owner->type,
						    owner->vpid ? task(ctx, owner->vpid) : 0, 0 };

		if (!description_of(restore, owner)->is_taken_over || here.pid <= 0)
			continue;
		int fd = os_pid_descriptor(restore->pid, owner->number);

		/* A task that has been killed meanwhile cannot be told. */
		if (fd >= 0)
			os_open_set_owner(fd, &here);
		os_close(fd);
	}
}
