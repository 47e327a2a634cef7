/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/lineage.h"

#include <assert.h>
#include <errno.h>

static const struct image_thread *image_of(const struct picture *picture, uint32_t index)
{
	assert(index < picture->thread_count);
	return &picture->thread[index].image;
}

static bool is_born(const struct lineage *lineage, uint32_t index)
{
	return index == 0 || lineage[index].generation;
}

static bool is_plain(const struct image_thread *image)
{
	return !image->table && !image->place;
}

/*
 * Finds a maker among those that are born. A thread that parts from its maker's table or place has one that no other
 * thread has. So it may part for a new one, never for one that another thread has already. False: not yet. is_root: it
 * has nothing in common with those that are born, and comes from the leader.
 */
static bool find_maker(const struct picture *picture, const struct lineage *lineage, uint32_t index,
		       bool is_root, struct lineage *found)
{
	const struct image_thread *image = image_of(picture, index);
	bool has_maker = false, lacks_table = true, lacks_place = true;

	for (uint32_t i = 0; i < picture->thread_count; i++) {
		bool same_table = image->table == image_of(picture, i)->table;
		bool same_place = image->place == image_of(picture, i)->place;

		if (!is_born(lineage, i) || (!same_table && !same_place))
			continue;
		lacks_table = lacks_table && !same_table;
		lacks_place = lacks_place && !same_place;
		if (has_maker && !(same_table && same_place))
			continue;
		has_maker = true;
		*found = (struct lineage){ 0, i, !same_table, !same_place };
		if (same_table && same_place)
			return true;
	}
	if (!has_maker)
		*found = (struct lineage){ 0, 0, true, true };
	return has_maker ? (!found->parts_table || lacks_table) &&
				   (!found->parts_place || lacks_place)
			 : is_root;
}

/* Returns how many it has. */
static uint32_t make_generation(const struct picture *picture, struct lineage *lineage,
				uint32_t generation, bool is_root)
{
	uint32_t count = 0;

	for (uint32_t i = 1; i < picture->thread_count && !(is_root && count); i++) {
		struct lineage found = { 0 };

		if (is_born(lineage, i))
			continue;
		if (!is_plain(image_of(picture, i)) &&
		    !find_maker(picture, lineage, i, is_root, &found))
			continue;
		/* Its maker has to be there. */
		if (lineage[found.maker].generation == generation)
			continue;
		lineage[i] = found;
		lineage[i].generation = generation;
		count++;
	}
	return count;
}

int lineage_find(const struct picture *picture, struct lineage *lineage)
{
	uint32_t left = picture->thread_count, generation = 0;

	assert(left);
	for (uint32_t i = 0; i < picture->thread_count; i++)
		lineage[i] = (struct lineage){ 0 };
	while (--left) {
		uint32_t count = make_generation(picture, lineage, ++generation, false);

		if (!count)
			count = make_generation(picture, lineage, generation, true);
		if (!count)
			return -EBADMSG;
		assert(count <= left);
		left -= count - 1;
	}
	return (int)generation;
}
