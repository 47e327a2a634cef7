/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/descriptors.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void descriptors_clear(struct descriptors *descriptors)
{
	descriptors->count = descriptors->locks.count = descriptors->owners.count = 0;
}

void descriptors_free(struct descriptors *descriptors)
{
	free(descriptors->fd);
	locks_free(&descriptors->locks);
	owners_free(&descriptors->owners);
	*descriptors = (struct descriptors){ 0 };
}

int descriptors_append(struct descriptors *descriptors, const struct image_fd *fd)
{
	uint32_t count = descriptors->count;

	assert(fd->description); /* descriptions come first */
	assert(!count || descriptors->fd[count - 1].number < fd->number);
	if (count == descriptors->capacity) {
		uint32_t capacity = count ? count * 2 : 16;
		struct image_fd *bigger = realloc(descriptors->fd, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		descriptors->fd = bigger;
		descriptors->capacity = capacity;
	}
	descriptors->fd[descriptors->count++] = *fd;
	return 0;
}

uint32_t descriptors_stand_for(const struct descriptors *descriptors, int number)
{
	uint32_t low = 0, high = descriptors->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (descriptors->fd[middle].number == number)
			return descriptors->fd[middle].description;
		if (descriptors->fd[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

int descriptors_number_of(const struct descriptors *descriptors, uint32_t id)
{
	assert(id);
	for (uint32_t i = 0; i < descriptors->count; i++)
		if (descriptors->fd[i].description == id)
			return descriptors->fd[i].number;
	return -1;
}
