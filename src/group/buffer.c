/* SPDX-License-Identifier: Apache-2.0 */
#include "group/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Rules that hold between all calls. */
static void assert_sound(const struct group_buffer *b)
{
	assert(b->from <= b->to);
	assert(b->to <= b->room);
	assert(b->bytes || !b->room);
}

int group_buffer_reserve(struct group_buffer *b, size_t len)
{
	size_t used = b->to - b->from, room = b->room ? b->room : 4096;
	uint8_t *bytes;

	assert_sound(b);
	if (b->room - b->to >= len)
		return 0;
	if (b->from) {
		memmove(b->bytes, b->bytes + b->from, used);
		b->from = 0;
		b->to = used;
	}
	while (room - used < len)
		room *= 2;
	if (room == b->room)
		return 0;
	bytes = realloc(b->bytes, room);
	if (!bytes)
		return -ENOMEM;
	b->bytes = bytes;
	b->room = room;
	return 0;
}

int group_buffer_add(struct group_buffer *b, const void *bytes, size_t len)
{
	int r = group_buffer_reserve(b, len);

	if (r < 0)
		return r;
	assert(b->room - b->to >= len);
	if (len)
		memcpy(b->bytes + b->to, bytes, len);
	b->to += len;
	return 0;
}

void group_buffer_deinit(struct group_buffer *b)
{
	free(b->bytes);
	*b = (struct group_buffer){ 0 };
}

void group_buffer_take(struct group_buffer *b, size_t len)
{
	assert(len <= b->to - b->from);
	b->from += len;
	if (b->from == b->to)
		b->from = b->to = 0;
	assert_sound(b);
}
