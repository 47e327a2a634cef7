/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/descriptors.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/socket.h"

void descriptors_let_go(struct descriptors *descriptors)
{
	for (uint32_t i = 0; i < descriptors->description_count; i++) {
		int *own = descriptors->description[i].own;

		for (int end = 0; end < 2; end++) {
			if (own[end] >= 0)
				os_close(own[end]);
			own[end] = -1;
		}
	}
}

void descriptors_clear(struct descriptors *descriptors)
{
	descriptors_let_go(descriptors);
	for (uint32_t i = 0; i < descriptors->description_count; i++)
		contents_free(&descriptors->description[i].contents);
	descriptors->count = descriptors->description_count = 0;
}

void descriptors_free(struct descriptors *descriptors)
{
	descriptors_clear(descriptors);
	free(descriptors->fd);
	free(descriptors->description);
	*descriptors = (struct descriptors){ 0 };
}

/* Room for one element more. */
static bool grow(void **array, uint32_t count, uint32_t *capacity, size_t bytes)
{
	uint32_t more = *capacity ? *capacity * 2 : 16;

	if (count < *capacity)
		return true;
	void *bigger = realloc(*array, more * bytes);

	if (!bigger)
		return false;
	*array = bigger;
	*capacity = more;
	return true;
}

int descriptors_append(struct descriptors *descriptors, const struct image_fd *fd)
{
	if (!grow((void **)&descriptors->fd, descriptors->count, &descriptors->capacity,
		  sizeof(*fd)))
		return -ENOMEM;
	assert(descriptors_find(descriptors, fd->description)); /* descriptions come first */
	descriptors->fd[descriptors->count++] = *fd;
	return 0;
}

struct description *descriptors_describe(struct descriptors *descriptors,
					 const struct image_description *image)
{
	uint32_t count = descriptors->description_count;

	assert(!count || descriptors->description[count - 1].image.id < image->id);
	if (!grow((void **)&descriptors->description, count, &descriptors->description_capacity,
		  sizeof(struct description)))
		return NULL;
	descriptors->description[count] =
		(struct description){ .image = *image, .number = -1, .own = { -1, -1 } };
	assert(image->id && image->kind);
	descriptors->description_count++;
	return &descriptors->description[count];
}

struct description *descriptors_find(const struct descriptors *descriptors, uint32_t id)
{
	uint32_t low = 0, high = descriptors->description_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (descriptors->description[middle].image.id == id)
			return &descriptors->description[middle];
		if (descriptors->description[middle].image.id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
