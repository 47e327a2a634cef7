/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions that are made on several CPUs, before the turn of their descriptors. */
#include "migrate/restore.h"

#include <assert.h>

#include "migrate/kind.h"
#include "os/crew.h"

struct making {
	struct restore *restore;
	struct description *description[RESTORE_AHEAD_MOST];
	uint32_t count;
};

/* A refusal is told when it is its turn, and it is refused again. */
static void make_some(void *ctx, uint32_t worker, uint32_t from, uint32_t to)
{
	struct making *making = ctx;
	const struct descriptions *all = &making->restore->picture.tables->descriptions;

	(void)worker;
	for (uint32_t i = from; i < to; i++) {
		struct description *description = making->description[i];
		struct refusal ignored = REFUSAL_NONE;

		if (!description->kind->opens_ahead(all, description))
			continue;
		int fd = description->kind->open(making->restore, description, &ignored);

		description->ahead = fd < 0 ? -1 : fd;
	}
}

/* Those that are made anew. Both descriptors of one description may be among them. */
static void add(struct making *making, struct description *description)
{
	bool is_made =
		description->number >= 0 || description->kept >= 0 || description->ahead >= 0;

	assert(making->count < RESTORE_AHEAD_MOST);
	if (is_made || !description->kind->opens_ahead)
		return;
	for (uint32_t i = making->count; i-- > 0;)
		if (making->description[i] == description)
			return;
	making->description[making->count++] = description;
}

void restore_open_ahead(struct restore *restore, uint32_t from)
{
	const struct descriptors *descriptors = &restore->picture.descriptors;
	struct making making = { .restore = restore };
	uint32_t to = from + RESTORE_AHEAD_MOST;

	for (uint32_t i = from; i < to && i < descriptors->count; i++)
		add(&making, descriptions_find(&restore->picture.tables->descriptions,
					       descriptors->fd[i].description));
	os_crew(making.count, make_some, &making);
}
