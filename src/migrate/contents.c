/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/contents.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/image.h"

void contents_free(struct contents *contents)
{
	free(contents->bytes);
	*contents = (struct contents){ 0 };
}

int contents_append(struct contents *contents, const void *bytes, uint32_t length)
{
	uint32_t needed = contents->length + (uint32_t)sizeof(length) + length;

	assert(length && length <= IMAGE_CONTENTS_BYTES_MAX);
	if (needed > IMAGE_CONTENTS_MAX)
		return -E2BIG;
	if (needed > contents->capacity) {
		uint32_t capacity =
			needed > contents->capacity * 2 ? needed : contents->capacity * 2;
		uint8_t *bigger = realloc(contents->bytes, capacity);

		if (!bigger)
			return -ENOMEM;
		contents->bytes = bigger;
		contents->capacity = capacity;
	}
	memcpy(contents->bytes + contents->length, &length, sizeof(length));
	memcpy(contents->bytes + contents->length + sizeof(length), bytes, length);
	contents->length = needed;
	return 0;
}

const uint8_t *contents_next(const struct contents *contents, uint32_t *at, uint32_t *length)
{
	if (*at == contents->length)
		return NULL;
	memcpy(length, contents->bytes + *at, sizeof(*length));
	const uint8_t *piece = contents->bytes + *at + sizeof(*length);

	*at += (uint32_t)sizeof(*length) + *length;
	assert(*at <= contents->length);
	return piece;
}
