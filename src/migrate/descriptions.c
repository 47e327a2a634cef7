/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/descriptions.h"

#include <assert.h>
#include <stdlib.h>

#include "os/socket.h"

void descriptions_let_go(struct descriptions *descriptions)
{
	for (uint32_t i = 0; i < descriptions->count; i++) {
		int *own = descriptions->description[i].own;

		for (int end = 0; end < 2; end++) {
			if (own[end] >= 0)
				os_close(own[end]);
			own[end] = -1;
		}
		os_close(descriptions->description[i].kept);
		os_close(descriptions->description[i].ahead);
		descriptions->description[i].kept = descriptions->description[i].ahead = -1;
	}
}

void descriptions_clear(struct descriptions *descriptions)
{
	descriptions_let_go(descriptions);
	for (uint32_t i = 0; i < descriptions->count; i++)
		contents_free(&descriptions->description[i].contents);
	descriptions->count = 0;
}

void descriptions_free(struct descriptions *descriptions)
{
	descriptions_clear(descriptions);
	free(descriptions->description);
	*descriptions = (struct descriptions){ 0 };
}

struct description *descriptions_add(struct descriptions *descriptions,
				     const struct image_description *image, const struct kind *kind)
{
	uint32_t count = descriptions->count;

	assert(image->id && image->kind && kind);
	assert(!count || descriptions->description[count - 1].image.id < image->id);
	if (count == descriptions->capacity) {
		uint32_t capacity = count ? count * 2 : 16;
		struct description *bigger =
			realloc(descriptions->description, capacity * sizeof(*bigger));

		if (!bigger)
			return NULL;
		descriptions->description = bigger;
		descriptions->capacity = capacity;
	}
	descriptions->description[count] = (struct description){ .image = *image,
								 .kind = kind,
								 .number = -1,
								 .own = { -1, -1 },
								 .kept = -1,
								 .ahead = -1 };
	descriptions->count++;
	return &descriptions->description[count];
}

struct description *descriptions_find(const struct descriptions *descriptions, uint32_t id)
{
	uint32_t low = 0, high = descriptions->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (descriptions->description[middle].image.id == id)
			return &descriptions->description[middle];
		if (descriptions->description[middle].image.id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
